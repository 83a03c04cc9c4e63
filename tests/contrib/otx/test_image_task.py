"""Which data are trained on without a task of the user's own."""

import shutil
import sys

import pytest
from click.testing import CliRunner

from agcore.cli.target import load_function
from agcore.errors import SpecError
from agcore_contrib.otx import commands, image_task
from agcore_contrib.otx.image_task import IMAGE_TASK, has_class_folders, is_network
from agcore_contrib.otx.marked_yaml import read_marked_yaml
from agcore_contrib.otx.training import TrainRequest, run_training
from agcore_contrib.otx.workspace import Workspace

MODEL = "MobileNet-V3-large-1x"


@pytest.fixture
def flowers(tmp_path):
    """Two folders that hold files with the names of images."""
    for name in ("daisy", "rose"):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        (tmp_path / "flowers" / name / "1.JPG").touch()
    return tmp_path / "flowers"


@pytest.fixture
def with_extra(monkeypatch):
    monkeypatch.setattr(image_task, "can_train_images", lambda: True)


def build(folder, *options):
    arguments = ["--train-data-roots", str(folder), "--workspace", str(folder.parent / "work")]
    return CliRunner().invoke(commands.build, [*arguments, *options])


def task_in(folder):
    return read_marked_yaml(folder.parent / "work" / "template.yaml").value["task"]


def test_folders_of_images_are_classes(flowers):
    assert has_class_folders(flowers)
    (flowers / "LICENSE.txt").touch()
    (flowers / ".git").mkdir()
    assert has_class_folders(flowers)
    (flowers / "rose" / "1.JPG").rename(flowers / "rose" / "1.csv")
    assert not has_class_folders(flowers)
    assert not has_class_folders(flowers / "nowhere")


def test_folders_of_folders_are_none(flowers, tmp_path):
    for part in ("train", "test"):
        shutil.copytree(flowers, tmp_path / "divided" / part)
    assert not has_class_folders(tmp_path / "divided")


def test_build_names_the_task_for_images(flowers, with_extra):
    done = build(flowers, "--model", MODEL)
    assert done.exit_code == 0, done.output
    assert f"[*] Load Model Name: {MODEL}" in done.output
    assert task_in(flowers) == IMAGE_TASK


def test_any_network_for_images_may_be_the_model(flowers, with_extra):
    assert build(flowers, "--model", "efficientnet_lite1").exit_code == 0
    assert Workspace(flowers.parent / "work").read_template().name == "efficientnet_lite1"
    assert is_network("small_cnn")


def test_a_task_of_ones_own_wins(flowers, with_extra):
    (flowers.parent / "train.py").write_text("def train(settings, report): pass\n")
    build(flowers, "--model", "small_cnn", "--task", f"{flowers.parent}/train.py:train")
    assert task_in(flowers).endswith("train.py:train")


def test_a_misspelt_model_is_answered(flowers, with_extra):
    done = build(flowers, "--model", "MobileNet-V3-large")
    assert isinstance(done.exception, SpecError)
    assert "did you mean 'MobileNet-V3-large-1x'" in str(done.exception)


def test_without_the_extra_build_and_train_name_it(flowers, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(image_task, "_NEEDED", ("no_such_library",))
    done = build(flowers, "--model", MODEL)
    assert done.exit_code == 0
    assert "pip install 'agcore[vision]'" in done.output
    assert task_in(flowers) is None
    request = TrainRequest(
        Workspace(flowers.parent / "work"),
        task=None,
        enable_hpo=False,
        hpo_time_ratio=4,
        num_parallel_trials=None,
        load_weights=None,
        resume=False,
        seed=0,
        quiet=True,
    )
    with pytest.raises(ImportError, match=r"pip install 'agcore\[vision\]'"):
        run_training(request)


def test_the_task_is_there():
    pytest.importorskip("torch", reason="needs the extra vision")
    assert load_function(IMAGE_TASK).__name__ == "train"
