"""What a search leaves: files, and a summary in text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.errors import JournalError
from agcore.json_values import with_names
from agcore.run_directory import write_json
from agcore_contrib.otx.trial import best_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agcore_contrib.otx.bracket import Bracket
    from agcore_contrib.otx.trial import Trial


def save_brackets(folder: Path, brackets: Mapping[int, Bracket]) -> None:
    """Write a folder for each bracket: its rungs and its trials, each file in one piece.

    Raises:
        JournalError: They cannot be written.
    """
    for number, bracket in brackets.items():
        place = folder / str(number)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{place} cannot be made: {error.strerror}") from error
        write_json(place / "rung_status.json", bracket.record())
        for trial in bracket.trials:
            write_json(place / f"{trial.id}.json", with_names(trial.record()))


def summary(mode: str, brackets: Mapping[int, Bracket], best: Mapping[str, Any] | None) -> str:
    """The best config, the brackets and all their trials, in lines of text."""
    lines = ["HPO result"]
    if best is None:
        lines.append("no trial has a score")
    else:
        lines.append(f"best trial: id {best['id']}, config {dict(best['config'])}")
    lines.append(f"number of brackets: {len(brackets)}")
    for number, bracket in brackets.items():
        lines += _bracket_lines(mode, number, bracket)
    return "\n".join(lines)


def _bracket_lines(mode: str, number: int, bracket: Bracket) -> list[str]:
    rungs = ", ".join(f"{rung.num_required} x {rung.iteration}" for rung in bracket.rungs)
    lines = [
        f"bracket {number}: {len(bracket.trials)} trials, mode {mode}, "
        f"reduction factor {bracket.reduction_factor}, trials x epochs: {rungs}"
    ]
    best = best_of(list(bracket.trials), mode)
    if best is not None:
        lines.append(f"  best: {trial_line(best, mode)}")
    return [*lines, *(f"  {trial_line(trial, mode)}" for trial in bracket.trials)]


def trial_line(trial: Trial, mode: str) -> str:
    """What became of a trial, in one line."""
    score = trial.best_score(mode)
    shown = "no score" if score is None else f"score {score:g}"
    failed = ", failed" if trial.has_failed else ""
    return f"id {trial.id}: {shown} after {trial.progress} epochs{failed}, {trial.configuration}"
