import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import SuggestRequest
from agcore.scheduler.proposals import Proposals
from agcore.searcher import GridSearcher
from agcore.space import SearchSpace

SPACE = SearchSpace({"kind": ag.Categorical("a", "b", "c")})


def kinds(proposals, count):
    suggestions = [proposals.next(SuggestRequest(draw)) for draw in range(count)]
    return [s.config["kind"] if s else None for s in suggestions]


def test_the_queue_comes_first_and_the_searcher_skips_what_was_in_it():
    proposals = Proposals(GridSearcher(SPACE), SPACE)
    proposals.enqueue({"kind": "b"})
    assert kinds(proposals, 4) == ["b", "a", "c", None]
    assert proposals.exhausted


def test_a_config_in_the_queue_ends_exhaustion():
    proposals = Proposals(GridSearcher(SPACE), SPACE)
    kinds(proposals, 4)
    proposals.enqueue({})
    assert not proposals.exhausted
    assert kinds(proposals, 1) == ["a"]


def test_what_was_prepared_is_handed_out_before_anything_else():
    proposals = Proposals(GridSearcher(SPACE), SPACE)
    proposals.prepare(SuggestRequest(0))
    proposals.prepare(SuggestRequest(0))
    proposals.enqueue({"kind": "c"})
    assert not proposals.exhausted
    assert kinds(proposals, 4) == ["a", "c", "b", None]


def test_a_config_outside_the_space_is_refused():
    with pytest.raises(SpecError, match="kind"):
        Proposals(GridSearcher(SPACE), SPACE).enqueue({"kind": "d"})
