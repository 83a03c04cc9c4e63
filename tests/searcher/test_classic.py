import math

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Observation, Pending, SuggestRequest
from agcore.searcher import (
    BaseSearcher,
    ClassicSearcher,
    GPFIFOSearcher,
    GPMultiFidelitySearcher,
    RandomSearcher,
    as_searcher,
)
from agcore.space import SearchSpace

SPACE = SearchSpace({"x": ag.Real(0, 1), "kind": ag.Categorical("a", "b")})


class Old:
    """A searcher as users of the ancestor wrote them, with the narrowest signatures."""

    def __init__(self):
        self.calls = []

    def get_config(self):
        self.calls.append(("get_config",))
        return {"x": 0.5, "kind▁choice": 1}

    def update(self, config, **result):
        self.calls.append(("update", config, result))

    def register_pending(self, config, milestone=None):
        self.calls.append(("register_pending", config, milestone))

    def remove_case(self, config, **result):
        self.calls.append(("remove_case", result))

    def evaluation_failed(self, config):
        self.calls.append(("evaluation_failed", config))


CONFIG = {"x": 0.5, "kind": "b"}


def test_its_configs_may_have_the_classic_form():
    assert as_searcher(Old(), SPACE).suggest(SuggestRequest(0)).config == CONFIG


def test_keywords_it_does_not_take_are_left_out():
    class Asks(Old):
        def get_config(self, *, milestone):
            self.calls.append(milestone)
            return {"x": 0.0}

    old = Asks()
    as_searcher(old, SPACE).suggest(SuggestRequest(0, first_milestone=3))
    assert old.calls == [3, ("register_pending", {"x": 0.0, "kind": "a"}, 3)]


def test_superseded_reports_are_removed_before_the_next_is_given():
    old = Old()
    searcher = as_searcher(old, SPACE)
    for resource in (1, 2):
        provisional = resource == 1
        metrics = {"epoch": resource}
        searcher.observe(Observation(0, CONFIG, resource, 0.1, provisional, metrics))
    names = [call[0] for call in old.calls]
    assert names == ["update", "remove_case", "update"]
    assert old.calls[1] == ("remove_case", {"epoch": 1})


def test_pending_trials_are_registered_once_per_milestone():
    old = Old()
    searcher = as_searcher(old, SPACE)
    searcher.suggest(SuggestRequest(7, first_milestone=1))
    for milestone in (1, 1, 3):
        searcher.suggest(SuggestRequest(8, (Pending(7, CONFIG, milestone),), 0, 9))
    registered = [call[2] for call in old.calls if call[0] == "register_pending"]
    # Trial 7 when it starts and at its second milestone; trial 8 each time it is asked for.
    assert registered == [1, 9, 9, 3, 9]


def test_a_diverged_value_is_passed_on_as_a_failure():
    old = Old()
    as_searcher(old, SPACE).observe(Observation(0, CONFIG, 1, math.nan, metrics={"acc": math.inf}))
    assert old.calls == [("evaluation_failed", CONFIG)]


def test_a_searcher_made_for_another_space_or_mode_is_refused():
    other = RandomSearcher(SearchSpace({"x": ag.Real(0, 2)}))
    with pytest.raises(SpecError, match="another space: kind, x differ"):
        as_searcher(other, SPACE)
    with pytest.raises(SpecError, match="mode='max' and the scheduler mode='min'"):
        as_searcher(RandomSearcher(SPACE), SPACE, mode="min")
    with pytest.raises(SpecError, match=r"is a class.*RandomSearcher\(train_fn.cs\)"):
        as_searcher(RandomSearcher, SPACE)


def test_failures_are_passed_on():
    old = Old()
    as_searcher(old, SPACE).trial_failed(0, CONFIG)
    assert old.calls == [("evaluation_failed", CONFIG)]


def test_none_and_stop_iteration_end_the_search():
    class Empty(Old):
        def get_config(self):
            return None

    class Raises(Old):
        def get_config(self):
            raise StopIteration

    for kind in (Empty, Raises):
        assert as_searcher(kind(), SPACE).suggest(SuggestRequest(0)) is None


def test_a_config_outside_the_space_is_refused():
    class Wrong(Old):
        def get_config(self):
            return {"y": 1}

    with pytest.raises(SpecError, match="y"):
        as_searcher(Wrong(), SPACE).suggest(SuggestRequest(0))

    class NotADict(Old):
        def get_config(self):
            return 3

    with pytest.raises(SpecError, match="must return a dict"):
        as_searcher(NotADict(), SPACE).suggest(SuggestRequest(0))


def test_an_object_that_is_no_searcher_is_refused():
    with pytest.raises(SpecError, match="get_config"):
        as_searcher(object(), SPACE)


def test_a_subclass_that_overrides_get_config_only_is_classic():
    class Half(BaseSearcher):
        def get_config(self, **kwargs):
            return {"x": 0.25, "kind": "a"}

    assert isinstance(as_searcher(Half(SPACE), SPACE), ClassicSearcher)
    ours = RandomSearcher(SPACE)
    assert as_searcher(ours, SPACE) is ours


def test_model_parameters_are_passed_through():
    class WithModel(Old):
        def model_parameters(self):
            return {"noise": 0.1}

    searcher = as_searcher(WithModel(), SPACE)
    assert searcher.model_parameters() == {"noise": 0.1}
    assert as_searcher(Old(), SPACE).model_parameters() == {}
    assert searcher.dataset_size() == 0


def test_a_searcher_object_must_fit_the_kind_of_its_scheduler():
    one = GPFIFOSearcher(SPACE)
    many = GPMultiFidelitySearcher(SPACE, max_epochs=9)
    assert as_searcher(one, SPACE) is one
    assert as_searcher(many, SPACE, max_resource=9) is many
    with pytest.raises(SpecError, match="GPFIFOSearcher models one value a trial"):
        as_searcher(one, SPACE, max_resource=9)
    with pytest.raises(SpecError, match="goes with a HyperbandScheduler only"):
        as_searcher(many, SPACE)
    with pytest.raises(SpecError, match="max_epochs=9 and the scheduler max_t=27"):
        as_searcher(many, SPACE, max_resource=27)
    assert as_searcher(RandomSearcher(SPACE), SPACE, max_resource=27)
