"""Asynchronous successive halving and Hyperband, by stopping or by promotion.

S rung levels r_0 < ... < r_(S-1) make up to S brackets. Bracket s lacks the s lowest rungs, so
its trials first meet a decision at r_s; with one bracket this is successive halving (ASHA). A new
trial is put into bracket s with probability proportional to S / ((S - s) r_s), which gives all
brackets about the same share of the resource, or with one that somebody has learnt
(`HyperbandPolicy.weigh_brackets`).

Reports between two rungs are the matter of milestones.py.

Sources: Li et al., "Hyperband" (2018), https://jmlr.org/papers/v18/16-558.html; Li et al.,
"Hyper-Tune" (2022), https://arxiv.org/abs/2201.06834 (learnt weights); rungs.py.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from agcore.checks import truth, whole_number
from agcore.errors import SpecError, did_you_mean
from agcore.policy.milestones import MilestonePolicy, Track
from agcore.policy.rungs import (
    Promotable,
    PromotionRungs,
    PromotionSystem,
    RungLevels,
    StoppingRungs,
    StoppingSystem,
)
from agcore.records import Action, Decision, NewTrial, ResumeTrial, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agcore.policy.base import PolicyJob

BRACKET_PURPOSE = 11
"""Second word of the seed of the generator that draws brackets."""

_TYPES = ("stopping", "promotion")


class HyperbandPolicy(MilestonePolicy):
    """Gives many trials little of the resource, and more of it to the better ones.

    Args:
        max_t: Resource at which a trial ends.
        type: ``stopping`` or ``promotion``.
        grace_period: The first rung level.
        reduction_factor: Quotient of two rung levels, at least 2; 1 / ``reduction_factor`` of a
            rung goes on.
        rung_levels: Explicit levels; the two above are not looked at then, and r_j / r_(j+1) of a
            rung goes on.
        brackets: Number of brackets, capped at the number of rung levels.
        rung_system_per_bracket: Each bracket has rungs of its own; otherwise they share one set,
            of which a trial of bracket s skips the s lowest.
        delay_promotion: Whether one more trial is promoted from a rung only if its size is
            ``reduction_factor`` times the number of those that have gone on, that one included
            (D-ASHA); for the type ``promotion``.
        seed: Of the sampling of brackets.
        time_attr: The user's name of the resource, for messages.

    Raises:
        SpecError: An argument is out of range.
    """

    def __init__(
        self,
        max_t: int,
        *,
        type: str = "stopping",
        grace_period: int = 1,
        reduction_factor: float = 3,
        rung_levels: Sequence[int] | None = None,
        brackets: int = 1,
        rung_system_per_bracket: bool = True,
        delay_promotion: bool = False,
        seed: int = 31415927,
        time_attr: str = "epoch",
    ) -> None:
        if type not in _TYPES:
            hint = did_you_mean(str(type), _TYPES)
            raise SpecError(f"type={type!r} must be 'stopping' or 'promotion'{hint}")
        if truth("delay_promotion", delay_promotion) and type != "promotion":
            raise SpecError(
                f"delay_promotion=True needs type='promotion', but type={type!r} promotes nobody; "
                "pass type='promotion' or leave delay_promotion out"
            )
        self.type = type
        self._seed = whole_number("seed", seed, 0)
        if rung_levels is None:
            self._levels = RungLevels.geometric(
                max_t, grace_period=grace_period, reduction_factor=reduction_factor
            )
        else:
            self._levels = RungLevels.explicit(max_t, rung_levels)
        super().__init__(self._levels.max_t, time_attr)
        num_brackets = min(whole_number("brackets", brackets), len(self._levels.levels))
        self._brackets = tuple(self._levels.without_lowest(s) for s in range(num_brackets))
        self._default_shares = _bracket_shares(self._levels.levels, num_brackets)
        self._shares = self._default_shares
        self._delays_promotion = delay_promotion
        self._stopping: tuple[StoppingSystem, ...] = ()
        self._promotion: tuple[PromotionSystem, ...] = ()
        owners = self._brackets if rung_system_per_bracket else self._brackets[:1]
        # A shared set of rungs stands once for each bracket: no caller needs to know.
        repeat = 1 if rung_system_per_bracket else num_brackets
        if type == "stopping":
            self._stopping = tuple(map(self._stopping_rungs, owners)) * repeat
        else:
            self._promotion = tuple(map(self._promotion_rungs, owners)) * repeat
        self._systems: tuple[StoppingSystem, ...] = self._stopping or self._promotion
        self._new_trials = tuple(
            NewTrial(bracket, levels.milestones[0]) for bracket, levels in enumerate(self._brackets)
        )
        self._num_new = 0
        self._drawn: tuple[int, int] | None = None  # (number of the draw, its bracket)

    def _stopping_rungs(self, levels: RungLevels) -> StoppingSystem:
        return StoppingRungs(levels, time_attr=self._time_attr)

    def _promotion_rungs(self, levels: RungLevels) -> PromotionSystem:
        return PromotionRungs(levels, time_attr=self._time_attr, delays=self._delays_promotion)

    # -- the plan ---------------------------------------------------------------------------

    @property
    def milestones(self) -> tuple[int, ...]:
        """All rung levels, and ``max_resource``."""
        return self._levels.milestones

    @property
    def rung_levels(self) -> tuple[int, ...]:
        """All rung levels; the last may be ``max_resource``."""
        return self._levels.levels

    @property
    def levels(self) -> RungLevels:
        """The rungs of the first bracket."""
        return self._levels

    @property
    def bracket_first_milestones(self) -> tuple[int, ...]:
        """For each bracket the resource of its trials' first decision."""
        return tuple(levels.milestones[0] for levels in self._brackets)

    @property
    def bracket_shares(self) -> tuple[float, ...]:
        """For each bracket the probability that a new trial is put into it."""
        return self._shares

    def weigh_brackets(self, weights: Sequence[float]) -> None:
        """Draw the brackets of new trials with learnt weights from now on.

        A bracket that was drawn for the next new trial before stays.

        Args:
            weights: Of the first brackets, at least 0, not all 0. They share what these brackets
                have by default; the brackets after them keep their probability. Empty: all do.

        Raises:
            SpecError: There are more weights than brackets, or they are no weights.
        """
        default, count = self._default_shares, len(weights)
        total = sum(weights)
        if not count:
            self._shares = default
            return
        if count > len(default) or not 0 < total < inf or min(weights) < 0:
            raise SpecError(
                f"weights={list(weights)} must be numbers of at least 0, one above 0, for at most "
                f"{len(default)} brackets; leave out those of the brackets that are not there"
            )
        mass = sum(default[:count])
        learnt = (mass * weight / total for weight in weights)
        self._shares = (*learnt, *default[count:])

    def explain_plan(self) -> str:
        """One line per bracket: how many trials it gets, and what happens at its rungs."""
        verb = "stop unless" if self.type == "stopping" else "pause unless"
        lines = []
        for number, (levels, share) in enumerate(
            zip(self._brackets, self.bracket_shares, strict=True)
        ):
            rungs = ", ".join(f"{level} (best {quantile})" for level, _, quantile in levels.rungs())
            rule = f"{verb} good enough at {self._time_attr} {rungs}; " if rungs else ""
            lines.append(
                f"bracket {number} ({share:.1%} of new trials): "
                f"{rule}end at {self._time_attr} {self._max_t}"
            )
        return "\n".join(lines)

    # -- jobs -------------------------------------------------------------------------------

    def next_job(self, now_s: float, *, allow_new: bool = True) -> PolicyJob | None:
        """A promotion if one is due in the sampled bracket, else a new trial of that bracket.

        Without ``allow_new`` all brackets are searched for a promotion.
        """
        return self.next_fitting_job(_any_job, allow_new=allow_new)

    def next_fitting_job(
        self, fits: Callable[[PolicyJob], bool], *, allow_new: bool = True
    ) -> PolicyJob | None:
        """`next_job` among those that somebody finds fitting, as a time budget does."""
        if not allow_new:
            return self._promotion_in(range(len(self._promotion)), fits)
        bracket = self._sampled_bracket()
        if self._promotion:
            job = self._promotion_in((bracket,), fits)
            if job is not None:
                return job
        new = self._new_trials[bracket]
        return new if fits(new) else None

    def _promotion_in(
        self, brackets: Sequence[int], fits: Callable[[PolicyJob], bool]
    ) -> ResumeTrial | None:
        accepts = None if fits is _any_job else (lambda found: fits(self._resume_job(found)))
        for bracket in brackets:
            lowest = self._brackets[bracket].levels[0]
            found = self._promotion[bracket].promotable(lowest, accepts)
            if found is not None:
                return self._resume_job(found)
        return None

    def _resume_job(self, found: Promotable) -> ResumeTrial:
        trial_id, level, milestone, reason = found
        return ResumeTrial(trial_id, level, milestone, self._tracks[trial_id].bracket, reason)

    def _sampled_bracket(self) -> int:
        """The bracket of the next new trial.

        A function of the seed, of how many there were, and of the shares at the first asking.
        """
        if len(self._brackets) == 1:
            return 0
        if self._drawn is None or self._drawn[0] != self._num_new:
            import numpy as np  # not needed, so not loaded, with one bracket

            rng = np.random.default_rng([self._seed, BRACKET_PURPOSE, self._num_new])
            sums = list(accumulate(self._shares))
            # The last sum may be a rounding error below 1, and end in brackets of no weight.
            last = bisect_left(sums, sums[-1])
            bracket = min(bisect_right(sums, float(rng.random())), last)
            self._drawn = (self._num_new, bracket)
        return self._drawn[1]

    # -- what happened ----------------------------------------------------------------------

    def on_start(self, trial_id: int, job: PolicyJob) -> None:
        """Take note of a new trial, a promotion, or a lost trial that starts over."""
        track = self._tracks.get(trial_id)
        if isinstance(job, ResumeTrial):
            track = self._track(trial_id)
            if self._promotion:
                self._promotion[track.bracket].promote(trial_id, job.resume_from)
            track.resume(job)
        elif track is None:
            first_milestone = self._brackets[job.bracket].milestones[0]
            self._tracks[trial_id] = Track(job.bracket, first_milestone)
            self._num_new += 1
        else:
            # It starts over and passes the rungs that know it already; its milestone stays.
            track.last = 0

    def _arrive(self, trial_id: int, track: Track, reward: float) -> Decision:
        return self._systems[track.bracket].arrive(trial_id, track.milestone, reward)

    def _milestones_of(self, bracket: int) -> tuple[int, ...]:
        return self._brackets[bracket].milestones

    def on_exit(self, trial_id: int, state: TrialState) -> None:
        """Offer the trial for promotion if it is paused, else withdraw it."""
        track = self._track(trial_id)
        verdict = track.verdict
        if not self._promotion or verdict is None or verdict.action is not Action.PAUSE:
            return
        if state is TrialState.PAUSED:
            self._promotion[track.bracket].release(trial_id, track.milestone)
        else:
            self._promotion[track.bracket].withdraw(trial_id, track.milestone)


def _any_job(_: PolicyJob) -> bool:
    """Every job is fitting."""
    return True


def _bracket_shares(levels: tuple[int, ...], num_brackets: int) -> tuple[float, ...]:
    """The probabilities of the brackets, proportional to S / ((S - s) r_s)."""
    num_rungs = len(levels)
    weights = [num_rungs / ((num_rungs - s) * levels[s]) for s in range(num_brackets)]
    return tuple(weight / sum(weights) for weight in weights)
