"""The UCI Letter Recognition data, shipped inside the package."""

from __future__ import annotations

import gzip
import io
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_FEATURES = 16


def load_letter() -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[str, ...]]:
    """The images of letters, their classes, and what the classes are called.

    16 integer features from 0 to 15 describe the image of a capital letter; nothing is
    missing. Each call parses the file afresh (some 50 ms) and returns new arrays.

    Returns:
        Features of shape (20000, 16); classes of shape (20000,) from 0 to 25; the 26 names,
        ``"A"`` to ``"Z"``.

    Source: Letter Recognition, D. Slate (1991), UCI Machine Learning Repository, licensed
    CC BY 4.0; the same rows in the same order as OpenML data set 6 (task 6).
    """
    packed = resources.files("agcore.datasets").joinpath("letter.csv.gz").read_bytes()
    text = gzip.decompress(packed).decode("ascii")
    X = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1, usecols=range(N_FEATURES))
    letters = np.loadtxt(
        io.StringIO(text), delimiter=",", skiprows=1, usecols=N_FEATURES, dtype="U1"
    )
    class_names, y = np.unique(letters, return_inverse=True)
    return X, y.astype(np.int64), tuple(str(name) for name in class_names)
