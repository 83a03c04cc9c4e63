import numpy as np
import pytest

import agcore as ag
from agcore.encoding import Encoding
from agcore.records import SuggestRequest
from agcore.searcher import ConstrainedGPFIFOSearcher, GridSearcher, RandomSearcher
from agcore.searcher.candidates import AtResource, CandidateSearch, SearchSettings
from agcore.space import SearchSpace
from tests.searcher.dialogues import (
    BRANCHES,
    GRID,
    LINE,
    PLANE,
    SEARCHERS,
    bowl,
    configs,
    learn,
    origins,
)


class Peak:
    """An acquisition with its maximum at a row."""

    def __init__(self, at):
        self.at = np.asarray(at, dtype=float)
        self.calls = 0

    def __call__(self, X):
        self.calls += 1
        return -np.sum((X - self.at) ** 2, axis=1)

    def with_gradient(self, X):
        return self(X), -2 * (X - self.at)


def anything(config):
    return True


def best(space, acquisition, may_propose=anything, settings=None, listed=None, **arguments):
    search = CandidateSearch(Encoding(space), may_propose, settings or SearchSettings(), listed)
    known = np.empty((0, Encoding(space).num_columns))
    rng = np.random.default_rng(0)
    return search.best(acquisition, known, 5, rng, **arguments)


def test_the_local_search_ends_at_the_peak():
    found = best(PLANE, Peak([0.123, 0.875]))
    assert found.row == pytest.approx([0.123, 0.875], abs=1e-3)
    assert found.config["x"] == pytest.approx(0.123, abs=1e-3)
    assert found.value == pytest.approx(0.0, abs=1e-5)
    assert PLANE.complete(found.config) == found.config


def test_the_row_of_what_is_found_is_that_of_its_config_and_so_is_the_value():
    acquisition = Peak(np.full(Encoding(BRANCHES).num_columns, 0.3))
    found = best(BRANCHES, acquisition)
    assert found.row.tolist() == Encoding(BRANCHES).encode(found.config).tolist()
    assert found.value == acquisition(found.row[np.newaxis])[0]


def test_a_peak_that_may_not_be_proposed_gives_way_to_the_next_best():
    space = SearchSpace({"a": ag.Int(1, 9)})
    peak = Peak(Encoding(space).encode({"a": 5}))
    assert best(space, peak).config == {"a": 5}
    assert best(space, peak, lambda config: config["a"] != 5).config["a"] in (4, 6)
    assert best(space, peak, lambda config: config["a"] in (1, 9)).config["a"] in (1, 9)
    assert best(space, peak, lambda config: False) is None


def test_only_listed_configs_are_found_the_best_first():
    listed = [{"x": x, "y": 0.01} for x in (0.0, 0.4, 0.5, 1.0)]
    peak = Peak(Encoding(PLANE).encode({"x": 0.47, "y": 0.01}))
    assert best(PLANE, peak, listed=listed).config["x"] == 0.5
    assert best(PLANE, peak, lambda c: c["x"] != 0.5, listed=listed).config["x"] == 0.4
    assert best(PLANE, peak, lambda c: False, listed=listed) is None


def test_in_the_classic_order_the_first_by_score_is_taken_not_the_best():
    settings = SearchSettings(50, 0, 1, keeps_order=True)
    away = Peak([0.9, 0.9])
    found = best(PLANE, Peak([0.1, 0.1]), settings=settings, score=away)
    assert away.calls == 1
    assert found.row == pytest.approx([0.1, 0.1], abs=1e-3)


def test_an_acquisition_at_a_resource_is_that_of_rows_with_the_resource():
    acquisition = Peak([0.2, 0.4, 0.75])
    at = AtResource(acquisition, 0.5)
    X = np.array([[0.1, 0.2], [0.3, 0.4]])
    full = np.column_stack([X, [0.5, 0.5]])
    assert at(X).tolist() == acquisition(full).tolist()
    values, gradient = at.with_gradient(X)
    assert values.tolist() == at(X).tolist()
    assert gradient.tolist() == acquisition.with_gradient(full)[1][:, :2].tolist()


# -- candidates= and constraint= of all searchers ------------------------------------------

ALL = {
    "random": lambda space, **k: RandomSearcher(space, **k),
    "grid": lambda space, **k: GridSearcher(space, **k),
    **SEARCHERS,
}


def asked(kind, space, count, **options):
    return learn(ALL[kind](space, **options), bowl_or_zero, count)


def bowl_or_zero(config):
    return bowl(config) if "x" in config else float(config.get("a", 0))


@pytest.mark.parametrize("kind", ALL)
def test_candidates_are_proposed_each_once_and_nothing_else(kind):
    candidates = [{"x": i / 16} for i in range(8)]
    suggestions = asked(kind, LINE, 12, candidates=candidates)
    assert suggestions[-1] is None
    found = configs(suggestions[:-1])
    assert sorted(config["x"] for config in found) == [i / 16 for i in range(8)]


