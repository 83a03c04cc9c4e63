"""Tables of images: their columns checked, their classes numbered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from agcore.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAMED = 3


def checked_table(data: Any, label: str, name: str) -> pd.DataFrame:
    """``data``, if it is a table with images and classes.

    Args:
        data: What was given.
        label: Column with the classes.
        name: What messages call it.

    Raises:
        SpecError: It is no table, is empty, lacks a column, or a class is missing.
    """
    if not isinstance(data, pd.DataFrame):
        raise SpecError(
            f"{name} is a {type(data).__name__}; pass a table with the columns 'image' and "
            f"{label!r}, as ImagePredictor.Dataset.from_folder makes it"
        )
    for column in ("image", label):
        if column not in data.columns:
            raise SpecError(
                f"{name} has no column {column!r}; it has {', '.join(map(str, data.columns))}"
            )
    if not len(data):
        raise SpecError(f"{name} is empty; it must have at least one image")
    without = np.flatnonzero(data[label].isna().to_numpy())
    if len(without):
        raise SpecError(
            f"{len(without)} rows of {name} have no {label!r}, the first is row {without[0]}; "
            "remove them"
        )
    return data


def classes_of(data: pd.DataFrame, label: str) -> list[Any]:
    """What `predict` is to return: the distinct values of the label column, sorted.

    Raises:
        SpecError: There is one only.
    """
    values = data[label].unique().tolist()
    if len(values) < 2:
        raise SpecError(
            f"all images have {label}={values[0]!r}; there must be at least two classes to tell "
            "apart"
        )
    return sorted(values, key=lambda value: (isinstance(value, str), value))


def numbers_of(
    data: pd.DataFrame, label: str, classes: list[Any], unknown: int | None = None
) -> NDArray[np.int64]:
    """The number of each row's class, shape (n,).

    Args:
        data: The table.
        label: Column with the classes.
        classes: What the numbers stand for.
        unknown: The number of a class that is not among them; None makes that an error.

    Raises:
        SpecError: A class is not known.
    """
    numbers = {value: number for number, value in enumerate(classes)}
    values = data[label].tolist()
    strange = sorted({str(value) for value in values if value not in numbers})
    if strange and unknown is None:
        shown = ", ".join(strange[:_NAMED]) + (", ..." if len(strange) > _NAMED else "")
        raise SpecError(
            f"tuning_data has classes that train_data lacks: {shown}; remove them, or add images"
        )
    return np.asarray([numbers.get(value, unknown) for value in values], dtype=np.int64)
