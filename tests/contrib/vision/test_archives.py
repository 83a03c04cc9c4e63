"""Archives: fetched, unpacked, and kept inside of their folder."""

import io
import random
import shutil
import tarfile
import zipfile
from types import SimpleNamespace

import pytest

from agcore_contrib.vision import archives
from agcore_contrib.vision.archives import cache_folder, fetch, unpack, unpacked
from agcore_contrib.vision.errors import ArchiveError


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def tarred(path, name, content=b"x", kind=tarfile.REGTYPE, target=""):
    with tarfile.open(path, "w:gz") as opened:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        member.size = len(content) if kind == tarfile.REGTYPE else 0
        opened.addfile(member, io.BytesIO(content))
    return path


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/out.txt", "C:/out.txt"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_path_leads_out_of_the_folder(tmp_path, name, kind):
    folder = tmp_path / "deep" / "inside"
    folder.mkdir(parents=True)
    if kind == "zip":
        path = zipped(tmp_path / "evil.zip", {name: "x"})
    else:
        path = tarred(tmp_path / "evil.tar.gz", name)
    with pytest.raises(ArchiveError, match="leads out of the folder"):
        unpack(path, folder)
    assert everything_below(tmp_path / "deep") == ["inside"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    path = tarred(tmp_path / "links.tar.gz", "link", kind=kind, target="/etc/passwd")
    folder = tmp_path / "inside"
    folder.mkdir()
    with pytest.raises(ArchiveError, match="link or a device"):
        unpack(path, folder)
    assert everything_below(folder) == []


def test_a_link_in_a_zip_is_refused(tmp_path):
    member = zipfile.ZipInfo("link")
    member.external_attr = 0o120777 << 16
    path = tmp_path / "links.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(member, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link or a device"):
        unpack(path, tmp_path)


def test_a_bomb_is_refused_by_what_it_announces(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    path = zipped(tmp_path / "bomb.zip", {"zeros": b"\0" * 2000})
    with pytest.raises(ArchiveError, match="more than"):
        unpack(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"text"])
def test_what_is_no_archive_is_named(tmp_path, content):
    path = tmp_path / "broken.zip"
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"broken\.zip"):
        unpacked(path)
    assert not [name for name in everything_below(cache_folder()) if "content" in name]


@pytest.mark.parametrize(("kind", "begin"), [("zip", 200), ("tar.xz", 5000)])
def test_damage_that_the_decompressor_finds_is_named(tmp_path, kind, begin):
    path = tmp_path / f"damaged.{kind}"
    noise = random.Random(0).randbytes(20_000).hex()
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("a.txt", noise)
    else:
        (tmp_path / "a.txt").write_text(noise)
        with tarfile.open(path, "w:xz") as opened:
            opened.add(tmp_path / "a.txt", "a.txt")
    content = bytearray(path.read_bytes())
    content[begin : begin + 2000] = b"\xff" * 2000
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"damaged\."):
        unpacked(path)


def test_more_than_the_disk_has_room_for_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    folder = tmp_path / "inside"
    folder.mkdir()
    for path in (
        zipped(tmp_path / "a.zip", {"zeros": b"\0" * 2000}),
        tarred(tmp_path / "a.tar.gz", "zeros", b"\0" * 2000),
    ):
        with pytest.raises(ArchiveError, match="AGCORE_CACHE"):
            unpack(path, folder)
    assert everything_below(folder) == []


def test_an_archive_is_fetched_once(tmp_path, serve):
    zipped(tmp_path / "a.zip", {"one/two.txt": "three"})
    address = f"{serve(tmp_path)}/a.zip"
    folder = unpacked(address)
    assert (folder / "one" / "two.txt").read_text() == "three"
    (tmp_path / "a.zip").unlink()
    assert unpacked(address) == folder


def test_an_archive_that_has_changed_is_unpacked_again(tmp_path):
    path = zipped(tmp_path / "a.zip", {"one.txt": "1"})
    first = unpacked(path)
    zipped(path, {"one.txt": "22"})
    assert (unpacked(path) / "one.txt").read_text() == "22"
    assert (first / "one.txt").read_text() == "1"


def test_a_server_that_refuses_or_is_not_there_is_named(tmp_path, serve):
    address = serve(tmp_path)
    with pytest.raises(ArchiveError, match="404"):
        fetch(f"{address}/none.zip", tmp_path / "x")
    with pytest.raises(ArchiveError, match="cannot be fetched"):
        fetch("http://127.0.0.1:1/none.zip", tmp_path / "x")
    with pytest.raises(ArchiveError, match="cannot be fetched"):
        fetch(f"{address}/a b.zip", tmp_path / "x")


def test_a_server_that_never_answers_does_not_hang(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/a.zip"
        with pytest.raises(ArchiveError, match="timed out"):
            fetch(address, tmp_path / "x", time_out_s=0.2)
