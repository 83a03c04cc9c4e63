"""Who chose a config, and how, where no model of agcore's has predicted its reward.

One small function says it for each kind of choice, of the facts that are recorded with the
proposal. Runs of earlier versions lack some of these facts, and a searcher of the user's own may
give anything: what is missing is left out of the sentence, and what no sentence says stays for the
reader (`Facts.unsaid`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agcore.explanations.words import changes, counted, joined, share
from agcore.records import ConfigEnqueued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agcore.explanations.facts import Facts
    from agcore.explanations.words import Words
    from agcore.history import RunHistory, Trial
    from agcore.running_time import RunningTime

WITH_MODEL = ("bayesopt", "constrained_bayesopt", "auto", "hypertune")
"""Searchers with a model of agcore's that predicts rewards."""
_NAMED = (*WITH_MODEL, "random", "grid", "skopt", "sobol", "evolution", "bohb", "tpe")
_NAMES = {
    "BOHBSearcher": "bohb",
    "ConstrainedGPFIFOSearcher": "constrained_bayesopt",
    "GPFIFOSearcher": "bayesopt",
    "GPMultiFidelitySearcher": "bayesopt",
    "GridSearcher": "grid",
    "HyperTuneSearcher": "hypertune",
    "RandomSearcher": "random",
    "RegularizedEvolutionSearcher": "evolution",
    "SKoptSearcher": "skopt",
    "SobolSearcher": "sobol",
    "TPESearcher": "tpe",
}
"""Names of searchers that were given as objects, which a run records by their class."""
_LARGEST_LOG = 9.0
"""Above, a ratio is said by its logarithm."""


def searcher_of(words: Words) -> str:
    """The name of a run's searcher, also if it was given as an object."""
    name = str(words.settings.get("searcher", "unknown"))
    return _NAMES.get(name, name)


@dataclass(frozen=True, slots=True)
class Choice:
    """A config that was chosen.

    Attributes:
        trial: Whose config it is.
        searcher: Name of the run's searcher.
        facts: The numbers behind the choice.
        before: The run as it was then.
        words: Those of the run.
        clock: For moments of the run.
    """

    trial: Trial
    searcher: str
    facts: Facts
    before: RunHistory
    words: Words
    clock: RunningTime

    def said(self) -> str:
        """The sentences on it."""
        tell = _BY_SEARCHER.get((self.searcher, self.trial.origin))
        sentences = list(tell(self)) if tell is not None else []
        if not sentences:
            sentences = list(_BY_ORIGIN.get(self.trial.origin, _unknown)(self))
        return " ".join(sentences)


# -- whoever the searcher is ---------------------------------------------------------------


def _unknown(choice: Choice) -> Iterator[str]:
    yield f"Proposed by the searcher {choice.searcher} as {choice.trial.origin!r}."


def _default(choice: Choice) -> Iterator[str]:
    yield "The default config of the search space, which is tried before any other."


def _grid(choice: Choice) -> Iterator[str]:
    yield "The next config of the grid."


def _random(choice: Choice) -> Iterator[str]:
    yield "Drawn at random from the search space."


def _given(choice: Choice) -> Iterator[str]:
    if choice.searcher in _NAMED:
        yield "Given by the user, as one of the points to evaluate first."
    else:
        yield f"Given by the user: a point to evaluate, or the choice of {choice.searcher}."


def _enqueued(choice: Choice) -> Iterator[str]:
    times = [
        event.time_s
        for event in choice.before.events
        if isinstance(event, ConfigEnqueued) and event.config == choice.trial.config
    ]
    when = f" {choice.clock.at(times[-1]):.1f} s into the run" if times else ""
    yield f"Enqueued by the user{when}, so the searcher was not asked."


def _copied(choice: Choice) -> Iterator[str]:
    """A copy of population-based training."""
    parent = choice.before.trials.get(-1 if choice.trial.parent is None else choice.trial.parent)
    if parent is None:
        yield "A copy of another trial, with a changed config."
        return
    begin, made_by = choice.trial.begin, choice.words.settings.get("explore")
    behind = f" that goes on behind {choice.words.at(begin)}" if begin else ""
    by = f" by {made_by}" if isinstance(made_by, str) else ""
    yield (
        f"A copy of trial {parent.trial_id}{behind}, with "
        f"{changes(parent.config, choice.trial.config)}{by}."
    )
    if parent.reports:
        last = parent.reports[-1]
        at = choice.words.at(last.resource)
        yield f"Trial {parent.trial_id} then had {choice.words.reported(last)} at {at}."


# -- random configs of searchers that do better later --------------------------------------


