"""CPUs and GPUs: what the machine has, and who holds which GPU."""

from __future__ import annotations

import ctypes
import logging
import math
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)

_ROUNDING = 1e-9


def cpu_count() -> int:
    """Number of CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu_ids() -> tuple[str, ...]:
    """The GPUs this process may use, as CUDA_VISIBLE_DEVICES would name them.

    An existing CUDA_VISIBLE_DEVICES is kept to: only what it lists counts.
    """
    present = _driver_gpu_count()
    mask = os.environ.get("CUDA_VISIBLE_DEVICES")
    if mask is None:
        return tuple(map(str, range(present)))
    entries: list[str] = []
    for entry in (part.strip() for part in mask.split(",")):
        # CUDA ignores everything from the first entry on that names no device.
        if not present or entry in entries or not _names_gpu(entry, present):
            break
        entries.append(entry)
    return tuple(entries)


def _names_gpu(entry: str, present: int) -> bool:
    """Whether an entry of CUDA_VISIBLE_DEVICES can be one of ``present`` GPUs."""
    if entry.isdecimal():
        return int(entry) < present
    return entry.startswith(("GPU-", "MIG-"))


def _driver_gpu_count() -> int:
    """Number of GPUs the NVIDIA driver knows; 0 without a driver."""
    if sys.platform != "linux":
        return 0
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return 0
    if nvml.nvmlInit_v2() != 0:
        return 0
    count = ctypes.c_uint()
    found = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
    nvml.nvmlShutdown()
    return count.value if found else 0


@dataclass(frozen=True, slots=True)
class TrialResources:
    """What each trial gets.

    Attributes:
        num_cpus: Threads its numeric libraries may use, at least 1.
        num_gpus: Whole GPUs, or a share of one below 1, as 0.5.
    """

    num_cpus: int = 1
    num_gpus: float = 0

    @classmethod
    def parse(cls, resource: Mapping[str, Any] | None) -> TrialResources:
        """The user's ``resource`` dict, checked.

        Raises:
            SpecError: An unknown key, or a number out of range.
        """
        given = dict(resource or {})
        for key in given:
            if key not in ("num_cpus", "num_gpus"):
                raise SpecError(
                    f"resource has the unknown key {key!r}; it takes num_cpus and num_gpus"
                    f"{did_you_mean(key, ('num_cpus', 'num_gpus'))}"
                )
        cpus = 1 if given.get("num_cpus") is None else given["num_cpus"]
        gpus = given.get("num_gpus") or 0
        if isinstance(cpus, bool) or not isinstance(cpus, int) or cpus < 1:
            raise SpecError(f"num_cpus={cpus!r} must be an integer of at least 1")
        if not _is_amount(gpus):
            raise SpecError(f"num_gpus={gpus!r} must be a number of at least 0")
        if gpus > 1 and gpus != int(gpus):
            raise SpecError(
                f"num_gpus={gpus} is above 1 and not whole; ask for whole GPUs, or for a share "
                "of one, as 0.5"
            )
        return cls(cpus, gpus)

    def check_gpus(self, gpus: Sequence[str]) -> None:
        """Check that a trial can have its GPUs.

        Raises:
            SpecError: There are fewer.
        """
        if self.num_gpus > len(gpus):
            raise SpecError(
                f"num_gpus={self.num_gpus} for each trial, but this process can use "
                f"{len(gpus)} GPUs; pass resource={{'num_gpus': {len(gpus)}}} or less"
            )

    def slots(self, cpus: int, gpus: Sequence[str], num_workers: int | None = None) -> int:
        """Number of trials that can run at once.

        Args:
            cpus: CPUs of the machine.
            gpus: Its GPUs.
            num_workers: What the user asked for: wins over the CPUs, not over the GPUs.

        Raises:
            SpecError: More GPUs per trial than there are, or no worker.
        """
        if num_workers is not None and num_workers < 1:
            raise SpecError(f"num_workers={num_workers!r} must be at least 1, or None")
        self.check_gpus(gpus)
        if self.num_cpus > cpus and num_workers is None:
            logger.warning(
                "num_cpus=%d for each trial, but there are %d: trials get all of them, "
                "one trial at a time",
                self.num_cpus,
                cpus,
            )
        by_cpu = max(1, cpus // self.num_cpus) if num_workers is None else num_workers
        if not self.num_gpus:
            return by_cpu
        share = self.num_gpus
        by_gpu = len(gpus) * int(1 / share + _ROUNDING) if share < 1 else len(gpus) // int(share)
        return min(by_cpu, by_gpu)


def _is_amount(value: Any) -> bool:
    """Whether ``value`` is a finite number of at least 0."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0


class GpuPool:
    """Hands out GPUs, whole or shared."""

    def __init__(self, gpus: Sequence[str]) -> None:
        self._free = dict.fromkeys(gpus, 1.0)

    def take(self, amount: float) -> tuple[str, ...]:
        """The ids of ``amount`` GPUs; a share comes from the fullest GPU that has room.

        Raises:
            RuntimeError: So much is not free.
        """
        if amount == 0:
            return ()
        need = min(amount, 1.0)
        room = [gpu for gpu, free in self._free.items() if free >= need - _ROUNDING]
        taken = sorted(room, key=self._free.__getitem__)[: max(1, int(amount))]
        if len(taken) < amount:
            raise RuntimeError(f"{amount} GPUs were asked for while they were in use")
        for gpu in taken:
            self._free[gpu] -= need
        return tuple(taken)

    def put_back(self, taken: Sequence[str], amount: float) -> None:
        """Return what `take` gave for ``amount``."""
        for gpu in taken:
            free = self._free[gpu] + min(amount, 1.0)
            self._free[gpu] = 1.0 if free > 1 - _ROUNDING else free
