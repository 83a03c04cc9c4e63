"""Learning curves that are known already: recorded ones as a table, or any function of a config.

``source.py`` says what a curve is; ``table.py`` holds recorded ones, ``recording.py`` reads them
from runs and files, and ``neighbours.py`` guesses those of configs that were not recorded.
``yahpo.py`` has those of a surrogate, and is imported by itself.
`agcore.executor.simulated.SimulatedExecutor` plays them.
"""

from __future__ import annotations

from agcore.curves.recording import RecordedCurve
from agcore.curves.source import CurveSource
from agcore.curves.table import CurveTable

__all__ = ["CurveSource", "CurveTable", "RecordedCurve"]