def _before_the_model(choice: Choice) -> Iterator[str]:
    if choice.facts.flag("model_found_nothing"):
        yield "Drawn at random: the model was asked, but found nothing new to propose."
    else:
        yield (
            f"Drawn at random, as the first configs of the searcher {choice.searcher} are, before "
            "its model is asked."
        )


def _random_of_tpe(choice: Choice) -> Iterator[str]:
    facts = choice.facts
    yield from _in_vain(choice, "configs that tpe drew like the good ones")
    found = facts.pair("trials", "num_init_random")
    if found is None:
        return
    known, needed = found
    if known < needed:
        yield (
            f"Drawn at random, as tpe does until it knows how {counted(needed, 'trial')} did: it "
            f"knew of {known}."
        )
    else:
        yield f"Drawn at random: none of the {counted(known, 'trial')} that tpe knew had a value."


def _random_of_bohb(choice: Choice) -> Iterator[str]:
    facts, words = choice.facts, choice.words
    yield from _in_vain(choice, "configs that bohb drew near the good ones")
    chance = facts.number("random_fraction")
    if chance is not None:
        some = "all" if chance == 1 else f"{share(chance)} of the"
        yield f"Drawn at random, as {some} proposals of bohb are, whatever it knows."
    found = facts.pair("observations", "needed")
    if found is None:
        return
    (known, needed), level = found, facts.count("resource")
    if level is None:
        yield f"Drawn at random: bohb begins with {counted(needed, 'value')}, and had {known}."
    else:
        yield (
            f"Drawn at random: bohb begins with {counted(needed, 'value')} at one "
            f"{words.resource}, and had {known} at most, at {words.at(level)}."
        )


def _random_of_evolution(choice: Choice) -> Iterator[str]:
    yield from _in_vain(choice, "children that evolution made")
    found = choice.facts.pair("members", "population_size")
    if found is not None:
        yield (
            f"Drawn at random, as evolution does until it has a population of "
            f"{counted(found[1], 'trial')} with a value: it had {found[0]}."
        )


def _random_of_sobol(choice: Choice) -> Iterator[str]:
    yield from _in_vain(choice, "points of the Sobol sequence that came next")


def _in_vain(choice: Choice, tried: str) -> Iterator[str]:
    """Nothing of what was tried may be proposed."""
    count = choice.facts.count("in_vain")
    if count is not None:
        yield f"Drawn at random: of the {count:,} {tried}, none was new and allowed."


# -- densities -----------------------------------------------------------------------------


def _of_tpe(choice: Choice) -> Iterator[str]:
    facts, words = choice.facts, choice.words
    yield from _by_ratio(facts, "like the good ones")
    sizes = facts.pair("good", "bad")
    if sizes is not None:
        among = _among(facts.count("failed"), facts.count("running"))
        yield f"As good counted {_best(sizes[0])}, as bad the other {sizes[1]:,}{among}."
    furthest = facts.count("resource")
    if furthest is not None:
        yield f"Trials that had come further were better; the furthest was at {words.at(furthest)}."


def _of_bohb(choice: Choice) -> Iterator[str]:
    facts, words = choice.facts, choice.words
    yield from _by_ratio(facts, "near the good ones")
    sizes = facts.pair("good", "bad")
    if sizes is None:
        return
    level, among = facts.count("resource"), _among(facts.count("failed"))
    where = "" if level is None else f" at {words.at(level)}"
    yield f"As good counted {_best(sizes[0])}{where}, as bad the {sizes[1]:,} worst{among}."
    if level is not None:
        yield f"No larger {words.resource} had values enough."


def _by_ratio(facts: Facts, drawn_how: str) -> Iterator[str]:
    log_ratio = facts.number("log_density_ratio")
    if log_ratio is None:
        return
    pool = _pool(facts, drawn_how)
    ratio = f"{math.exp(log_ratio):.3g}" if abs(log_ratio) < _LARGEST_LOG else f"e^{log_ratio:.3g}"
    yield (
        f"It was the best of {pool} by the ratio of the densities of good and bad configs, {ratio}."
    )
    passed = facts.count("passed_over")
    if passed is not None:
        were = "one was" if passed == 1 else f"{passed:,} were"
        yield f"Of those {were} better, but not new, or not allowed."


def _pool(facts: Facts, drawn_how: str) -> str:
    """What the config was chosen from."""
    drawn, each, listed = (facts.count(name) for name in ("drawn", "draws_each", "candidates"))
    if listed is not None:
        return counted(listed, "candidate")
    if drawn is None:
        return f"those drawn {drawn_how}"
    pool = f"{counted(drawn, 'config')} drawn {drawn_how}"
    if each is None:
        return pool
    return f"{pool}, in each of which every parameter was the best of {counted(each, 'draw')},"


