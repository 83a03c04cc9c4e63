"""Bayesian optimisation over config and resource: ``searcher='bayesopt'`` under Hyperband.

Asynchronous BOHB, also called MOBSTER: one Gaussian process models all rungs together, so that
what cheap rungs say about a config counts at dear ones.

Improvement is expected at one resource, which most configs never reach: they are stopped below it,
or wait. The model stays unsure of their values there, however well it knows them at lower rungs,
and hopes for improvement at the same places again and again, where the scheduler stops each trial
as it stopped the one before. So the default profile believes what it expects of these configs: it
takes its means for their values at that resource. What it expects elsewhere stays the same, and it
hopes for less close to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agcore import gp
from agcore.checks import finite_number, one_of, truth, whole_number
from agcore.errors import SpecError
from agcore.searcher.base import DEFAULT_SEED, check_max_epochs
from agcore.searcher.candidates import AtResource
from agcore.searcher.model_based import ModelBasedSearcher, View
from agcore.searcher.model_options import MapReward, ModelOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.records import Pending, SuggestRequest
    from agcore.searcher.surrogate import Surrogate
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]
    Rows = NDArray[np.int64]

_NUM_INIT_RANDOM = {"default": 5, "classic": 10}
_ENOUGH_PER_COLUMN = {"default": 2, "classic": 1}
_MOST_ROWS = 512
_MOST_BELIEVED = 128
RESOURCE_ACQUISITIONS = ("bohb", "first")


class GPMultiFidelitySearcher(ModelBasedSearcher):
    """A Gaussian process over configs and resources, for Hyperband of either type.

    At the resource where it expects improvement, its means are taken for the values of configs
    that were stopped or wait below; not in the classic profile.

    Args:
        configspace: What to search: ``train_fn.cs``.
        reward_attribute: Key of the reward in the results given to `update`.
        max_epochs: Largest resource; a `HyperbandScheduler` gives its ``max_t``.
        resource_attribute: Key of the resource in the results.
        mode: ``'max'`` or ``'min'``.
        random_seed: Fixes every proposal.
        gp_resource_kernel: How values at several resources belong together: ``'matern52'``,
            ``'matern52-res-warp'``, ``'exp-decay-sum'``, ``'exp-decay-combined'`` or
            ``'exp-decay-delta1'``.
        resource_acq: The resource at which improvement is expected: ``'bohb'``: the largest with
            enough observations, ``'first'``: that of the new trial's first decision.
        resource_acq_bohb_threshold: How many are enough; by default twice the columns of an encoded
            config, as many as there are columns in the classic profile.
        min_reward: Smallest reward there is, for the scale of the exponential kernels in the
            classic profile.
        opt_skip_num_max_resource: Whether, past ``opt_skip_init_length``, only a new observation
            at the largest resource leads to a refit.
        points_to_evaluate: Configs to propose first.
        first_is_default: Whether to propose the default config before random ones.
        candidates: Propose these configs only; each proposal scores all that remain.
        constraint: Only configs for which it returns true are proposed.
        warm_start_from: An earlier run to learn from.
        profile: ``'default'``, or ``'classic'`` for the algorithm and defaults of AutoGluon.
        num_init_random: Random configs before the model is asked; 5 by default, 10 in the classic
            profile.
        num_init_candidates: Random candidates for each proposal; 250 by default.
        num_fantasy_samples: Joint draws at pending configs; 20 by default.
        initial_scoring: What orders candidates: ``'acq_func'`` or ``'thompson_indep'``.
        opt_nstarts: Starting points of a fit.
        opt_maxiter: Iterations of a fit from each.
        opt_warmstart: Whether a fit begins where the last one ended.
        opt_verbose: Whether to log each fit.
        opt_skip_init_length: With fewer observations every proposal refits.
        opt_skip_period: Later only every so many proposals refit; by default one does whenever a
            twentieth has been added to the observations.
        map_reward: How rewards become a criterion: ``'1_minus_x'``, ``'minus_x'`` or a
            `MapReward`.
        approximation: ``'none'`` fits to all observations and models all of them, however many.
        acceptable_regret: If given, no more configs are proposed after three in a row from which
            the model expects a smaller gain than this at the largest resource; off by default.

    Raises:
        SpecError: An option breaks its rule.

    Source: Klein et al. (2020), "Model-based Asynchronous Hyperparameter and Neural Architecture
    Search", https://arxiv.org/abs/2003.10865; Falkner et al. (2018), "BOHB"; for beliefs see
    `agcore.gp.Posterior.believe`.
    """

    _models_curves = True

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str = "accuracy",
        *,
        max_epochs: int,
        resource_attribute: str | None = "epoch",
        mode: str = "max",
        random_seed: int = DEFAULT_SEED,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        first_is_default: bool = True,
        candidates: Sequence[Mapping[str, Any]] | None = None,
        constraint: Callable[[Config], Any] | None = None,
        warm_start_from: Any = None,
        profile: str = "default",
        num_init_random: int | None = None,
        num_init_candidates: int | None = None,
        num_fantasy_samples: int | None = None,
        initial_scoring: str | None = None,
        opt_nstarts: int | None = None,
        opt_maxiter: int | None = None,
        opt_warmstart: bool | None = None,
        opt_verbose: bool = False,
        opt_skip_init_length: int = 150,
        opt_skip_period: int | None = None,
        map_reward: str | MapReward = "1_minus_x",
        approximation: str = "auto",
        acceptable_regret: float | None = None,
        gp_resource_kernel: str = "matern52",
        resource_acq: str = "bohb",
        resource_acq_bohb_threshold: int | None = None,
        min_reward: float = 0.0,
        opt_skip_num_max_resource: bool = False,
    ) -> None:
        options = ModelOptions(
            profile=profile,
            num_init_random=num_init_random,
            num_init_candidates=num_init_candidates,
            num_fantasy_samples=num_fantasy_samples,
            initial_scoring=initial_scoring,
            opt_nstarts=opt_nstarts,
            opt_maxiter=opt_maxiter,
            opt_warmstart=opt_warmstart,
            opt_verbose=opt_verbose,
            opt_skip_init_length=opt_skip_init_length,
            opt_skip_period=opt_skip_period,
            map_reward=map_reward,
            approximation=approximation,
            acceptable_regret=acceptable_regret,
        )
        self.max_epochs = whole_number("max_epochs", max_epochs)
        self._kernel_name = gp_resource_kernel
        one_of("resource_acq", resource_acq, RESOURCE_ACQUISITIONS)
        self._resource_acq = resource_acq
        self._threshold = resource_acq_bohb_threshold
        if self._threshold is not None:
            whole_number("resource_acq_bohb_threshold", self._threshold)
        self._min_reward = finite_number("min_reward", min_reward, "a finite number")
        self._enough_per_column = _ENOUGH_PER_COLUMN[profile]
        self._skips_below_max = truth("opt_skip_num_max_resource", opt_skip_num_max_resource)
        self._num_at_max_when_fitted = 0
        super().__init__(
            configspace,
            reward_attribute,
            options,
            num_init_random=options.first_random(_NUM_INIT_RANDOM),
            num_extra_columns=1,
            resource_attribute=resource_attribute,
            mode=mode,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            first_is_default=first_is_default,
            candidates=candidates,
            constraint=constraint,
            warm_start_from=warm_start_from,
        )

    def check_rungs(self, max_resource: int | None) -> None:
        """It serves schedulers with rungs up to the resource it was made for."""
        if max_resource is None:
            raise SpecError(
                "GPMultiFidelitySearcher models values at several resources and goes with a "
                "HyperbandScheduler only; use a GPFIFOSearcher under FIFO"
            )
        check_max_epochs(type(self).__name__, self.max_epochs, max_resource)

    def _make_surrogate(self) -> Surrogate:
        num_columns = max(self.encoding.num_columns, 1)  # without any it is never asked
        largest = abs(self._criterion.forward(self._min_reward)) or 1.0

        def model(scale: float) -> gp.Model:
            return gp.resource_kernel(
                self._kernel_name,
                num_columns,
                self._profile,
                gamma_scale=largest if self.options.is_classic else scale,
            )

        model(1.0)  # finds a misspelt kernel now
        return self._surrogate_on(self._data, model, choose=self._rows_to_model)

    def _rows_to_model(self, count: int) -> Rows:
        """Which of the first ``count`` observations the surrogate is given, increasing.

        Of very many the half at the largest resources, and of the others those that a fit would
        be restricted to: low rungs hold most of the observations, and say the least.
        """
        if count <= _MOST_ROWS or self.options.is_classic or self.options.approximation == "none":
            return np.arange(count)
        X, y = self._data.X[:count], self._data.y[:count]
        by_resource = np.argsort(-X[:, -1], kind="stable")
        high, low = np.split(by_resource, [_MOST_ROWS // 2])
        low = np.sort(low)
        low = low[gp.fit_subset(X[low], y[low], _MOST_ROWS - len(high))]
        return np.sort(np.concatenate([high, low]))

    def _row(self, config: Config, resource: int | None) -> Array:
        level = self.max_epochs if resource is None else resource
        return np.append(self.encoding.encode(config), self._unit(level))

    def _unit(self, resource: int) -> float:
        """A resource in [0, 1], as an integer parameter from 1 to the largest is encoded.

        On a log scale rungs are at equal distances, and held-out values are predicted better;
        but searches ended worse with it, on five problems with eight seeds each.
        """
        return (min(resource, self.max_epochs) - 0.5) / self.max_epochs

    def _resource(self, resource: int | None) -> int | None:
        return self.max_epochs if resource is None else min(resource, self.max_epochs)

    def _needs_fit(self) -> bool:
        if not super()._needs_fit():
            return False
        if not self._skips_below_max or len(self._data) < self.options.opt_skip_init_length:
            return True
        return self._num_at_max() > self._num_at_max_when_fitted

    def _num_at_max(self) -> int:
        return len(self._data.rows_at(self.max_epochs))

    # -- what is maximised -----------------------------------------------------------------

    def target_resource(self, request: SuggestRequest) -> int:
        """The resource at which a proposal is to improve."""
        if self._resource_acq == "first" and request.first_milestone is not None:
            return request.first_milestone
        counts: dict[int, int] = {}
        for case in self._data.cases:
            level = case.resource or self.max_epochs
            counts[level] = counts.get(level, 0) + 1
        enough = self._threshold or self._enough_per_column * max(self.encoding.num_columns, 1)
        lowest = min(counts, default=self.max_epochs)
        return max((r for r, count in counts.items() if count >= enough), default=lowest)

    def _view(self, request: SuggestRequest, rng: np.random.Generator) -> View:
        fitted = self._surrogate.condition(rng, refit=self._needs_fit())
        if fitted.fit:
            self._num_at_max_when_fitted = self._num_at_max()
        posterior = self._fantasised(fitted.posterior, self._pending_rows(request.pending), rng)
        resource = self.target_resource(request)
        means = posterior.training_means()
        at_target = np.flatnonzero(posterior.X[:, -1] == self._unit(resource))
        if not len(at_target):  # 'first' may ask for a rung that nobody has reached
            at_target = np.arange(len(means))
        incumbent = means[at_target].min(axis=0)
        believing = self._believing(posterior, resource, request.pending)
        improvement = self._improvement(fitted, believing, incumbent)
        acquisition = AtResource(improvement, self._unit(resource))
        return View(
            acquisition,
            posterior,
            fitted.standardisation,
            self._incumbent_rows(means[at_target].mean(axis=1), posterior.X[at_target]),
            {
                **self._why(fitted, incumbent),
                "resource": resource,
                "believed": len(believing.X) - len(posterior.X),
            },
            acquisition.lift,
            rows=fitted.rows,
        )

    def _rows_unseen_at(self, resource: int, pending: Sequence[Pending]) -> Array:
        """Rows at a resource of the configs whose values there are neither known nor due."""
        seen = {case.key for case in self._data.cases if case.resource == resource}
        seen |= {self._key(p.config) for p in pending if self._resource(p.milestone) == resource}
        rows = dict(zip((case.key for case in self._data.cases), self._data.X, strict=True))
        rows |= {self._key(p.config): self._row(p.config, resource) for p in pending}
        unseen = [row for key, row in rows.items() if key not in seen]
        table = np.array(unseen).reshape(len(unseen), self._data.X.shape[1])
        table[:, -1] = self._unit(resource)
        return table

    def _believing(
        self, posterior: gp.Posterior, resource: int, pending: Sequence[Pending]
    ) -> gp.Posterior:
        """The posterior given its own means where configs are unseen, at some if these are many."""
        if self.options.is_classic:
            return posterior
        rows = self._rows_unseen_at(resource, pending)
        if len(rows) > _MOST_BELIEVED:
            means = posterior.means(rows).mean(axis=1)
            rows = rows[gp.fit_subset(rows, means, _MOST_BELIEVED)]
        return posterior.believe(rows) if len(rows) else posterior

    def _is_final(self, why: Mapping[str, Any]) -> bool:
        return bool(why["resource"] == self.max_epochs)

    def recall(self, suggestion: Any) -> None:
        """Take the hyperparameters of an earlier session's proposal from its record."""
        super().recall(suggestion)
        if suggestion.why.get("fit"):
            self._num_at_max_when_fitted = self._num_at_max()
