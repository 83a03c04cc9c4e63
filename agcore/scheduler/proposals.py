"""Where the configs of new trials come from: the user's queue first, then the searcher."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError
from agcore.records import Suggestion, SuggestRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.jobs import Config
    from agcore.searcher import Searcher
    from agcore.space import SearchSpace


class Proposals:
    """Configs in the order in which trials are to have them."""

    def __init__(self, searcher: Searcher, space: SearchSpace) -> None:
        self._searcher = searcher
        self._space = space
        self._queue: deque[Config] = deque()
        self._unrecorded: list[Config] = []
        self._repeated: list[Config] = []
        self._prepared: Suggestion | None = None
        self._exhausted = False
        # What others wrote is checked; our own searchers take their configs from the space.
        self._checks = not type(searcher).__module__.startswith("agcore.searcher.")

    @property
    def exhausted(self) -> bool:
        """Whether there is no config left."""
        return self._exhausted and not self._queue and self._prepared is None

    def enqueue(self, config: Mapping[str, Any]) -> Config:
        """Have a config evaluated next; missing parameters take their default.

        A script that is run again to resume enqueues the same configs again. Those that the
        record knows are not enqueued twice.

        Raises:
            SpecError: It is not in the space.
        """
        complete = self._space.complete(config)
        if complete in self._repeated:
            self._repeated.remove(complete)
            return complete
        self._queue.append(dict(complete))
        self._unrecorded.append(dict(complete))
        return complete

    def take_unrecorded(self) -> list[Config]:
        """Configs that were enqueued since the last call."""
        taken, self._unrecorded = self._unrecorded, []
        return taken

    def restore(self, config: Config) -> None:
        """Enqueue a config as the record of the run says."""
        self._queue.append(dict(config))
        self._repeated.append(dict(config))

    def skip(self) -> None:
        """The first config of the queue has become a trial in the record."""
        if self._queue:
            self._queue.popleft()

    def prepare(self, request: SuggestRequest) -> None:
        """Find the config of the next trial now; `next` will have it at once."""
        if self._prepared is None:
            self._prepared = self._find(request)

    def next(self, request: SuggestRequest) -> Suggestion | None:
        """The config of the next trial, or None if there is none left."""
        prepared, self._prepared = self._prepared, None
        return prepared or self._find(request)

    def _find(self, request: SuggestRequest) -> Suggestion | None:
        if self._queue:
            config = self._queue.popleft()
            self._searcher.exclude(config)
            return Suggestion(config, "queue")
        suggestion = self._searcher.suggest(request)
        self._exhausted = suggestion is None
        if suggestion is None or not self._checks:
            return suggestion
        if not isinstance(suggestion, Suggestion):
            raise SpecError(
                f"{self._searcher!r} suggested {suggestion!r}; it must be a Suggestion(config, "
                "origin), or None when there is no config left"
            )
        return replace(suggestion, config=self._space.complete(suggestion.config))
