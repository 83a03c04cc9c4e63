"""OpenML tasks: the embedded one, cached ones, downloaded ones. Real ``openml``, no network."""

import sys

import numpy as np
import pytest

from agcore.datasets import load_and_split_openml_data, load_letter, openml_client
from agcore.errors import AgcoreError, MissingExtraError, SpecError
from tests.datasets.conftest import PARQUET

# openml 0.15 never closes the file of the folds; the first read of every small task meets it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*datasplits:ResourceWarning")

N_ROWS = 50


def download(task_id=31, ratio=0.25):
    return load_and_split_openml_data(task_id, ratio, download_from_openml=True)


def numeric_columns(labels=("no", "yes")):
    rng = np.random.default_rng(3)
    y = [labels[row % len(labels)] for row in range(N_ROWS)]
    return {
        "a": ("REAL", [float(v) for v in rng.normal(5.0, 2.0, N_ROWS).round(3)]),
        "b": ("NUMERIC", [int(v) for v in rng.integers(0, 9, N_ROWS)]),
        "class": (labels, y),
    }


# -- embedded ------------------------------------------------------------------------------


def test_embedded_task_has_the_sizes_of_openmls_fold():
    X_train, X_valid, y_train, y_valid, n_classes = load_and_split_openml_data(
        6, 0.33, download_from_openml=False
    )
    assert (X_train.shape, X_valid.shape) == ((12060, 16), (5940, 16))
    assert (y_train.shape, y_valid.shape, n_classes) == ((12060,), (5940,), 26)
    assert [a.dtype for a in (X_train, X_valid, y_train, y_valid)] == [np.float64] * 2 + [
        np.int64
    ] * 2


def test_embedded_training_part_is_standardised_by_its_own_statistics():
    X_train, X_valid, _, _, _ = load_and_split_openml_data()
    np.testing.assert_allclose(X_train.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(X_train.std(axis=0), 1.0, atol=1e-9)
    assert np.abs(X_valid.mean(axis=0)).max() > 1e-4


def test_embedded_rows_are_a_stratified_tenth_short_of_all():
    _, _, y_train, y_valid, _ = load_and_split_openml_data()
    _, y, _ = load_letter()
    kept = np.bincount(np.concatenate([y_train, y_valid]))
    assert np.abs(kept - 0.9 * np.bincount(y)).max() <= 1


def test_embedded_task_is_the_same_at_each_call():
    first, second = load_and_split_openml_data(), load_and_split_openml_data()
    for one, other in zip(first[:4], second[:4], strict=True):
        np.testing.assert_array_equal(one, other)


def test_embedded_task_needs_neither_network_nor_openml(monkeypatch, loopback_only):
    monkeypatch.setitem(sys.modules, "openml", None)
    assert load_and_split_openml_data(6, 0.5)[0].shape == (9000, 16)


def test_other_task_without_download_says_what_to_pass():
    with pytest.raises(SpecError, match=r"openml_task_id=3 .*download_from_openml=True"):
        load_and_split_openml_data(3)


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 33, float("nan")])
def test_ratio_out_of_range_is_an_error_with_the_value(ratio):
    with pytest.raises(SpecError, match=f"ratio_train_valid={ratio}"):
        load_and_split_openml_data(6, ratio)


# -- from a cache --------------------------------------------------------------------------


def test_missing_openml_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openml", None)
    with pytest.raises(MissingExtraError, match=r"agcore\[openml\]"):
        download()


def test_cached_task_gives_its_training_rows_split_and_standardised(openml_cache, small_task):
    from sklearn.model_selection import train_test_split

    task = small_task(numeric_columns())
    task.write_to(openml_cache)
    X_train, X_valid, y_train, y_valid, n_classes = download()

    rows = task.train_rows
    raw = np.array([task.columns["a"][1], task.columns["b"][1]], dtype=float).T[rows]
    codes = np.array([("no", "yes").index(v) for v in task.columns["class"][1]])[rows]
    expected = train_test_split(raw, codes, random_state=1, test_size=0.25)
    mean, std = expected[0].mean(axis=0), expected[0].std(axis=0)
    np.testing.assert_allclose(X_train, (expected[0] - mean) / std, atol=1e-6)
    np.testing.assert_allclose(X_valid, (expected[1] - mean) / std, atol=1e-6)
    np.testing.assert_array_equal(y_train, expected[2])
    np.testing.assert_array_equal(y_valid, expected[3])
    assert (n_classes, y_train.dtype) == (2, np.int64)


