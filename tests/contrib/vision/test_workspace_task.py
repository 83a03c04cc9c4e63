"""The task of a workspace with images, in this process; `test_workspace_story` has the commands."""

import json
import logging
import shutil

import pytest
import torch

from agcore.errors import SpecError
from agcore_contrib.otx import TrialStatus
from agcore_contrib.otx.models import KNOWN_MODELS
from agcore_contrib.otx.train_settings import SettingsCall
from agcore_contrib.vision import ImagePredictor, trial, workspace_task
from agcore_contrib.vision.networks import names
from agcore_contrib.vision.settings import NETWORK_FILE

LEARNING = {"learning_rate": 3e-3, "batch_size": 8, "num_iters": 4}
IMAGES = {"input_size": 16, "augment": "none", "dropout": 0.0}


class Report:
    """A trial's report function: a folder for each epoch, and a word when it is enough."""

    def __init__(self, folder, *, resume_from=0, stop_at=None):
        self.scores = {}
        self.resume_from = resume_from
        self._folder, self._stop_at = folder, stop_at
        self._ready()

    @property
    def latest_checkpoint(self):
        return self._folder / str(self.resume_from) if self.resume_from else None

    def __call__(self, score, epoch):
        self.scores[epoch] = score
        shutil.rmtree(self._folder / str(epoch), ignore_errors=True)
        self.checkpoint_dir.rename(self._folder / str(epoch))
        self._ready()
        return TrialStatus.STOP if epoch == self._stop_at else TrialStatus.RUNNING

    def _ready(self):
        self.checkpoint_dir = self._folder / "open"
        shutil.rmtree(self.checkpoint_dir, ignore_errors=True)
        self.checkpoint_dir.mkdir(parents=True)


@pytest.fixture
def run(colours, tmp_path):
    """Trains the small network on the colours; returns the report function that was called."""

    def run(epochs=4, *, val_root=None, load_from=None, images=IMAGES, name="small_cnn", **options):
        report = Report(tmp_path / "trial", **options)
        call = SettingsCall(
            workspace_task.train,
            {"learning_parameters": LEARNING, "image_parameters": images},
            colours / "train",
            val_root,
            load_from,
            model_name=name,
            shared_dir=tmp_path / "shared",
        )
        torch.manual_seed(7)
        call({"configuration": {"iterations": epochs}}, report)
        return report

    return run


def summary_of(folder):
    return json.loads((folder / workspace_task.SUMMARY).read_text())


def test_each_epoch_is_reported_and_saved_with_a_predictor_and_a_summary(run, tmp_path, colours):
    report = run()
    assert list(report.scores) == [1, 2, 3, 4]
    assert all(0 <= score <= 1 for score in report.scores.values())
    last = tmp_path / "trial" / "4"
    summary = summary_of(last)
    assert summary["classes"] == ["blue", "green", "red"]
    assert (summary["num_train"], summary["num_valid"]) == (29, 7)
    assert summary["valid_acc"] == report.scores[4]
    assert summary["best_config"]["lr"] == LEARNING["learning_rate"]
    predictor = ImagePredictor.load(last)
    assert predictor.fit_summary()["epoch"] == 4
    image = next((colours / "test" / "red").iterdir())
    assert predictor.predict(image, as_pandas=False)[0] in ("blue", "green", "red")


def test_images_are_decoded_once_for_all_trainings(run, tmp_path, monkeypatch):
    run(1)
    monkeypatch.setattr(workspace_task, "prepare_images", None)
    run(1)
    (folder,) = (tmp_path / "shared").iterdir()
    assert (folder / "pixels-16.npy").exists()


def test_it_stops_when_it_is_told_to_and_goes_on_where_it_was(run):
    assert list(run(4, stop_at=2).scores) == [1, 2]
    halted = run(4, resume_from=2).scores
    assert list(halted) == [3, 4]
    assert halted == {epoch: run(4).scores[epoch] for epoch in (3, 4)}


def test_a_training_to_fewer_epochs_has_the_schedule_of_the_whole_one(run):
    assert run(2).scores == {epoch: run(4).scores[epoch] for epoch in (1, 2)}


def test_a_training_begins_with_the_weights_that_it_is_given(run, tmp_path, monkeypatch):
    run()
    weights = shutil.copytree(tmp_path / "trial" / "4", tmp_path / "weights")
    begun = []
    monkeypatch.setattr(trial, "_load_weights", lambda setup, folder: begun.append(folder))
    run(1, load_from=weights)
    assert begun == [weights]
    monkeypatch.undo()
    (weights / NETWORK_FILE).unlink()
    with pytest.raises(SpecError, match=r"weights has no network\.pt; pass the folder of an"):
        run(1, load_from=weights)


def test_weights_of_another_network_are_answered(run, tmp_path, colours):
    run(1)
    weights = shutil.copytree(tmp_path / "trial" / "1", tmp_path / "weights")
    shutil.rmtree(tmp_path / "shared")
    extra = shutil.copytree(colours / "train", tmp_path / "four")
    shutil.copytree(extra / "red", extra / "rot")
    call = SettingsCall(
        workspace_task.train,
        {"learning_parameters": LEARNING, "image_parameters": IMAGES},
        extra,
        None,
        weights,
        model_name="small_cnn",
        shared_dir=tmp_path / "shared",
    )
    with pytest.raises(SpecError, match="of another network, or of another number of classes"):
        call({"configuration": {"iterations": 1}}, Report(tmp_path / "other"))


def test_a_folder_to_validate_on_is_used_by_the_names_of_its_classes(run, tmp_path, colours):
    valid = shutil.copytree(colours / "test", tmp_path / "valid")
    shutil.rmtree(valid / "blue")
    run(1, val_root=valid)
    summary = summary_of(tmp_path / "trial" / "1")
    assert (summary["num_train"], summary["num_valid"]) == (36, 8)
    (valid / "red").rename(valid / "rot")
    with pytest.raises(SpecError, match="classes that train_data lacks: rot"):
        run(1, val_root=valid)


def test_a_batch_that_memory_does_not_hold_is_out_of_memory_not_made_smaller(run, monkeypatch):
    monkeypatch.setattr(trial, "fitting_batch_size", lambda wanted, *rest: wanted // 2)
    with pytest.raises(MemoryError, match="memory holds batch_size=4, not 8"):
        run(1)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({"fine_tun": True}, "'fine_tun'; did you mean 'fine_tune'"),
        ({"lr": 0.1}, "unknown key 'lr'"),
        ({"augment": "flap"}, "augment='flap'"),
    ],
)
def test_what_is_wrong_with_the_group_of_the_template_is_told(run, images, message):
    with pytest.raises(SpecError, match=message):
        run(1, images=images)


def test_names_of_otx_stand_for_networks_that_are_there(caplog):
    with caplog.at_level(logging.ERROR):
        assert all(names.resolve(name) in names.list_models() for name in KNOWN_MODELS)
