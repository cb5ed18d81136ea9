"""One piece of a text through the model, and what code holds against what came back.

Checked: that it is in the language that was asked for, that no figure is lost, that it was not cut off. What fails is
asked for once more; what fails again is kept, with a plain note. Whether the words are well chosen is not checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.context import Prompted, RunContext
from agent.evidence import estimate_tokens
from agent.prompts import load_prompt
from agent.translation.figures import lost_figures
from agent.translation.languages import Language, is_in, is_not_in
from agent.words import folded
from backends.llm.circles import CIRCLES, first_turn

__all__ = ["Translated", "translate_piece"]

_ASK = "Translate into {language} ({own}):\n-----\n{text}\n-----"
_NOT_IN = "That is not {language}. Translate the text between the lines into {language} ({own}), all of it."
_LOST = "These figures of the text are missing or changed: {lost}. Write all of the translation again, with each."
_TOO_LITTLE = 60  # tokens that the shortest piece may come back as
_LONGER = 2.5  # times as many tokens as the text: other scripts take more of them
_FEW_WORDS = 4  # up to so many words that begin small, a text may be the same in another language
_SMALL = re.compile(r"(?<!\w)[^\W\d_A-Z]\w{2,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Translated:
    """What came back, or the text itself where it was in the language already."""

    text: str
    lost: tuple[str, ...] = ()
    untranslated: bool = False
    cut: bool = False
    already: bool = False  # it was in that language; the model was not asked

    @property
    def faults(self) -> tuple[bool, int, bool]:
        """The fewer the better."""
        return (self.untranslated, len(self.lost), self.cut)

    @property
    def note(self) -> str:
        """What a person must know of it; "" where nothing is wrong."""
        said = []
        if self.untranslated:
            said.append("The model did not translate this part.")
        elif self.lost:
            said.append(f"Not in this part of the translation as in the source: {', '.join(self.lost)}.")
        if self.cut:
            said.append("This part of the translation is cut off.")
        return " ".join(said)


def translate_piece(context: RunContext, text: str, language: Language) -> Translated:
    """Translate one piece; up to two calls.

    Raises:
        RunStopped: If a person pressed stop.
        GenerationError: If the model wrote nothing.
    """
    if is_in(text, language):
        return Translated(text=text, already=True)
    if not any(character.isalpha() for character in text):
        return Translated(text=text)
    named = {"language": language.name, "own": language.own}
    asked = [Prompted(role="user", content=_ASK.format(text=text, **named))]
    first = _judged(context, asked, text, language)
    if first.untranslated:
        again = _NOT_IN.format(**named)
    elif first.lost:
        again = _LOST.format(lost=", ".join(first.lost))
    else:
        return first
    asked += [Prompted(role="assistant", content=first.text), Prompted(role="user", content=again)]
    best = min(first, _judged(context, asked, text, language), key=lambda one: one.faults)
    return Translated(text=text, untranslated=True) if best.untranslated else best


def _judged(context: RunContext, asked: list[Prompted], text: str, language: Language) -> Translated:
    said = context.model.write(
        context,
        asked,
        purpose="translate",
        max_tokens=int(_TOO_LITTLE + _LONGER * estimate_tokens(text)),
        prompt=load_prompt("translate"),
        temperature=0.0,
    )
    ended = said.metadata.get("finish_reason")
    came = _bare(first_turn(said.text) if ended == CIRCLES else said.text)
    same = folded(came) == folded(text) and len(_SMALL.findall(text)) > _FEW_WORDS
    return Translated(
        text=came,
        lost=tuple(lost_figures(text, came)),
        untranslated=not came or same or is_not_in(came, language),
        cut=ended in ("length", CIRCLES),
    )


def _bare(said: str) -> str:
    """Without the lines that stood round the text, where the model wrote them too."""
    return re.sub(r"^\s*-{5,}\s*$", "", said, flags=re.MULTILINE).strip()
