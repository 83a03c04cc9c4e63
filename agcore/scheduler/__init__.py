"""The public facade and the loop behind it: the only place where the siblings meet.

Policies decide, searchers propose, executors run; the loop carries events between them.
"""

from agcore.scheduler.factory import scheduler_factory
from agcore.scheduler.fifo import FIFOScheduler
from agcore.scheduler.hyperband import HyperbandScheduler
from agcore.scheduler.not_rebuilt import RLScheduler
from agcore.scheduler.sequential import LocalSequentialScheduler
from agcore.scheduler.task import Task

__all__ = [
    "FIFOScheduler",
    "HyperbandScheduler",
    "LocalSequentialScheduler",
    "RLScheduler",
    "Task",
    "scheduler_factory",
]
