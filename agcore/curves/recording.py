"""Learning curves as they were recorded: by a run of agcore, or in a file of JSON lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number
from agcore.errors import SpecError
from agcore.json_values import with_numbers
from agcore.records import Reported, RunStarted, TrialStarted, TrialState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agcore.history import RunHistory, Trial
    from agcore.jobs import Config, Metrics


@dataclass(frozen=True, slots=True)
class RecordedCurve:
    """What one config reported, and what that cost.

    Attributes:
        config: The config.
        reports: Metrics of each report, the resource among them.
        seconds: Seconds from the report before, of the first from the start; as many.
        cut: Why the curve ends where the config would have gone on; empty if it would not.
    """

    config: Config
    reports: tuple[Metrics, ...]
    seconds: tuple[float, ...]
    cut: str = ""

    def up_to(self, resource: int, time_attr: str) -> RecordedCurve:
        """This curve without what comes after ``resource``."""
        count = sum(report[time_attr] <= resource for report in self.reports)
        reaches = count > 0 and self.reports[count - 1][time_attr] == resource
        cut = "" if reaches or count < len(self.reports) else self.cut
        return RecordedCurve(self.config, self.reports[:count], self.seconds[:count], cut)

    def only(self, names: Sequence[str]) -> RecordedCurve:
        """This curve with no other metrics than those of ``names``."""
        reports = tuple({k: v for k, v in r.items() if k in names} for r in self.reports)
        return RecordedCurve(self.config, reports, self.seconds, self.cut)


# -- rows of a file ------------------------------------------------------------------------


def curve_of_row(row: Mapping[str, Any], time_attr: str, where: str) -> RecordedCurve:
    """The curve in one line of a file.

    Args:
        row: ``config``; ``seconds`` of each report, or ``elapsed`` until it; a list of as many
            values for each metric. The resource counts from 1 if there is no list of it.
            ``cut``, if the curve ends before its end. Anything else that is no list is left out.
        time_attr: Name of the resource.
        where: What to call the row in messages.

    Raises:
        SpecError: Something is missing, or the lists differ in length.
    """
    config = row.get("config")
    if not isinstance(config, Mapping):
        raise SpecError(f"{where} has no config; each needs one, as 'config': {{'lr': 0.1}}")
    seconds = _seconds_of(row, where)
    columns = {
        name: with_numbers(values)
        for name, values in row.items()
        if isinstance(values, list) and name not in ("seconds", "elapsed")
    }
    columns.setdefault(time_attr, list(range(1, len(seconds) + 1)))
    for name, values in columns.items():
        if len(values) != len(seconds):
            raise SpecError(
                f"{where} has {len(values)} values of {name!r} and {len(seconds)} of seconds; "
                "each report needs one of both"
            )
    reports = tuple(dict(zip(columns, values, strict=True)) for values in zip(*columns.values()))  # noqa: B905 - checked above
    return RecordedCurve(dict(config), reports, seconds, str(row.get("cut", "")))


def _seconds_of(row: Mapping[str, Any], where: str) -> tuple[float, ...]:
    """What each report has cost."""
    if isinstance(row.get("seconds"), list):
        costs = row["seconds"]
    elif isinstance(row.get("elapsed"), list):
        costs = [after - before for before, after in pairwise([0.0, *row["elapsed"]])]
    else:
        raise SpecError(
            f"{where} has neither 'seconds', a list of what each report cost, nor 'elapsed', the "
            "seconds that had passed by then; add one of them"
        )
    rule = "at least 0 in each report, and elapsed must not fall"
    for cost in costs:
        if finite_number(f"seconds of {where}", cost, rule) < 0:
            raise SpecError(f"seconds of {where}={cost!r} must be {rule}")
    return tuple(map(float, costs))


def row_of_curve(curve: RecordedCurve) -> dict[str, Any]:
    """What `curve_of_row` makes the curve of; metrics that a report lacks are None there."""
    names = dict.fromkeys(name for report in curve.reports for name in report)
    columns = {name: [report.get(name) for report in curve.reports] for name in names}
    row = {"config": curve.config, **columns, "seconds": list(curve.seconds)}
    return {**row, "cut": curve.cut} if curve.cut else row


# -- a run ---------------------------------------------------------------------------------


def time_attr_of(history: RunHistory) -> str:
    """The name that a run has for its resource."""
    first = history.events[0] if history.events else None
    if not isinstance(first, RunStarted):
        raise SpecError("the run has no events; run it first, or pass the directory of one")
    return str(first.settings.get("time_attr", "epoch"))


def trials_with_curves(history: RunHistory) -> list[Trial]:
    """The trials that have reported or failed, by number; copies lack their beginning."""
    return [
        trial
        for trial in history.trials.values()
        if not trial.begin and (trial.reports or trial.state.is_failure)
    ]


def curves_of_run(history: RunHistory, time_attr: str) -> Iterator[RecordedCurve]:
    """The curves of all trials that have reported or failed, by trial.

    Copies that went on with the training of another trial have no curve of their own config.
    """
    seconds = _seconds_in(history)
    for trial in trials_with_curves(history):
        reports = tuple({**r.metrics, time_attr: r.resource} for r in trial.reports)
        yield RecordedCurve(
            dict(trial.config), reports, tuple(seconds.get(trial.trial_id, ())), _cut(trial)
        )


def _cut(trial: Trial) -> str:
    if trial.state in (TrialState.COMPLETED, TrialState.DIVERGED):
        return ""
    if trial.state.is_failure:
        return f"trial {trial.trial_id} failed there: {trial.error}"
    return f"trial {trial.trial_id} was {trial.state.value.replace('_', ' ')} there"


def _seconds_in(history: RunHistory) -> dict[int, list[float]]:
    """What each report of each trial has cost.

    The first report after a break costs what the trial's reports before it did on average, for
    the record does not say what was computed once more; unless the trial has checkpoints.
    """
    costs: dict[int, list[float]] = {}
    heard_s: dict[int, float] = {}
    is_after_break: dict[int, bool] = {}
    reached: dict[int, int] = {}
    for event in history.events:
        if isinstance(event, TrialStarted):
            heard_s[event.trial_id] = event.time_s
            has_files = any(
                report.checkpoint_bytes is not None and report.time_s <= event.time_s
                for report in history.trials[event.trial_id].reports
            )
            is_after_break[event.trial_id] = event.attempt > 0 and not has_files
        elif isinstance(event, Reported):
            trial_id = event.trial_id
            of_trial, before = costs.setdefault(trial_id, []), reached.get(trial_id, 0)
            cost_s = max(0.0, event.time_s - heard_s[trial_id])
            if is_after_break.get(trial_id) and of_trial:
                cost_s = math.fsum(of_trial) / before * (event.resource - before)
            of_trial.append(round(cost_s, 6))
            heard_s[trial_id], reached[trial_id] = event.time_s, event.resource
            is_after_break[trial_id] = False
    return costs
