"""``ag.AskTell``: tuning where the caller runs the trials, in as many processes as it likes.

The scheduler decides as it always does, but there is no loop and no executor: ``ask`` gives a trial
away, ``report`` answers with a decision, ``tell`` ends a trial. The events are those of any other
run, in the same journal.

In a run directory every call takes the lock of the journal, applies what others have written since
(`agcore.scheduler.fold`), decides, appends its events in one piece and lets go. All state is a
function of the journal, so processes may come, go and be killed. ``dialogue.py`` is what a call
does, ``storage.py`` where it is kept, ``making.py`` how arguments become a scheduler.
"""

from __future__ import annotations

from agcore.ask_tell.ask_tell import AskTell
from agcore.ask_tell.asked import AskedTrial

__all__ = ["AskTell", "AskedTrial"]
