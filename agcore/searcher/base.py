"""What every searcher has in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from agcore.checks import whole_number
from agcore.errors import SpaceExhausted, SpecError
from agcore.records import Observation, Pending, Suggestion, SuggestRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agcore.jobs import Config
    from agcore.space import SearchSpace

DEFAULT_SEED = 31415927


class Searcher(Protocol):
    """What the scheduler's loop needs of a searcher."""

    @property
    def is_replayed_by_exclusion(self) -> bool:
        """Whether a resumed run need not ask it again for what it has proposed before.

        True if a proposal depends on the request, what was observed and what was excluded
        only. Otherwise ``suggest`` is called once more for each recorded proposal.
        """

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

    Raises:
        SpecError: A point is not in the space.
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
    ) -> None:
        if mode not in ("max", "min"):
            raise SpecError(f"mode={mode!r} must be 'max' or 'min'")
        if isinstance(points_to_evaluate, Mapping):
            raise SpecError("points_to_evaluate must be a list of configs; write [{...}]")
        self.configspace = configspace
        self.mode = mode
        self.random_seed = whole_number("random_seed", random_seed, 0)
        self._reward_attribute = reward_attribute
        self._resource_attribute = resource_attribute
        self._sign = 1 if mode == "max" else -1
        self._first: list[tuple[Config, str]] = [
            (configspace.complete(point), "user") for point in points_to_evaluate or ()
        ]
        if first_is_default:
            self._first.append((configspace.get_default_configuration(), "default"))
        self._first.reverse()
        self._known: set[str] = set()
        self._last_key: tuple[Config | None, str] = (None, "")
        self._num_observed = 0
        self._values: dict[str, tuple[float, Config]] = {}
        # Only for use by hand; a scheduler hands in what is pending with each request.
        self._by_hand: dict[str, Pending] = {}
        self._draws_by_hand = 0

    # -- used by a scheduler ---------------------------------------------------------------

    is_replayed_by_exclusion = False
    """Searchers that draw by number alone say True; see `Searcher`."""

    def suggest(self, request: SuggestRequest) -> Suggestion | None:
        """The next config: the given first ones, then what `propose` finds."""
        while self._first:
            config, origin = self._first.pop()
            if not self.is_known(config):
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
        known = self._values.get(key)
        if known is None or observation.reward > known[0]:
            self._values[key] = (observation.reward, observation.config)

    def trial_failed(self, trial_id: int, config: Config) -> None:
        """Learn that a config cannot be evaluated; it is not proposed again, nor the best."""
        self.exclude(config)
        self._values.pop(self._key(config), None)

    def exclude(self, config: Config) -> None:
        """Never propose this config (again)."""
        self._known.add(self._key(config))

    def is_known(self, config: Config) -> bool:
        """Whether a config was proposed or excluded before."""
        return self._key(config) in self._known

    def _key(self, config: Config) -> str:
        # Asked about a config and told to exclude it, we need its key twice in a row.
        last, key = self._last_key
        if last is not config:
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
            raise SpaceExhausted(
                f"all {self.num_known} configs of the space have been proposed; widen the space"
            )
        self._draws_by_hand += 1
        return dict(suggestion.config)

    def register_pending(self, config: Mapping[str, Any], milestone: int | None = None) -> None:
        """Say that a config is being evaluated."""
        complete = self.configspace.complete(config)
        key = self.configspace.key(complete)
        self._known.add(key)
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

    def configure_scheduler(self, scheduler: Any) -> None:
        """Called by a scheduler before it runs; searchers that want to know it override this."""

    def _best(self) -> tuple[float, Config]:
        finite = [v for v in self._values.values() if not math.isnan(v[0])]
        return max(finite, key=lambda value: value[0], default=(-math.inf, {}))

    def get_best_config_reward(self) -> tuple[Config, float]:
        """Both of the above."""
        return self.get_best_config(), self.get_best_reward()

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
        resource = result.get(self._resource_attribute) if self._resource_attribute else None
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
