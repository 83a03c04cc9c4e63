"""What is chosen where an optimiser is: functions of the parameters, made from plain numbers.

`agcore_contrib.vision.classic.optimizer` makes them of users' arguments; their names are those that
a config shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore import obj

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch


class _Descent:
    """Gradient descent."""

    is_nesterov = False

    def __init__(self, learning_rate: float, momentum: float, wd: float) -> None:
        self._rate, self._momentum, self._decay = learning_rate, momentum, wd

    def __call__(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Torch's optimiser for some parameters."""
        from torch import optim

        # torch refuses Nesterov's variant without a momentum, where both are the same.
        is_nesterov = self.is_nesterov and self._momentum > 0
        return optim.SGD(
            parameters,
            lr=self._rate,
            momentum=self._momentum,
            weight_decay=self._decay,
            nesterov=is_nesterov,
        )


@obj()
class SGD(_Descent):
    """Plain momentum."""


@obj()
class NAG(_Descent):
    """Nesterov's momentum."""

    is_nesterov = True


@obj()
class Adam:
    """Adam."""

    def __init__(
        self, learning_rate: float, beta1: float, beta2: float, epsilon: float, wd: float
    ) -> None:
        self._rate, self._betas = learning_rate, (beta1, beta2)
        self._epsilon, self._decay = epsilon, wd

    def __call__(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Torch's optimiser for some parameters."""
        from torch import optim

        return optim.Adam(
            parameters,
            lr=self._rate,
            betas=self._betas,
            eps=self._epsilon,
            weight_decay=self._decay,
        )
