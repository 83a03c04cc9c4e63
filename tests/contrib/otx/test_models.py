import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import SingleSearchSpace, hpo_config
from agcore_contrib.otx.marked_yaml import parse_marked_yaml
from agcore_contrib.otx.models import (
    BATCH_SIZE,
    KNOWN_MODELS,
    LEARNING_RATE,
    generic_batch_sizes,
    generic_learning_rates,
    generic_model,
    known_model,
)


@pytest.mark.parametrize("model", [*KNOWN_MODELS.values(), generic_model("net")])
def test_the_config_of_every_model_is_read_and_its_values_are_near_the_ranges(model):
    config = hpo_config(parse_marked_yaml(model.hpo_config_text).value)
    assert (config.metric, config.search_algorithm) == ("accuracy", "asha")
    rates, sizes = config.hp_space[LEARNING_RATE], config.hp_space[BATCH_SIZE]
    assert rates.min < model.learning_rate < rates.max
    assert sizes.min <= model.batch_size <= sizes.max
    assert {rates.type, sizes.type} == {"qloguniform"}


def test_the_ranges_of_the_model_in_the_guide_are_those_that_otx_ships():
    text = known_model("MobileNet-V3-large-1x").hpo_config_text
    spaces = hpo_config(parse_marked_yaml(text).value).hp_space
    assert spaces[LEARNING_RATE] == SingleSearchSpace("qloguniform", 2.9e-4, 0.1, 1e-5)
    assert spaces[BATCH_SIZE] == SingleSearchSpace("qloguniform", 64, 256, 2)


def test_the_first_config_of_the_guide_is_that_of_efficientnet_v2_s():
    lines = known_model("EfficientNet-V2-S").hpo_config_text.split()
    assert [line for line in lines if line[0].isdigit()] == [
        *("0.0007", "0.07", "0.0001"),
        *("32", "128", "2"),
    ]


def test_a_misspelt_model_is_answered_with_the_right_one_and_a_way_for_others():
    with pytest.raises(SpecError, match=r"did you mean 'DeiT-Tiny'\?.*--task"):
        known_model("Deit-tiny")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b"])
def test_a_name_that_no_folder_can_have_is_refused(name):
    with pytest.raises(SpecError, match="must consist of letters"):
        generic_model(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.01, (0.001, 0.1, 0.0001)), (0.001, (1e-4, 0.01, 1e-5)), (0.5, (0.05, 5.0, 0.005))],
)
def test_a_learning_rate_is_searched_around_its_value(value, expected):
    assert generic_learning_rates(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(64, (32, 128, 2)), (1, (1, 2, 1)), (2, (1, 4, 2))]
)
def test_a_batch_size_is_searched_around_its_value(value, expected):
    assert generic_batch_sizes(value) == expected
    SingleSearchSpace("qloguniform", *expected)
