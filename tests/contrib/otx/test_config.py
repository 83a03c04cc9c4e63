import logging
import re

import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import SingleSearchSpace, hpo_config, read_hpo_config

DEFAULT = """\
metric: accuracy
search_algorithm: asha
hp_space:
  learning_parameters.learning_rate:
    param_type: qloguniform
    range:
      - 0.0007
      - 0.07
      - 0.0001
  learning_parameters.batch_size:
    param_type: qloguniform
    range:
      - 32
      - 128
      - 2
"""
"""The file that the guide shows first."""
CHANGED = DEFAULT.replace(
    "qloguniform\n    range:\n      - 0.0007\n      - 0.07\n      - 0.0001",
    "quniform\n    range: \n      - 0.001\n      - 0.01\n      - 0.001",
)
"""The same with the change that the guide makes."""


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "hpo_config.yaml"
        path.write_text(text)
        return read_hpo_config(path)

    return read_text


def test_the_files_of_the_guide_are_read(read):
    config = read(DEFAULT)
    assert (config.metric, config.mode, config.search_algorithm) == ("accuracy", "max", "asha")
    assert (config.maximum_resource, config.minimum_resource) == (None, None)
    assert dict(config.hp_space) == {
        "learning_parameters.learning_rate": SingleSearchSpace("qloguniform", 7e-4, 0.07, 1e-4),
        "learning_parameters.batch_size": SingleSearchSpace("qloguniform", 32, 128, 2),
    }
    learning_rate = read(CHANGED).hp_space["learning_parameters.learning_rate"]
    assert learning_rate == SingleSearchSpace("quniform", 0.001, 0.01, 0.001)


def test_spaces_may_be_a_list_and_bounds_may_have_names(read):
    config = read(
        "early_stop: None\nmode: min\nsearch_algorithm: hyperband\nmaximum_resource: 9\n"
        "hp_space:\n- lr:\n    param_type: loguniform\n    min: 1e-4\n    max: 1e-1\n"
        "- c:\n    param_type: choice\n    choice_list: [a, b]\n"
    )
    assert config.hp_space["lr"] == SingleSearchSpace("loguniform", 1e-4, 0.1)
    assert config.hp_space["c"].choice_list == ("a", "b")
    assert (config.metric, config.mode, config.maximum_resource) == ("mAP", "min", 9)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("metric:", "metrik:", "line 1: unknown key 'metrik'; did you mean 'metric'?"),
        ("asha", "ashes", "line 2: search_algorithm='ashes' must be one of 'asha', 'smbo'"),
        ("accuracy", "3", "line 1: metric=3 must be the name of a metric"),
        ("hp_space:\n", "mode: up\nhp_space:\n", "line 3: mode='up' must be one of 'max', 'min'"),
        (
            "hp_space:\n",
            "maximum_resource: 0\nhp_space:\n",
            "line 3: maximum_resource=0 must be a whole number of at least 1",
        ),
        (
            "hp_space:\n",
            "minimum_resource: 5\nmaximum_resource: 4\nhp_space:\n",
            "line 3: minimum_resource=5 must not exceed maximum_resource=4",
        ),
        (
            "    range:\n      - 32",
            "    rang:\n      - 32",
            "line 12: learning_parameters.batch_size: unknown key 'rang'; did you mean 'range'?",
        ),
        ("- 32", "- 320", "line 10: learning_parameters.batch_size: min=320 must be below max=128"),
        ("- 0.0001", "- 1", "line 4: learning_parameters.learning_rate: step=1 must not exceed"),
    ],
)
def test_errors_name_file_line_and_remedy(read, old, new, message):
    assert DEFAULT.count(old) >= 1
    with pytest.raises(SpecError, match=re.escape(f"hpo_config.yaml, {message}")):
        read(DEFAULT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping with hp_space, not None"),
        ("- a\n", "must be a mapping with hp_space"),
        ("metric: mAP\n", "line 1: hp_space is missing"),
        ("metric: mAP\nhp_space: {}\n", "line 2: hp_space is empty"),
        ("metric: mAP\nhp_space: 3\n", "line 2: the search space is 3"),
    ],
)
def test_a_file_without_a_space_is_refused(read, text, message):
    with pytest.raises(SpecError, match=message):
        read(text)


def test_the_error_of_a_list_entry_is_on_its_line(read):
    text = "hp_space:\n- a:\n    param_type: choice\n    range: [1, 2]\n- b:\n    typ: choice\n"
    with pytest.raises(SpecError, match=r"line 6: b: unknown key 'typ'; did you mean 'type'\?"):
        read(text)


def test_a_loss_that_is_maximised_by_default_is_warned_of(read, caplog):
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        assert read(DEFAULT.replace("accuracy", "val_loss")).mode == "max"
        read(DEFAULT.replace("accuracy", "val_loss\nmode: max"))
    assert len(caplog.messages) == 1
    assert "write mode: min" in caplog.messages[0]


def test_a_mapping_is_read_like_a_file():
    spaces = {"lr": {"param_type": "uniform", "range": [0, 1]}}
    assert hpo_config({"hp_space": spaces}).metric == "mAP"
    with pytest.raises(SpecError, match="unknown key 'metrics'; did you mean 'metric'"):
        hpo_config({"hp_space": spaces, "metrics": "a"})
