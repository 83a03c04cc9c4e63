"""What every searcher has in common."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agcore.checks import whole_number
from agcore.errors import SpaceExhausted, SpecError
from agcore.records import Observation, Pending, Suggestion, SuggestRequest
from agcore.searcher.earlier_runs import observations_of
from agcore.space.base import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from agcore.jobs import Config
    from agcore.space import SearchSpace

DEFAULT_SEED = 31415927


class Searcher(Protocol):
    """What the scheduler's loop needs of a searcher."""

    @property
    def is_replayed_by_exclusion(self) -> bool:
        """Whether a resumed run need not ask it again for what it has proposed before.

        True if a proposal depends only on the request, on what was observed, excluded and
        recalled. Otherwise ``suggest`` is called once more for each recorded proposal.
        """

    def recall(self, suggestion: Suggestion) -> None:
        """Take note of a proposal of an earlier session."""

    def suggest(self, request: SuggestRequest) -> Suggestion | None:
        """A config to evaluate, or None if there is none left."""

    def observe(self, observation: Observation) -> None:
        """Learn a value."""

    def trial_failed(self, trial_id: int, config: Config) -> None:
        """Learn that a config cannot be evaluated; it is not to be proposed again."""

    def exclude(self, config: Config) -> None:
        """Learn that a config is evaluated on somebody else's initiative."""

    def dataset_size(self) -> int:
        """Number of values learnt."""

    def model_parameters(self) -> dict[str, float]:
        """Parameters of the surrogate by name; empty without one."""


