"""What is refused before a byte is parsed: not a regular file, too large, a symlink that leads out, a zip bomb.

Covers sizes as the file system and the zip directory state them. What a parser then does with the bytes is bounded by
the process it runs in (`retrieval.parser`).
"""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from pathlib import Path
from typing import IO

from provenance.errors import DocumentError

__all__ = ["MAX_PART_BYTES", "check_file", "check_zip", "open_zip", "read_part"]

MAX_PART_BYTES = 256 * 1024 * 1024  # one XML part of an Office file
_MAX_ZIP_BYTES = 2 * 1024 * 1024 * 1024
_MAX_ZIP_ENTRIES = 50_000
_MAX_RATIO = 200  # XML shrinks 5 to 30 times; 200 is reached by padding only
_RATIO_FROM = 32 * 1024 * 1024  # small files may be as dense as they like
_UNPACKING = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    NotImplementedError,
    ValueError,
)


def check_file(path: Path, *, max_file_mib: int, root: Path | None = None) -> int:
    """Say whether `path` may be read at all.

    Args:
        root: The folder that was asked for; a symlink may not lead out of it. Without it, a symlink may not lead out
            of the folder it lies in.
    Returns:
        The size in bytes, at least 1.
    Raises:
        DocumentError: Missing, no permission, not a regular file, a symlink that leads out, empty or too large.
    """
    try:
        _check_symlink(path, root)
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise DocumentError(f"This is {_what(info.st_mode)}, not a file.", hint="Choose a regular file.")
        with path.open("rb"):
            pass
    except FileNotFoundError as exc:
        raise DocumentError("The file does not exist (any more).", hint="Check the path.") from exc
    except PermissionError as exc:
        raise DocumentError("There is no permission to read the file.", hint="Change its permissions.") from exc
    except (OSError, RuntimeError, ValueError) as exc:  # symlink loops, names too long, NUL in a name, media errors
        raise DocumentError(f"The file cannot be opened: {exc}.", hint="Check the path and the disk.") from exc
    if info.st_size == 0:
        raise DocumentError("The file is empty.", hint="Check that it was saved or copied completely.")
    if info.st_size > max_file_mib * 1024 * 1024:
        raise DocumentError(
            f"The file has {info.st_size / 1024 / 1024:,.0f} MiB, more than the limit of {max_file_mib} MiB.",
            hint="Split it, or raise WHEREFROM_MAX_FILE_MIB.",
        )
    return info.st_size


def _check_symlink(path: Path, root: Path | None) -> None:
    if root is None and not path.is_symlink():
        return
    folder = (root or path.parent).resolve()
    if not path.resolve().is_relative_to(folder):
        raise DocumentError(
            "This is a link that leads out of its folder.", hint="Add the file that it points to by its own path."
        )


def _what(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open a zip-based document and check it.

    Raises:
        DocumentError: Damaged, or would unpack to too much.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError) as exc:
        raise DocumentError(
            "The file is damaged: its zip container cannot be read.", hint="Get a fresh copy or save it again."
        ) from exc
    try:
        check_zip(archive)
    except DocumentError:
        archive.close()
        raise
    return archive


def check_zip(archive: zipfile.ZipFile) -> None:
    """Refuse a zip bomb by what its directory says (reading never yields more than that)."""
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    dense = total > _RATIO_FROM and total > _MAX_RATIO * max(1, packed)
    overlapping = packed > 2 * _archive_size(archive)  # many entries that share the same bytes
    if len(entries) > _MAX_ZIP_ENTRIES or total > _MAX_ZIP_BYTES or dense or overlapping:
        raise DocumentError(
            f"The file would unpack to {total / 1024 / 1024:,.0f} MiB from {packed / 1024 / 1024:,.1f} MiB: "
            "it looks like a zip bomb and is not opened.",
            hint="Do not open it unless you know where it comes from.",
        )


def _archive_size(archive: zipfile.ZipFile) -> int:
    stream = archive.fp
    if stream is None:
        return 0
    position = stream.tell()
    size = stream.seek(0, 2)
    stream.seek(position)
    return size


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part of a zip-based document.

    Raises:
        KeyError: There is no such part.
        DocumentError: It is damaged, encrypted or too large.
    """
    entry = archive.getinfo(name)
    if entry.flag_bits & 0x1:
        raise DocumentError("The file is encrypted.", hint="Save a copy without a password and add that.")
    if entry.file_size > MAX_PART_BYTES:
        raise DocumentError(
            f"A part of the file has {entry.file_size / 1024 / 1024:,.0f} MiB, which is too large to read.",
            hint="Split the document.",
        )
    try:
        return archive.read(entry)
    except _UNPACKING as exc:
        raise DocumentError("The file is damaged: a part cannot be unpacked.", hint="Save it again.") from exc
