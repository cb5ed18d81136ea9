"""Signed notes against a note that the format's authors published, and against a second implementation."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import CredentialError
from provenance.note import SigningKey, VerifierKey, open_note, sign_note
from tests.provenance import ed25519

# From the documentation of the format's first implementation, golang.org/x/mod/sumdb/note.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PROBLEM = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = f"{PROBLEM}\n— PeterNeumann {SIGNATURE}\n"

KEY = SigningKey("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


def read_note(note: str, vkey: str) -> str:
    """A second reader, written from C2SP's text: what the named key signed. Raises ValueError or AssertionError."""
    name, key_id, encoded = vkey.split("+", 2)
    typed = base64.b64decode(encoded)
    assert typed[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4].hex() == key_id
    cut = note.rindex("\n\n")
    text, lines = note[: cut + 1], note[cut + 2 :].splitlines()
    for line in lines:
        dash, signer, signature = line.split(" ")
        raw = base64.b64decode(signature)
        assert dash == "\u2014"
        if signer == name and raw[:4].hex() == key_id:
            assert ed25519.verifies(typed[1:], text.encode(), raw[4:])
            return text
    raise ValueError("not signed by this key")


def test_a_published_note_is_read() -> None:
    text, signers = open_note(NOTE, [VerifierKey.parse(NEUMANN)])
    assert text == PROBLEM == read_note(NOTE, NEUMANN)
    assert [str(signer) for signer in signers] == [NEUMANN]


@pytest.mark.parametrize(
    "text", ["a\n", "two\nlines\n", "with\n\nan empty line\n", "ünïcode — dash\n", "— looks signed\n"]
)
def test_a_second_implementation_reads_what_we_sign(text: str) -> None:
    note = sign_note(text, [KEY, OTHER])
    assert read_note(note, str(KEY.verifier)) == read_note(note, str(OTHER.verifier)) == text
    assert open_note(note, [KEY.verifier, OTHER.verifier]) == (text, [KEY.verifier, OTHER.verifier])
    assert open_note(note, [OTHER.verifier]) == (text, [OTHER.verifier])


def test_verifier_keys_survive_being_written_down() -> None:
    assert VerifierKey.parse(f"  {KEY.verifier}\n") == KEY.verifier
    for bad in (
        "",
        "name",
        str(KEY.verifier)[:-4],
        str(KEY.verifier).replace("+", " "),
        NEUMANN.replace("c74f", "c74e"),
    ):
        with pytest.raises(CredentialError, match="not a verifier key"):
            VerifierKey.parse(bad)


def test_a_note_without_a_known_signature_is_refused() -> None:
    note = sign_note("text\n", [KEY])
    with pytest.raises(CredentialError, match="No key"):
        open_note(note, [OTHER.verifier])
    with pytest.raises(CredentialError, match="No key"):
        open_note(note, [])


def test_a_wrong_signature_of_a_known_key_spoils_the_note_even_beside_a_right_one() -> None:
    forged = sign_note("other\n", [KEY]).partition("\n\n")[2]
    note = sign_note("text\n", [OTHER]) + forged
    with pytest.raises(CredentialError, match="wrong"):
        open_note(note, [KEY.verifier, OTHER.verifier])
    assert open_note(note, [OTHER.verifier])[0] == "text\n"  # of an unknown key it is passed over


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_changed_note_is_never_taken_for_the_original(data: st.DataObject) -> None:
    note = sign_note("origin\n12\nhash\n", [KEY])
    at = data.draw(st.integers(0, len(note) - 1))
    changed = note[:at] + data.draw(st.characters(exclude_characters=note[at])) + note[at + 1 :]
    try:
        text, _ = open_note(changed, [KEY.verifier])
    except (CredentialError, UnicodeEncodeError):
        return
    assert text == "origin\n12\nhash\n"  # only bits that base64 ignores


@pytest.mark.parametrize(
    "note", ["", "\n", "text\n", "text\n\n", "text\n\n— a b", "text\n\n- a QUJDREVG\n", "t\r\n\n— a QUJDREVG\n"]
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(CredentialError):
        open_note(note, [KEY.verifier])
    with pytest.raises(CredentialError):
        open_note("x" * 70_000 + sign_note("text\n", [KEY]), [KEY.verifier])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\nstarts empty\n"])
def test_a_text_that_cannot_be_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="ends in a newline"):
        sign_note(text, [KEY])
