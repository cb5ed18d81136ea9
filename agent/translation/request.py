"""What a request to translate asks for, told by code: into which language, and of what.

Only what orders a translation counts ("translate ... into German", "übersetze ... ins Englische"), so a question about
one ("who translated the report?") and code ("translate this code from Python to Go") are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.code.language import LANGUAGES as CODE_LANGUAGES
from agent.translation.languages import LANGUAGES, Language, language_named

__all__ = ["Wanted", "wanted"]

MOST_CHARACTERS = 400  # of an order to translate, without the text that is given with it
_LEAD = (
    r"(?:\W*(?:please|bitte|now|then|and|und|also|ok(?:ay)?|hi|hello|hallo|thanks|danke|can you|could you"
    r"|would you|will you|kannst du|könntest du|können sie|i (?:want|need|would like)(?: you)? to"
    r"|i'd like(?: you)? to|i want|i need|give me|show me|write(?: me)?|make(?: me)?|gib mir|ich brauche)\b)*\W*"
)
_VERB = (
    r"(?:translate|übersetz(?:e|en|t|)|uebersetz(?:e|en)|tradui(?:s|sez|re)|traduce(?:r|d)?|traducir|traduci|tradurre"
    r"|traduz(?:a|ir)?|vertaal|vertalen)"
)
_ORDER = re.compile(rf"^{_LEAD}{_VERB}\b", re.IGNORECASE)
_ORDER_IF_NAMED = re.compile(rf"^{_LEAD}(?:put|render|turn)\b", re.IGNORECASE)  # "put the letter into Spanish"
_ORDER_LAST = re.compile(
    rf"^{_LEAD}(?:mir\s+)?(?P<what>.*?)\s*\b{_VERB}\W*$", re.IGNORECASE | re.DOTALL
)  # "kannst du die Antwort ins Englische übersetzen?"
_NOUN = re.compile(
    r"\b(?:an?|the|eine|die)?\s*(?:(?P<language>[^\W\d_]+)\s+)?(?:translation|übersetzung)\s+(?:of|von|der|des)\b",
    re.IGNORECASE,
)
_NAMED = "|".join(
    sorted((re.escape(name) for language in LANGUAGES for name in language.called), key=len, reverse=True)
)
_INTO = re.compile(
    r"(?:\b(?:into|to|in|ins|nach|auf|zu|en|al|au|em|para|naar|het)\s+)"
    rf"(?:the\s+|das\s+)?(?:(?:plain|simple|good|british|american|einfaches?|brazilian|simplified)\s+)?"
    rf"(?P<language>{_NAMED}|[^\W\d_]+(?<=sch)en?)(?!\w)(?:\s+language)?(?:,?\s*(?:please|bitte|now))?",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    rf"^{_LEAD}(?:(?:say|repeat|sag)\s+)?(?:the same|that|this|it|das(?:selbe)?|dasselbe)?"
    rf"(?:\s+(?:again|(?:noch)? ?mal))?\s*{_INTO.pattern}\W*$",
    re.IGNORECASE,
)  # "and in French?", "say that again in Italian"
_UNKNOWN = re.compile(r"\b(?:into|to|in|ins|nach|auf)\s+(?P<language>[A-ZÄÖÜ][^\W\d_]{2,20})\W*$")
_FROM = re.compile(
    rf"\b(?:from|out of|aus dem|von|du|del|dal|uit het)\s+(?:the\s+)?(?:{_NAMED}|\w+ischen)(?!\w)", re.IGNORECASE
)
_QUOTED = re.compile(r"(?:^|(?<=\s))[\"“„«‘'](?P<text>[^\"”“»]{2,}?)[\"”“»’'](?=\s|[.,!?]|$)", re.DOTALL)
_CODE = re.compile(
    r"\b(?:code|function|script|program|snippet|method|class|funktion|programm|skript)\b(?!\s+(?:of|der|des))"
    r"|[{};]|\w\(\w*\)",
    re.IGNORECASE,
)
_CODE_NAMES = "|".join(re.escape(word) for one in CODE_LANGUAGES.values() for word in (one.name, *one.words))
_INTO_CODE = re.compile(rf"\b(?:into|to|in|nach)\s+(?:{_CODE_NAMES})\W*$", re.IGNORECASE)
_POLITE = re.compile(
    r"\b(?:please|bitte|for me|für mich|mir|me|the following(?: text)?|folgenden text)\b", re.IGNORECASE
)

_IT = re.compile(
    r"(?:(?:that|this|it|them|these|those|das|dies(?:es)?|es|ihn|ça|cela|eso|esto|lo|la|le|questo|quello|isso|isto"
    r"|dit|dat|all|again|too|as well|also|auch|alles|noch|einmal|nochmal)\s*)*",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a person wants translated.

    Attributes:
        language: Into which language; None where none that is known is named.
        unknown: What was named in its place, as it is written; "" where nothing was.
        text: What the person gave to be translated; "" where it stands elsewhere.
        quoted: The text stood in quotation marks within the request: it may be a document's name after all.
        what: Of what, in the person's words, without the language.
    """

    language: Language | None
    unknown: str = ""
    text: str = ""
    quoted: bool = False
    what: str = ""

    @property
    def bare(self) -> bool:
        """Whether it only points at something: "translate that"."""
        return not self.text and _IT.fullmatch(self.what) is not None


