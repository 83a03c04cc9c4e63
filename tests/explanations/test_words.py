"""Names, signs and quantiles as users write them."""

import pytest

from agcore.explanations.words import Words, share, values_of


def words(story, **settings):
    return Words.of(story(**settings).history)


@pytest.mark.parametrize(
    ("quantile", "text"),
    [(1 / 3, "1/3"), (0.4, "2/5"), (1.0, "100%"), (0.1234, "12.3%"), (10 / 33, "10/33")],
)
def test_a_quantile_is_a_fraction_if_it_is_one(quantile, text):
    assert share(quantile) == text


def test_a_reward_has_the_users_sign_and_zero_has_none(story):
    assert words(story).value(0.5) == "0.5"
    assert words(story, mode="min").value(0.5) == "-0.5"
    assert words(story, mode="min").value(0.0) == "0"
    assert words(story).value(float("nan")) == "not finite"


@pytest.mark.parametrize("reason", ["because of 3 things", "a policy's own reason: x < 1e-3"])
def test_a_reason_of_another_policy_is_left_alone(story, reason):
    assert words(story, mode="min").reason(reason) == reason


def test_numbers_of_any_form_change_their_sign(story):
    text = "reward -1e-05 is below the cutoff inf of 2 earlier trials at epoch=12"
    loss = words(story, mode="min", reward_attr="loss")
    assert (
        loss.reason(text) == "loss 1e-05 is above the cutoff -inf of 2 earlier trials at epoch 12"
    )


def test_long_values_are_cut_short():
    assert values_of({"a": "x" * 99}) == f"a='{'x' * 56}..."
