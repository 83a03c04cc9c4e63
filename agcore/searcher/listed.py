"""A list of configs of which one near a wish is to be chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from agcore.encoding import Encoding
    from agcore.jobs import Config

    Array = NDArray[np.float64]


class ListedConfigs:
    """Finds the config of a list that is nearest to a given one and may be proposed.

    Distances are Euclidean between encoded configs, in the unit cube; of two that are equally
    near the first one counts.

    Args:
        encoding: Between configs and rows.
        configs: To choose from.
        may_propose: Whether a config may be proposed.
    """

    def __init__(
        self,
        encoding: Encoding,
        configs: Sequence[Config],
        may_propose: Callable[[Config], bool],
    ) -> None:
        self._encoding = encoding
        self._configs = configs
        self._rows = encoding.encode_all(configs)
        self._may_propose = may_propose

    def nearest(self, config: Config) -> Config | None:
        """The nearest config that may be proposed, or None if none may."""
        return self.nearest_to_row(self._encoding.encode(config))

    def nearest_to_row(self, row: Array) -> Config | None:
        """The same for an encoded config, or any other point of the unit cube, shape (d,)."""
        distances = np.sum((self._rows - row) ** 2, axis=1)
        index: int
        for index in np.argsort(distances, kind="stable").tolist():
            if self._may_propose(self._configs[index]):
                return self._configs[index]
        return None
