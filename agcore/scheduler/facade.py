"""What all schedulers offer: run, read the history, find the best."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.callbacks import Callback, HistoryCallback, Progress, RunView
from agcore.callbacks.screens import can_be_live
from agcore.errors import AgcoreError, JournalError, SpecError
from agcore.executor.base import TrialTask
from agcore.executor.inline import InlineExecutor
from agcore.executor.logs import log_tail
from agcore.executor.surroundings import is_loading
from agcore.executor.virtual_order import VirtualOrder
from agcore.history import BestTrial, RunHistory
from agcore.journal import SCHEMA, Journal, NoJournal, event_to_json, events_from_state
from agcore.records import RunEnded, RunStarted
from agcore.reporter import ReportRules
from agcore.run_directory import RunDirectory, write_json
from agcore.running_time import RunningTime
from agcore.scheduler.automatic import picked_for
from agcore.scheduler.budgets import described_budget, make_budget, subset_of
from agcore.scheduler.checkpoints import CheckpointKeeper
from agcore.scheduler.clock import SystemClock
from agcore.scheduler.debug_log import decisions_shown
from agcore.scheduler.descriptions import (
    describe_arguments,
    describe_options,
    fingerprint,
    of_journal,
    refused,
    versions,
)
from agcore.scheduler.feed import SearcherFeed
from agcore.scheduler.loop import TrialLoop
from agcore.scheduler.opening import opening
from agcore.scheduler.parts import Parts
from agcore.scheduler.proposals import Proposals
from agcore.scheduler.refit import RefitResult, check_arguments, refit, trial_of
from agcore.scheduler.replay import Replay
from agcore.scheduler.results import RunResults
from agcore.scheduler.settings import Limits
from agcore.scheduler.setup import RunSetup
from agcore.scheduler.storage import NoStorage, RunStorage, Storage
from agcore.searcher import as_searcher, own_options, searcher_factory
from agcore.train_fn import ArgsBuilder, TrainFunction, args as make_args
from agcore.trial_folders import TrialFolders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agcore.budget import Plan
    from agcore.executor.base import Executor
    from agcore.jobs import Config
    from agcore.policy import Policy
    from agcore.records import Event
    from agcore.scheduler.clock import Clock
    from agcore.scheduler.exploring import Explorer
    from agcore.scheduler.options import RunOptions
    from agcore.scheduler.starts import Launch
    from agcore.scheduler.task import Task
    from agcore.searcher import Searcher
    from agcore.trade_offs import ParetoPoint

logger = logging.getLogger("agcore")


class TrialScheduler(RunResults):
    """Runs trials of one train function under a policy.

    Subclasses translate their public arguments into a policy and `RunOptions`; everything
    else is here.
    """

    def __init__(
        self,
        train_fn: TrainFunction,
        policy: Policy,
        options: RunOptions,
        *,
        searcher_data: str = "trial",
        policy_settings: Mapping[str, Any] | None = None,
        explorer: Explorer | None = None,
        ends_by_itself: bool = False,
    ) -> None:
        self.train_fn = train_fn
        self._policy = policy
        self._policy_settings = dict(policy_settings or {})
        self._options = options
        given_args = train_fn.args if options.args is None else options.args
        self._subset = subset_of(options, train_fn, given_args)
        self._base_args = self._subset.arguments
        self._builder = ArgsBuilder(self._base_args, train_fn.cs)
        self._explorer = explorer
        may_be_none = ends_by_itself or options.runs_elsewhere
        self._limits = Limits(options.num_trials, options.limit_s, may_be_none)
        self._settings = options.settings(searcher_data)
        history = RunHistory(
            self._settings.sign,
            options.trial_value,
            marks_brackets=policy.max_resource is not None,
        )
        super().__init__(history, self._settings)
        self._pick = picked_for(options, train_fn.cs, policy, explores=explorer is not None)
        self._searcher = self._make_searcher()
        given = options.searcher
        self.searcher: Any = self._searcher if isinstance(given, str) else given
        self._proposals = Proposals(self._searcher, train_fn.cs)
        self._feed = SearcherFeed(self._searcher, searcher_data, self._history)
        self._executor: Executor = options.make_executor(train_fn)
        # An executor with a time of its own, as a simulated one, brings its clock.
        self._clock: Clock = getattr(self._executor, "clock", None) or SystemClock()
        self._budget = make_budget(
            options, train_fn, policy, self._executor.slots, self._history, self._subset
        )
        self._again: list[Launch] = []
        self._storage = self._open_storage()
        self._checkpoints = self._make_keeper()
        self._alive_s = 0.0
        self._catch_up()
        self._history_callback = self._make_history_callback()

    def _make_searcher(self) -> Searcher:
        options, space = self._options, self.train_fn.cs
        if not isinstance(options.searcher, str):
            name = type(options.searcher).__name__
            # The seed is the experiment's: that of its trials, if not of this searcher.
            own_options(options.search_options or {}, frozenset({"random_seed"}), name)
            return as_searcher(
                options.searcher,
                space,
                mode=self._settings.mode,
                max_resource=self._policy.max_resource,
            )
        return searcher_factory(
            self._searcher_name(),
            space,
            options.search_options,
            reward_attribute=self._settings.reward_attr,
            resource_attribute=options.time_attr,
            mode=self._settings.mode,
            max_resource=self._policy.max_resource,
            milestones=self._policy.milestones,
        )

    def _make_history_callback(self) -> list[Callback]:
        function = self._options.training_history_callback
        if function is None:
            return []
        delta = self._options.training_history_callback_delta_secs
        return [HistoryCallback(function, delta, self.state_dict)]

    # -- running ---------------------------------------------------------------------------

    def run(self, num_trials: int | None = None, time_out: float | None = None) -> None:
        """Run trials until a limit is reached; returns when every trial has ended.

        It may be called again, with more trials or time, and goes on where it was.

        Args:
            num_trials: Trials in total; by default what the scheduler was made with.
            time_out: Seconds in total; by default what the scheduler was made with.

        Raises:
            TrialFailed: Too many trials failed (``max_failures``), or all did.
            KeyboardInterrupt: Ctrl-C. No process is left, and the history can be read.
        """
        if is_loading():
            raise SpecError(
                "run() was called while a worker process imports the module of the train "
                "function; put the call below: if __name__ == '__main__':"
            )
        limits = self._limits_of_this_run(num_trials, time_out)
        configure = getattr(self.searcher, "configure_scheduler", None)
        with decisions_shown(self._options.debug_log):
            if callable(configure):
                configure(self)
            self._run(limits)

    def _run(self, limits: Limits) -> None:
        callbacks = [*self._options.callbacks, *self._history_callback, *self._progress()]
        with self._storage.session() as journal:
            again, self._again = self._again, []
            self._checkpoints.restore()
            loop = TrialLoop(self._parts(journal), self._settings, callbacks, self._alive_s, again)
            self._announce(limits, callbacks, journal)
            reason = "an exception"
            try:
                reason = loop.run(self._task(), limits)
            except KeyboardInterrupt:
                reason = "Ctrl-C"
                raise
            except AgcoreError as error:
                reason = type(error).__name__
                raise
            finally:
                self._alive_s = loop.alive_s
                self._tell_cost_of_order()
                self._again = loop.unfinished
                self._record(RunEnded(self._clock.now_s(), reason), journal)
                _tell_all(callbacks, reason)

    def _tell_cost_of_order(self) -> None:
        executor = self._executor
        if isinstance(executor, VirtualOrder) and executor.worker_s:
            logger.warning(
                "deterministic run of %d logical workers: workers waited %.1f s of %.1f s (%.0f%%) "
                "for their turn",
                executor.slots,
                executor.idle_s,
                executor.worker_s,
                100 * executor.idle_s / executor.worker_s,
            )

    def _limits_of_this_run(self, num_trials: int | None, time_out: float | None) -> Limits:
        """The limits given now before those given at first."""
        seconds = self._limits.time_out if time_out is None else time_out
        is_used_up = seconds is not None and self._alive_s >= seconds
        if time_out is None and num_trials is not None and is_used_up:
            logger.info(
                "time_out=%g is used up: only num_trials=%d counts now", seconds, num_trials
            )
            seconds = None
        trials = self._limits.num_trials if num_trials is None else num_trials
        return Limits(trials, seconds, self._limits.may_be_none)

    def _record(self, event: Event, journal: Journal) -> None:
        self._history.apply(event)
        journal.append(event)

    def _open_storage(self) -> Storage:
        """The run directory, if there is to be one."""
        options = self._options
        if options.runs_elsewhere:
            return NoStorage()  # who drives the run keeps it, too
        if options.checkpoint is None:
            if options.resume:
                raise SpecError("resume= needs checkpoint=, the directory of the run to continue")
            return NoStorage()
        if not os.fspath(options.checkpoint):
            raise SpecError(
                "checkpoint='' must be the name of a directory, or None to keep nothing"
            )
        if options.resume is True and not Path(options.checkpoint).exists():
            raise JournalError(
                f"resume=True, but there is no directory {str(options.checkpoint)!r}; pass "
                "resume='auto' to continue a run only if there is one"
            )
        return RunStorage(RunDirectory.make(options.checkpoint), self._description())

    def _make_keeper(self) -> CheckpointKeeper:
        limit = self._options.max_checkpoint_gb
        return CheckpointKeeper(
            self._storage.folders,
            self._history,
            self._settings.max_retries,
            None if limit is None else limit * 1e9,
        )

    def _catch_up(self) -> None:
        """Go to where the run in the run directory is, if there is one to continue."""
        storage = self._storage
        if isinstance(storage, RunStorage) and storage.begin(self._options.resume):
            storage.missing = self._replay(storage.events(self.train_fn.cs))

    def _replay(self, events: Iterable[Event]) -> list[Event]:
        """Apply the events of an earlier session; those that it lacks."""
        replay = Replay(self._parts(NoJournal()), self._settings)
        replay.apply_all(events)
        # An executor with a time of its own takes it from the record.
        replay_times = getattr(self._executor, "replay", None)
        if replay_times is not None:
            replay_times(self._history.events)
        self._again = replay.launches
        self._alive_s = RunningTime(self._history.events).total_s
        return replay.missing

    def _description(self) -> dict[str, Any]:
        """What ``run.json`` says; what differs when a run is continued is judged by it."""
        return {
            "scheduler": {
                "class": type(self).__name__,
                **self._policy_settings,
                **described_budget(self._options.budget),
                **self._settings.described(),
                "searcher": self._searcher_name(),
                "search_options": describe_options(self._options.search_options),
            },
            "space": self.train_fn.cs.describe(),
            "train_function": fingerprint(self.train_fn.f),
            **({} if self._played is None else {"simulated": {"curves": self._played}}),
            "arguments": describe_arguments(self._base_args),
            "versions": versions(),
        }

    def _parts(self, journal: Journal) -> Parts:
        return Parts(
            policy=self._policy,
            searcher=self._searcher,
            proposals=self._proposals,
            feed=self._feed,
            executor=self._executor,
            history=self._history,
            journal=journal,
            clock=self._clock,
            checkpoints=self._checkpoints,
            rewards=self._rewards,
            explorer=self._explorer,
            budget=self._budget,
        )

    def setup(self) -> RunSetup:
        """What the run is made of, for whoever drives it in the place of `run`."""
        return RunSetup(
            self._parts(NoJournal()),
            self._settings,
            self._rules(),
            self.train_fn.cs,
            self._described_settings(self._limits),
            self._description(),
        )

    def _rules(self) -> ReportRules:
        policy, objectives = self._policy, self._settings.objectives
        return ReportRules(
            self._settings.reward_attr,
            self._settings.time_attr,
            resource_required=policy.max_resource is not None,
            final_resource=policy.max_resource,
            objectives=() if objectives is None else objectives.names,
        )

    def _task(self) -> TrialTask:
        return TrialTask(self.train_fn, self._builder, self._rules(), self._storage.folders)

    def _announce(self, limits: Limits, callbacks: list[Callback], journal: Journal) -> None:
        event = opening(
            self._history,
            self._clock.now_s(),
            seed=self._settings.seed,
            settings=self._described_settings(limits),
            space=self.train_fn.cs,
            limits=limits,
        )
        self._record(event, journal)
        view = RunView(
            self._history,
            self._executor.slots,
            limits.num_trials,
            limits.time_out,
            self._settings.reward_attr,
            self._settings.time_attr,
            f"{type(self).__name__}, {self._searcher_name()}",
            self._remarks(),
            is_budget=self._budget is not None,
        )
        for remark in view.remarks:
            logger.info("%s", remark)
        for callback in callbacks:
            callback.on_start(view)

    def _progress(self) -> list[Callback]:
        """A progress display: if asked for, or where it disturbs nobody."""
        wanted = self._options.progress
        if wanted is None:
            # A debugger's prompt, or the lines of decisions, would be drawn over; and a run in
            # which time jumps is over before anybody has read a line.
            disturbs = self._options.debug_log or isinstance(self._executor, InlineExecutor)
            wanted = not disturbs and not self._clock.jumps and can_be_live()
        return [Progress()] if wanted else []

    def _searcher_name(self) -> str:
        given = self._options.searcher
        if self._pick is not None:
            return self._pick.name
        return given if isinstance(given, str) else type(given).__name__

    def _remarks(self) -> tuple[str, ...]:
        """What to tell people when the run begins."""
        pick, played = self._pick, self._played
        remarks = [] if pick is None else [f"searcher='auto': {pick.name}, because {pick.why}"]
        if played is not None:
            remarks.append(f"simulated with the curves of {played}")
        return tuple(remarks)

    @property
    def _played(self) -> str | None:
        """Whose curves a simulated run plays, in words; None if its trials are real."""
        return getattr(self._executor, "played", None)

    def _described_settings(self, limits: Limits) -> dict[str, Any]:
        return {
            "scheduler": type(self).__name__,
            "searcher": self._searcher_name(),
            "num_trials": limits.num_trials,
            "time_out": limits.time_out,
            **({} if self._pick is None else {"picked_because": self._pick.why}),
            **({} if self._played is None else {"simulated": self._played}),
            **described_budget(self._options.budget),
            **self._settings.described(),
        }

    def join_jobs(self, timeout: float | None = None) -> None:
        """Return at once: `run` returns when every trial has ended. For old scripts."""

    def join_tasks(self) -> None:
        """Return at once, as `join_jobs`."""

    def enqueue(self, config: Mapping[str, Any]) -> Config:
        """Have a config tried before the searcher is asked again.

        Args:
            config: Whole or in part; missing parameters take their default.

        Returns:
            The complete config.

        Raises:
            SpecError: It is not in the search space.
        """
        return self._proposals.enqueue(config)

    def refit(
        self,
        best: BestTrial | ParetoPoint | int | str | None = None,
        *,
        args: Mapping[str, Any] | None = None,
    ) -> RefitResult:
        """Train the best config on, in this process, from the checkpoint of its best report.

        The run itself stays as it is. New checkpoints go to ``refit/`` in the run directory;
        without one trials' checkpoints have gone with the run, so training starts over.

        Args:
            best: The trial, as `best` or `get_pareto_front` gives it, or its id; by default the
                best one. With several objectives it must be given, and the checkpoint is that of
                the trial's report with the best ``_SCALARIZATION``.
            args: Values to put in the place of the function's own, as ``{'epochs': 100}``.

        Returns:
            What the function returned and reported, and its last checkpoint.

        Raises:
            AgcoreError: There is no such trial, or no best one.
            SpecError: ``args`` names what the function does not have, or what is searched.
            Exception: Whatever the train function raises.
        """
        wanted = self.get_best_task_id() if best is None else best
        trial = trial_of(wanted, self._history)
        trial_id = trial.trial_id
        folders = self._storage.folders
        folder = None
        if not folders.is_temporary:
            folder = TrialFolders(folders.root.parent / "refit").checkpoints(trial_id)
        self._checkpoints.look()
        task = self._task()
        if args is not None:
            check_arguments(args, self._base_args, self.train_fn.cs)
            base = {**self._base_args, **args}
            task = replace(task, builder=ArgsBuilder(base, self.train_fn.cs))
        return refit(task, trial, self._settings.seed, self._checkpoints.best(trial), folder)

    def run_with_config(self, config: Mapping[str, Any]) -> Any:
        """What the train function returns for one config, run in this process, unrecorded."""
        return self.train_fn(self._options.args, config)

    def run_job(self, task: Task) -> Any:
        """What a task's function returns, run in this process, unrecorded."""
        function = task.fn if isinstance(task.fn, TrainFunction) else make_args()(task.fn)
        given = task.args if isinstance(task.args, Mapping) else vars(task.args)
        return function({**function.args, **given})

    # -- reading ---------------------------------------------------------------------------

    @property
    def plan(self) -> Plan | None:
        """What the time budget is to be used for from now on; ``print`` it. None without one.

        Before the run has begun there is none either.
        """
        if self._budget is None:
            return None
        self._budget.look()
        return self._budget.plan

    @property
    def slots(self) -> int:
        """Number of trials that run at once."""
        return self._executor.slots

    @property
    def metadata(self) -> dict[str, Any]:
        """What was searched, how, until when, and with which resources."""
        resources = self._options.resources
        return {
            "search_space": self.train_fn.kwspaces,
            "search_strategy": self._options.searcher,
            "stop_criterion": {
                "time_limits": self._limits.time_out,
                "max_reward": self._settings.max_reward,
            },
            "resources_per_trial": {
                "num_cpus": resources.num_cpus,
                "num_gpus": resources.num_gpus,
            },
        }

    def log(self, trial_id: int) -> list[str]:
        """The last 200 lines a trial has printed, stdout and stderr together."""
        folders = self._storage.folders
        if not folders.is_temporary:
            return log_tail(folders.log(int(trial_id)))
        return self._executor.log(int(trial_id))

    def log_file(self, trial_id: int) -> Path | None:
        """The file with all that a trial has printed; None without a run directory."""
        folders = self._storage.folders
        return None if folders.is_temporary else folders.log(int(trial_id))

    def state_dict(self) -> dict[str, Any]:
        """The run as JSON-serialisable values: schema, settings and events."""
        return {
            "schema": SCHEMA,
            "settings": self._described_settings(self._limits),
            "events": [event_to_json(event) for event in self._history.events],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the scheduler was that gave `state_dict`; only before the first `run`.

        Raises:
            JournalError: The state is damaged, of a later version, or of another run.
            SpecError: This scheduler has run already.
        """
        if self._history.events:
            raise SpecError("load_state_dict needs a scheduler that has not run; make a new one")
        events = list(events_from_state(state))
        if events and isinstance(events[0], RunStarted):
            now = self._description()
            changed = refused(of_journal(events[0], now), now, may_widen=False)
            if changed:
                raise JournalError(
                    f"the state is that of another run: {'; '.join(changed)}. Make the scheduler "
                    "as it was made then"
                )
        self._replay(events)
        if isinstance(self._storage, RunStorage):
            self._storage.missing = list(self._history.events)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `state_dict` as JSON to a file, in one piece.

        Raises:
            JournalError: It cannot be written.
        """
        write_json(Path(path), self.state_dict())

    def __repr__(self) -> str:
        resources, slots = self._options.resources, self._executor.slots
        at_once = f"{slots} trials at once with {resources.num_cpus} CPUs and "
        at_once += f"{resources.num_gpus:g} GPUs each"
        if self._played is not None:
            at_once = f"{slots} trials at once, simulated with the curves of {self._played}"
        return (
            f"{type(self).__name__}({self.train_fn!r}, searcher={self._searcher_name()!r}, "
            f"{at_once})"
        )


def _tell_all(callbacks: list[Callback], reason: str) -> None:
    """Tell every callback that the run is over, also if one of them raises."""
    for callback in callbacks:
        try:
            callback.on_end(reason)
        except Exception as error:  # noqa: BLE001 - the others must hear, and the cause is elsewhere
            logger.warning("%r raised %r at the end of the run", callback, error)
