"""Every trial runs to its own end, in the order in which the searcher proposes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.objectives import Objectives
from agcore.policy import FIFOPolicy
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from agcore.callbacks import Callback


class FIFOScheduler(TrialScheduler):
    """Runs trials without stopping any early.

    Args:
        train_fn: A function decorated with ``@ag.args``.
        args: Replaces ``train_fn.args``.
        resource: What each trial gets: ``num_cpus`` (1) and ``num_gpus`` (0; a share below 1
            lets trials share a GPU). More CPUs than there are: one warning, one trial at a time.
        searcher: A name that `searcher_factory` takes, or a searcher object.
        search_options: Options of the searcher by name: its own, those of all searchers
            (``random_seed``, ``points_to_evaluate``, ``first_is_default``, ``candidates``,
            ``constraint``, ``warm_start_from``), and ``debug_log=True``, which shows every
            decision on the screen.
        num_trials: Trials in total. This, ``time_out`` or ``time_budget`` must be given.
        time_out: Seconds after which nothing new starts.
        time_budget: In the place of ``time_out``: seconds, text as ``'2h'``, or an
            `agcore.budget.TimeBudget`. All has ended by then, and the run plans for it: it
            measures epochs, starts nothing that would not end in time, and, if the train function
            has an argument ``epochs`` that is not searched, chooses how many of them a trial gets
            (``TimeBudget('2h', epochs=9)`` fixes them). ``plan`` says what it expects. Not in a
            deterministic run.
        max_reward: Nothing new starts once a trial has reached it, and running trials end at
            their next report. Not with several objectives.
        reward_attr: Key of the reward in reports; or a list of keys, the objectives of which
            `get_pareto_front` finds the best trade-offs. The searcher then learns from the mean
            of the objectives, each scaled to [0, 1] by the values seen so far, which reports
            hold as ``_SCALARIZATION``.
        time_attr: Key of the resource in reports.
        mode: ``'max'`` if a larger reward is better, ``'min'`` for losses. Of several
            objectives a word for all, a list of words, or a dict by key.
        trial_value: ``'best'`` report of a trial stands for it, or the ``'last'`` (classic).
        max_failures: Failed trials that end the run; ``'auto'``: the first 5 all failed, or
            half of 20 or more; None: never.
        max_retries: How often a trial whose process vanished is started again.
        trial_time_out: Seconds after which a trial is ended, all its attempts together.
        stop_jobs_after_time_out: Whether ``time_out`` ends running trials too.
        delay_get_config: Whether the searcher is asked only when a slot is free; False asks
            ahead, so that a slow searcher keeps no slot waiting; what was found ahead is lost
            in a crash, so a resumed run may go on with other configs.
        training_history_callback: Called as ``cb(training_history, start_time,
            config_history=..., state_dict=...)`` now and then; keywords it lacks are left out.
        training_history_callback_delta_secs: Seconds between its calls.
        training_history_searcher_info: Adds size and parameters of the searcher's model to
            the history.
        checkpoint: Directory that keeps the run: a journal of all events, logs, a description.
            Without it nothing is written.
        resume: True continues the run in ``checkpoint``, ``'auto'`` does if there is one. A
            directory that holds a run is refused otherwise.
        max_checkpoint_gb: Bound on the disk that trials' checkpoints take; the least useful
            are deleted.
        executor: ``'local'``: worker processes; ``'inline'``: this process, one trial at a
            time, for debugging; ``'simulated'``: nowhere, on a virtual clock, if the train
            function is a generator function of ``args`` that yields ``(metrics, seconds)``; or an
            `agcore.executor.base.Executor`, as a
            `agcore.executor.simulated.SimulatedExecutor`, which plays learning curves.
        num_workers: Trials at once; by default as many as the CPUs and GPUs allow, and 4 simulated
            ones.
        isolation: ``'auto'`` reuses worker processes, ``'process'`` starts one for each trial.
        deterministic: Whether the run is to be the same on any number of workers, however fast
            they are. Reports are then answered in the order of virtual time, in which an epoch
            takes as long as any other; what that costs is said at the end.
        logical_workers: Trials alive at once in a deterministic run, by default 8. Another
            number is another run; more than ``num_workers`` take turns.
        callbacks: Watch the run.
        progress: Whether to show progress; by default on a terminal only.

    Raises:
        SpecError: An argument breaks its rule, or asks for GPUs that are not there.
    """

    def __init__(
        self,
        train_fn: Any,
        *,
        args: Any = None,
        resource: Mapping[str, Any] | None = None,
        searcher: Any = "random",
        search_options: Mapping[str, Any] | None = None,
        num_trials: int | None = None,
        time_out: float | None = None,
        time_budget: Any = None,
        max_reward: float | None = None,
        reward_attr: str | Sequence[str] = "accuracy",
        time_attr: str = "epoch",
        mode: str | Sequence[str] | Mapping[str, str] = "max",
        trial_value: str = "best",
        max_failures: int | str | None = "auto",
        max_retries: int = 0,
        trial_time_out: float | None = None,
        stop_jobs_after_time_out: bool = True,
        delay_get_config: bool = True,
        training_history_callback: Callable[..., Any] | None = None,
        training_history_callback_delta_secs: int = 60,
        training_history_searcher_info: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool | str = False,
        max_checkpoint_gb: float | None = None,
        executor: Any = "local",
        num_workers: int | None = None,
        isolation: str = "auto",
        deterministic: bool = False,
        logical_workers: int | None = None,
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
            time_budget=time_budget,
            max_reward=max_reward,
            reward_attr=reward_attr,
            time_attr=time_attr,
            mode=mode,
            trial_value=trial_value,
            max_failures=max_failures,
            max_retries=max_retries,
            trial_time_out=trial_time_out,
            stop_jobs_after_time_out=stop_jobs_after_time_out,
            delay_get_config=delay_get_config,
            training_history_callback=training_history_callback,
            training_history_callback_delta_secs=training_history_callback_delta_secs,
            training_history_searcher_info=training_history_searcher_info,
            checkpoint=checkpoint,
            resume=resume,
            max_checkpoint_gb=max_checkpoint_gb,
            executor=executor,
            num_workers=num_workers,
            isolation=isolation,
            deterministic=deterministic,
            logical_workers=logical_workers,
            callbacks=callbacks,
            progress=progress,
            objectives=Objectives.of(reward_attr, mode),
        )
        super().__init__(as_train_function(train_fn), FIFOPolicy(time_attr=time_attr), options)
