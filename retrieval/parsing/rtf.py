"""RTF: read as a stream of control words; text, tables, paragraphs and headings by outline level."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from retrieval.document import Page
from retrieval.parsing.cleaning import clean, one_line
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PageWriter, flow_pages

__all__ = ["parse"]

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(\*)|\\([^a-zA-Z])|([{}])|([^\\{}\r\n]+)|[\r\n]+"
)
_UNREAD = {
    "fonttbl", "colortbl", "stylesheet", "listtable", "listoverridetable", "pict", "object", "objdata", "themedata",
    "colorschememapping", "datastore", "latentstyles", "generator", "xmlnstbl", "rsidtbl", "fldinst", "filetbl",
    "revtbl", "bkmkstart", "bkmkend", "pntext", "pnseclvl", "listtext", "nonshppict", "wgrffmtfilter", "atrfstart",
    "atrfend", "panose", "falt", "shpinst", "mmathPr", "passwordhash", "userprops",
}  # fmt: skip
_INFO = {"title", "author", "subject"}
_SYMBOLS = {
    "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "emspace": " ", "enspace": " ", "qmspace": " ", "tab": "\t", "line": "\n", "softline": "\n",
}  # fmt: skip
_DEEPEST = 10_000


@dataclass(slots=True, frozen=True)
class _State:
    """What a group inherits from the one around it."""

    unread: bool = False
    info: str = ""  # the property that is being read
    skip: int = 1  # characters that stand in for a \\u one
    level: int = 0  # of the heading, 0 for none
    hidden: bool = False
    in_table: bool = False


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._writer = PageWriter()
        self._state = _State()
        self._stack: list[_State] = []
        self._text: list[str] = []
        self._cells: list[str] = []
        self._bytes = bytearray()
        self._codec = "cp1252"
        self._standing_in = 0
        self._info: dict[str, list[str]] = {}
        self._in_info = 0
        self._starred = False

    def read(self, data: bytes) -> PageWriter:
        for match in _TOKEN.finditer(data):
            word, number, code, star, symbol, brace, text = match.groups()
            if code is None and not (text and self._bytes):
                self._flush_bytes()
            if brace:
                self._brace(brace)
            elif word:
                self._word(word.decode("ascii"), int(number) if number else None)
            elif code:
                self._byte(int(code, 16))
            elif star:
                self._starred = True
            elif symbol:
                self._symbol(symbol)
            elif text:
                self._plain(text)
        self._flush_bytes()
        self._paragraph()
        for key, parts in self._info.items():
            value = one_line("".join(parts))
            if key == "title":
                self._source.title = value[:200]
            else:
                self._source.note(key, value)
        return self._writer

    def _brace(self, brace: bytes) -> None:
        self._starred = False
        if brace == b"{":
            if len(self._stack) < _DEEPEST:
                self._stack.append(self._state)
        elif self._stack:
            self._state = self._stack.pop()

    def _word(self, word: str, number: int | None) -> None:
        starred, self._starred = self._starred, False
        state = self._state
        if word in _UNREAD or (starred and word not in {"shptxt", "footnote", "annotation"}):
            self._state = replace(state, unread=True)
        elif word == "info":
            self._state = replace(state, unread=True, info="info")
        elif word in _INFO and state.info:
            self._state = replace(state, info=word)
        elif word == "u" and number is not None:
            self._add(_unit(number))
            self._standing_in = state.skip
        elif word == "uc" and number is not None:
            self._state = replace(state, skip=max(0, min(number, 10)))
        elif word == "ansicpg" and number is not None:
            self._codec = _codec(number)
        elif word == "bin":
            return  # the bytes that follow are skipped with the group they stand in
        elif word in {"par", "sect", "page"}:
            self._paragraph()
        elif word in {"cell", "nestcell"}:
            self._cell()
        elif word in {"row", "nestrow"}:
            self._row()
        elif word == "pard":
            self._state = replace(state, level=0, in_table=False)
        elif word == "intbl":
            self._state = replace(state, in_table=True)
        elif word == "outlinelevel" and number is not None:
            self._state = replace(state, level=number + 1 if 0 <= number < 9 else 0)
        elif word == "v":
            self._state = replace(state, hidden=number != 0)
        elif word in _SYMBOLS:
            self._add(_SYMBOLS[word])

    def _symbol(self, symbol: bytes) -> None:
        if symbol in b"\\{}":
            self._add(symbol.decode("ascii"))
        elif symbol == b"~":
            self._add("\u00a0")
        elif symbol == b"_":
            self._add("-")
        elif symbol in b"\r\n":
            self._paragraph()

    def _byte(self, value: int) -> None:
        if self._standing_in:
            self._standing_in -= 1
        else:
            self._bytes.append(value)

    def _plain(self, text: bytes) -> None:
        if self._standing_in:
            dropped = min(self._standing_in, len(text))
            self._standing_in -= dropped
            text = text[dropped:]
        self._bytes += text
        self._flush_bytes()

    def _flush_bytes(self) -> None:
        if self._bytes:
            data, self._bytes = bytes(self._bytes), bytearray()
            self._add(data.decode(self._codec, "replace"))

    def _add(self, text: str) -> None:
        state = self._state
        if state.info in _INFO:
            self._info.setdefault(state.info, []).append(text)
        elif not state.unread and not state.hidden:
            self._text.append(text)

    def _cell(self) -> None:
        self._flush_bytes()
        self._cells.append("".join(self._text))
        self._text.clear()

    def _row(self) -> None:
        if self._text:
            self._cell()
        self._writer.row(_whole(self._cells))
        self._cells = []

    def _paragraph(self) -> None:
        self._flush_bytes()
        if self._cells or self._state.in_table:  # a line inside a cell
            self._text.append("\n")
            return
        text = clean("".join(self._text))
        self._text.clear()
        if self._state.level and len(text) <= 300:
            self._writer.heading(text, self._state.level)
        else:
            self._writer.gap()
            self._writer.paragraph(text.strip())


def parse(source: Source) -> Iterator[Page]:
    """One flowing text, cut where it is long."""
    writer = _Reader(source).read(source.read())
    yield from flow_pages(writer.text, writer.headings)


def _unit(number: int) -> str:
    """A UTF-16 unit (RTF writes it signed); pairs are joined when the text is cleaned."""
    return chr(number & 0xFFFF) if number & 0xFFFF else ""


def _codec(page: int) -> str:
    name = {10000: "mac_roman", 65001: "utf-8", 932: "cp932", 936: "gbk", 949: "cp949", 950: "cp950"}.get(page)
    name = name or f"cp{page}"
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name


def _whole(cells: list[str]) -> list[str]:
    return [clean(cell) for cell in cells]
