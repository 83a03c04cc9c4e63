"""Where a scheduler keeps its run: nowhere, or in a directory that can be continued."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agcore.errors import JournalError, SpecError
from agcore.journal import Journal, JournalWriter, NoJournal, read_journal
from agcore.records import ConfigEnqueued, Event, RunStarted, TrialProposed
from agcore.scheduler.descriptions import doubtful, of_journal, refused
from agcore.trial_folders import TrialFolders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agcore.run_directory import RunDirectory
    from agcore.space import SearchSpace

logger = logging.getLogger("agcore")


class Storage(Protocol):
    """What the facade needs of a place for its run."""

    @property
    def folders(self) -> TrialFolders:
        """Where the files of trials go."""

    def session(self) -> contextlib.AbstractContextManager[Journal]:
        """The journal for one call of ``run``; closed at its end."""


class NoStorage:
    """Nothing is written but checkpoints, to a temporary folder that goes with the run."""

    def __init__(self) -> None:
        name = f"agcore-{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._folders = TrialFolders(Path(tempfile.gettempdir(), name), is_temporary=True)

    @property
    def folders(self) -> TrialFolders:
        """A folder that is made with the first checkpoint."""
        return self._folders

    @contextlib.contextmanager
    def session(self) -> Iterator[Journal]:
        """A journal that keeps nothing."""
        try:
            yield NoJournal()
        finally:
            shutil.rmtree(self._folders.root, ignore_errors=True)


class RunStorage:
    """A run directory, written by one process at a time.

    Args:
        directory: Where.
        description: What is to be run, as ``run.json`` will say.

    Attributes:
        missing: Events that follow from the journal but were cut off it; written first.
    """

    def __init__(self, directory: RunDirectory, description: Mapping[str, Any]) -> None:
        self._directory = directory
        self._description = dict(description)
        self._is_widening = False
        self._size_read = 0
        self._unwritten: list[str] = []
        self.missing: list[Event] = []

    @property
    def folders(self) -> TrialFolders:
        """The trials' folders in the run directory."""
        return self._directory.trials

    def begin(self, resume: bool | str) -> bool:
        """Whether there is a run to continue.

        Raises:
            JournalError: There is a run and ``resume`` is False, or none and it is True, or
                it was another run than this one.
        """
        directory = self._directory
        if not directory.holds_a_run:
            if resume is True:
                raise JournalError(
                    f"resume=True, but {directory.path} holds no run; pass resume='auto' to "
                    "continue a run only if there is one"
                )
            return False
        if not resume:
            raise JournalError(
                f"{directory.path} already holds a run; pass resume=True to continue it, "
                "resume='auto' to continue whatever is there, or another directory"
            )
        self._is_widening = resume == "auto"
        self._compare(directory.read_description())
        return True

    def events(self, space: SearchSpace) -> Iterator[Event]:
        """The recorded events, configs as the present space writes them.

        Raises:
            JournalError: A recorded config is not in the present space.
        """
        self._size_read = self._directory.journal_size
        for event in read_journal(self._directory.journal):
            if isinstance(event, (TrialProposed, ConfigEnqueued)) and self._is_widening:
                event = _as_in(space, event)
            yield event

    @contextlib.contextmanager
    def session(self) -> Iterator[Journal]:
        """The journal, locked against other processes.

        Raises:
            JournalError: Another process writes it, or has written since it was read.
        """
        directory = self._directory
        with directory.locked():
            if directory.journal_size != self._size_read:
                raise JournalError(
                    f"{directory.path} was written by another process since this scheduler read "
                    "it; make a new scheduler with resume=True"
                )
            if not self._size_read or self._is_widening:
                directory.write_description(self._description)
            journal = JournalWriter(directory.journal, unwritten=self._unwritten)
            missing, self.missing = self.missing, []
            for event in missing:
                journal.append(event)
            try:
                yield journal
            finally:
                try:
                    journal.close()
                finally:  # what found no room comes first in the next session
                    self._unwritten = journal.unwritten
                    self._size_read = directory.journal_size

    def _compare(self, before: Mapping[str, Any]) -> None:
        """Refuse to continue another run; warn of what may make it differ."""
        path, now = self._directory.path, self._description
        if not before:
            first = next(iter(read_journal(self._directory.journal)))
            logger.warning("%s has no run.json; its journal is compared instead", path)
            before = of_journal(first, now) if isinstance(first, RunStarted) else {}
        changed = refused(before, now, may_widen=self._is_widening)
        if changed:
            raise JournalError(
                f"{path} holds another run: {'; '.join(changed)}. Make the scheduler as it was "
                "made then, or pass another directory"
            )
        for difference in doubtful(before, now):
            logger.warning("resuming %s: %s; results may differ", path, difference)


def _as_in(
    space: SearchSpace, event: TrialProposed | ConfigEnqueued
) -> TrialProposed | ConfigEnqueued:
    """The event with its config as ``space`` writes it."""
    try:
        return replace(event, config=space.complete(event.config))
    except SpecError as error:
        what = "a config that was enqueued"
        if isinstance(event, TrialProposed):
            what = f"trial {event.trial_id}"
        raise JournalError(
            f"{what} of the run does not fit the search space as it is now: {error}; resume may "
            "widen a space, not narrow it"
        ) from error
