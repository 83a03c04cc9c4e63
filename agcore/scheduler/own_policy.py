"""A scheduler around a policy that its user has written."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from agcore.checks import one_of
from agcore.errors import SpecError, did_you_mean
from agcore.objectives import Objectives
from agcore.scheduler.facade import TrialScheduler
from agcore.scheduler.feed import RUNG_DATA
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function

if TYPE_CHECKING:
    from agcore.policy import Policy

_TRIAL = "trial"
_MADE_HERE = {"objectives", "scalarization"}
_FOR_KNOWN_POLICIES = {"time_budget"}  # its plans are made of their rungs
_NAMES = {field.name for field in fields(RunOptions)} | {"searcher_data"}
_ARGUMENTS = frozenset(_NAMES - _MADE_HERE - _FOR_KNOWN_POLICIES)


def scheduler_with(train_fn: Any, policy: Policy, **arguments: Any) -> TrialScheduler:
    """A scheduler that does what a policy says.

    Args:
        train_fn: A function decorated with ``@ag.args``.
        policy: Who starts, stops, pauses and promotes trials; for this run only.
        arguments: Those of `FIFOScheduler`, without ``time_budget``; and ``searcher_data``: the
            searcher learns one value a ``'trial'``, the default for a policy without
            ``max_resource``, or from reports at ``'rungs'``, from ``'all'``, or from
            ``'rungs_and_last'``.

    Raises:
        SpecError: An argument breaks its rule, or there is no such argument.
    """
    if not hasattr(policy, "on_report"):
        raise SpecError(
            f"scheduler={policy!r} must be a name, as 'fifo' or 'hbp', or an object with the "
            "methods of agcore.policy.Policy"
        )
    for name in arguments:
        if name not in _ARGUMENTS:
            guess = did_you_mean(name, _ARGUMENTS)
            raise SpecError(f"{name}= is no argument beside a policy{guess}; pass it to the policy")
    data = arguments.pop("searcher_data", _TRIAL if policy.max_resource is None else "rungs")
    one_of("searcher_data", data, (_TRIAL, *RUNG_DATA))
    objectives = Objectives.of(arguments.get("reward_attr"), arguments.get("mode"))
    return TrialScheduler(
        as_train_function(train_fn),
        policy,
        RunOptions(**arguments, objectives=objectives),
        searcher_data=data,
        policy_settings={"policy": type(policy).__name__},
    )