class BaseSearcher:
    """Initial configs, duplicates and the classic methods, once for all searchers.

    A searcher of your own needs one method: `propose`. Used by a scheduler, `suggest` and
    `observe` are called; used by hand, `get_config` and `update`.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        resource_attribute: Key of the resource there, if there is one.
        mode: ``'max'`` or ``'min'``: what is better.
        random_seed: Fixes every proposal.
        points_to_evaluate: Configs to propose first; missing parameters take their default.
        first_is_default: Propose the default config before any other of the searcher's own.
        candidates: Propose these configs only, each once; missing parameters take their default.
        constraint: Called with a config; only those for which it returns true are proposed.
        warm_start_from: An earlier run to learn from: its directory, its history, or a scheduler.
            Trials that are not in this space are left out.

    Raises:
        SpecError: A point is not in the space or not among the candidates.
        JournalError: The earlier run cannot be read.
    """

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        resource_attribute: str | None = None,
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = True,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
    ) -> None:
        if mode not in ("max", "min"):
            raise SpecError(f"mode={mode!r} must be 'max' or 'min'")
        if points_to_evaluate is not None and (
            isinstance(points_to_evaluate, (Mapping, str))
            or not isinstance(points_to_evaluate, Sequence)
        ):
            raise SpecError(
                f"points_to_evaluate={points_to_evaluate!r} must be a list of configs; write "
                "[{...}]"
            )
        self.configspace = configspace
        self.mode = mode
        self.random_seed = whole_number("random_seed", random_seed, 0)
        self._reward_attribute = reward_attribute
        self._resource_attribute = resource_attribute
        self._sign = 1 if mode == "max" else -1
        self._known: dict[str, str] = {}  # keys by themselves: equal ones are kept once
        self._last_key: tuple[Config | None, str] = (None, "")
        self.constraint = _checked_constraint(constraint)
        # By identity, since all candidates may be asked about at each draw; with the config, since
        # an identity may be another object's in a copy of the searcher.
        self._keys_of_candidates: dict[int, tuple[Config, str]] = {}
        self.candidates = self._distinct(candidates)
        self._first = self._first_configs(points_to_evaluate or (), first_is_default)
        self._num_observed = 0
        self._values: dict[str, tuple[float, Config]] = {}
        # Only for use by hand; a scheduler hands in what is pending with each request.
        self._by_hand: dict[str, Pending] = {}
        self._draws_by_hand = 0
        if warm_start_from is not None:
            self._learn_from(warm_start_from)

    def _distinct(self, configs: Sequence[Mapping[str, Any]] | None) -> list[Config] | None:
        """Complete configs, each once."""
        if configs is None:
            return None
        if isinstance(configs, (Mapping, str)) or not isinstance(configs, Sequence) or not configs:
            raise SpecError(f"candidates={configs!r} must be a list of configs, at least one")
        complete = [self.configspace.complete(config) for config in configs]
        distinct = {self.configspace.key(config): config for config in complete}
        self._keys_of_candidates = {id(config): (config, key) for key, config in distinct.items()}
        return list(distinct.values())

    def _first_configs(
        self, points: Sequence[Mapping[str, Any]], first_is_default: bool
    ) -> list[tuple[Config, str]]:
        """What to propose before anything else, the first at the end."""
        allowed = None
        if self.candidates is not None:
            allowed = {self._key(config) for config in self.candidates}
        first = [(self.configspace.complete(point), "user") for point in points]
        for config, _ in first:
            if allowed is not None and self._key(config) not in allowed:
                raise SpecError(
                    f"points_to_evaluate has {config!r}, which is not one of the candidates; add "
                    "it to candidates="
                )
        default = self.configspace.get_default_configuration()
        if first_is_default and (allowed is None or self._key(default) in allowed):
            first.append((default, "default"))
        return first[::-1]

    def _learn_from(self, source: Any) -> None:
        """Observe what an earlier run has found; its configs may be proposed again."""
        for observation in observations_of(
            source, self.configspace, whole_curves=self._models_curves
        ):
            self.observe(observation)

    _models_curves = False  # or one value a trial

    # -- used by a scheduler ---------------------------------------------------------------

    is_replayed_by_exclusion = False
    """Searchers that draw by number alone say True; see `Searcher`."""

    def suggest(self, request: SuggestRequest) -> Suggestion | None:
        """The next config: the given first ones, then what `propose` finds."""
        while self._first:
            config, origin = self._first.pop()
            if self.may_propose(config):
                self.exclude(config)
                return Suggestion(config, origin)
        suggestion = self.propose(request)
        if suggestion is not None:
            self.exclude(suggestion.config)
        return suggestion

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """A config that was not proposed before, or None if there is none left."""
        raise NotImplementedError(f"{type(self).__name__} must define propose()")

    def observe(self, observation: Observation) -> None:
        """Learn a value. Searchers with a model extend this."""
        self._num_observed += 1
        key = self._key(observation.config)
        key = self._known.get(key, key)
        known = self._values.get(key)
        if known is None or math.isnan(known[0]) or observation.reward > known[0]:
            self._values[key] = (observation.reward, observation.config)

    def trial_failed(self, trial_id: int, config: Config) -> None:
        """Learn that a config cannot be evaluated; it is not proposed again, nor the best."""
        self.exclude(config)
        self._values.pop(self._key(config), None)

    def exclude(self, config: Config) -> None:
        """Never propose this config (again)."""
        key = self._key(config)
        self._known[key] = key

    def recall(self, suggestion: Suggestion) -> None:
        """Take note of a proposal of an earlier session, as if it had been made now.

        Only called if `is_replayed_by_exclusion`. Searchers whose proposals depend on more than
        what was observed and excluded find it in ``suggestion.why``.
        """
        self.exclude(suggestion.config)

    def may_propose(self, config: Config) -> bool:
        """Whether a config is new and keeps the constraint."""
        if self.is_known(config):
            return False
        return self.constraint is None or bool(self.constraint(dict(config)))

    @property
    def is_exhausted(self) -> bool:
        """Whether every config that there is was proposed or excluded."""
        size = self.configspace.size
        if self.candidates is not None:
            return all(map(self.is_known, self.candidates))
        return size is not None and self.num_known >= size

    def is_known(self, config: Config) -> bool:
        """Whether a config was proposed or excluded before."""
        return self._key(config) in self._known

    def _key(self, config: Config) -> str:
        # Asked about a config and told to exclude it, we need its key twice in a row.
        last, key = self._last_key
        if last is config:
            return key
        candidate, key = self._keys_of_candidates.get(id(config), (None, ""))
        if candidate is not config:
            key = self.configspace.key(config)
        self._last_key = (config, key)
        return key

    @property
    def num_known(self) -> int:
        """Number of configs proposed or excluded so far."""
        return len(self._known)

    def dataset_size(self) -> int:
        """Number of values learnt."""
        return self._num_observed

    def model_parameters(self) -> dict[str, float]:
        """Parameters of the surrogate by name; empty without one."""
        return {}

    # -- used by hand ----------------------------------------------------------------------

    def get_config(self, **_: Any) -> Config:
        """The next config to evaluate.

        Raises:
            SpaceExhausted: There is none left.
        """
        request = SuggestRequest(self._draws_by_hand, tuple(self._by_hand.values()))
        suggestion = self.suggest(request)
        if suggestion is None:
            raise SpaceExhausted(self._why_nothing_is_left())
        self._draws_by_hand += 1
        return dict(suggestion.config)

    def _why_nothing_is_left(self) -> str:
        return f"all {self.num_known} configs of the space have been proposed; widen the space"

    def register_pending(self, config: Mapping[str, Any], milestone: int | None = None) -> None:
        """Say that a config is being evaluated."""
        complete = self.configspace.complete(config)
        key = self.configspace.key(complete)
        self._known[key] = key
        self._by_hand[key] = Pending(len(self._by_hand), complete, milestone)

    def update(self, config: Mapping[str, Any], **result: Any) -> None:
        """Say what a config has achieved.

        Raises:
            SpecError: The result has no reward, or the config is not in the space.
        """
        self._learn(config, result, provisional=False)

    def remove_case(self, config: Mapping[str, Any], **result: Any) -> None:
        """Take a result back. Searchers without a model have nothing to take back."""
        self.configspace.complete(config)

    def evaluation_failed(self, config: Mapping[str, Any], **_: Any) -> None:
        """Say that a config cannot be evaluated; it is not proposed again."""
        complete = self.configspace.complete(config)
        self._by_hand.pop(self.configspace.key(complete), None)
        self.trial_failed(-1, complete)

    def get_best_config(self) -> Config:
        """The config with the best reward learnt; empty without any."""
        return dict(self._best()[1])

    def get_best_reward(self) -> float:
        """The best reward learnt, with the user's sign; minus infinity without any."""
        return self._sign * self._best()[0]

    def get_reward(self, config: Mapping[str, Any]) -> float:
        """The best reward of a config, with the user's sign; minus infinity if unknown."""
        key = self.configspace.key(self.configspace.complete(config))
        return self._sign * self._values.get(key, (-math.inf, {}))[0]

    def check_rungs(self, max_resource: int | None) -> None:
        """Check that it can serve a scheduler.

        Args:
            max_resource: The scheduler's largest resource if it has rungs, else None.

        Raises:
            SpecError: It cannot.
        """

    def configure_scheduler(self, scheduler: Any) -> None:
        """Called by a scheduler before it runs; searchers that want to know it override this."""

    def _best(self) -> tuple[float, Config]:
        finite = [v for v in self._values.values() if not math.isnan(v[0])]
        return max(finite, key=lambda value: value[0], default=(-math.inf, {}))

    def get_best_config_reward(self) -> tuple[Config, float]:
        """Both of the above."""
        return self.get_best_config(), self.get_best_reward()

    def _resource_in(self, result: Mapping[str, Any]) -> int | None:
        """The resource of a result given by hand, or None if it has none."""
        name = self._resource_attribute
        if name is None or result.get(name) is None:
            return None
        return whole_number(name, plain(result[name]))

    def _learn(
        self, config: Mapping[str, Any], result: Mapping[str, Any], *, provisional: bool
    ) -> None:
        complete = self.configspace.complete(config)
        if self._reward_attribute not in result:
            raise SpecError(
                f"update() needs {self._reward_attribute}=..., got: {', '.join(result)}; pass "
                "reward_attribute= to the searcher if it has another name"
            )
        reward = self._sign * float(result[self._reward_attribute])
        resource = self._resource_in(result)
        self._by_hand.pop(self.configspace.key(complete), None)
        self.exclude(complete)
        self.observe(
            Observation(
                trial_id=-1,
                config=complete,
                resource=resource,
                reward=reward if math.isfinite(reward) else math.nan,
                provisional=provisional,
                metrics=result,
            )
        )


