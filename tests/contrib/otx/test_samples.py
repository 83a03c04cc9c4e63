from agcore_contrib.otx import SearchSpace
from agcore_contrib.otx.samples import Samples


def space_of(low=0, high=1, kind="uniform", *step):
    return SearchSpace({"x": {"param_type": kind, "range": [low, high, *step]}})


def test_given_configs_come_first_and_once():
    samples = Samples(space_of(), [{"x": 7}, {"x": 7}, {"x": 7.0}])
    assert samples.draw(1) == [{"x": 7}]
    assert samples.num_given == 1
    assert samples.draw(3)[0] == {"x": 7.0}


def test_draws_fill_the_space_evenly():
    drawn = sorted(config["x"] for config in Samples(space_of()).draw(50))
    assert [int(50 * x) for x in drawn] == list(range(50))


def test_the_seed_decides():
    first, again, other = (Samples(space_of(), seed=seed).draw(5) for seed in (1, 1, 2))
    assert first == again != other


def test_a_finite_space_is_used_up_and_nothing_comes_twice():
    samples = Samples(space_of(1, 30, "quniform", 1))
    drawn = [config["x"] for config in samples.draw(20) + samples.draw(20)]
    assert sorted(drawn) == list(range(1, 31))
    assert samples.draw(1) == []
    assert samples.redraw() is None


def test_the_limit_counts_given_configs():
    samples = Samples(space_of(), [{"x": 7}], limit=3)
    assert len(samples.draw(2)) == 2
    assert len(samples.draw(5)) == 1
    assert samples.redraw() is not None


def test_a_space_of_nothing_yields_nothing():
    assert Samples(SearchSpace({})).draw(3) == []
