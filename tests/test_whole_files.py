from concurrent.futures import ThreadPoolExecutor

import pytest

from agcore.run_directory import write_json
from agcore.whole_files import replaced


def test_what_is_there_stays_until_the_block_has_ended(tmp_path):
    path = tmp_path / "picture.png"
    path.write_text("old")
    with replaced(path) as unfinished:
        assert unfinished.suffix == ".png"  # formats are chosen by it
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced(path) as unfinished:
        unfinished.write_text("ne")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_one_that_is_written_inside_another_has_its_own(tmp_path):
    path = tmp_path / "notes.txt"
    with replaced(path) as outer, replaced(path) as inner:
        outer.write_text("outer")
        inner.write_text("inner")
    assert path.read_text() == "outer"


def test_threads_may_write_the_same_file(tmp_path):
    path = tmp_path / "x.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_json(path, {"number": number}), range(800)))
    assert list(tmp_path.iterdir()) == [path]
