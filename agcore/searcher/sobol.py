"""Quasi-random search: the points of a scrambled Sobol sequence.

Sobol (1967), On the distribution of points in a cube and the approximate evaluation of integrals;
Owen (1998), Scrambling Sobol' and Niederreiter-Xing points; for hyperparameters: Bergstra &
Bengio (2012), Random Search for Hyper-Parameter Optimization, JMLR 13, section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import qmc

from agcore.encoding import Encoding
from agcore.errors import SpecError
from agcore.records import Suggestion
from agcore.searcher.base import DEFAULT_SEED, BaseSearcher
from agcore.searcher.draws import RandomDraws, believed
from agcore.searcher.listed import ListedConfigs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agcore.jobs import Config
    from agcore.records import SuggestRequest
    from agcore.space import SearchSpace

_BLOCK = 64
_REACH = 100
"""Points that each draw may add to those looked at; what is looked at has to be bounded."""


class SobolSearcher(BaseSearcher):
    """Covers the space more evenly than random configs do, each config at most once.

    Draw number n is point n of ``scipy.stats.qmc.Sobol(d, scramble=True)`` with the generator
    ``numpy.random.default_rng(random_seed)``, a coordinate for each parameter; those of parameters
    that are not active have no effect. If the config of a point may not be proposed, the next
    points follow; where none of the first ``100 (n + 1)`` may, a random config. If the space has
    priors, every point of an odd number follows them.

    With ``candidates`` each draw is the nearest candidate to its point that was not proposed, so
    that they are taken evenly, too.

    Raises:
        SpecError: The space has more parameters than there are dimensions of Sobol sequences.
    """

    is_replayed_by_exclusion = True

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        resource_attribute: str | None = None,
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = True,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
    ) -> None:
        super().__init__(
            configspace,
            reward_attribute,
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
        )
        self._points = SobolPoints(configspace.num_units, self.random_seed)
        self._draws = RandomDraws(configspace, self.random_seed, self.may_propose, self.candidates)
        self._beyond: dict[int, int] = {}
        self._listed: ListedConfigs | None = None
        if self.candidates is not None:
            self._listed = ListedConfigs(Encoding(configspace), self.candidates, self.may_propose)

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """The config of the next point, or None if there is none left."""
        if self.is_exhausted:
            return None
        if self._listed is not None and self.candidates is not None:
            config = self._listed.nearest(self._config(request.draw))
            why = {"point": request.draw, "candidates": len(self.candidates)}
            return None if config is None else Suggestion(config, "sobol", why)
        point, config = self._first_from(request.draw)
        passed = point - request.draw
        if config is not None:
            why = {"point": point, "passed_over": passed} if passed else {"point": point}
            return Suggestion(config, "sobol", why)
        config = self._draws.draw(request.draw)
        return None if config is None else Suggestion(config, "random", {"in_vain": passed})

    def _first_from(self, draw: int) -> tuple[int, Config | None]:
        """The first point from that of a draw on whose config may be proposed, and this.

        What may not be proposed now never may, so points that were passed over once are not looked
        at again; without that memory the answer would be the same, and a constraint that few
        configs keep would make draw n cost O(n).
        """
        end = _REACH * (draw + 1)
        passed, point = [], draw
        while point < end:
            if point in self._beyond:
                passed.append(point)
                point = self._beyond[point]
                continue
            config = self._config(point)
            if self.may_propose(config):
                self._beyond.update(dict.fromkeys(passed, point))
                return point, config
            passed.append(point)
            point += 1
        self._beyond.update(dict.fromkeys(passed, point))
        return point, None

    def _config(self, point: int) -> Config:
        units = believed(self.configspace, point, self._points.units(point))
        return self.configspace.config_from_units(units)


class SobolPoints:
    """The points of a scrambled Sobol sequence by number.

    Going up costs O(d) a point, going back to an earlier block starts the sequence anew.

    Args:
        num_units: Dimensions d.
        seed: Of the scrambling.

    Raises:
        SpecError: There are too many dimensions.
    """

    def __init__(self, num_units: int, seed: int) -> None:
        if num_units > qmc.Sobol.MAXDIM:
            raise SpecError(
                f"searcher='sobol' has at most {qmc.Sobol.MAXDIM} dimensions, but the space has "
                f"{num_units} parameters; use searcher='random'"
            )
        self._num_units = num_units
        generator = np.random.default_rng(seed)
        # Of no dimensions there is no sequence.
        self._sequence = qmc.Sobol(max(num_units, 1), scramble=True, seed=generator)
        self._block: list[list[float]] = []
        self._block_number = -1

    def units(self, number: int) -> list[float]:
        """Point ``number``, from 0: d numbers in [0, 1]."""
        block, row = divmod(number, _BLOCK)
        if block != self._block_number:
            if block * _BLOCK < self._sequence.num_generated:
                self._sequence.reset()
            ahead = block * _BLOCK - self._sequence.num_generated
            if ahead:
                self._sequence.fast_forward(ahead)
            self._block = self._sequence.random(_BLOCK)[:, : self._num_units].tolist()
            self._block_number = block
        return self._block[row]
