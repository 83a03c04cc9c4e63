"""The rungs decide exactly as their plain definitions, written out here on plain lists."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agcore.errors import SpecError
from agcore.policy.rungs import (
    PromotionRungs,
    RungLevels,
    StoppingRungs,
    exact_factor,
    explicit_levels,
    geometric_levels,
)
from agcore.records import Action

nan, inf = math.nan, math.inf

SHARES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 4), Fraction(3, 10), Fraction(9, 10)]
shares = st.sampled_from(SHARES)
reward = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 0.7, 1e-9, -0.0, nan]),  # many ties
    st.sampled_from([0.1, 0.2, 0.3]),
    st.floats(-1e6, 1e6),
)
finite = st.one_of(st.sampled_from([0.1, 0.2, 0.3, 0.7]), st.floats(-1e300, 1e300))


def levels_of(share, levels=(1,), max_t=1000):
    return RungLevels(levels, max_t, (share,) * len(levels))


# -- levels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grace_period", "factor", "max_t", "expected"),
    [
        (1, 10, 1000, (1, 10, 100, 1000)),  # a float logarithm drops the last one
        (1, 3, 243, (1, 3, 9, 27, 81, 243)),
        (1, 5, 125, (1, 5, 25, 125)),
        (1, 3, 9, (1, 3, 9)),
        (1, 3, 10, (1, 3, 9)),
        (2, 4, 31, (2, 8)),
        (1, 2.5, 40, (1, 2, 6, 16, 39)),
        (np.int64(1), np.float64(3.0), np.int64(9), (1, 3, 9)),
    ],
)
def test_geometric_levels_are_exact(grace_period, factor, max_t, expected):
    levels = geometric_levels(grace_period, factor, max_t)
    assert levels == expected
    assert all(type(level) is int for level in levels)


@given(st.integers(1, 20), st.integers(2, 12), st.integers(1, 8))
def test_the_top_rung_is_never_lost(grace_period, factor, k):
    assert geometric_levels(grace_period, factor, grace_period * factor**k)[-1] == (
        grace_period * factor**k
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((9, 3, 9), "grace_period=9 must be below max_t=9"),
        ((2, 3, 5), "give one rung level.*pass max_t=6 or more"),
        ((0, 3, 9), "grace_period=0 must be a whole number of at least 1"),
        ((1, 1.9, 9), "reduction_factor=1.9 must be a number of at least 2"),
        ((1, nan, 9), "reduction_factor=nan"),
        ((1, inf, 9), "reduction_factor=inf"),
        ((1, "x", 9), "reduction_factor='x'"),
        ((1, 3, 9.5), "max_t=9.5 must be a whole number"),
        ((True, 3, 9), "grace_period=True must be a whole number"),
    ],
)
def test_impossible_geometric_levels_are_refused(arguments, message):
    with pytest.raises(SpecError, match=message):
        geometric_levels(*arguments)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([3], "at least two levels"),
        ([], "at least two levels"),
        (3, "at least two levels"),
        ("13", "must be a whole number"),
        ([1, 1, 3], r"must increase; pass \[1, 3\]"),
        ([3, 1], r"must increase; pass \[1, 3\]"),
        ([0, 3], "must be a whole number of at least 1"),
        ([1, 2.5], "must be a whole number"),
        ([1, 3, 10], "must not exceed max_t=9"),
    ],
)
def test_impossible_explicit_levels_are_refused(levels, message):
    with pytest.raises(SpecError, match=message):
        explicit_levels(levels, 9)


def test_a_fractional_factor_is_the_decimal_that_was_written():
    assert exact_factor(2.5) == Fraction(5, 2)
    assert exact_factor(3.3) == Fraction(33, 10)
    assert exact_factor(3) == 3


@pytest.mark.parametrize("max_t", [9, 10, 26])
def test_geometric_rungs_let_the_same_share_on_also_off_the_grid(max_t):
    assert set(RungLevels.geometric(max_t).quantiles) == {Fraction(1, 3)}


def test_explicit_rungs_let_on_the_quotient_of_the_levels():
    assert RungLevels.explicit(20, [1, 4, 10]).quantiles == (
        Fraction(1, 4),
        Fraction(2, 5),
        Fraction(1, 2),
    )
    assert RungLevels.explicit(10, np.array([1, 4, 10])).quantiles == (
        Fraction(1, 4),
        Fraction(2, 5),
    )


def test_no_rung_stands_at_max_t():
    assert [level for level, _, _ in RungLevels.geometric(9).rungs()] == [1, 3]
    assert [level for level, _, _ in RungLevels.geometric(10).rungs()] == [1, 3, 9]
    assert RungLevels.geometric(9).milestones == (1, 3, 9)
    assert RungLevels.geometric(10).milestones == (1, 3, 9, 10)
    assert RungLevels.geometric(9).without_lowest(2).milestones == (9,)


# -- stopping ----------------------------------------------------------------------------------


def plain_cutoff(earlier, share):
    """The definition: numpy.percentile; with diverged entries, one that never meets them."""
    diverged = sum(map(math.isnan, earlier))
    if not earlier:
        return None
    if not diverged:
        return float(np.percentile(earlier, float(100 * (1 - share))))
    ascending = sorted(-inf if math.isnan(value) else value for value in earlier)
    index = (len(earlier) - 1) * (1 - share)
    lower = math.floor(index)
    gamma = index - lower
    if ascending[lower] == -inf:
        return ascending[lower + 1] if gamma > 0 else -inf
    if gamma == 0:
        return ascending[lower]
    low, high = ascending[lower : lower + 2]
    if gamma >= Fraction(1, 2):
        return high - (high - low) * (1 - float(gamma))
    return low + (high - low) * float(gamma)


@settings(max_examples=300)
@given(st.lists(reward, min_size=1, max_size=120), shares)
def test_stopping_decides_as_its_definition(rewards, share):
    rungs = StoppingRungs(levels_of(share))
    for trial_id, value in enumerate(rewards):
        cutoff = plain_cutoff(rewards[:trial_id], share)
        assert rungs.cutoff(1) == cutoff
        decision = rungs.arrive(trial_id, 1, value)
        passes = not math.isnan(value) and (cutoff is None or value >= cutoff)
        assert decision.action is (Action.CONTINUE if passes else Action.STOP)
        assert decision.standing.cutoff == cutoff
        assert decision.standing.size == trial_id + 1
        earlier_ahead = sum(other >= value for other in rewards[:trial_id])
        assert decision.standing.rank == (trial_id + 1 if math.isnan(value) else earlier_ahead + 1)


@given(st.lists(finite, min_size=1, max_size=60), shares)
def test_the_cutoff_is_numpys_to_the_last_bit(rewards, share):
    rungs = StoppingRungs(levels_of(share))
    for trial_id, value in enumerate(rewards):
        rungs.arrive(trial_id, 1, value)
    assert rungs.cutoff(1) == np.percentile(rewards, float(100 * (1 - share)))


@pytest.mark.parametrize("share", SHARES)
def test_the_cutoff_is_numpys_also_for_thousands(share):
    rewards = np.random.default_rng(3).normal(size=3000).round(2).tolist()
    rungs = StoppingRungs(levels_of(share))
    for trial_id, value in enumerate(rewards):
        if trial_id and trial_id % 50 < 3:
            expected = np.percentile(rewards[:trial_id], float(100 * (1 - share)))
            assert rungs.cutoff(1) == expected
        rungs.arrive(trial_id, 1, value)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), shares)
def test_the_best_value_of_a_rung_is_never_stopped(rewards, share):
    rungs = StoppingRungs(levels_of(share))
    actions = [rungs.arrive(i, 1, value).action for i, value in enumerate(rewards)]
    assert actions[rewards.index(max(rewards))] is Action.CONTINUE


def test_a_diverged_trial_counts_but_is_never_interpolated():
    # A NaN in numpy.percentile would make the cutoff NaN, and everybody would pass.
    rungs = StoppingRungs(levels_of(Fraction(1, 2)))
    assert rungs.arrive(0, 1, nan).action is Action.STOP
    assert rungs.cutoff(1) == -inf
    rungs.arrive(1, 1, 5.0)
    assert rungs.cutoff(1) == 5.0  # half way between -inf and 5
    assert rungs.arrive(2, 1, 4.0).action is Action.STOP
    assert rungs.cutoff(1) == 4.0  # of -inf, 4, 5
    last = rungs.arrive(3, 1, nan).standing
    assert (last.rank, last.size) == (4, 4)


def test_a_stop_is_explained_with_numbers():
    rungs = StoppingRungs(RungLevels.geometric(9), time_attr="epoch")
    first = rungs.arrive(0, 1, 0.75)
    assert first.reason == "reward 0.75 is the first at epoch=1"
    assert first.next_milestone == 3
    second = rungs.arrive(1, 1, 0.5)
    assert second.reason == "reward 0.5 is below the cutoff 0.75 of 1 earlier trials at epoch=1"
    assert second.next_milestone is None
    assert (second.standing.level, second.standing.rank, second.standing.size) == (1, 2, 2)
    assert second.standing.quantile == pytest.approx(1 / 3)
    assert rungs.arrive(2, 3, 0.1).next_milestone == 9


# -- promotion ---------------------------------------------------------------------------------


class PlainPromotion:
    """The definition on plain lists: entries are [reward, trial, state]."""

    def __init__(self, levels, max_t, share, delays=False):
        self.share = share
        self.delays = delays
        self.next_level = dict(zip(levels, (*levels[1:], max_t), strict=True))
        self.rungs = {level: [] for level in levels}

    def candidates(self, level):
        rung = self.rungs[level]
        if len(rung) < round(1 / self.share):
            return []
        ascending = sorted(rung, key=lambda e: inf if math.isnan(e[0]) else -e[0])  # stable
        return ascending[: math.floor(len(rung) * self.share)]

    def arrive(self, trial_id, level, value):
        entry = [value, trial_id, "running"]
        self.rungs[level].append(entry)
        if math.isnan(value):
            return Action.STOP
        if any(entry is other for other in self.candidates(level)[: self.places(level, entry)]):
            entry[2] = "promoted"
            return Action.CONTINUE
        return Action.PAUSE

    def places(self, level, arriving=None):
        """How many of the candidates may have gone on, so that the delayed ones are left out.

        D-ASHA lets the best of those that wait go on while |D_k| / (|D_(k+1)| + 1) >= eta.
        """
        candidates = self.candidates(level)
        if not self.delays:
            return len(candidates)
        gone = sum(state == "promoted" for _, _, state in self.rungs[level])
        left = 0
        while Fraction(len(self.rungs[level]), gone + left + 1) >= 1 / self.share:
            left += 1
        for number, entry in enumerate(candidates):
            if entry[2] == "paused" or entry is arriving:
                if not left:
                    return number
                left -= 1
        return len(candidates)

    def set_state(self, trial_id, level, state):
        next(e for e in self.rungs[level] if e[1] == trial_id)[2] = state

    def promotable(self, lowest_level):
        for level in sorted(self.rungs, reverse=True):
            if level >= lowest_level:
                for _, trial_id, state in self.candidates(level)[: self.places(level)]:
                    if state == "paused":
                        return trial_id, level, self.next_level[level]
        return None


ends = st.sampled_from(["paused"] * 6 + ["failed"])
steps = st.tuples(st.sampled_from(["new", "promote"]), reward, ends, st.sampled_from([1, 3, 9]))


@settings(max_examples=300)
@given(st.lists(steps, min_size=1, max_size=120), shares, st.booleans())
def test_promotion_decides_as_its_definition(script, share, delays):
    levels = (1, 3, 9)
    plain = PlainPromotion(levels, 27, share, delays)
    rungs = PromotionRungs(levels_of(share, levels, 27), delays=delays)
    for number, (kind, value, end, lowest) in enumerate(script):
        trial_id, level = number, 1
        if kind == "promote":
            found = rungs.promotable(lowest)
            assert (found and found[:3]) == plain.promotable(lowest)
            if found is None:
                continue
            trial_id, origin, level, _ = found
            rungs.promote(trial_id, origin)
            plain.set_state(trial_id, origin, "promoted")
        while level < 27:
            decision = rungs.arrive(trial_id, level, value)
            assert decision.action is plain.arrive(trial_id, level, value)
            if decision.action is Action.CONTINUE:
                level = decision.next_milestone
                continue
            if decision.action is Action.PAUSE:
                plain.set_state(trial_id, level, end)
                if end == "paused":
                    rungs.release(trial_id, level)
            break


@given(st.lists(reward, min_size=1, max_size=60), shares)
def test_with_delay_no_more_of_a_rung_ever_go_on_than_its_share(rewards, share):
    rungs = PromotionRungs(levels_of(share), delays=True)
    gone = 0
    for trial_id, value in enumerate(rewards):
        decision = rungs.arrive(trial_id, 1, value)
        gone += decision.action is Action.CONTINUE
        if decision.action is Action.PAUSE:
            rungs.release(trial_id, 1)
        while (found := rungs.promotable()) is not None:
            rungs.promote(found.trial_id, 1)
            gone += 1
        assert gone <= (trial_id + 1) * share


def test_rewards_that_grow_all_go_on_without_delay_and_a_third_of_them_with_it():
    def gone_of(delays):
        rungs = PromotionRungs(levels_of(Fraction(1, 3)), delays=delays)
        return [rungs.arrive(i, 1, float(i)).action for i in range(12)].count(Action.CONTINUE)

    assert gone_of(delays=False) == 10
    assert gone_of(delays=True) == 4


def test_a_place_is_left_to_a_better_one_that_waits():
    rungs = PromotionRungs(levels_of(Fraction(1, 3)), delays=True)
    for trial_id, value in enumerate([0.1, 0.2, 0.9, 0.8, 0.3]):
        rungs.arrive(trial_id, 1, value)  # trial 2 goes on
        if trial_id != 2:
            rungs.release(trial_id, 1)
    assert rungs.promotable() is None  # 5 / 2 < 3
    decision = rungs.arrive(5, 1, 0.7)
    assert decision.action is Action.PAUSE
    rungs.release(5, 1)
    assert rungs.promotable().trial_id == 3
    best = rungs.arrive(6, 1, 0.85)
    assert best.action is Action.CONTINUE  # 7 / 2 >= 3, and trial 3 has not gone yet
    assert rungs.promotable() is None
    waiting = rungs.arrive(7, 1, 0.84)
    assert waiting.reason.endswith("the best 2 may go on to 1000")


def test_a_delay_is_explained_with_numbers():
    rungs = PromotionRungs(levels_of(Fraction(1, 2)), delays=True)
    for trial_id, value in enumerate([0.1, 0.2, 0.3]):
        rungs.arrive(trial_id, 1, value)
    rungs.release(2, 1)
    decision = rungs.arrive(3, 1, 0.25)
    assert decision.reason == (
        "reward 0.25 ranks 2 of 4 at epoch=1; the best 2 may go on to 1000, but 1 have gone on "
        "already and 1 better ones wait"
    )


def test_no_one_is_promoted_before_the_rung_has_the_least_size():
    rungs = PromotionRungs(levels_of(Fraction(1, 3)))
    assert [rungs.arrive(i, 1, float(i)).action.value for i in range(3)] == [
        "pause",
        "pause",
        "continue",
    ]


def test_of_equal_rewards_the_earlier_is_promoted_first():
    rungs = PromotionRungs(levels_of(Fraction(1, 3)))
    for trial_id in range(3):
        assert rungs.arrive(trial_id, 1, 0.5).action is Action.PAUSE
        rungs.release(trial_id, 1)
    assert rungs.promotable().trial_id == 0
    rungs.withdraw(0, 1)
    assert rungs.promotable() is None


def test_counts_of_candidates_are_exact():
    assert int(23 * (13 / 23)) == 12  # one too few
    rungs = PromotionRungs(RungLevels.explicit(23, [13, 23]))
    for trial_id in range(23):
        assert rungs.arrive(trial_id, 13, -float(trial_id)).action is Action.PAUSE
        rungs.release(trial_id, 13)
    promoted = []
    while (found := rungs.promotable()) is not None:
        promoted.append(found.trial_id)
        rungs.withdraw(found.trial_id, 13)
    assert promoted == list(range(13))


def test_a_trial_that_diverged_counts_but_is_not_promoted():
    rungs = PromotionRungs(levels_of(Fraction(1, 2)))
    for trial_id in range(4):
        assert rungs.arrive(trial_id, 1, nan).action is Action.STOP
    assert rungs.promotable() is None
    assert rungs.arrive(4, 1, -1e9).action is Action.CONTINUE


def test_the_highest_rung_is_promoted_from_first_down_to_the_lowest_allowed():
    rungs = PromotionRungs(RungLevels.geometric(27))
    for level in (1, 3):
        for trial_id in range(3):
            rungs.arrive(10 * level + trial_id, level, -float(trial_id))
            rungs.release(10 * level + trial_id, level)
    assert rungs.promotable()[:3] == (30, 3, 9)
    rungs.withdraw(30, 3)
    assert rungs.promotable()[:3] == (10, 1, 3)
    assert rungs.promotable(lowest_level=3) is None


def test_a_trial_that_was_released_twice_waits_once():
    rungs = PromotionRungs(levels_of(Fraction(1, 2)))
    for trial_id in range(4):
        rungs.arrive(trial_id, 1, -float(trial_id))
    rungs.release(0, 1)
    rungs.release(0, 1)
    rungs.withdraw(0, 1)
    assert rungs.promotable() is None


def test_a_pause_and_a_promotion_are_explained_with_numbers():
    rungs = PromotionRungs(RungLevels.geometric(9), time_attr="step")
    paused = rungs.arrive(0, 1, 0.75)
    assert paused.reason == "reward 0.75 ranks 1 of 1 at step=1; the best 0 may go on to 3"
    assert paused.standing.cutoff is None
    rungs.release(0, 1)
    rungs.arrive(1, 1, 0.5)
    rungs.arrive(2, 1, 0.5)
    assert rungs.promotable().reason == (
        "reward 0.75 now ranks 1 of 3 at step=1; the best 1 may go on to 3"
    )
