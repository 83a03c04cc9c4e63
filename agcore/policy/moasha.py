"""MO-ASHA: asynchronous successive halving and Hyperband whose rungs rank several objectives.

Brackets, milestones and jobs are those of hyperband.py; only the rungs differ (front_rungs.py).

Source: Schmucker et al., "Multi-objective Asynchronous Successive Halving" (2021),
https://arxiv.org/abs/2106.12639.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore.policy.front_rungs import FrontPromotionRungs, FrontStoppingRungs, Vectors
from agcore.policy.hyperband import HyperbandPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore.policy.rungs import RungLevels


class MOASHAPolicy(HyperbandPolicy):
    """Gives more of the resource to trials that no other dominates, spread over the front.

    Before each ``on_report`` it is told the objectives. ``reward`` then only says, by NaN, that the
    trial has diverged.

    Args:
        max_t: Resource at which a trial ends.
        type: As all that follow: see `HyperbandPolicy`.
        grace_period: The first rung level.
        reduction_factor: Quotient of two rung levels.
        rung_levels: Explicit levels instead.
        brackets: Number of brackets.
        rung_system_per_bracket: Whether each bracket has rungs of its own.
        delay_promotion: Whether promotion is delayed.
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
        self._vectors: Vectors = {}
        super().__init__(
            max_t,
            type=type,
            grace_period=grace_period,
            reduction_factor=reduction_factor,
            rung_levels=rung_levels,
            brackets=brackets,
            rung_system_per_bracket=rung_system_per_bracket,
            delay_promotion=delay_promotion,
            seed=seed,
            time_attr=time_attr,
        )

    def on_objectives(self, trial_id: int, objectives: tuple[float, ...]) -> None:
        """Take note of the objectives in the report that ``on_report`` is about to bring.

        Args:
            trial_id: A running trial.
            objectives: To be maximised; not all finite if the trial has diverged.
        """
        self._vectors[trial_id] = objectives

    def _stopping_rungs(self, levels: RungLevels) -> FrontStoppingRungs:
        return FrontStoppingRungs(levels, self._vectors, time_attr=self._time_attr)

    def _promotion_rungs(self, levels: RungLevels) -> FrontPromotionRungs:
        return FrontPromotionRungs(
            levels, self._vectors, time_attr=self._time_attr, delays=self._delays_promotion
        )
