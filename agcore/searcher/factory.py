"""Searchers by name, and which options belong to which."""

from __future__ import annotations

import inspect
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore.searcher.auto import Pick, pick
from agcore.searcher.base import check_has_rungs, check_no_rungs
from agcore.searcher.grid import GridSearcher
from agcore.searcher.random import RandomSearcher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agcore.searcher.base import BaseSearcher
    from agcore.space import SearchSpace

logger = logging.getLogger(__name__)

SEARCHERS = (
    "random",
    "grid",
    "sobol",
    "evolution",
    "bohb",
    "tpe",
    "bayesopt",
    "hypertune",
    "constrained_bayesopt",
    "skopt",
)

_SCHEDULER_OPTIONS = frozenset({"debug_log"})
"""Options that the scheduler takes out of ``search_options`` for itself."""

_COMMON_OPTIONS = frozenset(
    {
        "random_seed",
        "points_to_evaluate",
        "first_is_default",
        "candidates",
        "constraint",
        "warm_start_from",
    }
)

_MODEL_OPTIONS = frozenset(
    [
        "num_init_random",
        "num_init_candidates",
        "num_fantasy_samples",
        "initial_scoring",
        "acquisition",
        "kappa",
        "kappa_decay",
        "kappa_decay_delay",
        "opt_nstarts",
        "opt_maxiter",
        "opt_warmstart",
        "opt_verbose",
        "opt_skip_init_length",
        "opt_skip_period",
        "opt_skip_num_max_resource",
        "profiler",
        "map_reward",
        "cost_metric_name",
        "elapsed_time_attribute",
        "opt_debug_writer",
        "gp_resource_kernel",
        "resource_acq",
        "resource_acq_bohb_threshold",
        "min_reward",
        "profile",
        "approximation",
        "acceptable_regret",
        "constraint_attr",
        "base_estimator",
        "n_random_starts",
        "n_initial_points",
        "acq_func",
        "acq_optimizer",
        "random_state",
        "model_queue_size",
        "acq_func_kwargs",
        "acq_optimizer_kwargs",
        "population_size",
        "sample_size",
        "mutation_scale",
        "good_fraction",
        "max_good",
        "min_points",
        "random_fraction",
        "num_candidates",
        "bandwidth_factor",
        "min_bandwidth",
        "multivariate",
        "weights",
    ]
)
"""Options of model-based searchers: accepted by all, so that one dict can serve several."""

_LATER = {
    "sobol": ("sobol", "SobolSearcher"),
    "evolution": ("evolution", "RegularizedEvolutionSearcher"),
    "bohb": ("bohb", "BOHBSearcher"),
    "tpe": ("tpe", "TPESearcher"),
    "hypertune": ("hypertune", "HyperTuneSearcher"),
    "constrained_bayesopt": ("gp_constrained", "ConstrainedGPFIFOSearcher"),
    "skopt": ("skopt", "SKoptSearcher"),
}
"""Module and class of searchers that need NumPy or more, by name."""

_NOT_REBUILT = {
    "rl": "searcher='rl' is not part of agcore: its controller needed MXNet and was not worth "
    "its cost; use searcher='random' with a HyperbandScheduler",
}


def searcher_factory(
    name: str,
    configspace: SearchSpace,
    options: Mapping[str, Any] | None = None,
    *,
    reward_attribute: str = "accuracy",
    resource_attribute: str | None = None,
    mode: str = "max",
    max_resource: int | None = None,
    milestones: Sequence[int] = (),
) -> BaseSearcher:
    """The searcher called ``name``.

    Args:
        name: One of `SEARCHERS`, or ``'auto'``: what `pick_searcher` picks.
        configspace: What to search.
        options: ``search_options`` as the user gave them.
        reward_attribute: Key of the reward in reports.
        resource_attribute: Key of the resource in reports.
        mode: ``'max'`` or ``'min'``.
        max_resource: Largest resource of a scheduler with rungs; None under FIFO.
        milestones: Resources at which its decisions fall, for searchers with a model of each.

    Raises:
        SpecError: An unknown name, one that does not go with the scheduler, or an option that
            no searcher knows.
        MissingExtraError: The searcher needs a library that is not installed.
    """
    if name == "auto":
        name = pick_searcher(configspace, options, max_resource=max_resource).name
    kind = _class_of(_known(name), max_resource)
    own = own_options(options or {}, frozenset(_options_of(kind)), name)
    parameters = inspect.signature(kind.__init__).parameters
    if "max_epochs" in parameters:
        own["max_epochs"] = max_resource
    if "rung_levels" in parameters:
        own["rung_levels"] = milestones
    return kind(
        configspace,
        reward_attribute,
        resource_attribute=resource_attribute,
        mode=mode,
        **own,
    )


