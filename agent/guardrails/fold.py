"""Text as a model reads it, whatever it looks like: one plain form to look for patterns in, with the way back.

Folded away: case, accents, full-width and ornamental letters (NFKD), invisible and direction characters, small
capitals, look-alike letters of other scripts inside Latin words. Decoded beside it: base64, hex, percent and entity
escapes, text in Unicode's invisible tag characters, letters set apart by spaces, digits for letters, rot13, reversal.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

__all__ = ["Folded", "fold", "fold_char", "hidden_pieces"]

_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True))
_QUOTES = dict.fromkeys("“”„‟«»″＂", '"') | dict.fromkeys("‘’‚‛′`´", "'")
_LOOKALIKES = str.maketrans("авеѕікмнорстухуԁјӏɡαορντικυχ", "abesikmhopctyxydjlgaopvtikux")
_LETTERS = re.compile(r"[^\W\d_]+")
_ENCLOSED = ((0x1F150, 0x1F169), (0x1F170, 0x1F189))  # negative circled and squared A-Z: NFKD leaves them
_MAX_EXPANSION = 4  # letters that one character may become: ligatures, not whole phrases


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; `origin[i]` is where its character i stood, None where nothing moved."""

    text: str
    origin: list[int] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original text behind `start:end`."""
        if self.origin is None or start >= end:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1


def fold(text: str) -> Folded:
    """The plain form of `text`. Time and size grow with its length.

    Example:
        >>> fold("Ｉgnöre\u200b ｔhis").text
        'ignore this'
    """
    if text.isascii():
        return Folded(text.lower().replace("`", "'"), None)
    parts: list[str] = []
    origin: list[int] = []
    for at, char in enumerate(text):
        plain = fold_char(char)
        parts.append(plain)
        if len(plain) == 1:
            origin.append(at)
        else:
            origin += [at] * len(plain)
    folded = _LETTERS.sub(_latin, "".join(parts))
    return Folded(folded, origin)


@lru_cache(maxsize=65536)
def fold_char(char: str) -> str:
    """What one character becomes; nothing, where it cannot be seen."""
    category = unicodedata.category(char)
    if category in ("Cf", "Mn", "Me", "Co", "Cs") or (category == "Cc" and char not in "\n\t\r"):
        return ""
    if char in _QUOTES:
        return _QUOTES[char]
    if any(low <= ord(char) <= high for low, high in _ENCLOSED):
        return chr(ord("a") + next(ord(char) - low for low, high in _ENCLOSED if low <= ord(char) <= high))
    form: Literal["NFKC", "NFKD"] = "NFKC" if "\uac00" <= char <= "\ud7a3" else "NFKD"  # Hangul syllables stay whole
    plain = "".join(c for c in unicodedata.normalize(form, char) if unicodedata.category(c) != "Mn").lower()
    return "".join(_SMALL_CAPITALS.get(c, c) for c in plain)[:_MAX_EXPANSION]


def _latin(match: re.Match[str]) -> str:
    """A word that mixes Latin with look-alikes reads as Latin; a Russian word stays Russian."""
    word = match.group()
    if word.isascii() or not any(c.isascii() for c in word):
        return word
    return word.translate(_LOOKALIKES)


_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,8000}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}[ ,:]{0,2}){12,4000}(?![0-9A-Fa-f])")
_BITS = re.compile(r"(?<![01])(?:[01]{8}[ ,]{0,2}){8,2000}(?![01])")
_ESCAPED = re.compile(r"(?:%[0-9A-Fa-f]{2}[^%\s]{0,3}){6,2000}|(?:&#x?[0-9A-Fa-f]{2,6};[^&]{0,2}){6,2000}")
_TAGS = re.compile("[\U000e0020-\U000e007e]{8,2000}")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .*_\-|]{1,3}){9,2000}[^\W_](?![^\W_])")
_LEET_WORD = re.compile(r"[a-z]{0,20}[0134578@$][a-z0134578@$]{2,20}")
_LEET = str.maketrans("0134578@$", "oieastbas")
_MAX_PIECES = 40


def hidden_pieces(text: str, folded: str) -> Iterator[tuple[str, int, int, str]]:
    """Texts hidden inside `text`: (how, start, end in `text`, folded piece). At most `_MAX_PIECES` of a kind."""
    yield from _decoded_pieces(text)
    for count, match in enumerate(_SPACED.finditer(text)):
        if count >= _MAX_PIECES:
            break
        words = re.split(r"[ .*_\-|]{2,}", match.group())
        yield "spaced", match.start(), match.end(), " ".join(re.sub(r"[ .*_\-|]", "", w) for w in words).lower()
    if "vafgehpg" in folded or "cebzcg" in folded:
        yield "rot13", 0, len(text), codecs.encode(folded, "rot13")
    if "snoitcurtsni" in folded or "tpmorp" in folded:
        yield "reversed", 0, len(text), folded[::-1]
    leet = _LEET_WORD.sub(lambda m: m.group().translate(_LEET), folded)
    if leet.count("instruct") > folded.count("instruct") or leet.count("prompt") > folded.count("prompt"):
        yield "leet", 0, len(text), leet


def _decoded_pieces(text: str) -> Iterator[tuple[str, int, int, str]]:
    for how, pattern, decode in (
        ("base64", _BASE64, _from_base64),
        ("hex", _HEX, _from_hex),
        ("bits", _BITS, _from_bits),
        ("escaped", _ESCAPED, lambda piece: html.unescape(unquote(piece))),
        ("invisible", _TAGS, lambda piece: "".join(chr(ord(c) - 0xE0000) for c in piece)),
    ):
        for count, match in enumerate(pattern.finditer(text)):
            if count >= _MAX_PIECES:
                break
            piece = decode(match.group())
            if piece and _reads_as_text(piece):
                yield how, match.start(), match.end(), fold(piece).text


def _from_base64(piece: str) -> str:
    plain = piece.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _from_hex(piece: str) -> str:
    return bytes.fromhex(re.sub(r"[^0-9A-Fa-f]", "", piece)).decode("utf-8", "replace")


def _from_bits(piece: str) -> str:
    bits = re.sub(r"[^01]", "", piece)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).decode("utf-8", "replace")


def _reads_as_text(piece: str) -> bool:
    readable = sum(c.isalpha() or c == " " for c in piece)
    return len(piece) >= 8 and readable >= 0.75 * len(piece)
