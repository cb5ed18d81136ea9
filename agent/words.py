"""Words as the checks compare them: folded, without stop words, figures in one form."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["QUESTION_WORDS", "content_words", "folded", "stands_in", "word_set"]

_QUOTES = str.maketrans("“”„‘’‚–—", "\"\"\"'''--")
_GAPS = re.compile(r"\s+")
_THOUSANDS = re.compile(r"(?<=\d)[,\u202f\u00a0'’](?=\d{3}(?!\d))")
_WORD = re.compile(r"[^\W_]+(?:[.,'’\-][^\W_]+)*", re.UNICODE)
_STOP = frozenset(
    """a an and are as at be been being but by can could did do does for from had has have he her hers him his how i if
    in into is it its itself me more most my no nor not of on or our ours own s same she should so some such t than that
    the their theirs them then there these they this those to too under until up very was we were what when where which
    while who whom why will with would you your yours about after all also am any because before between both during
    each few just now off once only other out over said says states stated according passage passages document documents
    mentioned given answer question following based provided yes""".split()  # noqa: SIM905 - as prose
)
QUESTION_WORDS = frozenset(
    {"how", "many", "much", "who", "what", "when", "where", "which", "why", "happen"}
    | {"tell", "name", "list", "give", "find"}
)


def _fold(word: str) -> str:
    word = unicodedata.normalize("NFKC", word).casefold().strip(".,'’-")
    word = re.sub(r"['’]s$", "", word)
    if any(character.isdigit() for character in word):
        return re.sub(r"(?<=\d)[,\u202f\u00a0'’](?=\d{3}\b)", "", word)
    for suffix in ("ingly", "edly", "ing", "ies", "ed", "es", "ly", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)] + ("y" if suffix == "ies" else "")
            break
    return word.removesuffix("e") if len(word) > 4 else word


def content_words(text: str) -> list[str]:
    """Folded words that carry meaning: no stop words, thousands separators out, plural and tense endings off.

    Example:
        >>> content_words("The keepers delivered 10,000 lamps")
        ['keeper', 'deliver', '10000', 'lamp']
    """
    return [_fold(word) for word in _WORD.findall(text) if word.casefold() not in _STOP]


def folded(text: str) -> str:
    """A text as exact quotes are compared: case, gaps, quotation marks and thousands separators do not count.

    Example:
        >>> folded("The “lamp”   of 10,000 watts")
        'the "lamp" of 10000 watts'
    """
    text = unicodedata.normalize("NFKC", text).casefold().translate(_QUOTES)
    return _GAPS.sub(" ", _THOUSANDS.sub("", text)).strip()


def stands_in(words: str, text: str) -> bool:
    """Whether these words, whole, stand in a text; both folded. No words stand nowhere.

    Example:
        >>> stands_in("lamp", "the lamp of 10000 watts"), stands_in("lamp", "two lamps")
        (True, False)
    """
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text) is not None


@lru_cache(maxsize=512)
def word_set(text: str) -> frozenset[str]:
    """The content words of a text as a set; cached, because a stream asks again for every word it writes."""
    return frozenset(content_words(text))
