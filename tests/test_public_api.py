import ast
import subprocess
import sys
from pathlib import Path

import pytest

import agcore as ag

STUB = Path(ag.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("name", ag.__all__)
def test_every_public_name_exists(name):
    assert getattr(ag, name) is not None


def test_the_stub_for_type_checkers_names_the_same():
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    named = {
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert named == set(ag.__all__)


def test_dir_lists_the_public_names():
    assert dir(ag) == sorted(ag.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Rael'"):
        _ = ag.Rael


def test_spaces_are_reachable_both_ways():
    assert ag.space.Real is ag.Real
    assert ag.space.Int is ag.Int


def test_the_version_is_where_the_tutorial_looks_for_it():
    assert ag.version.__version__ == ag.__version__


def test_tune_stays_a_function_whatever_is_imported():
    import agcore.tuning

    assert callable(ag.tune)
    assert agcore.tuning.tune is ag.tune


def test_importing_agcore_loads_no_heavy_library():
    script = (
        "import sys, agcore, agcore.executor.worker, agcore.train_fn\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'matplotlib', 'sklearn', 'rich', 'click'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_random_search_loads_neither_scipy_nor_pandas_nor_matplotlib():
    script = (
        "import sys, agcore as ag\n"
        "ag.tune(lambda args: args.x, {'x': ag.Real(0, 1)}, num_trials=2, executor='inline')\n"
        "heavy = {'scipy', 'pandas', 'matplotlib', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
