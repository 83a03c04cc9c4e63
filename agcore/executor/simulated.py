"""Trials that play learning curves on a virtual clock: hours of a run in seconds.

::

    def curve(config):
        for epoch in range(1, 10):
            yield {"epoch": epoch, "accuracy": 1 - config["lr"] ** epoch}, 60.0

    scheduler = HyperbandScheduler(train, executor=SimulatedExecutor(curve, num_workers=100))

``executor='simulated'`` is short for ``SimulatedExecutor(train)``: a train function that yields
such pairs is played itself, and gets its ``args`` as ever.

Nothing is run, and time passes only from one event to the next. The rules:

* A report is due its cost after the trial's start or the answer to its report before. What is
  due at the same time comes in the order of trial ids.
* The end of a trial costs nothing: it comes before whatever else is due at that moment, whether
  the curve is over or the trial was told to end.
* A promoted trial goes on behind the resource it had reached, or begins anew, where what is
  known already costs its time once more.
* A copy of another trial (population-based training) plays the curve of its own config behind the
  resource that the other had reached: as if it had always had this config, at the cost of the
  rest. What training with one config leaves to another is not simulated.
* Cutting a simulation off (Ctrl-C, ``time_out``, a crash) is not part of it. Trials that were cut
  off go on where they were, so that a run that goes on equals one that was never cut off.

Times are whole microseconds: sums of them are exact, and a journal brings them back unchanged.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agcore.checks import whole_number
from agcore.curves.source import PlayedFunction, as_curve_source, description_of
from agcore.errors import ReportError, SpecError
from agcore.executor.attempt import AttemptEnd, end_by
from agcore.executor.marks import Mark, marks_in
from agcore.executor.virtual_clock import US_PER_S, VirtualClock, microseconds
from agcore.jobs import Exited, Outcome, ReportReceived, Resume
from agcore.records import Action
from agcore.reporter import ReportRules, plain_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agcore.executor.base import Deliver, TrialTask
    from agcore.jobs import ExecutorNews, Job, Metrics
    from agcore.records import Decision, Event

SIMULATED_WORKERS = 4
"""Trials at once if nothing else is said: no number of this machine."""


class _Playback:
    """A trial that plays its curve.

    Attributes:
        after: As in a `Mark`; so is ``heard_us``.
        ticket: That of what the trial has in the queue; -1 if it has nothing there.
    """

    __slots__ = (
        "after",
        "config",
        "count",
        "end",
        "heard_us",
        "metrics",
        "resource",
        "steps",
        "ticket",
        "trial_id",
    )

    def __init__(self, trial_id: int, mark: Mark) -> None:
        self.trial_id = trial_id
        self.config = mark.config
        self.after = mark.after
        self.heard_us = mark.heard_us
        self.steps: Iterator[Any] = iter(())
        self.count = 0  # steps of the curve so far
        self.metrics: Metrics = {}  # of the next report
        self.resource = 0
        self.ticket = -1
        self.end: AttemptEnd | None = None

    def left(self, now_us: int) -> Mark:
        """Where the trial is if it is cut off ``now_us``."""
        return Mark(self.config, self.after, self.heard_us, now_us)


class SimulatedExecutor:
    """Plays a learning curve for each trial, on a clock of its own.

    A scheduler, given it as ``executor=``, takes over the clock: every time in history, journal
    and pictures, and every limit in seconds, is simulated. The clock goes on from one run to the
    next; use one executor for each scheduler.

    Args:
        curves: A function of the config, and of ``seed`` if it has such a parameter, that
            yields ``(metrics, seconds)``: each report and what it cost since the one before; or
            an object with a method ``curve(config, seed)`` that does, as an
            `agcore.curves.CurveTable`; or a train function ``f(args)`` or ``f(args, seed)`` that
            does, decorated with ``@ag.args``. The same arguments must give the same curve. What
            it raises is what its trial raises.
        num_workers: Trials at once.
        keeps_progress: Whether a promoted trial goes on where it was paused, and a copy where the
            other trial was, as trials with checkpoints do. If not, it begins anew, and the epochs
            that are known cost their time again.
        charges_decisions: Whether the real seconds that scheduler and searcher take pass on the
            simulated clock too. Such a run is not the same every time.

    Attributes:
        clock: The simulated time.
    """

    def __init__(
        self,
        curves: Any,
        num_workers: int = SIMULATED_WORKERS,
        *,
        keeps_progress: bool = True,
        charges_decisions: bool = False,
    ) -> None:
        self.clock = VirtualClock()
        self._curves = as_curve_source(curves)
        self._slots = whole_number("num_workers", num_workers)
        self._keeps_progress = keeps_progress
        self._charges_decisions = charges_decisions
        self._is_open = False
        self._rules = ReportRules()
        self._running: dict[int, _Playback] = {}
        self._queue: list[tuple[int, int, int, _Playback]] = []  # due, trial, ticket
        self._tickets = itertools.count()
        self._ended: list[_Playback] = []
        self._cut_off: dict[int, Mark] = {}
        self._is_woken = False

    def __repr__(self) -> str:
        return (
            f"SimulatedExecutor({self._curves!r}, num_workers={self._slots}, "
            f"keeps_progress={self._keeps_progress}, charges_decisions={self._charges_decisions})"
        )

    # -- the protocol ----------------------------------------------------------------------

    @property
    def played(self) -> str:
        """Whose curves are played, and which of them are guesses, in words."""
        return description_of(self._curves)

    @property
    def keeps_progress(self) -> bool:
        """Whether trials that go on need no files of theirs for it."""
        return self._keeps_progress

    @property
    def slots(self) -> int:
        """Number of trials that can run at once."""
        return self._slots

    @property
    def free_slots(self) -> int:
        """Number of trials that could be submitted now."""
        return self._slots - len(self._running)

    def open(self, task: TrialTask) -> None:
        """Get ready to play trials of ``task``, whose function is called only if it is the curves.

        Raises:
            SpecError: Another run uses this executor.
        """
        if self._is_open:
            raise SpecError("this executor runs trials already; make one for each run at a time")
        curves = self._curves
        if isinstance(curves, PlayedFunction) and curves.train_fn is task.train_fn:
            self._curves = replace(curves, builder=task.builder)  # with the arguments of the run
        self._is_open, self._rules = True, task.rules
        self._let_time_pass()

    def submit(self, job: Job) -> None:
        """Begin to play a trial's curve.

        Raises:
            RuntimeError: There is no free slot.
        """
        if not self._is_open or self.free_slots <= 0:
            raise RuntimeError("submit needs an open executor and a free slot")
        now_us = self.clock.now_us
        mark = self._cut_off.pop(job.trial_id, None)
        if mark is None or not job.attempt or mark.config != job.config:
            after = job.resume_from if isinstance(job, Resume) and self._keeps_progress else 0
            mark = Mark(job.config, after, now_us)
        playback = _Playback(job.trial_id, mark.at(now_us))
        self._running[job.trial_id] = playback
        self._advance(playback, job)

    def wait(self, timeout_s: float | None, deliver: Deliver) -> None:
        """Let the time jump to the next event, at most by ``timeout_s`` seconds, and deliver it.

        Without a trial and without ``timeout_s`` nothing would ever happen: it returns at once.
        """
        self.clock.hold()
        news = self._next_news(timeout_s)
        self._let_time_pass()
        if news:
            deliver(news)

    def wake(self) -> None:
        """Make the next `wait` return without news: it never takes long."""
        self._is_woken = True

    def reply(self, trial_id: int, decision: Decision) -> None:
        """Answer the report of a trial."""
        playback = self._running.get(trial_id)
        if playback is None or playback.end is not None:
            return  # it was killed meanwhile
        if decision.action is not Action.CONTINUE:
            self._end(playback, _STOPPED)
            return
        playback.after, playback.heard_us = playback.resource, self.clock.now_us
        self._advance(playback)

    def reject(self, trial_id: int, message: str) -> None:
        """Answer a report that breaks a rule: the trial fails."""
        playback = self._running.get(trial_id)
        if playback is not None and playback.end is None:
            self._end(playback, end_by(ReportError(message)))

    def kill(self, trial_id: int) -> None:
        """End a trial; if it starts again, it goes on from here."""
        playback = self._running.get(trial_id)
        if playback is not None and playback.end is None:
            self._cut_off[trial_id] = playback.left(self.clock.now_us)
            self._end(playback, _STOPPED)

    def log(self, trial_id: int) -> list[str]:
        """Nothing: a curve prints nothing of its own."""
        return []

    def close(self) -> None:
        """End all trials; those that start again go on from here."""
        self.clock.hold()
        now_us = self.clock.now_us
        for trial_id, playback in self._running.items():
            self._cut_off.setdefault(trial_id, playback.left(now_us))
        self._is_open = False
        self._running.clear()
        self._queue.clear()
        self._ended.clear()

    def replay(self, events: Sequence[Event]) -> None:
        """Take time and the progress of trials from the record of a run that goes on."""
        self._cut_off.update(marks_in(events, keeps_progress=self._keeps_progress))
        if events:
            self.clock.advance_to(microseconds(events[-1].time_s))

    # -- what comes next -------------------------------------------------------------------

    def _let_time_pass(self) -> None:
        if self._charges_decisions:
            self.clock.run()

    def _next_news(self, timeout_s: float | None) -> list[ExecutorNews]:
        """What happens next, the clock set to its time; nothing if that is too late."""
        if self._is_woken:
            self._is_woken = False
            return []
        if self._ended:
            return self._ends()
        queue, clock = self._queue, self.clock
        until_us = math.inf
        if timeout_s is not None:  # rounded up, so that time is over when it is said to be
            until_us = clock.now_us + math.ceil(max(timeout_s, 0) * US_PER_S)
        while queue and queue[0][0] <= until_us:
            due_us, trial_id, ticket, playback = heapq.heappop(queue)
            if playback.ticket == ticket:
                clock.advance_to(due_us)
                now_s = clock.now_s()
                return [ReportReceived(trial_id, playback.metrics, now_s, playback.resource)]
        if timeout_s is not None:
            clock.advance_to(int(until_us))
        return []

    def _ends(self) -> list[ExecutorNews]:
        """The trials that have ended now; their slots are free."""
        now_s = self.clock.now_s()
        news: list[ExecutorNews] = []
        for playback in self._ended:
            del self._running[playback.trial_id]
            outcome, error, trace, evidence = playback.end or _STOPPED
            news.append(
                Exited(playback.trial_id, Outcome(outcome), now_s, error, trace, evidence=evidence)
            )
        self._ended.clear()
        return news

    def _end(self, playback: _Playback, end: AttemptEnd) -> None:
        playback.end, playback.steps, playback.ticket = end, iter(()), -1
        self._ended.append(playback)

    # -- playing ---------------------------------------------------------------------------

    def _advance(self, playback: _Playback, job: Job | None = None) -> None:
        """Put a trial's next report into the queue, or end it.

        Args:
            playback: The trial.
            job: What it begins with; None if it has begun.
        """
        self.clock.hold()  # what computing a curve takes is nobody's decision
        try:
            if job is not None:
                playback.steps = iter(self._curves.curve(job.config, job.seed))
            due_us = self._find_next(playback, self._rules)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self._end(playback, end_by(error))
        else:
            if due_us is None:
                self._end(playback, _RETURNED)
            else:
                playback.ticket = next(self._tickets)
                entry = (due_us, playback.trial_id, playback.ticket, playback)
                heapq.heappush(self._queue, entry)
        finally:
            self._let_time_pass()

    def _find_next(self, playback: _Playback, rules: ReportRules) -> int | None:
        """When the trial's next report is due; None if its curve is over."""
        after, now_us = playback.after, self.clock.now_us
        due_us = playback.heard_us
        for step in playback.steps:
            playback.count += 1
            metrics, cost_us = _checked(step)
            rules.check(metrics)
            resource = metrics.get(rules.time_attr)
            if type(resource) is not int:
                resource = playback.count
            if resource <= after:
                continue
            due_us += cost_us
            # A trial that goes on has reported this before it was cut off, and it was dropped
            # as known. Where decisions cost time, reports may have to wait: then it was not.
            if due_us < now_us and not self._charges_decisions:
                continue
            playback.metrics, playback.resource = metrics, resource
            return due_us
        return None


_RETURNED = AttemptEnd(Outcome.RETURNED.value)
_STOPPED = AttemptEnd(Outcome.STOPPED.value)


def _checked(step: Any) -> tuple[Metrics, int]:
    """A step of a curve as plain metrics and microseconds.

    Raises:
        SpecError: It is not a pair of metrics and seconds.
        ReportError: A metric has no JSON form.
    """
    try:
        metrics, seconds = step
    except (TypeError, ValueError):
        metrics, seconds = None, 0.0
    if type(metrics) is not dict and not isinstance(metrics, Mapping):
        raise SpecError(
            f"the curve yielded {step!r}; it must yield pairs of a dict of metrics and the "
            "seconds they cost, as ({'epoch': 1, 'accuracy': 0.5}, 60.0)"
        )
    try:
        cost_us = int(seconds * US_PER_S + 0.5) if seconds >= 0 else -1
    except (TypeError, ValueError, OverflowError):
        cost_us = -1
    if cost_us < 0:
        raise SpecError(
            f"the curve yielded seconds={seconds!r}; what a report costs must be a finite number "
            "of at least 0"
        )
    return plain_metrics(metrics), cost_us
