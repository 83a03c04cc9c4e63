"""What the user says about a time budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agcore.budget.durations import seconds_of
from agcore.checks import finite_number, whole_number
from agcore.errors import SpecError


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """A budget, and what is known or fixed beforehand.

    Attributes:
        budget: Seconds, or text as ``'2h'``.
        epochs: Epochs of every trial, never to be moved; None lets the plan choose.
        seconds_per_epoch: What an epoch on all of the data takes, if that is known; else it is
            measured.
        dataset_size: Number of samples; with it and ``seconds_per_epoch`` the plan may choose a
            subset of them, of at least 500 samples.
        non_pure_train_ratio: Share of an epoch's time that does not shrink with the subset, as
            that of validation.
        subset_ratio: Share of the data that trials train on, never to be moved. Chosen or fixed,
            it reaches the train function's argument ``subset_ratio``; a function without one is
            refused.

    Raises:
        SpecError: A value breaks its rule.
    """

    budget: float | str
    epochs: int | None = None
    seconds_per_epoch: float | None = None
    dataset_size: int | None = None
    non_pure_train_ratio: float = 0.2
    subset_ratio: float | None = None

    def __post_init__(self) -> None:
        seconds_of(self.budget)
        if self.epochs is not None:
            whole_number("epochs", self.epochs)
        if self.seconds_per_epoch is not None:
            positive("seconds_per_epoch", self.seconds_per_epoch)
        if self.dataset_size is not None:
            whole_number("dataset_size", self.dataset_size, 0)
        share("non_pure_train_ratio", self.non_pure_train_ratio, may_be_zero=True)
        if self.subset_ratio is not None:
            share("subset_ratio", self.subset_ratio)

    @classmethod
    def of(cls, value: Any) -> TimeBudget:
        """What ``time_budget=`` was given as one of these."""
        return value if isinstance(value, cls) else cls(value)

    @property
    def seconds(self) -> float:
        """The budget in seconds."""
        return seconds_of(self.budget)


def positive(name: str, value: Any) -> float:
    """``value`` as a float above 0.

    Raises:
        SpecError: It is something else.
    """
    rule = "a positive number"
    number = finite_number(name, value, rule)
    if number <= 0:
        raise SpecError(f"{name}={value!r} must be {rule}")
    return number


def share(name: str, value: Any, *, may_be_zero: bool = False) -> float:
    """``value`` as a float up to 1.

    Raises:
        SpecError: It is something else.
    """
    rule = "a number from 0 to 1" if may_be_zero else "a number above 0 and at most 1"
    number = finite_number(name, value, rule)
    if not 0 <= number <= 1 or (number == 0 and not may_be_zero):
        raise SpecError(f"{name}={value!r} must be {rule}")
    return number
