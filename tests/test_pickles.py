import pytest

import agcore as ag
from agcore.errors import SpecError


def test_any_object_comes_back_closures_too(tmp_path):
    factor = 3
    ag.save({"f": lambda x: factor * x, "list": [1, 2]}, tmp_path / "deep" / "object.ag")
    loaded = ag.load(tmp_path / "deep" / "object.ag")
    assert loaded["f"](2) == 6
    assert loaded["list"] == [1, 2]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["object.ag"]


def test_what_cannot_be_pickled_or_written_is_one_clear_error(tmp_path):
    with pytest.raises(SpecError, match="cannot pickle a generator"):
        ag.save((i for i in "ab"), tmp_path / "x")
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match="cannot write"):
        ag.save(1, tmp_path / "file" / "x")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x05"])
def test_what_is_no_pickle_is_one_clear_error(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(SpecError, match=r"holds no object|cannot read"):
        ag.load(tmp_path / "x")
    with pytest.raises(SpecError, match="cannot read"):
        ag.load(tmp_path / "none")


def test_an_old_file_stays_whole_when_the_new_object_cannot_be_pickled(tmp_path):
    ag.save(1, tmp_path / "x")
    with pytest.raises(SpecError):
        ag.save((i for i in "ab"), tmp_path / "x")
    assert ag.load(tmp_path / "x") == 1
