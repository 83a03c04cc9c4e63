"""Our searchers keep the contract, and the contract finds searchers that do not."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from agcore.records import Suggestion, SuggestRequest
from agcore.searcher import (
    BaseSearcher,
    BOHBSearcher,
    ConstrainedGPFIFOSearcher,
    GPFIFOSearcher,
    GPMultiFidelitySearcher,
    GridSearcher,
    HyperTuneSearcher,
    RandomSearcher,
    RegularizedEvolutionSearcher,
    SKoptSearcher,
    SobolSearcher,
    TPESearcher,
)
from agcore.testing.searcher import SearcherContract

CHEAP = {"num_init_random": 2, "num_init_candidates": 40, "opt_nstarts": 1, "opt_maxiter": 8}
"""Models soon, and with little work: the rules are the same."""


class TestRandomSearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return RandomSearcher(space, **options)


class TestSobolSearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return SobolSearcher(space, **options)


class TestRegularizedEvolutionSearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return RegularizedEvolutionSearcher(space, population_size=3, sample_size=2, **options)


class TestRegularizedEvolutionSearcherWithRungs(SearcherContract):
    resources = (1, 3, 9)

    def make_searcher(self, space, **options):
        options = {"resource_attribute": "epoch", **options}
        return RegularizedEvolutionSearcher(space, population_size=3, max_epochs=9, **options)


class TestBOHBSearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return BOHBSearcher(space, min_points=2, random_fraction=0.2, **options)


class TestBOHBSearcherWithRungs(SearcherContract):
    resources = (1, 3, 9)

    def make_searcher(self, space, **options):
        options = {"resource_attribute": "epoch", **options}
        return BOHBSearcher(space, min_points=2, max_epochs=9, random_fraction=0.2, **options)


class TestTPESearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return TPESearcher(space, num_init_random=2, **options)


class TestTPESearcherOfSingleParameters(SearcherContract):
    def make_searcher(self, space, **options):
        return TPESearcher(space, num_init_random=2, multivariate=False, **options)


class TestTPESearcherWithRungs(SearcherContract):
    resources = (1, 3, 9)

    def make_searcher(self, space, **options):
        options = {"resource_attribute": "epoch", **options}
        return TPESearcher(space, num_init_random=2, max_epochs=9, **options)


class TestGridSearcher(SearcherContract):
    needs_finite_space = True
    uses_seed = False

    def make_searcher(self, space, **options):
        return GridSearcher(space, **options)


class TestGPFIFOSearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return GPFIFOSearcher(space, **CHEAP, **options)


class TestGPFIFOSearcherOfTheClassicProfile(SearcherContract):
    def make_searcher(self, space, **options):
        return GPFIFOSearcher(space, profile="classic", **CHEAP, **options)


class TestGPMultiFidelitySearcher(SearcherContract):
    resources = (1, 3, 9)

    def make_searcher(self, space, **options):
        return GPMultiFidelitySearcher(space, max_epochs=9, **CHEAP, **options)


class TestHyperTuneSearcher(SearcherContract):
    resources = (1, 3, 9)

    def make_searcher(self, space, **options):
        return HyperTuneSearcher(space, max_epochs=9, min_points=3, **CHEAP, **options)


class TestHyperTuneSearcherOfGivenRungs(SearcherContract):
    resources = (2, 9)

    def make_searcher(self, space, **options):
        rungs = (3, 9)
        return HyperTuneSearcher(
            space, max_epochs=9, rung_levels=rungs, profile="classic", **CHEAP, **options
        )


class TestConstrainedGPFIFOSearcher(SearcherContract):
    def make_searcher(self, space, **options):
        return ConstrainedGPFIFOSearcher(space, constraint_attr="memory", **CHEAP, **options)

    def metrics_of(self, config):
        return {"memory": len(str(config)) % 7 - 4.5}


@pytest.mark.filterwarnings("ignore")  # what the library warns of is not ours to mend
class TestSKoptSearcher(SearcherContract):
    @pytest.fixture(autouse=True)
    def _needs_the_library(self):
        pytest.importorskip("skopt")

    def make_searcher(self, space, **options):
        cheap = {"base_estimator": "ET", "acq_func": "EI", "acq_optimizer": "sampling"}
        return SKoptSearcher(
            space, n_initial_points=3, acq_optimizer_kwargs={"n_points": 100}, **cheap, **options
        )


# -- the contract finds what is wrong with a searcher ----------------------------------------


class Careless(RandomSearcher):
    def propose(self, request):
        suggestion = super().propose(request)
        return suggestion and Suggestion({**suggestion.config, "x": 0}, "random")


class Stubborn(RandomSearcher):
    def may_propose(self, config):
        return True


class Impatient(RandomSearcher):
    @property
    def is_exhausted(self):
        return self.configspace.size is not None and self.num_known + 1 >= self.configspace.size


class Forgiving(RandomSearcher):
    def trial_failed(self, trial_id, config):
        self._known.pop(self._key(config), None)


class Backwards(RandomSearcher):
    def __init__(self, space, **options):
        super().__init__(space, **options)
        self._first.reverse()


class Lawless(RandomSearcher):
    def may_propose(self, config):
        return not self.is_known(config)


class Roaming(RandomSearcher):
    def __init__(self, space, **options):
        super().__init__(space, **options)
        self.candidates = None


class Gambler(RandomSearcher):
    def propose(self, request):
        return super().propose(replace(request, draw=random.randrange(10**6)))


class Seedless(RandomSearcher):
    def __init__(self, space, random_seed=0, **options):
        super().__init__(space, **options)


class Eavesdropper(RandomSearcher):
    count = 0  # one for all of them

    def propose(self, request):
        Eavesdropper.count += 1
        return super().propose(replace(request, draw=self.count))


class Counting(RandomSearcher):
    count = 0

    def propose(self, request):
        self.count += 1
        return super().propose(replace(request, draw=self.count))


class Resentful(RandomSearcher):
    def propose(self, request):
        for pending in request.pending:
            self.exclude(pending.config)
        return super().propose(request)


class Hoarder(RandomSearcher):
    def propose(self, request):
        return super().propose(replace(request, draw=100 * self.dataset_size()))


class Vague(RandomSearcher):
    def propose(self, request):
        suggestion = super().propose(request)
        return suggestion and replace(suggestion, why={"mean": math.nan})


class Nervous(RandomSearcher):
    def propose(self, request):
        return None if math.isnan(self.get_best_reward() * 0) else super().propose(request)


class Shortsighted(RandomSearcher):
    def propose(self, request):
        return super().propose(request) if abs(self.get_best_reward()) < 1e200 else None


class Optimist(RandomSearcher):
    def get_best_reward(self):
        return self._best()[0]


class Loyal(RandomSearcher):
    def trial_failed(self, trial_id, config):
        self.exclude(config)


class Bottomless(RandomSearcher):
    def get_config(self, **_):
        suggestion = self.suggest(SuggestRequest(self.num_known))
        return suggestion and suggestion.config


class Upward(RandomSearcher):
    def propose(self, request):
        return super().propose(replace(request, draw=request.draw + (self.mode == "max")))


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Careless, "test_every_proposal_is_canonical_and_new"),
        (Stubborn, "test_every_proposal_is_canonical_and_new"),
        (Stubborn, "test_excluded_configs_are_never_proposed"),
        (Impatient, "test_a_finite_space_ends_after_every_config_was_proposed_once"),
        (Stubborn, "test_a_finite_space_ends_after_every_config_was_proposed_once"),
        (Forgiving, "test_excluded_configs_are_never_proposed"),
        (Stubborn, "test_a_config_that_is_excluded_between_two_proposals_is_not_proposed"),
        (Backwards, "test_given_points_come_first_in_their_order_and_then_the_default"),
        (Backwards, "test_a_given_point_is_completed_by_defaults"),
        (Roaming, "test_only_candidates_are_proposed"),
        (Lawless, "test_only_configs_that_keep_the_constraint_are_proposed"),
        (Lawless, "test_a_finite_space_ends_with_the_last_config_that_keeps_the_constraint"),
        (Gambler, "test_the_same_seed_and_dialogue_give_the_same_suggestions"),
        (Seedless, "test_another_seed_gives_other_configs"),
        (Eavesdropper, "test_two_searchers_do_not_disturb_one_another"),
        (Resentful, "test_pending_trials_are_not_remembered"),
        (Counting, "test_who_recalls_a_proposal_need_not_know_what_was_pending"),
        (Hoarder, "test_a_provisional_value_gives_way_to_the_next_of_its_trial"),
        (Counting, "test_a_searcher_told_the_same_goes_on_in_the_same_way"),
        (Vague, "test_what_is_said_of_a_proposal_is_json_without_nan"),
        (Shortsighted, "test_no_reward_stops_it_or_makes_it_propose_nan"),
        (Forgiving, "test_the_failure_of_a_trial_that_has_reported_does_not_stop_it"),
        (Nervous, "test_trials_that_all_fail_do_not_stop_it"),
        (Optimist, "test_by_hand_the_best_comes_back_with_the_users_sign"),
        (Upward, "test_by_hand_the_lowest_loss_is_sought_as_the_highest_reward"),
        (Loyal, "test_by_hand_a_config_that_fails_is_neither_the_best_nor_proposed_again"),
        (Bottomless, "test_by_hand_the_end_of_a_finite_space_is_an_exception"),
    ],
)
def test_the_contract_finds_a_broken_rule(kind, rule):
    suite = SearcherContract()
    suite.make_searcher = kind
    with pytest.raises(AssertionError):
        getattr(suite, rule)()


def test_every_rule_is_kept_by_a_searcher_that_only_proposes():
    class Simplest(BaseSearcher):
        def propose(self, request):
            rng = np.random.default_rng([self.random_seed, request.draw])
            tries = (self.configspace.sample_configuration(rng) for _ in range(1000))
            listed = self.candidates or tries
            config = next(filter(self.may_propose, listed), None)
            return None if config is None else Suggestion(config, "random")

    suite = SearcherContract()
    suite.make_searcher = Simplest
    for name in dir(suite):
        if name.startswith("test_"):
            getattr(suite, name)()
