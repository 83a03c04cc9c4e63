"""Seeds of a trial's random generators, also of libraries that it imports only later."""

from __future__ import annotations

import contextlib
import importlib.util
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
    for name in _SEEDERS:
        module = sys.modules.get(name)
        if module is not None:
            _seed_library(name, module, seed)


def _seed_library(name: str, module: Any, seed: int) -> None:
    # Without the attribute it is not the library but a folder or file of the user's own.
    with contextlib.suppress(AttributeError):
        _SEEDERS[name](module, seed)


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

    def uninstall(self) -> None:
        """Watch no longer."""
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)

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
            if module.__name__ == fullname:  # some loaders load more than one module
                _seed_library(fullname, module, self._seed)

        spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def generators_put_back() -> Iterator[None]:
    """Keep what happens inside from changing the random numbers of the program around it.

    A library that is imported inside has no earlier state; its generator starts anew, as it
    does after an ordinary import.
    """
    python_state = random.getstate()
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    numpy_state = numpy.random.get_state() if numpy else None
    torch_states = _torch_states(torch)
    try:
        yield
    finally:
        random.setstate(python_state)
        if numpy is not None:
            numpy.random.set_state(numpy_state)
        elif "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        if torch_states is not None and torch is not None:
            torch.set_rng_state(torch_states[0])
            torch.cuda.set_rng_state_all(torch_states[1])
        elif torch is None and hasattr(sys.modules.get("torch"), "seed"):
            sys.modules["torch"].seed()


def _torch_states(torch: Any) -> tuple[Any, list[Any]] | None:
    """States of torch's generators on CPU and, if they are in use, on GPUs."""
    if not hasattr(torch, "get_rng_state"):
        return None
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return torch.get_rng_state(), on_gpus
