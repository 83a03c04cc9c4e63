"""``ag.replay``: what another scheduler would have made of a run that is on record.

The recorded trials play their curves again (`agcore.executor.simulated`), and another scheduler
decides which of them start, stop and go on. What the record does not hold is never made up:

* Configs come in the order in which they were recorded, unless a searcher is named. Whatever is
  proposed, a recorded trial plays its own curve; means of several are no trial's curve.
* A trial whose curve was cut off, and that is asked to go on behind its end, ends there. It is
  counted as *unknown*: nobody knows what it would have become.
* A trial that failed fails again at the same place, if it gets there.
* Trials that have reported nothing, and did not fail, are left out and counted.

Seconds are those that the recorded trials took, on the machine and beside the trials of then (in
a deterministic run with the waits for their turn); starting a trial and proposing a config cost
nothing.
"""

from __future__ import annotations

from agcore.whatif.replay import replay
from agcore.whatif.results import LateBloomer, ReplayResult, RunFigures

__all__ = ["LateBloomer", "ReplayResult", "RunFigures", "replay"]