@pytest.mark.parametrize(
    "labels", [("b", "a", "c"), ("3", "1", "2"), ("TRUE", "FALSE"), ("0", "1"), ("true", "false")]
)
def test_labels_become_codes_in_the_order_of_the_tasks_class_labels(
    openml_cache, small_task, labels
):
    columns = numeric_columns(labels)
    columns["a"] = ("REAL", [10.0 * labels.index(label) for label in columns["class"][1]])
    small_task(columns).write_to(openml_cache)
    X_train, _, y_train, _, n_classes = download()
    assert n_classes == len(labels)
    order = [X_train[y_train == code, 0].mean() for code in range(n_classes)]
    assert order == sorted(order)


def test_missing_values_become_the_mean_of_the_training_part_only(openml_cache, small_task):
    columns = numeric_columns()
    columns["a"] = ("REAL", [None if row % 3 == 0 else float(row) for row in range(N_ROWS)])
    small_task(columns).write_to(openml_cache)
    X_train, X_valid, _, _, _ = download()
    assert not np.isnan(X_train).any()
    assert not np.isnan(X_valid).any()
    # A mean is at 0 after standardising with the same rows: in both parts, exactly there.
    assert (np.abs(X_train[:, 0]) < 1e-9).sum() >= N_ROWS // 6
    assert (np.abs(X_valid[:, 0]) < 1e-9).sum() >= 1
    np.testing.assert_allclose(X_train.mean(axis=0), 0.0, atol=1e-9)


def test_column_without_any_value_becomes_zeros(openml_cache, small_task):
    columns = {"none": (("x", "y"), [None] * N_ROWS)} | numeric_columns()
    small_task(columns).write_to(openml_cache)
    X_train, X_valid, _, _, _ = download()
    assert not X_train[:, 0].any()
    assert not X_valid[:, 0].any()


def test_rows_without_a_class_are_left_out(openml_cache, small_task):
    columns = numeric_columns()
    labels = columns["class"][1]
    columns["class"] = (("no", "yes"), [None if row < 10 else v for row, v in enumerate(labels)])
    task = small_task(columns)
    task.write_to(openml_cache)
    _, _, y_train, y_valid, _ = download()
    assert len(y_train) + len(y_valid) == len([row for row in task.train_rows if row >= 10])


