"""`ImagePredictor`: images and their classes in, a tuned and trained network out."""

from __future__ import annotations

import copy
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import agcore.pickles
from agcore.checks import finite_number, one_of, whole_number
from agcore.errors import SpecError
from agcore_contrib.vision.dataset import ImageDataset
from agcore_contrib.vision.defaults import completed
from agcore_contrib.vision.errors import ImageError, needs_vision
from agcore_contrib.vision.evaluation import Evaluation
from agcore_contrib.vision.images import square_pixels
from agcore_contrib.vision.labels import checked_table, classes_of, numbers_of
from agcore_contrib.vision.networks import names
from agcore_contrib.vision.prepared import PreparedImages, read_images
from agcore_contrib.vision.request import fit_request
from agcore_contrib.vision.scores import top_accuracy
from agcore_contrib.vision.search import REWARD, search
from agcore_contrib.vision.settings import NETWORK_FILE
from agcore_contrib.vision.splits import stratified_split
from agcore_contrib.vision.summary import fit_summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from agcore.space import Space
    from agcore_contrib.vision.request import FitRequest
    from agcore_contrib.vision.search import SearchResult
    from agcore_contrib.vision.trained import Predictions, TrainedNetwork

logger = logging.getLogger(__name__)

FILE_NAME = "image_predictor.ag"
_TOP = 5
_PURPOSE = "ImagePredictor"


