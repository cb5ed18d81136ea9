"""Tokens become text without broken characters and without a trace of a stop sign."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from backends.llm.pieces import StopSigns, TokenText


def _decode(ids: Sequence[int]) -> str:
    return bytes(ids).decode(errors="replace")


@given(st.text())
def test_the_pieces_joined_are_the_text(text: str) -> None:
    pieces = TokenText(_decode)
    shown = [pieces.add(byte) for byte in text.encode("utf-8", errors="replace")]
    assert "".join(shown) + pieces.rest() == text.encode("utf-8", errors="replace").decode()


@given(st.text(alphabet="äé漢🙂", min_size=1))
def test_no_piece_ends_in_the_middle_of_a_character(text: str) -> None:
    pieces = TokenText(_decode)
    assert all("\ufffd" not in pieces.add(byte) for byte in text.encode())


@given(st.text(alphabet="abc", max_size=30), st.text(alphabet="abc", min_size=1, max_size=4), st.integers(1, 5))
def test_what_is_shown_ends_where_the_first_sign_begins(text: str, sign: str, step: int) -> None:
    signs = StopSigns([sign])
    shown = "".join(signs.add(text[at : at + step]) for at in range(0, len(text), step)) + signs.rest()
    assert shown == text.split(sign)[0]
    assert signs.met == (sign in text)


def test_the_first_of_several_signs_counts() -> None:
    signs = StopSigns(["cd", "b", ""])
    assert signs.add("abcd") == "a" and signs.met
