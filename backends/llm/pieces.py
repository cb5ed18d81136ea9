"""From tokens to text that may be shown: whole characters only, and nothing that could still become a stop sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["StopSigns", "TokenText"]


class TokenText:
    """Turns tokens into text, one by one.

    A character can be spread over several tokens, and a tokenizer may write a token differently at a beginning; so a
    short window of tokens is decoded with and without the new one, and the difference is what it added.

    Args:
        decode: The tokenizer's own way from ids to text.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._begin = self._shown = 0  # of the window; tokens before `_shown` are in the text already

    def add(self, token: int) -> str:
        """The text that this token completes; "" in the middle of a character."""
        self._ids.append(token)
        before = self._decode(self._ids[self._begin : self._shown])
        after = self._decode(self._ids[self._begin :])
        if len(after) <= len(before) or after.endswith("\ufffd"):
            return ""
        self._begin, self._shown = self._shown, len(self._ids)
        return after[len(before) :]

    def rest(self) -> str:
        """What is left at the end, broken characters included."""
        before = self._decode(self._ids[self._begin : self._shown])
        after = self._decode(self._ids[self._begin :])
        self._begin = self._shown = len(self._ids)
        return after[len(before) :]


class StopSigns:
    """Holds back text that may be the beginning of a stop sign.

    Example:
        >>> signs = StopSigns(["END"])
        >>> signs.add("one E"), signs.add("N"), signs.add("Dless"), signs.met
        ('one ', '', '', True)
    """

    def __init__(self, signs: Sequence[str]) -> None:
        self._signs = [sign for sign in signs if sign]
        self._held = ""
        self.met = False

    def add(self, text: str) -> str:
        """The part of the text so far that may be shown now."""
        if self.met:
            return ""
        self._held += text
        found = [at for sign in self._signs if (at := self._held.find(sign)) >= 0]
        if found:
            self.met = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = max((self._overlap(sign) for sign in self._signs), default=0)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown

    def rest(self) -> str:
        """What was held back, once nothing more comes."""
        shown, self._held = self._held, ""
        return shown

    def _overlap(self, sign: str) -> int:
        """How long an end of the held text is a beginning of the sign."""
        return next((n for n in range(min(len(sign), len(self._held)), 0, -1) if self._held.endswith(sign[:n])), 0)
