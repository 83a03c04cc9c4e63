"""`ImageClassification`: fit, evaluate and predict as scripts of 2019 call them.

A thin layer: arguments are translated for `agcore_contrib.vision.ImagePredictor`, which trains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import SpecError
from agcore.executor.resources import cpu_count, gpu_ids
from agcore.space import Categorical, SearchSpace, Space
from agcore_contrib.vision.classic.arrays import ClassicArray, classic_array
from agcore_contrib.vision.classic.choices import Nets, Optimizers, loss_of
from agcore_contrib.vision.classic.dataset import TaskDataset
from agcore_contrib.vision.classic.optimizer import by_name
from agcore_contrib.vision.predictor import ImagePredictor
from agcore_contrib.vision.strategies import strategy_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

DEFAULT_NETS = ("efficientnet_lite0", "efficientnet_lite1")
DEFAULT_OPTIMIZERS = ("sgd", "adam")

_CPUS = 4
_GPUS = 1


class Results(NamedTuple):
    """What a fit has found.

    Attributes:
        model: The trained predictor.
        reward: Its accuracy on the images held out.
        config: The best trial's settings, by dotted name.
        time: Seconds that all of it took.
        metadata: What was searched and how: ``net``, ``optimizer``, ``lr_scheduler``, every other
            space under the last part of its name, ``search_strategy``, ``stop_criterion`` and
            ``resources_per_trial``.
    """

    model: ImagePredictor
    reward: float
    config: dict[str, Any]
    time: float
    metadata: dict[str, Any]


class ImageClassificationTask:
    """Classification of images; it remembers its last fit, which `evaluate` and `predict` use.

    ``ImageClassification`` is the one that scripts share; make another for a state of your own.
    """

    Dataset = TaskDataset

    def __init__(self) -> None:
        self._results: Results | None = None

    def fit(
        self,
        dataset: TaskDataset,
        net: Any = None,
        optimizer: Any = None,
        lr_scheduler: Any = "cosine",
        loss: Any = None,
        metric: str = "accuracy",
        *,
        nets: Any = None,
        optimizers: Any = None,
        batch_size: Any = 64,
        epochs: Any = 20,
        fine_tune: Any = False,
        input_size: Any = None,
        split_ratio: float = 0.9,
        search_strategy: str = "random",
        search_options: Mapping[str, Any] | None = None,
        scheduler_options: Mapping[str, Any] | None = None,
        grace_period: int | None = None,
        max_reward: float | None = None,
        time_limits: float | None = None,
        num_trials: int | None = 2,
        nthreads_per_trial: int = _CPUS,
        ngpus_per_trial: int = _GPUS,
        random_state: int | None = None,
        output_directory: str | os.PathLike[str] | None = None,
        verbose: bool = False,
    ) -> Results:
        """Find a good network, optimiser and schedule, and train; the best trial's is kept.

        Any of the first few, of batch size, epochs and input size may be a space.

        Args:
            dataset: What `Dataset` makes, with a train path.
            net: Name of a network, a function of the number of classes that returns a torch module,
                or ``Nets`` of these; by default EfficientNet-Lite0 or 1.
            optimizer: What ``optimizer.SGD`` and its like make, a name, or ``Optimizers`` of these;
                by default SGD or Adam with ranges to search.
            lr_scheduler: ``'cosine'``, ``'poly'``, ``'step'`` or ``'constant'``.
            loss: A function of logits and labels; None or its old name for cross entropy.
            metric: ``'accuracy'``.
            nets: The same as ``net``.
            optimizers: The same as ``optimizer``.
            batch_size: Images in a step.
            epochs: Of each trial.
            fine_tune: Whether all weights are trained, not only those of the last layer.
            input_size: Pixels of each side; by default from the size of the images.
            split_ratio: Share of the images to train on; the others are held out to validate on.
            search_strategy: As for `ImagePredictor.fit`: ``'random'``, ``'bayesopt'``,
                ``'hyperband'`` ...
            search_options: Options of the searcher.
            scheduler_options: Options of the scheduler.
            grace_period: Epochs before Hyperband first decides; by default a quarter of ``epochs``.
            max_reward: Accuracy that ends the search.
            time_limits: Seconds for all of it.
            num_trials: Configs to try; None for as many as the time limit allows.
            nthreads_per_trial: CPUs of each trial; those that there are, if there are fewer.
            ngpus_per_trial: GPUs of each trial; those that there are, if there are fewer.
            random_state: Seed.
            output_directory: Folder for the run; by default it is not kept.
            verbose: Whether what happens is logged as information.

        Raises:
            SpecError: An argument breaks its rule, or the data cannot be learnt from.
            AgcoreError: No trial has finished an epoch in time.
            MissingExtraError: torch or Pillow is not installed.
        """
        _check_dataset(dataset)
        one_of("metric", metric, ("accuracy",))
        if not 0 < finite_number("split_ratio", split_ratio) < 1:
            raise SpecError(f"split_ratio={split_ratio!r} must be a share between 0 and 1")
        chosen_net = _either("net", net, "nets", nets, Nets(DEFAULT_NETS))
        chosen_optimizer = _either(
            "optimizer", optimizer, "optimizers", optimizers, Optimizers(DEFAULT_OPTIMIZERS)
        )
        if isinstance(chosen_optimizer, str):
            chosen_optimizer = by_name(chosen_optimizer)
        hyperparameters = {
            **_network(chosen_net),
            "optimizer": chosen_optimizer,
            "lr_scheduler": lr_scheduler,
            "loss": loss_of(loss),
            "batch_size": batch_size,
            "epochs": epochs,
            "fine_tune": fine_tune,
            **({} if input_size is None else {"input_size": input_size}),
        }
        resources = _resources(nthreads_per_trial, ngpus_per_trial)
        options = _options(search_strategy, scheduler_options, grace_period, max_reward, epochs)
        predictor = ImagePredictor(path=output_directory, verbosity=2 if verbose else 0)
        predictor.fit(
            dataset.train,
            time_limit="auto" if time_limits is None else time_limits,
            hyperparameters=hyperparameters,
            search_strategy=search_strategy,
            num_trials=num_trials,
            holdout_frac=1 - split_ratio,
            random_state=random_state,
            nthreads_per_trial=resources["num_cpus"],
            ngpus_per_trial=resources["num_gpus"],
            search_options=search_options,
            scheduler_options=options,
        )
        metadata = {
            "net": chosen_net,
            "optimizer": chosen_optimizer,
            "lr_scheduler": lr_scheduler,
            **_spaces(hyperparameters),
            "search_strategy": search_strategy,
            "stop_criterion": {"time_limits": time_limits, "max_reward": max_reward},
            "resources_per_trial": resources,
        }
        self._results = _results(predictor, metadata)
        return self._results

    def evaluate(self, dataset: TaskDataset) -> float:
        """Top-1 accuracy of the last fit on the test images of a dataset.

        Args:
            dataset: Without a test path its training images are meant. Images of unknown classes
                count as wrong.

        Raises:
            SpecError: There are no images, or `fit` has not been called.
        """
        _check_dataset(dataset)
        top1: float = self._last().model.evaluate(dataset.test).top1
        return top1

    def predict(self, X: Any) -> tuple[ClassicArray, ClassicArray]:  # noqa: N803  its old name
        """Number and probability of the most probable class by the last fit.

        Args:
            X: A path or an array, or a list of these.

        Returns:
            Two arrays of shape (n,). Of one image ``index.asscalar()`` is the number, and
            ``dataset.synsets`` has its name.

        Raises:
            ImageError: An image cannot be read.
            SpecError: `fit` has not been called.
        """
        found = self._last().model.predict_proba(X, as_pandas=False)
        best = found.argmax(axis=1)
        return classic_array(best), classic_array(found.max(axis=1))

    def _last(self) -> Results:
        if self._results is None:
            raise SpecError("nothing has been trained; call fit first")
        return self._results


ImageClassification = ImageClassificationTask()
"""The task that scripts import."""


def _check_dataset(dataset: Any) -> None:
    """Check that it is one of this task.

    Raises:
        SpecError: It is not.
    """
    if not isinstance(dataset, TaskDataset):
        raise SpecError(
            f"dataset is a {type(dataset).__name__}; pass task.Dataset(train_path=...), or use "
            "ImagePredictor for tables"
        )


def _either(name: str, value: Any, other: str, same: Any, default: Any) -> Any:
    """An argument that has two names.

    Raises:
        SpecError: Both are given.
    """
    if value is not None and same is not None:
        raise SpecError(f"{name} and {other} are the same; pass one of them")
    given = same if value is None else value
    return default if given is None else given


def _network(net: Any) -> dict[str, Any]:
    """Networks by name are the setting ``model``, users' own are ``net``.

    Raises:
        SpecError: It is neither, or both are mixed.
    """
    options = list(net) if isinstance(net, Categorical) else [net]
    if all(isinstance(option, str) for option in options):
        return {"model": net}
    if all(callable(option) for option in options):
        return {"net": net}
    raise SpecError(
        f"net={net!r} must be a name, a function of the number of classes, or Nets of the one or "
        "of the other"
    )


def _resources(num_cpus: int, num_gpus: int) -> dict[str, int]:
    """CPUs and GPUs of each trial, no more than there are."""
    return {
        "num_cpus": min(whole_number("nthreads_per_trial", num_cpus), cpu_count()),
        "num_gpus": min(whole_number("ngpus_per_trial", num_gpus, 0), len(gpu_ids())),
    }


def _results(predictor: ImagePredictor, metadata: dict[str, Any]) -> Results:
    """What a trained predictor says of itself."""
    summary = predictor.fit_summary()
    return Results(
        predictor, summary["valid_acc"], summary["best_config"], summary["total_time"], metadata
    )


def _options(
    search_strategy: str,
    scheduler_options: Mapping[str, Any] | None,
    grace_period: int | None,
    max_reward: float | None,
    epochs: Any,
) -> dict[str, Any]:
    """Options of the scheduler; what was asked for by name wins."""
    options = dict(scheduler_options or {})
    if max_reward is not None:
        options["max_reward"] = max_reward
    if grace_period is not None:
        options["grace_period"] = grace_period
    elif strategy_of(search_strategy).is_hyperband and isinstance(epochs, int):
        options.setdefault("grace_period", max(1, epochs // 4))
    return options


def _spaces(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that is searched but the network, by the last part of its name."""
    given = {
        name: value
        for name, value in hyperparameters.items()
        if isinstance(value, Space) and name not in ("model", "net")
    }
    found = SearchSpace(given).get_hyperparameters()
    return {hp.name.rpartition(".")[2]: hp.space for hp in found}
