"""Where a scheduler keeps its run: nowhere, or in a directory that can be continued."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import os
import platform
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from agcore.errors import JournalError, SpecError
from agcore.journal import Journal, JournalWriter, NoJournal, read_journal
from agcore.records import ConfigEnqueued, Event, TrialProposed
from agcore.trial_folders import TrialFolders
from agcore.version import __version__

if TYPE_CHECKING:
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
        self._size_read = self._directory.journal.stat().st_size
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
            size = directory.journal.stat().st_size
            if size != self._size_read:
                raise JournalError(
                    f"{directory.path} was written by another process since this scheduler read "
                    "it; make a new scheduler with resume=True"
                )
            if not size:
                directory.write_description(self._description)
            journal = JournalWriter(directory.journal)
            missing, self.missing = self.missing, []
            for event in missing:
                journal.append(event)
            try:
                yield journal
            finally:
                journal.close()
                self._size_read = directory.journal.stat().st_size

    # -- is it the same run? ---------------------------------------------------------------

    def _compare(self, before: Mapping[str, Any]) -> None:
        """Refuse to continue another run; warn of what may make it differ."""
        now = self._description
        changed = _differences(before.get("scheduler"), now["scheduler"])
        if not self._is_widening:
            changed += _differences(before.get("space"), now["space"])
        if changed:
            raise JournalError(
                f"{self._directory.path} holds another run: {'; '.join(changed)}. Make the "
                "scheduler as it was made then, or pass another directory"
            )
        for name, what in (("train_function", "train function"), ("versions", "version")):
            for difference in _differences(before.get(name), now[name]):
                logger.warning(
                    "resuming %s: %s: %s; results may differ",
                    self._directory.path,
                    what,
                    difference,
                )


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


def _differences(before: Any, now: Mapping[str, Any]) -> list[str]:
    """What differs between two descriptions, field by field, in words."""
    if not isinstance(before, Mapping):
        return []
    changed = []
    for name in {**before, **now}:
        if name not in now:
            changed.append(f"{name} was {before[name]!r} and is gone")
        elif name not in before:
            changed.append(f"{name} is new: {now[name]!r}")
        elif before[name] != now[name]:
            changed.append(f"{name} was {before[name]!r} and is {now[name]!r}")
    return changed


def fingerprint(function: Callable[..., Any]) -> dict[str, str]:
    """What tells one train function from another: its name and its source."""
    name = getattr(function, "__qualname__", type(function).__name__)
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return {"name": name}
    return {"name": name, "source": hashlib.sha256(source.encode()).hexdigest()[:16]}


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    return {"agcore": __version__, "python": platform.python_version(), "numpy": np.__version__}


def describe_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """``search_options`` as JSON values; what has none by its name or repr."""
    return {
        key: _described(value)
        for key, value in sorted((options or {}).items())
        if key != "debug_log"
    }


def _described(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _described(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_described(item) for item in value]
    return getattr(value, "__qualname__", repr(value))
