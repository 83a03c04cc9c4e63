"""What a command prints when a run is over: the best, how it was found, what it cost."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich.text import Text

from agcore.callbacks.progress import duration
from agcore.cli.page import Page, aligned, counted, seconds_text
from agcore.objectives import Objectives
from agcore.trade_offs import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from agcore.history import Trial
    from agcore.tuning import TuneResult

_INCUMBENTS_SHOWN = 15
_FRONT_SHOWN = 15
_ERRORS_SHOWN = 5
_ERROR_CHARS = 160
_TRIAL_IDS_SHOWN = 4
_TRACEBACK_LINES = 15
_OUTPUT_LINES = 5
_KEY_CHARS = 32


class Summary(Page):
    """Writes about a run to standard output: tables on a terminal, plain text elsewhere.

    Args:
        result: The run.
        console: Where to write; by default standard output.
    """

    def __init__(self, result: TuneResult, console: Console | None = None) -> None:
        super().__init__(console)
        self._result = result
        self._history = result.scheduler.history
        settings = result.settings
        self._reward, self._resource = settings["reward_attr"], settings["time_attr"]
        self._objectives = Objectives.of_settings(settings)
        self._has_best = self._objectives is None or bool(settings.get("scalarization"))

    @property
    def has_rewards(self) -> bool:
        """Whether there is anything to draw."""
        return any(trial.reports for trial in self._result.trials.values())

    def write(self) -> None:
        """Write everything there is to say; what matters most stands where the eye is."""
        self._write_title()
        if self._objectives is None:  # else the scale has changed on the way
            self._write_incumbents()
        self._write_time()
        self._write_failures()
        if self._has_best:
            self._write_best()
        if self._objectives is not None:
            self._write_front(self._objectives)

    # -- parts -----------------------------------------------------------------------------

    def _write_title(self) -> None:
        settings, trials = self._result.settings, self._result.trials
        self._heading(
            f"{settings['scheduler']}, {settings['searcher']}, seed {settings['seed']}: "
            f"{counted(len(trials), 'trial')} in {duration(self._result.time_spent.run_s)}"
        )
        if "picked_because" in settings:
            self._prose(
                Text(f"{settings['searcher']} was picked, because {settings['picked_because']}.")
            )
        if "simulated" in settings:
            self._prose(Text(f"Simulated with the curves of {settings['simulated']}."))
        self._out.line()

    def _write_best(self) -> None:
        best = self._result.scheduler.best()
        if best is None:
            return
        self._heading(
            f"Best {self._reward}: {best.reward:.6g} in trial {best.trial_id} at "
            f"{self._resource} {best.resource}"
        )
        width = min(_KEY_CHARS, max(map(len, best.config), default=0))
        for key, value in best.config.items():
            self._line(f"{key:<{width}}  {_value(value)}")
        self._out.line()

    def _write_front(self, objectives: Objectives) -> None:
        trial_value = self._result.settings.get("trial_value", "best")
        front = pareto_front(self._history, objectives, trial_value)
        if not front:
            return
        trials = counted(len({point.trial_id for point in front}), "trial")
        self._heading(f"Pareto front: {counted(len(front), 'report')} of {trials}")
        columns = [
            aligned([point.objectives[name] for point in front]) for name in objectives.names
        ]
        rows = [
            (str(point.trial_id), str(point.resource), *values)
            for point, *values in zip(front, *columns, strict=True)
        ]
        if len(rows) > _FRONT_SHOWN:
            head = _FRONT_SHOWN // 2
            dots = ("...",) * len(rows[0])
            rows = [*rows[:head], dots, *rows[head + 1 - _FRONT_SHOWN :]]
        self._table(("trial", self._resource, *objectives.names), rows)
        self._out.line()

    def _write_incumbents(self) -> None:
        found = self._result.incumbents
        if not found:
            return
        self._heading("The best so far, each time it changed")
        run_s = self._result.time_spent.run_s
        rewards = aligned([incumbent.reward for incumbent in found])
        rows = [
            (seconds_text(i.elapsed_s, run_s), str(i.trial_id), str(i.resource), reward)
            for i, reward in zip(found, rewards, strict=True)
        ]
        if len(rows) > _INCUMBENTS_SHOWN:
            head = _INCUMBENTS_SHOWN // 3
            tail = _INCUMBENTS_SHOWN - head - 1
            rows = [*rows[:head], ("...",) * 4, *rows[-tail:]]
        self._table(("seconds", "trial", self._resource, self._reward), rows)
        self._out.line()

    def _write_time(self) -> None:
        spent = self._result.time_spent
        slots = f"{spent.slots} trials at once" if spent.slots > 1 else "one trial at a time"
        self._heading(f"Where the time went: {duration(spent.run_s)}, {slots}")
        count = sum(spent.trials_by_state.values())
        rows = [*spent.rows(), ("all slots", count, spent.total_s)]
        self._table(
            ("", "trials", "seconds", "share"),
            [
                (
                    what,
                    "" if trials is None else f"{trials:,}",
                    seconds_text(seconds, spent.total_s),
                    f"{100 * spent.share(seconds):.1f}%",
                )
                for what, trials, seconds in rows
            ],
            first_is_text=True,
        )
        configs = counted(count, "config")
        self._prose(Text(f"The searcher took {spent.suggest_s:.2g} s to propose {configs}."))
        self._out.line()

    def _write_failures(self) -> None:
        failed = [t for t in self._result.trials.values() if t.state.is_failure]
        if not failed:
            return
        self._heading(f"Failures: {len(failed):,} of {len(self._result.trials):,} trials")
        by_error: defaultdict[str, list[Trial]] = defaultdict(list)
        for trial in failed:
            by_error[trial.error or trial.state.value.replace("_", " ")].append(trial)
        common_first = sorted(by_error.items(), key=lambda item: -len(item[1]))
        for error, trials in common_first[:_ERRORS_SHOWN]:
            self._prose(Text(f"{_cut(error)}  ({_named(trials)})"))
        if len(by_error) > _ERRORS_SHOWN:
            self._line(f"... and {len(by_error) - _ERRORS_SHOWN} other errors")
        self._write_last_words(failed[-1])
        self._out.line()

    def _write_last_words(self, trial: Trial) -> None:
        """Traceback and output of a failed trial, and how to see more."""
        trace = trial.traceback_text.rstrip().splitlines()
        output = self._result.scheduler.log(trial.trial_id)
        self._quote(f"Traceback of trial {trial.trial_id}:", trace, _TRACEBACK_LINES)
        self._quote(f"Last output of trial {trial.trial_id}:", output, _OUTPUT_LINES)
        where = self._result.scheduler.log_file(trial.trial_id)
        if where is not None and output:
            self._line(f"All of its output: {where}")
        hint = "--debug-log shows each failure as it happens, with traceback and output."
        self._prose(Text(hint))


def _value(value: object) -> str:
    """A value of a config; a float keeps its point, text its quotes."""
    if not isinstance(value, float):
        return repr(value)
    text = f"{value:.6g}"
    return text if set(text) & set(".en") else f"{text}.0"


def _cut(text: str) -> str:
    return text if len(text) <= _ERROR_CHARS else f"{text[: _ERROR_CHARS - 3]}..."


def _named(trials: Sequence[Trial]) -> str:
    """Which trials, by number; the first few of many."""
    ids = ", ".join(str(trial.trial_id) for trial in trials[:_TRIAL_IDS_SHOWN])
    if len(trials) == 1:
        return f"trial {ids}"
    dots = ", ..." if len(trials) > _TRIAL_IDS_SHOWN else ""
    return f"{len(trials)} trials: {ids}{dots}"
