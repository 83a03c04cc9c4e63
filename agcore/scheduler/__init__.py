"""The public facade and the loop behind it: the only place where the siblings meet.

Policies decide, searchers propose, executors run; the loop carries events between them.
"""

from agcore.scheduler.factory import scheduler_factory
from agcore.scheduler.fifo import FIFOScheduler
from agcore.scheduler.hyperband import HyperbandScheduler
from agcore.scheduler.median import MedianStoppingScheduler
from agcore.scheduler.mo_hyperband import MOHyperbandScheduler
from agcore.scheduler.not_rebuilt import RLScheduler
from agcore.scheduler.pasha import PASHAScheduler
from agcore.scheduler.population import PopulationBasedTrainingScheduler
from agcore.scheduler.sequential import LocalSequentialScheduler
from agcore.scheduler.sync_hyperband import SynchronousHyperbandScheduler
from agcore.scheduler.task import Task

__all__ = [
    "FIFOScheduler",
    "HyperbandScheduler",
    "LocalSequentialScheduler",
    "MOHyperbandScheduler",
    "MedianStoppingScheduler",
    "PASHAScheduler",
    "PopulationBasedTrainingScheduler",
    "RLScheduler",
    "SynchronousHyperbandScheduler",
    "Task",
    "scheduler_factory",
]
