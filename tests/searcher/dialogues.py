"""Dialogues with searchers that have a Gaussian process, and spaces to have them about."""

from __future__ import annotations

import json
import math

import agcore as ag
from agcore import gp
from agcore.records import Observation, SuggestRequest
from agcore.searcher import (
    ConstrainedGPFIFOSearcher,
    GPFIFOSearcher,
    GPMultiFidelitySearcher,
    HyperTuneSearcher,
)
from agcore.space import SearchSpace
from agcore.testing.dialogues import converse

PLANE = SearchSpace({"x": ag.Real(0, 1), "y": ag.Real(1e-4, 1, log=True)})
LINE = SearchSpace({"x": ag.Real(0, 1)})
BRANCHES = SearchSpace(
    {
        "net": ag.Categorical("flat", ag.Dict(depth=ag.Int(1, 3), kind=ag.Categorical(*"abc"))),
        "unit": ag.Categorical(*[f"unit{i}" for i in range(30)]),
    }
)
GRID = SearchSpace({"a": ag.Int(1, 5), "b": ag.Categorical("x", "y")})

SEARCHERS = {
    "fifo": lambda space, **k: GPFIFOSearcher(space, **k),
    "classic": lambda space, **k: GPFIFOSearcher(space, profile="classic", **k),
    "multi": lambda space, **k: GPMultiFidelitySearcher(space, max_epochs=9, **k),
    "hypertune": lambda space, **k: HyperTuneSearcher(space, max_epochs=9, **k),
    "constrained": lambda space, **k: ConstrainedGPFIFOSearcher(space, constraint_attr="c", **k),
}
"""Every searcher with a Gaussian process, as a function of the space."""


def bowl(config):
    """A reward with its maximum at x = 0.3."""
    return -((config["x"] - 0.3) ** 2)


def learn(searcher, reward, count, resources=(None,), first=0, constraint=lambda config: -1.0):
    """Ask and answer ``count`` times; returns the suggestions, up to the first None."""
    suggestions = []
    for number in range(first, first + count):
        suggestion = searcher.suggest(SuggestRequest(number, first_milestone=resources[0]))
        suggestions.append(suggestion)
        if suggestion is None:
            break
        for resource in resources:
            searcher.observe(
                Observation(
                    number,
                    suggestion.config,
                    resource,
                    reward(suggestion.config),
                    metrics={"c": constraint(suggestion.config)},
                )
            )
    return suggestions


def configs(suggestions):
    return [suggestion and suggestion.config for suggestion in suggestions]


def origins(suggestions):
    return [suggestion and suggestion.origin for suggestion in suggestions]


def through_json(suggestion):
    """What a journal keeps of a suggestion; refuses NaN and infinity."""
    if suggestion is None:
        return None
    parts = [suggestion.config, suggestion.origin, dict(suggestion.why)]
    return json.loads(json.dumps(parts, allow_nan=False))


def is_finite(value):
    """Whether there is no NaN and no infinity anywhere in JSON values."""
    if isinstance(value, dict):
        return all(map(is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


class Dialogue:
    """A dialogue about a bowl, and searchers that go on with it without a fit of their own.

    Args:
        make: Makes a searcher.
        count: How many suggestions to ask for.
        milestones: Where a trial is observed; None without resources.
        provisional: Whether values are preceded by some that they replace.
        workers: Trials that run at once.

    Attributes:
        suggestions: As they came.
    """

    def __init__(self, make, count, *, milestones=(None,), provisional=False, workers=3):
        self._make = make
        self._said = converse(
            make(),
            count,
            bowl,
            metrics=lambda config: {"c": config["x"] - 0.6},
            resources=milestones,
            provisional=provisional,
            workers=workers,
        )
        self.suggestions = self._said.suggestions

    def unlike_after_resuming(self, monkeypatch, every=1):
        """Numbers of the suggestions that a searcher makes otherwise which was told the same.

        Whoever is told must not fit.
        """
        return [
            number
            for number in range(1, len(self.suggestions), every)
            if self._resumed(number, monkeypatch) != through_json(self.suggestions[number])
        ]

    def _resumed(self, number, monkeypatch):
        searcher = self._make()
        with monkeypatch.context() as patched:
            patched.setattr(gp, "fit", _must_not_fit)
            request = self._said.retell(searcher, number)
        return through_json(searcher.suggest(request))


def _must_not_fit(*_, **__):
    raise AssertionError("a recalled proposal was fitted again")
