import collections
import math

import numpy as np
import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Observation, SuggestRequest
from agcore.searcher import RandomSearcher, RegularizedEvolutionSearcher, searcher_factory
from agcore.searcher.evolution import mutate
from agcore.space import SearchSpace
from tests.searcher.dialogues import LINE, PLANE, bowl, configs, learn, origins

TREE = SearchSpace(
    {
        "net": ag.Categorical(
            "flat", ag.Dict(depth=ag.Int(1, 3), kind=ag.Categorical("a", "b", "c")), ag.List(1, 2)
        ),
        "rate": ag.Real(1e-4, 1, log=True),
        "width": ag.Int(1, 1000, log=True),
        "size": ag.Ordinal(1, 10, 100, 1000),
        "on": ag.Bool(),
        "only": ag.Categorical("one"),
        "step": ag.Real(0, 1, step=0.25),
    }
)


def make(space=LINE, **options):
    return RegularizedEvolutionSearcher(space, **{"population_size": 4, **options})


def observe(searcher, trial_id, config, reward, resource=None):
    searcher.observe(Observation(trial_id, config, resource, reward))


# -- mutation ------------------------------------------------------------------------------


def test_a_mutation_changes_one_parameter_and_what_depends_on_it():
    rng = np.random.default_rng(0)
    counts = collections.Counter()
    for _ in range(600):
        parent = TREE.sample_configuration(rng)
        before = dict(parent)
        child, changed = mutate(TREE, parent, rng, 0.1)
        assert parent == before
        assert TREE.check(child)
        different = {name for name in parent if name not in child or child[name] != parent[name]}
        assert changed in different
        assert {name for name in different | child.keys() - parent.keys() if name != changed} <= {
            name for name in TREE.names if changed == "net" and name.startswith("net.")
        }
        counts[changed] += 1
    assert "only" not in counts
    assert min(counts[name] for name in ("net", "rate", "width", "size", "on", "step")) > 60


def test_numbers_take_gaussian_steps_and_ordered_values_go_one_place():
    rng = np.random.default_rng(1)
    space = SearchSpace({"x": ag.Real(0, 10)})
    steps = [mutate(space, {"x": 5.0}, rng, 0.1)[0]["x"] - 5 for _ in range(2000)]
    assert np.mean(steps) == pytest.approx(0, abs=0.1)
    assert np.std(steps) == pytest.approx(1.0, rel=0.1)
    at_the_end = [mutate(space, {"x": 10.0}, rng, 0.1)[0]["x"] for _ in range(500)]
    assert max(at_the_end) < 10  # reflected, not heaped at the end
    assert np.mean(at_the_end) == pytest.approx(10 - math.sqrt(2 / math.pi), abs=0.2)
    ordered = SearchSpace({"size": ag.Ordinal("s", "m", "l", "xl")})
    assert {mutate(ordered, {"size": "m"}, rng, 0.1)[0]["size"] for _ in range(50)} == {"s", "l"}
    assert {mutate(ordered, {"size": "xl"}, rng, 0.1)[0]["size"] for _ in range(50)} == {"l"}


def test_a_number_of_few_values_always_becomes_another_and_options_are_equally_likely():
    rng = np.random.default_rng(2)
    few = SearchSpace({"n": ag.Int(1, 2)})
    assert {mutate(few, {"n": 1}, rng, 1e-6)[0]["n"] for _ in range(20)} == {2}
    options = SearchSpace({"kind": ag.Categorical(1, 1.0, True, None)})
    found = [mutate(options, {"kind": 1.0}, rng, 0.1)[0]["kind"] for _ in range(600)]
    counts = collections.Counter((type(value), value) for value in found)
    assert set(counts) == {(int, 1), (bool, True), (type(None), None)}
    assert all(150 < count < 250 for count in counts.values())


# -- the population ------------------------------------------------------------------------


def test_configs_are_random_until_the_population_is_full():
    suggestions = learn(make(), bowl, 8)
    assert origins(suggestions) == ["default"] + ["random"] * 3 + ["evolution"] * 4
    random = configs(learn(RandomSearcher(LINE), bowl, 4))
    assert configs(suggestions[:4]) == random


def test_the_oldest_dies_even_if_it_is_the_best():
    searcher = make(sample_size=4)
    for trial_id in range(7):
        observe(searcher, trial_id, {"x": trial_id / 10}, -float(trial_id))
    assert [member.trial_id for member in searcher.population] == [3, 4, 5, 6]
    found = [searcher.suggest(SuggestRequest(draw)) for draw in range(7, 30)]
    parents = {suggestion.why["parent"] for suggestion in found if suggestion.origin == "evolution"}
    assert parents <= {3, 4, 5, 6}
    rewards = [s.why["parent_reward"] for s in found if s.origin == "evolution"]
    assert np.mean(np.equal(rewards, -3.0)) > 0.4


def test_the_parent_is_the_best_of_a_sample_drawn_with_replacement():
    searcher = make(PLANE, population_size=10, sample_size=3)
    for trial_id in range(10):
        observe(searcher, trial_id, PLANE.config_from_units([trial_id / 10, 0.5]), float(trial_id))
    found = [searcher.suggest(SuggestRequest(draw)) for draw in range(10, 1510)]
    parents = collections.Counter(s.why["parent"] for s in found if s.origin == "evolution")
    for rank in range(10):
        expected = ((rank + 1) ** 3 - rank**3) / 1000
        assert parents[rank] / parents.total() == pytest.approx(expected, abs=0.04)


