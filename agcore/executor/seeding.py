"""Seeds of a trial's random generators, also of libraries that it imports only later."""

from __future__ import annotations

import importlib.util
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_SEEDERS: dict[str, Callable[[Any, int], Any]] = {
    "numpy": lambda numpy, seed: numpy.random.seed(seed),
    "torch": lambda torch, seed: torch.manual_seed(seed),
    "mxnet": lambda mxnet, seed: mxnet.random.seed(seed),
}


def seed_generators(seed: int) -> None:
    """Seed ``random`` and those of NumPy, torch and MXNet that are imported already."""
    random.seed(seed)
    for name, seeder in _SEEDERS.items():
        module = sys.modules.get(name)
        if module is not None:
            seeder(module, seed)


class TrialSeeder:
    """Seeds ``random``, NumPy, torch and MXNet for the trial that runs in this process.

    Importing a library just to seed it would cost each worker a tenth of a second or more, so
    those not imported yet are seeded at the end of their first import.
    """

    def __init__(self) -> None:
        self._seed = 0
        self._waiting = set(_SEEDERS)

    def install(self) -> None:
        """Watch for later imports."""
        sys.meta_path.insert(0, self)

    def seed(self, seed: int) -> None:
        """Seed all generators that exist; ``seed`` is below 2**32."""
        self._seed = seed
        seed_generators(seed)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The ordinary spec of a library to be seeded, its loader told to seed it."""
        if fullname not in self._waiting:
            return None
        self._waiting.discard(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_seed(module: ModuleType) -> None:
            execute(module)
            _SEEDERS[fullname](module, self._seed)

        # Only this spec's own loader object is changed; it loads no other module.
        spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec
