"""CPUs or GPUs for trials: how many run at once, and which GPUs each of them sees."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from agcore.checks import one_of, whole_number
from agcore.errors import SpecError
from agcore.executor.resources import GpuPool, gpu_ids

logger = logging.getLogger(__name__)

RESOURCE_TYPES = ("gpu", "cpu")


class ResourceManager(Protocol):
    """Hands out places for trials."""

    @property
    def num_parallel_trials(self) -> int:
        """Trials that have a place at the same time."""

    @property
    def gpus(self) -> tuple[str, ...]:
        """Ids of the GPUs; empty for CPUs."""

    @property
    def num_gpus_per_trial(self) -> int:
        """GPUs that a trial gets."""

    def reserve_resource(self, trial_id: Any) -> dict[str, str] | None:
        """Environment variables for a trial that gets a place, or None if there is none."""

    def release_resource(self, trial_id: Any) -> None:
        """Take a trial's place back; a trial that has none is only warned of."""

    def have_available_resource(self) -> bool:
        """Whether there is a place."""


class CPUResourceManager:
    """Places without GPUs.

    Args:
        num_parallel_trial: Trials at once.

    Raises:
        SpecError: That is no whole number of at least 1.
    """

    gpus: tuple[str, ...] = ()
    num_gpus_per_trial = 0

    def __init__(self, num_parallel_trial: int = 1) -> None:
        self._num_places = whole_number("num_parallel_trial", num_parallel_trial)
        self._holders: set[Any] = set()

    @property
    def num_parallel_trials(self) -> int:
        """Trials at once."""
        return self._num_places

    def reserve_resource(self, trial_id: Any) -> dict[str, str] | None:
        """An empty dict, or None if all places are taken.

        Raises:
            RuntimeError: The trial has a place already.
        """
        if trial_id in self._holders:
            raise RuntimeError(f"trial {trial_id} has a place already; release it first")
        if not self.have_available_resource():
            return None
        self._holders.add(trial_id)
        return {}

    def release_resource(self, trial_id: Any) -> None:
        """Take a trial's place back."""
        if trial_id not in self._holders:
            logger.warning("trial %s has no place to be released", trial_id)
        self._holders.discard(trial_id)

    def have_available_resource(self) -> bool:
        """Whether there is a place."""
        return len(self._holders) < self._num_places


class GPUResourceManager:
    """Places with GPUs of their own.

    Args:
        num_gpu_for_single_trial: GPUs of each trial.
        available_gpu: Ids with commas between, as CUDA_VISIBLE_DEVICES has them; by default the
            GPUs that this process can see.

    Raises:
        SpecError: An id is no number and no name of a GPU, or occurs twice; there are too few.
    """

    def __init__(self, num_gpu_for_single_trial: int = 1, available_gpu: str | None = None) -> None:
        self.num_gpus_per_trial = whole_number("num_gpu_for_single_trial", num_gpu_for_single_trial)
        self.gpus = gpu_ids() if available_gpu is None else _parsed_ids(available_gpu)
        if len(self.gpus) < self.num_gpus_per_trial:
            raise SpecError(
                f"num_gpu_for_single_trial={num_gpu_for_single_trial} exceeds the {len(self.gpus)} "
                "GPUs there are; ask for fewer"
            )
        self._pool = GpuPool(self.gpus)
        self._held: dict[Any, tuple[str, ...]] = {}

    @property
    def num_parallel_trials(self) -> int:
        """Trials at once."""
        return len(self.gpus) // self.num_gpus_per_trial

    def reserve_resource(self, trial_id: Any) -> dict[str, str] | None:
        """CUDA_VISIBLE_DEVICES for the trial, or None if too few GPUs are free.

        Raises:
            RuntimeError: The trial has GPUs already.
        """
        if trial_id in self._held:
            raise RuntimeError(f"trial {trial_id} has GPUs already; release them first")
        if not self.have_available_resource():
            return None
        taken = self._held[trial_id] = self._pool.take(self.num_gpus_per_trial)
        return {"CUDA_VISIBLE_DEVICES": ",".join(taken)}

    def release_resource(self, trial_id: Any) -> None:
        """Take a trial's GPUs back."""
        taken = self._held.pop(trial_id, None)
        if taken is None:
            logger.warning("trial %s has no GPUs to be released", trial_id)
        else:
            self._pool.put_back(taken, self.num_gpus_per_trial)

    def have_available_resource(self) -> bool:
        """Whether enough GPUs are free."""
        return len(self._held) < self.num_parallel_trials


def get_resource_manager(
    resource_type: str,
    num_parallel_trial: int | None = None,
    num_gpu_for_single_trial: int | None = None,
    available_gpu: str | None = None,
) -> CPUResourceManager | GPUResourceManager:
    """Who hands out CPUs or GPUs.

    Without any GPU, and without ids given, CPUs are taken, with a warning.

    Args:
        resource_type: ``'gpu'`` or ``'cpu'``.
        num_parallel_trial: Trials at once on CPUs, 1 by default; on GPUs their number decides.
        num_gpu_for_single_trial: GPUs of each trial, 1 by default.
        available_gpu: Ids with commas between.

    Raises:
        SpecError: Another type, or an argument that breaks a rule.
    """
    if not isinstance(resource_type, str):
        raise SpecError(f"resource_type={resource_type!r} must be one of 'gpu', 'cpu'")
    one_of("resource_type", resource_type, RESOURCE_TYPES)
    if resource_type == "gpu" and available_gpu is None and not gpu_ids():
        logger.warning("there is no GPU that can be used; trials run on CPUs")
        resource_type = "cpu"
    if resource_type == "cpu":
        return CPUResourceManager(1 if num_parallel_trial is None else num_parallel_trial)
    each = 1 if num_gpu_for_single_trial is None else num_gpu_for_single_trial
    return GPUResourceManager(each, available_gpu)


def _parsed_ids(text: Any) -> tuple[str, ...]:
    ids = [part.strip() for part in text.split(",")] if isinstance(text, str) else []
    for number in ids:
        if not number.isdecimal() and not number.startswith(("GPU-", "MIG-")):
            ids = []
            break
    if not ids or len(set(ids)) < len(ids):
        raise SpecError(
            f"available_gpu={text!r} must be different ids of GPUs with commas between, as '0,1'"
        )
    return tuple(ids)
