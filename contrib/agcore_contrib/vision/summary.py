"""What `ImagePredictor.fit_summary` tells of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agcore_contrib.vision.search import SearchResult

_UNKNOWN = -1.0


def fit_summary(result: SearchResult, reward_attr: str, total_s: float) -> dict[str, Any]:
    """The best trial and all others, as plain values; -1 for a number that is not known.

    Args:
        result: What was found.
        reward_attr: Key of the reward in reports.
        total_s: Seconds that all of it took.
    """
    best = result.best
    settings = {
        name: value
        for name, value in result.scheduler.train_fn.args.items()
        if name not in result.scheduler.train_fn.cs.spaces and name != "data"
    }
    trials = result.scheduler.trials.values()
    return {
        "train_acc": best.metrics.get("train_acc", _UNKNOWN),
        "valid_acc": best.metrics.get("valid_acc", _UNKNOWN),
        "total_time": total_s,
        "best_config": {**settings, **best.config},
        "fit_history": {
            "best_reward": best.reward,
            "best_config": dict(best.config),
            "total_time": total_s,
            "config_history": {str(trial.trial_id): dict(trial.config) for trial in trials},
            "reward_attr": reward_attr,
            "best_trial": best.trial_id,
            "num_trials": len(result.scheduler.trials),
            "training_history": result.scheduler.training_history,
            "search_strategy": dict(result.scheduler.metadata),
        },
    }
