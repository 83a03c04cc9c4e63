"""Every tutorial runs as it stands, in an empty folder, and draws what it says it draws."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "tutorials").glob("*.py"))


def test_they_are_numbered_and_documented():
    assert TUTORIALS
    for script in TUTORIALS:
        assert re.fullmatch(r"\d\d_[a-z_]+\.py", script.name)
        text = script.read_text(encoding="utf-8")
        assert f"python {script.name}" in text.split('"""')[1]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("script", TUTORIALS, ids=lambda script: script.stem)
def test_a_tutorial_runs_and_draws_its_pictures(script, tmp_path):
    said = script.read_text(encoding="utf-8").split('"""')[1]
    if "agcore[vision]" in said:
        pytest.importorskip("torch", reason="needs the extra vision")
    path = os.pathsep.join([str(ROOT), str(ROOT / "contrib"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=390,
    )
    assert done.returncode == 0, done.stderr
    pictures = re.findall(r"``(\w+\.png)``", said)
    assert pictures, "a tutorial ends with a picture"
    for picture in pictures:
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")
    assert f"see {pictures[0]}" in done.stdout
