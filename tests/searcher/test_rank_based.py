"""What evolution, BOHB and TPE have in common, in runs with a real scheduler too."""

import math

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Observation, SuggestRequest
from agcore.searcher import BOHBSearcher, RegularizedEvolutionSearcher, TPESearcher
from agcore.searcher.rank_based import share
from tests.searcher.dialogues import PLANE, bowl, configs, learn

OPTIONS = {
    "sobol": {},
    "evolution": {"population_size": 4},
    "bohb": {"min_points": 2, "random_fraction": 0.2},
    "tpe": {"num_init_random": 4},
}
MADE = {
    "evolution": lambda **k: RegularizedEvolutionSearcher(PLANE, population_size=4, **k),
    "bohb": lambda **k: BOHBSearcher(PLANE, **k),
    "tpe": lambda **k: TPESearcher(PLANE, num_init_random=4, **k),
}


@ag.args(x=ag.Real(0, 1), net=ag.Categorical("a", ag.Dict(depth=ag.Int(1, 9))), epochs=9)
def train(args, reporter):
    if args.task_id == 4:
        raise RuntimeError("the fifth always fails")
    for epoch in range(1, args.epochs + 1):
        diverged = args.task_id == 6
        reporter(epoch=epoch, accuracy=math.nan if diverged else 0.1 * epoch - (args.x - 0.3) ** 2)


SCHEDULERS = {
    "fifo": ag.scheduler.FIFOScheduler,
    "stopping": ag.scheduler.HyperbandScheduler,
    "promotion": lambda *a, **k: ag.scheduler.HyperbandScheduler(*a, type="promotion", **k),
}


def run(kind, searcher, num_trials, **options):
    scheduler = SCHEDULERS[kind](
        train,
        searcher=searcher,
        search_options=OPTIONS[searcher],
        num_trials=num_trials,
        executor="inline",
        progress=False,
        **options,
    )
    scheduler.run()
    return scheduler


@pytest.mark.parametrize("searcher", OPTIONS)
@pytest.mark.parametrize("kind", SCHEDULERS)
def test_a_run_that_is_resumed_goes_on_as_if_it_had_not_ended(kind, searcher, tmp_path):
    whole = run(kind, searcher, 18)
    run(kind, searcher, 11, checkpoint=tmp_path / "run")
    resumed = run(kind, searcher, 18, checkpoint=tmp_path / "run", resume=True)

    def proposals(scheduler):
        return [(dict(trial.config), trial.origin) for trial in scheduler.trials.values()]

    assert proposals(resumed) == proposals(whole)
    assert proposals(whole)[-1][1] in {"sobol", "evolution", "model", "random"}
    assert {origin for _, origin in proposals(whole)} & {"sobol", "evolution", "model"}


@pytest.mark.parametrize("kind", MADE)
def test_only_the_order_of_rewards_counts(kind):
    plain = configs(learn(MADE[kind](), bowl, 20))
    curved = configs(learn(MADE[kind](), lambda config: math.exp(40 * bowl(config)), 20))
    assert curved == plain


@pytest.mark.parametrize("kind", MADE)
def test_a_result_that_is_taken_back_has_no_effect(kind):
    searchers = [MADE[kind](resource_attribute="epoch", max_epochs=9) for _ in range(2)]
    configs = [PLANE.config_from_units([i / 9, 1 - i / 9]) for i in range(9)]
    for searcher in searchers:
        for i, config in enumerate(configs):
            searcher.update(config, accuracy=i, epoch=1)
    searchers[0].update(configs[0], accuracy=99.0, epoch=3)
    searchers[0].remove_case(configs[0], epoch=3)
    found, expected = ([s.get_config() for _ in range(4)] for s in searchers)
    assert found == expected


@pytest.mark.parametrize("kind", MADE)
def test_a_value_without_a_resource_is_one_of_the_largest(kind):
    searcher = MADE[kind](max_epochs=9)
    searcher.observe(Observation(0, PLANE.config_from_units([0.1, 0.1]), 3, 0.9))
    searcher.observe(Observation(1, PLANE.config_from_units([0.2, 0.2]), None, 0.1))
    assert [trial.fitness for trial in searcher._results.trials] == [(3, 0.9), (9, 0.1)]


@pytest.mark.parametrize("kind", MADE)
def test_under_rungs_an_earlier_run_gives_all_of_its_reports(kind):
    earlier = run("fifo", "sobol", 3)
    makers = {"evolution": RegularizedEvolutionSearcher, "bohb": BOHBSearcher, "tpe": TPESearcher}
    for max_epochs, resources in ((9, set(range(1, 10))), (None, {0})):
        searcher = makers[kind](train.cs, max_epochs=max_epochs, warm_start_from=earlier)
        assert len(searcher._results) == 3
        assert all(set(trial.rewards) == resources for trial in searcher._results.trials)


@pytest.mark.parametrize("kind", MADE)
def test_a_finite_number_is_never_made_of_what_is_none(kind):
    searcher = MADE[kind]()
    for trial_id in range(8):
        searcher.observe(Observation(trial_id, PLANE.config_from_units([0.1] * 2), None, math.nan))
    assert len(searcher._results) == 0
    assert searcher.suggest(SuggestRequest(8)).origin in ("default", "random")


def test_shares_lie_between_0_and_1():
    assert share("q", 0.5) == 0.5
    assert share("q", 1, or_ends=True) == 1.0
    for value in (0, 1, 2, -0.1, math.nan, "a", True):
        with pytest.raises(SpecError, match=r"q=.* must be a number between 0 and 1, as in 0\.1"):
            share("q", value)
