"""The settings of a HyperBand search, checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from agcore.checks import finite_number, one_of, truth, whole_number
from agcore.errors import SpecError
from agcore_contrib.otx.bracket import MODES
from agcore_contrib.otx.plan import Geometry


@dataclass(frozen=True, kw_only=True)
class HyperBandSettings:
    """What `HyperBand` was given, as its docstring has it.

    Raises:
        SpecError: A value breaks a rule.
    """

    mode: str
    metric: str
    num_trials: int | None
    num_workers: int
    num_full_iterations: int
    full_dataset_size: int
    expected_time_ratio: float | None
    acceptable_additional_time_ratio: float
    maximum_resource: int | None
    minimum_resource: int | None
    reduction_factor: int
    asynchronous_sha: bool
    asynchronous_bracket: bool
    non_pure_train_ratio: float
    subset_ratio: float | None
    min_subset_size: int
    batch_size_name: str | None
    random_seed: int

    def __post_init__(self) -> None:
        one_of("mode", self.mode, MODES)
        if not isinstance(self.metric, str) or not self.metric:
            raise SpecError(f"metric={self.metric!r} must be the name of a metric")
        for name in ("num_workers", "num_full_iterations"):
            whole_number(name, getattr(self, name))
        for name in ("num_trials", "maximum_resource", "minimum_resource"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name))
        for name in ("full_dataset_size", "min_subset_size", "random_seed"):
            whole_number(name, getattr(self, name), least=0)
        whole_number("reduction_factor", self.reduction_factor, least=2)
        for name in ("asynchronous_sha", "asynchronous_bracket"):
            truth(name, getattr(self, name))
        self._check_ratios()
        if self.maximum_resource is not None and (self.minimum_resource or 0) > (
            self.maximum_resource
        ):
            raise SpecError(
                f"minimum_resource={self.minimum_resource} must not exceed "
                f"maximum_resource={self.maximum_resource}; lower it"
            )

    def _check_ratios(self) -> None:
        ratio = self.expected_time_ratio
        if ratio is not None and finite_number("expected_time_ratio", ratio, "above 0") <= 0:
            raise SpecError(f"expected_time_ratio={ratio!r} must be above 0; 4 is usual")
        name, rule = "acceptable_additional_time_ratio", "a number of at least 1"
        if finite_number(name, self.acceptable_additional_time_ratio, rule) < 1:
            raise SpecError(f"{name}={self.acceptable_additional_time_ratio!r} must be {rule}")
        rule = "a number above 0 and below 1"
        if not 0 < finite_number("non_pure_train_ratio", self.non_pure_train_ratio, rule) < 1:
            raise SpecError(f"non_pure_train_ratio={self.non_pure_train_ratio!r} must be {rule}")
        share, rule = self.subset_ratio, "a number above 0 and at most 1"
        if share is not None and not 0 < finite_number("subset_ratio", share, rule) <= 1:
            raise SpecError(f"subset_ratio={share!r} must be {rule}")

    @property
    def budget(self) -> Fraction | None:
        """Epochs of all trials together, or None without a limit."""
        if self.expected_time_ratio is None:
            return None
        factors = (self.expected_time_ratio, self.acceptable_additional_time_ratio)
        epochs = Fraction(self.num_full_iterations * self.num_workers)
        return epochs * math.prod(Fraction(repr(float(factor))) for factor in factors)

    @property
    def first_resource(self) -> int:
        """Epochs of a trial that is trained in full."""
        return self.maximum_resource or self.num_full_iterations

    @property
    def train_environment(self) -> dict[str, Any]:
        """What every train function is told beside its config."""
        share = self.subset_ratio
        if share is not None and self.full_dataset_size:
            share = max(share, min(1.0, self.min_subset_size / self.full_dataset_size))
        return {"subset_ratio": share}

    def geometry(self, minimum_resource: int, maximum_resource: int) -> Geometry:
        """The brackets for these resources."""
        return Geometry(
            min(minimum_resource, maximum_resource), maximum_resource, self.reduction_factor
        )

    def record(self) -> dict[str, Any]:
        """The settings as JSON values."""
        return asdict(self)
