"""The loop: fill free slots, wait for the executor's next news, apply it.

One thread; every change of state happens here, between two events. Policies decide,
searchers propose, executors run; none of them knows another.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from agcore.errors import ReportError
from agcore.executor.virtual_order import VirtualOrder
from agcore.jobs import ExecutorNews, Exited, ReportReceived
from agcore.records import (
    Action,
    Decided,
    Decision,
    Event,
    Reported,
    TrialEnded,
    TrialState,
)
from agcore.scheduler.deadlines import Deadlines
from agcore.scheduler.interrupts import Interrupts
from agcore.scheduler.outcomes import (
    by_time,
    goes_on_later,
    hopeless,
    state_after,
    state_at_exit,
    stop_with_the_run,
)
from agcore.scheduler.repetitions import KNOWN_ALREADY, Repetitions
from agcore.scheduler.rewards import decision_on
from agcore.scheduler.starts import CUT_OFF, Launch, Starts, start_again

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore.callbacks import Callback
    from agcore.executor.base import TrialTask
    from agcore.history import Trial
    from agcore.scheduler.parts import LiveTrial, Parts
    from agcore.scheduler.settings import Limits, RunSettings

logger = logging.getLogger("agcore")

_TICK_S = 0.5
_FITS = 0.95
"""Share of the mean duration that must be left for another trial to be worth starting."""


_FAREWELL_SHARE, _FAREWELL_S = 0.01, 0.5
"""What is kept of a time budget for ending the trials that run: a share, and the most of it."""


class TrialLoop:
    """Runs trials until a limit is reached or nothing is left to do.

    Args:
        parts: What it connects.
        settings: How reports are read.
        callbacks: Who is told of every event.
        alive_s: Seconds that earlier runs of the same history have used.
        again: Trials that ran when an earlier session was cut off.

    Attributes:
        unfinished: After `run`: trials that were cut off and will start again, if the run
            goes on.
    """

    def __init__(
        self,
        parts: Parts,
        settings: RunSettings,
        callbacks: Sequence[Callback],
        alive_s: float = 0.0,
        again: Sequence[Launch] = (),
    ) -> None:
        self.unfinished: list[Launch] = []
        self._parts = parts
        self._again = list(again)
        self._settings = settings
        self._callbacks = callbacks
        self._adds_to_rows = settings.training_history_searcher_info
        self._policy = parts.policy
        self._executor = parts.executor
        self._history = parts.history
        self._running: dict[int, LiveTrial] = {}
        self._deadlines = Deadlines(self._running)
        self._begin_s = parts.clock.monotonic_s() - alive_s
        self._ending = ""
        self._is_stopping = False
        self._is_killing = False
        self._last_failure: Trial | None = None
        self._has_warned_of_silence = False
        self._repetitions = Repetitions(parts.rewards, settings.time_attr)

    # -- the loop --------------------------------------------------------------------------

    def run(self, task: TrialTask, limits: Limits) -> str:
        """Run until the end; returns why it ended.

        Raises:
            TrialFailed: Too many trials failed, or all did.
            KeyboardInterrupt: Ctrl-C; all trials have been ended.
        """
        self._time_out = self._end_of_time(limits)
        self._task = task
        self._starts = Starts(self._parts, self._settings, limits, self._record, self._again)
        try:
            with Interrupts(self._executor.wake) as self._interrupts:
                try:
                    self._executor.open(task)
                    self._turn_until_done()
                finally:  # inside, so that no Ctrl-C can fall between the two
                    self._executor.close()
        except BaseException:
            self._abandon()
            raise
        finally:
            self.unfinished += self._starts.take_rest()
        if self._interrupts.seen:
            raise KeyboardInterrupt
        self._raise_if_hopeless()
        return self._ending or self._starts.refusal or "nothing is left to run"

    def _end_of_time(self, limits: Limits) -> float | None:
        """When what runs is ended: a little before the end of a time budget, as that takes time."""
        limit_s = limits.time_out
        if limit_s is None or self._parts.budget is None or self._parts.clock.jumps:
            return limit_s
        return limit_s - min(_FAREWELL_SHARE * limit_s, _FAREWELL_S)

    @property
    def alive_s(self) -> float:
        """Seconds this history has been run for, over all calls of ``run``."""
        return self._parts.clock.monotonic_s() - self._begin_s

    @property
    def _elapsed_s(self) -> float:
        """What policy and searcher take for the age of the run."""
        if isinstance(self._executor, VirtualOrder):
            return float(self._executor.times.now)
        return self.alive_s

    def _turn_until_done(self) -> None:
        best = self._history.best()
        if best is not None and self._settings.is_enough(self._settings.sign * best.reward):
            self._end_run("max_reward", stop=True)
        while True:
            self._starts.note_plans()
            wants_slot = self._fill_slots()
            if not self._running and not wants_slot:
                return
            self._executor.wait(self._patience_s(), self._apply)
            self._check_ends()

    def _patience_s(self) -> float | None:
        """How long the loop may sleep."""
        waits: list[float] = []
        if self._callbacks and not self._parts.clock.jumps:
            waits.append(_TICK_S)
        if self._settings.trial_time_out is not None and self._running:
            first_s = self._deadlines.first_s()
            if first_s is not None:
                waits.append(max(first_s - self._parts.clock.monotonic_s(), 0.0))
        if self._time_out is not None and self._kills_at_time_out():
            waits.append(max(self._time_out - self.alive_s, 0.0))
        return min(waits) if waits else None

    def _kills_at_time_out(self) -> bool:
        return self._settings.stop_jobs_after_time_out and not self._is_killing

    def _check_ends(self) -> None:
        """End the run if its time is over or somebody pressed Ctrl-C."""
        for callback in self._callbacks:
            callback.on_tick(self._parts.clock.now_s())
        if self._interrupts.seen and not self._is_killing:
            self._end_run("interrupted", kill=True)
        elif self._time_is_over() and (not self._ending or self._kills_at_time_out()):
            reason = "time_out" if self._parts.budget is None else "time_budget"
            self._end_run(reason, kill=self._kills_at_time_out())
        if self._settings.trial_time_out is not None:
            self._end_overdue_trials()

    def _end_overdue_trials(self) -> None:
        """End trials that have used up their own time."""
        for live in self._deadlines.take_overdue(self._parts.clock.monotonic_s()):
            trial_id = live.trial.trial_id
            if live.final_state is None:
                live.final_state = TrialState.TIMED_OUT
                logger.info(
                    "trial %d is ended: trial_time_out=%g seconds are over",
                    trial_id,
                    self._settings.trial_time_out,
                )
            self._executor.kill(trial_id)

    def _time_is_over(self) -> bool:
        return self._time_out is not None and self.alive_s >= self._time_out

    def _end_run(self, reason: str, *, stop: bool = False, kill: bool = False) -> None:
        """Start nothing new; stop what runs at its next report, kill it now, or leave it."""
        self._ending = self._ending or reason
        self._is_stopping |= stop
        logger.info("the run ends: %s", reason)
        if not kill:
            return
        self._is_killing = True
        for trial_id, live in self._running.items():
            live.final_state = live.final_state or TrialState.INTERRUPTED
            self._executor.kill(trial_id)

    def _abandon(self) -> None:
        """Record the end of trials that an exception in the loop cuts off."""
        for trial_id, live in self._running.items():
            # Not told to callbacks: the exception may be one of theirs.
            event = TrialEnded(trial_id, self._parts.clock.now_s(), TrialState.INTERRUPTED)
            self._history.apply(event)
            self._parts.journal.append(event)
            self.unfinished.append(_again(live))
        self._running.clear()

    def _raise_if_hopeless(self) -> None:
        history, failed = self._history, self._last_failure
        all_failed = history.num_failures == history.num_tried
        if failed is None or self._settings.max_failures is None:
            return
        if self._ending == "too many failures" or all_failed:
            raise hopeless(history, failed)

    # -- starting trials -------------------------------------------------------------------

    def _fill_slots(self) -> bool:
        """Start trials while slots are free; whether one more waits for a slot."""
        while not self._ending or self._starts.is_behind(
            self._is_stopping and not self._is_killing
        ):
            if self._time_out is not None and self._no_time_left():
                break
            if self._executor.free_slots <= 0:
                if not self._settings.delay_get_config:
                    self._starts.prepare_ahead(self._running.values(), self._elapsed_s)
                return not self._running
            start = self._starts.next(self._running.values(), self._elapsed_s)
            if start is None:
                break
            self._launch(start)
        return False

    def _no_time_left(self) -> bool:
        if self._time_is_over():
            self._check_ends()
            return True
        if not self._settings.predict_duration:
            return False
        history = self._history
        remaining = (self._time_out or math.inf) - self.alive_s
        if history.num_timed and remaining <= _FITS * history.busy_s / history.num_timed:
            self._end_run("time_out: another trial would not fit")
            return True
        return False

    def _launch(self, start: Launch) -> None:
        start = self._starts.ready(start)
        trial, live = start.live.trial, start.live
        if start.wish is not None:
            self._policy.on_start(trial.trial_id, start.wish)
        job = self._starts.job(live)
        if self._settings.trial_time_out is not None:
            left_s = self._settings.trial_time_out - trial.busy_s
            self._deadlines.add(live, self._parts.clock.monotonic_s() + left_s)
        self._running[trial.trial_id] = live
        self._record(start.started(self._parts.clock.now_s()))
        self._starts.note_plans()
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", start.announcement())
        self._parts.journal.commit()
        self._executor.submit(job)

    # -- news of running trials ------------------------------------------------------------

    def _apply(self, news: Sequence[ExecutorNews]) -> None:
        """Apply what has come in together, then answer those who wait."""
        answers: list[tuple[int, Decision]] = []
        for item in news:
            live = self._running.get(item.trial_id)
            if live is None:
                continue
            if isinstance(item, ReportReceived):
                decision = self._on_report(live, item)
                if decision is not None:
                    answers.append((item.trial_id, decision))
            else:
                self._on_exit(live, item)
        checkpoints = self._parts.checkpoints
        # Nobody hears of a decision, and no file is deleted for it, before it is on its way to
        # the disk.
        if answers or checkpoints.may_tidy:
            self._parts.journal.commit()
        checkpoints.tidy()
        for trial_id, decision in answers:
            self._executor.reply(trial_id, decision)

    def _on_report(self, live: LiveTrial, news: ReportReceived) -> Decision | None:
        """Record a report and decide on it; None if it was rejected."""
        trial, metrics = live.trial, news.metrics
        resource = news.resource or self._resource(trial, metrics)
        if resource <= live.known:
            self._note_checkpoint(trial, resource, news)
            self._repetitions.compare(trial, resource, metrics)
            return KNOWN_ALREADY
        rewards = self._parts.rewards
        reading = rewards.read(metrics)
        try:
            decision = decision_on(self._policy, trial.trial_id, resource, reading)
        except ReportError as error:
            self._executor.reject(trial.trial_id, str(error))
            return None
        rewards.accept(reading)
        if reading.computed:
            metrics.update(reading.computed)
        report = Reported(
            trial.trial_id,
            news.time_s,
            resource,
            reading.reward,
            self._row(metrics),
            news.checkpoint_bytes,
        )
        is_as_sent = not (self._adds_to_rows or reading.computed)
        self._record(report, news.metrics_json if is_as_sent else "")
        self._note_checkpoint(trial, resource, news)
        self._parts.feed.on_report(trial, report, decision)
        return self._carry_out(live, report, self._overruled(live, report, decision))

    def _note_checkpoint(self, trial: Trial, resource: int, news: ReportReceived) -> None:
        if news.checkpoint_bytes is not None:
            self._parts.checkpoints.add(trial.trial_id, resource, news.checkpoint_bytes)

    def _resource(self, trial: Trial, metrics: dict[str, Any]) -> int:
        """The resource a report stands for; without one, reports are counted."""
        resource = metrics.get(self._settings.time_attr)
        if type(resource) is int and resource > 0:
            return resource
        return len(trial.reports) + 1

    def _row(self, metrics: dict[str, Any]) -> dict[str, Any]:
        if self._adds_to_rows:
            searcher = self._parts.searcher
            if searcher.dataset_size():
                metrics["searcher_data_size"] = searcher.dataset_size()
            for name, value in searcher.model_parameters().items():
                metrics[f"searcher_params_{name}"] = value
        return metrics

    def _overruled(self, live: LiveTrial, report: Reported, decision: Decision) -> Decision:
        """The policy's decision, unless the run comes to its end or has no time for the trial."""
        if self._settings.is_enough(report.reward) and not self._ending:
            self._end_run("max_reward", stop=True)
        if self._is_stopping and decision.action is not Action.STOP:
            return stop_with_the_run(self._ending)
        return by_time(self._parts.budget, report, live.milestone, decision)

    def _carry_out(self, live: LiveTrial, report: Reported, decision: Decision) -> Decision:
        """Note what a decision means for the attempt and record it if it is one."""
        trial = live.trial
        if decision.next_milestone is not None:
            live.milestone = decision.next_milestone
        if decision.action is not Action.CONTINUE:
            live.final_state = state_after(decision, report)
        if decision.action is not Action.CONTINUE or decision.standing is not None:
            self._record(Decided(trial.trial_id, report.time_s, report.resource, decision))
            if logger.isEnabledFor(logging.INFO):
                logger.info(
                    "trial %d at %s=%d, %s=%g: %s: %s",
                    trial.trial_id,
                    self._settings.time_attr,
                    report.resource,
                    self._settings.reward_attr,
                    self._history.to_users_sign(report.reward),
                    decision.action.value,
                    decision.reason,
                )
        return decision

    def _on_exit(self, live: LiveTrial, news: Exited) -> None:
        trial = live.trial
        del self._running[trial.trial_id]
        state = state_at_exit(live.final_state, news.outcome)
        self._record(
            TrialEnded(
                trial.trial_id,
                news.time_s,
                state,
                news.error,
                news.traceback_text,
                news.exit_code,
                news.evidence,
            )
        )
        self._parts.checkpoints.on_exit(trial)
        if goes_on_later(trial, state, self._settings.max_retries):
            self._on_cut_off(live)
            return
        self._policy.on_exit(trial.trial_id, state)
        self._parts.feed.on_exit(trial)
        if state.is_failure:
            self._on_failure(trial)
        elif state is TrialState.COMPLETED and not trial.reports:
            self._warn_of_silence(trial)

    def _on_cut_off(self, live: LiveTrial) -> None:
        """Start a trial again whose process vanished; in a later run, if this one ends."""
        trial = live.trial
        if trial.state is TrialState.LOST:
            number, limit = trial.losses, self._settings.max_retries
            logger.warning(
                "trial %d: %s; it starts again (retry %d of %d)",
                trial.trial_id,
                trial.error,
                number,
                limit,
            )
            again = _again(live, f"its process vanished; retry {number} of {limit}")
        else:
            again = _again(live)
        if self._ending:
            self.unfinished.append(again)
        else:
            self._starts.retry(again)

    def _warn_of_silence(self, trial: Trial) -> None:
        if not self._has_warned_of_silence:
            logger.warning(
                "trial %d has ended without a report; call reporter(%s) or return %s (said once)",
                trial.trial_id,
                ", ".join(f"{name}=..." for name in self._settings.reported_names),
                "the reward" if self._settings.objectives is None else "a dict of them",
            )
        self._has_warned_of_silence = True

    def _on_failure(self, trial: Trial) -> None:
        self._last_failure = trial
        tail = "\n".join(self._executor.log(trial.trial_id)[-20:])
        folders = self._task.folders
        where = ""
        if tail and folders is not None and not folders.is_temporary:
            where = f"\nAll of its output: {folders.log(trial.trial_id)}"
        logger.error(
            "trial %d %s: %s%s%s%s",
            trial.trial_id,
            trial.state.value.replace("_", " "),
            trial.error,
            f"\n{trial.traceback_text.rstrip()}" if trial.traceback_text else "",
            f"\nIts last output:\n{tail}" if tail else "",
            where,
        )
        history = self._history
        if not self._ending and self._settings.gives_up(history.num_failures, history.num_tried):
            self._end_run("too many failures", kill=True)

    def _record(self, event: Event, metrics_json: str = "") -> None:
        self._history.apply(event)
        self._parts.journal.append(event, metrics_json)
        for callback in self._callbacks:
            callback.on_event(event)


def _again(live: LiveTrial, reason: str = CUT_OFF) -> Launch:
    """The attempt that takes the place of one that was cut off."""
    return start_again(live.trial, live.resume_from, live.milestone, reason)
