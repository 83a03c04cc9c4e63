"""Any classification task, by way of the ``openml`` package and its cache on disk."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agcore.errors import AgcoreError, MissingExtraError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from numpy.typing import NDArray

MAX_ONE_HOT = 64
"""Categorical columns with more categories than this keep their number as the feature."""

_CONNECTION_ATTEMPTS = 3
# Features, their two parts and the standardised copies exist at the same time.
_COPIES_IN_MEMORY = 4


def fetch_training_rows(task_id: int) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Features (NaN where missing) and class codes of a task's training rows, and the classes.

    The rows are those of repeat 0, fold 0. What the cache lacks is downloaded; a full cache
    needs no network.

    Returns:
        Features of shape (rows, columns), codes of shape (rows,), number of classes.

    Raises:
        MissingExtraError: ``openml`` is not installed.
        SpecError: It is not a supervised classification task.
        AgcoreError: The task cannot be read, or it does not fit into memory.
    """
    openml = _import_openml()
    with _few_attempts(openml), _one_clear_error(openml, task_id):
        task = _classification_task(openml, task_id)
        class_labels = [label for label in task.class_labels if isinstance(label, str)]
        dataset = task.get_dataset(
            download_data=True, download_qualities=False, download_features_meta_data=True
        )
        train_rows = np.asarray(task.get_train_test_split_indices(repeat=0, fold=0)[0])
        if dataset.format.lower() == "sparse_arff" and dataset.parquet_file is None:
            X, codes = _read_sparse(dataset, task, train_rows, class_labels)
        else:
            frame, target, _, _ = dataset.get_data(
                target=task.target_name, dataset_format="dataframe"
            )
            X = _features(frame.iloc[train_rows], task_id)
            codes = _class_codes(target.iloc[train_rows], class_labels)
    known = codes >= 0
    return X[known], codes[known], len(class_labels)


def _import_openml() -> Any:
    try:
        import openml
    except ModuleNotFoundError as error:
        if error.name != "openml":  # installed, but something it needs is broken: say that
            raise
        raise MissingExtraError("load_and_split_openml_data with a download", "openml") from error
    return openml


@contextlib.contextmanager
def _few_attempts(openml: Any) -> Iterator[None]:
    """While this is open, ``openml`` gives a dead network up after three seconds, not ten."""
    attempts = openml.config.connection_n_retries
    openml.config.connection_n_retries = min(attempts, _CONNECTION_ATTEMPTS)
    try:
        yield
    finally:
        openml.config.connection_n_retries = attempts


@contextlib.contextmanager
def _one_clear_error(openml: Any, task_id: int) -> Iterator[None]:
    """Turns whatever ``openml`` raises into one AgcoreError that says where it looked."""
    try:
        yield
    except AgcoreError:
        raise
    except Exception as error:  # network, server, XML, ARFF, parquet: they share no base class
        raise AgcoreError(
            f"OpenML task {task_id} is neither complete in the cache "
            f"{openml.config.get_cache_directory()} nor to be had from {openml.config.server} "
            f"({type(error).__name__}: {error}); check the number and the network, or set "
            "OPENML_CACHE_DIR to a folder that holds the task"
        ) from error


def _classification_task(openml: Any, task_id: int) -> Any:
    """The task's description; nothing large is downloaded before its type is known."""
    needs = "only supervised classification tasks can be loaded; pass the number of one"
    try:
        task = openml.tasks.get_task(
            task_id,
            download_splits=False,
            download_data=False,
            download_qualities=False,
            download_features_meta_data=False,
        )
    except NotImplementedError as error:
        raise SpecError(f"OpenML task {task_id}: {error}; {needs}") from error
    if task.task_type_id != openml.tasks.TaskType.SUPERVISED_CLASSIFICATION:
        raise SpecError(f"OpenML task {task_id} is of type {task.task_type!r}; {needs}")
    if not task.class_labels:
        raise SpecError(f"OpenML task {task_id} names no classes for {task.target_name!r}; {needs}")
    return task


# -- classes -------------------------------------------------------------------------------


def _class_codes(target: pd.Series, class_labels: Sequence[str]) -> NDArray[np.int64]:
    """Position of each row's class among the labels, -1 where the class is missing."""
    import pandas as pd

    codes, distinct = pd.factorize(target)
    positions = [_label_position(value, class_labels) for value in distinct]
    return np.asarray([*positions, -1], dtype=np.int64)[codes]  # the last one serves code -1


