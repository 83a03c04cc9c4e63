"""The packaged letter data."""

import string
import subprocess
import sys

import numpy as np

from agcore.datasets import load_letter


def test_letter_has_the_published_shape_and_classes():
    X, y, class_names = load_letter()
    assert (X.shape, X.dtype) == ((20000, 16), np.float64)
    assert (y.shape, y.dtype) == ((20000,), np.int64)
    assert class_names == tuple(string.ascii_uppercase)


def test_features_are_the_integers_from_0_to_15():
    X, _, _ = load_letter()
    assert set(np.unique(X)) == set(range(16))


def test_class_sizes_are_those_openml_publishes():
    _, y, _ = load_letter()
    sizes = np.bincount(y)
    assert (len(sizes), sizes.min(), sizes.max()) == (26, 734, 813)


def test_first_row_is_the_letter_of_the_original_file():
    X, y, class_names = load_letter()
    assert X[0].tolist() == [2, 4, 4, 3, 2, 7, 8, 2, 9, 11, 7, 7, 1, 8, 5, 6]
    assert class_names[y[0]] == "Z"


def test_each_call_returns_new_arrays():
    first, _, _ = load_letter()
    first[:] = -1
    assert load_letter()[0].min() == 0


def test_importing_the_data_sets_imports_no_large_library():
    code = (
        "import sys, agcore.datasets, agcore.mxnet.utils\n"
        "large = {'sklearn', 'pandas', 'openml', 'scipy', 'mxnet', 'matplotlib'}\n"
        "print(sorted(large & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
