"""``agcore demo --task images``: tunes a network on small pictures of clothes, offline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from agcore.errors import SpecError
from agcore_contrib.vision.fashion import load_fashion4
from agcore_contrib.vision.images import square_pixels
from agcore_contrib.vision.predictor import ImagePredictor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agcore_contrib.vision.dataset import ImageDataset

TIME_LIMIT_S = 100.0
STRATEGY = "bayesopt_hyperband"

_SIDE = 28
_TAKEN = ("time_out", "num_trials", "seed", "scheduler", "searcher", "num_cpus", "quiet")


def demo_images(options: Mapping[str, Any]) -> int:
    """Tune, then compare with a logistic regression on the pixels; returns the exit code.

    Args:
        options: Those of ``agcore demo`` that were given.

    Raises:
        SpecError: One is given that has no effect here.
        MissingExtraError: The extra ``vision`` is not installed.
    """
    for name in options:
        if name not in _TAKEN:
            flag = f"--{name.replace('_', '-')}"
            raise SpecError(
                f"{flag} has no effect with --task images; it takes "
                f"{', '.join('--' + taken.replace('_', '-') for taken in _TAKEN)}"
            )
    train, test = load_fashion4()
    quiet = bool(options.get("quiet"))
    if not quiet:
        click.echo(
            f"{len(train)} pictures of {', '.join(train.classes)} ({_SIDE} x {_SIDE} pixels), and "
            f"{len(test)} to test on"
        )
    predictor = _tuned(train, options)
    began = time.monotonic()
    top1, _ = predictor.evaluate(test)
    _show(predictor, top1, time.monotonic() - began, _accuracy_of_pixels(train, test))
    return 0


def _tuned(train: ImageDataset, options: Mapping[str, Any]) -> ImagePredictor:
    limit = options.get("time_out")
    if limit is None:
        limit = TIME_LIMIT_S if options.get("num_trials") is None else "auto"
    tuning = {name: options[name] for name in ("scheduler", "searcher") if name in options}
    return ImagePredictor().fit(
        train,
        time_limit=limit,
        num_trials=options.get("num_trials"),
        random_state=options.get("seed", 0),
        nthreads_per_trial=options.get("num_cpus"),
        hyperparameter_tune_kwargs={"search_strategy": STRATEGY, **tuning},
    )


def _accuracy_of_pixels(train: ImageDataset, test: ImageDataset) -> float:
    """Test accuracy of a logistic regression on the grey pixels."""
    from sklearn.linear_model import LogisticRegression

    def pixels(data: ImageDataset) -> np.ndarray[Any, Any]:
        grey = [square_pixels(path, _SIDE)[:, :, 0].ravel() for path in data["image"]]
        return np.stack(grey) / 255.0

    model = LogisticRegression(max_iter=500).fit(pixels(train), train["label"])
    return float(model.score(pixels(test), test["label"]))


def _show(predictor: ImagePredictor, top1: float, seconds: float, of_pixels: float) -> None:
    summary = predictor.fit_summary()
    history = summary["fit_history"]
    click.echo(
        f"\n{history['num_trials']} trials in {summary['total_time']:.0f} s; the best is trial "
        f"{history['best_trial']}, validation accuracy {summary['valid_acc']:.4f}"
    )
    for name, value in history["best_config"].items():
        shown = f"{value:.6g}" if isinstance(value, float) else value
        click.echo(f"  {name:<16}{shown}")
    click.echo(f"\nTest accuracy (in {seconds:.0f} s)")
    click.echo(f"  the tuned network                 {top1:.4f}")
    click.echo(f"  logistic regression on the pixels {of_pixels:.4f}")
