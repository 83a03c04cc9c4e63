"""Progress of a run: a few live lines on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from agcore.callbacks.base import Callback, RunView
from agcore.callbacks.screens import screen_for
from agcore.objectives import SCALARIZATION
from agcore.records import PlanChanged, TrialEnded, TrialStarted, TrialState
from agcore.running_time import RunningTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from agcore.callbacks.screens import Screen
    from agcore.history import BestTrial
    from agcore.jobs import Config
    from agcore.records import Event

logger = logging.getLogger(__name__)

_CONFIG_LINES = 3


class Progress(Callback):
    """Shows how many trials run, for how long, and the best so far.

    On a terminal a few lines are drawn over up to five times a second, in a notebook one
    output is replaced, and elsewhere a line is written after a few seconds, then less and
    less often. Whatever goes wrong in showing it, the run goes on.

    Args:
        console: Where to write; by default standard error.
        keeps_last: Whether the last lines stay on the terminal when the run is over.
    """

    def __init__(self, console: Console | None = None, *, keeps_last: bool = True) -> None:
        self._console = console
        self._keeps_last = keeps_last
        self._screen: Screen | None = None
        self._plan: Mapping[str, Any] | None = None

    # -- called by the run -----------------------------------------------------------------

    def on_start(self, view: RunView) -> None:
        """Begin."""
        self._view = view
        self._clock = RunningTime(view.history.events)
        self._now_s = self._drawn_s = self._clock.last_s
        plans = [event.plan for event in view.history.events if isinstance(event, PlanChanged)]
        self._plan = plans[-1] if plans else None
        self._state_of = {t.trial_id: t.state for t in view.history.trials.values() if t.attempts}
        self._states = Counter(self._state_of.values())
        try:
            console = self._new_console()
            for remark in view.remarks:
                console.print(remark, highlight=False)
            self._screen = screen_for(console, keeps_last=self._keeps_last)
        except Exception as error:  # noqa: BLE001  the run matters more
            self._give_up(error)
        if self._screen is not None and not self._screen.is_brief:
            self._draw()

    def on_event(self, event: Event) -> None:
        """Count the trials in each state; nothing is drawn here."""
        if isinstance(event, TrialStarted):
            self._enter(event.trial_id, TrialState.RUNNING)
        elif isinstance(event, TrialEnded):
            self._enter(event.trial_id, event.state)
        elif isinstance(event, PlanChanged):
            self._plan = event.plan

    def on_tick(self, now_s: float) -> None:
        """Draw, if enough time has passed."""
        self._now_s = now_s
        if self._screen is None:
            return
        waited_s = now_s - self._drawn_s
        if waited_s >= self._screen.pause_s or waited_s < 0:  # the clock was set back
            self._drawn_s = now_s
            self._draw()

    def on_end(self, reason: str) -> None:
        """Draw a last time and leave the terminal as it was."""
        screen, self._screen = self._screen, None
        if screen is not None:
            self._now_s = max(self._now_s, self._view.history.events[-1].time_s)
            try:
                screen.close(self._lines_for(screen))
            except Exception as error:  # noqa: BLE001  the run matters more
                self._give_up(error)

    def _enter(self, trial_id: int, state: TrialState) -> None:
        before = self._state_of.get(trial_id)
        if before is not None:
            self._states[before] -= 1
        self._states[state] += 1
        self._state_of[trial_id] = state

    def _new_console(self) -> Console:
        from rich.console import Console

        return self._console or Console(stderr=True)

    def _draw(self) -> None:
        screen = self._screen
        if screen is None:
            return
        try:
            screen.draw(self._lines_for(screen))
        except Exception as error:  # noqa: BLE001  the run matters more
            self._screen = None
            self._give_up(error)
            _close_quietly(screen)

    def _give_up(self, error: Exception) -> None:
        logger.warning("progress can no longer be shown: %r; the run goes on", error)

    # -- what is shown ---------------------------------------------------------------------

    def _lines_for(self, screen: Screen) -> list[str]:
        lines = self.lines(screen.width)
        return [f"{lines[0]}; {lines[1]}; {lines[2]}"] if screen.is_brief else lines

    def lines(self, width: int = 80) -> list[str]:
        """What there is to say now: time, trials, best reward, best config.

        Args:
            width: No line is longer.
        """
        view = self._view
        # Numbers made of several objectives are on the scale that was known when they came.
        best = None if view.reward_attr == SCALARIZATION else view.history.best()
        lines = [f"{self._time()}, {view.title}", self._trials(), self._best(best)]
        if best is not None:
            lines += wrapped_config(best.config, width, _CONFIG_LINES)
        if self._plan is not None:
            lines.append(_planned(self._plan, self._view.time_attr))
        return [_fitted(line, width) for line in lines]

    def _time(self) -> str:
        elapsed = duration(self._clock.at(self._now_s))
        limit_s = self._view.time_out
        if limit_s is None:
            return elapsed
        text = f"{elapsed} of {duration(limit_s)}"
        if not self._view.is_budget:
            return text
        end_s = self._now_s + limit_s - self._clock.at(self._now_s)
        return f"{text}, ends at {time.strftime('%H:%M:%S', time.localtime(end_s))}"

    def _trials(self) -> str:
        limit = self._view.num_trials
        of = "" if limit is None else f" of {limit:,}"
        running = self._states[TrialState.RUNNING]
        others = ", ".join(
            f"{self._states[state]:,} {state.value.replace('_', ' ')}"
            for state in TrialState
            if state is not TrialState.RUNNING and self._states[state] > 0
        )
        count = sum(self._states.values())
        noun = "trial" if count == 1 and not of else "trials"
        return f"{count:,}{of} {noun}: {running:,} running" + (f", {others}" if others else "")

    def _best(self, best: BestTrial | None) -> str:
        reward = self._view.reward_attr
        if reward == SCALARIZATION:
            return "several objectives, see get_pareto_front()"
        if best is None:
            return f"no {reward} yet"
        return (
            f"best {reward} {best.reward:.6g} in trial {best.trial_id} at "
            f"{self._view.time_attr} {best.resource}"
        )


def _planned(plan: Mapping[str, Any], time_attr: str) -> str:
    """What a time budget is to be used for, in a line."""
    epochs = plan.get("epochs")
    text = f"plan: {plan['num_trials']:,} trials"
    if epochs is not None:
        text += f", up to {time_attr} {epochs:,}"
    late_s = plan.get("finish_p95_s")
    if late_s is None:
        return f"{text}; nothing measured yet"
    limit_s = plan.get("budget_s") or late_s
    half_s = plan.get("finish_p50_s") or late_s
    return (
        f"{text}; done at p50 {duration(min(half_s, limit_s))}, "
        f"p95 {duration(min(late_s, limit_s))}"
    )


def _close_quietly(screen: Screen) -> None:
    """Give a terminal back that could not be drawn on."""
    try:
        screen.close([])
    except Exception as error:  # noqa: BLE001  it failed before, too
        logger.debug("the progress display could not be closed: %r", error)


def duration(seconds: float) -> str:
    """Seconds in words that people read at a glance."""
    whole = int(seconds)
    if seconds < 10 and seconds != whole:
        return f"{seconds:.1f} s"
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 120:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def short_value(value: object) -> str:
    """A value of a config in few characters."""
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


def wrapped_config(config: Config, width: int, max_lines: int) -> list[str]:
    """A config as indented lines ``key=value  key=value``; what does not fit is counted."""
    pairs = [f"{key}={short_value(value)}" for key, value in config.items()]
    lines: list[list[str]] = []
    for pair in pairs:
        if lines and _has_room_for(f"  {pair}", lines[-1], width):
            lines[-1].append(pair)
        elif len(lines) < max_lines:
            lines.append([pair])
        else:
            break
    if not lines:
        return []
    left_out = len(pairs) - sum(map(len, lines))
    while left_out and len(lines[-1]) > 1 and not _has_room_for(_more(left_out), lines[-1], width):
        lines[-1].pop()
        left_out += 1
    suffix = _more(left_out)
    texts = [_fitted(_joined(line), width) for line in lines[:-1]]
    return [*texts, _fitted(_joined(lines[-1]), width - len(suffix)) + suffix]


def _has_room_for(suffix: str, pairs: list[str], width: int) -> bool:
    from rich.cells import cell_len

    return cell_len(_joined(pairs)) + len(suffix) <= width


def _more(count: int) -> str:
    return f"  and {count} more" if count else ""


def _joined(pairs: list[str]) -> str:
    return "  " + "  ".join(pairs)


def _fitted(line: str, width: int) -> str:
    """The line, cut to ``width`` columns with dots at its end if it is longer."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(line) <= width:
        return line
    dots = "..."[: max(0, width)]
    return set_cell_size(line, max(0, width - len(dots))) + dots
