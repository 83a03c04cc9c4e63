"""Which configs a simulated run tries, and which recorded trial stands for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.curves.neighbours import Neighbourhood
from agcore.curves.table import as_space
from agcore.errors import SpecError
from agcore.records import Suggestion
from agcore.searcher.base import BaseSearcher
from agcore.space import Int

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agcore.jobs import Config
    from agcore.records import SuggestRequest
    from agcore.space import SearchSpace
    from agcore.whatif.record import Record

IN_ORDER = "recorded"
"""The searcher that proposes the recorded configs in their order."""
NEED_NO_SPACE = (IN_ORDER, "random")
"""Searchers that can do without the search space, as long as nothing between is proposed."""
_TRIAL = "trial"


class PlaylistSearcher(BaseSearcher):
    """Proposes the configs it was given, in their order.

    Args:
        configspace: The space they are in.
        configs: What to propose.
        mode: ``'max'`` or ``'min'``.
    """

    def __init__(
        self, configspace: SearchSpace, configs: Iterable[Mapping[str, Any]], mode: str = "max"
    ) -> None:
        super().__init__(configspace, mode=mode, first_is_default=False)
        self._rest = iter(configs)

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """The next config, or None after the last."""
        config = next(self._rest, None)
        return None if config is None else Suggestion(dict(config), IN_ORDER)


class NearestTrial:
    """Finds the recorded trial that stands for a config of the search space.

    Args:
        record: The run.
        space: Its search space.
        is_between: Whether configs that were not recorded have the nearest stand for them, of
            those recorded to their end.

    Raises:
        SpecError: A recorded config is not in the space, or none was recorded to its end.
    """

    def __init__(self, record: Record, space: SearchSpace, *, is_between: bool) -> None:
        self._space = space
        curves = record.curves
        self.configs = {i: space.complete(curve.config) for i, curve in curves.items()}
        by_value = sorted(curves, key=lambda i: bool(curves[i].cut), reverse=True)
        self._by_key = {space.key(self.configs[i]): i for i in by_value}  # whole ones win
        self._whole = [i for i, curve in curves.items() if not curve.cut]
        self._neighbourhood = None
        if is_between:
            if not self._whole:
                raise SpecError(
                    "between='nearest' needs trials that were recorded to their end, and there "
                    "are none; record with a FIFOScheduler, or leave it out"
                )
            whole = [self.configs[i] for i in self._whole]
            self._neighbourhood = Neighbourhood(space, whole)

    @property
    def distinct(self) -> list[Config]:
        """The recorded configs, each once, in their order."""
        return [self.configs[i] for i in sorted(self._by_key.values())]

    def __call__(self, config: Config) -> int:
        """Number of the trial."""
        key = self._space.key(config)
        if key in self._by_key or self._neighbourhood is None:
            return self._by_key[key]
        (_, index), *_ = self._neighbourhood.nearest(config, 1)
        return self._whole[index]


@dataclass(frozen=True, slots=True)
class Proposals:
    """Who proposes, in which space, and which recorded trial stands for a config.

    Attributes:
        space: Of the simulated runs.
        number_of: The recorded trial for a config.
        searcher: Makes a searcher for one run, or is the name of one.
        options: Those of a searcher by name.
        count: Number of trials, unless the user says otherwise.
    """

    space: Mapping[str, Any]
    number_of: Callable[[Config], int]
    searcher: Callable[[SearchSpace], Any]
    options: Mapping[str, Any]
    count: int


def proposals_for(
    record: Record, searcher: str, space: Any, between: str | None, seed: int
) -> Proposals:
    """What the simulated runs try.

    Args:
        record: The recorded run.
        searcher: As for `agcore.replay`.
        space: The search space, or None if it is not known.
        between: As for `agcore.replay`.
        seed: Of a random order.

    Raises:
        SpecError: The searcher needs the search space, or has no use for ``between``.
    """
    mode = record.settings.get("mode", "max")
    if between is None and searcher in NEED_NO_SPACE:
        numbers = list(record.curves)
        if searcher == "random":
            order = np.random.default_rng(seed).permutation(len(numbers))
            numbers = [numbers[i] for i in order]
        return Proposals(
            {_TRIAL: Int(0, 1 + max(numbers))},
            lambda config: int(config[_TRIAL]),
            lambda of: PlaylistSearcher(of, ({_TRIAL: number} for number in numbers), mode),
            {},
            len(numbers),
        )
    if searcher == IN_ORDER:
        raise SpecError(
            f"between={between!r} has no effect with searcher='recorded', which proposes only "
            "what was recorded; pass another one, as searcher='random'"
        )
    if space is None:
        raise SpecError(
            f"searcher={searcher!r}{f' between={between!r}' if between else ''} needs the search "
            "space, which is not in a run directory; pass space=, as space=train_function"
        )
    nearest = NearestTrial(record, as_space(space), is_between=between is not None)
    candidates = nearest.distinct
    return Proposals(
        as_space(space).spaces,
        nearest,
        lambda _: searcher,
        {} if between else {"candidates": candidates},
        len(record.curves) if between else len(candidates),
    )
