"""What a scheduler and a searcher say to one another, had without a scheduler and kept.

`converse` drives a searcher with trials that run side by side, are observed and fail. The
`Dialogue` that comes of it can be told to another searcher, as a resumed run does it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.records import Observation, Pending, Suggestion, SuggestRequest
from agcore.testing.policy import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agcore.jobs import Config
    from agcore.searcher import Searcher
    from agcore.space import SearchSpace

    Reward = Callable[[Config], float]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a searcher.

    Attributes:
        name: Of the method.
        arguments: Positional.
        answer: What it returned.
    """

    name: str
    arguments: tuple[Any, ...]
    answer: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What was said between a scheduler and a searcher, in order."""

    calls: tuple[Call, ...]

    @property
    def suggestions(self) -> list[Suggestion | None]:
        """All answers; only the last may be None."""
        return [call.answer for call in self.calls if call.name == "suggest"]

    @property
    def configs(self) -> list[Config]:
        """All configs that were proposed."""
        return [suggestion.config for suggestion in self.suggestions if suggestion is not None]

    def retell(self, searcher: Searcher, number: int) -> SuggestRequest:
        """The request for suggestion ``number``, after telling ``searcher`` all before it.

        A searcher that is replayed by exclusion recalls the suggestions, as JSON has them; any
        other is asked for them again.
        """
        told = 0
        for call in self.calls:
            if call.name != "suggest":
                getattr(searcher, call.name)(*call.arguments)
                continue
            request: SuggestRequest = call.arguments[0]
            if told == number:
                return request
            told += 1
            if call.answer is not None and searcher.is_replayed_by_exclusion:
                searcher.recall(recorded(call.answer))
            else:
                searcher.suggest(request)
        raise IndexError(f"suggestion {number} is not among the {told} that were made")


def converse(
    searcher: Searcher,
    count: int,
    reward: Reward,
    *,
    metrics: Callable[[Config], Mapping[str, Any]] = lambda config: {},
    resources: Sequence[int | None] = (None,),
    provisional: bool = False,
    workers: int = 3,
    fails: Callable[[int], bool] = lambda trial_id: trial_id % 7 == 3,
) -> Dialogue:
    """What is said in a run without a scheduler, which ends when nothing is suggested.

    Args:
        searcher: A fresh one.
        count: How many suggestions to ask for.
        reward: Of a config; it grows a little with the resource.
        metrics: What a trial reports besides.
        resources: Where a trial is observed; None without resources.
        provisional: Whether a value is preceded by one that it replaces; of trials with an odd
            number the provisional one remains.
        workers: Trials that run at once.
        fails: Whether a trial fails after its last value.
    """
    calls: list[Call] = []
    running: list[tuple[int, Config]] = []

    def say(name: str, *arguments: Any) -> Suggestion | None:
        answer: Suggestion | None = getattr(searcher, name)(*arguments)
        calls.append(Call(name, arguments, answer))
        return answer

    def advance(trial_id: int, config: Config) -> None:
        for resource in resources:
            value = reward(config) + 0.01 * (resource or 0)
            final = Observation(trial_id, config, resource, value, False, metrics(config))
            if provisional:
                say("observe", _rough(final))
            if not provisional or trial_id % 2 == 0:
                say("observe", final)
        if fails(trial_id):
            say("trial_failed", trial_id, config)

    for number in range(count):
        pending = tuple(Pending(trial_id, config, resources[0]) for trial_id, config in running)
        suggestion = say("suggest", SuggestRequest(number, pending, 0, resources[0]))
        if suggestion is None:
            break
        running.append((number, suggestion.config))
        if len(running) == workers:
            advance(*running.pop(0))
    return Dialogue(tuple(calls))


def _rough(final: Observation) -> Observation:
    """A provisional value in the place of a final one."""
    return Observation(
        final.trial_id, final.config, final.resource, 0.9 * final.reward, True, final.metrics
    )


def recorded(suggestion: Suggestion) -> Suggestion:
    """A suggestion as a journal gives it back.

    Raises:
        AssertionError: JSON cannot hold it, or gives back something else.
    """
    parts = [dict(suggestion.config), suggestion.origin, dict(suggestion.why)]
    try:
        read = json.loads(json.dumps(parts, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"JSON cannot hold {suggestion}: {error}") from error
    check(read == parts, f"{parts} comes back from JSON as {read}")
    return Suggestion(*read)


def peak(space: SearchSpace) -> Reward:
    """A reward between -0.5 and 0, at its best a third up the range of every parameter."""
    spaces = {hp.name: hp.space for hp in space.get_hyperparameters()}

    def reward(config: Config) -> float:
        squares = [(spaces[name].to_unit(value) - 0.3) ** 2 for name, value in config.items()]
        return -sum(squares) / max(len(squares), 1)

    return reward
