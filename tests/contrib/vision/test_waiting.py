"""How the threads of torch wait for one another."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")]
)
def test_threads_wait_without_using_cpus_unless_the_user_says_otherwise(given, expected):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys, agcore_contrib.vision\n"
            "assert 'torch' not in sys.modules\n"
            "print(os.environ['OMP_WAIT_POLICY'])",
        ],
        env={**environment, **given, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected
