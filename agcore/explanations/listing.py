"""All trials of a run, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore.explanations.expectations import Expectation
from agcore.explanations.words import Words
from agcore.records import Action, TrialState
from agcore.trade_offs import pareto_front

if TYPE_CHECKING:
    from agcore.history import RunHistory, Trial

_WIDTH = 80
_GAP = "  "
_ORIGIN_CHARS = 12
_LEAST_FATE_CHARS = 16


def explain_trials(history: RunHistory, *, width: int = _WIDTH) -> str:
    """A table of all trials: where the config came from, what was expected, what became of it.

    Args:
        history: The run, finished or not.
        width: Columns; the last one is cut short.
    """
    words = Words.of(history)
    best = history.best() if words.objectives is None else None
    front = _trials_in_front(history, words)
    rows = [("trial", "origin", "expected", words.reward, "fate")]
    for trial in history.trials.values():
        expected = Expectation.of(trial)
        value = history.value_of(trial)
        mark = "in the front: " if trial.trial_id in front else ""
        if best is not None and best.trial_id == trial.trial_id:
            mark = "the best: "
        rows.append(
            (
                str(trial.trial_id),
                _cut(trial.origin, _ORIGIN_CHARS),
                "" if expected is None else expected.brief(words),
                "" if value is None else words.value(value.reward),
                f"{mark}{_fate(trial, words)}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = max(width - sum(widths[:-1]) - 4 * len(_GAP), _LEAST_FATE_CHARS)
    return "\n".join(_line(row, widths, room) for row in rows)


def _trials_in_front(history: RunHistory, words: Words) -> set[int]:
    """Ids of the trials in the Pareto front; none without several objectives."""
    if words.objectives is None:
        return set()
    front = pareto_front(history, words.objectives, words.settings.get("trial_value", "best"))
    return {point.trial_id for point in front}


def _line(row: tuple[str, ...], widths: list[int], room: int) -> str:
    number, origin, expected, reward, fate = row
    cells = (
        f"{number:>{widths[0]}}",
        f"{origin:<{widths[1]}}",
        f"{expected:<{widths[2]}}",
        f"{reward:>{widths[3]}}",
        _cut(fate, room),
    )
    return _GAP.join(cells).rstrip()


def _fate(trial: Trial, words: Words) -> str:
    """What has become of a trial, in a few words."""
    if not trial.attempts:
        return "not started yet"
    text = trial.state.value.replace("_", " ")
    if trial.reports:
        text += f" at {words.at(trial.resource)}"
    if trial.state.is_failure and trial.error:
        return f"{text}: {trial.error.strip().splitlines()[-1]}"
    last = trial.decisions[-1].decision if trial.decisions else None
    if last is None or last.action is Action.CONTINUE or last.standing is None:
        return text
    if trial.state in (TrialState.STOPPED, TrialState.PAUSED):
        text += f", rank {last.standing.rank}/{last.standing.size}"
    return text


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
