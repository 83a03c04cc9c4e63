"""Random search.

Bergstra & Bengio (2012), Random Search for Hyper-Parameter Optimization, JMLR 13.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agcore.records import Suggestion
from agcore.searcher.base import BaseSearcher
from agcore.searcher.draws import RandomDraws

if TYPE_CHECKING:
    from agcore.records import SuggestRequest


class RandomSearcher(BaseSearcher):
    """Draws configs from the space, each at most once.

    Draw number n depends on the seed and n only, so a run can be continued without saving
    the state of a generator.
    """

    is_replayed_by_exclusion = True

    _draws: RandomDraws | None = None

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """A random config that was not proposed before, or None if there is none left."""
        if self.is_exhausted:
            return None
        if self._draws is None:
            self._draws = RandomDraws(
                self.configspace, self.random_seed, self.may_propose, self.candidates
            )
        config = self._draws.draw(request.draw)
        return None if config is None else Suggestion(config, "random")