def pick_searcher(
    configspace: SearchSpace,
    options: Mapping[str, Any] | None = None,
    *,
    num_trials: int | None = None,
    max_resource: int | None = None,
    num_brackets: int = 1,
    explores: bool = False,
) -> Pick:
    """What ``searcher='auto'`` stands for.

    Args:
        configspace: What to search.
        options: ``search_options`` as the user gave them. Those that only the Gaussian process
            knows decide for it.
        num_trials: How many there will be; None if the number is open.
        max_resource: Largest resource of a scheduler with rungs; None under FIFO.
        num_brackets: Of which the scheduler draws by weights that a searcher may learn.
        explores: Whether the scheduler changes configs itself, as population-based training.
    """
    found = pick(
        configspace,
        num_trials=num_trials,
        max_resource=max_resource,
        num_brackets=num_brackets,
        explores=explores,
    )
    unknown = set(options or {}) - _options_of(_class_of(found.name, max_resource))
    if wanted := unknown & _options_of(_class_of("bayesopt", max_resource)):
        return Pick("bayesopt", f"search_options has {', '.join(sorted(wanted))}")
    return found


def _class_of(name: str, max_resource: int | None) -> type[BaseSearcher]:
    """The class behind a name; those with a model are imported when they are asked for."""
    if name in ("constrained_bayesopt", "skopt"):
        check_no_rungs(f"searcher={name!r}", max_resource)
    if name == "hypertune":
        check_has_rungs(f"searcher={name!r}", max_resource)
    if name == "random":
        return RandomSearcher
    if name == "grid":
        return GridSearcher
    if name in _LATER:
        module, kind = _LATER[name]
        return getattr(import_module(f"agcore.searcher.{module}"), kind)  # type: ignore[no-any-return]
    if max_resource is not None:
        from agcore.searcher.gp_multi_fidelity import GPMultiFidelitySearcher

        return GPMultiFidelitySearcher
    from agcore.searcher.gp_fifo import GPFIFOSearcher

    return GPFIFOSearcher


def own_options(options: Mapping[str, Any], own: frozenset[str], name: str) -> dict[str, Any]:
    """Those of ``options`` that a searcher takes; one line says which have no effect on it.

    Args:
        options: ``search_options`` as the user gave them.
        own: Names of the options the searcher takes.
        name: The searcher, for people.

    Raises:
        SpecError: No searcher knows an option.
    """
    known = own | _COMMON_OPTIONS | _MODEL_OPTIONS | _SCHEDULER_OPTIONS
    for key in options:
        if key not in known:
            raise SpecError(
                f"search_options has {key!r}, which no searcher knows{did_you_mean(key, known)}; "
                f"searcher={name!r} takes: {', '.join(sorted(own | _SCHEDULER_OPTIONS))}"
            )
    without_effect = sorted(options.keys() - own - _SCHEDULER_OPTIONS)
    if without_effect:
        logger.warning(
            "search_options %s have no effect with searcher=%r", ", ".join(without_effect), name
        )
    return {key: value for key, value in options.items() if key in own}


def _known(name: str) -> str:
    if name in _NOT_REBUILT:
        raise SpecError(_NOT_REBUILT[name])
    if name not in SEARCHERS:
        raise SpecError(
            f"searcher={name!r} is unknown{did_you_mean(name, SEARCHERS)}; there are: "
            f"{', '.join(SEARCHERS)}, or pass a searcher object"
        )
    return name


def _options_of(kind: type[BaseSearcher]) -> set[str]:
    """Names of the options a searcher takes, read off its constructor."""
    given_by_us = {
        "self",
        "configspace",
        "reward_attribute",
        "resource_attribute",
        "mode",
        "max_epochs",
        "rung_levels",
    }
    return set(inspect.signature(kind.__init__).parameters) - given_by_us
