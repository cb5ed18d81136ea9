"""From a file name to a caption: emoji names and keywords of Unicode CLDR, other names split into words.

A *concept* is what a picture shows, whatever its style and skin tone: "waving-hand". Pictures are held out by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from backends.training.data.archives import archive, read_json
from backends.training.data.sources import words

__all__ = ["EmojiNames", "Naming", "colour_named", "is_brand", "plain_name", "slug"]

_TONE = re.compile(r"-(medium-light|medium-dark|light|medium|dark)$")  # a set may leave out "-skin-tone"
# Logos that lie in sets without a category for them. Common words ("apple", "messenger") only where the set has brands.
_BRANDS = frozenset(
    """
    amazon android angular apple aws azure behance bitcoin blogger chrome codepen discord docker dribbble dropbox
    edge ethereum facebook figma firefox github gitlab gmail google instagram kubernetes linkedin linux mastodon
    medium messenger meta microsoft netflix nextjs notion npm nvidia openai opera patreon paypal pinterest
    playstation python react reddit safari skype slack snapchat soundcloud spotify steam stripe telegram tiktok
    tumblr twitch twitter ubuntu vimeo visa vue wechat whatsapp windows wordpress xbox yahoo youtube zoom
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Naming:
    """What a picture shows."""

    label: str  # "waving hand"
    concept: str  # "waving-hand"
    tags: tuple[str, ...] = ()  # "hello", "goodbye", ...
    group: str = ""  # "smileys", "people", ..., "flags"; "" where nobody said
    toned: bool = False  # a variant with a skin tone


_GROUPS = ("smileys", "people", "parts", "animals", "food", "travel", "activities", "objects", "symbols", "flags")


def slug(text: str) -> str:
    """Lower case, words joined by hyphens.

    Example:
        >>> slug("Woman’s Hat: red")
        'womans-hat-red'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("’", "").replace("'", "")).strip("-")


def plain_name(name: str, strip: str = "") -> str:
    """A file name as words; numbers at its end count variants and say nothing.

    Example:
        >>> plain_name("shopping-cart-2-flat", "-flat$")
        'shopping cart'
    """
    bare = re.sub(strip, "", name) if strip else name
    return re.sub(r"(-[0-9]+)+$", "", bare).replace("-", " ").strip()


def colour_named(label: str) -> str:
    """The colour word that a label already begins with, or "".

    Example:
        >>> colour_named("red heart")
        'red'
    """
    first = label.split(" ")[0]
    known = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
    return first if first in known else ""


def is_brand(label: str) -> bool:
    """Whether a label names a trademark of the short list."""
    return any(word in _BRANDS for word in label.split())


class EmojiNames:
    """CLDR names by slug, by code points, and by their letters alone."""

    def __init__(self, cache: Path) -> None:
        base, lib = words()
        rows = read_json(archive(base, cache), base.member)
        more: dict[str, list[str]] = read_json(archive(lib, cache), lib.member)
        self._by_slug: dict[str, Naming] = {}
        self._by_code: dict[str, Naming] = {}
        self._by_letters: dict[str, Naming] = {}
        for row in rows:
            group = _GROUPS[row["group"]] if row.get("group") is not None else "symbols"
            extra = [word.replace("_", " ") for word in more.get(row["emoji"], [])]
            tags = tuple(dict.fromkeys(t for t in [*row.get("tags", []), *extra] if t.isascii() and len(t) > 2))
            tags = tuple(t for t in tags if t != row["label"] and re.fullmatch(r"[a-z][a-z ]+", t))
            concept = slug(row["label"])
            for variant in (row, *row.get("skins", [])):
                label = variant["label"].lower().replace("’", "'").replace(":", "")
                naming = Naming(label=label, concept=concept, tags=tags, group=group, toned=variant is not row)
                self._by_slug.setdefault(slug(label), naming)
                self._by_code.setdefault(_code(variant["hexcode"]), naming)
                self._by_letters.setdefault(slug(label).replace("-", ""), naming)
        self._vocabulary = {word for name in self._by_slug for word in name.split("-") if len(word) > 1} | {"a"}

    def __len__(self) -> int:
        return len(self._by_slug)

    def of_slug(self, name: str) -> Naming:
        """By an iconify name; one that CLDR does not know is split into words and is a concept of its own."""
        short = re.sub(r"-[0-9]+$", "", name)
        toned = f"{name}-skin-tone" if _TONE.search(name) else name
        for slugged in (name, toned, short):
            if slugged in self._by_slug:
                return self._by_slug[slugged]
        if (letters := short.replace("-", "")) in self._by_letters:
            return self._by_letters[letters]
        label = plain_name(name) if "-" in name else " ".join(self._split(name) or [name])
        base = _TONE.sub("", name.removesuffix("-skin-tone"))
        return Naming(label=label, concept=slug(label if base == name else base), toned=base != name)

    def _split(self, text: str) -> list[str]:
        """Words that were run together, told apart by the vocabulary of all names: the fewest, or none at all."""
        best: list[list[str] | None] = [[]]
        for end in range(1, len(text) + 1):
            ways = [
                [*before, text[start:end]]
                for start in range(end)
                if (before := best[start]) is not None and text[start:end] in self._vocabulary
            ]
            best.append(min(ways, key=len) if ways else None)
        return best[-1] or []

    def of_code(self, code: str) -> Naming | None:
        """By code points as "1f44b-1f3fb"; None where CLDR does not know them."""
        return self._by_code.get(_code(code))


def _code(code: str) -> str:
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")
