"""The examples of contrib/README.md run as pasted."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$",
    (ROOT / "contrib" / "README.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def test_the_example_of_hpopt_runs_as_pasted(tmp_path):
    (example,) = EXAMPLES
    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "contrib")]),
            "PYTHONWARNINGS": "error",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("|  #  |")
    assert re.fullmatch(r"\{'lr': 0\.0\d+, 'bs': \d+\}", lines[-1])
    assert (tmp_path / "hpo" / "hpopt_status.json").exists()
