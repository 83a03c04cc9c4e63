"""What a user's train function gets: ``train(settings, report)``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from agcore.errors import did_you_mean
from agcore_contrib.otx.dotted import get_nested, set_nested

if TYPE_CHECKING:
    from pathlib import Path

    from agcore_contrib.otx.child import ReportFunction

OWN_NAMES = (
    "data_root",
    "epochs",
    "first_epoch",
    "is_probe",
    "load_from",
    "model_name",
    "save_to",
    "shared_dir",
    "val_data_root",
)


class TrainSettings:
    """The hyperparameters of one training as attributes, and where its files are.

    ``settings.learning_parameters.batch_size`` and ``settings["learning_parameters.batch_size"]``
    are the same. What the model's template holds beside what is searched is there as well, so
    ``settings.learning_parameters.num_iters`` is the epochs of a full training.

    Args:
        hyper_parameters: Values, nested as their dotted names are.
        data_root: Folder or file of the training data.
        val_data_root: The same of the validation data, or None.
        epochs: To be trained in all.
        load_from: Folder with the weights to start from, or None.
        is_probe: Whether only memory is tried.
        model_name: What the template calls the model.
        shared_dir: Folder that all trainings of the workspace share, or None.
        report: What the function gets beside the settings.

    Attributes:
        data_root: Folder or file of the training data.
        val_data_root: The same of the validation data, or None.
        epochs: The epoch to be trained up to.
        first_epoch: The epoch to begin with, from 1; later where a trial goes on.
        load_from: Folder with what was saved before ``first_epoch``, to go on from; at epoch 1 the
            weights that all trainings start from, or None to draw them.
        is_probe: Whether this is only to see if memory suffices: one batch and a report are enough.
        model_name: What the template calls the model.
        shared_dir: Folder that all trainings of the workspace share, for what is computed from the
            data once; it may not exist yet. None outside of a workspace.
    """

    def __init__(
        self,
        hyper_parameters: Mapping[str, Any],
        *,
        data_root: Path,
        val_data_root: Path | None,
        epochs: int,
        load_from: Path | None,
        is_probe: bool,
        report: ReportFunction,
        model_name: str = "",
        shared_dir: Path | None = None,
    ) -> None:
        self.data_root = data_root
        self.val_data_root = val_data_root
        self.epochs = epochs
        self.first_epoch = report.resume_from + 1
        self.load_from = report.latest_checkpoint or load_from
        self.is_probe = is_probe
        self.model_name = model_name
        self.shared_dir = shared_dir
        self._report = report
        self.__dict__.update({name: _node(value) for name, value in hyper_parameters.items()})

    @property
    def save_to(self) -> Path:
        """An empty folder: what is in it at the next report is kept together with its score."""
        return self._report.checkpoint_dir

    def __getitem__(self, name: str) -> Any:
        return get_nested(self, name)

    def __getattr__(self, name: str) -> Any:
        known = [*OWN_NAMES, *(key for key in self.__dict__ if not key.startswith("_"))]
        raise AttributeError(f"settings has no {name!r}{did_you_mean(name, known)}")


def _node(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return SimpleNamespace(**{key: _node(item) for key, item in value.items()})


class SettingsCall:
    """Calls a user's train function as `run_hpo_loop` calls train functions.

    Args:
        function: ``train(settings, report)``.
        hyper_parameters: The model's values; those that are searched are replaced.
        data_root: As for `TrainSettings`.
        val_data_root: As for `TrainSettings`.
        load_from: Where all trainings start, or None.
        is_probe: As for `TrainSettings`.
        model_name: As for `TrainSettings`.
        shared_dir: As for `TrainSettings`.
    """

    def __init__(
        self,
        function: Callable[[TrainSettings, ReportFunction], Any],
        hyper_parameters: Mapping[str, Any],
        data_root: Path,
        val_data_root: Path | None = None,
        load_from: Path | None = None,
        is_probe: bool = False,
        *,
        model_name: str = "",
        shared_dir: Path | None = None,
    ) -> None:
        # The user's module decides how this gets to the process: by its name, or as it is.
        self.__module__ = getattr(function, "__module__", "") or ""
        self.__name__ = getattr(function, "__name__", "train")
        self._function = function
        self._hyper_parameters = copy.deepcopy(dict(hyper_parameters))
        self._roots = data_root, val_data_root
        self._load_from = load_from
        self._is_probe = is_probe
        self._model_name, self._shared_dir = model_name, shared_dir

    def __call__(self, hp_config: Mapping[str, Any], report_func: ReportFunction) -> None:
        """Train one config; what the function returns is not looked at."""
        values = copy.deepcopy(self._hyper_parameters)
        configuration = dict(hp_config["configuration"])
        epochs = configuration.pop("iterations")
        for name, value in configuration.items():
            set_nested(values, name, value)
        settings = TrainSettings(
            values,
            data_root=self._roots[0],
            val_data_root=self._roots[1],
            epochs=epochs,
            load_from=self._load_from,
            is_probe=self._is_probe,
            report=report_func,
            model_name=self._model_name,
            shared_dir=self._shared_dir,
        )
        self._function(settings, report_func)
