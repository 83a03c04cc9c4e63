"""What a search was asked to do, checked, planned, and written down for all its processes."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from agcore.checks import one_of, truth
from agcore.errors import JournalError, SpecError
from agcore_contrib.hpopt.arguments import between, image_size, number, whole, whole_or_none
from agcore_contrib.hpopt.batch_bounds import BatchBounds
from agcore_contrib.hpopt.plan import Plan, Task, Tournament, Wishes, asha_plan, smbo_plan
from agcore_contrib.spaces import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Mapping

SMBO_NAMES = ("baye_opt", "bayes_opt", "smbo")
ALGORITHMS = (*SMBO_NAMES, "asha")
MODES = ("max", "min")
EARLY_STOPS = (None, "median_stop")

_COMPARED = {
    "search_algorithm": "search_alg",
    "spaces": "search_space",
    "metric": "metric",
    "mode": "mode",
    "subset_ratio": "subset_ratio",
    "image_resize": "image_resize",
    "full_dataset_size": "full_dataset_size",
    "batch_size_name": "batch_size_name",
}
_COMPARED_OF_SMBO = {
    "early_stop": "early_stop",
    "max_iterations": "max_iterations",
    "num_init_trials": "num_init_trials",
    "kappa": "kappa",
    "kappa_decay": "kappa_decay",
    "kappa_decay_delay": "kappa_decay_delay",
}
_COMPARED_OF_ASHA = {
    "reduction_factor": "reduction_factor",
    "max_iterations": "max_iterations",
    "min_iterations": "min_iterations",
    "num_brackets": "num_brackets",
}
"""Settings that a search must keep when it is resumed, and the arguments they come from."""


@dataclass(frozen=True, slots=True)
class HpoSettings:
    """A search, as all its processes know it.

    Attributes:
        search_algorithm: ``'smbo'`` or ``'asha'``.
        spaces: Of the hyperparameters, in the form that `SearchSpace` reads.
        metric: Name of the score; recorded and compared.
        mode: ``'max'`` or ``'min'``.
        full_dataset_size: Samples of the training data; 0 if unknown.
        num_trials: Trials in total; those that ran out of memory are not counted.
        max_iterations: Epochs of a trial.
        subset_ratio: Share of the data.
        num_epochs: Epochs that all trials together are expected to take.
        budget_epochs: Epochs that they may take; None without a budget.
        image_resize: Width and height; zeros leave images as they are.
        early_stop: None or ``'median_stop'``.
        num_init_trials: Random trials before the model is asked; they are never stopped early.
        kappa: As for the searcher, like the two that follow.
        min_iterations: Epochs of the first rung.
        reduction_factor: One in so many goes on at each rung.
        num_brackets: Sets of rungs.
        batch_size_name: The hyperparameter that is lowered when memory runs out, or None.
        default_hyper_parameters: Configs to be tried first.
        random_seed: Of the configs.
        run_id: Tells a search from another one in the same folder.
    """

    search_algorithm: str
    spaces: Mapping[str, Any]
    metric: str
    mode: str
    full_dataset_size: int
    num_trials: int
    max_iterations: int
    subset_ratio: float
    num_epochs: int
    budget_epochs: int | None
    image_resize: tuple[int, int]
    early_stop: str | None
    num_init_trials: int
    kappa: float
    kappa_decay: float
    kappa_decay_delay: int
    min_iterations: int
    reduction_factor: int
    num_brackets: int
    batch_size_name: str | None
    default_hyper_parameters: tuple[Mapping[str, Any], ...]
    random_seed: int
    run_id: str

    @property
    def is_asha(self) -> bool:
        """Whether trials compete at rungs."""
        return self.search_algorithm == "asha"

    @property
    def has_rungs(self) -> bool:
        """Whether there are at least two milestones."""
        return self.is_asha and self.min_iterations < self.max_iterations

    @property
    def tournament(self) -> Tournament:
        """The rungs."""
        return Tournament(self.min_iterations, self.reduction_factor, self.num_brackets)

    def space(self) -> SearchSpace:
        """The spaces of the hyperparameters."""
        return SearchSpace(self.spaces)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {**asdict(self), "spaces": dict(self.spaces)}

    @classmethod
    def from_json(cls, record: Any, where: str) -> HpoSettings:
        """What `to_json` gave.

        Raises:
            JournalError: It is something else; ``where`` says what was read.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(record, dict) or names != record.keys():
            raise JournalError(f"{where} holds no settings of a search; begin a new one")
        width, height = record["image_resize"]
        return cls(
            **{
                **record,
                "image_resize": (width, height),
                "default_hyper_parameters": tuple(record["default_hyper_parameters"]),
            }
        )

    def check_resumes(self, before: HpoSettings) -> None:
        """Check that a search goes on with what it began with.

        Args:
            before: What it began with.

        Raises:
            SpecError: The algorithm, the space, the metric, the mode or another setting differs.
        """
        compared = dict(_COMPARED)
        if before.search_algorithm == self.search_algorithm:
            compared |= _COMPARED_OF_ASHA if self.is_asha else _COMPARED_OF_SMBO
        old, new = _through_json(before), _through_json(self)
        differing = [
            f"{argument} was {old[name]!r} and is {new[name]!r}"
            for name, argument in compared.items()
            if old[name] != new[name]
        ]
        if differing:
            raise SpecError(
                f"resume=True, but this is another search: {'; '.join(differing)}; pass what it "
                "began with, or another save_path (a subset_ratio or max_iterations that is not "
                "set follows from expected_time_ratio)"
            )


