"""What is said between a scheduler and a searcher, written down so that it can be said again."""

from __future__ import annotations

import json
import math

import agcore as ag
from agcore import gp
from agcore.records import Observation, Pending, Suggestion, SuggestRequest
from agcore.searcher import (
    ConstrainedGPFIFOSearcher,
    GPFIFOSearcher,
    GPMultiFidelitySearcher,
)
from agcore.space import SearchSpace

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
    """A run without a scheduler: three trials at once, some fail, all that is said is kept.

    Args:
        make: Makes a searcher.
        count: How many suggestions to ask for.
        milestones: Where a trial is observed; None without resources.
        provisional: Whether each value is preceded by one that it replaces.
        workers: Trials that run at once.

    Attributes:
        suggestions: As they came.
        lines: ``(kind, ...)`` in order.
    """

    def __init__(self, make, count, *, milestones=(None,), provisional=False, workers=3):
        self.make = make
        self.lines = []
        self.suggestions = []
        searcher = make()
        running = []
        for number in range(count):
            pending = tuple(Pending(t, c, milestones[0]) for t, c in running)
            request = SuggestRequest(number, pending, 0, milestones[0])
            suggestion = searcher.suggest(request)
            self.lines.append(("suggest", through_json(suggestion), request))
            self.suggestions.append(suggestion)
            if suggestion is None:
                break
            running.append((number, suggestion.config))
            if len(running) == workers:
                self._advance(searcher, *running.pop(0), milestones, provisional)

    def _advance(self, searcher, trial_id, config, milestones, provisional):
        for resource in milestones:
            reward = bowl(config) + 0.01 * (resource or 0)
            metrics = {"c": config["x"] - 0.6}
            said = [Observation(trial_id, config, resource, reward, False, metrics)]
            if provisional:
                rough = Observation(trial_id, config, resource, 0.9 * reward, True, metrics)
                said = [rough] if trial_id % 2 else [rough, *said]
            for observation in said:
                searcher.observe(observation)
                self.lines.append(("observe", observation))
        if trial_id % 7 == 3:
            searcher.trial_failed(trial_id, config)
            self.lines.append(("failed", trial_id, config))

    def unlike_after_resuming(self, monkeypatch, every=1):
        """Numbers of the suggestions that a searcher makes otherwise which was told the same.

        Whoever is told must not fit.
        """
        at = [i for i, line in enumerate(self.lines) if line[0] == "suggest"]
        return [
            number
            for number in range(1, len(at), every)
            if self._resumed(at[number], monkeypatch) != self.lines[at[number]][1]
        ]

    def _resumed(self, until, monkeypatch):
        searcher = self.make()
        with monkeypatch.context() as patched:
            patched.setattr(gp, "fit", _must_not_fit)
            for kind, *said in self.lines[:until]:
                if kind == "suggest":
                    searcher.recall(Suggestion(*said[0]))
                elif kind == "observe":
                    searcher.observe(said[0])
                else:
                    searcher.trial_failed(*said)
        return through_json(searcher.suggest(self.lines[until][2]))


def _must_not_fit(*_, **__):
    raise AssertionError("a recalled proposal was fitted again")
