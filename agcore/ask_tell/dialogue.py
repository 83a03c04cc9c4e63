"""Asked, reported and told: what each does to a run. No file, no lock.

A dialogue plays the part of the scheduler's loop. What happens is put into events, and those are
applied by the same fold that applies the events of other processes, so all come to the same state.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from agcore.ask_tell.asked import AskedTrial
from agcore.errors import ReportError, SpecError
from agcore.policy.base import resource_error
from agcore.records import (
    Action,
    Decision,
    Event,
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialState,
)
from agcore.scheduler.fold import Fold
from agcore.scheduler.opening import opening
from agcore.scheduler.outcomes import hopeless
from agcore.scheduler.repetitions import KNOWN_ALREADY, Repetitions
from agcore.scheduler.seeds import trial_seed
from agcore.scheduler.settings import Limits
from agcore.scheduler.starts import CUT_OFF, Launch, Starts, start_again

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from agcore.ask_tell.asked import Reference
    from agcore.history import RunHistory, Trial
    from agcore.jobs import Config, Metrics
    from agcore.scheduler.parts import LiveTrial
    from agcore.scheduler.setup import RunSetup

logger = logging.getLogger("agcore")


class Dialogue:
    """A run that is driven by questions and answers.

    Args:
        setup: What it is made of.
        num_trials: Trials in total, or None.

    Attributes:
        unwritten: Events that are applied and not yet taken by `take_unwritten`.
        is_half_done: Whether an exception has left policy and searcher at a place that no record
            leads to.
    """

    def __init__(self, setup: RunSetup, num_trials: int | None) -> None:
        parts = setup.parts
        self.unwritten: list[Event] = []
        self.is_half_done = False
        self._found_nothing = False
        self._setup = setup
        self._parts = parts
        self._settings = setup.settings
        self._limits = Limits(num_trials, may_be_none=True)
        self._is_open = False
        self._fold = Fold(parts, setup.settings)
        self._starts = Starts(parts, setup.settings, self._limits, self._note, ())
        self._repetitions = Repetitions(parts.rewards, setup.settings.time_attr)

    @property
    def history(self) -> RunHistory:
        """The run so far."""
        return self._parts.history

    # -- the record ------------------------------------------------------------------------

    def apply(self, events: Iterable[Event]) -> None:
        """Apply events that are recorded.

        Raises:
            JournalError: They do not follow from those before them.
        """
        with self._changing():
            for event in events:
                self._apply(event)

    def settle(self) -> None:
        """Open the run if nobody has, and finish what a killed process has left half done.

        To be called when no other process can be in the middle of anything.
        """
        with self._changing():
            self._open()
            for trial in list(self._fold.unsettled.values()):
                self._carry_out(trial)
            for trial in list(self._fold.unstarted.values()):
                # Nobody got it: it starts now, as it would have, and waits to be given out.
                self._start(self._fold.first_start(trial))
                self._end(trial, TrialState.INTERRUPTED, "ask() was cut off before it answered")

    def take_unwritten(self) -> list[Event]:
        """Events to be recorded, and from now on taken for recorded."""
        events, self.unwritten = self.unwritten, []
        return events

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Policy and searcher are being told something."""
        self.is_half_done = True
        try:
            yield
        except ReportError:  # refused before anything has changed
            self.is_half_done = False
            raise
        self.is_half_done = False

    def _open(self) -> None:
        if self._is_open:
            return
        setup = self._setup
        self._note(
            opening(
                self.history,
                self._parts.clock.now_s(),
                seed=self._settings.seed,
                settings=setup.described,
                space=setup.space,
                limits=self._limits,
            )
        )
        self._is_open = True

    def _apply(self, event: Event) -> None:
        self._fold.apply(event)
        if isinstance(event, (RunStarted, RunResumed)):
            self._is_open = True
        elif isinstance(event, RunEnded):  # a scheduler has had the run meanwhile
            self._is_open = False

    def _note(self, event: Event) -> None:
        """Record what policy and searcher know already."""
        self.history.apply(event)
        self.unwritten.append(event)

    def _record(self, event: Event) -> None:
        self._apply(event)
        self.unwritten.append(event)

    # -- asking ----------------------------------------------------------------------------

    def ask(self, again_after_s: float | None) -> AskedTrial | None:
        """The next trial to run, or None if there is none now.

        Raises:
            TrialFailed: Too many trials have failed.
        """
        self._raise_if_hopeless()
        with self._changing():
            if again_after_s is not None:
                self._take_back_silent(again_after_s)
            launch = self._next_launch()
            asked = None if launch is None else self._start(launch)
        self._found_nothing = asked is None
        return asked

    def enqueue(self, config: Mapping[str, Any]) -> Config:
        """Have a config asked for next.

        Raises:
            SpecError: It is not in the search space.
        """
        complete = self._parts.proposals.enqueue(config)
        self._starts.note_enqueued()
        return complete

    @property
    def is_over(self) -> bool:
        """Whether the last `ask` had no answer, and no trial runs that could change that."""
        return self._found_nothing and not self._fold.live

    def running(self) -> Iterator[LiveTrial]:
        """Trials that somebody runs now, in the order in which they were started last."""
        cut_off = self._fold.cut_off
        return (live for live in self._fold.live.values() if live.trial.trial_id not in cut_off)

    def _next_launch(self) -> Launch | None:
        if self._fold.is_stopping:
            return None
        cut_off = next(iter(self._fold.cut_off.values()), None)
        if cut_off is not None:
            reason = self._why_again(cut_off.trial)
            return start_again(cut_off.trial, cut_off.resume_from, cut_off.milestone, reason)
        elapsed_s = self._parts.clock.now_s() - (self.history.start_s or 0.0)
        return self._starts.next(self.running(), max(elapsed_s, 0.0))

    def _why_again(self, trial: Trial) -> str:
        if trial.state is TrialState.LOST:
            return f"its process vanished; retry {trial.losses} of {self._settings.max_retries}"
        return trial.error or CUT_OFF

    def _take_back_silent(self, after_s: float) -> None:
        """Take trials back of which nothing was heard for so long."""
        now_s = self._parts.clock.now_s()
        for live in list(self.running()):
            trial = live.trial
            heard_s = max(trial.started_s, trial.reports[-1].time_s if trial.reports else 0.0)
            if now_s - heard_s >= after_s:
                silence = f"nothing was heard of it for {now_s - heard_s:.0f} seconds"
                self._end(trial, TrialState.INTERRUPTED, silence)

    def _start(self, launch: Launch) -> AskedTrial:
        launch = self._starts.ready(launch)
        self._record(launch.started(self._parts.clock.now_s()))
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", launch.announcement())
        return self.asked(self._fold.live[launch.live.trial.trial_id])

    def asked(self, live: LiveTrial) -> AskedTrial:
        """The record of a trial that runs."""
        trial = live.trial
        is_copy = bool(trial.begin) and live.resume_from == trial.begin
        return AskedTrial(
            trial.trial_id,
            dict(trial.config),
            trial_seed(self._settings.seed, trial.trial_id),
            trial.attempts - 1,
            live.resume_from,
            live.known,
            live.milestone,
            self._parts.policy.max_resource,
            trial.parent if is_copy else None,
        )

    def _raise_if_hopeless(self) -> None:
        history = self.history
        if not self._settings.gives_up(history.num_failures, history.num_tried):
            return
        trials = reversed(history.trials.values())
        failed = next((trial for trial in trials if trial.state.is_failure), None)
        if failed is not None:
            raise hopeless(history, failed)

    # -- reporting -------------------------------------------------------------------------

    def report(self, meant: Reference, metrics: Metrics) -> Decision:
        """What is to happen to a trial that has reported.

        Args:
            meant: The trial.
            metrics: Checked, plain JSON values.

        Raises:
            ReportError: The resource breaks a rule; nothing has changed.
            SpecError: There is no such trial.
        """
        trial = self._trial(meant)
        given = metrics.get(self._settings.time_attr)
        resource = given if type(given) is int else len(trial.reports) + 1
        recorded = trial.decision_at(resource)
        if not self._is_current(meant, trial):
            if recorded is not None and recorded.stops:
                return recorded
            return Decision(Action.STOP, self._why_too_late(meant, trial))
        if resource <= self._fold.live[trial.trial_id].known:
            self._repetitions.compare(trial, resource, metrics)
            return KNOWN_ALREADY
        if resource <= trial.resource:
            self._refuse_unless_repeated(trial, resource, metrics)
            return recorded or KNOWN_ALREADY
        return self._decide(trial, resource, metrics)

    def tell(
        self, meant: Reference, state: TrialState, error: str = "", traceback_text: str = ""
    ) -> TrialState:
        """The state of a trial whose end was told; one that has ended before stays what it is.

        Raises:
            SpecError: There is no such trial.
        """
        trial = self._trial(meant)
        if self._is_current(meant, trial):
            with self._changing():
                self._end(trial, state, error, traceback_text)
        elif state.is_failure:
            why = self._why_too_late(meant, trial)
            logger.warning("told as %s, which changes nothing: %s", state.value, why)
        return trial.state

    def _trial(self, meant: Reference) -> Trial:
        trial = self.history.trials.get(meant.trial_id)
        if trial is None:
            raise SpecError(
                f"there is no trial {meant.trial_id}; {len(self.history.trials)} were asked for, "
                "numbered from 0"
            )
        return trial

    def _is_current(self, meant: Reference, trial: Trial) -> bool:
        """Whether the caller's attempt is the one that runs."""
        is_latest = meant.attempt is None or meant.attempt == trial.attempts - 1
        return is_latest and trial.state is TrialState.RUNNING and trial.attempts > 0

    def _why_too_late(self, meant: Reference, trial: Trial) -> str:
        if meant.attempt is not None and meant.attempt < trial.attempts - 1:
            return (
                f"attempt {meant.attempt} of trial {trial.trial_id} is over: the trial was given "
                f"out again as attempt {trial.attempts - 1}"
            )
        error = f" ({trial.error})" if trial.error else ""
        return f"trial {trial.trial_id} is {trial.state.value} and runs no more{error}"

    def _refuse_unless_repeated(self, trial: Trial, resource: int, metrics: Metrics) -> None:
        known = next((r for r in trial.reports if r.resource == resource), None)
        if known is None or self._parts.rewards.difference(known, metrics) is not None:
            time_attr = self._settings.time_attr
            raise resource_error(
                trial.trial_id, resource, trial.resource, time_attr=time_attr, milestones=()
            )

    def _decide(self, trial: Trial, resource: int, metrics: Metrics) -> Decision:
        reading = self._parts.rewards.read(metrics)
        row = {**metrics, **(reading.computed or {})}
        now_s = self._parts.clock.now_s()
        event = Reported(trial.trial_id, now_s, resource, reading.reward, row)
        with self._changing():
            decision = self._fold.report(event)
            self.unwritten.append(event)
            self._carry_out(trial)
        return decision

    def _carry_out(self, trial: Trial) -> None:
        """Record what follows from a trial's last report."""
        for event in self._fold.carry_out(trial):
            self.unwritten.append(event)
            if isinstance(event, TrialEnded):
                logger.info("trial %d is %s", event.trial_id, event.state.value)

    def _end(
        self, trial: Trial, state: TrialState, error: str = "", traceback_text: str = ""
    ) -> None:
        now_s = self._parts.clock.now_s()
        self._record(TrialEnded(trial.trial_id, now_s, state, error, traceback_text))
        logger.info("trial %d is %s%s", trial.trial_id, state.value, f": {error}" if error else "")