@pytest.mark.parametrize("kind", SEARCHERS)
def test_candidates_are_proposed_as_they_were_given_to_the_last_digit(kind):
    candidates = [{"x": 0.1 * i, "y": 10 ** (-0.37 * i)} for i in range(11)]
    found = configs(asked(kind, PLANE, 15, candidates=candidates))
    assert found[-1] is None
    assert all(config in candidates for config in found[:-1])
    assert len(found) == 12


@pytest.mark.parametrize("kind", ALL)
def test_candidates_are_completed_and_made_distinct(kind):
    candidates = [{"x": 0.5}, {"x": 0.5, "y": 0.01}, {"x": 0.25}]
    suggestions = asked(kind, PLANE, 5, candidates=candidates)
    assert suggestions[-1] is None
    assert len(suggestions) == 3


@pytest.mark.parametrize("kind", ALL)
def test_the_default_and_points_to_evaluate_must_be_among_the_candidates(kind):
    without_default = asked(kind, LINE, 3, candidates=[{"x": 0.25}, {"x": 0.75}])
    assert "default" not in origins(without_default)
    assert without_default[2] is None
    with pytest.raises(ag.errors.SpecError, match=r"points_to_evaluate.*not one of the candidates"):
        ALL[kind](LINE, candidates=[{"x": 0.25}], points_to_evaluate=[{"x": 0.5}])


@pytest.mark.parametrize("kind", ALL)
def test_candidates_that_are_no_list_of_configs_are_refused(kind):
    for wrong in ([], {}, [3], [{"z": 1}], "ab"):
        with pytest.raises(ag.errors.SpecError):
            ALL[kind](LINE, candidates=wrong)


@pytest.mark.parametrize("kind", ALL)
def test_every_proposal_keeps_the_constraint_in_the_random_phase_and_later(kind):
    space = LINE if kind != "grid" else SearchSpace({"x": ag.Real(0, 1, step=0.05)})
    suggestions = asked(kind, space, 9, constraint=lambda config: config["x"] > 0.5)
    assert len(suggestions) == 9
    assert all(suggestion.config["x"] > 0.5 for suggestion in suggestions)
    if kind in SEARCHERS:
        assert origins(suggestions)[0] == "random"  # the default is at 0.5
        assert origins(suggestions)[-1] == "model"


@pytest.mark.parametrize("kind", ALL)
def test_candidates_that_break_the_constraint_are_left_out(kind):
    candidates = [{"x": i / 16} for i in range(8)]
    suggestions = asked(
        kind, LINE, 9, candidates=candidates, constraint=lambda config: config["x"] < 0.2
    )
    assert suggestions[-1] is None
    assert len(suggestions) == 5


@pytest.mark.parametrize("kind", ALL)
def test_a_constraint_that_nothing_keeps_ends_the_search(kind):
    assert asked(kind, GRID, 3, constraint=lambda config: False) == [None]


@pytest.mark.parametrize("kind", ALL)
def test_a_constraint_gets_a_copy_and_must_be_a_function(kind):
    def destroys(config):
        config.clear()
        return True

    assert asked(kind, GRID, 4, constraint=destroys)[-1].config.keys() == {"a", "b"}
    with pytest.raises(ag.errors.SpecError, match="constraint=5 must be a function"):
        ALL[kind](GRID, constraint=5)


@pytest.mark.parametrize("kind", ALL)
def test_every_config_of_a_finite_space_is_proposed_once_then_there_is_none(kind):
    options = {"num_init_random": 3} if kind in SEARCHERS else {}
    suggestions = asked(kind, GRID, 12, **options)
    assert suggestions[-1] is None
    keys = [GRID.key(config) for config in configs(suggestions[:-1])]
    assert len(keys) == len(set(keys)) == 10
    if kind in SEARCHERS:
        assert "model" in origins(suggestions)


@pytest.mark.parametrize("kind", ALL)
def test_the_end_of_a_finite_space_is_an_error_for_those_who_ask_by_hand(kind):
    searcher = ALL[kind](GRID)
    for _ in range(10):
        searcher.update(searcher.get_config(), accuracy=0.5, c=-1.0)
    with pytest.raises(ag.errors.SpaceExhausted, match="10 configs"):
        searcher.get_config()


def test_what_is_excluded_counts_as_used_up():
    searcher = ConstrainedGPFIFOSearcher(GRID, constraint_attr="c", first_is_default=False)
    for index in range(9):
        searcher.exclude(GRID.config_at(index))
    assert searcher.suggest(SuggestRequest(0)).config == GRID.config_at(9)
    assert searcher.suggest(SuggestRequest(1)) is None