class ImagePredictor:
    """Classifies images.

    Args:
        label: Column with the classes.
        problem_type: ``'multiclass'``, ``'binary'`` or None, which is found out.
        eval_metric: ``'accuracy'``, or None for the same.
        path: Folder for runs and saved predictors; by default runs are in a temporary folder, and
            saved predictors in the working directory.
        verbosity: 0 to 4; from 2 on, what happens is logged as information.

    Raises:
        SpecError: An argument breaks its rule.
    """

    Dataset = ImageDataset

    def __init__(
        self,
        label: str = "label",
        problem_type: str | None = None,
        eval_metric: str | None = None,
        path: str | os.PathLike[str] | None = None,
        verbosity: int = 2,
    ) -> None:
        if problem_type is not None:
            one_of("problem_type", problem_type, ("multiclass", "binary"))
        if eval_metric is not None:
            one_of("eval_metric", eval_metric, ("accuracy",))
        self._label = label
        self._problem_type = problem_type
        self._path = None if path is None else Path(path).expanduser().absolute()
        self._verbosity = whole_number("verbosity", verbosity, 0)
        self._classes: list[Any] = []
        self._names: list[Any] = []
        self._trained: TrainedNetwork | None = None
        self._predictions: Predictions | None = None
        self._summary: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """Where `save` puts the predictor by default."""
        return Path.cwd() if self._path is None else self._path

    @property
    def classes(self) -> list[Any]:
        """The classes that it tells apart; empty before `fit`."""
        return list(self._classes)

    @staticmethod
    def list_models() -> tuple[str, ...]:
        """Names of all networks that can be trained here."""
        return names.list_models()

    def fit(
        self,
        train_data: pd.DataFrame,
        tuning_data: pd.DataFrame | None = None,
        time_limit: float | str | None = "auto",
        presets: str | Mapping[str, Any] | list[Any] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        *,
        search_strategy: str | None = None,
        num_trials: int | None = None,
        epochs: int | Space | None = None,
        holdout_frac: float = 0.1,
        random_state: int | None = None,
        nthreads_per_trial: int | None = None,
        ngpus_per_trial: float | None = None,
        hyperparameter_tune_kwargs: Mapping[str, Any] | None = None,
        search_options: Mapping[str, Any] | None = None,
        scheduler_options: Mapping[str, Any] | None = None,
    ) -> ImagePredictor:
        """Find good hyperparameters and train a network; the best trial's is kept.

        By default the last layer of EfficientNet-Lite0 is trained on what its other layers make of
        the images. A second call begins anew.

        Args:
            train_data: Columns ``image`` (paths) and the label.
            tuning_data: The same to validate on; by default ``holdout_frac`` of ``train_data``.
            time_limit: Seconds for all of it; ``'auto'``: two hours.
            presets: ``'best_quality'``, ``'good_quality_fast_inference'``,
                ``'medium_quality_faster_train'`` or ``'medium_quality_faster_inference'``.
            hyperparameters: Settings of training (`agcore_contrib.vision.settings.TrainSettings`),
                any of them a space; what says how to search may be among them, as
                ``{'search_strategy': 'hyperband', 'grace_period': 1}``.
            search_strategy: A searcher, a scheduler, or both: ``'random'``, ``'bayesopt'``,
                ``'hyperband'``, ``'bayesopt_hyperband'``, ``'tpe_pasha'`` ...
            num_trials: Configs to try. By default one if there is nothing to search; else as many
                as the time limit allows, up to 200, and 20 without a time limit.
            epochs: Of each trial.
            holdout_frac: Share of ``train_data`` to validate on.
            random_state: Seed.
            nthreads_per_trial: CPUs of each trial; by default all.
            ngpus_per_trial: GPUs of each trial; by default all.
            hyperparameter_tune_kwargs: A dict with ``num_trials``, ``searcher``, ``scheduler``,
                ``max_reward``, ``scheduler_options`` and so on.
            search_options: Options of the searcher.
            scheduler_options: Options of the scheduler. Under Hyperband there is one bracket, and
                under all with rungs the reduction factor is 2, unless they say otherwise.

        Returns:
            The predictor itself.

        Raises:
            SpecError: An argument breaks its rule, or the data cannot be learnt from.
            AgcoreError: No trial has finished an epoch in time.
            MissingExtraError: torch or Pillow is not installed.
        """
        began_s = time.monotonic()
        needs_vision("torch", _PURPOSE)
        request = fit_request(
            time_limit=time_limit,
            presets=presets,
            hyperparameters=hyperparameters,
            search_strategy=search_strategy,
            num_trials=num_trials,
            epochs=epochs,
            hyperparameter_tune_kwargs=hyperparameter_tune_kwargs,
            scheduler_options=scheduler_options,
            search_options=search_options,
        )
        _check_share("holdout_frac", holdout_frac)
        train = checked_table(train_data, self._label, "train_data")
        tuning = None
        names = list(train.classes) if isinstance(train, ImageDataset) else []
        if tuning_data is not None and not _is_empty(tuning_data):
            tuning = checked_table(tuning_data, self._label, "tuning_data")
            tuning = _numbered(tuning, self._label, names)
        classes = classes_of(train, self._label)
        if self._problem_type == "binary" and len(classes) > 2:
            raise SpecError(
                f"problem_type='binary' has two classes, and train_data has {len(classes)}; leave "
                "it out, or pass 'multiclass'"
            )
        folder = self._run_folder()
        try:
            result = self._search(
                request,
                train,
                tuning,
                classes,
                folder,
                began_s,
                holdout_frac,
                random_state,
                nthreads_per_trial,
                ngpus_per_trial,
            )
            self._keep(result, classes, names, time.monotonic() - began_s)
        finally:
            if self._path is None:
                shutil.rmtree(folder, ignore_errors=True)
        return self

    def _search(
        self,
        request: FitRequest,
        train: pd.DataFrame,
        tuning: pd.DataFrame | None,
        classes: list[Any],
        folder: Path,
        began_s: float,
        holdout_frac: float,
        random_state: int | None,
        num_cpus: int | None,
        num_gpus: float | None,
    ) -> SearchResult:
        """Read the images, divide them, and try configs."""
        tables = [train] if tuning is None else [train, tuning]
        paths = [str(path) for table in tables for path in table["image"]]
        labels = np.concatenate([numbers_of(table, self._label, classes) for table in tables])
        settings = completed(
            request.hyperparameters,
            images=paths,
            time_limit_s=request.time_limit_s,
            is_search=request.is_search,
        )
        data = folder / "images"
        data.mkdir()
        images = prepare_images(
            data,
            paths,
            labels,
            len(classes),
            _first_size(settings),
            first_tuning=None if tuning is None else len(train),
            holdout_frac=holdout_frac,
            random_state=random_state,
        )
        _warn_of_missing(images, classes)
        return search(
            request,
            settings,
            data,
            folder / "run",
            began_s=began_s,
            num_cpus=num_cpus,
            num_gpus=num_gpus,
            random_state=random_state,
        )

    def _keep(
        self, result: SearchResult, classes: list[Any], names: list[Any], total_s: float
    ) -> None:
        """Take over what a search has found."""
        from agcore_contrib.vision.trained import TrainedNetwork

        self._trained = TrainedNetwork.load(result.checkpoint / NETWORK_FILE)
        self._predictions = None
        self._classes, self._names = classes, names
        self._summary = fit_summary(result, REWARD, total_s)
        logger.log(
            logging.INFO if self._verbosity >= 2 else logging.DEBUG,
            "validation accuracy %.4f after %d trials in %.1f s",
            self._summary["valid_acc"],
            len(result.scheduler.trials),
            total_s,
        )

    def _run_folder(self) -> Path:
        """A new folder for the files of one fit."""
        if self._path is None:
            return Path(tempfile.mkdtemp(prefix="agcore-images-"))
        self._path.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = self._path / f"fit-{number:03d}"
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1

    def fit_summary(self) -> dict[str, Any]:
        """What `fit` has found: ``train_acc``, ``valid_acc``, ``total_time`` in seconds,
        ``best_config``, and ``fit_history`` with all configs.

        Raises:
            SpecError: `fit` has not been called.
        """  # noqa: D205  the first sentence is long
        self._used()
        return copy.deepcopy(self._summary)

    def evaluate(self, data: pd.DataFrame) -> Evaluation:
        """Top-1 and top-5 accuracy on other images.

        Args:
            data: As ``train_data`` of `fit`. Images of unknown classes count as wrong; those that
                cannot be read are left out, with a warning that counts them.

        Raises:
            SpecError: There are no images, or `fit` has not been called.
        """
        self._used()
        table = checked_table(data, self._label, "data")
        table = _numbered(table, self._label, self._names)
        labels = numbers_of(table, self._label, self._classes, unknown=-1)
        pixels, rows = self._readable([str(path) for path in table["image"]])
        found = self._network().probabilities(pixels)
        return Evaluation(
            top_accuracy(found, labels[rows], 1), top_accuracy(found, labels[rows], _TOP)
        )

    def predict(self, data: Any, as_pandas: bool = True) -> Any:
        """The class of each image.

        Args:
            data: A path, an array (one image), a list of these, or a table with the column
                ``image``.
            as_pandas: Whether to return a Series, which is indexed as the table; else a list.

        Raises:
            ImageError: An image cannot be read.
            SpecError: `fit` has not been called.
        """
        images, index = _images_in(data)
        best = self._probabilities(images).argmax(axis=1)
        found = [self._classes[k] for k in best]
        return pd.Series(found, index=index, name=self._label) if as_pandas else found

    def predict_proba(self, data: Any, as_pandas: bool = True) -> Any:
        """The probability of each class, a column for each, for images as `predict` takes them."""
        images, index = _images_in(data)
        found = self._probabilities(images)
        return pd.DataFrame(found, index=index, columns=self._classes) if as_pandas else found

    def predict_feature(self, data: Any, as_pandas: bool = True) -> Any:
        """What the network knows of each image before its last layer.

        Returns:
            A table with the column ``image_feature``, an array in each row; or an array of shape
            (n, num_features).
        """
        images, index = _images_in(data)
        self._used()
        found = self._network().features(self._pixels(images))
        if not as_pandas:
            return found
        return pd.DataFrame({"image_feature": list(found)}, index=index)

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the predictor to a file, by default ``image_predictor.ag`` in its folder.

        Returns:
            The file.
        """
        target = self.path / FILE_NAME if path is None else Path(path).expanduser()
        if target.is_dir():
            target = target / FILE_NAME
        agcore.pickles.save(self, target)
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str], verbosity: int = 2) -> ImagePredictor:
        """What `save` wrote. Only load files you trust: loading a pickle can run any code.

        Args:
            path: The file, or its folder.
            verbosity: As of a new predictor.

        Raises:
            SpecError: There is no such file, or it holds something else.
        """
        source = Path(path).expanduser()
        if source.is_dir():
            source = source / FILE_NAME
        loaded = agcore.pickles.load(source)
        if not isinstance(loaded, cls):
            raise SpecError(f"{source} holds a {type(loaded).__name__}, not an ImagePredictor")
        loaded.__setstate__({**loaded.__getstate__(), "_verbosity": verbosity})
        return loaded

    @classmethod
    def of_network(
        cls, trained: TrainedNetwork, classes: Sequence[Any], summary: Mapping[str, Any]
    ) -> ImagePredictor:
        """A predictor with a network that was trained elsewhere.

        Args:
            trained: The network.
            classes: What its outputs stand for.
            summary: What `fit_summary` is to return.
        """
        made = cls()
        made._trained, made._classes, made._summary = trained, list(classes), dict(summary)
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_predictions": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _used(self) -> TrainedNetwork:
        if self._trained is None:
            raise SpecError("this predictor has not been trained; call fit first")
        return self._trained

    def _network(self) -> Predictions:
        if self._predictions is None:
            from agcore_contrib.vision.trained import Predictions

            self._predictions = Predictions(self._used())
        return self._predictions

    def _probabilities(self, images: list[Any]) -> NDArray[np.float64]:
        self._used()
        if not images:
            return np.empty((0, len(self._classes)))
        return self._network().probabilities(self._pixels(images))

    def _pixels(self, images: list[Any]) -> NDArray[np.uint8]:
        size = self._used().input_size
        found = [square_pixels(image, size) for image in images]
        return np.stack(found) if found else np.empty((0, size, size, 3), dtype=np.uint8)

    def _readable(self, images: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Pixels of the images that can be read, and their rows."""
        size = self._used().input_size
        pixels, rows, failures = [], [], []
        for row, image in enumerate(images):
            try:
                pixels.append(square_pixels(image, size))
                rows.append(row)
            except ImageError as error:
                failures.append(str(error))
        if not rows:
            raise SpecError(f"none of the {len(images)} images can be read: {failures[0]}")
        if failures:
            logger.warning(
                "%d of %d images are left out: %s", len(failures), len(images), failures[0]
            )
        return np.stack(pixels), np.asarray(rows, dtype=np.int64)


