"""What a run has found: the reading half of all schedulers."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from agcore.errors import AgcoreError, SpecError
from agcore.explanations import explain_trial
from agcore.figures import Curve, learning_curves
from agcore.history import BestTrial
from agcore.scheduler.rewards import reader_for
from agcore.trade_offs import ParetoPoint, pareto_front

if TYPE_CHECKING:
    from collections import OrderedDict

    from agcore.history import Ancestor, RunHistory, Trial
    from agcore.jobs import Config
    from agcore.records import Reported
    from agcore.scheduler.settings import RunSettings

logger = logging.getLogger("agcore")


class RunResults:
    """A run as tables, curves and its best trial.

    Args:
        history: The run.
        settings: How its reports are named and compared.
    """

    def __init__(self, history: RunHistory, settings: RunSettings) -> None:
        self._history = history
        self._settings = settings
        self._rewards = reader_for(settings)

    @property
    def training_history(self) -> OrderedDict[str, list[dict[str, Any]]]:
        """Reports of every trial that has any: trial id as a string -> list of dicts."""
        return self.history.training_history()

    @property
    def config_history(self) -> OrderedDict[str, Config]:
        """Configs of the trials that have reported: trial id as a string -> config."""
        return self.history.config_history()

    @property
    def trials(self) -> dict[int, Trial]:
        """All trials by id: config, state, reports, decisions, error, traceback."""
        return dict(self.history.trials)

    @property
    def history(self) -> RunHistory:
        """The run as a list of events and what follows from them. Read only."""
        return self._history

    @property
    def num_finished_tasks(self) -> int:
        """Number of trials that have ended."""
        return self.history.num_ended

    @property
    def finished_tasks(self) -> list[dict[str, Any]]:
        """The trials that have ended, as ``{'TASK_ID': ..., 'Config': ...}``."""
        live = ("running", "paused")
        return [
            {"TASK_ID": trial.trial_id, "Config": dict(trial.config)}
            for trial in self.history.trials.values()
            if trial.state.value not in live
        ]

    @property
    def _start_time(self) -> float | None:
        # The name under which the tutorial's scripts know the start of the run.
        return self.history.start_s

    @property
    def _reward_attr(self) -> str:
        return self._settings.reward_attr

    @property
    def _time_attr(self) -> str:
        return self._settings.time_attr

    def best(self, at: str | int | None = None) -> BestTrial | None:
        """The best trial, or None while there is none.

        Where the reward is made of several objectives, the reports are compared on the scale of
        all that was seen until now.

        Args:
            at: ``'any'`` report of a trial may make it the best, only its ``'last'``, or
                only the one at a given resource (a rung). By default as ``trial_value`` says.

        Raises:
            SpecError: The run has several objectives and no scalarisation, so there is no best.
        """
        if not self._settings.has_best:
            names = ", ".join(self._settings.reported_names)
            raise SpecError(
                f"the run has several objectives ({names}), so no trial is the best; choose one of "
                "get_pareto_front()"
            )
        best = self.history.best(at)
        if best is None or self._settings.objectives is None:
            return best
        return self._best_on_present_scale(at)

    def _best_on_present_scale(self, at: str | int | None) -> BestTrial | None:
        """The best trial by what its reports are worth now."""
        where = at
        if where is None:
            where = "any" if self._settings.trial_value == "best" else "last"
        best: BestTrial | None = None
        for trial in self.history.trials.values():
            for report in _reports_for(trial, where) if trial.state.counts_for_best else ():
                reward = self._rewards.read(report.metrics).reward
                if best is None or reward > best.reward:
                    best = BestTrial(
                        trial.trial_id,
                        trial.config,
                        reward,
                        report.resource,
                        report.metrics,
                        trial.state,
                    )
        return best

    def get_pareto_front(self) -> list[ParetoPoint]:
        """The reports that no other beats in all objectives, the best in the first one first.

        Every report of a trial counts (with ``trial_value='last'`` its last only), so a trial may
        be there more than once. Failed and diverged trials do not count. Empty without reports.

        Raises:
            SpecError: The run has one reward only.
        """
        objectives = self._settings.objectives
        if objectives is None:
            raise SpecError(
                f"the run has one reward, {self._settings.reward_attr!r}, and so no Pareto front; "
                "pass reward_attr=['accuracy', 'latency'] and mode=['max', 'min'] for several"
            )
        return pareto_front(self.history, objectives, self._settings.trial_value)

    def explain(self, trial_id: int | str) -> str:
        """Why a trial was proposed, what became of it and why, in sentences of 80 columns.

        Raises:
            SpecError: There is no such trial.
        """
        return explain_trial(self.history, trial_id)

    def lineage(self, trial_id: int | str) -> list[Ancestor]:
        """The line that leads to a trial, the trial itself last: which config from where to where.

        Only population-based training has lines of more than one trial.

        Raises:
            SpecError: There is no such trial.
        """
        return self.history.lineage(int(trial_id))

    def get_best_config(self) -> Config:
        """Config of the best trial; empty while there is none.

        Raises:
            SpecError: As `best`.
        """
        best = self.best()
        return dict(best.config) if best else {}

    def get_best_reward(self) -> float:
        """The best reward; while there is none, minus infinity (plus, if ``mode='min'``).

        Raises:
            SpecError: As `best`.
        """
        best = self.best()
        return best.reward if best else self.history.to_users_sign(-float("inf"))

    def get_best_task_id(self) -> str:
        """Id of the best trial, as it is a key of ``training_history``.

        Raises:
            AgcoreError: No trial has reported a reward that counts.
            SpecError: As `best`.
        """
        best = self.best()
        if best is None:
            raise AgcoreError(
                f"there is no best trial: {len(self.history.trials)} trials have started and "
                f"{self.history.num_failures} have failed, none has a reward that counts"
            )
        return str(best.trial_id)

    def get_training_curves(
        self, filename: str | None = None, plot: bool = False, use_legend: bool = True
    ) -> None:
        """Draw the reward of every trial against its resource.

        Args:
            filename: Where to save the picture, or None.
            plot: Whether to show it.
            use_legend: Whether to name the trials.
        """
        if filename is None and not plot:
            logger.warning("get_training_curves does nothing without filename= or plot=True")
            return
        curves = [
            Curve(
                f"task {trial.trial_id}",
                [report.resource for report in trial.reports],
                [self.history.to_users_sign(report.reward) for report in trial.reports],
                trial.state,
            )
            for trial in self.history.trials.values()
            if trial.reports
        ]
        learning_curves(
            curves,
            y_label=self._settings.reward_attr,
            x_label=self._settings.time_attr,
            filename=filename,
            show=plot,
            legend=use_legend,
        )


def _reports_for(trial: Trial, at: str | int) -> list[Reported]:
    """The finite reports of a trial that may stand for it."""
    if at == "any":
        return [report for report in trial.reports if not math.isnan(report.reward)]
    report = trial.report_for(at)
    return [] if report is None else [report]
