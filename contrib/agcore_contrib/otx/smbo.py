"""``search_algorithm: smbo``: full trainings of configs that a Gaussian process proposes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import JournalError, SpecError
from agcore.json_values import with_names
from agcore.records import Observation, Pending, SuggestRequest
from agcore.run_directory import write_json
from agcore.searcher import BaseSearcher, searcher_factory
from agcore.space import SearchSpace as AgcoreSpace
from agcore_contrib.otx.bracket import MODES
from agcore_contrib.otx.call_log import CallLog
from agcore_contrib.otx.hyperband import MAX_ATTEMPTS, as_priors, check_batch_size_name
from agcore_contrib.otx.results import trial_line
from agcore_contrib.otx.trial import Trial, TrialStatus, best_of, reward_of
from agcore_contrib.spaces.search_space import SearchSpace

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

_FOLDER = "0"


class Smbo:
    """Finds the best config by Bayesian optimisation; every trial is trained in full.

    Args:
        search_space: What is tuned.
        save_path: Folder for results and for what resuming needs; None for neither.
        mode: ``'max'`` or ``'min'``.
        metric: Its name; recorded, and compared when a search is resumed.
        num_trials: How many there are; by default as many as the budget holds.
        num_workers: Trials that run at once; multiplies the budget.
        num_full_iterations: Epochs of the final training.
        expected_time_ratio: Time for the search in units of the final training.
        maximum_resource: Epochs of a trial; those of the final training if not given.
        prior_hyper_parameters: A config, or several, to be tried first.
        batch_size_name: The hyperparameter that is lowered when memory runs out, or None.
        resume: Whether to go on with the search in ``save_path``, if there is one. It is asked and
            told all of it again, so it proposes the same.
        random_seed: Of the configs.

    Raises:
        SpecError: An argument breaks a rule, the budget holds no trial, or the search in
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
        expected_time_ratio: float = 4,
        maximum_resource: int | None = None,
        prior_hyper_parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        batch_size_name: str | None = None,
        resume: bool = False,
        random_seed: int = 0,
    ) -> None:
        one_of("mode", mode, MODES)
        self.mode = mode
        self.save_path = None if save_path is None else Path(save_path)
        if isinstance(search_space, SearchSpace):
            self._space = search_space.copy()
        else:
            self._space = SearchSpace(search_space)
        check_batch_size_name(batch_size_name, self._space)
        self._batch_size_name = batch_size_name
        self._priors = as_priors(prior_hyper_parameters, self._space)
        self._epochs = whole_number("num_full_iterations", num_full_iterations)
        budget = finite_number("expected_time_ratio", expected_time_ratio, "a number above 0")
        budget *= self._epochs * whole_number("num_workers", num_workers)
        if maximum_resource is not None:
            self._epochs = whole_number("maximum_resource", maximum_resource)
        self._num_trials = math.floor(budget / self._epochs)
        if num_trials is not None:
            self._num_trials = whole_number("num_trials", num_trials)
        if self._num_trials < 1:
            raise SpecError(
                f"the budget of {budget:g} epochs holds no trial of {self._epochs} epochs; raise "
                "expected_time_ratio, or lower maximum_resource"
            )
        self._seed = whole_number("random_seed", random_seed, least=0)
        record = {
            "search_space": self._space.description(),
            "search_algorithm": "smbo",
            "mode": mode,
            "metric": metric,
            "num_trials": num_trials,
            "num_workers": num_workers,
            "num_full_iterations": num_full_iterations,
            "expected_time_ratio": expected_time_ratio,
            "maximum_resource": maximum_resource,
            "prior_hyper_parameters": list(self._priors),
            "batch_size_name": batch_size_name,
            "random_seed": self._seed,
        }
        self._trials: list[Trial] = []
        self._seen: set[str] = set()
        self._num_draws = 0
        self._is_used_up = len(self._space) == 0
        self._searcher: BaseSearcher | None = None
        if not self._is_used_up:
            self._new_searcher()
        self._log: CallLog | None = None
        if self.save_path is not None:
            log = CallLog(self.save_path, record, resume)
            for name, arguments in log.calls():
                getattr(self, name)(*arguments)
            self._log = log
            self.give_back_running()

    # -- the loop's questions --------------------------------------------------------------

    def get_next_sample(self) -> Trial | None:
        """The next trial to be trained, or None if nothing can be started now."""
        trial = next((trial for trial in self._trials if trial.is_waiting), None)
        if trial is None and len(self._trials) < self._num_trials:
            config = self._next_config()
            if config is None:
                return None
            trial = Trial(str(len(self._trials)), config, {"subset_ratio": None})
            trial.aim_at(self._epochs)
            self._trials.append(trial)
        if trial is not None:
            self._note("get_next_sample")
            trial.hand_out()
        return trial

    def report_score(
        self, score: float, resource: int, trial_id: str | int, done: bool = False
    ) -> TrialStatus:
        """What a trial is to do; as for `HyperBand.report_score`."""
        trial = self._trial(trial_id)
        if done:
            trial.finalize()
            self._note("report_score", 0, 0, trial.id, True)
            self._observe(trial)
            return TrialStatus.STOP
        trial.register_score(score, resource)
        self._note("report_score", float(score), int(resource), trial.id)
        return TrialStatus.STOP if trial.progress >= self._epochs else TrialStatus.RUNNING

    def report_trial_exit_abnormally(self, trial_id: str | int) -> None:
        """Take note that a trial's process has vanished; it is offered again, a few times."""
        trial = self._trial(trial_id)
        self._note("report_trial_exit_abnormally", trial.id)
        trial.num_lost += 1
        if trial.num_lost >= MAX_ATTEMPTS:
            trial.fail()
        else:
            trial.give_back()

    def report_failure(self, trial_id: str | int) -> None:
        """Take note that a trial's function raised; it is out."""
        trial = self._trial(trial_id)
        self._note("report_failure", trial.id)
        trial.fail()

    def report_out_of_memory(self, trial_id: str | int) -> None:
        """Take note that memory ran out: batch sizes from the trial's on are not proposed again.

        Raises:
            SpecError: No batch size is left that could be trained.
        """
        trial = self._trial(trial_id)
        self._note("report_out_of_memory", trial.id)
        trial.status = TrialStatus.CUDAOOM
        trial.num_redrawn += 1
        if self._batch_size_name is not None:
            self._space.lower(self._batch_size_name, trial.configuration[self._batch_size_name])
            self._new_searcher()
        another = None
        if not trial.score and trial.num_redrawn < MAX_ATTEMPTS:
            another = self._next_config()
        if another is None:
            trial.fail()
        else:
            trial.redraw(another)

    def give_back_running(self) -> None:
        """Take note that all processes have ended with their session; their trials are offered."""
        running = [trial for trial in self._trials if trial.is_running]
        if running:
            self._note("give_back_running")
        for trial in running:
            trial.give_back()

    def is_done(self) -> bool:
        """Whether no trial has to be started any more."""
        is_last = self._is_used_up or len(self._trials) >= self._num_trials
        return is_last and all(trial.is_done and not trial.is_running for trial in self._trials)

    def get_progress(self) -> float:
        """Share of the search that is behind us: 1 when it is done, below 1 before."""
        if self.is_done():
            return 1.0
        epochs = sum(self._epochs if trial.is_done else trial.progress for trial in self._trials)
        return min(epochs / (self._num_trials * self._epochs), 0.99)

    # -- results ---------------------------------------------------------------------------

    @property
    def best_trial(self) -> Trial | None:
        """The trial with the best score, or None."""
        return best_of(self._trials, self.mode)

    def get_best_config(self) -> dict[str, Any] | None:
        """``id`` and ``config`` of the trial with the best score, or None."""
        best = self.best_trial
        return None if best is None else {"id": best.id, "config": dict(best.configuration)}

    def get_inferior_trials(self) -> list[str]:
        """Ids of the trials that have ended and are not the best."""
        best = self.best_trial
        return [t.id for t in self._trials if t.is_done and not t.is_running and t is not best]

    def save_results(self) -> None:
        """Write ``<save_path>/0/<trial>.json``.

        Raises:
            SpecError: There is no ``save_path``.
            JournalError: They cannot be written.
        """
        if self.save_path is None:
            raise SpecError("save_results needs a folder; pass save_path=")
        place = self.save_path / _FOLDER
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{place} cannot be made: {error.strerror}") from error
        for trial in self._trials:
            write_json(place / f"{trial.id}.json", with_names(trial.record()))

    def print_result(self) -> None:
        """Print the best config and all trials."""
        best = self.get_best_config()
        first = "no trial has a score" if best is None else f"best trial: {best}"
        lines = ["HPO result", first, *(trial_line(trial, self.mode) for trial in self._trials)]
        print("\n".join(lines))  # noqa: T201

    # -- proposals -------------------------------------------------------------------------

    def _trial(self, trial_id: str | int) -> Trial:
        for trial in self._trials:
            if trial.id == str(trial_id):
                return trial
        raise SpecError(f"trial_id={trial_id!r} is no trial; pass the id of a sample")

    def _note(self, name: str, *arguments: Any) -> None:
        if self._log is not None:
            self._log.append(name, *arguments)

    def _next_config(self) -> dict[str, Any] | None:
        """A config that has not been tried: those given first, then proposals."""
        while self._priors:
            config = {**self._priors.pop(0), **self._space.fixed}
            if self._is_new(config):
                return config
        proposed = self._proposed()
        self._is_used_up = proposed is None or not self._is_new(proposed)
        return None if self._is_used_up else proposed

    def _proposed(self) -> dict[str, Any] | None:
        if self._searcher is None:
            return self._space.from_unit({}) if self._space.fixed and not self._seen else None
        running = [trial for trial in self._trials if trial.is_running]
        pending = [
            Pending(int(trial.id), config)
            for trial in running
            if (config := self._space.agcore_config(trial.configuration)) is not None
        ]
        suggestion = self._searcher.suggest(SuggestRequest(self._num_draws, pending))
        self._num_draws += 1
        return None if suggestion is None else self._space.from_agcore(suggestion.config)

    def _new_searcher(self) -> None:
        """Have a searcher in the present space, which knows what has been seen there."""
        self._searcher = None
        if not self._space:
            return
        self._searcher = searcher_factory(
            "bayesopt",
            AgcoreSpace(self._space.to_agcore()),
            {
                "random_seed": self._seed,
                "first_is_default": False,
                "constraint": self._would_be_new,
            },
        )
        for trial in self._trials:
            if trial.status is TrialStatus.STOP:
                self._observe(trial)

    def _observe(self, trial: Trial) -> None:
        config = self._space.agcore_config(trial.configuration)
        reward = reward_of(trial, self.mode)
        if config is not None and self._searcher is not None:
            value = reward if math.isfinite(reward) else math.nan
            self._searcher.observe(Observation(int(trial.id), config, None, value))

    def _would_be_new(self, config: Mapping[str, Any]) -> bool:
        """Whether a proposal is something new, rounded as the space has it."""
        return _key(self._space.from_agcore(config)) not in self._seen

    def _is_new(self, config: Mapping[str, Any]) -> bool:
        """Whether a config has not been seen; it has been from now on."""
        key = _key(config)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new


def _key(config: Mapping[str, Any]) -> str:
    return repr(sorted((name, repr(value)) for name, value in config.items()))
