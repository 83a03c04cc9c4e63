"""What all searchers with a Gaussian process have in common."""

from __future__ import annotations

import abc
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from agcore import gp
from agcore.encoding import Encoding
from agcore.records import NOTHING, Suggestion
from agcore.searcher.account import Account, named
from agcore.searcher.base import BaseSearcher
from agcore.searcher.candidates import CandidateSearch
from agcore.searcher.draws import RandomDraws
from agcore.searcher.model_data import Case, ModelData
from agcore.searcher.surrogate import Surrogate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.jobs import Config
    from agcore.records import Observation, Pending, SuggestRequest
    from agcore.searcher.candidates import Found
    from agcore.searcher.model_options import ModelOptions
    from agcore.searcher.surrogate import Fitted
    from agcore.space import SearchSpace

    Array = NDArray[np.float64]

logger = logging.getLogger("agcore")

PURPOSE_MODEL = 3
"""Keeps these random numbers apart from those of random configs with the same seed."""
_NUM_INCUMBENTS = 3
_POOR_IN_A_ROW = 3
_PRIOR_POWER = 10.0
"""How much the space's priors count after one config; it falls as 1 / n (beta of piBO)."""
_IN_VAIN = "model_found_nothing"


class View(NamedTuple):
    """What a proposal maximises, and the numbers behind it.

    Attributes:
        acquisition: Over encoded configs.
        posterior: Of the standardised criterion, pending configs included.
        standardisation: The way back to the criterion.
        known: Encoded configs of the best rows, the best first, shape (k, d).
        why: For the journal.
        lift: From encoded configs to rows of the surrogate.
        may_draw: Whether candidates may be ordered by draws from the posterior.
        rows: Numbers of the observations that the posterior is given.
    """

    acquisition: gp.Acquisition
    posterior: gp.Posterior | gp.WeightedEnsemble
    standardisation: gp.Standardisation
    known: Array
    why: dict[str, Any]
    lift: Callable[[Array], Array] = np.asarray
    may_draw: bool = True
    rows: Sequence[int] | NDArray[np.int64] = ()

    def drawn(self, rows: Array, rng: np.random.Generator) -> Array:
        """Minus a draw from the marginal at each of some encoded configs, shape (b,)."""
        return gp.independent_thompson(self.posterior, self.lift(rows), rng)

    def expected(self, row: Array) -> dict[str, float]:
        """Mean and standard deviation of the criterion at an encoded config of shape (d,)."""
        mean, variance = self.posterior.predict(self.lift(row[np.newaxis]))
        return {
            "mean": float(self.standardisation.restore(mean.mean())),
            "sd": self.standardisation.restore_sd(math.sqrt(variance[0])),
        }


