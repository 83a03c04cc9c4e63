"""Rungs of several objectives decide as their plain definitions, written out here on lists."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from agcore.errors import SpecError
from agcore.policy.front_rungs import FrontPromotionRungs, FrontStoppingRungs
from agcore.policy.rungs import RungLevels
from agcore.records import Action

nan = math.nan
SHARES = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 4), Fraction(3, 10)]
shares = st.sampled_from(SHARES)
vectors = st.one_of(
    st.tuples(st.integers(0, 3).map(float), st.integers(0, 3).map(float)),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    st.just((nan, 0.0)),
)
arrivals = st.lists(vectors, min_size=1, max_size=20)


def levels_of(share):
    return RungLevels((1,), 1000, (share,))


class Rung:
    """One rung that trials 0, 1, 2 ... reach."""

    def __init__(self, kind, share):
        self.known = {}
        self.system = kind(levels_of(share), self.known)

    def arrive(self, vector):
        trial_id = len(self.known)
        self.known[trial_id] = vector
        reward = nan if any(map(math.isnan, vector)) else 0.5
        return self.system.arrive(trial_id, 1, reward)


def is_finite(vector):
    return not any(map(math.isnan, vector))


def beats(a, b):
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))


def fronts_of(points):
    left, fronts = list(points), []
    while left:
        front = [p for p in left if not any(beats(q, p) for q in left)]
        fronts.append(front)
        left = [p for p in left if p not in front]
    return fronts


def ranks_of_front(front):
    """Rank of each distinct point: farthest first, in units of the front's range."""
    distinct = list(dict.fromkeys(front))
    sides = list(zip(*distinct, strict=True))
    spans = [(max(side) - min(side)) or 1.0 for side in sides]

    def distance(p, q):
        return sum(((a - b) / span) ** 2 for a, b, span in zip(p, q, spans, strict=True))

    chosen = [max(distinct, key=lambda p: p[0])]
    while len(chosen) < len(distinct):
        rest = [p for p in distinct if p not in chosen]
        chosen.append(max(rest, key=lambda p: min(distance(p, q) for q in chosen)))
    ranks, rank = {}, 0
    for point in chosen:
        ranks[point] = rank
        rank += front.count(point)
    return ranks


def standing_by_definition(earlier, vector):
    finite = [p for p in (*earlier, vector) if is_finite(p)]
    before = 0
    for number, front in enumerate(fronts_of(finite), start=1):
        if vector in front:
            return number, before + ranks_of_front(front)[vector] + 1
        before += len(front)
    raise AssertionError("the newcomer is in no front")


coarse = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 4).map(float), st.integers(0, 4).map(float)),
        st.just((nan, 0.0)),
    ),
    min_size=1,
    max_size=14,
)


@given(sequence=coarse, share=shares)
def test_the_stopping_rule_is_the_quantile_of_ranks(sequence, share):
    rung = Rung(FrontStoppingRungs, share)
    for number, vector in enumerate(sequence):
        decision = rung.arrive(vector)
        size = number + 1
        assert decision.standing.size == size
        if not is_finite(vector):
            assert decision.action is Action.STOP
            assert "diverged" in decision.reason
            continue
        front, rank = decision.standing.front, decision.standing.rank
        expected_front, _ = expected = standing_by_definition(sequence[:number], vector)
        assert front == expected_front
        if len({p for p in sequence[: number + 1] if is_finite(p)}) <= 3:
            assert (front, rank) == expected  # with more, distances may tie up to rounding
        goes_on = rank <= 1 + (size - 1) * share
        assert (decision.action is Action.CONTINUE) == goes_on


@given(sequence=arrivals, share=shares)
def test_a_trial_that_beats_all_others_goes_on(sequence, share):
    for kind in (FrontStoppingRungs, FrontPromotionRungs):
        rung = Rung(kind, share)
        for vector in sequence:
            rung.arrive(vector)
        decision = rung.arrive((1e6, 1e6))
        assert decision.standing.rank == decision.standing.front == 1
        size = len(sequence) + 1
        has_quota = size >= round(1 / share) and size * share >= 1
        if kind is FrontStoppingRungs or has_quota:
            assert decision.action is Action.CONTINUE


@given(sequence=arrivals, share=shares)
def test_a_trial_never_ranks_behind_one_that_it_beats(sequence, share):
    rung = Rung(FrontPromotionRungs, share)
    finite = []
    for vector in sequence:
        decision = rung.arrive(vector)
        if is_finite(vector):
            beaten = sum(beats(vector, other) for other in finite)
            beating = sum(beats(other, vector) for other in finite)
            size = decision.standing.size
            assert beating < decision.standing.rank <= size - beaten
            finite.append(vector)


@given(sequence=st.lists(st.integers(0, 5).map(float), min_size=1, max_size=30), share=shares)
def test_objectives_that_agree_are_ranked_as_one_reward(sequence, share):
    rung = Rung(FrontStoppingRungs, share)
    for number, reward in enumerate(sequence):
        standing = rung.arrive((reward, 3 * reward)).standing
        assert standing.rank == 1 + sum(other > reward for other in sequence[:number])
        assert standing.size == number + 1


@given(sequence=arrivals, share=shares)
def test_as_many_may_be_promoted_as_the_quota_says_in_the_order_of_fronts(sequence, share):
    rung = Rung(FrontPromotionRungs, share)
    fronts = {}
    for trial_id, vector in enumerate(sequence):
        decision = rung.arrive(vector)
        if decision.action is Action.PAUSE or decision.action is Action.CONTINUE:
            rung.system.release(trial_id, 1)
    finite = [vector for vector in sequence if is_finite(vector)]
    for number, front in enumerate(fronts_of(finite)):
        fronts |= dict.fromkeys(front, number)
    promoted = []
    while (found := rung.system.promotable()) is not None:
        assert found.milestone == 1000
        promoted.append(found.trial_id)
        rung.system.withdraw(found.trial_id, 1)
    size = len(sequence)
    quota = int(size * share) if size >= round(1 / share) else 0
    assert len(promoted) == min(quota, len(finite))
    numbers = [fronts[sequence[trial_id]] for trial_id in promoted]
    assert numbers == sorted(fronts[vector] for vector in finite)[: len(numbers)]


def test_those_that_may_go_on_are_spread_over_the_front():
    rung = Rung(FrontPromotionRungs, Fraction(1, 3))
    for x in range(9):
        rung.arrive((float(x), float(-x)))
        rung.system.release(x, 1)
    promoted = []
    while (found := rung.system.promotable()) is not None:
        promoted.append(found.trial_id)
        rung.system.withdraw(found.trial_id, 1)
    assert promoted == [8, 0, 4]


def test_of_equal_trials_the_earlier_is_promoted_first():
    rung = Rung(FrontPromotionRungs, Fraction(1, 2))
    for trial_id in range(4):
        rung.arrive((1.0, 1.0))
        rung.system.release(trial_id, 1)
    assert rung.system.promotable().trial_id == 0


def test_reasons_say_front_and_rank():
    rung = Rung(FrontStoppingRungs, Fraction(1, 3))
    rung.arrive((1.0, 0.0))
    assert rung.arrive((0.5, 0.0)).reason == (
        "it is in front 2 and ranks 2 of 2 at epoch=1; only rank 1 goes on to 1000"
    )


def test_a_trial_without_objectives_is_refused():
    rungs = FrontStoppingRungs(levels_of(Fraction(1, 3)), {})
    with pytest.raises(SpecError, match="call on_objectives before on_report"):
        rungs.arrive(0, 1, 0.5)
