"""What a searcher learns about brackets reaches the policy, and neither has to know the other."""

import pytest

from agcore.policy import FIFOPolicy, HyperbandPolicy
from agcore.scheduler.brackets import bracket_lessons
from agcore.searcher import RandomSearcher
from agcore.space import Real, SearchSpace

SPACE = SearchSpace({"x": Real(0, 1)})


class Learned(RandomSearcher):
    """Prefers the second bracket."""

    asked = None

    def bracket_weights(self, first_milestones):
        self.asked = first_milestones
        return [1.0, 3.0]


def test_the_policy_draws_with_what_the_searcher_has_learnt():
    policy, searcher = HyperbandPolicy(27, brackets=3), Learned(SPACE)
    tell = bracket_lessons(policy, searcher)
    default = policy.bracket_shares
    assert searcher.asked is None  # nothing is told before it is called
    tell()
    assert searcher.asked == (1, 3, 9)
    head = default[0] + default[1]
    assert policy.bracket_shares == pytest.approx((head / 4, 3 * head / 4, default[2]))


@pytest.mark.parametrize(
    ("policy", "searcher"),
    [
        (HyperbandPolicy(27, brackets=3), RandomSearcher(SPACE)),
        (HyperbandPolicy(27), Learned(SPACE)),
        (FIFOPolicy(), Learned(SPACE)),
    ],
)
def test_where_one_cannot_learn_or_the_other_not_draw_nothing_is_told(policy, searcher):
    before = getattr(policy, "bracket_shares", None)
    bracket_lessons(policy, searcher)()
    assert getattr(policy, "bracket_shares", None) == before
    assert getattr(searcher, "asked", None) is None