def _through_json(settings: HpoSettings) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(json.dumps(settings.to_json()))
    return record


def checked_settings(space: SearchSpace, arguments: Mapping[str, Any]) -> HpoSettings:
    """Check what `create` got, and plan what it left open.

    Args:
        space: Of the hyperparameters.
        arguments: The others of `create` by name.

    Raises:
        ArgumentTypeError: An argument has the wrong type.
        SpecError: An argument is out of range, or the budget holds no search.
    """
    given = dict(arguments)
    one_of("search_alg", given["search_alg"], ALGORITHMS)
    one_of("mode", given["mode"], MODES)
    is_asha = given["search_alg"] == "asha"
    early_stop = None if given["early_stop"] == "None" else given["early_stop"]
    if early_stop not in EARLY_STOPS:
        raise SpecError(f"early_stop={early_stop!r} must be None or 'median_stop'")
    truth("resume", given["resume"])
    task, wishes = _task(space, given), _wishes(given)
    tournament = _tournament(given, wishes)
    if is_asha:
        plan = asha_plan(task, wishes, tournament)
        if tournament.min_iterations > plan.max_iterations:
            raise SpecError(
                f"min_iterations={tournament.min_iterations} must be at most max_iterations="
                f"{plan.max_iterations}; lower it"
            )
    else:
        plan = smbo_plan(task, wishes)
    if given["batch_size_name"] is not None:
        BatchBounds(space, given["batch_size_name"])
    kappa, decay, delay = _kappa(given)
    return HpoSettings(
        search_algorithm="asha" if is_asha else "smbo",
        spaces=space.description(),
        metric=str(given["metric"]),
        mode=given["mode"],
        full_dataset_size=task.num_samples,
        num_trials=plan.num_trials,
        max_iterations=plan.max_iterations,
        subset_ratio=plan.subset_ratio,
        num_epochs=plan.num_epochs,
        budget_epochs=_budget_epochs(task, wishes, plan, is_asha=is_asha),
        image_resize=image_size(given["image_resize"]),
        early_stop=None if is_asha else early_stop,
        num_init_trials=_num_init_trials(given),
        kappa=kappa,
        kappa_decay=decay,
        kappa_decay_delay=delay,
        min_iterations=tournament.min_iterations,
        reduction_factor=tournament.reduction_factor,
        num_brackets=tournament.num_brackets,
        batch_size_name=given["batch_size_name"],
        default_hyper_parameters=_defaults(space, given["default_hyper_parameters"]),
        random_seed=whole("random_seed", given["random_seed"], 0),
        run_id=uuid.uuid4().hex,
    )


