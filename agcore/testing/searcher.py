"""What any searcher must do, as a suite of tests to inherit.

::

    class TestMySearcher(SearcherContract):
        def make_searcher(self, space: SearchSpace, **options: Any) -> BaseSearcher:
            return MySearcher(space, **options)

Further rules can be checked on what is said with `SearcherContract.converse`.
"""

# ruff: noqa: D102 -- the names of the tests are sentences

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from agcore.errors import SpaceExhausted
from agcore.records import Observation, Pending, Suggestion, SuggestRequest
from agcore.space import Bool, Categorical, Dict, Int, List, Ordinal, Real, SearchSpace
from agcore.testing.dialogues import converse, peak, recorded
from agcore.testing.policy import check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agcore.jobs import Config
    from agcore.searcher import BaseSearcher
    from agcore.testing.dialogues import Dialogue

PLANE = SearchSpace({"x": Real(0, 1), "y": Real(1e-4, 1, log=True), "n": Int(1, 50)})
LATTICE = SearchSpace({"x": Real(0, 1, step=0.05), "y": Int(1, 1000, log=True), "n": Int(1, 50)})
"""The plane with finitely many configs."""
BRANCHES = SearchSpace(
    {
        "net": Categorical(
            "flat", Dict(depth=Int(1, 3), rate=Real(0.001, 1, log=True)), List(1, 2)
        ),
        "pair": List(Real(0, 1), Categorical("a", Dict(b=Real(-1, 1)))),
    }
)
FINITE_BRANCHES = SearchSpace(
    {
        "net": Categorical("flat", Dict(depth=Int(1, 9), kind=Categorical("a", Dict(b=Int(1, 9))))),
        "pair": Dict(first=Int(0, 20), second=List(Bool(), Ordinal(1, 10, 100))),
    }
)
MANY_OPTIONS = SearchSpace(
    {
        "unit": Categorical(*[f"unit{i}" for i in range(60)]),
        "typed": Categorical(1, 1.0, True, "1", None),
    }
)
GRID = SearchSpace({"a": Int(1, 4), "b": Categorical("x", "y", "z")})
SMALL = (
    GRID,
    SearchSpace(
        {"net": Categorical("flat", Dict(depth=Int(1, 2), kind=Categorical(1, True))), "on": Bool()}
    ),
    SearchSpace({"only": Categorical("one")}),
    SearchSpace({}),
)
"""Spaces that are soon used up."""

ODD_REWARDS: Mapping[str, Callable[[float], float]] = {
    "always NaN": lambda u: math.nan,
    "sometimes NaN": lambda u: math.nan if u < -0.1 else u,
    "constant": lambda u: 0.25,
    "zero": lambda u: 0.0,
    "huge": lambda u: -1e300 * u,
    "hugely bad": lambda u: 1e300 * u,
    "constant and huge": lambda u: 1e300,
    "constant and hugely bad": lambda u: -1e300,
    "huge, good and bad": lambda u: 1e300 if u > -0.1 else -1e300,
    "tiny": lambda u: 1e-300 * u,
    "constant and tiny": lambda u: 1e-300,
    "tiny and huge": lambda u: 1e300 if u > -0.1 else 1e-300,
}
"""Rewards made of a sensible one, which lies between -0.5 and 0."""


def _all_of(space: SearchSpace) -> list[Config]:
    return [space.config_at(index) for index in range(space.size or 0)]


def _place(space: SearchSpace, unit: float) -> Config:
    """The config at a point of the diagonal of the unit cube."""
    return space.config_from_units([unit] * space.num_units)


def _text(suggestion: Suggestion | None) -> str:
    """What two suggestions share if they are the same, by type and value."""
    if suggestion is None:
        return "nothing"
    read = recorded(suggestion)
    return json.dumps([read.config, read.origin, dict(read.why)])


def _check_same(found: Suggestion | None, expected: Suggestion | None, when: str) -> None:
    check(_text(found) == _text(expected), f"{when}: {found} is suggested instead of {expected}")