def prepare_images(
    data: Path,
    paths: list[str],
    labels: NDArray[np.int64],
    num_classes: int,
    size: int,
    *,
    first_tuning: int | None,
    holdout_frac: float,
    random_state: int | None,
) -> PreparedImages:
    """The images that can be read, decoded and divided, in a folder for trials.

    Raises:
        SpecError: What is left has one class only, or nothing to validate on.
    """
    rows = read_images(paths, data, size).rows
    kept = labels[rows]
    if first_tuning is None:
        train, valid = stratified_split(kept, holdout_frac, random_state)
    else:
        train = np.flatnonzero(rows < first_tuning)
        valid = np.flatnonzero(rows >= first_tuning)
    present = np.unique(kept[train])
    if len(present) < 2:
        raise SpecError(
            f"the training images that can be read are of {len(present)} class; there must be at "
            "least two to tell apart"
        )
    if not len(valid):
        raise SpecError(
            f"no image is left to validate on: {len(kept)} can be read; pass tuning_data, or more "
            "images of each class"
        )
    images = PreparedImages(
        data, tuple(paths[row] for row in rows), kept, train, valid, num_classes
    )
    images.write()
    return images


def _warn_of_missing(images: PreparedImages, classes: list[Any]) -> None:
    for what, rows in (("train", images.train_rows), ("validate", images.valid_rows)):
        missing = sorted(set(range(len(classes))) - set(images.labels[rows].tolist()))
        if missing:
            logger.warning(
                "there are no images to %s on of %s",
                what,
                ", ".join(str(classes[k]) for k in missing),
            )


