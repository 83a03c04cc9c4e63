import subprocess
import sys

import pytest

from agcore_contrib import otx


@pytest.mark.parametrize("name", otx.__all__)
def test_every_public_name_exists(name):
    assert getattr(otx, name) is not None


def test_dir_lists_the_public_names():
    assert dir(otx) == sorted(otx.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Hyperband'"):
        _ = otx.Hyperband


def test_a_trials_process_loads_no_heavy_library():
    script = (
        "import sys, agcore_contrib.otx.child, agcore_contrib.otx.train_settings\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'yaml', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == "[]"