def _best(count: int) -> str:
    return "the best trial" if count == 1 else f"the {count:,} best trials"


def _among(failed: int | None, running: int | None = None) -> str:
    parts = [f"{failed:,} that failed"] if failed else []
    parts += [f"{running:,} still without a value"] if running else []
    return f", {joined(parts)} among them" if parts else ""


# -- the others ----------------------------------------------------------------------------


def _of_evolution(choice: Choice) -> Iterator[str]:
    facts, words = choice.facts, choice.words
    changed = facts.text("changed")
    if changed is None:
        return
    number, listed = facts.count("parent"), facts.count("candidates")
    parent = "a trial of an earlier run" if number is None else f"trial {number}"
    sample, best = facts.pair("sample_size", "population_size"), ""
    if sample is not None:
        best = f", the best of a sample of {sample[0]:,} of the {sample[1]:,} youngest trials"
    if listed is not None:
        yield (
            f"The nearest left of {counted(listed, 'candidate')} to a child of {parent}{best}; the "
            f"child had another {changed}."
        )
    else:
        known = choice.before.trials.get(-1 if number is None else number)
        own = choice.trial.config
        how = f"{changed} changed" if known is None else changes(known.config, own)
        yield f"A child of {parent}{best}, with {how}."
    reward, level = facts.number("parent_reward"), facts.count("resource")
    if reward is not None and words.objectives is None:  # else the parent's course tells
        where = "" if level is None else f" at {words.at(level)}"
        subject = "The parent" if number is None else f"Trial {number}"
        yield f"{subject} then had {words.reward} {reward + 0.0:.6g}{where}."


def _of_sobol(choice: Choice) -> Iterator[str]:
    facts = choice.facts
    point, listed = facts.count("point"), facts.count("candidates")
    if point is None:
        return
    if listed is not None:
        yield (
            f"The nearest left of {counted(listed, 'candidate')} to point {point} of the Sobol "
            "sequence, whose points cover the space evenly."
        )
        return
    yield f"Point {point} of the Sobol sequence, whose points cover the space evenly."
    passed = facts.count("passed_over")
    if passed is not None:
        before = "The point before was" if passed == 1 else f"The {passed:,} points before were"
        yield f"{before} passed over: not new, or not allowed."


def _of_skopt(choice: Choice) -> Iterator[str]:
    facts = choice.facts
    count, listed = facts.count("observations"), facts.count("candidates")
    given = "" if count is None else f", given {counted(count, 'observation')}"
    yet = " before it had a model" if facts.flag("without_model") else ""
    if listed is None:
        yield f"Proposed by scikit-optimize{yet}{given}."
    else:
        yield (
            f"The nearest left of {counted(listed, 'candidate')} to what scikit-optimize "
            f"proposed{yet}{given}."
        )


def _random_of_skopt(choice: Choice) -> Iterator[str]:
    facts = choice.facts
    refused, in_vain = facts.text("refused"), facts.count("in_vain")
    if refused is None and in_vain is None:
        return
    count = facts.count("observations")
    given = "" if count is None else f", given {counted(count, 'observation')}"
    if refused is not None:
        reason = " ".join(refused.split()).rstrip(".")
        yield f"Drawn at random, for scikit-optimize{given}, refused: {reason}."
    else:
        yield (
            f"Drawn at random: what scikit-optimize proposed{given}, was not new, or not allowed."
        )


_BY_ORIGIN: Mapping[str, Callable[[Choice], Iterator[str]]] = {
    "default": _default,
    "explore": _copied,
    "grid": _grid,
    "queue": _enqueued,
    "random": _random,
    "user": _given,
}
_BY_SEARCHER: Mapping[tuple[str, str], Callable[[Choice], Iterator[str]]] = {
    **{(name, "random"): _before_the_model for name in WITH_MODEL},
    ("bohb", "model"): _of_bohb,
    ("bohb", "random"): _random_of_bohb,
    ("evolution", "evolution"): _of_evolution,
    ("evolution", "random"): _random_of_evolution,
    ("skopt", "model"): _of_skopt,
    ("skopt", "random"): _random_of_skopt,
    ("sobol", "random"): _random_of_sobol,
    ("sobol", "sobol"): _of_sobol,
    ("tpe", "model"): _of_tpe,
    ("tpe", "random"): _random_of_tpe,
}
"""What a searcher says of a choice of its own; nothing where the facts are missing."""