def test_categories_become_one_indicator_column_each(openml_cache, small_task):
    columns = {
        "shade": (("red", "green", "blue"), [("red", "green", "blue")[r % 3] for r in range(50)]),
        "flag": (("f", "t"), [("f", "t")[r // 2 % 2] for r in range(50)]),
    } | numeric_columns()
    small_task(columns).write_to(openml_cache)
    X_train, _, _, _, _ = download()
    assert X_train.shape[1] == 3 + 1 + 2
    on = X_train[:, :3] > 0
    assert (on.sum(axis=1) == 1).all()
    assert [len(np.unique(X_train[:, i])) for i in range(4)] == [2, 2, 2, 2]


def test_missing_category_is_filled_with_the_share_of_each_category(openml_cache, small_task):
    shades = ("red", "green", "blue")
    values = [None if row % 7 == 0 else shades[row % 3] for row in range(50)]
    small_task({"shade": (shades, values)} | numeric_columns()).write_to(openml_cache)
    X_train, _, _, _, _ = download()
    filled = (np.abs(X_train[:, :3]) < 1e-9).all(axis=1)  # the share is the column's mean
    assert filled.any()
    assert ((X_train[~filled, :3] > 0).sum(axis=1) == 1).all()


def test_many_categories_keep_their_number(openml_cache, small_task):
    names = tuple(f"c{i:03}" for i in range(openml_client.MAX_ONE_HOT + 1))
    columns = {"town": (names, [names[row] for row in range(50)])} | numeric_columns()
    small_task(columns).write_to(openml_cache)
    X_train, _, _, _, _ = download()
    assert X_train.shape[1] == 1 + 2
    assert len(np.unique(X_train[:, 0])) == len(X_train)


def test_category_seen_only_in_validation_stays_small(openml_cache, small_task):
    shades = ("red", "green", "blue")
    columns = {"shade": (shades, ["red"] * 50)} | numeric_columns()
    for row in range(50):  # some of these are in the validation part alone
        columns["shade"] = (shades, ["blue" if r == row else "red" for r in range(50)])
        task = small_task(columns, task_id=100 + row, data_id=100 + row)
        task.write_to(openml_cache)
        _, X_valid, _, _, _ = download(100 + row)
        assert np.abs(X_valid).max() < 20


def test_text_columns_count_as_categories(openml_cache, small_task):
    words = ("apple", "pear", "plum")
    columns = {"word": ("STRING", [words[row % 3] for row in range(50)])} | numeric_columns()
    small_task(columns).write_to(openml_cache)
    X_train, _, _, _, _ = download()
    assert X_train.shape[1] == 3 + 2


def sparse_columns():
    labels = ("0", "1", "2")
    return {
        "a": ("REAL", [float(row) if row % 4 == 0 else 0 for row in range(50)]),
        "class": (labels, [labels[row % 3] for row in range(50)]),
        "b": ("REAL", [1.5 if row % 3 == 0 else 0 for row in range(50)]),
    }


def test_sparse_data_become_dense(openml_cache, small_task):
    columns = sparse_columns()
    task = small_task(columns, sparse=True)
    task.write_to(openml_cache)
    X_train, X_valid, y_train, y_valid, n_classes = download()
    assert (type(X_train), X_train.dtype, n_classes) == (np.ndarray, np.float64, 3)
    assert (X_train.shape, X_valid.shape) == ((30, 2), (10, 2))
    wanted = np.bincount([row % 3 for row in task.train_rows])
    np.testing.assert_array_equal(np.bincount(np.concatenate([y_train, y_valid])), wanted)
    np.testing.assert_array_equal(X_train[:, 1] > 0, y_train == 0)  # b is on in class 0 alone
    np.testing.assert_allclose(X_train.std(axis=0), 1.0, atol=1e-9)


def test_sparse_rows_without_entries_and_missing_values_count(openml_cache, small_task):
    columns = sparse_columns()
    for name, (kind, values) in columns.items():  # the last rows are empty lines
        blank = kind[0] if isinstance(kind, tuple) else 0
        columns[name] = (kind, values[:45] + [blank] * 5)
    columns["a"][1][8] = None
    columns["class"][1][0] = None
    task = small_task(columns, sparse=True)
    task.write_to(openml_cache)
    X_train, X_valid, y_train, y_valid, _ = download()
    assert len(y_train) + len(y_valid) == len(task.train_rows) - 1
    assert not np.isnan(X_train).any()
    assert not np.isnan(X_valid).any()


@pytest.mark.parametrize("sparse", [False, True])
def test_data_that_do_not_fit_into_memory_are_refused(
    openml_cache, small_task, monkeypatch, sparse
):
    import psutil

    columns = numeric_columns(("0", "1"))
    small_task(columns, sparse=sparse).write_to(openml_cache)
    free = type(psutil.virtual_memory())(*[1000] * len(psutil.virtual_memory()))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(AgcoreError, match=r"40 rows by 2 columns, which take .* GiB"):
        download()


# -- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize("type_id", [2, 5, 7])
def test_task_of_another_type_is_refused(openml_cache, small_task, type_id):
    columns = numeric_columns() | {"class": ("REAL", [float(row) for row in range(N_ROWS)])}
    small_task(columns, type_id=type_id).write_to(openml_cache)
    with pytest.raises(SpecError, match=r"task 31.*(Regression|Clustering|Survival).*only super"):
        download()


def test_classification_of_a_number_is_refused(openml_cache, small_task):
    columns = numeric_columns() | {"class": ("REAL", [float(row) for row in range(N_ROWS)])}
    small_task(columns).write_to(openml_cache)
    with pytest.raises(SpecError, match="names no classes for 'class'"):
        download()


def test_without_network_the_error_names_task_and_cache(openml_cache):
    with pytest.raises(AgcoreError, match="OpenML task 31 ") as caught:
        download()
    assert str(openml_cache) in str(caught.value)
    assert caught.value.__cause__ is not None
    assert not isinstance(caught.value, SpecError)


def test_unknown_label_in_the_data_is_named(openml_cache, small_task):
    task = small_task(numeric_columns())
    task.write_to(openml_cache)
    features = openml_cache / "datasets/77/features.xml"
    features.write_text(features.read_text().replace(">yes<", ">maybe<"))
    with pytest.raises(AgcoreError, match=r"class 'yes' is not among .*maybe"):
        download()


@pytest.mark.parametrize(("configured", "during"), [(1, 1), (5, 3)])
def test_openmls_settings_are_as_before_afterwards(openml_cache, monkeypatch, configured, during):
    import openml

    seen = []

    def fail(*args, **kwargs):
        seen.append(openml.config.connection_n_retries)
        raise ConnectionError("no network")

    monkeypatch.setattr(openml.config, "connection_n_retries", configured)
    monkeypatch.setattr(openml.tasks, "get_task", fail)
    with pytest.raises(AgcoreError, match="no network"):
        download()
    assert seen == [during]
    assert openml.config.connection_n_retries == configured


# -- from a server -------------------------------------------------------------------------


def serve(task, routes):
    files = task.files()
    data, own = f"datasets/{task.data_id}", f"tasks/{task.task_id}"
    api = "/api/v1/xml"
    routes[f"{api}/task/{task.task_id}"] = files[f"{own}/task.xml"]
    routes[f"{api}/data/{task.data_id}"] = files[f"{data}/description.xml"]
    routes[f"{api}/data/features/{task.data_id}"] = files[f"{data}/features.xml"]
    if task.parquet:
        routes[PARQUET] = task.parquet_bytes()
    else:
        routes["/files/data.arff"] = files[f"{data}/dataset.arff"]
    routes["/files/splits.arff"] = files[f"{own}/datasplits.arff"]


def test_task_is_downloaded_once_and_read_from_the_cache_after(openml_server, small_task):
    url, routes, asked = openml_server
    serve(small_task(numeric_columns(), server=url), routes)
    first = download()
    assert sorted(asked) == sorted(routes)
    asked.clear()
    second = download()
    assert asked == []
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_in_parquet_are_those_in_arff(openml_server, small_task):
    url, routes, asked = openml_server
    columns = {
        "shade": (("red", "green", "blue"), [("red", "green", "blue")[r % 3] for r in range(50)]),
        "flag": (("f", "t"), [None if r % 9 == 0 else ("f", "t")[r // 2 % 2] for r in range(50)]),
    } | numeric_columns()
    columns["a"] = ("REAL", [None if r % 5 == 0 else float(r) for r in range(50)])
    serve(small_task(columns, server=url), routes)
    from_arff = download()
    routes.clear()
    serve(small_task(columns, 32, 78, server=url, parquet=True), routes)
    asked.clear()
    from_parquet = download(32)
    assert set(asked) == set(routes)
    for one, other in zip(from_arff, from_parquet, strict=True):
        np.testing.assert_allclose(one, other)


def test_arff_is_taken_where_the_parquet_file_is_gone(openml_server, small_task):
    url, routes, _ = openml_server
    task = small_task(numeric_columns(), server=url, parquet=True)
    serve(task, routes)
    del routes[PARQUET]
    routes["/files/data.arff"] = task.files()["datasets/77/dataset.arff"]
    assert download()[0].shape[1] == 2


def test_regression_task_is_refused_before_its_data_are_downloaded(openml_server, small_task):
    url, routes, asked = openml_server
    serve(small_task(numeric_columns(), server=url, type_id=2), routes)
    with pytest.raises(SpecError, match="Supervised Regression"):
        download()
    assert "/files/data.arff" not in asked


def test_unknown_task_number_is_one_clear_error(openml_server):
    with pytest.raises(AgcoreError, match=r"OpenML task 4711 .*Unknown task") as caught:
        download(4711)
    assert "returned code 151" in str(caught.value.__cause__)
