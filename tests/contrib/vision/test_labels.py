"""Tables of images, checked."""

import pandas as pd
import pytest

from agcore.errors import SpecError
from agcore_contrib.vision.labels import checked_table, classes_of, numbers_of


def table(labels):
    return pd.DataFrame({"image": [f"{k}.png" for k in range(len(labels))], "label": labels})


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("folder/", "is a str"),
        (pd.DataFrame({"label": [1]}), "no column 'image'"),
        (pd.DataFrame({"image": ["a"]}), "no column 'label'"),
        (table([]), "is empty"),
        (table(["a", None]), "1 rows of train_data have no 'label'"),
    ],
)
def test_what_cannot_be_learnt_from_is_named(data, why):
    with pytest.raises(SpecError, match=why):
        checked_table(data, "label", "train_data")


def test_classes_are_sorted_and_at_least_two():
    assert classes_of(table(["b", "a", "b"]), "label") == ["a", "b"]
    assert classes_of(table([10, 9]), "label") == [9, 10]
    with pytest.raises(SpecError, match="all images have label='a'"):
        classes_of(table(["a", "a"]), "label")


def test_a_class_that_was_not_trained_on_is_an_error_or_a_number():
    with pytest.raises(SpecError, match="lacks: c"):
        numbers_of(table(["a", "c"]), "label", ["a", "b"])
    assert numbers_of(table(["b", "c"]), "label", ["a", "b"], unknown=-1).tolist() == [1, -1]
