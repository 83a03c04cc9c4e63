import json

import numpy as np
import pytest
from hypothesis import given, settings as profile, strategies as st

from agcore import gp
from agcore.searcher.model_data import Case, ModelData
from agcore.searcher.surrogate import Surrogate

WORK = gp.FitSettings(num_starts=2, num_searches=1, max_iterations=10)
AT = np.array([[0.15, 0.85], [0.5, 0.5], [0.99, 0.01]])


def add(data, number, **options):
    rng = np.random.default_rng(number)
    row = rng.random(2)
    data.add(Case(number, f"k{number}", None), row, float(np.sin(5 * row.sum())), **options)


def surrogate_of(data, *, is_warm_started=True):
    return Surrogate(
        data,
        lambda _: gp.default(2).matern52_model(2),
        WORK,
        limits_outliers=True,
        is_warm_started=is_warm_started,
    )


def fitted(data, surrogate, *, refit, seed=0):
    with gp.one_blas_thread():
        return surrogate.condition(np.random.default_rng(seed), refit=refit)


def predicted(posterior):
    return [part.tolist() for part in posterior.predict(AT)]


@pytest.fixture
def data():
    data = ModelData(2)
    for number in range(6):
        add(data, number)
    return data


def test_the_first_time_it_is_fitted_in_any_case(data):
    surrogate = surrogate_of(data)
    assert not surrogate.knows_all
    assert surrogate.parameters() == {}
    result = fitted(data, surrogate, refit=False)
    assert result.fit["parameters"] == surrogate.parameters()
    assert (surrogate.knows_all, surrogate.proposals_since_fit) == (True, 1)
    assert fitted(data, surrogate, refit=False).fit == {}
    assert surrogate.proposals_since_fit == 2
    assert fitted(data, surrogate, refit=True).fit["rows"] == 6
    assert surrogate.proposals_since_fit == 1


def test_between_fits_the_hyperparameters_stay_and_new_rows_count(data):
    surrogate = surrogate_of(data)
    before = fitted(data, surrogate, refit=True)
    parameters = surrogate.parameters()
    add(data, 6)
    add(data, 7)
    after = fitted(data, surrogate, refit=False)
    assert surrogate.parameters() == parameters
    assert not surrogate.knows_all
    assert len(after.posterior.X) == 8
    assert predicted(before.posterior) != predicted(after.posterior)


def test_a_grown_posterior_is_that_of_all_rows_conditioned_at_once(data):
    surrogate = surrogate_of(data)
    fitted(data, surrogate, refit=True)
    for number in range(6, 12):
        add(data, number)
        grown = fitted(data, surrogate, refit=False).posterior
    z, _ = gp.standardise(data.y)
    model = gp.default(2).matern52_model(2)
    values = model.parameters.from_dict(surrogate.parameters())
    whole = gp.Posterior.condition(model, values, data.X, z)
    assert predicted(grown)[0] == pytest.approx(np.array(predicted(whole)[0]), abs=1e-9)
    assert predicted(grown)[1] == pytest.approx(np.array(predicted(whole)[1]), abs=1e-9)


def test_a_removed_row_counts_no_more(data):
    surrogate = surrogate_of(data)
    fitted(data, surrogate, refit=True)
    add(data, 6)
    fitted(data, surrogate, refit=False)
    data.remove(data.cases[2])
    posterior = fitted(data, surrogate, refit=False).posterior
    assert posterior.X.tolist() == data.X.tolist()


def test_a_replaced_row_counts_with_its_new_value(data):
    surrogate = surrogate_of(data)
    add(data, 6, provisional=True)
    before = predicted(fitted(data, surrogate, refit=True).posterior)
    data.add(Case(6, "k6", None), np.array([0.5, 0.5]), 7.0)
    posterior = fitted(data, surrogate, refit=False).posterior
    assert len(posterior.X) == 7
    assert posterior.X[-1].tolist() == [0.5, 0.5]
    assert predicted(posterior) != before


def test_a_warm_start_begins_at_the_hyperparameters_before(data, monkeypatch):
    seen = []
    real = gp.fit

    def spy(*arguments, previous, **keywords):
        seen.append(None if previous is None else previous.tolist())
        return real(*arguments, previous=previous, **keywords)

    monkeypatch.setattr(gp, "fit", spy)
    warm, cold = surrogate_of(data), surrogate_of(data, is_warm_started=False)
    for surrogate in (warm, cold):
        for _ in range(2):
            fitted(data, surrogate, refit=True)
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[2:] == [None, None]


@profile(max_examples=25)
@given(
    steps=st.lists(st.sampled_from(["add", "provisional", "ask", "refit", "remove"]), max_size=20),
    cut=st.integers(0, 20),
)
def test_one_that_was_told_of_the_proposals_predicts_the_same_to_the_last_bit(steps, cut):
    """Whatever came in between; only the recorded fits are told, through JSON."""
    live_data, told_data = ModelData(2), ModelData(2)
    live, told = surrogate_of(live_data), surrogate_of(told_data)
    for data in (live_data, told_data):
        add(data, 0)
    for number, step in enumerate([*steps, "ask"], start=1):
        if step in ("ask", "refit"):
            known = live_data.X.tolist()
            result = fitted(live_data, live, refit=step == "refit", seed=number)
            if number <= min(cut, len(steps)):
                told.recall(json.loads(json.dumps(result.fit, allow_nan=False)))
            else:
                again = fitted(told_data, told, refit=step == "refit", seed=number)
                assert predicted(again.posterior) == predicted(result.posterior)
                assert again.fit == result.fit
            assert live_data.X.tolist() == known
            continue
        for data in (live_data, told_data):
            if step == "remove" and len(data) > 1:
                data.remove(data.cases[len(data) // 2])
            elif step != "remove":
                add(data, number % 4, provisional=step == "provisional")
    assert live.parameters() == told.parameters()
    assert live.proposals_since_fit == told.proposals_since_fit
    assert live.knows_all == told.knows_all
