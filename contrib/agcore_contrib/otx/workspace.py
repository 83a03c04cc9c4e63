"""The folder that ``agcore build`` makes and ``agcore train`` works in.

WORKSPACE/
  data.yaml        where the data are, and how many samples they have
  template.yaml    the model: what trains it, its hyperparameters
  hpo_config.yaml  what a search tunes
  outputs/hpo/     the last search
  outputs/train/   the last training
  outputs/.lock    held by the command that works here
  outputs/shared/  what trainings compute from the data once
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agcore.checks import whole_number
from agcore.errors import JournalError, SpecError, did_you_mean
from agcore.whole_files import replaced
from agcore_contrib.otx.dotted import get_nested
from agcore_contrib.otx.marked_yaml import parse_marked_yaml
from agcore_contrib.otx.models import NUM_EPOCHS, TASK_TYPE
from agcore_contrib.otx.train_settings import OWN_NAMES
from agcore_contrib.otx.yaml_values import with_values, yaml_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agcore_contrib.otx.marked_yaml import MarkedDocument, Place
    from agcore_contrib.otx.models import Model

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_SUBSETS = ("train", "val")
_DATA_KEYS = ("data-roots", "num-samples")
_TEMPLATE_KEYS = ("model_template_id", "name", "task_type", "task", "hyper_parameters")
_HYPER_PARAMETERS = "hyper_parameters"


@dataclass(frozen=True)
class Subset:
    """The data of one purpose.

    Attributes:
        root: Their folder, or None.
        num_samples: How many there are, or None if that is not known.
    """

    root: Path | None = None
    num_samples: int | None = None

    @property
    def folder(self) -> Path:
        """The folder of data that must be there.

        Raises:
            SpecError: It is not.
        """
        if self.root is None:
            raise SpecError("data-roots is missing in data.yaml; name the folder of the data")
        return self.root


@dataclass(frozen=True)
class Template:
    """The content of a ``template.yaml``.

    Attributes:
        name: The model.
        task: What trains it, as ``FILE.py:FN``, or None.
        hyper_parameters: Values, nested as their dotted names are.
    """

    name: str
    task: str | None
    hyper_parameters: dict[str, Any]

    @property
    def num_epochs(self) -> int:
        """Epochs of a training."""
        epochs: int = get_nested(self.hyper_parameters, NUM_EPOCHS)
        return epochs


@dataclass(frozen=True)
class Workspace:
    """The files of a workspace.

    Attributes:
        path: Its folder.
    """

    path: Path

    @property
    def data(self) -> Path:
        """Where the data are."""
        return self.path / "data.yaml"

    @property
    def template(self) -> Path:
        """The model and its hyperparameters."""
        return self.path / "template.yaml"

    @property
    def hpo_config(self) -> Path:
        """What a search tunes."""
        return self.path / "hpo_config.yaml"

    @property
    def search(self) -> Path:
        """Folder of the last search."""
        return self.path / "outputs" / "hpo"

    @property
    def training(self) -> Path:
        """Folder of the last training."""
        return self.path / "outputs" / "train"

    @property
    def shared(self) -> Path:
        """Folder for what trainings compute from the data once."""
        return self.path / "outputs" / "shared"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While in use, no other ``agcore train`` works here.

        Raises:
            JournalError: Another one does; the message has its process id. Or the folder for
                results cannot be written.
        """
        import fcntl  # not there on Windows

        path = self.path / "outputs" / ".lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise JournalError(f"{path} cannot be written: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise JournalError(
                    f"process {file.read().strip() or '?'} works in {self.path}; wait until it has "
                    "ended, or build another workspace"
                ) from None
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield

    def make(self, model: Model, train_root: Path, val_root: Path | None, task: str | None) -> None:
        """Make the folder and write its files.

        Raises:
            SpecError: There is a workspace already; a data folder does not exist, or is empty.
            JournalError: A file cannot be written.
            MissingExtraError: PyYAML is not installed.
        """
        if self.template.exists():
            raise SpecError(
                f"{self.path} is a workspace already; delete it, or pass another --workspace"
            )
        texts = {
            self.data: _data_text(train_root, val_root),
            self.hpo_config: model.hpo_config_text,
            self.template: _template_text(model, task),  # the last one makes it a workspace
        }
        for path, text in texts.items():
            replace_text(path, text)

    def read_data(self) -> dict[str, Subset]:
        """The data by their purpose: ``'train'``, which has a folder, and ``'val'``.

        Raises:
            SpecError: The file breaks a rule; the message names the line. Or this is no workspace.
            MissingExtraError: PyYAML is not installed.
        """
        document = self._document(self.data)
        _check_keys(document, (), ("data",))
        place: Place = ("data",)
        _check_keys(document, place, _SUBSETS)
        subsets = document.value["data"]
        found = {name: _subset(document, (*place, name), subsets.get(name)) for name in _SUBSETS}
        if found["train"].root is None:
            raise document.error((*place, "train"), "train needs data-roots; name the folder")
        return found

    def read_template(self) -> Template:
        """The model and its hyperparameters.

        Raises:
            SpecError: The file breaks a rule; the message names the line. Or this is no workspace.
            MissingExtraError: PyYAML is not installed.
        """
        document = self._document(self.template)
        _check_keys(document, (), _TEMPLATE_KEYS)
        fields = document.value
        task = fields.get("task")
        if task is not None and not isinstance(task, str):
            raise document.error(("task",), f"task={task!r} must be a name as train.py:train")
        values = fields.get(_HYPER_PARAMETERS)
        _check_values(document, (_HYPER_PARAMETERS,), values, OWN_NAMES)
        try:
            whole_number(NUM_EPOCHS, get_nested(values, NUM_EPOCHS))
        except SpecError as error:
            place = (_HYPER_PARAMETERS, *NUM_EPOCHS.split("."))
            raise document.error(place, f"{error}; it is the number of epochs") from None
        return Template(str(fields.get("name", "")), task, values)

    def changed_template(self, values: Mapping[str, Any]) -> str:
        """The text of the template with other values of hyperparameters, by dotted name.

        Raises:
            SpecError: A name is missing, or its value cannot be changed in place.
        """
        text = self._text(self.template)
        places = {(_HYPER_PARAMETERS, *name.split(".")): values[name] for name in values}
        return with_values(text, places, str(self.template))

    def _document(self, path: Path) -> MarkedDocument:
        return parse_marked_yaml(self._text(path), str(path))

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise SpecError(
                f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; go to a "
                "workspace or pass --workspace DIR; agcore build makes one"
            ) from error


