"""Which files a path means: itself, or what a folder holds.

A folder's hidden files and the leavings of other programs are passed over. No link is followed out of it; links that
stay inside are passed over, too, because what they point to is met anyway.
"""

from __future__ import annotations

import os
import stat
import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.objects import Cancelled

__all__ = ["Found", "safe_name", "walk"]

_JUNK_NAMES = {"thumbs.db", "desktop.ini", "icon\r", "node_modules", "__pycache__", "__macosx", "$recycle.bin"}
_JUNK_SUFFIXES = (".tmp", ".part", ".partial", ".crdownload", ".swp", ".pyc", ".lock", "~")
_JUNK_PREFIXES = (".", "~$", ".~lock")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A file, or a folder or link that cannot be followed and why."""

    path: Path
    problem: str = ""
    hint: str = ""


def safe_name(path: Path | str) -> str:
    """A name or path that can be shown and stored: what does not print is written out as an escape.

    Example:
        >>> safe_name("two\\nlines.txt")
        'two\\\\nlines.txt'
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(_shown(character) for character in text)


def walk(root: Path, *, stop: threading.Event | None = None) -> Iterator[Found]:
    """Every file that `root` means, in the order of names.

    Raises:
        Cancelled: `stop` was set.
    """
    try:
        folder = root.is_dir()
    except OSError:  # a name that is too long, a loop of links: whoever reads it says so
        folder = False
    if not folder:
        yield Found(path=root)
        return
    yield from _folder(root.resolve(), root.resolve(), stop)


def _folder(folder: Path, root: Path, stop: threading.Event | None) -> Iterator[Found]:
    waiting = [folder]
    while waiting:
        if stop is not None and stop.is_set():
            raise Cancelled("Looking through the folder was stopped.")
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as exc:
            yield Found(path=folder, problem=f"This folder cannot be read: {exc.strerror}.", hint="Check permissions.")
            continue
        deeper: list[Path] = []
        for entry in entries:
            if _is_junk(entry.name):
                continue
            path = Path(entry.path)
            if entry.is_symlink():
                yield from _link(path, root)
            elif entry.is_dir(follow_symlinks=False):
                deeper.append(path)
            else:
                yield Found(path=path)
        waiting.extend(reversed(deeper))


def _link(path: Path, root: Path) -> Iterator[Found]:
    try:
        target = path.resolve(strict=True)
        stat.S_IFMT(target.stat().st_mode)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links
        yield Found(path=path, problem="This link points to nothing.", hint="Remove it or repair it.")
        return
    if not target.is_relative_to(root):
        yield Found(
            path=path,
            problem="This link leads out of the folder and was not followed.",
            hint="Add the file that it points to by its own path.",
        )


def _is_junk(name: str) -> bool:
    lower = name.lower()
    return lower in _JUNK_NAMES or lower.startswith(_JUNK_PREFIXES) or lower.endswith(_JUNK_SUFFIXES)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode("ascii")
