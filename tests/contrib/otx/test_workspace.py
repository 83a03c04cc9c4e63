import os
import re

import pytest

from agcore.errors import JournalError, SpecError
from agcore_contrib.otx import read_hpo_config
from agcore_contrib.otx.models import generic_model, known_model
from agcore_contrib.otx.workspace import Workspace, default_path, replace_text

RATE = "learning_parameters.learning_rate"


@pytest.fixture
def images(tmp_path):
    """A folder with three images and one other file."""
    folder = tmp_path / "images"
    for name in ("rose/1.jpg", "rose/2.PNG", "tulip/3.jpeg", "labels.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.fixture
def made(tmp_path, images):
    """A workspace of images."""
    workspace = Workspace(tmp_path / "work")
    workspace.make(known_model("DeiT-Tiny"), images, None, "train.py:train")
    return workspace


def test_what_was_built_is_read_again(made, images):
    template, data = made.read_template(), made.read_data()
    assert (template.name, template.task, template.num_epochs) == (
        "DeiT-Tiny",
        "train.py:train",
        90,
    )
    assert template.hyper_parameters["learning_parameters"]["learning_rate"] == 1e-4
    assert (data["train"].root, data["train"].num_samples) == (images, 3)
    assert (data["val"].root, data["val"].num_samples) == (None, None)
    assert RATE in read_hpo_config(made.hpo_config).hp_space


def test_files_that_are_no_images_are_not_counted_as_samples(tmp_path, images):
    for path in images.glob("*/*"):
        path.unlink()
    workspace = Workspace(tmp_path / "work")
    workspace.make(generic_model("net"), images, images, None)
    assert workspace.read_data()["train"].num_samples is None
    assert workspace.read_data()["val"].root == images


def test_a_workspace_is_never_overwritten(made, images):
    with pytest.raises(SpecError, match="is a workspace already"):
        made.make(known_model("DeiT-Tiny"), images, None, None)


def test_data_must_be_there(tmp_path, images):
    workspace = Workspace(tmp_path / "work")
    with pytest.raises(SpecError, match=r"there is no folder .*nowhere"):
        workspace.make(generic_model("net"), tmp_path / "nowhere", None, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match="holds no file"):
        workspace.make(generic_model("net"), images, tmp_path / "empty", None)
    assert not workspace.path.exists()


def test_a_value_is_changed_and_nothing_else(made):
    before = made.template.read_text()
    assert made.changed_template({RATE: 0.5}) == before.replace("0.0001", "0.5")
    assert made.template.read_text() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("task:", "taks:", "line 4: unknown key 'taks'; did you mean 'task'?"),
        ("num_iters: 90", "num_iters: 0", "line 10: learning_parameters.num_iters=0 must be"),
        ("num_iters", "num_epochs", "'learning_parameters.num_iters'"),
        ("learning_parameters:", "epochs:", "line 7: settings.epochs is something else"),
        ("batch_size", "batch size", "line 9: 'batch size' must be a name"),
        ("task: train.py:train", "task: 3", "line 4: task=3 must be a name"),
        ("name: DeiT-Tiny", "- name", "line 2: not YAML"),
    ],
)
def test_errors_of_the_template_name_file_line_and_remedy(made, old, new, message):
    made.template.write_text(made.template.read_text().replace(old, new))
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        made.read_template()
    assert str(caught.value).startswith(f"{made.template}, line ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("data:", "dat:", "line 2: unknown key 'dat'; did you mean 'data'?"),
        ("train:", "trian:", "line 3: unknown key 'trian'; did you mean 'train'?"),
        ("num-samples: 3", "num-samples: 0", "line 5: num-samples=0 must be a whole number"),
        ("num-samples: 3", "num_samples: 3", "line 5: unknown key 'num_samples'"),
        ("/images", "/imgaes", "line 4: there is no "),
        ("  train:", "  val: {}\n  train:", "'val' occurs twice"),
    ],
)
def test_errors_of_the_data_file_name_file_line_and_remedy(made, old, new, message):
    made.data.write_text(made.data.read_text().replace(old, new, 1 if "num" not in old else -1))
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        made.read_data()
    assert str(caught.value).startswith(f"{made.data}, line ")


def test_data_may_be_named_relative_to_the_workspace(made, images):
    made.data.write_text(f"data:\n  train:\n    data-roots: ../{images.name}\n")
    assert made.read_data()["train"].root.samefile(images)
    made.data.write_text("data:\n  val:\n    data-roots: ..\n")
    with pytest.raises(SpecError, match="train needs data-roots"):
        made.read_data()


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path):
    with pytest.raises(SpecError, match="agcore build makes one"):
        Workspace(tmp_path).read_template()


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be written"):
        replace_text(tmp_path / "file" / "data.yaml", "")


def test_the_default_folder_is_that_of_the_guide():
    folder = default_path("MobileNet-V3-large-1x")
    assert folder == "./otx-workspace-CLASSIFICATION-MobileNet-V3-large-1x"


def test_one_command_works_in_a_workspace_at_a_time(made):
    refused = pytest.raises(JournalError, match=f"process {os.getpid()} works in .*; wait until")
    with made.locked(), refused, made.locked():
        pass
    with made.locked():
        assert (made.path / "outputs" / ".lock").read_text() == f"{os.getpid()}\n"
