"""The languages that are translated into: how people call them, and how their text is told by its look.

A text is told by its script, and among languages of the Latin script by its commonest words. That is enough to see
that a translation is none; it is unsure of a few words, and of neighbours such as Danish and Norwegian.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Literal

__all__ = ["LANGUAGES", "NAMES", "Language", "is_in", "is_not_in", "language_named"]

Script = Literal["latin", "cyrillic", "han", "kana", "arabic"]

_LEAST_WORDS = 3  # common words from which a text is told
_CLEARLY = 1.5  # times as many as of the language that it would be otherwise
_OF_KANA = 0.05  # share of letters from which what looks Chinese is Japanese
_OF_SCRIPT = 0.3  # share of letters; names and units stay in theirs


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """One language. `words` are its commonest ones, or the letters that its neighbour in the same script lacks."""

    name: str
    own: str
    called: tuple[str, ...]
    words: frozenset[str]
    script: Script = "latin"


def _language(name: str, own: str, called: str, words: str, script: Script = "latin") -> Language:
    return Language(
        name=name,
        own=own,
        called=(name.casefold(), own.casefold(), *called.split()),
        words=frozenset(words.split()),
        script=script,
    )


LANGUAGES: tuple[Language, ...] = (
    _language("English", "English", "englisch anglais inglés ingles inglese inglês engels",
              "the of and to is that for with was be are this by from not have it on which you at will"),
    _language("German", "Deutsch", "allemand alemán aleman tedesco alemão duits",
              "der die das und ist nicht mit ein eine den dem von zu auf für im des sich auch wird werden"),
    _language("French", "français", "französisch francais francés frances francese francês frans",
              "le la les des et est une un dans pour que qui pas sur au avec du par ce sont il aux"),
    _language("Spanish", "español", "spanisch espagnol espanol castellano spagnolo espanhol spaans",
              "el la los las y es de en un una que por con para no del se al su como lo fue"),
    _language("Italian", "italiano", "italienisch italien italiaans",
              "il la di e che è un una per non con del della sono gli dei le nel alla da i stato"),
    _language("Portuguese", "português", "portugiesisch portugais portugués portugues portoghese portugees",
              "o a os as e de que em um uma não para com do da no na por se ao foi é"),
    _language("Dutch", "Nederlands", "niederländisch holländisch néerlandais holandés olandese holandês",
              "de het een en van is dat niet voor met op te zijn aan worden door wordt bij ook deze"),
    _language("Polish", "polski", "polnisch polonais polaco polacco pools",
              "i w z na nie się do jest to że przez dla od oraz są po jako który za ten został"),
    _language("Swedish", "svenska", "schwedisch suédois sueco svedese zweeds",
              "och att det som en är av för på inte med den till ett har om var från vid ska"),
    _language("Danish", "dansk", "dänisch danois danés danese deens",
              "og at det som en er af for på ikke med den til et har om var fra ved skal blev efter"),
    _language("Norwegian", "norsk", "norwegisch norvégien noruego norvegese noors bokmål",
              "og at det som en er av for på ikke med den til et har om var fra ved skal ble etter"),
    _language("Czech", "čeština", "tschechisch česky tchèque checo ceco tsjechisch",
              "a se v na je že to s z do pro ne o jsou který by jako od ve po byl"),
    _language("Turkish", "Türkçe", "türkisch turc turco turks",
              "ve bir bu için ile de da olarak olan en çok gibi daha ne kadar sonra her göre ya değil"),
    _language("Russian", "русский", "russisch russe ruso russo", "ы э ъ ё", "cyrillic"),
    _language("Ukrainian", "українська", "ukrainisch ukrainien ucraniano ucraino oekraïens", "і ї є ґ", "cyrillic"),
    _language("Chinese", "中文", "chinesisch mandarin 汉语 漢語 chinois chino cinese", "", "han"),
    _language("Japanese", "日本語", "japanisch japonais japonés giapponese japans", "", "kana"),
    _language("Arabic", "العربية", "arabisch عربي arabe árabe arabo", "", "arabic"),
)  # fmt: skip
NAMES = ", ".join(language.name for language in LANGUAGES)
_CALLED = {called: language for language in LANGUAGES for called in language.called}
_WORD = re.compile(r"[^\W\d_]+")


def language_named(name: str) -> Language | None:
    """The language that a person calls so, in English, in German (also "ins Deutsche"), or in itself.

    Example:
        >>> [language_named(name).name for name in ("german", "Französische", "日本語")]
        ['German', 'French', 'Japanese']
        >>> language_named("Go") is None
        True
    """
    said = unicodedata.normalize("NFC", name).casefold().strip()
    return _CALLED.get(said) or _CALLED.get(re.sub(r"(?<=sch)en?$", "", said))


def is_in(text: str, language: Language) -> bool:
    """Whether a text is clearly written in this language already."""
    best, counted = _best(text)
    if best is not language:
        return False
    others = [n for other, n in counted.items() if other is not language]
    return language.script != "latin" or counted[language] >= 2 * max(others, default=0)


def is_not_in(text: str, language: Language) -> bool:
    """Whether a text is clearly not written in this language."""
    shares = _scripts(text)
    if not shares:
        return False
    if language.script != "latin":
        found = shares.get(language.script, 0.0)
        if language.script == "kana" and found:
            found += shares.get("han", 0.0)
        if found < _OF_SCRIPT:
            return True
    elif shares.get("latin", 0.0) < _OF_SCRIPT:
        return True
    best, counted = _best(text)
    if best is None or best is language or best.script != language.script:
        return best is not None and best.script == "kana" and language.script == "han"
    return counted[best] >= _CLEARLY * counted[language]


def _best(text: str) -> tuple[Language | None, Counter[Language]]:
    """The language that a text looks like, if it does, and how much speaks for each of its script."""
    shares = _scripts(text)
    if not shares:
        return None, Counter()
    script = max(shares, key=lambda one: shares[one])
    if script == "han" and shares.get("kana", 0.0) > _OF_KANA:
        script = "kana"
    alike = [language for language in LANGUAGES if language.script == script]
    if len(alike) == 1:
        return alike[0], Counter(alike)
    parts = text.casefold() if script == "cyrillic" else _WORD.findall(text.casefold())
    counted = Counter({one: sum(part in one.words for part in parts) for one in alike})
    [(best, most)] = counted.most_common(1)
    return (best if most >= (1 if script == "cyrillic" else _LEAST_WORDS) else None), counted


def _scripts(text: str) -> dict[str, float]:
    """The share of each script among the letters."""
    found: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            name = unicodedata.name(character, "")
            script = "kana" if name.startswith(("HIRAGANA", "KATAKANA")) else name.partition(" ")[0].lower()
            found["han" if script == "cjk" else script] += 1
    total = found.total()
    return {script: count / total for script, count in found.items()}
