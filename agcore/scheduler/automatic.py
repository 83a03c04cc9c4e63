"""``searcher='auto'`` in a run: picked once, and kept for as long as the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agcore.journal import read_journal
from agcore.records import RunStarted
from agcore.run_directory import RunDirectory
from agcore.scheduler.brackets import num_weighed
from agcore.searcher import SEARCHERS, Pick, pick_searcher

if TYPE_CHECKING:
    from agcore.policy import Policy
    from agcore.scheduler.options import RunOptions
    from agcore.space import SearchSpace


def picked_for(
    options: RunOptions, space: SearchSpace, policy: Policy, *, explores: bool
) -> Pick | None:
    """What ``searcher='auto'`` stands for; None if the user names a searcher.

    A run that goes on keeps the searcher it has had, for more trials another would be picked.

    Args:
        options: Of the run.
        space: What is searched.
        policy: Of the scheduler.
        explores: Whether the scheduler changes configs itself.
    """
    if options.searcher != "auto":
        return None
    if options.checkpoint is not None and options.resume:
        recorded = _recorded_in(RunDirectory(Path(options.checkpoint)))
        if recorded in SEARCHERS:
            return Pick(recorded, "the run has had it so far")
    return pick_searcher(
        space,
        options.search_options,
        num_trials=options.num_trials,
        max_resource=policy.max_resource,
        num_brackets=num_weighed(policy),
        explores=explores,
    )


def _recorded_in(directory: RunDirectory) -> str:
    """The name of the searcher that a run has had; empty if there is no run."""
    if not directory.holds_a_run:
        return ""
    described = directory.read_description().get("scheduler")
    if not isinstance(described, dict):  # run.json is gone
        first = next(iter(read_journal(directory.journal)))
        described = first.settings if isinstance(first, RunStarted) else {}
    return str(described.get("searcher", ""))
