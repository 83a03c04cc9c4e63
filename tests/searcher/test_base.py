import math

import pytest

import agcore as ag
from agcore.errors import SpaceExhausted, SpecError
from agcore.records import Observation, Suggestion, SuggestRequest
from agcore.searcher import BaseSearcher, RandomSearcher
from agcore.space import SearchSpace


@pytest.fixture
def space():
    return SearchSpace({"x": ag.Real(0, 1), "kind": ag.Categorical("a", "b")})


def test_the_default_config_comes_first_unless_switched_off(space):
    assert RandomSearcher(space).get_config() == space.get_default_configuration()
    first = RandomSearcher(space, first_is_default=False).get_config()
    assert first != space.get_default_configuration()


def test_points_to_evaluate_come_before_the_default_completed_and_each_once(space):
    searcher = RandomSearcher(space, points_to_evaluate=[{"x": 0.25}, {"x": 0.25, "kind": "a"}])
    assert searcher.get_config() == {"x": 0.25, "kind": "a"}
    assert searcher.get_config() == space.get_default_configuration()


def test_a_point_outside_the_space_is_refused_at_construction(space):
    with pytest.raises(SpecError, match="x"):
        RandomSearcher(space, points_to_evaluate=[{"x": 2.0}])


def test_best_by_hand_is_the_highest_reward_and_starts_empty(space):
    searcher = RandomSearcher(space, reward_attribute="acc")
    assert searcher.get_best_config() == {}
    assert searcher.get_best_reward() == -math.inf
    low, high = searcher.get_config(), searcher.get_config()
    searcher.update(low, acc=0.1)
    searcher.update(high, acc=0.9)
    assert searcher.get_best_config_reward() == (high, 0.9)


def test_with_mode_min_the_best_by_hand_is_the_lowest(space):
    searcher = RandomSearcher(space, reward_attribute="loss", mode="min")
    low, high = searcher.get_config(), searcher.get_config()
    searcher.update(low, loss=0.1)
    searcher.update(high, loss=0.9)
    assert searcher.get_best_config_reward() == (low, 0.1)


def test_a_nan_reward_is_never_the_best(space):
    searcher = RandomSearcher(space)
    config = searcher.get_config()
    searcher.update(config, accuracy=float("nan"))
    assert searcher.get_best_config() == {}


def test_an_update_without_the_reward_names_what_it_got(space):
    searcher = RandomSearcher(space, reward_attribute="acc")
    with pytest.raises(SpecError, match=r"acc.*got: accuracy"):
        searcher.update(searcher.get_config(), accuracy=1.0)


def test_failed_and_pending_configs_are_not_proposed_again():
    space = SearchSpace({"kind": ag.Categorical("a", "b", "c")})
    searcher = RandomSearcher(space, first_is_default=False)
    searcher.register_pending({"kind": "a"})
    searcher.evaluation_failed({"kind": "b"})
    assert searcher.get_config() == {"kind": "c"}
    with pytest.raises(SpaceExhausted, match="3 configs"):
        searcher.get_config()


def test_bad_constructor_arguments_name_value_and_rule(space):
    with pytest.raises(SpecError, match="mode='up'"):
        RandomSearcher(space, mode="up")
    for seed in (-1, 1.5, True, "7"):
        with pytest.raises(SpecError, match="random_seed"):
            RandomSearcher(space, random_seed=seed)


def test_a_searcher_of_ones_own_needs_propose_only(space):
    class Corner(BaseSearcher):
        def propose(self, request):
            config = {"x": float(request.draw), "kind": "a"}
            return None if self.is_known(config) else Suggestion(config, "model")

    searcher = Corner(space, first_is_default=False)
    assert searcher.suggest(SuggestRequest(0)).config == {"x": 0.0, "kind": "a"}
    assert searcher.suggest(SuggestRequest(0)) is None


def test_a_searcher_without_propose_says_so(space):
    with pytest.raises(NotImplementedError, match="propose"):
        BaseSearcher(space, first_is_default=False).get_config()


def test_dataset_size_counts_observations(space):
    searcher = RandomSearcher(space)
    searcher.observe(Observation(0, searcher.get_config(), 1, 0.5))
    assert searcher.dataset_size() == 1
    assert searcher.model_parameters() == {}


def test_a_config_that_fails_later_is_not_the_best(space):
    searcher = RandomSearcher(space)
    good, better = searcher.get_config(), searcher.get_config()
    searcher.update(good, accuracy=0.5)
    searcher.update(better, accuracy=0.9)
    assert searcher.get_reward(better) == 0.9
    searcher.evaluation_failed(better)
    assert searcher.get_best_config_reward() == (good, 0.5)
    assert searcher.get_reward(better) == -math.inf


def test_a_number_after_a_nan_may_be_the_best(space):
    searcher = RandomSearcher(space)
    config = searcher.get_config()
    searcher.update(config, accuracy=float("nan"))
    searcher.update(config, accuracy=0.9)
    assert searcher.get_best_config_reward() == (config, 0.9)


def test_points_to_evaluate_must_be_a_list(space):
    with pytest.raises(SpecError, match=r"points_to_evaluate=.* must be a list.*\[\{...\}\]"):
        RandomSearcher(space, points_to_evaluate={"x": 0.5})


def test_points_that_break_the_constraint_are_left_out(space):
    searcher = RandomSearcher(
        space,
        points_to_evaluate=[{"x": 0.9}, {"x": 0.1}],
        constraint=lambda config: config["x"] < 0.4,
    )
    found = [searcher.suggest(SuggestRequest(number)) for number in range(5)]
    assert [suggestion.origin for suggestion in found] == ["user", *["random"] * 4]
    assert all(suggestion.config["x"] < 0.4 for suggestion in found)


def test_a_recalled_suggestion_is_not_made_again(space):
    whole = RandomSearcher(space)
    first = [whole.suggest(SuggestRequest(number)) for number in range(4)]
    again = RandomSearcher(space)
    for suggestion in first[:3]:
        again.recall(suggestion)
    assert again.suggest(SuggestRequest(3)) == first[3]
