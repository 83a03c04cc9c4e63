"""The command line: ``agcore demo``, ``tune``, ``why`` and ``replay``, one file for each.

The top of the package: it may import everything, and nothing imports it. What costs time to
import is imported when a command runs, so that ``agcore --help`` answers at once.
"""

from agcore.cli.app import main

__all__ = ["main"]
