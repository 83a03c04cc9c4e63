"""Without scikit-optimize there is one line to test; with it, the searcher."""

import importlib.util
import warnings

import pytest

from agcore.errors import AgcoreError, MissingExtraError
from agcore.searcher import SKoptSearcher, searcher_factory
from tests.searcher.dialogues import BRANCHES, GRID, LINE, bowl, configs, learn, origins

IS_INSTALLED = importlib.util.find_spec("skopt") is not None


@pytest.mark.skipif(IS_INSTALLED, reason="scikit-optimize is installed")
@pytest.mark.parametrize(
    "make", [lambda: searcher_factory("skopt", LINE, {}), lambda: SKoptSearcher(LINE)]
)
def test_without_the_library_one_line_says_what_to_install(make):
    with pytest.raises(MissingExtraError, match=r"searcher='skopt'.*'agcore\[skopt\]'") as caught:
        make()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, AgcoreError)


@pytest.fixture
def make():
    pytest.importorskip("skopt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library warns of is not ours to mend
        yield lambda space=LINE, **options: SKoptSearcher(space, n_initial_points=3, **options)


def test_random_points_are_followed_by_those_of_its_model(make):
    suggestions = learn(make(), bowl, 8)
    assert origins(suggestions)[0] == "default"
    assert origins(suggestions)[-1] == "model"
    assert len({config["x"] for config in configs(suggestions)}) == 8


def test_a_proposal_says_what_the_library_knew_and_how_it_went(make):
    found = learn(make(), bowl, 8)
    assert found[1].why == {"observations": 1, "without_model": True}
    assert found[-1].why == {"observations": 7}
    listed = learn(make(candidates=[{"x": 0.1 * i} for i in range(6)]), bowl, 5)[-1]
    assert listed.why == {"observations": 4, "candidates": 6}
    kept = learn(make(constraint=lambda config: config["x"] < 0.1), bowl, 6)
    assert "in_vain" in kept[-1].why
    refused = learn(make(), lambda config: 1e300 if config["x"] > 0.4 else -1e300, 8)[-1]
    assert refused.why["refused"]  # what the library said


def test_the_same_seed_gives_the_same_configs(make):
    assert configs(learn(make(), bowl, 6)) == configs(learn(make(), bowl, 6))
    other = configs(learn(make(random_seed=1), bowl, 6))
    assert other[1:] != configs(learn(make(), bowl, 6))[1:]


def test_a_finite_space_is_used_up(make):
    suggestions = learn(make(GRID), lambda config: config["a"], 12)
    assert suggestions[-1] is None
    assert len({GRID.key(config) for config in configs(suggestions[:-1])}) == 10


def test_candidates_constraint_and_branches_are_kept(make):
    listed = [{"x": 0.1 * i} for i in range(6)]
    found = configs(learn(make(candidates=listed), bowl, 8))
    assert found[-1] is None
    assert sorted(config["x"] for config in found[:-1]) == [config["x"] for config in listed]
    kept = configs(learn(make(constraint=lambda config: config["x"] < 0.4), bowl, 6))
    assert all(config["x"] < 0.4 for config in kept)
    for config in configs(learn(make(BRANCHES), len, 6)):
        assert BRANCHES.complete(config) == config


@pytest.mark.parametrize("reward", [float("nan"), 1e300, -1e300, 0.0])
def test_no_reward_stops_it(make, reward):
    assert None not in configs(learn(make(), lambda config: reward, 6))


def test_rewards_that_its_model_refuses_are_followed_by_random_configs(make):
    suggestions = learn(make(), lambda config: 1e300 if config["x"] > 0.4 else -1e300, 8)
    assert origins(suggestions)[-1] == "random"
    assert None not in configs(suggestions)
