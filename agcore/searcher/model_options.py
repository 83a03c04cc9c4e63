"""Options of searchers with a surrogate: AutoGluon's names, defaults by profile, checked once."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from agcore import gp
from agcore.checks import finite_number, one_of, truth, whole_number
from agcore.errors import SpecError
from agcore.searcher.candidates import SearchSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

PROFILES = ("default", "classic")
SCORINGS = ("acq_func", "thompson_indep")
MAPPINGS = ("1_minus_x", "minus_x")
ACQUISITIONS = ("ei", "ucb")
DEFAULT_KAPPA = 2.576
"""The 99.5 % quantile of the normal distribution."""
_GROWTH = 20
"""Many observations are fitted to again when one in so many is new: what a fit finds then hardly
changes from one proposal to the next, and costs more than all the rest."""


@dataclass(frozen=True, slots=True)
class MapReward:
    """A criterion to minimise, made of a reward to maximise.

    Attributes:
        forward: From reward to criterion; must be decreasing.
        reverse: Back.
    """

    forward: Callable[[float], float]
    reverse: Callable[[float], float]

    def __post_init__(self) -> None:
        for name in ("forward", "reverse"):
            if not callable(getattr(self, name)):
                raise SpecError(f"{name}={getattr(self, name)!r} must be a function of a number")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """What a searcher with a surrogate may be told; None means as the profile says.

    Attributes:
        profile: ``'default'``: agcore's own choices; ``'classic'``: AutoGluon's.
        num_init_random: Random configs before the surrogate is asked.
        num_init_candidates: Random candidates for each proposal, at least 5.
        num_fantasy_samples: Joint draws at pending configs.
        initial_scoring: What orders candidates: ``'acq_func'`` or ``'thompson_indep'``.
        opt_nstarts: Starting points of a fit of the hyperparameters.
        opt_maxiter: Iterations from each.
        opt_warmstart: Whether a fit begins where the last one ended.
        opt_verbose: Whether to log each fit.
        opt_skip_init_length: As long as there are fewer observations, every proposal refits.
        opt_skip_period: Later only every so many proposals do; None: every one in the classic
            profile, else one whenever a twentieth has been added to the observations.
        map_reward: ``'1_minus_x'``, ``'minus_x'`` or a `MapReward`.
        approximation: ``'auto'`` fits hyperparameters to a subset of many observations, and of very
            many at low rungs leaves some out of the model;
            ``'none'`` always takes all of them.
        acceptable_regret: The search ends when no gain as large as this is expected any more.
        acquisition: ``'ei'``: expected improvement; ``'ucb'``: an upper confidence bound.
        kappa: Standard deviations that ``'ucb'`` adds to the mean, at least 0.
        kappa_decay: Factor of ``kappa`` for each observation after the first
            ``kappa_decay_delay`` ones, in (0, 1].
        kappa_decay_delay: Observations before ``kappa`` begins to shrink.
    """

    profile: str = "default"
    num_init_random: int | None = None
    num_init_candidates: int | None = None
    num_fantasy_samples: int | None = None
    initial_scoring: str | None = None
    opt_nstarts: int | None = None
    opt_maxiter: int | None = None
    opt_warmstart: bool | None = None
    opt_verbose: bool = False
    opt_skip_init_length: int = 150
    opt_skip_period: int | None = None
    map_reward: Union[str, MapReward] = "1_minus_x"
    approximation: str = "auto"
    acceptable_regret: float | None = None
    acquisition: str = "ei"
    kappa: float | None = None
    kappa_decay: float | None = None
    kappa_decay_delay: int | None = None

    def __post_init__(self) -> None:
        one_of("profile", self.profile, PROFILES)
        one_of("approximation", self.approximation, ("auto", "none"))
        if self.initial_scoring is not None:
            one_of("initial_scoring", self.initial_scoring, SCORINGS)
        if not isinstance(self.map_reward, MapReward):
            one_of("map_reward", self.map_reward, MAPPINGS)
        if self.acceptable_regret is not None:
            rule = "a number above 0, in units of the reward"
            if finite_number("acceptable_regret", self.acceptable_regret, rule) <= 0:
                raise SpecError(f"acceptable_regret={self.acceptable_regret!r} must be {rule}")
        self._check_acquisition()
        for name in ("opt_warmstart", "opt_verbose"):
            if getattr(self, name) is not None:
                truth(name, getattr(self, name))
        least = {
            "num_init_random": 0,
            "num_init_candidates": 5,
            "num_fantasy_samples": 1,
            "opt_nstarts": 1,
            "opt_maxiter": 1,
            "opt_skip_init_length": 0,
            "opt_skip_period": 1,
        }
        for name, number in least.items():
            value = getattr(self, name)
            if value is not None:
                whole_number(name, value, number)

    def _check_acquisition(self) -> None:
        one_of("acquisition", self.acquisition, ACQUISITIONS)
        names = ("kappa", "kappa_decay", "kappa_decay_delay")
        given = [name for name in names if getattr(self, name) is not None]
        if given and not self.is_bound:
            raise SpecError(
                f"{given[0]}={getattr(self, given[0])!r} must be left out unless "
                "acquisition='ucb'; pass that too"
            )
        if self.is_bound and self.acceptable_regret is not None:
            raise SpecError(
                f"acceptable_regret={self.acceptable_regret!r} needs an expected improvement, "
                "which acquisition='ucb' does not compute; leave out one of the two"
            )
        if self.kappa is not None:
            rule = "a number of standard deviations, 0 or more"
            if finite_number("kappa", self.kappa, rule) < 0:
                raise SpecError(f"kappa={self.kappa!r} must be {rule}")
        if self.kappa_decay is not None:
            rule = "a factor above 0, at most 1"
            if not 0 < finite_number("kappa_decay", self.kappa_decay, rule) <= 1:
                raise SpecError(f"kappa_decay={self.kappa_decay!r} must be {rule}")
        if self.kappa_decay_delay is not None:
            whole_number("kappa_decay_delay", self.kappa_decay_delay, 0)

    @property
    def is_bound(self) -> bool:
        """Whether an upper confidence bound is maximised."""
        return self.acquisition == "ucb"

    def kappa_after(self, num_observations: int) -> float:
        """Standard deviations in the upper confidence bound of a proposal.

        Args:
            num_observations: That the model has.
        """
        kappa = DEFAULT_KAPPA if self.kappa is None else float(self.kappa)
        decay = 1.0 if self.kappa_decay is None else float(self.kappa_decay)
        return kappa * decay ** max(0, num_observations - (self.kappa_decay_delay or 0))

    @property
    def is_classic(self) -> bool:
        """Whether the profile is the classic one."""
        return self.profile == "classic"

    @property
    def criterion(self) -> MapReward:
        """From rewards to what is minimised."""
        if isinstance(self.map_reward, MapReward):
            return self.map_reward
        if self.map_reward == "minus_x":
            return MapReward(_negated, _negated)
        return MapReward(_one_minus, _one_minus)

    def told(self, why: Mapping[str, Any]) -> dict[str, Any]:
        """What a reader of the journal needs to take a proposal's numbers back to rewards.

        Nothing, where they are as by default: ``1 - reward``, log expected improvement.

        Args:
            why: ``mean``, ``sd`` and, if there is one, ``incumbent`` of the criterion.
        """
        told: dict[str, Any] = {"profile": self.profile} if self.is_classic else {}
        if self.map_reward == "minus_x":
            told["map_reward"] = self.map_reward
        elif isinstance(self.map_reward, MapReward):
            mean, sd = why["mean"], why["sd"]
            values = {"mean": mean, "low": mean + sd, "high": mean - sd}
            if "incumbent" in why:
                values["incumbent"] = why["incumbent"]
            told |= {"map_reward": "own", "rewards": _as_rewards(self.map_reward, values)}
        return told

    def first_random(self, by_profile: Mapping[str, int]) -> int:
        """Random configs before the surrogate is asked."""
        given = self.num_init_random
        return by_profile[self.profile] if given is None else given

    def settings(self, num_inputs: int) -> gp.SurrogateSettings:
        """Priors, boxes and work of the surrogate."""
        return gp.classic() if self.is_classic else gp.default(max(num_inputs, 1))

    def fit_settings(self, chosen: gp.FitSettings) -> gp.FitSettings:
        """Work of a fit: that of the profile but for what the user said."""
        starts = self.opt_nstarts
        return gp.FitSettings(
            num_starts=chosen.num_starts if starts is None else starts,
            num_searches=chosen.num_searches if starts is None else starts,
            max_iterations=self.opt_maxiter or chosen.max_iterations,
            max_evaluations=chosen.max_evaluations,
            tolerance=chosen.tolerance,
            subset_size=None if self.approximation == "none" else chosen.subset_size,
        )

    def is_fit_due(self, num_observations: int, num_fitted: int, num_proposals: int) -> bool:
        """Whether hyperparameters are to be fitted anew.

        Args:
            num_observations: Of now.
            num_fitted: Of the last fit.
            num_proposals: That the last fit has served.
        """
        if num_observations < self.opt_skip_init_length:
            return True
        if self.opt_skip_period is None and not self.is_classic:
            return num_observations - num_fitted >= num_fitted / _GROWTH
        return num_proposals >= (self.opt_skip_period or 1)

    @property
    def is_warm_started(self) -> bool:
        """Whether a fit begins where the last one ended."""
        return not self.is_classic if self.opt_warmstart is None else self.opt_warmstart

    @property
    def scores_by_draws(self) -> bool:
        """Whether candidates are ordered by draws from their marginals."""
        chosen = self.initial_scoring or ("thompson_indep" if self.is_classic else "acq_func")
        return chosen == "thompson_indep"

    @property
    def num_fantasies(self) -> int:
        """Joint draws at pending configs."""
        return self.num_fantasy_samples or 20

    @property
    def search(self) -> SearchSettings:
        """How hard to look for the best config."""
        if self.is_classic:
            return SearchSettings(self.num_init_candidates or 250, 0, 1, keeps_order=True)
        return SearchSettings(self.num_init_candidates or SearchSettings().num_random)


def _negated(reward: float) -> float:
    return -reward


def _one_minus(reward: float) -> float:
    return 1.0 - reward


def _as_rewards(mapping: MapReward, values: Mapping[str, float]) -> dict[str, float]:
    """Values of a criterion as rewards, without those that are the image of no reward."""
    rewards = {}
    for name, value in values.items():
        # What was predicted may lie anywhere: the user's function need not be defined there.
        with contextlib.suppress(ArithmeticError, ValueError, TypeError):
            reward = float(mapping.reverse(value))
            if math.isfinite(reward):
                rewards[name] = reward
    return rewards
