"""`HpOpt`: hands trials out, and says what was found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.records import ConfigEnqueued, TrialState
from agcore_contrib.hpopt.hyperparameters import written
from agcore_contrib.hpopt.opening import OpenSearch
from agcore_contrib.hpopt.record import (
    NOT_BEGUN,
    best_score,
    counts,
    num_counted,
    num_out_of_memory_in_a_row,
    status_record,
    trial_record,
)
from agcore_contrib.hpopt.results import table
from agcore_contrib.hpopt.status import status_of

if TYPE_CHECKING:
    from agcore.ask_tell import AskedTrial
    from agcore.history import RunHistory
    from agcore_contrib.hpopt.files import HpoFiles
    from agcore_contrib.hpopt.settings import HpoSettings

logger = logging.getLogger(__name__)

MAX_OUT_OF_MEMORY_IN_A_ROW = 20
_MOST_PROGRESS = 0.99


class HpOpt:
    """A search for hyperparameters, made by `create`.

    It asks a run for trials (`agcore.AskTell`); the run's journal is the only state, so trainings
    may report from other processes, and a search whose process was killed is resumed from it.

    Args:
        settings: What was asked for.
        files: Where the search is kept.
        is_resumed: Whether trials that were running are to be given out again.
    """

    def __init__(self, settings: HpoSettings, files: HpoFiles, *, is_resumed: bool = False) -> None:
        self._settings = settings
        self._files = files
        self._search = OpenSearch.of(settings, files)
        self._num_places = settings.num_trials
        self._has_ended = False
        if is_resumed:
            self._take_back_running()
            logger.info(
                "the search in %s goes on with %d trials that have a score",
                files.folder,
                sum(1 for trial in self._history.trials.values() if trial.reports),
            )

    # -- what was planned ------------------------------------------------------------------

    @property
    def num_trials(self) -> int:
        """Trials in total, those that ran out of memory left out."""
        return self._settings.num_trials

    @property
    def max_iterations(self) -> int:
        """Epochs of a trial."""
        return self._settings.max_iterations

    @property
    def subset_ratio(self) -> float:
        """Share of the data on which trials are trained."""
        return self._settings.subset_ratio

    @property
    def expected_epochs(self) -> int:
        """Epochs that all trials together are expected to take."""
        return self._settings.num_epochs

    # -- trials ----------------------------------------------------------------------------

    def get_next_sample(self) -> dict[str, Any] | None:
        """A trial to be trained, or None if there is none to begin now.

        With one trial after another None means that the search is over; so it does if no trial
        runs. With ASHA trials that still run may be promoted later.

        Returns:
            ``trial_id``; ``params``, also as ``param``; ``iterations``, the epochs of a trial;
            ``subset_ratio``; ``resize_width``, ``resize_height``; ``mode``; ``resume_from``, the
            epoch behind which a training with a checkpoint goes on, else 0; ``file_path``, the
            trial's file. With Bayesian optimisation ``early_stop``, with ASHA ``bracket`` and
            ``rungs``, the largest first. The others tell `report` which trial is meant.

        Raises:
            SpecError: Memory ran out wherever it was tried.
            JournalError: The search cannot be read or written.
        """
        self._fill_places()
        config = self._next()
        self._has_ended = config is None
        self._write_status()
        return config

    def get_next_samples(self) -> list[dict[str, Any]] | None:
        """All trials that may be begun without waiting for the scores of others.

        Returns:
            The random trials that are left, then one trial at a time; None as `get_next_sample`.
        """
        begun = (t for t in self._history.trials.values() if t.state is not TrialState.INTERRUPTED)
        missing = 1
        if not self._settings.is_asha:
            missing = max(1, self._settings.num_init_trials - sum(map(counts, begun)))
        found: list[dict[str, Any]] = []
        while len(found) < missing and (config := self.get_next_sample()) is not None:
            found.append(config)
        return found or None

    def _next(self) -> dict[str, Any] | None:
        run = self._search.run
        if self._search.budget.is_used_up(run):
            logger.info(
                "no more trials: the budget of %d epochs is used up", self._search.budget.epochs
            )
            return None
        self._enqueue_default()
        asked = run.ask()
        if asked is None:
            self._say_why_none()
            return None
        if not self._search.budget.can_afford(run, asked):
            run.tell(asked, state="interrupted", error=NOT_BEGUN)
            logger.info("no more trials: %d epochs hold no other", self._search.budget.epochs)
            return None
        config = self._config(asked)
        self._write_trial(asked.trial_id, asked.attempt)
        return config

    def _say_why_none(self) -> None:
        num_trials = num_counted(self._history)
        if num_trials < self._settings.num_trials:
            logger.info(
                "no more trials: the search space holds no config that was not tried, so there "
                "are %d trials instead of %d",
                num_trials,
                self._settings.num_trials,
            )

    def _config(self, asked: AskedTrial) -> dict[str, Any]:
        settings = self._settings
        params = self._search.configs.params(asked.config)
        width, height = settings.image_resize
        config = {
            "trial_id": asked.trial_id,
            "params": params,
            "param": params,
            "iterations": settings.max_iterations,
            "subset_ratio": settings.subset_ratio,
            "resize_width": width,
            "resize_height": height,
            "mode": settings.mode,
            "file_path": self._files.trial(asked.trial_id),
            "resume_from": asked.resume_from,
            "known": asked.known,
            "attempt": asked.attempt,
            "seed": asked.seed,
            "run_id": settings.run_id,
        }
        if settings.is_asha:
            bracket = self._history.trials[asked.trial_id].bracket
            rungs = settings.tournament.brackets(settings.max_iterations)[bracket]
            return {**config, "bracket": bracket, "rungs": list(reversed(rungs))}
        earlier = (t for t in self._history.trials.values() if t.trial_id < asked.trial_id)
        is_spared = sum(map(counts, earlier)) < settings.num_init_trials
        return {**config, "early_stop": None if is_spared else settings.early_stop}

    def _enqueue_default(self) -> None:
        """Have the first of the given configs tried that was not; above the bound it is lowered."""
        defaults = self._settings.default_hyper_parameters
        if not defaults:
            return
        events = self._history.events
        queued = [event.config for event in events if isinstance(event, ConfigEnqueued)]
        num_tried = sum(1 for t in self._history.trials.values() if t.origin == "queue")
        if len(queued) > num_tried:
            return
        for params in defaults:
            config = self._search.configs.given(params)
            if config is not None:
                self._search.run.enqueue(config)
                return

    def _fill_places(self) -> None:
        """See to it that another trial comes in the place of each that ran out of memory.

        Raises:
            SpecError: There is no smaller batch size, or it has happened too often.
        """
        history = self._history
        self._search.configs.read()
        in_a_row = num_out_of_memory_in_a_row(history)
        if in_a_row >= MAX_OUT_OF_MEMORY_IN_A_ROW:
            last = next(reversed(history.trials.values()))
            remedy = "use a smaller model, or lower the range"
            if self._settings.batch_size_name is None:
                remedy = "name the batch size with batch_size_name="
            raise SpecError(
                f"memory ran out in {in_a_row} trials in a row, the last with "
                f"{self._search.configs.params(last.config)}; {remedy}"
            )
        num_lost = len(history.trials) - num_counted(history)
        if self._settings.num_trials + num_lost != self._num_places:
            self._search = OpenSearch.of(self._settings, self._files, num_lost)
            self._num_places = self._settings.num_trials + num_lost

    def _take_back_running(self) -> None:
        """Have the trials given out again whose processes have died with the former session."""
        for asked in self._search.run.running:
            self._search.run.tell(asked, state="interrupted", error="its search was cut off")
        stale = [
            trial
            for trial in self._history.trials.values()
            if self._files.read_trial(trial.trial_id).get("status") != status_of(trial.state)
        ]
        for trial in stale:
            self._write_trial(trial.trial_id, trial.attempts - 1)
        if stale:
            self._write_status()

    # -- results ---------------------------------------------------------------------------

    @property
    def _history(self) -> RunHistory:
        return self._search.run.history

    def get_best_config(self) -> dict[str, Any] | None:
        """The values of the trial with the best score, or None while there is no score.

        Of equal scores the first counts. Once the search is over the best trial stands in the
        status file.
        """
        best = self._search.run.best()
        self._write_status()
        return None if best is None else self._search.configs.params(best.config)

    def get_progress(self) -> float:
        """Share of the search that is behind us, from 0 to 0.99."""
        settings, history = self._settings, self._history
        trials = [trial for trial in history.trials.values() if counts(trial)]
        ended = sum(1 for t in trials if t.state.value in ("completed", "stopped", "diverged"))
        done = ended / settings.num_trials
        if settings.is_asha:
            done = max(done, self._search.budget.spent(history) / settings.num_epochs)
        else:
            running = sum(t.resource for t in trials if t.state is TrialState.RUNNING)
            done += running / (settings.num_trials * settings.max_iterations)
        return min(done, _MOST_PROGRESS)

    def print_results(self) -> None:
        """Print a table of the trials that have a score."""
        names = list(self._settings.spaces)
        rows = []
        for trial in self._history.trials.values():
            score = best_score(trial, self._settings.mode)
            if score is not None and trial.state.counts_for_best:
                rows.append((trial.trial_id, self._search.configs.params(trial.config), score))
        print(table(names, rows))  # noqa: T201  # what the method is for

    # -- files -----------------------------------------------------------------------------

    def _write_trial(self, trial_id: int, attempt: int) -> None:
        trial = self._history.trials[trial_id]
        record = trial_record(trial, self._settings.mode, attempt=attempt, repeated=0)
        self._files.write_trial(trial_id, record)

    def _write_status(self) -> None:
        settings, run = self._settings, self._search.run
        history = run.history
        head = {
            "search_algorithm": settings.search_algorithm,
            "search_space": written(settings.space()),
            "metric": settings.metric,
            "mode": settings.mode,
            "subset_ratio": settings.subset_ratio,
            "image_resize": list(settings.image_resize),
            "full_dataset_size": settings.full_dataset_size,
            "max_iterations": settings.max_iterations,
        }
        if settings.is_asha:
            head["reduction_factor"] = settings.reduction_factor
        else:
            head["early_stop"] = settings.early_stop
        params = {
            t.trial_id: self._search.configs.params(t.config) for t in history.trials.values()
        }
        status = status_record(history, head, params, settings.mode, has_brackets=settings.is_asha)
        best = run.best()
        if self._has_ended and not run.running and best is not None:
            status["best_config_id"] = best.trial_id
        self._files.write_status(status)
