"""What search strategies stand for."""

import pytest

from agcore.errors import SpecError
from agcore_contrib.vision.strategies import Strategy, strategy_of


@pytest.mark.parametrize(
    ("name", "scheduler", "searcher"),
    [
        (None, "fifo", "random"),
        ("random", "fifo", "random"),
        ("bayesopt", "fifo", "bayesopt"),
        ("hyperband", "hbs", "random"),
        ("bayesopt_hyperband", "hbs", "bayesopt"),
        ("bohb_hyperband_promotion", "hbp", "bohb"),
        ("tpe_pasha", "pasha", "tpe"),
        ("constrained_bayesopt", "fifo", "constrained_bayesopt"),
        ("hypertune", "hbs", "hypertune"),
        ("pbt", "pbt", "random"),
        ("local", "fifo", "random"),
        ("auto", "fifo", "auto"),
    ],
)
def test_a_strategy_is_a_scheduler_and_a_searcher(name, scheduler, searcher):
    assert strategy_of(name) == Strategy(scheduler, searcher)


def test_a_scheduler_and_a_searcher_win_over_the_strategy():
    assert strategy_of("hyperband", scheduler="fifo", searcher="tpe") == Strategy("fifo", "tpe")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("bayesopt_hyperbnd",), "bayesopt_hyperband"),
        ((None, "hyperbnd"), "hyperband"),
        ((None, None, "bayesop"), "bayesopt"),
    ],
)
def test_a_misspelt_name_is_answered_with_a_known_one(arguments, meant):
    with pytest.raises(SpecError, match=f"did you mean '{meant}'"):
        strategy_of(*arguments)
