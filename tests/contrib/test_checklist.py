"""CHECKLIST.md names tests that exist."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_that_the_checklist_names_exists():
    named = set(re.findall(r"`(test_\w+)`", (HERE / "CHECKLIST.md").read_text(encoding="utf-8")))
    sources = (path.read_text(encoding="utf-8") for path in HERE.rglob("test_*.py"))
    defined = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.M)}
    assert len(named) > 60
    assert sorted(named - defined) == []
