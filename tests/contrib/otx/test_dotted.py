from types import SimpleNamespace

import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import get_nested, set_nested


def recipe():
    return SimpleNamespace(
        learning_parameters=SimpleNamespace(batch_size=8, optimiser={"lr": 0.1}), name="b0"
    )


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("name", "b0"),
        ("learning_parameters.batch_size", 8),
        ("learning_parameters.optimiser.lr", 0.1),
    ],
)
def test_dotted_names_set_nested_attributes_and_keys(name, old):
    target = recipe()
    assert get_nested(target, name) == old
    set_nested(target, name, 32)
    assert get_nested(target, name) == 32


def test_a_name_that_does_not_exist_is_refused_with_a_suggestion():
    target = recipe()
    message = r"'learning_parameters' has no 'batchsize'; did you mean 'batch_size'\?"
    with pytest.raises(SpecError, match=message):
        set_nested(target, "learning_parameters.batchsize", 3)
    with pytest.raises(SpecError, match=r"'learning_parameters\.optimiser' has no 'momentum'"):
        get_nested(target, "learning_parameters.optimiser.momentum")
    assert not hasattr(target.learning_parameters, "batchsize")


def test_what_cannot_be_set_is_told():
    with pytest.raises(SpecError, match="'real' cannot be set"):
        set_nested(3, "real", 4)