def test_a_proposal_says_its_parent_and_what_was_changed():
    searcher = make(PLANE, mode="min", sample_size=1, max_epochs=9)
    for trial_id in range(4):
        config = PLANE.config_from_units([trial_id / 4, 0.5])
        observe(searcher, trial_id, config, -0.25, resource=3)
    suggestion = searcher.suggest(SuggestRequest(9))
    if suggestion.origin == "default":
        suggestion = searcher.suggest(SuggestRequest(10))
    why = dict(suggestion.why)
    parent = PLANE.config_from_units([why.pop("parent") / 4, 0.5])
    (changed,) = (name for name in parent if parent[name] != suggestion.config[name])
    assert why == {
        "parent_reward": 0.25,
        "changed": changed,
        "sample_size": 1,
        "population_size": 4,
        "resource": 3,
    }


def test_a_random_config_says_why_it_is_random():
    found = learn(make(first_is_default=False), bowl, 3)
    assert [s.why for s in found] == [
        {"members": number, "population_size": 4} for number in range(3)
    ]
    kept = make(constraint=lambda config: config["x"] < 0.1, mutation_scale=1e-3)
    for trial_id in range(4):
        observe(kept, trial_id, {"x": 0.9 + trial_id / 100}, float(trial_id))
    assert kept.suggest(SuggestRequest(4)).why == {"in_vain": 20}


def test_the_trial_that_came_further_is_better():
    searcher = make(PLANE, population_size=2, sample_size=2, first_is_default=False)
    near, far = (PLANE.config_from_units([unit, unit]) for unit in (0.2, 0.8))
    observe(searcher, 0, near, 0.9, resource=1)
    observe(searcher, 1, far, 0.95, resource=1)
    observe(searcher, 1, far, 0.1, resource=3)
    parents = [searcher.suggest(SuggestRequest(draw)).why["parent"] for draw in range(40)]
    assert 0.6 < np.mean(parents) < 0.9  # three of four samples have it


@pytest.mark.parametrize("fails", [False, True])
def test_a_trial_that_failed_or_diverged_leaves_the_population(fails):
    searcher = make(population_size=3)
    for trial_id in range(4):
        observe(searcher, trial_id, {"x": trial_id / 10}, float(trial_id))
    if fails:
        searcher.trial_failed(3, {"x": 0.3})
    else:
        observe(searcher, 3, {"x": 0.3}, math.nan)
    assert [member.trial_id for member in searcher.population] == [0, 1, 2]
    assert searcher.is_known({"x": 0.3})


def test_of_candidates_the_nearest_to_the_child_is_proposed():
    listed = [{"x": i / 30} for i in range(31)]
    suggestions = learn(make(candidates=listed, mutation_scale=0.02), bowl, 32)
    assert suggestions[-1] is None
    assert sorted(config["x"] for config in configs(suggestions[:-1])) == [c["x"] for c in listed]
    assert "evolution" in origins(suggestions)


def test_an_earlier_run_gives_the_first_members():
    earlier = ag.scheduler.LocalSequentialScheduler(_train, num_trials=5, reward_attr="accuracy")
    earlier.run()
    searcher = RegularizedEvolutionSearcher(
        _train.cs, population_size=5, first_is_default=False, warm_start_from=earlier
    )
    assert searcher.suggest(SuggestRequest(0)).origin == "evolution"
    assert "parent" not in searcher.suggest(SuggestRequest(1)).why


@ag.args(x=ag.Real(0, 1))
def _train(args, reporter):
    reporter(epoch=1, accuracy=args.x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"population_size": 0}, "population_size=0 must be a whole number of at least 1"),
        ({"sample_size": 5}, "sample_size=5 must not exceed population_size=4; lower it"),
        ({"mutation_scale": 0}, "mutation_scale=0 must be above 0; try 0.1"),
        ({"mutation_scale": "a"}, "mutation_scale='a' must be a number above 0"),
        ({"max_epochs": 0}, "max_epochs=0 must be a whole number"),
    ],
)
def test_options_that_break_their_rule_are_refused(options, message):
    with pytest.raises(SpecError, match=message):
        make(**options)


def test_it_is_made_by_name_under_both_schedulers():
    searcher = searcher_factory("evolution", LINE, {"population_size": 7}, max_resource=9)
    assert (type(searcher), searcher.max_epochs) == (RegularizedEvolutionSearcher, 9)
    assert searcher_factory("evolution", LINE).max_epochs is None
    assert searcher.population_size == 7


def test_it_beats_random_search():
    space = SearchSpace({f"x{i}": ag.Real(0, 1) for i in range(4)})

    def reward(config):
        return -sum((value - 0.3) ** 2 for value in config.values())

    def best(kind, seed):
        searcher = kind(space, random_seed=seed)
        learn(searcher, reward, 60)
        return searcher.get_best_reward()

    evolved = [best(RegularizedEvolutionSearcher, seed) for seed in range(7)]
    drawn = [best(RandomSearcher, seed) for seed in range(7)]
    assert np.median(evolved) > 0.5 * np.median(drawn)
