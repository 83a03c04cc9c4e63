"""What a run was asked to do, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import SpecError

if TYPE_CHECKING:
    from agcore.objectives import Objectives
    from agcore.scheduler.scalarization import Scalarization


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends by itself.

    Attributes:
        num_trials: Trials in total, those of earlier calls of ``run`` counted in; or None.
        time_out: Seconds alive in total; or None.
        may_be_none: Whether the run ends by itself too, without either of them.
    """

    num_trials: int | None = None
    time_out: float | None = None
    may_be_none: bool = False

    def __post_init__(self) -> None:
        if self.num_trials is not None:
            whole_number("num_trials", self.num_trials)
        if self.time_out is not None:
            _seconds("time_out", self.time_out)
        if self.num_trials is None and self.time_out is None and not self.may_be_none:
            raise SpecError(
                "neither num_trials nor time_out is given, so the run would never end; pass "
                "num_trials=, time_out= (seconds), or both"
            )


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How reports are read and what follows from them.

    Attributes:
        reward_attr: Key of the reward in reports.
        time_attr: Key of the resource in reports.
        mode: ``'max'`` or ``'min'``: which rewards are better.
        max_reward: Nothing new starts once a trial has reached it (with ``mode='min'``: has
            come down to it); or None.
        trial_value: ``'best'`` or ``'last'``: which report stands for a trial.
        searcher_data: ``'trial'``, ``'rungs'``, ``'all'`` or ``'rungs_and_last'``: which
            reports the searcher learns from.
        max_failures: Number of failed trials that ends the run; ``'auto'``: the first 5 ended
            trials all failed, or half have failed once 20 have ended; None: never.
        stop_jobs_after_time_out: Whether ``time_out`` ends running trials too.
        delay_get_config: Whether the searcher is asked only when a slot is free.
        training_history_searcher_info: Whether table rows show the size and parameters of
            the searcher's model.
        predict_duration: Whether a trial is not started when it would probably not end
            before ``time_out``.
        trial_time_out: Seconds that a trial may run, all its attempts together; or None.
        max_retries: How often a trial whose process vanished is started again.
        logical_workers: Trials that are alive at once in a deterministic run; None if the run
            is not deterministic.
        seed: Fixes every random number of scheduler and trials.
        objectives: The objectives, if there are several; the reward is then made of them.
        scalarization: How, if the run is for this one number; None if it is for the front.
    """

    reward_attr: str = "accuracy"
    time_attr: str = "epoch"
    mode: str = "max"
    max_reward: float | None = None
    trial_value: str = "best"
    searcher_data: str = "trial"
    max_failures: int | str | None = "auto"
    stop_jobs_after_time_out: bool = True
    delay_get_config: bool = True
    training_history_searcher_info: bool = False
    predict_duration: bool = False
    trial_time_out: float | None = None
    max_retries: int = 0
    logical_workers: int | None = None
    seed: int = 0
    objectives: Objectives | None = None
    scalarization: Scalarization | None = None

    def __post_init__(self) -> None:
        one_of("trial_value", self.trial_value, ("best", "last"))
        one_of("searcher_data", self.searcher_data, ("trial", "rungs", "all", "rungs_and_last"))
        for name in ("reward_attr", "time_attr"):
            value = getattr(self, name)
            if name == "reward_attr" and isinstance(value, (list, tuple)):
                raise SpecError(
                    f"reward_attr={list(value)!r} has several objectives, but this scheduler "
                    "compares trials by one; pass one name, or use FIFOScheduler, "
                    "HyperbandScheduler or MOHyperbandScheduler"
                )
            if not isinstance(value, str) or not value:
                raise SpecError(f"{name}={value!r} must be the name of a reported metric")
        one_of("mode", self.mode, ("max", "min"))
        if self.max_reward is not None:
            finite_number("max_reward", self.max_reward, "a finite number or None")
            if self.objectives is not None:
                raise SpecError(
                    f"max_reward={self.max_reward!r} has no meaning with several objectives; leave "
                    "it out and pass num_trials= or time_out="
                )
        if self.trial_time_out is not None:
            _seconds("trial_time_out", self.trial_time_out)
        whole_number("max_retries", self.max_retries, least=0)
        if self.logical_workers is not None:
            self._check_deterministic()
        limit = self.max_failures
        if not (limit is None or limit == "auto" or (type(limit) is int and limit >= 1)):
            raise SpecError(
                f"max_failures={limit!r} must be 'auto', None (never give up) or an integer of "
                "at least 1"
            )

    def _check_deterministic(self) -> None:
        """Refuse what would make a deterministic run depend on a clock.

        Raises:
            SpecError: Something does.
        """
        whole_number("logical_workers", self.logical_workers)
        by_clock = {
            "trial_time_out": self.trial_time_out is not None,
            "predict_duration": self.predict_duration,
            "delay_get_config=False": not self.delay_get_config,
        }
        for name, is_given in by_clock.items():
            if is_given:
                raise SpecError(
                    f"{name} makes a run depend on how fast it is, which deterministic=True rules "
                    "out; leave out one of the two (time_out= is fine: it cuts the run short)"
                )

    @property
    def sign(self) -> int:
        """1 if the user's reward is maximised, -1 if it is minimised."""
        return 1 if self.mode == "max" else -1

    @property
    def has_best(self) -> bool:
        """Whether one number says which trial is the best."""
        return self.objectives is None or self.scalarization is not None

    @property
    def reported_names(self) -> tuple[str, ...]:
        """Keys of what every report must hold, besides the resource."""
        return (self.reward_attr,) if self.objectives is None else self.objectives.names

    def described(self) -> dict[str, Any]:
        """The settings as JSON values; those of several objectives only if there are any."""
        described = {
            name: getattr(self, name)
            for name in type(self).__slots__
            if name not in ("objectives", "scalarization")
        }
        if self.objectives is not None:
            described["objectives"] = self.objectives.described()
        if self.scalarization is not None:
            described["scalarization"] = self.scalarization.described()
        return described

    def is_enough(self, reward: float) -> bool:
        """Whether a (maximised) reward reaches ``max_reward``."""
        return self.max_reward is not None and reward >= self.sign * self.max_reward

    def gives_up(self, num_failures: int, num_tried: int) -> bool:
        """Whether so many failures among the trials that have ended or paused end the run."""
        if self.max_failures is None:
            return False
        if isinstance(self.max_failures, int):
            return num_failures >= self.max_failures
        all_of_first = num_tried >= 5 and num_failures == num_tried
        return all_of_first or (num_tried >= 20 and 2 * num_failures >= num_tried)


def _seconds(name: str, value: Any) -> None:
    rule = "a positive number of seconds"
    if finite_number(name, value, rule) <= 0:
        raise SpecError(f"{name}={value!r} must be {rule}")