def wanted(request: str) -> Wanted | None:
    """What a request to translate asks for; None where it is no such request.

    Example:
        >>> one = wanted("Please translate the second paragraph of lease.pdf into German.")
        >>> one.language.name, one.what
        ('German', 'the second paragraph of lease.pdf')
        >>> wanted("Übersetze ins Englische: Die Miete ist fällig.").text
        'Die Miete ist fällig.'
        >>> wanted("translate this code from python to go") is None
        True
    """
    head, text = _parted(request.strip())
    asked = _asked(head)
    if asked is None:
        return None
    what, language, unknown = asked
    if text:
        return Wanted(language=language, unknown=unknown, text=text)
    if not (language or unknown) and _CODE.search(head):
        return None
    if language is not None and _CODE.search(_QUOTED.sub("", what)):
        return None
    quoted = _QUOTED.search(what)
    if quoted:
        return Wanted(
            language=language, unknown=unknown, text=quoted.group("text").strip(), quoted=True, what=_plain(what)
        )
    return Wanted(language=language, unknown=unknown, what=_plain(what))


def _parted(request: str) -> tuple[str, str]:
    """The request, and the text given behind a colon or on lines of its own, where the first names the language."""
    for gap in re.finditer(r":\s+|:(?=\w)|\n+", request):
        head, text = request[: gap.start()], request[gap.end() :].strip()
        asked = _asked(head)
        if asked is not None and asked[1] is not None and text:
            quoted = _QUOTED.fullmatch(text)
            return head, quoted.group("text") if quoted else text
        break  # a colon further on belongs to something else
    return request, ""


def _asked(head: str) -> tuple[str, Language | None, str] | None:
    """Of what, into which language, and what was named where that is none; None where nothing is to be translated."""
    if len(head) > MOST_CHARACTERS:
        return None
    noun = _NOUN.search(head)
    order = _ORDER.search(head)
    if (again := _AGAIN.search(head)) and (language := language_named(again.group("language"))):
        return "that", language, ""
    if order or (
        (order := _ORDER_IF_NAMED.search(head))
        and any(language_named(match.group("language")) for match in _INTO.finditer(head))
    ):
        rest = head[order.end() :]
    elif last := _ORDER_LAST.search(head):
        rest = last.group("what")
        if not _INTO.search(rest):
            return None
    elif noun and re.fullmatch(_LEAD, head[: noun.start()], re.IGNORECASE):
        rest = head[noun.end() :]
        if noun.group("language") and (language := language_named(noun.group("language"))):
            return rest, language, ""
    else:
        return None
    rest = _FROM.sub(" ", rest)
    into = [match for match in _INTO.finditer(rest) if language_named(match.group("language"))]
    if into:
        language = language_named(into[-1].group("language"))
        return f"{rest[: into[-1].start()]} {rest[into[-1].end() :]}", language, ""
    if _INTO_CODE.search(rest):
        return None
    named = _UNKNOWN.search(rest)
    return (rest[: named.start()], None, named.group("language")) if named else (rest, None, "")


def _plain(what: str) -> str:
    return " ".join(_POLITE.sub(" ", what).split()).strip(" ,.!?:;")
