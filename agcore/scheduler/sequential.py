"""One trial after another in this process."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from agcore.policy import FIFOPolicy
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback


class LocalSequentialScheduler(TrialScheduler):
    """Runs trials one by one where it is called, so that a debugger stops in them.

    A trial that raises is recorded as failed and the run goes on. With ``time_out`` no trial
    is started that, going by the mean of those before, would not end in time. The arguments
    are those of `FIFOScheduler`, without those that belong to worker processes.
    """

    def __init__(
        self,
        train_fn: Any,
        *,
        args: Any = None,
        resource: Mapping[str, Any] | None = None,
        searcher: Any = "auto",
        search_options: Mapping[str, Any] | None = None,
        num_trials: int | None = None,
        time_out: float | None = None,
        max_reward: float | None = None,
        reward_attr: str = "accuracy",
        time_attr: str = "epoch",
        mode: str = "max",
        trial_value: str = "best",
        max_failures: int | str | None = "auto",
        max_retries: int = 0,
        trial_time_out: float | None = None,
        training_history_callback: Callable[..., Any] | None = None,
        training_history_callback_delta_secs: int = 60,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool | str = False,
        max_checkpoint_gb: float | None = None,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> None:
        options = RunOptions(
            args=args,
            resource=resource,
            searcher=searcher,
            search_options=search_options,
            num_trials=num_trials,
            time_out=time_out,
            max_reward=max_reward,
            reward_attr=reward_attr,
            time_attr=time_attr,
            mode=mode,
            trial_value=trial_value,
            max_failures=max_failures,
            max_retries=max_retries,
            trial_time_out=trial_time_out,
            training_history_callback=training_history_callback,
            training_history_callback_delta_secs=training_history_callback_delta_secs,
            checkpoint=checkpoint,
            resume=resume,
            max_checkpoint_gb=max_checkpoint_gb,
            executor="inline",
            callbacks=callbacks,
            progress=progress,
            predict_duration=True,
        )
        super().__init__(as_train_function(train_fn), FIFOPolicy(time_attr=time_attr), options)

    @property
    def training_history(self) -> OrderedDict[str, list[dict[str, Any]]]:
        """As of every scheduler; rows also have trial, time_this_iter and time_since_start."""
        table: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        for trial in self.history.trials.values():
            rows, before_s = [], trial.started_s
            for row, report in zip(self.history.rows(trial), trial.reports, strict=True):
                row["trial"] = trial.trial_id
                row["time_this_iter"] = report.time_s - before_s
                row["time_since_start"] = report.time_s - trial.started_s
                before_s = report.time_s
                rows.append(row)
            if trial.traceback_text:
                rows.append({"trial": trial.trial_id, "traceback": trial.traceback_text})
            if rows:
                table[str(trial.trial_id)] = rows
        return table
