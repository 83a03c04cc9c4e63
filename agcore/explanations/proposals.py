"""Why a config was proposed, and how it did against what was expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from agcore.explanations.choices import Choice, searcher_of
from agcore.explanations.expectations import Expectation, is_by_our_model
from agcore.explanations.facts import Facts
from agcore.explanations.words import counted, values_of
from agcore.history import RunHistory
from agcore.records import TrialProposed, TrialState
from agcore.trade_offs import pareto_front

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agcore.explanations.words import Words
    from agcore.history import Trial
    from agcore.objectives import Objectives
    from agcore.running_time import RunningTime

_TOLD = frozenset(
    {
        "observations",
        "mean",
        "sd",
        "acquisition",
        "evaluations",
        "incumbent",
        "improvement",
        "kappa",
        "resource",
        "feasible",
        "believed",
        "prior_power",
        "profile",
        "map_reward",
        "rewards",
    }
)
"""What is said in words of a proposal that has an `Expectation`."""
_OF_OUR_MODELS = frozenset({"fit", "constraint_fit", "level_weights", "model_found_nothing"})


class ProposalAccount:
    """Sentences on the proposal of one trial.

    Args:
        history: The run.
        trial: The trial.
        words: Those of the run.
        clock: For moments of the run.
    """

    def __init__(self, history: RunHistory, trial: Trial, words: Words, clock: RunningTime) -> None:
        self._history = history
        self._trial = trial
        self._words = words
        self._clock = clock
        self._why: Mapping[str, Any] = trial.why
        self._expected = Expectation.of(trial)
        self._is_ours = is_by_our_model(trial)
        self._before, self._event = self._until_proposed()
        facts = Facts(trial.why)
        self._choice = Choice(trial, searcher_of(words), facts, self._before, words, clock)

    def _until_proposed(self) -> tuple[RunHistory, TrialProposed]:
        """The run as it was when the trial was proposed, and the event that did it."""
        settings = self._words.settings
        before = RunHistory(self._words.sign, settings.get("trial_value", "best"))
        for event in self._history.events:
            if isinstance(event, TrialProposed) and event.trial_id == self._trial.trial_id:
                return before, event
            before.apply(event)
        raise RuntimeError(f"the history has no proposal of trial {self._trial.trial_id}")

    def paragraphs(self) -> Iterator[str]:
        """What there is to say, the outcome last."""
        fits = " ".join([*self._fits(), self._best_then()])
        if self._expected is None:
            yield f"{self._chosen()} {fits}"
        else:
            yield " ".join(self._by_model(self._expected))
            yield fits
        if self._expected is not None:
            yield self._outcome(self._expected)
        unsaid = self._choice.facts.unsaid.items()
        rest = {name: value for name, value in unsaid if not self._is_said(name)}
        if rest:
            yield f"The searcher gave these reasons: {values_of(rest)}."

    def _is_said(self, name: str) -> bool:
        if name in _OF_OUR_MODELS:
            return self._is_ours or "model_found_nothing" in self._why
        return self._is_ours and name in _TOLD

    # -- who chose it ----------------------------------------------------------------------

    def _chosen(self) -> str:
        if not self._is_ours:
            return self._choice.said()
        # A map of rewards that takes the prediction nowhere.
        return (
            f"Proposed by the model{self._given_data()}. It predicted a criterion of "
            f"{self._why['mean']:.4g} with standard deviation {self._why['sd']:.2g}, which "
            "map_reward takes back to no reward."
        )

    def _given_data(self) -> str:
        count = self._why.get("observations")
        return f", given {counted(count, 'observation')}" if isinstance(count, int) else ""

    def _best_then(self) -> str:
        if self._words.objectives is not None:
            return self._front_then(self._words.objectives)
        best = self._before.best()
        if best is None:
            return "There was no best trial yet."
        value = f"{self._words.reward} {best.reward:.6g}"
        at = self._words.at(best.resource)
        return f"The best of the run was then trial {best.trial_id}, {value} at {at}."

    def _front_then(self, objectives: Objectives) -> str:
        value = self._words.settings.get("trial_value", "best")
        front = pareto_front(self._before, objectives, value)
        if not front:
            return "The Pareto front was empty yet."
        return f"The Pareto front then held {counted(len(front), 'report')}."

    # -- the model -------------------------------------------------------------------------

    def _by_model(self, expected: Expectation) -> Iterator[str]:
        words, why = self._words, self._why
        took = f" in {self._event.suggest_s:.2g} s" if self._event.suggest_s > 0.0 else ""
        yield f"Proposed by the model{took}{self._given_data()}."
        where = f" at {words.at(expected.resource)}" if expected.resource is not None else ""
        yield f"It expected {expected.said(words)}{where}."
        if expected.incumbent is not None:
            incumbent = expected.number(expected.incumbent, words)
            yield f"Of the configs it knew, it expected the best to have {incumbent}{where}."
        if expected.improvement is not None:
            yield f"So the expected improvement was {expected.improvement:.2g}{self._given(where)}."
        if "kappa" in why:
            yield (
                f"It looked for the best that could be hoped for: what is expected and "
                f"{why['kappa']:.4g} standard deviations."
            )
        feasible = why.get("feasible")
        if feasible == 0:
            yield (
                "No config it knew kept the constraint, so it looked for the config most likely "
                "to keep it."
            )
        elif feasible is not None:
            verb = "keeps" if feasible == 1 else "keep"
            yield f"Of the configs it knew, {feasible} {verb} the constraint."
        yield (
            f"The search valued it at {why['acquisition']:.4g} ({self._acquisition()}) "
            f"after {counted(why['evaluations'], 'evaluation')}."
        )

    def _given(self, where: str) -> str:
        """What the expected improvement supposes of configs without a value."""
        count = self._why.get("believed")
        if not isinstance(count, int) or count < 1:
            return ""
        return f", taking for granted what it expected of {counted(count, 'config')} unseen{where}"

    def _acquisition(self) -> str:
        """What was maximised, by its name."""
        feasible = self._why.get("feasible")
        if "kappa" in self._why:
            return self._bound()
        improvement = "expected improvement, standardised"
        parts = [] if feasible == 0 else [improvement]
        if feasible is not None:
            parts.append("probability of keeping the constraint")
        power = self._why.get("prior_power")
        if power is not None:
            parts.append(f"the space's prior to the power {power:.3g}")
        log = "" if self._why.get("profile") == "classic" else "log "
        return log + ", times ".join(parts)

    def _bound(self) -> str:
        power = self._why.get("prior_power")
        bound = "upper confidence bound, standardised"
        if power is None:
            return bound
        return f"{bound}, plus the log of the space's prior to the power {power:.3g}"

    def _fits(self) -> Iterator[str]:
        if not self._is_ours and "model_found_nothing" not in self._why:
            return
        yield from self._trust()
        told = self._why.get("fit")
        if isinstance(told, Mapping) and {"rows", "evaluations"} <= told.keys():
            yield (
                f"The hyperparameters of the model were fitted to {counted(told['rows'], 'value')} "
                f"for this proposal, in {counted(told['evaluations'], 'evaluation')}."
            )
            return
        fitted = [t.trial_id for t in self._before.trials.values() if t.why.get("fit")]
        since = f" were kept as they were fitted for trial {fitted[-1]}" if fitted else " were kept"
        yield f"The hyperparameters of the model{since}."

    def _trust(self) -> Iterator[str]:
        """Which resources a model of several has trusted, the most trusted first."""
        weights = self._why.get("level_weights")
        if not isinstance(weights, Mapping):
            return
        trusted = [(weight, name) for name, weight in weights.items() if weight > 0]
        trusted.sort(key=lambda pair: -pair[0])
        if len(weights) == 1:
            yield f"Only results at {self._words.resource} {trusted[0][1]} were enough for a model."
            return
        shares = [f"{self._words.resource} {name} ({weight:.0%})" for weight, name in trusted]
        yield (
            f"The model went by the results at {' and '.join(shares)}, weighted by how well they "
            f"rank the configs that reached {self._words.at(max(map(int, weights)))}."
        )

    def _outcome(self, expected: Expectation) -> str:
        """How the trial did against what was expected of it."""
        trial, words = self._trial, self._words
        report = expected.outcome(self._history, trial, words)
        if report is not None:
            is_open = expected.resource is None and trial.state is TrialState.RUNNING
            return (
                f"{'So far it' if is_open else 'It'} came out {expected.compared(report.reward)}: "
                f"{words.named(report.reward)} at {words.at(report.resource)}."
            )
        if trial.state is TrialState.DIVERGED:
            return "It diverged, so it cannot be compared with that."
        where = f" at {words.at(expected.resource)}" if expected.resource is not None else ""
        if trial.state in (TrialState.RUNNING, TrialState.PAUSED):
            return f"It has not reported {words.reward}{where} yet, so it cannot be compared."
        return f"It never reported {words.reward}{where}, so it cannot be compared with that."
