"""Contract suites that our own and anyone else's policies, searchers and executors inherit.

It may import everything below the command line; only tests import it. Nothing here needs pytest.
"""

from agcore.testing.executor import (
    BorderContract as BorderContract,
    ExecutorContract as ExecutorContract,
)
from agcore.testing.policy import PolicyContract as PolicyContract
from agcore.testing.searcher import SearcherContract as SearcherContract
