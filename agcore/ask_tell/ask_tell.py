"""``ag.AskTell``: ask for a config, report how it does, tell how it ended."""

from __future__ import annotations

import contextlib
import functools
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.ask_tell.asked import reference
from agcore.ask_tell.dialogue import Dialogue
from agcore.ask_tell.making import make
from agcore.ask_tell.storage import keeping
from agcore.checks import finite_number, one_of
from agcore.errors import JournalError, ReportError, SpecError
from agcore.records import TrialState
from agcore.reporter import plain_metrics
from agcore.scheduler.results import RunResults

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from agcore.ask_tell.asked import AskedTrial, TrialReference
    from agcore.history import RunHistory
    from agcore.jobs import Config, Metrics
    from agcore.policy import Policy
    from agcore.records import Decision
    from agcore.reporter import ReportRules

_TOLD = ("completed", "stopped", "failed", "out_of_memory", "timed_out", "lost", "interrupted")
"""States in which `AskTell.tell` may end a trial."""


class AskTell(RunResults):
    """A run whose trials the caller runs: in this process, or in any that opens its directory.

    ::

        run = ag.AskTell({"lr": ag.Real(1e-4, 1, log=True), "epochs": 9}, "hbp", num_trials=30)
        while (trial := run.ask()) is not None:
            for epoch in range(trial.resume_from, 9):
                if run.report(trial, epoch + 1, accuracy=train(trial.config)).stops:
                    break
            else:
                run.tell(trial)

    A decision that stops a trial ends it, or pauses it until `ask` gives it out again with
    ``resume_from``; `tell` is for all other ends, and changes nothing after such a one. So save
    what a trial needs to go on before it reports.

    Trials whose process died go on running in the record. `running` lists them; ``tell(trial,
    state='interrupted')`` takes one back, and ``ask(again_after_s=...)`` takes back all that were
    silent for so long. Such a trial is given out again before anything else, and reports of its
    former attempt are answered with a stop.

    With ``checkpoint=`` each process makes its own AskTell with the same arguments, or gets a
    pickle of one; what is read through it is what all of them have recorded. Threads may share
    one. Opened again later the run goes on where it was.

    Args:
        space: A dict of spaces and constants, a `SearchSpace`, or a function decorated with
            ``@ag.args``.
        scheduler: Who decides: ``'fifo'``, ``'hbs'`` (Hyperband, stopping), ``'hbp'``
            (promotion), ``'median'``, ``'sync'``, ``'pasha'``, ``'pbt'``, a longer name as
            ``'hyperband_promotion'``, or an `agcore.policy.Policy`.
        searcher: Name or object.
        search_options: Options of the searcher.
        num_trials: Trials in total; None: as long as somebody asks.
        random_seed: Fixes the run: what is proposed and, with brackets, which are drawn.
        reward_attr: Key of the reward in reports; or a list of keys, as for the scheduler.
        mode: ``'max'`` or ``'min'``; of several objectives also a list or a dict of them.
        checkpoint: Directory of the run; None keeps it in memory, for this process only.
        resume: ``'auto'`` joins the run in ``checkpoint`` or begins one; True only joins, False
            only begins.
        lock_timeout_s: Seconds to wait for other processes that use the directory.
        arguments: Any other argument of the scheduler that does not say how trials are run, as
            ``max_t``, ``time_attr``, ``max_reward`` or ``max_failures``.

    Raises:
        SpecError: An argument breaks its rule, or has no meaning here.
        JournalError: The directory holds another run, or cannot be used.
    """

    def __init__(
        self,
        space: Any,
        scheduler: str | Policy = "fifo",
        *,
        searcher: Any = "random",
        search_options: Mapping[str, Any] | None = None,
        num_trials: int | None = None,
        random_seed: int | None = None,
        reward_attr: str | Sequence[str] = "accuracy",
        mode: str | Sequence[str] | Mapping[str, str] = "max",
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool | str = "auto",
        lock_timeout_s: float = 60.0,
        **arguments: Any,
    ) -> None:
        rule = "a number of seconds, 0 or more"
        if finite_number("lock_timeout_s", lock_timeout_s, rule) < 0:
            raise SpecError(f"lock_timeout_s={lock_timeout_s!r} must be {rule}")
        self._arguments: dict[str, Any] = {
            "searcher": searcher,
            "search_options": search_options,
            "num_trials": num_trials,
            "random_seed": random_seed,
            "reward_attr": reward_attr,
            "mode": mode,
            # Absolute: the same wherever the program, or the process that gets a pickle, is later.
            "checkpoint": Path(checkpoint).absolute() if checkpoint else checkpoint,
            "resume": resume,
            **arguments,
        }
        self._space, self._scheduler = space, scheduler
        self._lock_timeout_s = lock_timeout_s
        self._mutex = threading.RLock()
        self._is_turning = False
        self._make()
        self._kept = keeping(checkpoint, resume, lock_timeout_s, self._setup.description)
        with self._turn():  # begins the run, or goes to where it is
            pass

    def _make(self) -> None:
        """Fresh policy, searcher and history."""
        self._setup = make(self._space, self._scheduler, **self._arguments).setup()
        self._dialogue = Dialogue(self._setup, self._arguments["num_trials"])
        super().__init__(self._dialogue.history, self._setup.settings)
        self._rewards = self._setup.parts.rewards  # one range of objectives for all

    # -- the dialogue ----------------------------------------------------------------------

    def ask(self, *, again_after_s: float | None = None) -> AskedTrial | None:
        """The next trial to run: one that was taken back, one that is promoted, or a new one.

        Args:
            again_after_s: Take back trials that have neither started nor reported for so many
                seconds, whose process has probably died.

        Returns:
            None if there is nothing to run now, because ``num_trials`` are given away, no config
            is left, ``max_reward`` is reached, or the scheduler waits for other trials; `is_over`
            says whether to ask again later.

        Raises:
            TrialFailed: Too many trials failed (``max_failures``).
            JournalError: The directory is in use for too long, or cannot be written.
        """
        if again_after_s is not None:
            rule = "a number of seconds, 0 or more"
            if finite_number("again_after_s", again_after_s, rule) < 0:
                raise SpecError(f"again_after_s={again_after_s!r} must be {rule}")
        with self._turn() as dialogue:
            return dialogue.ask(again_after_s)

    def report(
        self, trial: TrialReference, resource: int | None = None, /, **metrics: Any
    ) -> Decision:
        """What is to happen to a trial, given how it does: ``.stops`` and ``.reason``.

        A report that is repeated word for word, say by a process that did not hear the answer, gets
        the same answer and is recorded once. A trial that has ended is told to stop.

        Args:
            trial: What `ask` gave, its dict, or its number.
            resource: What it has used, usually epochs from 1; the same as ``time_attr`` among the
                metrics. Without either, reports are counted, where the scheduler allows it.
            metrics: The reward and whatever else is to be recorded.

        Raises:
            ReportError: The report breaks a rule; nothing is recorded.
            SpecError: There is no such trial.
        """
        meant = reference(trial)
        row = self._checked(metrics, resource)
        with self._turn() as dialogue:
            return dialogue.report(meant, row)

    def tell(
        self,
        trial: TrialReference,
        reward: float | Mapping[str, Any] | None = None,
        *,
        state: str | None = None,
        error: str | BaseException | None = None,
    ) -> TrialState:
        """End a trial.

        Args:
            trial: What `ask` gave, its dict, or its number.
            reward: Its last report: the reward, or a dict with it. With rungs it counts for the
                full resource if it names none.
            state: ``'completed'``, the default; ``'stopped'`` by the caller; ``'failed'``, the
                default with an error; ``'out_of_memory'``, ``'timed_out'``; ``'lost'``: its
                process vanished, and it is given out again up to ``max_retries`` times;
                ``'interrupted'``: it is taken back, and given out again.
            error: What went wrong, as text or exception.

        Returns:
            The state it is in now. Of a trial that was not running any more, or not in this
            attempt, nothing is changed.

        Raises:
            ReportError: The reward breaks a rule; the trial goes on.
            SpecError: There is no such trial, or the arguments contradict one another.
        """
        meant = reference(trial)
        told, text, traceback_text = _ending(state, error)
        if reward is not None and told.is_failure:
            raise SpecError(
                f"tell() got a reward={reward!r} and that the trial is {told.value}; leave out one "
                "of the two"
            )
        row = None if reward is None else self._last_report(reward)
        with self._turn() as dialogue:
            if row is not None:
                dialogue.report(meant, row)
            return dialogue.tell(meant, told, text, traceback_text)

    def enqueue(self, config: Mapping[str, Any]) -> Config:
        """Have a config asked for before the searcher is asked again.

        Args:
            config: Whole or in part; missing parameters take their default. One that another
                process has enqueued already is not enqueued twice.

        Returns:
            The complete config.

        Raises:
            SpecError: It is not in the search space.
        """
        with self._turn() as dialogue:
            return dialogue.enqueue(config)

    # -- reading ---------------------------------------------------------------------------

    @property
    def history(self) -> RunHistory:
        """The run as a list of events and what follows from them, those of others too. Read only.

        Raises:
            JournalError: The journal is damaged, or was replaced.
        """
        with self._mutex:
            return self._up_to_date().history

    @property
    def running(self) -> list[AskedTrial]:
        """The trials that are given away and have not ended, as `ask` gave them."""
        with self._mutex:
            dialogue = self._up_to_date()
            return [dialogue.asked(live) for live in dialogue.running()]

    @property
    def is_over(self) -> bool:
        """Whether the last `ask` had no answer and no trial runs, so that none can come."""
        with self._mutex:
            return self._up_to_date().is_over

    def __repr__(self) -> str:
        where = self._arguments["checkpoint"]
        place = "in memory" if where is None else f"in {str(where)!r}"
        return f"AskTell({len(self._history.trials)} trials, {place})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._arguments["checkpoint"] is None:
            raise SpecError(
                "an AskTell in memory cannot be sent to another process; pass checkpoint=, a "
                "directory that both can use"
            )
        arguments = {**self._arguments, "lock_timeout_s": self._lock_timeout_s, "resume": True}
        return functools.partial(AskTell, self._space, self._scheduler, **arguments), ()

    # -- turns -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Dialogue]:
        """The dialogue, up to date, and nobody else in it; what comes of it is recorded."""
        with self._mutex:
            if self._is_turning:
                raise SpecError(
                    "an AskTell was called by a function that it has called itself, as a "
                    "constraint; such a function may read the run, not change it"
                )
            with self._kept.turn():
                dialogue = self._up_to_date()
                self._is_turning = True
                try:
                    dialogue.settle()
                    self._write(dialogue)
                    yield dialogue
                    self._write(dialogue)
                finally:
                    self._is_turning = False

    def _write(self, dialogue: Dialogue) -> None:
        dialogue.is_half_done = True  # until it is on the disk
        self._kept.write(dialogue.take_unwritten())
        dialogue.is_half_done = False

    def _up_to_date(self) -> Dialogue:
        """The dialogue with what others have recorded; made anew if it was left half done."""
        if self._is_turning:  # read by a function that is called in a turn
            return self._dialogue
        if self._dialogue.is_half_done or self._dialogue.unwritten:
            self._begin_anew()
        dialogue = self._dialogue
        dialogue.is_half_done = True  # until what is read is applied
        dialogue.apply(self._kept.news())
        return dialogue

    def _begin_anew(self) -> None:
        """Forget what was not recorded."""
        for name, given in (("searcher", self._arguments["searcher"]), ("policy", self._scheduler)):
            if not isinstance(given, str):
                raise JournalError(
                    f"an exception has left the {name} {given!r} half told, and an object cannot "
                    "be made anew; make a new one, and with it a new AskTell on the same checkpoint"
                )
        self._kept.rewind()
        self._make()

    # -- arguments -------------------------------------------------------------------------

    @property
    def _rules(self) -> ReportRules:
        return self._setup.rules

    def _checked(self, metrics: Mapping[str, Any], resource: int | None) -> Metrics:
        """A report as plain JSON values."""
        row = plain_metrics(metrics)
        name = self._settings.time_attr
        if resource is not None:
            given = plain_metrics({name: resource})[name]
            if row.setdefault(name, given) != given:
                raise ReportError(
                    f"the report says resource={resource!r} and {name}={row[name]!r}; pass one"
                )
        self._rules.check(row)
        return row

    def _last_report(self, reward: Any) -> Metrics:
        row = self._rules.final_report(reward)
        if row is None:
            names = ", ".join(self._settings.reported_names)
            raise ReportError(f"tell() got reward={reward!r}; pass the reward or a dict: {names}")
        return self._checked(row, None)


def _ending(state: str | None, error: str | BaseException | None) -> tuple[TrialState, str, str]:
    """The state that is told, what went wrong, and the traceback.

    Raises:
        SpecError: There is no such state, or it allows no error.
    """
    text, traceback_text = "" if error is None else str(error), ""
    told = "completed" if error is None else "failed"
    if isinstance(error, BaseException):
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        traceback_text = "".join(traceback.format_exception(error))
        told = "out_of_memory" if isinstance(error, MemoryError) else "failed"
    if state is not None:
        one_of("state", state, _TOLD)
        told = state
    if told == "interrupted" and not text:
        text = "it was taken back"
    if error is not None and told in ("completed", "stopped"):
        raise SpecError(f"tell() got error={error!r} and state={told!r}; leave out one of the two")
    return TrialState(told), text, traceback_text
