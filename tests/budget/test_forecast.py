import pytest

from agcore.budget.forecast import finish_quantiles


def test_without_spread_it_is_list_scheduling():
    arguments = {"seconds_per_epoch": 2.0, "spread": 0.0, "startup_s": 1.0}
    assert finish_quantiles([3, 3, 3], loads_s=[0.0, 5.0], **arguments) == (14.0, 14.0)
    assert finish_quantiles([], loads_s=[4.0, 1.0], **arguments) == (4.0, 4.0)


def test_the_same_plan_has_the_same_forecast_and_spread_widens_it():
    arguments = {"seconds_per_epoch": 1.0, "loads_s": [0.0] * 4}
    first = finish_quantiles([3] * 50, spread=0.5, **arguments)
    assert first == finish_quantiles([3] * 50, spread=0.5, **arguments)
    narrow = finish_quantiles([3] * 50, spread=0.1, **arguments)
    assert first[1] - first[0] > narrow[1] - narrow[0] > 0


def test_many_trials_are_forecast_as_if_each_were_dealt_out(monkeypatch):
    arguments = {"seconds_per_epoch": 1.0, "spread": 0.6, "loads_s": [0.0, 3.0, 9.0]}
    quick = finish_quantiles([2] * 900, **arguments)
    monkeypatch.setattr("agcore.budget.forecast._MOST_ITEMS", 10**6)
    assert quick == pytest.approx(finish_quantiles([2] * 900, **arguments), rel=0.01)
