"""Which checkpoints of trials are kept: those that somebody may still need.

A trial that may go on (it runs, is paused, or was cut off) needs its last one, and that of its
best report, which may become the best of the run. Of a trial that has ended nothing is kept
unless it is the best, or the best of those that have ended: a better one that still runs may fail,
or fall back where the last report counts. A limit on the disk takes the least useful first.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, NamedTuple

from agcore.checkpoints import (
    checkpoint_bytes,
    clean_up,
    complete_checkpoints,
    copy_checkpoint,
    discard,
    discard_others,
)
from agcore.records import TrialState
from agcore.scheduler.outcomes import goes_on_later

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from agcore.history import RunHistory, Trial
    from agcore.trial_folders import TrialFolders

logger = logging.getLogger("agcore")

_LIVES = frozenset({TrialState.RUNNING, TrialState.PAUSED})


class Checkpoint(NamedTuple):
    """A complete checkpoint on the disk.

    Attributes:
        resource: What its trial had used.
        path: Its folder.
    """

    resource: int
    path: Path


class CheckpointKeeper:
    """Knows the checkpoints of all trials and deletes what nobody needs any more.

    Args:
        folders: Where they are.
        history: Who is the best, and in which state each trial is.
        max_retries: How often a trial whose process vanished is started again.
        max_bytes: Bound on what is kept, or None. The best trial's and those that running
            trials go on from are kept even beyond it, with a warning.
    """

    def __init__(
        self,
        folders: TrialFolders,
        history: RunHistory,
        max_retries: int = 0,
        max_bytes: float | None = None,
    ) -> None:
        self._folders = folders
        self._history = history
        self._max_retries = max_retries
        self._max_bytes = math.inf if max_bytes is None else max_bytes
        self._sizes: dict[int, dict[int, int]] = {}
        self._last: dict[int, int] = {}  # the one a running trial has just completed
        self._touched: set[int] = set()
        self._leader: int | None = None
        self._best_ended: int | None = None
        self._has_warned = False

    def restore(self) -> None:
        """Compare the record with the disk; what the record does not know is deleted.

        A checkpoint whose report was cut off must not be found: the trial would go on behind
        the report that the record lacks.
        """
        for trial_id in self._folders.trial_ids():
            clean_up(self._folders.checkpoints(trial_id))
        self.look()
        for trial_id in self._folders.trial_ids():
            known = frozenset(self._sizes.get(trial_id, ()))
            discard_others(self._folders.checkpoints(trial_id), known)
        self._touched.update(self._sizes)
        self.tidy()

    def look(self) -> None:
        """Find the checkpoints that are both on the disk and in the record; nothing changes."""
        self._sizes.clear()
        self._last.clear()
        for trial_id in self._folders.trial_ids():
            on_disk = complete_checkpoints(self._folders.checkpoints(trial_id))
            trial = self._history.trials.get(trial_id)
            known = {
                report.resource: report.checkpoint_bytes
                for report in (trial.reports if trial is not None else ())
                if report.checkpoint_bytes is not None and report.resource in on_disk
            }
            if trial is not None and trial.begin in on_disk:  # the copy that it began with
                path = self._folders.checkpoint(trial_id, trial.begin)
                known[trial.begin] = checkpoint_bytes(path)
            if known:
                self._sizes[trial_id] = known

    def add(self, trial_id: int, resource: int, size: int) -> None:
        """Note a checkpoint that a trial has completed."""
        self._sizes.setdefault(trial_id, {})[resource] = size
        self._last[trial_id] = resource
        self._touched.add(trial_id)

    def inherit(self, trial: Trial, parent: Trial) -> Checkpoint | None:
        """A new trial's own copy of its parent's latest checkpoint; None if there is none.

        Raises:
            OSError: It cannot be written.
        """
        found = self.latest(parent)
        if found is None:
            return None
        folder = self._folders.checkpoints(trial.trial_id)
        size = copy_checkpoint(found.path, folder, self._folders.make)
        if size is None:
            return None
        self.add(trial.trial_id, found.resource, size)
        return self._checkpoint(trial, found.resource)

    def on_exit(self, trial: Trial) -> None:
        """Note that an attempt of a trial has ended."""
        self._last.pop(trial.trial_id, None)
        if trial.trial_id in self._sizes:
            self._touched.add(trial.trial_id)

    def latest(self, trial: Trial) -> Checkpoint | None:
        """The checkpoint from which a trial goes on, or None if it has none."""
        sizes = self._sizes.get(trial.trial_id)
        return self._checkpoint(trial, max(sizes)) if sizes else None

    def best(self, trial: Trial) -> Checkpoint | None:
        """The last checkpoint not after the best report of a trial, or None."""
        resource = self._at_best(trial)
        return None if resource is None else self._checkpoint(trial, resource)

    def _checkpoint(self, trial: Trial, resource: int) -> Checkpoint:
        return Checkpoint(resource, self._folders.checkpoint(trial.trial_id, resource))

    @property
    def may_tidy(self) -> bool:
        """Whether something has happened that may leave files behind which nobody needs."""
        return bool(self._touched)

    def tidy(self) -> None:
        """Delete what nobody needs any more; not before the events that say so are written."""
        if not self._touched:
            return
        best = self._history.best()
        touched, self._touched = self._touched, set()
        before = {self._leader, self._best_ended}
        self._leader = best.trial_id if best is not None else None
        self._best_ended = self._find_best_ended()
        dethroned = before - {self._leader, self._best_ended, None}
        touched.update(trial_id for trial_id in dethroned if trial_id is not None)
        for trial_id in touched:
            trial = self._history.trials[trial_id]
            if trial_id in self._sizes:
                self._keep(trial_id, self._needed(trial))
            if trial.state is not TrialState.RUNNING:
                clean_up(self._folders.checkpoints(trial_id))
        self._make_room()

    # -- rules -----------------------------------------------------------------------------

    def _lives(self, trial: Trial) -> bool:
        return trial.state in _LIVES or goes_on_later(trial, trial.state, self._max_retries)

    def _find_best_ended(self) -> int | None:
        """The best of the trials that have a checkpoint and will not go on."""
        best, found = -math.inf, None
        for trial_id in self._sizes:
            trial = self._history.trials[trial_id]
            if trial.state.counts_for_best and not self._lives(trial):
                report = self._history.value_of(trial)
                if report is not None and report.reward > best:
                    best, found = report.reward, trial_id
        return found

    def _needed(self, trial: Trial) -> frozenset[int]:
        if not self._lives(trial) and trial.trial_id not in (self._leader, self._best_ended):
            return frozenset()
        sizes = self._sizes[trial.trial_id]
        needed = {max(sizes), self._at_best(trial), self._last.get(trial.trial_id)}
        return frozenset(resource for resource in needed if resource is not None)

    def _at_best(self, trial: Trial) -> int | None:
        """Resource of the last checkpoint not after the trial's best report."""
        report = self._history.value_of(trial)
        if report is None:
            return None
        before = (r for r in self._sizes.get(trial.trial_id, ()) if r <= report.resource)
        return max(before, default=None)

    def _keep(self, trial_id: int, needed: Iterable[int]) -> None:
        kept = {resource: self._sizes[trial_id][resource] for resource in needed}
        # Not all others: the trial may have completed one whose report is still to come.
        useless = frozenset(self._sizes[trial_id]) - frozenset(kept)
        discard(self._folders.checkpoints(trial_id), useless)
        if kept:
            self._sizes[trial_id] = kept
        else:
            del self._sizes[trial_id]

    def _make_room(self) -> None:
        if self._max_bytes == math.inf:
            return
        total = sum(sum(sizes.values()) for sizes in self._sizes.values())
        if total <= self._max_bytes:
            return
        for trial_id, resource in list(self._dispensable()):
            sizes = self._sizes[trial_id]
            total -= sizes[resource]
            self._keep(trial_id, [other for other in sizes if other != resource])
            if total <= self._max_bytes:
                return
        if not self._has_warned:
            logger.warning(
                "checkpoints take %.3g GB, more than max_checkpoint_gb=%g: the best trial's and "
                "those that running trials go on from are kept all the same (said once)",
                total / 1e9,
                self._max_bytes / 1e9,
            )
        self._has_warned = True

    def _dispensable(self) -> Iterator[tuple[int, int]]:
        """Checkpoints that can be given up, the least useful first: (trial, resource)."""
        trials = [self._history.trials[i] for i in self._sizes if i != self._leader]
        trials.sort(key=_promise)
        for trial in trials:  # nobody goes on from these
            sizes = self._sizes[trial.trial_id]
            needed = {max(sizes), self._last.get(trial.trial_id)}
            yield from ((trial.trial_id, r) for r in list(sizes) if r not in needed)
        for trial in trials:  # without these a trial would start over
            if trial.state is not TrialState.RUNNING:
                yield trial.trial_id, max(self._sizes[trial.trial_id])


def _promise(trial: Trial) -> float:
    """The best reward of a trial; the lower, the less it will be missed."""
    return trial.best.reward if trial.best is not None else -math.inf