class ModelBasedSearcher(BaseSearcher):
    """Random configs at first, then those that an acquisition over a surrogate likes best.

    Subclasses say what a row of data is (`_row`) and what is to be maximised (`_view`).

    Args:
        configspace: As for `BaseSearcher`, like the others.
        options: Of surrogate and search.
        num_init_random: Random configs before the surrogate is asked.
        num_extra_columns: Columns of a row besides those of the config.
    """

    is_replayed_by_exclusion = True

    def __init__(
        self,
        configspace: SearchSpace,
        reward_attribute: str,
        options: ModelOptions,
        *,
        num_init_random: int,
        num_extra_columns: int = 0,
        resource_attribute: str | None,
        mode: str,
        random_seed: int,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None,
        first_is_default: bool,
        candidates: Sequence[Mapping[str, Any]] | None,
        constraint: Callable[[Config], Any] | None,
        warm_start_from: Any,
    ) -> None:
        self.options = options
        self.encoding = Encoding(configspace)
        self._num_init_random = num_init_random
        self._criterion = options.criterion
        num_columns = self.encoding.num_columns + num_extra_columns
        # All columns of a Categorical are one input: counted singly, they were taken for dull.
        self._profile = options.settings(self.encoding.num_inputs + num_extra_columns)
        self._data = ModelData(num_columns)
        self._surrogate = self._make_surrogate()
        self._num_failed = 0
        self._num_poor = 0
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
        self._draws = RandomDraws(configspace, random_seed, self.may_propose, self.candidates)
        self._search = CandidateSearch(
            self.encoding, self.may_propose, options.search, self.candidates
        )

    # -- for subclasses --------------------------------------------------------------------

    @abc.abstractmethod
    def _make_surrogate(self) -> Surrogate:
        """The surrogate of the criterion, on ``self._data``."""

    def _surrogate_on(
        self,
        data: ModelData,
        make_model: Callable[[float], gp.Model],
        *,
        is_criterion: bool = True,
        choose: Callable[[int], NDArray[np.int64]] = np.arange,
    ) -> Surrogate:
        """A surrogate with the work of a fit that the options allow."""
        return Surrogate(
            data,
            make_model,
            self.options.fit_settings(self._profile.fit),
            limits_outliers=is_criterion and self._profile.limits_outliers,
            is_warm_started=self.options.is_warm_started,
            is_verbose=self.options.opt_verbose,
            choose=choose,
        )

    @abc.abstractmethod
    def _row(self, config: Config, resource: int | None) -> Array:
        """A row of data, shape (d + extra columns,)."""

    @abc.abstractmethod
    def _view(self, request: SuggestRequest, rng: np.random.Generator) -> View:
        """What to maximise, given the data."""

    def _needs_fit(self) -> bool:
        """Whether the next proposal refits the hyperparameters."""
        return self._is_fit_due(self._surrogate, self._data)

    def _is_fit_due(self, surrogate: Surrogate, data: ModelData) -> bool:
        """Whether the next proposal refits those of a surrogate of some data."""
        if surrogate.knows_all:
            return False
        return self.options.is_fit_due(
            len(data), surrogate.num_fitted, surrogate.proposals_since_fit
        )

    # -- proposals -------------------------------------------------------------------------

    def propose(self, request: SuggestRequest) -> Suggestion | None:
        """A random config, or the one that the acquisition likes best."""
        if self.is_exhausted or self._is_content:
            return None
        num_begun = len(self._data) + len(request.pending) + self._num_failed
        has_model = len(self._data) and self.encoding.num_columns
        if not has_model or num_begun < self._num_init_random:
            return self._random(request, NOTHING)
        with gp.one_blas_thread():
            try:
                suggestion = self._by_model(request)
            except gp.NotPositiveDefiniteError as error:
                logger.warning("no proposal by the model: %s; a random config instead", error)
                suggestion = None
        return suggestion or self._random(request, {_IN_VAIN: True, **self._fits()})

    def _random(self, request: SuggestRequest, why: Mapping[str, Any]) -> Suggestion | None:
        config = self._draws.draw(request.draw)
        return None if config is None else Suggestion(config, "random", why)

    def _fits(self) -> dict[str, Any]:
        """What the last proposal has fitted, for the journal."""
        return {"fit": self._surrogate.told} if self._surrogate.told else {}

    def _by_model(self, request: SuggestRequest) -> Suggestion | None:
        rng = np.random.default_rng([self.random_seed, PURPOSE_MODEL, request.draw])
        view = self._view(request, rng)
        score = None
        if view.may_draw and self.options.scores_by_draws:
            score = partial(view.drawn, rng=rng)
        acquisition, believed = self._with_beliefs(view.acquisition)
        found = self._search.best(acquisition, view.known, len(self._data), rng, score=score)
        if found is None:
            return None
        why = {
            **view.why,
            **view.expected(found.row),
            **self._gain(view, found.row),
            **believed,
            "acquisition": found.value,
            "evaluations": found.evaluations,
        }
        why |= self.options.told(why)
        self._note_gain(why)
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", self._account(request, view, found, why))
        return Suggestion(found.config, "model", why)

    def _gain(self, view: View, row: Array) -> dict[str, float]:
        """The expected improvement, in units of the criterion; nothing if it is not maximised."""
        if "incumbent" not in view.why or self.options.is_bound:
            return {}
        gain = float(view.acquisition(row[np.newaxis])[0])
        gain = math.exp(min(gain, 50.0)) if self._profile.is_log_improvement else gain
        return {"improvement": view.standardisation.restore_sd(gain)}

    def _note_gain(self, why: Mapping[str, Any]) -> None:
        """Count the proposals in a row that are not worth an evaluation."""
        least, gain = self.options.acceptable_regret, why.get("improvement")
        is_poor = least is not None and gain is not None and gain < least and self._is_final(why)
        self._num_poor = self._num_poor + 1 if is_poor else 0
        if self._num_poor == _POOR_IN_A_ROW:
            logger.info("no more proposals: %s", self._why_nothing_is_left())

    def _is_final(self, why: Mapping[str, Any]) -> bool:
        """Whether what a proposal is expected to gain is a gain of the trial's value."""
        return True

    @property
    def _is_content(self) -> bool:
        """Whether the search has ended because little is left to gain."""
        return self._num_poor >= _POOR_IN_A_ROW

    def _why_nothing_is_left(self) -> str:
        if not self._is_content:
            return super()._why_nothing_is_left()
        return (
            f"the last {_POOR_IN_A_ROW} configs were expected to gain less than acceptable_regret="
            f"{self.options.acceptable_regret:g}; lower it to go on"
        )

    def _with_beliefs(self, acquisition: gp.Acquisition) -> tuple[gp.Acquisition, dict[str, float]]:
        """An acquisition that prefers what the priors do, and how much, for the journal."""
        beliefs = self.encoding.beliefs
        if beliefs is None:
            return acquisition, {}
        power = _PRIOR_POWER / len({case.key for case in self._data.cases})
        # A bound may be negative, so it is taken for the logarithm of a promise.
        is_log = self._profile.is_log_improvement or self.options.is_bound
        return gp.WithPrior(acquisition, beliefs, power, is_log=is_log), {"prior_power": power}

    def _account(
        self, request: SuggestRequest, view: View, found: Found, why: Mapping[str, Any]
    ) -> Account:
        due = [named(p.trial_id, self._resource(p.milestone)) for p in self._due(request.pending)]
        return Account(
            request.draw,
            found,
            self.encoding.decode(found.best_start),
            why,
            [self._data.cases[row] for row in view.rows],
            due,
            view.posterior.Y,
            view.standardisation.mean,
            view.standardisation.scale,
            self._hyperparameters(),
            self._surrogate.proposals_since_fit,
        )

    def _hyperparameters(self) -> dict[str, dict[str, float]]:
        """Hyperparameters of each surrogate, under the name its fit has in the journal."""
        return {"fit": self._surrogate.parameters()}

    def _improvement(
        self, fitted: Fitted, posterior: gp.Predictor, incumbent: Array
    ) -> gp.ExpectedImprovement:
        """Expected improvement in the form and with the jitter of the profile."""
        return gp.ExpectedImprovement(
            posterior,
            incumbent,
            # In units of the criterion; where all values are equal, their scale says nothing.
            jitter=min(self._profile.jitter / fitted.standardisation.scale, 1.0),
            is_log=self._profile.is_log_improvement,
        )

    def _why(self, fitted: Fitted, incumbent: Array | None) -> dict[str, Any]:
        """What a proposal was based on; the incumbent in units of the criterion.

        Args:
            fitted: The surrogate of the criterion.
            incumbent: One for each fantasised draw, shape (m,); None if there is none.
        """
        why: dict[str, Any] = {"observations": len(self._data)}
        if incumbent is not None:
            why["incumbent"] = float(fitted.standardisation.restore(incumbent.mean()))
        if fitted.fit:
            why["fit"] = fitted.fit
        return why

    def _fantasised(
        self, posterior: gp.Posterior, rows: Array, rng: np.random.Generator
    ) -> gp.Posterior:
        """The posterior given draws at pending rows, shape (q, d)."""
        if not len(rows):
            return posterior
        return posterior.fantasise(rows, rng, self.options.num_fantasies)

    def _due(self, pending: Sequence[Pending]) -> list[Pending]:
        """Those whose values are not known yet."""
        known = {(case.key, case.resource) for case in self._data.cases}
        return [
            p for p in pending if (self._key(p.config), self._resource(p.milestone)) not in known
        ]

    def _pending_rows(self, pending: Sequence[Pending]) -> Array:
        """Rows at which values are due, shape (q, d)."""
        rows = [self._row(p.config, p.milestone) for p in self._due(pending)]
        return np.array(rows).reshape(len(rows), self._data.X.shape[1])

    def _incumbent_rows(self, means: Array, rows: Array) -> Array:
        """Encoded configs of the best distinct rows by their posterior mean, shape (k, d)."""
        order = np.argsort(means, kind="stable")[: 4 * _NUM_INCUMBENTS]
        best = rows[order][:, : self.encoding.num_columns]
        _, first = np.unique(best, axis=0, return_index=True)
        return best[np.sort(first)[:_NUM_INCUMBENTS]]

    def configure_scheduler(self, scheduler: Any) -> None:
        """Say how proposals are made."""
        options, search = self.options, self.options.search
        logger.info(
            "%s, profile %r: %d random configs first; then %s of %d random and %d neighbouring "
            "candidates scored by %s, L-BFGS-B from the best %d",
            type(self).__name__,
            options.profile,
            self._num_init_random,
            self._named_acquisition(),
            search.num_random,
            search.num_neighbours,
            "draws from the posterior" if options.scores_by_draws else "it",
            search.num_starts,
        )

    def _named_acquisition(self) -> str:
        if self.options.is_bound:
            return "upper confidence bound"
        is_log = self._profile.is_log_improvement
        return "log expected improvement" if is_log else "expected improvement"

    # -- learning --------------------------------------------------------------------------

    def observe(self, observation: Observation) -> None:
        """Learn a value; a reward that is not a number says that the config is infeasible."""
        super().observe(observation)
        if math.isnan(observation.reward):
            self._num_failed += 1
            self.exclude(observation.config)
            self._data.drop_provisional(observation.trial_id)
            return
        if not self._models_at(observation.resource):
            self._data.drop_provisional(observation.trial_id)
            return
        criterion = float(self._criterion.forward(observation.reward))
        if not math.isfinite(criterion):
            logger.warning(
                "map_reward gives %r for reward %g of trial %d; it is left out of the model",
                criterion,
                observation.reward,
                observation.trial_id,
            )
            self._data.drop_provisional(observation.trial_id)
            return
        case = self._case(observation)
        row = self._row(observation.config, observation.resource)
        self._data.add(case, row, criterion, provisional=observation.provisional)
        logger.info(
            "the model learns %s: reward %g, criterion %g",
            named(case.trial_id, case.resource),
            observation.reward,
            criterion,
        )

    def _case(self, observation: Observation) -> Case:
        key = self._key(observation.config)
        return Case(observation.trial_id, key, self._resource(observation.resource))

    def _models_at(self, resource: int | None) -> bool:
        """Whether values at a resource are modelled; others only take the place of others."""
        return True

    def _resource(self, resource: int | None) -> int | None:
        """The resource under which a value is filed."""
        return resource

    def trial_failed(self, trial_id: int, config: Config) -> None:
        """Learn that a config cannot be evaluated; what it has reported so far stays known."""
        super().trial_failed(trial_id, config)
        self._num_failed += 1

    def remove_case(self, config: Mapping[str, Any], **result: Any) -> None:
        """Take a result back that `update` was given."""
        complete = self.configspace.complete(config)
        resource = self._resource(self._resource_in(result))
        self._data.remove(Case(-1, self._key(complete), resource))

    def recall(self, suggestion: Suggestion) -> None:
        """Take the hyperparameters of an earlier session's proposal from its record."""
        super().recall(suggestion)
        if asked_model(suggestion):
            self._recall_model(suggestion.why)
        if suggestion.origin == "model":
            self._note_gain(suggestion.why)

    def _recall_model(self, why: Mapping[str, Any]) -> None:
        """Take note of a proposal by the model, as the journal has it."""
        self._surrogate.recall(why.get("fit", {}))

    def model_parameters(self) -> dict[str, float]:
        """Hyperparameters of the surrogate by name; empty before its first fit."""
        return self._surrogate.parameters()


def asked_model(suggestion: Suggestion) -> bool:
    """Whether a proposal conditioned the surrogate, with or without success."""
    return suggestion.origin == "model" or bool(suggestion.why.get(_IN_VAIN))