def default_path(model: str) -> str:
    """Where a model's workspace is if nothing else is said."""
    return f"./otx-workspace-{TASK_TYPE}-{model}"


def replace_text(path: Path, text: str) -> None:
    """Write a file in one piece, and its folder if need be.

    Raises:
        JournalError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise JournalError(f"{path} cannot be written: {error.strerror}") from error


def _data_text(train_root: Path, val_root: Path | None) -> str:
    lines = ["# num-samples: a batch has no more; null if that is not known", "data:"]
    for name, root in (("train", train_root), ("val", val_root)):
        shown = None if root is None else str(root.absolute())
        count = None if root is None else _count_samples(root)
        lines += [
            f"  {name}:",
            f"    data-roots: {yaml_value(shown)}",
            f"    num-samples: {yaml_value(count)}",
        ]
    return "\n".join(lines) + "\n"


def _template_text(model: Model, task: str | None) -> str:
    lines = [
        f"model_template_id: {yaml_value(model.template_id)}",
        f"name: {yaml_value(model.name)}",
        f"task_type: {TASK_TYPE}",
        f"task: {yaml_value(task)}  # FILE.py:FN or MODULE:FN, what agcore train calls",
        "# The present values: a search begins with them, and puts its best ones here.",
        f"{_HYPER_PARAMETERS}:",
    ]
    for group, values in model.hyper_parameters.items():
        lines.append(f"  {group}:")
        lines += [f"    {name}: {yaml_value(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _count_samples(root: Path) -> int | None:
    """The images in a folder and below; None if it holds other files only.

    Raises:
        SpecError: There is no such folder, or no file in it.
    """
    if not root.is_dir():
        raise SpecError(f"there is no folder {str(root)!r}; pass the one that holds the data")
    names = [name for _, _, files in os.walk(root) for name in files]
    if not names:
        raise SpecError(f"the folder {str(root)!r} holds no file; pass the one that holds the data")
    return sum(name.lower().endswith(_IMAGES) for name in names) or None


def _check_keys(document: MarkedDocument, place: Place, known: Sequence[str]) -> None:
    """Check that there is a mapping with known keys.

    Raises:
        SpecError: There is not; names the line, and the key that was probably meant.
    """
    fields = document.value
    for key in place:
        fields = fields.get(key)
    what = ".".join(place) or "the file"
    if not isinstance(fields, Mapping):
        raise document.error(place, f"{what} must be a mapping with {', '.join(known)}")
    for key in fields:
        if key not in known:
            raise document.error(
                (*place, key),
                f"unknown key {key!r}{did_you_mean(str(key), known)}; known are {', '.join(known)}",
            )


def _subset(document: MarkedDocument, place: Place, fields: Any) -> Subset:
    if fields is None:
        return Subset()
    _check_keys(document, place, _DATA_KEYS)
    root, count = (fields.get(key) for key in _DATA_KEYS)
    if root is not None and not isinstance(root, str):
        raise document.error((*place, "data-roots"), f"data-roots={root!r} must be a folder")
    if count is not None:
        try:
            whole_number("num-samples", count)
        except SpecError as error:
            raise document.error((*place, "num-samples"), str(error)) from None
    if root is None:
        return Subset(None, count)
    path = _folder_of(document) / root
    if not path.exists():
        raise document.error((*place, "data-roots"), f"there is no {root!r}; correct the path")
    return Subset(path, count)


def _folder_of(document: MarkedDocument) -> Path:
    """The folder of a document's file, which relative paths in it begin at."""
    return Path(document.source).absolute().parent


def _check_values(
    document: MarkedDocument, place: Place, values: Any, taken: Sequence[str] = ()
) -> None:
    """Check that nested values can become attributes of the settings.

    Raises:
        SpecError: A name is no identifier, or belongs to the settings themselves.
    """
    if not isinstance(values, Mapping):
        raise document.error(place, f"{place[-1]} must be a mapping from names to values")
    for name, value in values.items():
        here = (*place, name)
        if not isinstance(name, str) or not name.isidentifier():
            raise document.error(here, f"{name!r} must be a name as learning_rate; rename it")
        if name in taken:
            raise document.error(here, f"settings.{name} is something else; rename {name!r}")
        if isinstance(value, Mapping):
            _check_values(document, here, value)
