"""Requests for help with harming people, animals or what others own: weapons, violence, intrusion, fraud, hatred, lies.

Looks at the whole request, at its sentences where it is long, and at what is hidden in it (base64, hex, digits for
letters ...; see `fold`). It judges what is asked for, not what is spoken about: questions on history, law, protection,
games and the person's own documents pass. English above all; of other languages it knows a handful of plain phrases.
What it cannot see is an intention that the words do not show.
"""

from __future__ import annotations

import math
import re
from time import perf_counter
from typing import NamedTuple

from agent.guardrails.base import Context, Decision, Finding, Ring
from agent.guardrails.decide import decide
from agent.guardrails.fold import Folded, fold, hidden_pieces
from agent.guardrails.harm import Embed, HarmModel, load_harm_model
from agent.translation.request import wanted

__all__ = ["AbuseGuard", "find_abuse"]

LONG_WORDS = 40  # from here on the sentences are judged too, and the whole with more reserve
MOST_PIECES = 5
MOST_SENTENCES = 3  # those whose words are the worst: the embedder has its share of the ring's 50 ms
MOST_CHARACTERS = 400  # of the whole that the embedder reads: its window is about that of English text
READ_CHARACTERS = 20_000  # in which sentences are looked for, at either end
LONG_RESERVE, SENTENCE_RESERVE, HIDDEN_RESERVE = 4.0, 2.5, 0.5  # log-odds that are taken off
WORDS_RESERVE = 3.5  # where the words decide alone: they are less sure than they say
_SENTENCE = re.compile(r"[^.!?:;\n]{15,400}")
_LEET_WORD = re.compile(r"\b(?=\w*[a-z])(?=\w*[0134578@$])[a-z0134578@$]{3,20}\b")
_LEET_TOKEN = re.compile(r"(?<![^\s])[a-z0134578@$]{1,20}(?![^\s.,!?])")
_LEET_WORDS = 2  # so many words with digits in them, and all are read as letters
_LEET = str.maketrans("0134578@$", "oieastbas")
_PHRASES = re.compile(
    r"(?:wie (?:baue|bastle|mache) ich (?:eine|ne) (?:rohr)?bombe|bombe (?:zu hause )?(?:selbst )?bauen"
    r"|fabri(?:quer|car|care) (?:une|una|uma) bomb[ea]|hacer una bomba|fazer uma bomba|een bom maken"
    r"|сделать бомбу|(?:自制|制造|制作)炸弹|爆弾の作り方"
    r"|wie (?:t[oö]te|ermorde|vergifte) ich (?:meine|einen? (?:mensch|mann|frau))"
    r"|comment tuer (?:quelqu|mon|ma|une? (?:homme|femme))"
    r"|c[oó]mo (?:matar|asesinar) a (?:alguien|una persona|mi)|como matar (?:alguem|uma pessoa)|как убить человека"
    r"|怎么杀人|如何杀人|人を殺す方法"
    r"|(?:meth|crystal|kokain|heroin) (?:selbst )?(?:kochen|herstellen)|fabriquer de la (?:meth|cocaine)"
    r"|fabricar metanfetamina|制造冰毒|сварить мет)"
)


class _Piece(NamedTuple):
    start: int  # in the text as it was written
    end: int
    text: str  # folded
    reserve: float


class AbuseGuard:
    """Refuses what asks for harm."""

    id = "abuse"
    rings: frozenset[Ring] = frozenset({"input"})

    def __init__(self, embed: Embed | None = None, model: HarmModel | None = None) -> None:
        """Without `embed` the words decide alone."""
        self._model = model if model is not None else load_harm_model()
        self._embed = embed
        self.version = f"1+{self._model.examples[:12]}{'' if embed is not None else '+words-only'}"

    def check(self, text: str, context: Context) -> Decision:
        """Decide about the request in `text`."""
        started = perf_counter()
        return decide(self, text, find_abuse(text, self._model, self._embed), context, started=started)


def find_abuse(text: str, model: HarmModel, embed: Embed | None) -> list[Finding]:
    """The worst piece of the text with its score 0..1; nothing for a text without words.

    An order to translate something that stands elsewhere ("translate page 2 of lease.pdf into French") is judged by
    what it names: the order itself is in many examples of hidden requests, and says nothing.
    """
    order = wanted(text)
    if order is None or order.text:
        return _find(text, model, embed)
    if order.bare:
        return []  # "translate that into French": what it points at was judged when it was asked for
    return [finding._replace(start=0, end=len(text)) for finding in _find(order.what, model, embed)]


def _find(text: str, model: HarmModel, embed: Embed | None) -> list[Finding]:
    folded = fold(text)
    pieces = _pieces(text, folded, model)
    found = [Finding(*folded.span(*match.span()), "harmful_request", 0.95) for match in _PHRASES.finditer(folded.text)]
    odds = model.log_odds([piece.text for piece in pieces], embed) if pieces else ()
    alone = WORDS_RESERVE if embed is None else 0.0
    for piece, value in zip(pieces, odds, strict=True):
        score = 1 / (1 + math.exp(max(piece.reserve, alone) - float(value)))
        found.append(Finding(piece.start, piece.end, "harmful_request", round(score, 4)))
    return [max(found, key=lambda finding: finding.score)] if found else []


def _pieces(text: str, folded: Folded, model: HarmModel) -> list[_Piece]:
    """What is judged: the whole, the worst sentences of a long text, and what is hidden."""
    plain = folded.text
    words = len(plain[:READ_CHARACTERS].split())
    reserve = LONG_RESERVE if words > LONG_WORDS else 0.0
    # As it was written where it can be: the search embeds the same question, and its vector is kept.
    whole = text if text.isascii() and len(text) <= MOST_CHARACTERS else plain[:MOST_CHARACTERS]
    pieces = [_Piece(0, len(text), whole, reserve)] if plain.strip() else []
    if words > LONG_WORDS:
        pieces += _worst_sentences(folded, model)
    for _how, start, end, piece in hidden_pieces(text, plain):
        pieces.append(_Piece(start, end, piece[:MOST_CHARACTERS], HIDDEN_RESERVE))
    head = plain[:READ_CHARACTERS]
    if len(_LEET_WORD.findall(head)) >= _LEET_WORDS:
        leet = _LEET_TOKEN.sub(lambda m: m.group().translate(_LEET), head)
        pieces.append(_Piece(0, len(text), leet[:MOST_CHARACTERS], reserve + HIDDEN_RESERVE))
    return pieces[:MOST_PIECES]


def _worst_sentences(folded: Folded, model: HarmModel) -> list[_Piece]:
    """Both ends are read: a request that is wrapped stands first or last."""
    plain = folded.text
    tail = max(READ_CHARACTERS, len(plain) - READ_CHARACTERS)
    matches = [*_SENTENCE.finditer(plain, 0, READ_CHARACTERS), *_SENTENCE.finditer(plain, tail)]
    odds = model.by_words([match.group() for match in matches])
    worst = sorted(range(len(matches)), key=lambda i: -odds[i])[:MOST_SENTENCES]
    return [_Piece(*folded.span(*matches[i].span()), matches[i].group().strip(), SENTENCE_RESERVE) for i in worst]
