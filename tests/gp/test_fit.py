from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.gp import FitSettings, classic, default, evaluation_budget, fit, fit_subset
from agcore.gp.likelihood import NegativeLogPosterior
from tests.gp.surrogates import NAMES, model_named, rows, targets


def fitted(name="single", n=25, seed=0, **kwargs):
    model, X = model_named(name), rows(n)
    return model, fit(model, X, targets(X), rng=np.random.default_rng(seed), **kwargs)


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_is_better_than_its_start_and_stays_in_the_box(name):
    model, result = fitted(name)
    X = rows(25)
    start = model.parameters.internal(model.parameters.initial_values())
    assert result.objective < NegativeLogPosterior(model, X, targets(X))(start)[0]
    model.parameters.from_dict(model.parameters.to_dict(result.values))  # raises outside


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inputs_and_generator_give_the_same_bits(name):
    _, first = fitted(name)
    _, second = fitted(name)
    np.testing.assert_array_equal(first.values, second.values)
    assert first.objective == second.objective


def test_the_values_have_the_objective_that_is_reported():
    model, result = fitted()
    X = rows(25)
    objective = NegativeLogPosterior(model, X, targets(X))
    value, _ = objective(model.parameters.internal(result.values))
    assert value == pytest.approx(result.objective, rel=1e-9)


def test_a_warm_start_ends_no_worse_than_where_it_began():
    _, cold = fitted(settings=FitSettings(num_starts=3, num_searches=3, max_evaluations=200))
    _, warm = fitted(previous=cold.values, settings=FitSettings(num_starts=1))
    assert warm.objective <= cold.objective + 1e-9
    assert warm.evaluations < cold.evaluations


def test_following_more_starts_is_never_worse():
    _, one = fitted(settings=FitSettings(num_starts=4, num_searches=1, max_evaluations=200))
    _, all_four = fitted(settings=FitSettings(num_starts=4, num_searches=4, max_evaluations=400))
    assert all_four.objective <= one.objective + 1e-9


def test_a_bad_previous_optimum_gives_way_to_the_initial_values():
    model, X = model_named("single"), rows(25)
    bad = model.parameters.initial_values()
    bad[0] = 1e5
    work = FitSettings(max_evaluations=100)
    rng = np.random.default_rng(0)
    result = fit(model, X, targets(X), rng=rng, previous=bad, settings=work)
    _, cold = fitted(settings=FitSettings(num_starts=1, max_evaluations=100))
    assert result.objective == pytest.approx(cold.objective, rel=1e-3)


def test_evaluations_stay_within_the_budget():
    _, result = fitted(settings=FitSettings(num_starts=5, max_evaluations=12))
    assert result.evaluations <= 12


def test_a_single_observation_can_be_fitted():
    _, result = fitted(n=1)
    assert np.isfinite(result.values).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("profile", [classic(), default(3)], ids=["classic", "default"])
def test_constant_targets_can_be_fitted(name, profile):
    model, X = model_named(name, settings=profile), rows(10)
    result = fit(model, X, np.zeros(10), rng=np.random.default_rng(0))
    assert np.isfinite(result.values).all()
    assert math.isfinite(result.objective)


def test_if_every_start_fails_the_initial_values_are_kept():
    model, X = model_named("single"), rows(4)
    X[0, 0] = np.nan
    result = fit(model, X, np.zeros(4), rng=np.random.default_rng(0))
    assert result.objective == math.inf
    np.testing.assert_allclose(result.values, model.parameters.initial_values())


def test_the_budget_falls_with_points_and_rises_with_parameters():
    assert evaluation_budget(1000, 11) <= evaluation_budget(100, 11)
    assert evaluation_budget(30, 4) < evaluation_budget(30, 11)
    assert evaluation_budget(10**6, 11) >= 10


@given(n=st.integers(1, 60), size=st.integers(3, 40), seed=st.integers(0, 99))
@settings(derandomize=True, deadline=None)
def test_a_subset_has_the_best_and_the_latest_and_the_right_size(n, size, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.random((n, 2)), rng.standard_normal(n)
    chosen = fit_subset(X, y, size)
    assert len(chosen) == min(n, size)
    assert (np.diff(chosen) > 0).all()
    assert n - 1 in chosen
    assert int(np.argmin(y)) in chosen
    np.testing.assert_array_equal(chosen, fit_subset(X, y, size))


def test_a_fit_to_many_points_sees_a_subset():
    _, result = fitted(n=60, settings=FitSettings(subset_size=30))
    assert result.subset_size == 30
