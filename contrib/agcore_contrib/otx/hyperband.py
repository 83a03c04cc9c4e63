"""Hyperband as OTX plans it: within a budget of epochs, or until the epochs have been found out.

The object is told everything and asks nothing: no clock, no process. With a ``save_path`` it writes
down what it was told, and is brought back by being told again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.errors import SpecError, did_you_mean
from agcore_contrib.otx.account import EpochAccount
from agcore_contrib.otx.call_log import CallLog
from agcore_contrib.otx.first_trials import FirstTrials
from agcore_contrib.otx.plan import BracketPlan, total_cost
from agcore_contrib.otx.planting import fitting_plan, make_bracket, num_places
from agcore_contrib.otx.results import save_brackets, summary
from agcore_contrib.otx.samples import Samples
from agcore_contrib.otx.settings import HyperBandSettings
from agcore_contrib.otx.trial import Trial, TrialStatus, best_of
from agcore_contrib.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import os
    from fractions import Fraction

    from agcore_contrib.otx.bracket import Bracket

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""After so many lost processes, or replaced configs, a trial is out."""
_ALMOST_DONE = 0.99


class HyperBand:
    """Finds the best config by successive halving in several brackets.

    Args:
        search_space: What is tuned.
        save_path: Folder for results and for what resuming needs; None for neither.
        mode: ``'max'`` or ``'min'``.
        metric: Its name; recorded, and compared when a search is resumed.
        num_trials: Most configs that are tried, or None.
        num_workers: Trials that run at once; multiplies the budget.
        num_full_iterations: Epochs of the final training.
        full_dataset_size: Number of samples, 0 if that is not known.
        expected_time_ratio: Time for the search in units of the final training; None for all of
            Hyperband. The budget is ``num_full_iterations * expected_time_ratio *
            acceptable_additional_time_ratio * num_workers`` epochs. No plan exceeds it; what
            crashes have cost is taken from it.
        acceptable_additional_time_ratio: Factor of the budget, at least 1.
        maximum_resource: Most epochs of a trial; None to find out.
        minimum_resource: Fewest epochs of a trial; None to find out.
        reduction_factor: eta, at least 2.
        asynchronous_sha: Whether trials are promoted before their rung is done.
        asynchronous_bracket: Whether a bracket may start while another has nothing to give.
        prior_hyper_parameters: A config, or several, to be tried first.
        non_pure_train_ratio: Share of an epoch that does not shrink with the training set.
        subset_ratio: Share of the training set that trials use, or None for all of it; raised to
            ``min_subset_size`` samples where ``full_dataset_size`` tells how many there are.
        min_subset_size: Fewest samples of a subset.
        batch_size_name: The hyperparameter that is lowered when memory runs out, or None.
        resume: Whether to go on with the search in ``save_path``, if there is one.
        random_seed: Of the configs.

    Raises:
        SpecError: An argument breaks a rule, not one trial fits into the budget, or the search in
            ``save_path`` is another one.
    """

    def __init__(
        self,
        search_space: SearchSpace | Mapping[str, Any],
        *,
        save_path: str | os.PathLike[str] | None = None,
        mode: str = "max",
        metric: str = "mAP",
        num_trials: int | None = None,
        num_workers: int = 1,
        num_full_iterations: int = 1,
        full_dataset_size: int = 0,
        expected_time_ratio: float | None = None,
        acceptable_additional_time_ratio: float = 1.0,
        maximum_resource: int | None = None,
        minimum_resource: int | None = None,
        reduction_factor: int = 3,
        asynchronous_sha: bool = True,
        asynchronous_bracket: bool = False,
        prior_hyper_parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        non_pure_train_ratio: float = 0.2,
        subset_ratio: float | None = None,
        min_subset_size: int = 500,
        batch_size_name: str | None = None,
        resume: bool = False,
        random_seed: int = 0,
    ) -> None:
        self._settings = HyperBandSettings(
            mode=mode,
            metric=metric,
            num_trials=num_trials,
            num_workers=num_workers,
            num_full_iterations=num_full_iterations,
            full_dataset_size=full_dataset_size,
            expected_time_ratio=expected_time_ratio,
            acceptable_additional_time_ratio=acceptable_additional_time_ratio,
            maximum_resource=maximum_resource,
            minimum_resource=minimum_resource,
            reduction_factor=reduction_factor,
            asynchronous_sha=asynchronous_sha,
            asynchronous_bracket=asynchronous_bracket,
            non_pure_train_ratio=non_pure_train_ratio,
            subset_ratio=subset_ratio,
            min_subset_size=min_subset_size,
            batch_size_name=batch_size_name,
            random_seed=random_seed,
        )
        if isinstance(search_space, SearchSpace):
            self._space = search_space.copy()
        else:
            self._space = SearchSpace(search_space)
        check_batch_size_name(batch_size_name, self._space)
        priors = as_priors(prior_hyper_parameters, self._space)
        self._log: CallLog | None = None
        self._save_path = None if save_path is None else Path(save_path)
        record = {
            "search_space": self._space.description(),
            **self._settings.record(),
            "prior_hyper_parameters": priors,
        }
        self._samples = Samples(self._space, priors, random_seed, num_trials)
        self._trials: dict[str, Trial] = {}
        self._brackets: dict[int, Bracket] = {}
        self._plan: dict[int, BracketPlan] = {}
        self._first: FirstTrials | None = None
        self._account = EpochAccount(self._settings.budget)
        self._begin()
        if self._save_path is not None:
            log = CallLog(self._save_path, record, resume)
            for name, arguments in log.calls():
                getattr(self, name)(*arguments)
            self._log = log
            self.give_back_running()

    # -- the loop's questions --------------------------------------------------------------

    def get_next_sample(self) -> Trial | None:
        """The next trial to be trained, up to its ``iteration``, or None.

        None means that nothing can be started now; whether it ever can is told by `is_done`.
        """
        trial = self._first.next_trial() if self._first is not None else self._from_brackets()
        if trial is None:
            return None
        self._note("get_next_sample")  # a trial may have been promoted, or drawn
        if not self._can_afford(trial):
            return None
        trial.hand_out()
        self._account.start(trial)
        return trial

    def report_score(
        self, score: float, resource: int, trial_id: str | int, done: bool = False
    ) -> TrialStatus:
        """What a trial is to do that has reached ``score`` after ``resource`` epochs.

        Args:
            score: The metric; NaN and infinity count as worse than any number.
            resource: Epochs the trial has been trained in all.
            trial_id: The trial.
            done: Its process has ended well; score and resource are not looked at.

        Returns:
            ``STOP`` if it has been trained for as long as it was asked to, else ``RUNNING``.

        Raises:
            SpecError: There is no such trial, or a number breaks a rule.
            RuntimeError: It is done without any score.
        """
        trial = self._trial(trial_id)
        if done:
            trial.finalize()
            self._account.end(trial)
            self._note("report_score", 0, 0, trial.id, True)
        else:
            before = trial.progress
            trial.register_score(score, resource)
            self._account.report(trial, before, int(resource))
            self._note("report_score", float(score), int(resource), trial.id)
        if self._first is not None:
            self._first.hear(trial)
            self._leave_first_trials()
        if done:
            return TrialStatus.STOP
        is_enough = trial.progress >= trial.promised or trial.bracket is None
        return TrialStatus.STOP if is_enough else TrialStatus.RUNNING

    def report_trial_exit_abnormally(self, trial_id: str | int) -> None:
        """Take note that a trial's process has vanished; it is offered again, a few times."""
        trial = self._trial(trial_id)
        self._note("report_trial_exit_abnormally", trial.id)
        self._account.end(trial)
        trial.num_lost += 1
        if trial.num_lost >= MAX_ATTEMPTS:
            self._give_up(trial)
        else:
            trial.give_back()

    def report_failure(self, trial_id: str | int) -> None:
        """Take note that a trial's function raised; it is out, with what it reported."""
        trial = self._trial(trial_id)
        self._note("report_failure", trial.id)
        self._give_up(trial)

    def report_out_of_memory(self, trial_id: str | int) -> None:
        """Take note that memory ran out: batch sizes from the trial's on are not drawn again.

        The trial gets another config, a few times, and so do those waiting whose batch size is too
        large. A trial that has a score already is out, since its score is its old config's.

        Raises:
            SpecError: No batch size is left that could be trained.
        """
        trial = self._trial(trial_id)
        self._note("report_out_of_memory", trial.id)
        self._account.end(trial)
        name = self._settings.batch_size_name
        trial.status = TrialStatus.CUDAOOM
        trial.num_redrawn += 1
        if name is not None:
            self._space.lower(name, trial.configuration[name])
            self._redraw_too_large(name)
        if trial.status is not TrialStatus.CUDAOOM:
            return
        another = self._samples.redraw()
        if trial.score or trial.num_redrawn >= MAX_ATTEMPTS or another is None:
            self._give_up(trial)
        else:
            trial.redraw(another)

    def give_back_running(self) -> None:
        """Take note that all processes have ended with their session; their trials are offered."""
        if not self._account.running:
            return
        self._note("give_back_running")
        for trial in list(self._account.running.values()):
            trial.give_back()
            self._account.end(trial)

    def is_done(self) -> bool:
        """Whether no trial has to be started any more."""
        if self._account.is_short and not self._account.running:
            return True
        if self._first is not None:
            return self._first.is_over
        return all(bracket.is_done for bracket in self._brackets.values())

    def get_progress(self) -> float:
        """Share of the search that is behind us: 1 when it is done, below 1 before."""
        if self.is_done():
            return 1.0
        return min(float(self._account.spent / self._expected_epochs()), _ALMOST_DONE)

    # -- results ---------------------------------------------------------------------------

    def get_best_config(self) -> dict[str, Any] | None:
        """``id`` and ``config`` of the trial with the best score, None as long as none has one."""
        best = self.best_trial
        if best is None:
            return None
        return {"id": best.id, "config": dict(best.configuration)}

    def get_inferior_trials(self) -> list[str]:
        """Ids of trials that are not the best and will never be trained again."""
        best = self.best_trial
        found = {trial.id for trial in self._trials.values() if trial.has_failed}
        for bracket in self._brackets.values():
            found.update(trial.id for trial in bracket.inferior_trials())
        return sorted(found - {best.id if best else ""}, key=int)

    @property
    def best_trial(self) -> Trial | None:
        """The trial with the best score, the first of equals; None as long as none has one."""
        return best_of(list(self._trials.values()), self._settings.mode)

    @property
    def brackets(self) -> Mapping[int, Bracket]:
        """The brackets by number; empty as long as the resources are being found out."""
        return dict(self._brackets)

    @property
    def maximum_resource(self) -> int | None:
        """Epochs of a full trial, given or found out; None as long as that is open."""
        plan = next(iter(self._plan.values()), None)
        return self._settings.maximum_resource if plan is None else plan.maximum_resource

    @property
    def mode(self) -> str:
        """``'max'`` or ``'min'``."""
        return self._settings.mode

    @property
    def save_path(self) -> Path | None:
        """Folder for results, or None."""
        return self._save_path

    @property
    def spent_epochs(self) -> int:
        """Epochs that all trials together have reported."""
        return self._account.spent

    def auto_config(self) -> dict[int, BracketPlan]:
        """The plan: brackets by number, as many and as large as the budget allows.

        Empty as long as the resources are being found out.
        """
        return dict(self._plan)

    def save_results(self) -> None:
        """Write ``<save_path>/<bracket>/<trial>.json`` and ``rung_status.json``.

        Raises:
            SpecError: There is no ``save_path``.
            JournalError: They cannot be written.
        """
        if self._save_path is None:
            raise SpecError("save_results needs a folder; pass save_path=")
        save_brackets(self._save_path, self._brackets)

    def print_result(self) -> None:
        """Print the best config, the brackets and all trials."""
        print(summary(self._settings.mode, self._brackets, self.get_best_config()))  # noqa: T201

    # -- from first trials to brackets -----------------------------------------------------

    def _begin(self) -> None:
        minimum, maximum = self._settings.minimum_resource, self._settings.maximum_resource
        if minimum is None or maximum is None:
            self._first = FirstTrials(self._settings, self._new_trials)
            return
        self._make_brackets(minimum, maximum, [], [])
        budget = self._settings.budget
        if not self._plan and budget is not None:
            raise SpecError(
                f"the budget of {float(budget):g} epochs holds no trial of "
                f"maximum_resource={maximum} epochs; lower it, or raise expected_time_ratio"
            )

    def _leave_first_trials(self) -> None:
        """Make the brackets if the resources are known now."""
        first = self._first
        if first is None or first.resources is None or first.full_trial is None:
            return
        self._first = None
        minimum, maximum = first.resources
        logger.info("trials are trained for %d to %d epochs", minimum, maximum)
        self._make_brackets(minimum, maximum, [first.full_trial], first.others())

    def _make_brackets(
        self, minimum: int, maximum: int, full: list[Trial], others: list[Trial]
    ) -> None:
        """Plan, and put trials into the lowest rungs: those that there are, then new ones.

        Args:
            minimum: Resource, in epochs.
            maximum: Resource, in epochs.
            full: Trials of full length, for bracket 0.
            others: Trials of fewer epochs than any rung has.
        """
        geometry = self._settings.geometry(minimum, maximum)
        self._plan = fitting_plan(geometry, self._settings.budget, len(full), others)
        places = num_places(self._plan) - len(full)
        supply = [*others[:places], *self._new_trials(places - len(others))]
        for i in sorted(self._plan, reverse=True):
            held = full if i == 0 else []
            count = self._plan[i].num_trials - len(held)
            trials = [*held, *supply[:count]]
            supply = supply[count:]
            if trials:
                self._brackets[i] = make_bracket(self._settings, i, maximum, trials)
        if self._samples.num_given:
            logger.warning("%d given configs find no place", self._samples.num_given)

    def _new_trials(self, count: int) -> list[Trial]:
        """New trials; fewer if the space is used up."""
        environment = self._settings.train_environment
        made = []
        for config in self._samples.draw(count):
            trial = Trial(str(len(self._trials)), config, dict(environment))
            self._trials[trial.id] = trial
            made.append(trial)
        return made

    # -- the rest --------------------------------------------------------------------------

    def _from_brackets(self) -> Trial | None:
        for bracket in self._brackets.values():
            if bracket.is_done:
                continue
            trial = bracket.next_trial()
            if trial is not None or not self._settings.asynchronous_bracket:
                return trial
        return None

    def _trial(self, trial_id: str | int) -> Trial:
        trial = self._trials.get(str(trial_id))
        if trial is None:
            raise SpecError(f"trial_id={trial_id!r} is no trial; pass the id of a sample")
        return trial

    def _can_afford(self, trial: Trial) -> bool:
        """Whether the budget holds what a trial asks for; the first full one it always holds."""
        if self._first is not None and trial is self._first.full_trial:
            return True
        return self._account.can_afford(trial)

    def _expected_epochs(self) -> Fraction:
        """The budget; without one, what the plan costs."""
        settings = self._settings
        if settings.budget is not None:
            return settings.budget
        if self._plan:
            return total_cost(self._plan)
        geometry = settings.geometry(settings.minimum_resource or 1, settings.first_resource)
        return total_cost(geometry.full())

    def _give_up(self, trial: Trial) -> None:
        trial.fail()
        self._account.end(trial)
        if self._first is not None:
            self._first.lose(trial)

    def _redraw_too_large(self, name: str) -> None:
        """Replace waiting configs whose batch size is not to be tried any more."""
        for trial in self._trials.values():
            is_waiting = trial.status in (TrialStatus.READY, TrialStatus.CUDAOOM)
            if trial.score or not is_waiting or self._space.allows(trial.configuration, name):
                continue
            if trial.num_redrawn >= MAX_ATTEMPTS:
                continue
            another = self._samples.redraw()
            if another is not None:
                trial.redraw(another)

    def _note(self, name: str, *arguments: Any) -> None:
        if self._log is not None:
            self._log.append(name, *arguments)


def check_batch_size_name(name: str | None, space: SearchSpace) -> None:
    """Check that ``name`` is None, or can be lowered when memory runs out.

    Raises:
        SpecError: It is not in the space, or has no steps.
    """
    if name is None or name in space.fixed:
        return
    if name not in space:
        raise SpecError(
            f"batch_size_name={name!r} is not in the search space{did_you_mean(name, space)}"
        )
    if not space[name].is_quantised:
        raise SpecError(
            f"batch_size_name={name!r} has the type {space[name].type}, which has no smaller "
            "neighbours; make it quniform or qloguniform"
        )


def as_priors(given: Any, space: SearchSpace) -> list[dict[str, Any]]:
    """The configs to be tried first, one or several, as a list.

    Raises:
        SpecError: A name is missing or unknown.
    """
    if given is None:
        return []
    configs = [given] if isinstance(given, Mapping) else list(given)
    for number, config in enumerate(configs):
        space.check_config(config, f"prior_hyper_parameters[{number}]")
    return [dict(config) for config in configs]
