"""Which configs a searcher may propose, and what they mean in the user's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agcore.records import TrialState
from agcore.space import SearchSpace as AgcoreSpace
from agcore_contrib.hpopt.batch_bounds import BatchBounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.scheduler.results import RunResults
    from agcore_contrib.spaces import SearchSpace


class ProposableConfigs:
    """The search space as the searcher has it, and the part of it that is open.

    A config is proposed once, as rounded by the space, and with a batch size between the bounds
    that the record leaves. So the space of the run stays what it is when memory runs out.

    Args:
        space: Of the hyperparameters.
        batch_size_name: The one that is lowered when memory runs out, or None.

    Attributes:
        source: The run whose record is read; None before it is opened.
    """

    def __init__(self, space: SearchSpace, batch_size_name: str | None) -> None:
        self._batch = None if batch_size_name is None else BatchBounds(space, batch_size_name)
        self._space = space
        if self._batch is not None:
            widened = {**space, self._batch.name: self._batch.widened()}
            self._space = type(space)(widened)
        self.source: RunResults | None = None
        self._num_read = -1
        self._seen: set[str] = set()
        self._bounds: tuple[float, float] | None = None

    @property
    def space(self) -> AgcoreSpace:
        """What the searcher searches."""
        return AgcoreSpace(self._space.to_agcore())

    def params(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The user's values that a config means."""
        return self._space.from_agcore(config)

    def read(self) -> None:
        """Take note of what was tried, by whichever process.

        Raises:
            SpecError: No batch size is left.
        """
        if self.source is None:
            return
        history = self.source.history
        if len(history.events) == self._num_read:
            return
        trials = history.trials.values()
        self._seen = {_key(self.params(trial.config)) for trial in trials}
        if self._batch is not None:
            name = self._batch.name
            failed = [trial for trial in trials if trial.state is TrialState.OUT_OF_MEMORY]
            self._bounds = self._batch.after(self.params(t.config)[name] for t in failed)
        self._num_read = len(history.events)

    def allows(self, config: Mapping[str, Any]) -> bool:
        """Whether a config may be proposed; for the searcher."""
        self.read()
        params = self.params(config)
        if self._batch is not None and self._bounds is not None:
            low, high = self._bounds
            if not low <= params[self._batch.name] <= high:
                return False
        return _key(params) not in self._seen

    def given(self, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """The config for the user's values, its batch size lowered to the bound; None if tried."""
        self.read()
        params = dict(params)
        if self._batch is not None and self._bounds is not None:
            name = self._batch.name
            params[name] = min(params[name], self._bounds[1])
        config = self._space.agcore_config(params)
        return None if config is None or _key(self.params(config)) in self._seen else config


def _key(params: Mapping[str, Any]) -> str:
    return repr(sorted((name, repr(value)) for name, value in params.items()))
