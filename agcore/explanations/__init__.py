"""Runs explained in sentences: why a config was proposed, what became of it and why.

Everything is read from the events of a run: a history goes in, text comes out. So a run can be
explained while it goes on, years later, or on another machine.

``words.py`` knows how the user calls things, ``expectations.py`` what a model expected,
``choices.py`` how a config is chosen without one; one file each for why a trial was proposed, its
course, and the list of all.
"""

from __future__ import annotations

from agcore.explanations.listing import explain_trials
from agcore.explanations.trial import WIDTH, explain_trial

__all__ = ["WIDTH", "explain_trial", "explain_trials"]
