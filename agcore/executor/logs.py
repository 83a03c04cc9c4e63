"""What trials print: the last lines of each, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque

LINES_PER_TRIAL = 200
_LONGEST_LINE = 8_192
_MEMORY_BYTES = 32 << 20
_TRIAL_BYTES = 1_200
"""What Python needs for a trial's log besides its lines ..."""
_LINE_BYTES = 48
"""... and for a line besides its characters."""


class LogTails:
    """Keeps the last 200 lines of each trial's stdout and stderr, 32 MB in all.

    When the memory is used up, the logs of the trials that wrote least recently go first.
    """

    def __init__(self, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._tails: OrderedDict[int, _Tail] = OrderedDict()
        self._memory_bytes = memory_bytes
        self._used = 0

    def write(self, trial_id: int, data: bytes) -> None:
        """Add output of a trial, in the order in which it was written."""
        tail = self._tails.get(trial_id)
        if tail is None:
            tail = self._tails[trial_id] = _Tail()
        else:
            self._used -= tail.size
        tail.write(data)
        self._used += tail.size
        self._tails.move_to_end(trial_id)
        while self._used > self._memory_bytes and len(self._tails) > 1:
            _, oldest = self._tails.popitem(last=False)
            self._used -= oldest.size

    def read(self, trial_id: int) -> list[str]:
        """The last lines of a trial; empty if it wrote nothing or its log was dropped."""
        tail = self._tails.get(trial_id)
        return tail.lines() if tail else []


class _Tail:
    """The last lines of one stream of bytes."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._partial = b""
        self._lines_size = 0

    @property
    def size(self) -> int:
        """Memory it takes, about."""
        return _TRIAL_BYTES + self._lines_size + len(self._partial)

    def write(self, data: bytes) -> None:
        *whole, partial = (self._partial + data).split(b"\n")
        self._partial = partial[-_LONGEST_LINE:]
        for line in whole[-LINES_PER_TRIAL:]:
            self._lines.append(line[-_LONGEST_LINE:])
            self._lines_size += len(self._lines[-1]) + _LINE_BYTES
        while len(self._lines) > LINES_PER_TRIAL:
            self._lines_size -= len(self._lines.popleft()) + _LINE_BYTES

    def lines(self) -> list[str]:
        last = [self._partial] if self._partial else []
        # A progress bar redraws its line after a carriage return; only its last state counts.
        return [
            line.decode(errors="replace").rstrip("\r").rsplit("\r", 1)[-1]
            for line in [*self._lines, *last]
        ][-LINES_PER_TRIAL:]
