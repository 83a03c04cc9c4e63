"""Classification tasks of OpenML, cleaned and split for a tuning run.

Task 6 ('letter') comes with the package and needs neither network nor the ``openml`` package;
every other task goes through ``openml`` and its cache (see ``openml_client``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from agcore.datasets.letter import load_letter
from agcore.datasets.openml_client import fetch_training_rows
from agcore.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

EMBEDDED_TASK_ID = 6
_N_FOLDS = 10


def load_and_split_openml_data(
    openml_task_id: int = EMBEDDED_TASK_ID,
    ratio_train_valid: float = 0.33,
    download_from_openml: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], int]:
    """Features and classes to train and to validate on, and how many classes there are.

    Only the task's own training rows (repeat 0, fold 0) are used; its test rows are left out.
    They are split at random, the same way at each call. Missing values become the column's
    mean and columns are standardised, both with statistics of the part to train on. A column
    that is constant there is only centred.

    The embedded task uses a stratified 10-fold split of its own, as OpenML does; the rows of
    OpenML's official folds differ. Of a downloaded task, a categorical column becomes one
    indicator column per category (two categories share one column, more than
    ``openml_client.MAX_ONE_HOT`` keep their number); rows without a class are left out; sparse
    data become dense.

    Args:
        openml_task_id: Number of a supervised classification task.
        ratio_train_valid: Share of the rows to validate on, between 0 and 1.
        download_from_openml: Take the task from the cache of ``openml`` or the network, rather
            than from the package.

    Returns:
        ``X_train``, ``X_valid`` (float64, rows by columns), ``y_train``, ``y_valid`` (int64
        codes in the order of the task's class labels), ``n_classes``.

    Raises:
        SpecError: The ratio is out of range, the task is not embedded, or it is no
            classification task.
        MissingExtraError: A download is wanted but ``openml`` is not installed.
        AgcoreError: The task cannot be had: no network, unknown number, broken cache, or too
            large for the memory.
    """
    if not 0.0 < ratio_train_valid < 1.0:
        raise SpecError(
            f"ratio_train_valid={ratio_train_valid!r} must lie between 0 and 1; "
            "it is the share of the rows to validate on, 0.33 by default"
        )
    if download_from_openml:
        X, y, n_classes = fetch_training_rows(openml_task_id)
    elif openml_task_id == EMBEDDED_TASK_ID:
        X, y, n_classes = _embedded_training_rows()
    else:
        raise SpecError(
            f"openml_task_id={openml_task_id!r} is not shipped with agcore, only task "
            f"{EMBEDDED_TASK_ID} ('letter') is; pass download_from_openml=True to fetch it"
        )

    from sklearn.model_selection import train_test_split

    X_train, X_valid, y_train, y_valid = train_test_split(
        X, y, random_state=1, test_size=ratio_train_valid
    )
    X_train, X_valid = _fill_and_standardise(X_train, X_valid)
    return X_train, X_valid, y_train, y_valid, n_classes


def _embedded_training_rows() -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Nine tenths of the letter data, each class in proportion: 18,000 rows."""
    from sklearn.model_selection import StratifiedKFold

    X, y, class_names = load_letter()
    folds = StratifiedKFold(n_splits=_N_FOLDS, shuffle=True, random_state=0)
    train_rows, _ = next(folds.split(X, y))
    return X[train_rows], y[train_rows], len(class_names)


def _fill_and_standardise(
    X_train: NDArray[np.float64], X_valid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both parts without NaN, with the training part's mean 0 and variance 1 per column."""
    missing = np.isnan(X_train)
    n_known = np.maximum((~missing).sum(axis=0), 1)
    fill = np.where(missing, 0.0, X_train).sum(axis=0) / n_known
    X_train = np.where(missing, fill, X_train)
    X_valid = np.where(np.isnan(X_valid), fill, X_valid)

    mean = X_train.mean(axis=0)
    # A column that never varies while training would blow up what differs in validation.
    constant = X_train.min(axis=0) == X_train.max(axis=0)
    scale = np.where(constant, 1.0, X_train.std(axis=0) + 1e-10)
    return (X_train - mean) / scale, (X_valid - mean) / scale