def _first_size(settings: Mapping[str, Any]) -> int:
    """The size that images are decoded in first; of a searched one, its default."""
    size = settings["input_size"]
    return int(getattr(size, "default", size))


def _check_share(name: str, value: Any) -> None:
    number = finite_number(name, value)
    if not 0 < number < 1:
        raise SpecError(f"{name}={value!r} must be a share between 0 and 1")


def _is_empty(data: Any) -> bool:
    return isinstance(data, pd.DataFrame) and not len(data)


def _numbered(data: pd.DataFrame, label: str, names: list[Any]) -> pd.DataFrame:
    """``data``; a dataset that numbers its classes otherwise than training did is renumbered."""
    if not isinstance(data, ImageDataset) or label != "label":
        return data
    own, numbers = data.classes, data[label]
    if not names or not own or own[: len(names)] == names:
        return data
    if not pd.api.types.is_integer_dtype(numbers) or not numbers.between(0, len(own) - 1).all():
        return data  # the user's own labels
    return data.numbered_as(names)


def _images_in(data: Any) -> tuple[list[Any], Any]:
    """The images, and the index of what is said of them."""
    if isinstance(data, pd.DataFrame):
        if "image" not in data.columns:
            raise SpecError(
                f"data has no column 'image'; it has {', '.join(map(str, data.columns))}"
            )
        return list(data["image"]), data.index
    if isinstance(data, pd.Series):
        return list(data), data.index
    if isinstance(data, (str, os.PathLike)):
        return [data], None
    if isinstance(data, np.ndarray):
        return (list(data), None) if data.ndim == 4 else ([data], None)
    if isinstance(data, (list, tuple)):
        return list(data), None
    return [data], None  # a PIL image, or what the reader will refuse