class SearcherContract:
    """Tests of the rules that every searcher keeps; a subclass says how to make the searcher.

    It is meant for searchers derived from `BaseSearcher`, which keep most of the rules for them.

    Attributes:
        resources: Where each trial is observed, ascending; a trial without resources has None.
        needs_finite_space: Whether spaces of infinitely many configs are refused.
        uses_seed: Whether another ``random_seed`` leads to other configs.
    """

    resources: Sequence[int | None] = (None,)
    needs_finite_space: bool = False
    uses_seed: bool = True

    def make_searcher(self, space: SearchSpace, **options: Any) -> BaseSearcher:
        """A fresh searcher of ``space``; ``options`` are those of `BaseSearcher`."""
        raise NotImplementedError("return a fresh searcher of the kind under test")

    def metrics_of(self, config: Config) -> Mapping[str, Any]:
        """What a trial reports besides its reward, for searchers that learn from more."""
        return {}

    @property
    def space(self) -> SearchSpace:
        """A space of three numbers, in which x lies in [0, 1]."""
        return LATTICE if self.needs_finite_space else PLANE

    @property
    def large_spaces(self) -> Sequence[SearchSpace]:
        """Spaces that are not used up in a test."""
        finite = (LATTICE, FINITE_BRANCHES, MANY_OPTIONS)
        return finite if self.needs_finite_space else (PLANE, BRANCHES, *finite)

    def converse(self, searcher: BaseSearcher, count: int, **how: Any) -> Dialogue:
        """What is said with trials that report what this searcher learns from."""
        space = searcher.configspace
        return converse(
            searcher,
            count,
            how.pop("reward", peak(space)),
            metrics=self.metrics_of,
            resources=self.resources,
            **how,
        )

    def observation(
        self, trial_id: int, config: Config, reward: float, *, provisional: bool = False
    ) -> Observation:
        """A value at the last resource; a provisional one at the first."""
        resource = self.resources[0 if provisional else -1]
        metrics = self.metrics_of(config)
        return Observation(trial_id, config, resource, reward, provisional, metrics)

    def _told(self) -> BaseSearcher:
        """A searcher that was asked for eight configs and knows some values."""
        searcher = self.make_searcher(self.space)
        self.converse(searcher, 8)
        return searcher

    def _suggest(
        self, searcher: BaseSearcher, number: int, pending: tuple[Pending, ...] = ()
    ) -> Suggestion:
        """A suggestion where there must be one: new, canonical and fit for a journal."""
        suggestion = searcher.suggest(SuggestRequest(number, pending, 0, self.resources[0]))
        if suggestion is None:
            raise AssertionError(f"the space is not used up, but suggestion {number} is None")
        self._check_new(searcher.configspace, [recorded(suggestion).config])
        return suggestion

    def _check_new(self, space: SearchSpace, configs: Sequence[Config]) -> None:
        """Check that configs are canonical, and each another."""
        for config in configs:
            check(space.check(config), f"{config} is not canonical in {space}")
        keys = [space.key(config) for config in configs]
        for number, key in enumerate(keys):
            check(key not in keys[:number], f"{key} was proposed twice")

    def _check_used_up(self, searcher: BaseSearcher, expected: Sequence[Config]) -> None:
        """Check that a searcher proposes some configs, each once, and then no more."""
        space = searcher.configspace
        dialogue = self.converse(searcher, len(expected) + 2, workers=2)
        self._check_new(space, dialogue.configs)
        found = {space.key(config) for config in dialogue.configs}
        wanted = {space.key(config) for config in expected}
        check(found <= wanted, f"not to be proposed: {sorted(found - wanted)}")
        check(found >= wanted, f"never proposed: {sorted(wanted - found)}")
        again = searcher.suggest(SuggestRequest(len(expected) + 5, (), 0, self.resources[0]))
        check(again is None, f"after the last config there came {again}")

    # -- what is proposed ------------------------------------------------------------------

    def test_every_proposal_is_canonical_and_new(self) -> None:
        for space in self.large_spaces:
            dialogue = self.converse(self.make_searcher(space), 10)
            check(len(dialogue.configs) == 10, f"{space} is not used up, but None came")
            self._check_new(space, dialogue.configs)

    def test_a_finite_space_ends_after_every_config_was_proposed_once(self) -> None:
        for space in SMALL:
            for options in ({}, {"first_is_default": False}):
                self._check_used_up(self.make_searcher(space, **options), _all_of(space))

    def test_excluded_configs_are_never_proposed(self) -> None:
        searcher = self.make_searcher(GRID)
        everything = _all_of(GRID)
        for config in everything[::3]:
            searcher.exclude(config)
        searcher.trial_failed(100, everything[1])
        rest = [config for i, config in enumerate(everything) if i % 3 and i != 1]
        self._check_used_up(searcher, rest)

    def test_a_config_that_is_excluded_between_two_proposals_is_not_proposed(self) -> None:
        searcher = self.make_searcher(GRID, points_to_evaluate=[{"a": 3}, {"a": 4}])
        first = self._suggest(searcher, 0).config
        given = [GRID.complete({"a": a}) for a in (3, 4)]
        check(first == given[0], f"{first} is not the first point")
        searcher.exclude(given[1])
        self._check_used_up(searcher, [c for c in _all_of(GRID) if c not in given])

    def test_given_points_come_first_in_their_order_and_then_the_default(self) -> None:
        for space in self.large_spaces:
            points = [_place(space, unit) for unit in (0.9, 0.05, 0.6)]
            searcher = self.make_searcher(
                space, points_to_evaluate=[*points, points[0]], first_is_default=True
            )
            expected = [*points, space.get_default_configuration()]
            found = self.converse(searcher, 6).configs
            check(found[:4] == expected, f"{found[:4]} came first, and not {expected}")
            self._check_new(space, found)

    def test_a_given_point_is_completed_by_defaults(self) -> None:
        searcher = self.make_searcher(GRID, points_to_evaluate=[{"b": "z"}])
        found = self.converse(searcher, 1).configs
        check(found == [GRID.complete({"b": "z"})], f"{found} was proposed first")

    def test_only_candidates_are_proposed(self) -> None:
        for space in self.large_spaces:
            listed = [_place(space, i / 5) for i in range(6)]
            distinct = list({space.key(config): config for config in listed}.values())
            searcher = self.make_searcher(space, candidates=[*listed, listed[0]])
            self._check_used_up(searcher, distinct)

    def test_only_configs_that_keep_the_constraint_are_proposed(self) -> None:
        searcher = self.make_searcher(
            self.space,
            constraint=lambda config: config["x"] < 0.4,
            points_to_evaluate=[{"x": 0.95}, {"x": 0.1}],
        )
        found = self.converse(searcher, 12).configs
        check(len(found) == 12, f"after {found} there came None")
        check(found[0]["x"] == 0.1, f"{found[0]} was proposed before the point that is allowed")
        for config in found:
            check(config["x"] < 0.4, f"{config} breaks the constraint")
        self._check_new(self.space, found)

    def test_a_finite_space_ends_with_the_last_config_that_keeps_the_constraint(self) -> None:
        everything = _all_of(GRID)
        allowed = [config for config in everything if config["a"] != 2 and config["b"] != "y"]
        searcher = self.make_searcher(GRID, constraint=lambda config: config in allowed)
        self._check_used_up(searcher, allowed)
        searcher = self.make_searcher(
            GRID, constraint=lambda config: config in allowed, candidates=everything[::2]
        )
        self._check_used_up(searcher, [c for c in everything[::2] if c in allowed])

    # -- what a proposal depends on --------------------------------------------------------

    def test_the_same_seed_and_dialogue_give_the_same_suggestions(self) -> None:
        first = self.converse(self.make_searcher(self.space, random_seed=7), 10)
        again = self.converse(self.make_searcher(self.space, random_seed=7), 10)
        for found, expected in zip(again.suggestions, first.suggestions, strict=True):
            _check_same(found, expected, "made and told the same again")

    def test_another_seed_gives_other_configs(self) -> None:
        if not self.uses_seed:
            return
        found = [
            self.converse(self.make_searcher(self.space, random_seed=seed), 6).configs
            for seed in (7, 8)
        ]
        check(found[0] != found[1], f"seeds 7 and 8 both give {found[0]}")

    def test_two_searchers_do_not_disturb_one_another(self) -> None:
        alone = self.converse(self.make_searcher(self.space), 8).suggestions
        first, _ = self.make_searcher(self.space), self.make_searcher(GRID)
        self.converse(self.make_searcher(self.space), 5)
        for found, expected in zip(self.converse(first, 8).suggestions, alone, strict=True):
            _check_same(found, expected, "beside others")

    def test_pending_trials_are_not_remembered(self) -> None:
        searcher = self.make_searcher(GRID)
        everything = _all_of(GRID)
        milestone = self.resources[0]
        pending = tuple(Pending(i, c, milestone) for i, c in enumerate(everything[6:9], 50))
        proposed = [self._suggest(searcher, number, pending).config for number in range(3)]
        self._check_used_up(searcher, [c for c in everything if c not in proposed])

    def test_who_recalls_a_proposal_need_not_know_what_was_pending(self) -> None:
        asked, told = self._told(), self._told()
        if not asked.is_replayed_by_exclusion:
            return
        places = [_place(self.space, unit) for unit in (0.3, 0.7, 0.7)]
        pending = tuple(Pending(i, c, self.resources[-1]) for i, c in enumerate(places, 50))
        told.recall(recorded(self._suggest(asked, 8, pending)))
        for number in (9, 10):
            for searcher in (asked, told):
                searcher.observe(self.observation(number, places[number - 9], -0.1))
            found, expected = self._suggest(told, number), self._suggest(asked, number)
            _check_same(found, expected, "after pending trials")

    def test_a_provisional_value_gives_way_to_the_next_of_its_trial(self) -> None:
        config = _place(self.space, 0.45)
        for reward in (-0.01, math.nan):
            replaced, plain = self._told(), self._told()
            for rough in (-4.0, -0.2):
                replaced.observe(self.observation(50, config, rough, provisional=True))
            for searcher in (replaced, plain):
                searcher.observe(self.observation(50, config, reward))
            found, expected = self._suggest(replaced, 8), self._suggest(plain, 8)
            _check_same(found, expected, "after provisional values")

    def test_a_searcher_told_the_same_goes_on_in_the_same_way(self) -> None:
        for provisional in (False, True):
            dialogue = self.converse(self.make_searcher(self.space), 11, provisional=provisional)
            for number in range(1, 11, 3):
                searcher = self.make_searcher(self.space)
                if not searcher.is_replayed_by_exclusion:
                    return
                found = searcher.suggest(dialogue.retell(searcher, number))
                _check_same(found, dialogue.suggestions[number], "after resuming")

    def test_what_is_said_of_a_proposal_is_json_without_nan(self) -> None:
        for space in self.large_spaces:
            searcher = self.make_searcher(space)
            for suggestion in self.converse(searcher, 7, provisional=True).suggestions:
                if suggestion is None:
                    raise AssertionError(f"{space} is not used up, but None came")
                recorded(suggestion)
                check(suggestion.origin != "", f"{suggestion} does not say where it comes from")
            self._check_parameters(searcher)

    def _check_parameters(self, searcher: BaseSearcher) -> None:
        for name, value in searcher.model_parameters().items():
            check(math.isfinite(value), f"the parameter {name} of the model is {value}")

    # -- bad values ------------------------------------------------------------------------

    def test_no_reward_stops_it_or_makes_it_propose_nan(self) -> None:
        sensible = peak(self.space)
        for name, odd in ODD_REWARDS.items():
            searcher = self.make_searcher(self.space)

            def reward(config: Config, odd: Callable[[float], float] = odd) -> float:
                return odd(sensible(config))

            for suggestion in self.converse(searcher, 6, reward=reward).suggestions:
                if suggestion is None:
                    raise AssertionError(f"rewards that are {name} end the search")
                self._check_new(self.space, [recorded(suggestion).config])
            self._check_parameters(searcher)

    def test_trials_that_all_fail_do_not_stop_it(self) -> None:
        searcher = self.make_searcher(self.space)
        for number in range(9):
            searcher.trial_failed(number, self._suggest(searcher, number).config)

    def test_the_failure_of_a_trial_that_has_reported_does_not_stop_it(self) -> None:
        searcher = self.make_searcher(self.space)
        dialogue = self.converse(searcher, 10, fails=lambda trial_id: True)
        check(len(dialogue.configs) == 10, f"None came after {len(dialogue.configs)} failures")
        self._check_new(self.space, dialogue.configs)
        check(searcher.get_best_config() == {}, "a config that failed is the best")

    # -- by hand ---------------------------------------------------------------------------

    def _by_hand(self, searcher: BaseSearcher, count: int, sign: float) -> dict[str, float]:
        """Ask and tell by hand; rewards by the key of their config."""
        space = searcher.configspace
        reward, values, configs = peak(space), {}, []
        for _ in range(count):
            config = searcher.get_config()
            configs.append(dict(config))
            value = values[space.key(config)] = sign * reward(config)
            for resource in self.resources:
                result = dict(self.metrics_of(config), score=value)
                if resource is not None:
                    result["epoch"] = resource
                searcher.update(config, **result)
        self._check_new(space, configs)
        return values

    def test_by_hand_the_best_comes_back_with_the_users_sign(self) -> None:
        for mode, sign, best_of in (("max", 1.0, max), ("min", -1.0, min)):
            searcher = self.make_searcher(self.space, reward_attribute="score", mode=mode)
            nothing = searcher.get_best_config_reward()
            check(nothing == ({}, -sign * math.inf), f"nothing is known, but the best: {nothing}")
            values = self._by_hand(searcher, 9, sign)
            best = best_of(values.values())
            check(searcher.get_best_reward() == best, f"{best} is best in {searcher}")
            config = searcher.get_best_config()
            check(values[self.space.key(config)] == best, f"{config} is said to be the best")
            for key, value in values.items():
                known = searcher.get_reward(json.loads(key))
                check(known == value, f"{key} has got {value}, not {known}")

    def test_by_hand_the_lowest_loss_is_sought_as_the_highest_reward(self) -> None:
        found = []
        for mode, sign in (("max", 1.0), ("min", -1.0)):
            searcher = self.make_searcher(self.space, reward_attribute="score", mode=mode)
            found.append(list(self._by_hand(searcher, 10, sign)))
        check(found[0] == found[1], f"mode='min' leads to {found[1]}, not {found[0]}")

    def test_by_hand_a_config_that_fails_is_neither_the_best_nor_proposed_again(self) -> None:
        searcher = self.make_searcher(GRID, reward_attribute="score")
        values = self._by_hand(searcher, 3, 1.0)
        best = searcher.get_best_config()
        searcher.evaluation_failed(best)
        rest = sorted(values.values())[:-1]
        check(searcher.get_best_reward() == rest[-1], f"{best} has failed, but is the best")
        never_told = searcher.get_config()
        searcher.evaluation_failed(never_told)
        seen = {*values, GRID.key(never_told)}
        self._check_used_up(searcher, [c for c in _all_of(GRID) if GRID.key(c) not in seen])

    def test_by_hand_the_end_of_a_finite_space_is_an_exception(self) -> None:
        searcher = self.make_searcher(GRID, reward_attribute="score")
        size = GRID.size or 0
        searcher.register_pending(GRID.config_at(size - 1))
        values = self._by_hand(searcher, size - 1, 1.0)
        check(GRID.key(GRID.config_at(size - 1)) not in values, "what is pending was proposed")
        try:
            config = searcher.get_config()
        except SpaceExhausted:
            return
        raise AssertionError(f"the space is used up, but {config} came")
