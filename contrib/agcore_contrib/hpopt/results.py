"""The table that `HpOpt.print_results` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NUMBER_WIDTH, _SCORE_WIDTH, _LEAST_WIDTH = 5, 21, 20


def table(names: Sequence[str], rows: Sequence[tuple[int, Mapping[str, Any], float]]) -> str:
    """Trials as lines with bars between the columns.

    Args:
        names: Of the hyperparameters.
        rows: Number, values and score of each trial; trials are shown counted from 1.
    """
    widths = [max(_LEAST_WIDTH, len(name) + 2) for name in names]
    lines = [_line("#", [f"{n:^{w}}" for n, w in zip(names, widths, strict=True)], "score")]
    for trial_id, params, score in rows:
        cells = [f"{params[n]!s:^{w}}" for n, w in zip(names, widths, strict=True)]
        lines.append(_line(str(trial_id + 1), cells, f"{score:.10g}"))
    return "\n".join(lines)


def _line(number: str, cells: Sequence[str], score: str) -> str:
    middle = "|".join(cells)
    return f"|{number:^{_NUMBER_WIDTH}}|{middle}|{score:^{_SCORE_WIDTH}}|"
