"""An adapter to scikit-optimize, for comparison with its models."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from agcore.encoding import Encoding
from agcore.errors import MissingExtraError
from agcore.records import Suggestion
from agcore.searcher.base import DEFAULT_SEED, BaseSearcher, check_no_rungs
from agcore.searcher.draws import RandomDraws
from agcore.searcher.listed import ListedConfigs
from agcore.searcher.model_data import Case, ModelData

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agcore.jobs import Config
    from agcore.records import Observation, SuggestRequest
    from agcore.space import SearchSpace

logger = logging.getLogger("agcore")


class SKoptSearcher(BaseSearcher):
    """Proposals of ``skopt.Optimizer`` over the encoded config; minus the reward is minimised.

    For each proposal the optimizer is made anew from all values and the number of the proposal:
    it has no other state, so a run can be resumed.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        resource_attribute: Key of the resource there; not used.
        mode: ``'max'`` or ``'min'``.
        random_seed: Fixes every proposal.
        points_to_evaluate: Configs to propose first.
        first_is_default: Whether to propose the default config first.
        candidates: Propose these configs only: of each proposal the nearest one that remains.
        constraint: Only configs for which it returns true are proposed.
        warm_start_from: An earlier run to learn from.
        base_estimator: This and what follows goes to ``skopt.Optimizer`` as it is.
        n_random_starts: As there.
        n_initial_points: As there.
        acq_func: As there.
        acq_optimizer: As there.
        random_state: As there; by default made of ``random_seed``.
        model_queue_size: As there.
        acq_func_kwargs: As there.
        acq_optimizer_kwargs: As there.

    Raises:
        MissingExtraError: scikit-optimize is not installed.
    """

    is_replayed_by_exclusion = True

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
        base_estimator: Any = "GP",
        n_random_starts: int | None = None,
        n_initial_points: int = 10,
        acq_func: str = "gp_hedge",
        acq_optimizer: str = "auto",
        random_state: int | None = None,
        model_queue_size: int | None = None,
        acq_func_kwargs: Mapping[str, Any] | None = None,
        acq_optimizer_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import skopt
        except ImportError as error:
            raise MissingExtraError("searcher='skopt'", "skopt") from error
        self._optimizer_class = skopt.Optimizer
        self._arguments = {
            "base_estimator": base_estimator,
            "n_random_starts": n_random_starts,
            "n_initial_points": n_initial_points,
            "acq_func": acq_func,
            "acq_optimizer": acq_optimizer,
            "model_queue_size": model_queue_size,
            "acq_func_kwargs": acq_func_kwargs,
            "acq_optimizer_kwargs": acq_optimizer_kwargs,
        }
        self._random_state = random_state
        self._encoding = Encoding(configspace)
        self._data = ModelData(self._encoding.num_columns)
        super().__init__(
            configspace,
            reward_attribute,
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
        )
        if configspace.has_priors:
            logger.warning("searcher='skopt' makes no use of the priors of the search space")
        self._listed: ListedConfigs | None = None
        if self.candidates is not None:
            self._listed = ListedConfigs(self._encoding, self.candidates, self.may_propose)
        self._draws = RandomDraws(configspace, random_seed, self.may_propose, self.candidates)

    def check_rungs(self, max_resource: int | None) -> None:
        """It serves schedulers without rungs."""
        check_no_rungs(type(self).__name__, max_resource)

    def observe(self, observation: Observation) -> None:
        """Learn a value; what diverged is left out."""
        super().observe(observation)
        trial_id, config = observation.trial_id, observation.config
        if math.isnan(observation.reward):
            self._data.drop_provisional(trial_id)
            return
        case = Case(trial_id, self._key(config), observation.resource)
        row = self._encoding.encode(config)
        self._data.add(case, row, -observation.reward, provisional=observation.provisional)

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """What scikit-optimize asks for; if it may not be proposed, a random config."""
        if self.is_exhausted:
            return None
        why: dict[str, Any] = {"observations": len(self._data)}
        config = self._asked(request, why) if self._encoding.num_columns else None
        if config is not None and self.may_propose(config):
            listed = {} if self.candidates is None else {"candidates": len(self.candidates)}
            return Suggestion(config, "model", {**why, **listed})
        if config is not None:
            why["in_vain"] = 1
        config = self._draws.draw(request.draw)
        return None if config is None else Suggestion(config, "random", why)

    def _asked(self, request: SuggestRequest, why: dict[str, Any]) -> Config | None:
        """What scikit-optimize proposes, None if it cannot; ``why`` is told how it went."""
        import numpy as np

        seed = self.random_seed if self._random_state is None else self._random_state
        state = int(np.random.default_rng([seed, request.draw]).integers(2**31))
        given = {key: value for key, value in self._arguments.items() if value is not None}
        cube = [(0.0, 1.0)] * self._encoding.num_columns
        optimizer = self._optimizer_class(cube, random_state=state, **given)
        if len(self._data):
            try:
                optimizer.tell(self._data.X.tolist(), self._data.y.tolist())
            except ValueError as error:  # it cannot model rewards of 1e300
                logger.warning("no proposal by scikit-optimize: %s; a random config instead", error)
                why["refused"] = str(error)
                return None
        if not optimizer.models:
            why["without_model"] = True
        row = np.clip(np.array(optimizer.ask(), float), 0.0, 1.0)
        if self._listed is None:
            return self._encoding.decode(row)
        return self._listed.nearest_to_row(row)
