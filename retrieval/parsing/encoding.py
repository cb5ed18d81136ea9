"""In which encoding a text file is written."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import BinaryIO

from retrieval.parsing.source import Source

__all__ = ["Encoding", "decode", "find_encoding", "looks_like_text", "note_encoding"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark starts with the same bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 256 * 1024
_BLOCK = 1024 * 1024
_WESTERN = set("äöüÄÖÜßéèêëáàâãåçñóòôõøúùûíìîïýÿœæÉÈÀÁÂÃÅÇÑÓÒÔÕØÚÙÛÍÌÎÏŒÆ€£§°±²³µ·»«¡¿–—‘’“”„…•©®™ªº½¼¾")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec name, and how sure it is."""

    name: str
    guessed: bool  # neither marked nor UTF-8
    broken: int = 0  # bytes that are not valid in it


def looks_like_text(head: bytes) -> bool:
    """Whether bytes from the start of a file may be text at all (no NULs but UTF-16's and UTF-32's, few controls)."""
    if any(head.startswith(mark) for mark, _ in _BOMS) or _utf16_without_mark(head):
        return True
    if b"\0" in head:
        return False
    controls = sum(head.count(bytes([code])) for code in (*range(1, 7), *range(14, 27), *range(28, 32)))
    return controls <= max(3, len(head) // 50)


def find_encoding(source: Source) -> Encoding:
    """Byte-order mark, then UTF-8, then a guess from the bytes that are not ASCII."""
    head = source.head(_SAMPLE)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name, guessed=False)
    if wide := _utf16_without_mark(head):
        return Encoding(wide, guessed=False)
    with source.open() as stream:
        bad, wide_chars, sample = _check_utf8(stream)
    if bad == 0:
        return Encoding("utf-8", guessed=False)
    if bad * 20 < wide_chars:  # UTF-8 with a few broken places is still UTF-8
        return Encoding("utf-8", guessed=False, broken=bad)
    return Encoding(_guess(sample), guessed=True)


def decode(source: Source, data: bytes) -> str:
    """All of `data`, for formats that are read whole; says so in a warning when the encoding was guessed."""
    whole = Source(name=source.name, options=source.options, data=data)
    found = find_encoding(whole)
    note_encoding(source, found)
    return data.decode(found.name, "replace")


def note_encoding(source: Source, found: Encoding) -> None:
    """Tell the person what was guessed."""
    if found.guessed:
        source.warn(f"The text is not UTF-8; it was read as {found.name}.")
    elif found.broken:
        source.warn("A few characters are damaged and are shown as �.")


def _utf16_without_mark(head: bytes) -> str:
    sample = head[:2000]
    if len(sample) < 4:
        return ""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _check_utf8(stream: BinaryIO) -> tuple[int, int, bytes]:
    """Broken places, characters beyond ASCII, and lines that hold bytes beyond ASCII (up to 64 kB of them)."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    bad = wide = 0
    sample = bytearray()
    while True:
        block = stream.read(_BLOCK)
        last = len(block) < _BLOCK
        text = decoder.decode(block, final=last)
        if not text.isascii():
            bad += max(0, text.count("\ufffd") - block.count(b"\xef\xbf\xbd"))
            wide += len(text) - len(text.encode("ascii", "ignore"))
            if len(sample) < _SAMPLE // 4:
                lines = (line for line in block.split(b"\n") if not line.isascii())
                sample += b"\n".join(lines)[: _SAMPLE // 4] + b"\n"
        if last:
            return bad, wide, bytes(sample)


def _guess(sample: bytes) -> str:
    """Windows-1252 if what it gives looks Western European, else what charset-normalizer says."""
    western = sample.decode("cp1252", "replace")
    beyond = [char for char in western if ord(char) > 127]
    usual = sum(char in _WESTERN for char in beyond)
    letters = sum(map(str.isalpha, western))
    if usual >= 0.9 * len(beyond) and len(beyond) <= max(0.35 * letters, 12):  # most letters are ASCII there
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best is not None and best.encoding != "ascii" else "cp1252"
