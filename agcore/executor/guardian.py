"""The scheduler's side of the guard process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

from agcore.executor import guard


class Guardian:
    """Keeps a guard process told which worker processes there are.

    Args:
        tag: What the tags of all workers of the run have in common.
        folder: A temporary folder that must not outlive the run, or an empty string.
    """

    def __init__(self, tag: str, folder: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, tag, str(os.getpid()), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C and a signal to the scheduler's group must not reach it.
            start_new_session=True,
            bufsize=0,
        )

    def add(self, group: int) -> None:
        """Note a new worker's process group."""
        self._note(f"+{group}")

    def remove(self, group: int) -> None:
        """Note that nothing is left of a worker."""
        self._note(f"-{group}")

    def dismiss(self) -> None:
        """End the guard: nothing is left that it would have to clean up."""
        self._process.kill()
        self._process.wait()
        self.let_go()

    def let_go(self) -> None:
        """Close this process's end of the pipe."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _note(self, text: str) -> None:
        # Without a guard the run goes on; it is only the second line of defence.
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.write(f"{text}\n".encode())
