"""One trial explained: its proposal, its course, and how it compares with the best."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from agcore.errors import SpecError
from agcore.explanations.course import Course
from agcore.explanations.proposals import ProposalAccount
from agcore.explanations.words import Words, counted, ranked, values_of
from agcore.records import TrialState
from agcore.running_time import RunningTime
from agcore.trade_offs import pareto_front

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.history import BestTrial, RunHistory, Trial
    from agcore.objectives import Objectives
    from agcore.trade_offs import ParetoPoint

WIDTH = 80
_INDENT = "  "
_POINTS_SHOWN = 3


def explain_trial(history: RunHistory, trial_id: int | str, *, width: int = WIDTH) -> str:
    """Why a trial was proposed, what became of it and why, in sentences.

    Args:
        history: The run, finished or not.
        trial_id: The trial, as a number or as ``training_history`` names it.
        width: Columns; longer words stay whole.

    Raises:
        SpecError: The run has no such trial.
    """
    trial = _trial_of(history, trial_id)
    words, clock = Words.of(history), RunningTime(history.events)
    lines = [
        *_wrapped(_headline(history, trial, words), width),
        *_wrapped(values_of(trial.config), width, _INDENT),
        "",
        "Why it was proposed",
    ]
    for paragraph in ProposalAccount(history, trial, words, clock).paragraphs():
        lines += _wrapped(paragraph, width, _INDENT)
    lines += ["", "What happened"]
    moments = list(Course(history, trial, words, clock).moments())
    column = max((len(f"{moment.elapsed_s:.1f}") for moment in moments), default=0)
    hanging = " " * (len(_INDENT) + column + len(" s  "))
    for moment in moments:
        first = f"{_INDENT}{moment.elapsed_s:>{column}.1f} s  "
        lines += _wrapped(moment.text, width, first, hanging)
    lines += ["", "How it compares"]
    lines += _wrapped(" ".join(_comparison(history, trial, words)), width, _INDENT)
    return "\n".join(lines)


def _trial_of(history: RunHistory, trial_id: int | str) -> Trial:
    number = int(trial_id) if str(trial_id).isdecimal() else -1
    if number in history.trials:
        return history.trials[number]
    count = len(history.trials)
    known = {0: "the run has no trials yet", 1: "the run has trial 0 only"}.get(
        count, f"the run has trials 0 to {count - 1}"
    )
    raise SpecError(f"there is no trial {trial_id!r}: {known}; pass one of their numbers")


def _headline(history: RunHistory, trial: Trial, words: Words) -> str:
    state = trial.state.value.replace("_", " ")
    if not trial.attempts:
        state = "not started yet"
    at = f" at {words.at(trial.resource)}" if trial.reports else ""
    value = history.value_of(trial)
    found = f", {words.reported(value)}" if value is not None else ""
    if value is not None and value.resource != trial.resource:
        found += f" at {words.at(value.resource)}"
    return f"Trial {trial.trial_id}: {state}{at}{found}"


# -- compared with the others --------------------------------------------------------------


def _comparison(history: RunHistory, trial: Trial, words: Words) -> Iterator[str]:
    best, value = history.best(), history.value_of(trial)
    if value is None:
        yield f"It has no {words.reward} that counts."
    elif not trial.state.counts_for_best:
        what = "diverged" if trial.state is TrialState.DIVERGED else "failed"
        yield f"It {what}, so its {words.reward} of {words.value(value.reward)} does not count."
    if best is None:
        yield "Nor has any other trial." if value is None else "No other trial has one that does."
    elif words.objectives is not None:
        yield from _beside_the_front(history, trial, words, words.objectives)
    elif best.trial_id == trial.trial_id:
        yield from _as_the_best(history, trial, words)
    else:
        yield from _behind(history, trial, best, words)
    if trial.busy_s > 0.0:
        attempts = f" in {trial.attempts} attempts" if trial.attempts > 1 else ""
        yield f"It took {trial.busy_s:.1f} s{attempts}."


def _beside_the_front(
    history: RunHistory, trial: Trial, words: Words, objectives: Objectives
) -> Iterator[str]:
    """How a trial stands to the Pareto front.

    Rewards made of several objectives are on the scale that was known when they came, so trials are
    not ranked by them here.
    """
    front = pareto_front(history, objectives, words.settings.get("trial_value", "best"))
    own = [point for point in front if point.trial_id == trial.trial_id]
    trials = counted(len({point.trial_id for point in front}), "trial")
    whole = f"the Pareto front of the run, {counted(len(front), 'report')} of {trials}"
    if own:
        yield f"It is in {whole}, with {_listed(own, words, objectives)}."
        return
    yield f"It is not in {whole}."
    value = history.value_of(trial)
    if value is None or not trial.state.counts_for_best:
        return
    vector = objectives.vector(value.metrics)
    beating = [
        point
        for point in front
        if all(a >= b for a, b in zip(objectives.vector(point.metrics), vector, strict=True))
    ]
    if beating:
        where = f"{words.reported(value)} at {words.at(value.resource)}"
        point = beating[0]
        yield (
            f"Its {where} is beaten by trial {point.trial_id}: {objectives.said(point.metrics)} at "
            f"{words.at(point.resource)}."
        )


def _listed(points: list[ParetoPoint], words: Words, objectives: Objectives) -> str:
    """Where a trial is in the front, the first few of many."""
    said = [f"{objectives.said(p.metrics)} at {words.at(p.resource)}" for p in points]
    if len(said) > _POINTS_SHOWN:
        said = [*said[:_POINTS_SHOWN], f"{len(said) - _POINTS_SHOWN} more"]
    return "; ".join(said)


def _as_the_best(history: RunHistory, trial: Trial, words: Words) -> Iterator[str]:
    yield f"It is the best of the run{'' if len(history.trials) > 1 else ', the only trial'}."
    others = [(reward, -other) for other, reward in ranked(history) if other != trial.trial_id]
    if others:
        reward, negated_id = max(others)
        yield f"The next best is trial {-negated_id}, {words.named(reward)}."


def _behind(history: RunHistory, trial: Trial, best: BestTrial, words: Words) -> Iterator[str]:
    value, rewards = history.value_of(trial), dict(ranked(history))
    if value is not None and trial.trial_id in rewards:
        rank = 1 + sum(reward > value.reward for reward in rewards.values())
        yield f"It ranks {rank} of {len(rewards)} trials."
    where = f"{words.reward} {best.reward:.6g} at {words.at(best.resource)}"
    yield f"The best is trial {best.trial_id}, {where}."
    if value is None or value.resource == best.resource:
        return
    same = history.trials[best.trial_id].report_for(value.resource)
    if same is not None:
        yield f"At {words.at(value.resource)} that one had {words.value(same.reward)}."


def _wrapped(text: str, width: int, first: str = "", hanging: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=first if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]
