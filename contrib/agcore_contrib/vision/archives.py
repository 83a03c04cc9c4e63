"""Archives: fetched once, and unpacked so that no file lands outside of its folder."""

from __future__ import annotations

import hashlib
import http.client
import logging
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from agcore_contrib.vision.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
MAX_BYTES = 50 * 2**30
"""More than that is not unpacked: a small archive may hold any number of zeros."""
MAX_FILES = 5_000_000
TIME_OUT_S = 30.0
"""For each answer of the server, not for the whole."""

_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
)
"""What the readers of archives raise; the decompressors have errors of their own."""
_CHUNK_BYTES = 2**20
_LOG_EVERY_BYTES = 50 * 2**20


def cache_folder() -> Path:
    """Where fetched archives are unpacked: ``AGCORE_CACHE``, else agcore's in the user's cache."""
    given = os.environ.get("AGCORE_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "agcore"


def is_url(text: str) -> bool:
    """Whether a text is the address of something on a server."""
    return urllib.parse.urlsplit(text).scheme in ("http", "https", "ftp")


def is_archive(path: Path) -> bool:
    """Whether a file has the name of an archive."""
    return path.name.lower().endswith(SUFFIXES)


def unpacked(source: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """The folder with the content of an archive; fetched and unpacked at most once.

    Args:
        source: A URL or the path of a zip or tar file.
        folder: Where unpacked archives are kept; by default `cache_folder`.

    Raises:
        ArchiveError: It cannot be fetched or read, or would write outside of its folder.
    """
    text = os.fspath(source)
    base = (folder or cache_folder()) / "images"
    key = hashlib.sha256(_identity(text).encode()).hexdigest()[:16]
    target = base / f"{_stem(text)}-{key}"
    if target.is_dir():
        return target
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base, prefix=".unpacking-") as temporary:
        archive = Path(temporary) / "archive"
        if is_url(text):
            fetch(text, archive)
        else:
            archive = Path(text)
        content = Path(temporary) / "content"
        content.mkdir()
        unpack(archive, content, text)
        try:
            content.rename(target)
        except OSError:
            if not target.is_dir():  # another process was faster
                raise
    return target


def _identity(text: str) -> str:
    """What changes if the archive does, as far as that can be seen from here."""
    if is_url(text):
        return text
    try:
        status = Path(text).stat()
    except OSError as error:
        raise ArchiveError(f"{text} cannot be read: {error.strerror}") from error
    return f"{Path(text).resolve()}:{status.st_size}:{status.st_mtime_ns}"


def _stem(text: str) -> str:
    name = Path(urllib.parse.urlsplit(text).path).name if is_url(text) else Path(text).name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".") or "archive"


def fetch(url: str, target: Path, time_out_s: float = TIME_OUT_S) -> None:
    """Download a file; its progress is logged.

    Raises:
        ArchiveError: The server refuses, does not answer in time, or hangs up early.
    """
    try:
        with (
            urllib.request.urlopen(url, timeout=time_out_s) as answer,
            target.open("wb") as file,
        ):
            total = int(answer.headers.get("Content-Length") or 0)
            done = _copy(answer, file, total, url)
    except urllib.error.HTTPError as error:
        error.close()
        raise ArchiveError(f"{url}: the server answered {error.code} {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise ArchiveError(
            f"{url} cannot be fetched: {error}; check the address and the network"
        ) from error
    if total and done < total:
        raise ArchiveError(f"{url}: {done} of {total} bytes arrived; try again")


def _copy(answer: IO[bytes], file: IO[bytes], total: int, url: str) -> int:
    """Bytes that were copied."""
    done = logged = 0
    while chunk := answer.read(_CHUNK_BYTES):
        file.write(chunk)
        done += len(chunk)
        if done - logged >= _LOG_EVERY_BYTES:
            logged = done
            logger.info("%s: %d of %s MB", url, done >> 20, total >> 20 if total else "?")
    return done


def unpack(archive: Path, folder: Path, name: str | None = None) -> None:
    """Unpack a zip or tar file into a folder that exists.

    Regular files and folders only: links and devices are an error, as are paths that lead out.

    Args:
        archive: The file.
        folder: Where its content goes.
        name: What messages call it; by default its path.

    Raises:
        ArchiveError: It is no archive, damaged, too large, or a path would escape.
    """
    name = name or str(archive)
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, folder, name)
        elif tarfile.is_tarfile(archive):
            _unpack_tar(archive, folder, name)
        else:
            raise ArchiveError(f"{name} is neither a zip nor a tar file")
    except _DAMAGE as error:
        raise ArchiveError(f"{name} cannot be unpacked: {error}") from error


def _unpack_zip(archive: Path, folder: Path, name: str) -> None:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        total = sum(member.file_size for member in members)
        _check_size(name, len(members), total)
        _check_room(name, total, folder)
        for member in members:
            target = _inside(folder, member.filename, name)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(name, member.filename, "is a link or a device")
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            with opened.open(member) as content:
                _write(content, target, member.file_size)


def _unpack_tar(archive: Path, folder: Path, name: str) -> None:
    with tarfile.open(archive) as opened:
        members = list(_tar_members(opened, name))
        _check_room(name, sum(member.size for member in members), folder)
        for member in members:
            target = _inside(folder, member.name, name)
            if member.isdir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            if not member.isreg():
                raise _refused(name, member.name, "is a link or a device")
            content = opened.extractfile(member)
            if content is not None:
                with content:
                    _write(content, target, member.size)


def _tar_members(opened: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    total = 0
    for count, member in enumerate(opened, start=1):
        total += member.size
        _check_size(name, count, total)
        yield member


def _check_size(name: str, files: int, size: int) -> None:
    if files > MAX_FILES or size > MAX_BYTES:
        raise ArchiveError(
            f"{name} holds {files:,} files of {size / 2**30:.1f} GiB, more than the {MAX_FILES:,} "
            f"and {MAX_BYTES / 2**30:.0f} GiB that are unpacked; unpack it yourself and pass the "
            "folder"
        )


def _check_room(name: str, size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ArchiveError(
            f"{name} holds {size / 2**30:.1f} GiB, and the disk of {folder} has "
            f"{free / 2**30:.1f} GiB left; set AGCORE_CACHE to a folder on a larger one"
        )


def _inside(folder: Path, member: str, name: str) -> Path:
    """Where a member of an archive goes.

    Raises:
        ArchiveError: That is not inside of the folder.
    """
    parts = member.replace("\\", "/").split("/")
    if member.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in member:
        raise _refused(name, member, "leads out of the folder")
    return folder.joinpath(*[part for part in parts if part not in ("", ".")])


def _refused(name: str, member: str, why: str) -> ArchiveError:
    return ArchiveError(f"{name}: {member!r} {why}; nothing of such an archive is used")


def _write(content: IO[bytes], target: Path, size: int) -> None:
    """Write a member, and no more than the archive has announced."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
        if file.tell() > size:
            raise ArchiveError(f"{target.name} is larger than its archive says")
