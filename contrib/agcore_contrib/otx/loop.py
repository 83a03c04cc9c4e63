"""``run_hpo_loop``: trials in processes of their own, as many at once as there are resources."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any, Protocol

from agcore.checks import finite_number
from agcore.errors import SpecError, TrialFailed
from agcore.executor.base import TrialTask
from agcore.executor.departures import GracePeriods
from agcore.executor.local import LocalExecutor
from agcore.executor.resources import TrialResources, cpu_count
from agcore.jobs import Exited, Outcome, ReportReceived, Resume
from agcore.records import Action, Decision
from agcore.reporter import ReportRules
from agcore.space import SearchSpace
from agcore.train_fn import ArgsBuilder, TrainFunction
from agcore_contrib.otx.child import FUNCTION_S, PROGRESS, SCORE, TrainCall
from agcore_contrib.otx.resources import get_resource_manager
from agcore_contrib.otx.trial import Trial, TrialStatus
from agcore_contrib.otx.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agcore.jobs import ExecutorNews
    from agcore_contrib.otx.child import ReportFunction
    from agcore_contrib.otx.resources import ResourceManager
    from agcore_contrib.otx.search_time import SearchTime

    TrainFunc = Callable[[dict[str, Any], ReportFunction], Any]

logger = logging.getLogger(__name__)

_HOPELESS = 3
"""After so many failures and no report at all, no more trials are started."""
_EVERY_S = 1.0
_GO_ON = Decision(Action.CONTINUE, "it has epochs left")
_STOP = Decision(Action.STOP, "it has been trained for as long as it was asked to")


class HpoAlgorithm(Protocol):
    """What decides which configs are trained, and for how long; `HyperBand` is one.

    Its methods mean what they mean there.
    """

    @property
    def mode(self) -> str:
        """``'max'`` or ``'min'``."""

    @property
    def save_path(self) -> Path | None:
        """Folder for results, or None."""

    def get_next_sample(self) -> Trial | None:
        """The next trial to be trained, or None."""

    def report_score(
        self, score: float, resource: int, trial_id: str | int, done: bool = False
    ) -> TrialStatus:
        """What a trial is to do that has reported, or take note that it is done."""

    def report_trial_exit_abnormally(self, trial_id: str | int) -> None:
        """Take note that a process has vanished."""

    def report_failure(self, trial_id: str | int) -> None:
        """Take note that a function raised."""

    def report_out_of_memory(self, trial_id: str | int) -> None:
        """Take note that memory ran out."""

    def is_done(self) -> bool:
        """Whether no trial has to be started any more."""

    def get_progress(self) -> float:
        """Share of the search that is behind us."""

    def get_inferior_trials(self) -> list[str]:
        """Trials whose weights nobody needs."""

    def save_results(self) -> None:
        """Write the results."""


def run_hpo_loop(
    hpo_algo: HpoAlgorithm,
    train_func: TrainFunc,
    resource_type: str = "gpu",
    num_parallel_trial: int | None = None,
    num_gpu_for_single_trial: int | None = None,
    available_gpu: str | None = None,
    *,
    time_limit_s: float | None = None,
    search_time: SearchTime | None = None,
    stop_grace_s: float = 60.0,
    progress_callback: Callable[[float], None] | None = None,
) -> None:
    """Train what ``hpo_algo`` asks for until it is done; each trial has a new process.

    A trial whose process vanishes is offered again; one that raises is out; one that runs out of
    memory gets a smaller batch size. However this function ends, no process is left behind: Ctrl-C
    ends them all, and where this process is killed, so are they.

    Args:
        hpo_algo: Says what to train.
        train_func: ``train_func(hp_config, report_func)``, where ``hp_config`` holds ``id``,
            ``configuration`` (its ``iterations`` is the number of epochs to reach) and
            ``train_environment``, and ``report_func(score, progress)`` returns ``TrialStatus``.
        resource_type: ``'gpu'`` or ``'cpu'``.
        num_parallel_trial: As for `get_resource_manager`.
        num_gpu_for_single_trial: As for `get_resource_manager`.
        available_gpu: As for `get_resource_manager`.
        time_limit_s: After so many seconds trials are ended and what is best is taken.
        search_time: A limit that is learnt from the trials. When it is reached they are ended as
            well, and what would not end before it is not begun.
        stop_grace_s: Time that a trial has to return after it was told to stop.
        progress_callback: Called with percents, about once a second and at the end.

    Raises:
        SpecError: An argument breaks a rule, or no batch size is left that can be trained.
        TrialFailed: Trials have failed, and none has ever reported.
    """
    limit_s = math.inf
    if time_limit_s is not None:
        limit_s = finite_number("time_limit_s", time_limit_s, "a number of seconds")
    manager = get_resource_manager(
        resource_type, num_parallel_trial, num_gpu_for_single_trial, available_gpu
    )
    weights = Weights(hpo_algo.save_path, hpo_algo.mode)
    try:
        executor = _executor(manager, stop_grace_s)
        try:
            executor.open(_task(train_func, weights))
            loop = _Loop(hpo_algo, executor, weights, progress_callback, search_time)
            loop.run(time.monotonic() + limit_s)
        finally:
            executor.close()
    finally:
        weights.close()


def _executor(manager: ResourceManager, stop_grace_s: float) -> LocalExecutor:
    count = manager.num_parallel_trials
    return LocalExecutor(
        TrialResources(max(1, cpu_count() // count), manager.num_gpus_per_trial),
        count,
        isolation="process",
        gpus=manager.gpus,
        grace=GracePeriods(stop_s=stop_grace_s),
    )


def _task(train_func: TrainFunc, weights: Weights) -> TrialTask:
    if not callable(train_func):
        raise SpecError(f"train_func={train_func!r} must be a function (hp_config, report_func)")
    return TrialTask(
        TrainFunction(TrainCall(train_func), None, {}),
        ArgsBuilder({}, SearchSpace({})),
        ReportRules(SCORE, PROGRESS, resource_required=True),
        weights.folders,
    )


class _Loop:
    """Carries news between an executor and an algorithm.

    Args:
        algorithm: Says what to train.
        executor: Open.
        weights: The trials' checkpoints.
        progress_callback: Told percents.
        search_time: The seconds of the search, or None if nobody counts them.
    """

    def __init__(
        self,
        algorithm: HpoAlgorithm,
        executor: LocalExecutor,
        weights: Weights,
        progress_callback: Callable[[float], None] | None,
        search_time: SearchTime | None = None,
    ) -> None:
        self._algorithm = algorithm
        self._executor = executor
        self._weights = weights
        self._progress_callback = progress_callback
        self._search_time = search_time
        self._is_closed = False
        self._running: dict[int, Trial] = {}
        self._failures: list[Exited] = []
        self._has_reports = False
        self._told_s = -math.inf

    def run(self, deadline_s: float) -> None:
        """Run trials until the algorithm is done, or ``time.monotonic()`` is at the deadline."""
        while not self._algorithm.is_done():
            left_s = deadline_s - time.monotonic()
            if self._search_time is not None:
                left_s = min(left_s, self._search_time.left_s)
            if left_s <= 0:
                ids = ", ".join(trial.id for trial in self._running.values())
                logger.info("the time is up%s", f"; trials that end: {ids}" if ids else "")
                self._is_closed = True
                break
            has_filled = self._fill()
            if not has_filled and not self._running:
                logger.debug("there is nothing more to be tried")
                break
            self._executor.wait(min(_EVERY_S, left_s), self._take)
            self._tell(is_end=False)
        self._tell(is_end=True)
        self._raise_if_none_reported()

    def _fill(self) -> bool:
        """Start trials as long as there are places; whether the trials were enough for them."""
        if self._is_closed or (len(self._failures) >= _HOPELESS and not self._has_reports):
            return False
        while self._executor.free_slots > 0 and not self._algorithm.is_done():
            trial = self._algorithm.get_next_sample()
            if trial is None:
                return False
            job = self._weights.job(trial)
            if not self._may_start(trial, job.resume_from if isinstance(job, Resume) else 0):
                return False
            self._running[job.trial_id] = trial
            self._executor.submit(job)
            logger.info("trial %s starts: %s", trial.id, trial.told()["configuration"])
        return True

    def _may_start(self, trial: Trial, behind: int) -> bool:
        """Whether there is time for a trial; if not, there is none for those after it."""
        if self._search_time is None:
            return True
        if not self._search_time.holds(trial, behind):
            logger.info("the time left is too short for trial %s", trial.id)
            self._is_closed = True
            return False
        self._search_time.start(trial, behind)
        return True

    def _take(self, news: Sequence[ExecutorNews]) -> None:
        for item in news:
            if isinstance(item, ReportReceived):
                self._on_report(item)
            else:
                self._on_exit(item)

    def _on_report(self, report: ReportReceived) -> None:
        self._has_reports = True
        trial = self._running[report.trial_id]
        if self._search_time is not None:
            metrics = report.metrics
            self._search_time.hear(trial, metrics[PROGRESS], metrics[FUNCTION_S])
        status = self._algorithm.report_score(
            report.metrics[SCORE], report.metrics[PROGRESS], trial.id
        )
        self._executor.reply(report.trial_id, _GO_ON if status is TrialStatus.RUNNING else _STOP)

    def _on_exit(self, exited: Exited) -> None:
        trial = self._running.pop(exited.trial_id)
        if self._search_time is not None:
            self._search_time.end(trial)
        if exited.outcome in (Outcome.RETURNED, Outcome.STOPPED):
            self._on_end(trial)
        elif exited.outcome is Outcome.OUT_OF_MEMORY:
            logger.warning("trial %s ran out of memory: %s", trial.id, exited.evidence)
            self._algorithm.report_out_of_memory(trial.id)
        elif exited.outcome is Outcome.VANISHED:
            logger.warning("trial %s: %s", trial.id, exited.error)
            self._algorithm.report_trial_exit_abnormally(trial.id)
            self._failures.append(exited)
        else:
            logger.warning("trial %s has failed: %s", trial.id, exited.error)
            self._algorithm.report_failure(trial.id)
            self._failures.append(exited)
        self._weights.keep_best_and_last(trial)
        self._weights.drop(self._algorithm.get_inferior_trials())

    def _on_end(self, trial: Trial) -> None:
        if trial.score:
            self._algorithm.report_score(0, 0, trial.id, done=True)
            logger.info("trial %s has been trained for %d epochs", trial.id, trial.progress)
            return
        logger.warning("trial %s has returned without a report, so it has failed", trial.id)
        self._algorithm.report_failure(trial.id)
        self._failures.append(
            Exited(int(trial.id), Outcome.RAISED, 0.0, "it returned without calling report_func")
        )

    def _raise_if_none_reported(self) -> None:
        if self._has_reports or not self._failures or self._running:
            return
        last = self._failures[-1]
        raise TrialFailed(
            f"{len(self._failures)} attempts to train have failed, and none has reported; the "
            f"last: {last.error}\n{last.traceback_text}".rstrip(),
            last.trial_id,
            last.traceback_text,
        )

    def _tell(self, is_end: bool) -> None:
        """Save and show how far the search is, about once a second."""
        now_s = time.monotonic()
        if not is_end and now_s - self._told_s < _EVERY_S:
            return
        self._told_s = now_s
        if self._algorithm.save_path is not None:
            self._algorithm.save_results()
        if self._search_time is not None:
            self._search_time.save()
        if self._progress_callback is not None:
            is_over = is_end and self._is_closed  # as much as there was time for
            self._progress_callback(100 * (1 if is_over else self._algorithm.get_progress()))
