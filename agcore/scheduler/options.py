"""The arguments that all schedulers share, and what is built from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.budget import TimeBudget
from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError
from agcore.executor.inline import InlineExecutor
from agcore.executor.resources import TrialResources, gpu_ids
from agcore.executor.virtual_order import VirtualOrder
from agcore.objectives import SCALARIZATION
from agcore.scheduler.settings import RunSettings
from agcore.searcher.base import DEFAULT_SEED, BaseSearcher

if TYPE_CHECKING:
    import os

    from agcore.callbacks import Callback
    from agcore.executor.base import Executor
    from agcore.jobs import Config
    from agcore.objectives import Objectives
    from agcore.scheduler.scalarization import Scalarization
    from agcore.train_fn import TrainFunction


LOGICAL_WORKERS = 8
"""Logical workers of a deterministic run by default: no number of this machine."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Arguments of a scheduler that do not depend on its policy; see `FIFOScheduler`."""

    args: Any = None
    resource: Mapping[str, Any] | None = None
    searcher: Any = "random"
    search_options: Mapping[str, Any] | None = None
    num_trials: int | None = None
    time_out: float | None = None
    max_reward: float | None = None
    reward_attr: str | Sequence[str] = "accuracy"
    time_attr: str = "epoch"
    mode: str | Sequence[str] | Mapping[str, str] = "max"
    trial_value: str = "best"
    max_failures: int | str | None = "auto"
    stop_jobs_after_time_out: bool = True
    delay_get_config: bool = True
    training_history_callback: Callable[..., Any] | None = None
    training_history_callback_delta_secs: int = 60
    training_history_searcher_info: bool = False
    checkpoint: str | os.PathLike[str] | None = None
    resume: bool | str = False
    executor: Any = "local"
    num_workers: int | None = None
    isolation: str = "auto"
    callbacks: Sequence[Callback] = ()
    progress: bool | None = None
    predict_duration: bool = False
    trial_time_out: float | None = None
    max_retries: int = 0
    max_checkpoint_gb: float | None = None
    deterministic: bool = False
    logical_workers: int | None = None
    objectives: Objectives | None = None
    scalarization: Scalarization | None = None
    time_budget: Any = None

    def __post_init__(self) -> None:
        if self.resume not in (True, False, "auto"):
            raise SpecError(f"resume={self.resume!r} must be True, False or 'auto'")
        self._check_workers()
        if self.time_budget is not None:
            self._check_budget()
        if self.max_checkpoint_gb is not None:
            rule = "a positive number of gigabytes"
            if finite_number("max_checkpoint_gb", self.max_checkpoint_gb, rule) <= 0:
                raise SpecError(f"max_checkpoint_gb={self.max_checkpoint_gb!r} must be {rule}")
        for name in ("search_options", "resource"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, Mapping):
                raise SpecError(f"{name}={value!r} must be a dict")
        for callback in self.callbacks:
            if not hasattr(callback, "on_event"):
                raise SpecError(f"callbacks has {callback!r}; derive it from ag.callbacks.Callback")

    def _check_workers(self) -> None:
        """Refuse numbers of workers that are none, or belong to another kind of run.

        Raises:
            SpecError: One does.
        """
        if self.num_workers is not None:
            whole_number("num_workers", self.num_workers)
        if self.logical_workers is not None and not self.deterministic:
            raise SpecError(
                f"logical_workers={self.logical_workers!r} needs deterministic=True; for the "
                "number of trials at once pass num_workers="
            )

    def _check_budget(self) -> None:
        """Refuse what a time budget does not go together with.

        Raises:
            SpecError: Something does not.
        """
        given = f"time_budget={self.time_budget!r}"
        TimeBudget.of(self.time_budget)
        if self.time_out is not None:
            raise SpecError(
                f"{given} and time_out={self.time_out!r} are two limits of the same time; pass one "
                "of them: time_budget= plans for its end, time_out= only cuts the run off"
            )
        if self.deterministic:
            raise SpecError(
                f"{given} makes a run depend on how fast it is, which deterministic=True rules "
                "out; leave out one of the two (time_out= is fine: it cuts the run short)"
            )
        if not self.stop_jobs_after_time_out:
            raise SpecError(
                f"{given} is kept by ending what runs at the deadline, which "
                "stop_jobs_after_time_out=False forbids; leave that out, or pass time_out="
            )

    @property
    def budget(self) -> TimeBudget | None:
        """The time budget, None without one."""
        return None if self.time_budget is None else TimeBudget.of(self.time_budget)

    @property
    def limit_s(self) -> float | None:
        """Seconds after which the run ends, by budget or ``time_out``."""
        return self.time_out if self.budget is None else self.budget.seconds

    @property
    def runs_elsewhere(self) -> bool:
        """Whether the executor only stands for trials that somebody else runs and reports on."""
        return bool(getattr(self.executor, "runs_elsewhere", False))

    @property
    def random_seed(self) -> int:
        """The seed of the experiment: the searcher's."""
        seed = (self.search_options or {}).get("random_seed")
        return DEFAULT_SEED if seed is None else seed

    @property
    def constraint(self) -> Callable[[Config], Any] | None:
        """What configs have to keep: the searcher's constraint, None without one."""
        if isinstance(self.searcher, BaseSearcher):
            return self.searcher.constraint
        constraint: Callable[[Config], Any] | None = (self.search_options or {}).get("constraint")
        return constraint

    @property
    def debug_log(self) -> bool:
        """Whether decisions are to be shown on the screen."""
        return bool((self.search_options or {}).get("debug_log", False))

    @property
    def num_logical_workers(self) -> int | None:
        """Trials alive at once in a deterministic run; None if the run is not to be one."""
        if not self.deterministic:
            return None
        return LOGICAL_WORKERS if self.logical_workers is None else self.logical_workers

    @property
    def resources(self) -> TrialResources:
        """What each trial gets, checked."""
        return TrialResources.parse(self.resource)

    def settings(self, searcher_data: str) -> RunSettings:
        """Those of the options that say how reports are read and what follows from them.

        Raises:
            SpecError: One breaks its rule.
        """
        # What is several without objectives= is refused by the settings.
        reward_attr: Any = self.reward_attr if self.objectives is None else SCALARIZATION
        mode: Any = self.mode if self.objectives is None else "max"
        return RunSettings(
            reward_attr=reward_attr,
            time_attr=self.time_attr,
            mode=mode,
            max_reward=self.max_reward,
            trial_value=self.trial_value,
            searcher_data=searcher_data,
            max_failures=self.max_failures,
            stop_jobs_after_time_out=self.stop_jobs_after_time_out,
            delay_get_config=self.delay_get_config,
            training_history_searcher_info=self.training_history_searcher_info,
            predict_duration=self.predict_duration,
            trial_time_out=self.trial_time_out,
            max_retries=self.max_retries,
            logical_workers=self.num_logical_workers,
            seed=self.random_seed,
            objectives=self.objectives,
            scalarization=self.scalarization,
        )

    def make_executor(self, train_fn: TrainFunction) -> Executor:
        """A new executor by name, or the object the user gave; in virtual order if wanted.

        Args:
            train_fn: What ``'simulated'`` plays.

        Raises:
            SpecError: There is no such executor, the resources do not exist, or ``train_fn``
                cannot be played.
        """
        logical_workers = self.num_logical_workers
        if logical_workers is None:
            return self._make_executor(train_fn, self.num_workers)
        whole_number("logical_workers", logical_workers)
        if self.executor == "simulated" or hasattr(self.executor, "clock"):
            raise SpecError(
                "deterministic=True orders the reports of real workers, but this executor has a "
                "time of its own; leave it out: a simulated run is the same every time"
            )
        workers = self._make_executor(train_fn, self.num_workers).slots
        executor = self._make_executor(train_fn, logical_workers)
        if executor.slots < logical_workers:
            raise SpecError(
                f"logical_workers={logical_workers} trials are alive at once, but the executor "
                f"has room for {executor.slots}; pass logical_workers={executor.slots} or less"
            )
        return VirtualOrder(executor, logical_workers, workers)

    def _make_executor(self, train_fn: TrainFunction, num_workers: int | None) -> Executor:
        if self.executor in ("local", "inline") and train_fn.yields:
            raise SpecError(
                f"{train_fn.__name__} yields, so calling it runs nothing; pass "
                "executor='simulated' to have it played, or write reporter(...) in the place of "
                "yield"
            )
        if self.executor == "local":
            from agcore.executor.local import LocalExecutor

            return LocalExecutor(self.resources, num_workers, isolation=self.isolation)
        if self.executor == "inline":
            self.resources.check_gpus(gpu_ids())
            return InlineExecutor()
        if self.executor == "simulated":
            from agcore.executor.simulated import SIMULATED_WORKERS, SimulatedExecutor

            workers = SIMULATED_WORKERS if num_workers is None else num_workers
            return SimulatedExecutor(train_fn, workers)
        if hasattr(self.executor, "submit"):
            executor: Executor = self.executor
            return executor
        raise SpecError(
            f"executor={self.executor!r} must be 'local' (worker processes), 'inline' (this "
            "process, for debugging), 'simulated' (a train function that yields its curve) or an "
            "object with the methods of agcore.executor.base.Executor, as "
            "agcore.executor.simulated.SimulatedExecutor(curves)"
        )