def check_no_rungs(kind: str, max_resource: int | None) -> None:
    """Check for a searcher that models one value a trial.

    Args:
        kind: The searcher, for people.
        max_resource: Largest resource of a scheduler with rungs, else None.

    Raises:
        SpecError: There are rungs.
    """
    if max_resource is not None:
        raise SpecError(
            f"{kind} models one value a trial and goes with a FIFOScheduler only; use "
            "searcher='bayesopt' or a GPMultiFidelitySearcher under Hyperband"
        )


def check_has_rungs(kind: str, max_resource: int | None) -> None:
    """Check for a searcher that models values at several resources.

    Args:
        kind: The searcher, for people.
        max_resource: Largest resource of a scheduler with rungs, else None.

    Raises:
        SpecError: There are no rungs.
    """
    if max_resource is None:
        raise SpecError(
            f"{kind} models values at several resources and goes with a scheduler with rungs "
            "only, as HyperbandScheduler; use searcher='bayesopt' without"
        )


def check_max_epochs(kind: str, max_epochs: int, max_resource: int | None) -> None:
    """Check that a searcher was made for the rungs it is to serve.

    Args:
        kind: The searcher, for people.
        max_epochs: What it was made with.
        max_resource: Largest resource of the scheduler.

    Raises:
        SpecError: They differ.
    """
    if max_resource != max_epochs:
        raise SpecError(
            f"{kind} has max_epochs={max_epochs} and the scheduler max_t={max_resource}; give "
            "both the same"
        )


def _checked_constraint(constraint: Any) -> Callable[[Config], Any] | None:
    if constraint is not None and not callable(constraint):
        raise SpecError(f"constraint={constraint!r} must be a function of a config")
    return constraint  # type: ignore[no-any-return]
