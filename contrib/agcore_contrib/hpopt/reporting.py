"""What a training calls: from any process that has the trial's dictionary."""

from __future__ import annotations

import logging
import numbers
from typing import TYPE_CHECKING, Any

from agcore_contrib.hpopt.arguments import ArgumentTypeError, whole
from agcore_contrib.hpopt.opening import search_of
from agcore_contrib.hpopt.record import REPEATED, SCORE, trial_record
from agcore_contrib.hpopt.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore.history import Trial
    from agcore.records import Decision
    from agcore_contrib.hpopt.opening import OpenSearch

logger = logging.getLogger(__name__)


def report(config: Mapping[str, Any], score: float, epoch: int | None = None) -> Status:
    """Whether the training is to go on after an epoch.

    Reports are counted: the first one of an attempt is taken for epoch 1. So a training that is
    begun anew, because its process died or because it goes on after a rung, may report what it has
    reported before; that changes nothing. A training that goes on from its own checkpoint behind
    epoch ``config['resume_from']`` passes ``epoch``.

    Args:
        config: What `HpOpt.get_next_sample` returned.
        score: The metric; NaN or infinity ends the trial as diverged.
        epoch: Epochs trained, from 1.

    Returns:
        STOP or RUNNING.

    Raises:
        SpecError: It is no trial of a search, or ``epoch`` breaks a rule.
        ArgumentTypeError: The score is no number.
        JournalError: The search cannot be read or written.
    """
    search = search_of(config)
    trial = _trial(search, config)
    attempt, known = config["attempt"], config["known"]
    repeated = _repeated(search, config)
    if epoch is not None:
        resource = whole("epoch", epoch)
    else:
        resource = trial.resource + 1 if trial.resource > known else repeated + 1
    metrics: dict[str, Any] = {SCORE: _checked_score(score)}
    if resource > known and attempt and trial.resource <= known:
        metrics[REPEATED] = repeated
    decision = search.run.report(_reference(config), resource, **metrics)
    if resource <= known:
        repeated += 1
    status = _answer(search, config, resource, decision)
    _write(search, config, repeated)
    return status


def _checked_score(score: Any) -> float:
    if isinstance(score, bool) or not isinstance(score, numbers.Real):
        raise ArgumentTypeError(
            f"score={score!r} must be a number, as float(score) or score.item()"
        )
    return float(score)


def _answer(
    search: OpenSearch, config: Mapping[str, Any], resource: int, decision: Decision
) -> Status:
    if decision.stops:
        logger.info("trial %d stops: %s", config["trial_id"], decision.reason)
        return Status.STOP
    if resource >= search.settings.max_iterations:
        search.run.tell(_reference(config))
        return Status.STOP
    # A trial that is good enough at a rung goes on at once, with nobody asking for it.
    if decision.standing is not None and search.budget.is_exceeded(search.run):
        logger.info("trial %d stops: the budget does not hold the next rung", config["trial_id"])
        search.run.tell(_reference(config), state="stopped")
        return Status.STOP
    return Status.RUNNING


def reportOOM(config: Mapping[str, Any]) -> None:  # noqa: N802  # hpopt's own name
    """Say that memory ran out: batch sizes from the trial's on are not proposed any more.

    Another trial comes in its place.

    Args:
        config: What `HpOpt.get_next_sample` returned.

    Raises:
        SpecError: It is no trial of a search.
        JournalError: The search cannot be read or written.
    """
    search = search_of(config)
    _trial(search, config)
    search.run.tell(_reference(config), state="out_of_memory", error="CUDA out of memory")
    _write(search, config, _repeated(search, config))


def finalize_trial(config: Mapping[str, Any]) -> None:
    """Say that a training is over, if it may have ended before it was told to stop.

    Args:
        config: What `HpOpt.get_next_sample` returned.

    Raises:
        SpecError: It is no trial of a search.
        JournalError: The search cannot be read or written.
    """
    search = search_of(config)
    _trial(search, config)
    search.run.tell(_reference(config))
    _write(search, config, _repeated(search, config), is_final=True)


def _trial(search: OpenSearch, config: Mapping[str, Any]) -> Trial:
    trials = search.run.history.trials
    trial_id = whole("trial_id", config["trial_id"], 0)
    if trial_id not in trials:
        search.run.tell(_reference(config))  # says which there are
    return trials[trial_id]


def _reference(config: Mapping[str, Any]) -> dict[str, Any]:
    return {"trial_id": config["trial_id"], "attempt": config["attempt"]}


def _repeated(search: OpenSearch, config: Mapping[str, Any]) -> int:
    """Recorded epochs that this attempt has reported again, by the trial's file."""
    record = search.files.read_trial(config["trial_id"])
    if record.get("attempt") != config["attempt"]:
        return 0
    repeated = record.get("repeated")
    return repeated if type(repeated) is int else 0


def _write(
    search: OpenSearch, config: Mapping[str, Any], repeated: int, *, is_final: bool = False
) -> None:
    trial = _trial(search, config)
    record = trial_record(
        trial,
        search.settings.mode,
        attempt=config["attempt"],
        repeated=repeated,
        is_final=is_final,
    )
    search.files.write_trial(trial.trial_id, record)
