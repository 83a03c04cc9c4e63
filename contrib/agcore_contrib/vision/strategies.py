"""What a search strategy is called, and which scheduler and searcher it stands for."""

from __future__ import annotations

from dataclasses import dataclass

from agcore.errors import SpecError, did_you_mean
from agcore.searcher import SEARCHERS

_SCHEDULERS = {
    "local": "fifo",
    "fifo": "fifo",
    "hyperband": "hbs",
    "hyperband_stopping": "hbs",
    "hyperband_promotion": "hbp",
    "hbs": "hbs",
    "hbp": "hbp",
    "median": "median",
    "median_stopping": "median",
    "sync": "sync",
    "synchronous_hyperband": "sync",
    "pasha": "pasha",
    "pbt": "pbt",
    "population_based_training": "pbt",
}
"""Names of schedulers: of old scripts, `agcore.scheduler_factory` and `agcore.tune`."""

_SEARCHERS = (*SEARCHERS, "auto")
_WITH_RUNGS_ONLY = {"hypertune"}


@dataclass(frozen=True, slots=True)
class Strategy:
    """A scheduler by its short name in `agcore.tune`, and a searcher by name."""

    scheduler: str
    searcher: str

    @property
    def is_hyperband(self) -> bool:
        """Whether it compares trials at rungs, one after another."""
        return self.scheduler in ("hbs", "hbp")

    @property
    def has_rungs(self) -> bool:
        """Whether it has a reduction factor."""
        return self.is_hyperband or self.scheduler in ("sync", "pasha")


def strategy_of(
    search_strategy: str | None, scheduler: str | None = None, searcher: str | None = None
) -> Strategy:
    """The strategy that is meant.

    Args:
        search_strategy: A searcher (``'random'``, ``'bayesopt'`` ...; every trial is trained to
            its end), a scheduler (``'hyperband'``, ``'pbt'`` ...; with random search), or both as
            ``'bayesopt_hyperband'``. None: random.
        scheduler: Name of a scheduler; wins over the strategy's.
        searcher: Name of a searcher; wins over the strategy's.

    Raises:
        SpecError: A name is unknown.
    """
    found = Strategy("fifo", "random") if search_strategy is None else _named(search_strategy)
    if scheduler is not None:
        if scheduler not in _SCHEDULERS:
            raise SpecError(
                f"scheduler={scheduler!r} is unknown{did_you_mean(str(scheduler), _SCHEDULERS)}; "
                f"there are: {', '.join(_SCHEDULERS)}"
            )
        found = Strategy(_SCHEDULERS[scheduler], found.searcher)
    if searcher is not None:
        if searcher not in _SEARCHERS:
            raise SpecError(
                f"searcher={searcher!r} is unknown{did_you_mean(str(searcher), _SEARCHERS)}; "
                f"there are: {', '.join(_SEARCHERS)}"
            )
        found = Strategy(found.scheduler, searcher)
    return found


def _named(name: str) -> Strategy:
    if not isinstance(name, str):
        raise SpecError(f"search_strategy={name!r} must be a name, as 'bayesopt_hyperband'")
    if name in _SCHEDULERS:
        return Strategy(_SCHEDULERS[name], "random")
    if name in _SEARCHERS:
        return Strategy("hbs" if name in _WITH_RUNGS_ONLY else "fifo", name)
    for searcher in _SEARCHERS:
        scheduler = str(name).removeprefix(f"{searcher}_")
        if scheduler != name and scheduler in _SCHEDULERS:
            return Strategy(_SCHEDULERS[scheduler], searcher)
    known = [*_SEARCHERS, *_SCHEDULERS, *(f"{searcher}_hyperband" for searcher in _SEARCHERS)]
    raise SpecError(
        f"search_strategy={name!r} is unknown{did_you_mean(str(name), known)}; it is a searcher "
        f"({', '.join(_SEARCHERS)}), a scheduler ({', '.join(_SCHEDULERS)}), or both as "
        "'bayesopt_hyperband'"
    )