def _label_position(value: Any, class_labels: Sequence[str]) -> int:
    """Position of the label that means ``value``: '1' for 1.0, 'true' for True."""
    readings: tuple[Callable[[Any], Any], ...] = (str, lambda label: str(label).casefold(), float)
    for reading in readings:
        with contextlib.suppress(TypeError, ValueError):  # not all are numbers
            return [reading(label) for label in class_labels].index(reading(value))
    raise AgcoreError(f"class {value!r} is not among the task's labels {list(class_labels)}")


# -- sparse data ---------------------------------------------------------------------------


def _read_sparse(
    dataset: Any, task: Any, rows: NDArray[np.int64], class_labels: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features, dense, and class codes of the chosen rows of a sparse ARFF file.

    Nominal features keep their number. ``openml`` 0.15 cannot read such files beside pandas 3,
    and makes a table column by column, which is slow for the thousands they have.
    """
    import arff  # type: ignore[import-untyped]
    from scipy import sparse

    with Path(dataset.data_file).open(encoding="utf8") as file:
        content = arff.ArffDecoder().decode(file, encode_nominal=True, return_type=arff.COO)
    names = [name for name, _ in content["attributes"]]
    left_out = {task.target_name, dataset.row_id_attribute, *(dataset.ignore_attribute or ())}
    features = [i for i, name in enumerate(names) if name not in left_out]
    _check_memory(len(rows), len(features), task.task_id)

    values, row_of, column_of = content["data"]
    # Rows without entries leave no trace at the end of the file; the folds know of them.
    shape = (max(rows.max(), *row_of) + 1, len(names))
    entries = np.asarray(values, dtype=np.float64)  # a missing value, None, becomes NaN
    matrix = sparse.coo_matrix((entries, (row_of, column_of)), shape=shape).tocsr()[rows]

    target = names.index(task.target_name)
    positions = [_label_position(label, class_labels) for label in content["attributes"][target][1]]
    numbers = matrix[:, [target]].toarray().ravel()
    codes = np.where(np.isnan(numbers), -1, numbers).astype(np.int64)  # -1 picks the last one
    return matrix[:, features].toarray(), np.asarray([*positions, -1], dtype=np.int64)[codes]


# -- features ------------------------------------------------------------------------------


def _features(frame: pd.DataFrame, task_id: int) -> NDArray[np.float64]:
    """The table as numbers, shape (rows, columns after encoding)."""
    columns = [_numbers_or_codes(frame.iloc[:, i]) for i in range(frame.shape[1])]
    _check_memory(len(frame), sum(_width(n_categories) for _, n_categories in columns), task_id)
    return np.hstack([_one_hot(values, n_categories) for values, n_categories in columns])


def _check_memory(n_rows: int, n_columns: int, task_id: int) -> None:
    import psutil

    need = n_rows * n_columns * 8 * _COPIES_IN_MEMORY
    free = psutil.virtual_memory().available
    if need > free:
        raise AgcoreError(
            f"OpenML task {task_id} has {n_rows:,} rows by {n_columns:,} columns, which take "
            f"{need / 2**30:.1f} GiB as dense numbers; {free / 2**30:.1f} GiB are free"
        )


def _numbers_or_codes(column: pd.Series) -> tuple[NDArray[np.float64], int | None]:
    """The column as float64, NaN where missing; and the number of categories if it has any."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return _codes_as_floats(column.cat.codes.to_numpy()), len(column.cat.categories)
    if not pd.api.types.is_numeric_dtype(column.dtype):  # booleans count as numeric
        try:
            column = pd.to_numeric(column)
        except (TypeError, ValueError):  # text: its distinct values are the categories
            codes, distinct = pd.factorize(column.astype("string"), sort=True)
            return _codes_as_floats(codes), len(distinct)
    numbers: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers, None


def _codes_as_floats(codes: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(codes < 0, np.nan, codes.astype(np.float64))


def _width(n_categories: int | None) -> int:
    """How many columns a column becomes."""
    if n_categories is None or n_categories <= 2 or n_categories > MAX_ONE_HOT:
        return 1
    return n_categories


def _one_hot(values: NDArray[np.float64], n_categories: int | None) -> NDArray[np.float64]:
    """Indicator columns, NaN in all of them where missing, so that the mean fills in shares."""
    width = _width(n_categories)
    if width == 1:
        return values[:, None]
    indicators: NDArray[np.float64] = np.equal(values[:, None], np.arange(width)).astype(np.float64)
    indicators[np.isnan(values)] = np.nan
    return indicators
