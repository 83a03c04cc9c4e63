from fractions import Fraction

from agcore_contrib.otx import Trial
from agcore_contrib.otx.plan import Geometry, total_cost
from agcore_contrib.otx.planting import fitting_plan, make_bracket, num_places

GEOMETRY = Geometry(1, 20, 3)


def trials_of(count, promised=0):
    return [Trial(str(i), {}, promised=promised) for i in range(count)]


def test_trials_without_a_place_are_paid_from_the_budget():
    plan = fitting_plan(GEOMETRY, Fraction(80), 1, [])
    assert num_places(plan) == 10
    others = trials_of(30, promised=1)
    smaller = fitting_plan(GEOMETRY, Fraction(80), 1, others)
    without_place = 30 - (num_places(smaller) - 1)
    assert total_cost(smaller) + without_place <= 80
    assert fitting_plan(GEOMETRY, Fraction(80), 1, others[:9]) == plan


def test_without_a_budget_the_plan_is_all_of_hyperband():
    assert fitting_plan(GEOMETRY, None, 0, trials_of(99, 1)) == GEOMETRY.full()


def test_too_few_trials_for_a_bracket_get_fewer_rungs(settings_of):
    def rungs(count):
        bracket = make_bracket(settings_of(), 2, 18, trials_of(count))
        return [(rung.num_required, rung.iteration) for rung in bracket.rungs]

    assert rungs(9) == [(9, 2), (3, 6), (1, 18)]
    assert rungs(8) == [(8, 6), (2, 18)]
    assert rungs(2) == [(2, 18)]


def test_the_budget_is_an_exact_product(settings_of):
    settings = settings_of(
        expected_time_ratio=0.1, acceptable_additional_time_ratio=1.2, num_workers=3
    )
    assert settings.budget == Fraction(72, 10)  # 0.1 * 1.2 * 60 is 7.199999999999999 in floats
    assert settings_of().budget is None
