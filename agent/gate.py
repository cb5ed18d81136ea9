"""The gate between the model and the person's eyes.

What streams out has passed the output guard, and every source mark in it was set by code (`grounding.check_answer`):
a mark appears when its sentence is complete, and a number that was not given cannot appear at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from agent.evidence import Evidence
from agent.grounding import check_answer

__all__ = ["Curtain", "StreamGate", "not_a_sentence", "unwrapped"]

_WRAPPER = '{"answer":"'
_WRAPPED = re.compile(r'\{\s*"answer"\s*:\s*"')
_SHAPED = ("{", "[{", "```")
_SET_MARK = re.compile(r"\[\d+\]")
_OPEN_MARK = re.compile(r"\s*\[[\d ,;]*$")


def not_a_sentence(text: str) -> bool:
    """Whether a small model went on in JSON or code where a sentence was asked for."""
    return text.lstrip().startswith(_SHAPED)


def unwrapped(text: str) -> str:
    """The words of `{"answer": "..."}`, also while it is still being written; any other text as it is.

    A small model that has just answered in JSON may go on so.

    Example:
        >>> unwrapped('{"answer": "It stood \\\\"still\\\\". "}'), unwrapped('{"ans'), unwrapped("It stood.")
        ('It stood "still".', '', 'It stood.')
    """
    bare = text.lstrip()
    if not bare.startswith(_WRAPPER[0]):
        return text
    opened = _WRAPPED.match(bare)
    if opened is None:
        return "" if _WRAPPER.startswith(re.sub(r"\s", "", bare)) else text
    words = re.sub(r'"\s*\}\s*$|\\$', "", bare[opened.end() :])
    return words.replace('\\"', '"').replace("\\n", "\n").strip()


class StreamGate:
    """Releases text word by word, after a check of everything written so far.

    Args:
        evidence: What the model was given.
        question: What was asked.
        clean: The output guard: text in, text that may be shown out (redacted where needed).
    """

    def __init__(self, evidence: Sequence[Evidence], question: str, clean: Callable[[str], str]) -> None:
        self._evidence = evidence
        self._question = question
        self._clean = clean
        self._raw = ""
        self._shown = ""
        self._held = False  # a redaction changed what was already shown: say no more until the final answer

    def push(self, text: str) -> str:
        """Take the model's next piece; give back what may be shown now."""
        self._raw = (self._raw + text).lstrip()
        raw = _OPEN_MARK.sub("", unwrapped(self._raw))
        cut = max(raw.rfind(" "), raw.rfind("\n"))
        return self._release(raw[:cut], complete=False) if cut > 0 else ""

    def finish(self) -> str:
        """Everything that is left."""
        return self._release(unwrapped(self._raw), complete=True)

    def _release(self, raw: str, *, complete: bool) -> str:
        if not_a_sentence(raw):
            self._held = True
            return ""
        checked = check_answer(raw, self._evidence, self._question, complete=complete)
        # No trailing space: the next piece may put a mark before it.
        safe = self._clean(checked.text).strip()
        if self._shown.startswith(safe):
            return ""  # nothing new yet
        if self._held or not safe.startswith(self._shown):
            self._held = True
            return ""
        fresh = safe[len(self._shown) :]
        self._shown = safe
        return fresh


class Curtain:
    """Before a gate whose model may still call a tool: what it writes beside a call is no part of the answer.

    It lifts at the first sentence that a passage bears out, which stands in the answer whatever comes after it.

    Args:
        gate: Sets the marks; every mark that it lets through is one of its own.
        show: Takes what a person may see.
        lifted: From the beginning, where no call can come.
        before: Put before the first piece, to part it from what was shown earlier.
    """

    def __init__(self, gate: StreamGate, show: Callable[[str], None], *, lifted: bool, before: str = "") -> None:
        self._gate = gate
        self._show = show
        self._held = before
        self.lifted = lifted

    def push(self, text: str) -> None:
        """Take the model's next piece."""
        self._take(self._gate.push(text))

    def end(self, *, checked: bool) -> None:
        """The text was the answer: show what is left of it; where it is `checked`, only if a passage bears it out."""
        self.lifted = self.lifted or not checked
        self._take(self._gate.finish())

    def _take(self, fresh: str) -> None:
        self._held += fresh
        self.lifted = self.lifted or _SET_MARK.search(self._held) is not None
        if self.lifted and self._held.strip():
            self._show(self._held)
            self._held = ""
