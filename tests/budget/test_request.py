import pytest

from agcore.budget import TimeBudget
from agcore.errors import SpecError


def test_a_budget_may_be_text_seconds_or_a_budget():
    assert TimeBudget.of("2h").seconds == TimeBudget.of(7200).seconds == 7200
    budget = TimeBudget(60, epochs=9)
    assert TimeBudget.of(budget) is budget


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"budget": "never"}, "time_budget='never'"),
        ({"budget": 1, "epochs": 0}, "epochs=0"),
        ({"budget": 1, "seconds_per_epoch": 0}, "seconds_per_epoch=0 must be a positive number"),
        ({"budget": 1, "dataset_size": -1}, "dataset_size=-1"),
        ({"budget": 1, "non_pure_train_ratio": 1.5}, "non_pure_train_ratio=1.5 must be"),
        ({"budget": 1, "subset_ratio": 0}, "subset_ratio=0 must be a number above 0"),
    ],
)
def test_values_that_break_their_rule_are_refused(arguments, said):
    with pytest.raises(SpecError) as caught:
        TimeBudget(**arguments)
    assert said in str(caught.value)