def _task(space: SearchSpace, given: Mapping[str, Any]) -> Task:
    ratio = number("expected_time_ratio", given["expected_time_ratio"], "a number above 1")
    if ratio <= 0:
        raise SpecError(f"expected_time_ratio={ratio!r} must be a number above 1")
    return Task(
        num_samples=whole("full_dataset_size", given["full_dataset_size"], 0),
        num_epochs=whole("num_full_iterations", given["num_full_iterations"]),
        num_parameters=len(space),
        time_ratio=ratio,
        fixed_ratio=between(
            "non_pure_train_ratio", given["non_pure_train_ratio"], is_one_allowed=False
        ),
        num_workers=whole("num_workers", given["num_workers"]),
    )


def _wishes(given: Mapping[str, Any]) -> Wishes:
    ratio = given["subset_ratio"]
    return Wishes(
        whole_or_none("num_trials", given["num_trials"]),
        whole_or_none("max_iterations", given["max_iterations"]),
        None if ratio is None else between("subset_ratio", ratio, is_one_allowed=True),
    )


def _tournament(given: Mapping[str, Any], wishes: Wishes) -> Tournament:
    least = whole_or_none("min_iterations", given["min_iterations"]) or 1
    factor = whole("reduction_factor", given["reduction_factor"], 2)
    brackets = whole_or_none("num_brackets", given["num_brackets"])
    if brackets is None:
        brackets = 1
        if wishes.is_complete and wishes.max_iterations is not None:
            while least * factor**brackets <= wishes.max_iterations:  # as many as there are rungs
                brackets += 1
    return Tournament(least, factor, brackets)


def _num_init_trials(given: Mapping[str, Any]) -> int:
    alias, count = given["num_init_trial"], given["num_init_trials"]
    if alias is None:
        return whole("num_init_trials", 5 if count is None else count)
    if count is not None and count != alias:
        raise SpecError(
            f"num_init_trial={alias!r} and num_init_trials={count!r} are two names of the same "
            "setting; pass one"
        )
    return whole("num_init_trial", alias)


def _kappa(given: Mapping[str, Any]) -> tuple[float, float, int]:
    kappa = number("kappa", given["kappa"], "a number of standard deviations, 0 or more")
    if kappa < 0:
        raise SpecError(f"kappa={kappa!r} must be a number of standard deviations, 0 or more")
    decay = number("kappa_decay", given["kappa_decay"], "a factor above 0")
    if decay <= 0:
        raise SpecError(f"kappa_decay={decay!r} must be a factor above 0; 1 keeps kappa as it is")
    # A factor above 1 has no effect, as in hpopt: kappa never grows.
    return kappa, min(decay, 1.0), whole("kappa_decay_delay", given["kappa_decay_delay"], 0)


def _budget_epochs(task: Task, wishes: Wishes, plan: Plan, *, is_asha: bool) -> int | None:
    if wishes.is_complete:
        return None
    workers = task.num_workers if is_asha else 1
    return task.budget_epochs(plan.subset_ratio, workers)


def _defaults(space: SearchSpace, given: Any) -> tuple[Mapping[str, Any], ...]:
    """The configs to be tried first, checked to lie in the space."""
    if given is None:
        return ()
    configs = [given] if not isinstance(given, (list, tuple)) else given
    for config in configs:
        space.check_config(config, "default_hyper_parameters")
        if space.agcore_config(config) is None:
            raise SpecError(
                f"default_hyper_parameters has {dict(config)!r}, which lies outside the search "
                "space; move the values into their ranges, or widen these"
            )
    return tuple(dict(config) for config in configs)
