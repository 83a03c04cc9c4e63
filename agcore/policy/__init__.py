"""Policies: which trial starts, goes on, pauses or stops; pure, without clock, thread or file.

They import records and errors only; the schedulers and ``agcore.testing`` import them. Not here,
as it needs NumPy: `agcore.policy.moasha.MOASHAPolicy`.
"""

from agcore.policy.base import CONTINUE, OffersFittingJobs, Policy, RanksObjectives
from agcore.policy.fifo import FIFOPolicy
from agcore.policy.hyperband import HyperbandPolicy
from agcore.policy.median import MedianStoppingPolicy
from agcore.policy.pasha import PASHAPolicy
from agcore.policy.population import PopulationPolicy
from agcore.policy.rungs import PromotionRungs, RungLevels, StoppingRungs, geometric_levels
from agcore.policy.sync_hyperband import SynchronousHyperbandPolicy

__all__ = [
    "CONTINUE",
    "FIFOPolicy",
    "HyperbandPolicy",
    "MedianStoppingPolicy",
    "OffersFittingJobs",
    "PASHAPolicy",
    "Policy",
    "PopulationPolicy",
    "PromotionRungs",
    "RanksObjectives",
    "RungLevels",
    "StoppingRungs",
    "SynchronousHyperbandPolicy",
    "geometric_levels",
]
