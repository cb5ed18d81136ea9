"""The figures of a text, held against its translation.

"412,300" and "412.300" are one figure written in two languages; so are "3.5" and "3,5". A figure that can be read in
two ways matches where one reading does. What it does not see: a figure written out in words, and a month that was a
figure; such a one counts as lost, and a person is told.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["lost_figures"]

_GAP = r".,'’\u00a0\u202f\u2009"
_FIGURE = re.compile(rf"\d+(?:(?:[{_GAP}]| (?=\d{{3}}(?!\d)))\d+)*")
_AFTERNOON = re.compile(r"(?::\d\d)?\s?p\.?m\b", re.IGNORECASE)  # behind a figure
_GROUPED = re.compile(rf"\d{{1,3}}(?:([{_GAP} ])\d{{3}})(?:\1\d{{3}})*")
_DECIMAL = re.compile(rf"(\d{{1,3}}(?:[{_GAP} ]\d{{3}})*|\d+)[.,](\d+)")


def lost_figures(source: str, translation: str) -> list[str]:
    """The figures of a text that its translation does not hold, as they are written in the source, in order.

    Example:
        >>> lost_figures("On 4 May 1911 it earned 412,300 crowns.", "Am 4. Mai 1911 nahm es 412.300 Kronen ein.")
        []
        >>> lost_figures("It costs 3.5 marks.", "Es kostet 35 Mark.")
        ['3.5']
    """
    there = [readings for _written, readings in _figures(translation)]
    lost = []
    for written, readings in _figures(source):
        match = next((n for n, other in enumerate(there) if readings & other), None)
        if match is None:
            lost.append(written)
        else:
            del there[match]  # a figure that stands twice is to be translated twice
    return lost


def _figures(text: str) -> list[tuple[str, frozenset[str]]]:
    """Each figure as it is written, and what it may mean."""
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in unicodedata.normalize("NFC", text))
    found: list[tuple[str, frozenset[str]]] = []
    for match in _FIGURE.finditer(plain):
        readings = _readings(match.group())
        if _AFTERNOON.match(plain, match.end()) and match.group().isdigit():
            readings |= {str(int(match.group()) + 12)}  # 3 pm is 15 Uhr
        if readings:
            found.append((match.group(), readings))
        else:  # a date or a number of a version: its parts
            found += [(part, frozenset({_whole(part)})) for part in re.findall(r"\d+", match.group())]
    return found


def _readings(figure: str) -> frozenset[str]:
    readings = set()
    if figure.isdigit():
        readings.add(_whole(figure))
    if _GROUPED.fullmatch(figure):
        readings.add(_whole(re.sub(r"\D", "", figure)))
    decimal = _DECIMAL.fullmatch(figure)
    if decimal:
        readings.add(f"{_whole(re.sub(r'[^0-9]', '', decimal.group(1)))}.{decimal.group(2)}")
    return frozenset(readings)


def _whole(digits: str) -> str:
    return digits.lstrip("0") or "0"
