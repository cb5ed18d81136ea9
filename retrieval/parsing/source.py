"""What a format module reads from and reports to: one file (or one attachment), its limits, what was noticed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["ParseOptions", "Source"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ParseOptions:
    """Limits of reading one file. What is beyond `max_pages` and `max_chars` is left out with a warning."""

    ocr: bool = True  # read scans and pictures
    timeout_s: float = 120.0  # for a file without OCR; every page read by OCR extends it
    memory_mib: int = 2048  # of the process that reads
    max_file_mib: int = 512
    max_pages: int = 20_000
    max_chars: int = 400_000_000


class Source:
    """One file, or one attachment in memory; the format module writes title, metadata and warnings here.

    Attributes:
        kind: What the content is ("pdf", "docx", ...); set before the format module runs.
        depth: 0 for a file, 1 for an attachment of a mail, 2 for an attachment of that.
        page_count: How many pages there are, where the format says so before they are read.
    """

    def __init__(
        self,
        *,
        name: str,
        options: ParseOptions,
        path: Path | None = None,
        data: bytes | None = None,
        depth: int = 0,
        root: Source | None = None,
    ) -> None:
        if (path is None) == (data is None):
            raise ValueError("a source is either a path or bytes")
        self.name = name
        self.options = options
        self.depth = depth
        self.kind = ""
        self.title = ""
        self.metadata: dict[str, str] = {}
        self.warnings: list[str] = []
        self.page_count: int | None = None
        self.root: Source = root or self  # the file that this lies in
        self.files_seen = 0  # attachments read so far, of the whole file
        self._path = path
        self._data = data

    @property
    def suffix(self) -> str:
        """The extension of the name, lower case, without the dot."""
        return Path(self.name).suffix.lower().removeprefix(".")

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._data) if self._data is not None else self._path.stat().st_size  # type: ignore[union-attr]

    def open(self) -> BinaryIO:
        """A new binary stream from the start; the caller closes it."""
        if self._data is not None:
            return io.BytesIO(self._data)
        assert self._path is not None
        return self._path.open("rb")

    def read(self) -> bytes:
        """All bytes."""
        if self._data is not None:
            return self._data
        assert self._path is not None
        return self._path.read_bytes()

    def head(self, count: int) -> bytes:
        """The first `count` bytes."""
        with self.open() as stream:
            return stream.read(count)

    def path_or_bytes(self) -> Path | bytes:
        """For libraries that read a path themselves (and so need not hold the whole file)."""
        return self._path if self._path is not None else self.read()

    def warn(self, sentence: str) -> None:
        """Note something a person should know; each sentence once."""
        if sentence not in self.warnings and len(self.warnings) < 50:
            self.warnings.append(sentence)

    def note(self, key: str, value: object) -> None:
        """Keep a short piece of metadata (author, date, subject)."""
        text = " ".join(str(value).split()) if value is not None else ""
        if text:
            self.metadata[key] = text[:300]
