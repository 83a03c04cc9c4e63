"""What a worker process takes over from the scheduler's process."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from agcore.errors import SpecError
from agcore.executor.guard import TAG_VARIABLE
from agcore.executor.processes import adopt_orphans, die_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""How BLAS and OpenMP libraries are told the number of their threads, before they load."""

_LOADING_VARIABLE = "AGCORE_LOADING_TRAIN_FUNCTION"

_START_UP_ONLY = ("PYTHONPATH", "PYTHONSAFEPATH")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker takes over from the scheduler's process, so that imports work alike.

    Attributes:
        directory: Working directory.
        module_path: ``sys.path``.
        arguments: ``sys.argv``, which the user's modules may parse when they are imported.
        environment: Variables to set back (None: to remove) once Python has started.
        parent_pid: The scheduler's process.
        use_death_signal: Whether the kernel is to kill the worker when its parent ends.
    """

    directory: str
    module_path: list[str]
    arguments: list[str]
    environment: dict[str, str | None]
    parent_pid: int
    use_death_signal: bool = True

    def adopt(self) -> None:
        """Make this process look like the scheduler's."""
        if self.use_death_signal:
            die_with_parent(self.parent_pid)
        adopt_orphans()
        for name, value in self.environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        os.chdir(self.directory)
        sys.path[:] = self.module_path
        sys.argv[:] = self.arguments

    def encode(self) -> bytes:
        """As bytes for `decode`."""
        return pickle.dumps(tuple(getattr(self, item.name) for item in fields(self)))

    @classmethod
    def decode(cls, body: bytes) -> Surroundings:
        """What `encode` gave."""
        return cls(*pickle.loads(body))

    @classmethod
    def of_this_process(cls, *, use_death_signal: bool = True) -> Surroundings:
        """Those a worker started by this process is to have.

        Raises:
            SpecError: The working directory does not exist any more.
        """
        try:
            directory = str(Path.cwd())
        except FileNotFoundError:
            raise SpecError(
                "the working directory has been deleted, so trials could not run in it; "
                "change to another one before the run"
            ) from None
        return cls(
            directory,
            # An empty entry means the working directory of the moment.
            [entry or directory for entry in sys.path],
            list(sys.argv),
            {name: os.environ.get(name) for name in _START_UP_ONLY},
            os.getpid(),
            use_death_signal,
        )


def home_folder() -> str:
    """The folder that holds the package agcore."""
    return str(Path(__file__).resolve().parents[2])


def worker_environment(threads: int, tag: str, gpus: tuple[str, ...]) -> dict[str, str]:
    """Environment in which a worker's Python starts.

    Args:
        threads: Limit for numeric libraries; a lower one of the user's stays.
        tag: Marks the worker's processes.
        gpus: Devices the worker may see; without any, CUDA_VISIBLE_DEVICES is left as it is.
    """
    environment = {**os.environ, TAG_VARIABLE: os.environ.get(TAG_VARIABLE, "") + tag}
    for name in THREAD_VARIABLES:
        present = environment.get(name, "")
        if not (present.isdecimal() and 0 < int(present) <= threads):
            environment[name] = str(threads)
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    home = home_folder()
    # A relative entry would mean the working directory of now, not that of Python's start.
    before = environment.get("PYTHONPATH", "").split(os.pathsep)
    absolute = [entry for entry in before if Path(entry).is_absolute()]
    environment["PYTHONPATH"] = os.pathsep.join([home, *absolute])
    # A file in the working directory must not stand in for a module of the standard library.
    environment["PYTHONSAFEPATH"] = "1"
    return environment


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """While in use, this process is a worker that imports the user's module."""
    os.environ[_LOADING_VARIABLE] = "1"
    try:
        yield
    finally:
        del os.environ[_LOADING_VARIABLE]


def is_loading() -> bool:
    """Whether this process is a worker that imports the user's module."""
    return _LOADING_VARIABLE in os.environ
