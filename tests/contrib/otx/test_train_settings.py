import pickle
from pathlib import Path

import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import get_nested
from agcore_contrib.otx.train_settings import OWN_NAMES, SettingsCall, TrainSettings

VALUES = {"learning_parameters": {"learning_rate": 0.1, "num_iters": 9}, "depth": 3}


class Report:
    """What the settings need of a trial's report function."""

    def __init__(self, resume_from=0, latest_checkpoint=None):
        self.resume_from = resume_from
        self.latest_checkpoint = latest_checkpoint
        self.checkpoint_dir = Path("open")


def told(configuration, report=None, **options):
    """The settings that a train function gets."""
    given = []
    call = SettingsCall(lambda settings, report: given.append(settings), VALUES, Path(), **options)
    call({"configuration": {"iterations": 4, **configuration}}, report or Report())
    return given[0]


def test_searched_values_are_nested_attributes_beside_the_others():
    settings = told({"learning_parameters.learning_rate": 0.5})
    assert settings.learning_parameters.learning_rate == 0.5
    assert settings["learning_parameters.learning_rate"] == 0.5
    assert get_nested(settings, "learning_parameters.learning_rate") == 0.5
    assert settings.depth == 3
    assert VALUES["learning_parameters"]["learning_rate"] == 0.1


def test_epochs_are_those_to_reach_and_the_template_has_those_of_a_full_training():
    settings = told({})
    assert (settings.first_epoch, settings.epochs) == (1, 4)
    assert settings.learning_parameters.num_iters == 9


def test_a_trial_goes_on_from_its_checkpoint_and_begins_with_the_weights_given():
    begun = told({}, load_from=Path("initial"))
    assert (begun.first_epoch, begun.load_from) == (1, Path("initial"))
    resumed = told({}, Report(3, Path("latest")), load_from=Path("initial"))
    assert (resumed.first_epoch, resumed.load_from) == (4, Path("latest"))
    assert told({}).load_from is None
    assert resumed.save_to == Path("open")


def test_a_misspelt_name_is_answered_with_the_right_one():
    settings = told({})
    with pytest.raises(AttributeError, match="no 'epoch'; did you mean 'epochs'"):
        _ = settings.epoch
    with pytest.raises(AttributeError, match="did you mean 'learning_parameters'"):
        _ = settings.learning_parameter
    with pytest.raises(SpecError, match="did you mean 'learning_rate'"):
        _ = settings["learning_parameters.learning_rates"]


def test_what_is_not_in_the_template_cannot_be_set():
    with pytest.raises(SpecError, match=r"learning_parameters\.lr"):
        told({"learning_parameters.lr": 1})


def test_own_names_are_all_that_settings_have():
    settings = told({})
    public = {name for name in dir(settings) if not name.startswith("_")}
    assert public - VALUES.keys() == set(OWN_NAMES)


def test_the_call_travels_with_the_users_module():
    call = SettingsCall(TrainSettings, VALUES, Path())
    assert call.__module__ == TrainSettings.__module__
    assert isinstance(pickle.loads(pickle.dumps(call)), SettingsCall)
