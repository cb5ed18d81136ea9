"""The package of a DOCX, PPTX or XLSX: its parts, who refers to whom, and what it says about itself."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from lxml import etree

from provenance.errors import DocumentError
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.limits import MAX_PART_BYTES, open_zip, read_part
from retrieval.parsing.markup import local, read_xml
from retrieval.parsing.source import Source

_NO_TITLES = {"", "powerpoint presentation", "powerpoint-präsentation", "untitled", "document", "word document"}
__all__ = ["Package", "attribute", "open_package"]


class Package:
    """Reads parts by name; a missing or broken part is None, so that one bad part does not lose the others."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.damaged = False
        # Some writers differ in case or use backslashes; names are found by what they mean.
        self._names = {name.replace("\\", "/").lstrip("/").lower(): name for name in archive.namelist()}

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name.lower() in self._names

    def names(self, folder: str) -> list[str]:
        """The parts in a folder, sorted."""
        return sorted(name for name in self._names if name.startswith(folder.lower()))

    def xml(self, name: str) -> Any:
        """The root element of a part, or None."""
        if not self.has(name):
            return None
        try:
            return read_xml(read_part(self._archive, self._names[name.lower()]), self._note_damage)
        except (etree.XMLSyntaxError, KeyError):
            self.damaged = True
            return None

    def _note_damage(self) -> None:
        self.damaged = True

    def stream(self, name: str) -> IO[bytes]:
        """A part to be read piece by piece.

        Raises:
            DocumentError: There is none, or it is encrypted or too large.
        """
        if not self.has(name):
            raise DocumentError("The file is damaged: a part is missing.", hint="Open and save it again.")
        entry = self._archive.getinfo(self._names[name.lower()])
        if entry.flag_bits & 0x1:
            raise DocumentError("The file is encrypted.", hint="Save a copy without a password and add that.")
        if entry.file_size > 4 * MAX_PART_BYTES:
            raise DocumentError("A part of the file is too large to read.", hint="Split the document.")
        return self._archive.open(entry)

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Relation id -> (kind, part) for what a part refers to inside the package."""
        folder, base = posixpath.split(name)
        root = self.xml(f"{folder}/_rels/{base}.rels" if folder else f"_rels/{base}.rels")
        found: dict[str, tuple[str, str]] = {}
        for relation in root if root is not None else ():
            if local(relation) != "Relationship" or relation.get("TargetMode") == "External":
                continue
            kind = (relation.get("Type") or "").rsplit("/", 1)[-1]
            target = relation.get("Target") or ""
            path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[relation.get("Id") or ""] = (kind, path)
        return found

    def main_part(self, fallback: str) -> str:
        """The document part that the package names."""
        for kind, path in self.relations("").values():
            if kind == "officeDocument" and self.has(path):
                return path
        return fallback

    def describe(self, source: Source) -> None:
        """Title, author and date into the source."""
        core = self.xml("docProps/core.xml")
        for element in core if core is not None else ():
            text = one_line(element.text or "")
            match local(element):
                case "title" if text.lower() not in _NO_TITLES and not source.title:
                    source.title = text[:200]
                case "creator":
                    source.note("author", text)
                case "subject":
                    source.note("subject", text)
                case "created":
                    source.note("created", text[:10])
                case _:
                    pass


@contextmanager
def open_package(source: Source) -> Iterator[Package]:
    """The package of an Office file.

    Raises:
        DocumentError: A damaged zip, or one that would unpack to too much.
    """
    with source.open() as stream, open_zip(stream) as archive:
        package = Package(archive)
        yield package
        if package.damaged:
            source.warn("A part of the file is damaged; what could be read of it was read.")


def attribute(element: Any, name: str) -> str | None:
    """An attribute by its local name, whichever namespace the writer put it in."""
    value: str | None = element.get(name)
    if value is not None:
        return value
    for key, other in element.items():
        if key.rsplit("}", 1)[-1] == name:
            return str(other)
    return None
