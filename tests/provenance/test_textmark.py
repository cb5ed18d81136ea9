"""The text mark: what carries it, who can read it, and how often chance looks the same."""

from __future__ import annotations

import json
import random
import stat
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from provenance.errors import CredentialError
from provenance.keys import LedgerKeys
from provenance.textmark.code import code_with_header, record_named_in
from provenance.textmark.detector import LEAST_COINS, LEVEL, TextMarkDetector
from provenance.textmark.keys import TextMarkKey, TextMarkKeys
from provenance.textmark.marker import TextMarker
from provenance.textmark.significance import any_of, heads_tail, least_heads
from provenance.textmark.words import carriers, is_carrier, untouched
from provenance.verify import MarkFound, NoMark

KEY, OTHER = TextMarkKey(b"k" * 32), TextMarkKey(b"o" * 32)


def invented_words(count: int, *, seed: int = 0) -> list[str]:
    """Words that stand in no list, all different."""
    dice = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        word = "".join(dice.choice("bdfklmnprst") + dice.choice("aeiou") for _ in range(4))
        if is_carrier(word):
            found[word] = None
    return list(found)


def marked_text(key: TextMarkKey, count: int, *, share: float = 0.8, seed: int = 0) -> str:
    """A text of `count` different words of which that share leans the key's way."""
    pool = invented_words(count * 4, seed=seed)
    heads = [word for word in pool if key.coin(word) > 0]
    tails = [word for word in pool if key.coin(word) < 0]
    words = heads[: round(count * share)] + tails[: count - round(count * share)]
    random.Random(seed).shuffle(words)
    return "So " + " ".join(words) + "."


def detector(*keys: TextMarkKey) -> TextMarkDetector:
    return TextMarkDetector(lambda: list(keys))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.data())
def test_the_p_value_is_the_binomial_tail(coins: int, data: st.DataObject) -> None:
    heads = data.draw(st.integers(0, coins))
    assert heads_tail(coins, heads) == pytest.approx(binom.sf(heads - 1, coins, 0.5), rel=1e-9)
    least = least_heads(coins, 1e-3)
    if least is None:
        assert heads_tail(coins, coins) > 1e-3
    else:
        assert heads_tail(coins, least) <= 1e-3 < heads_tail(coins, least - 1)


def test_several_looks_are_paid_for() -> None:
    assert any_of(0.01, 1) == pytest.approx(0.01)
    assert any_of(0.01, 5) == pytest.approx(1 - 0.99**5)
    assert any_of(1.0, 3) == 1.0 and any_of(0.0, 3) == 0.0


def test_chance_crosses_the_level_no_oftener_than_it_says() -> None:
    """One human-like text, many keys: that is what the p-value speaks about."""
    text = " ".join(["Thus", *invented_words(90), *invented_words(30)])
    keys = [TextMarkKey(n.to_bytes(32, "big")) for n in range(1500)]
    looks = [detector(key).read(text) for key in keys]
    for level in (0.05, 0.01, LEVEL):
        crossed = sum(look is not None and look.p_value <= level for look in looks)
        assert crossed <= binom.ppf(0.9999, len(keys), level)
    assert sum(look is not None and look.p_value <= 0.05 for look in looks) > 0.01 * len(keys)


def test_a_marked_text_is_found_and_a_foreign_detector_sees_nothing() -> None:
    text = marked_text(KEY, 80)
    found = detector(KEY).detect(text)
    assert isinstance(found, MarkFound) and found.p_value <= 1e-5 and KEY.id in found.sentence
    assert isinstance(detector(OTHER).detect(text), NoMark)


def test_every_known_key_is_tried_and_paid_for() -> None:
    text = marked_text(KEY, 80)
    alone, among = detector(KEY).read(text), detector(OTHER, KEY, TextMarkKey(b"x" * 32)).read(text)
    assert alone is not None and among is not None and among.key == KEY
    assert among.p_value == pytest.approx(3 * alone.p_value, rel=1e-2)


def test_repeating_a_word_changes_nothing() -> None:
    text = marked_text(KEY, 40)
    heads = next(word for word in carriers(text) if KEY.coin(word) > 0)
    first, again = detector(KEY).read(text), detector(KEY).read(f"{text} {heads}" + f" {heads}" * 15)
    assert first is not None and again is not None
    assert (first.coins, first.heads) == (again.coins, again.heads)


def test_a_short_text_cannot_be_told() -> None:
    found = detector(KEY).detect(marked_text(KEY, LEAST_COINS - 5, share=1.0))
    assert isinstance(found, NoMark) and "short" in found.sentence
    assert isinstance(detector(KEY).detect(""), NoMark)
    assert isinstance(detector(KEY).detect("12 + 30 = 42. [1] Mr. Smith!"), NoMark)


def test_a_fifth_of_the_words_may_be_replaced() -> None:
    found = 0
    for seed in range(40):
        words = marked_text(KEY, 100, share=0.82, seed=seed).split()
        dice = random.Random(seed)
        other = invented_words(200, seed=10_000 + seed)
        changed = [other.pop() if dice.random() < 0.2 else word for word in words]
        found += isinstance(detector(KEY).detect(" ".join(changed)), MarkFound)
    assert found >= 38


def test_a_text_half_ours_is_found_and_the_stretch_named() -> None:
    half = marked_text(KEY, 130, share=0.85, seed=1)
    around = invented_words(400, seed=77)
    text = f"{' '.join(around[:200])} {half} {' '.join(around[200:])}"
    look = detector(KEY).read(text)
    assert look is not None and look.p_value <= LEVEL and not look.whole
    assert look.start < 330 and look.end > 200
    found = detector(KEY).detect(text)
    assert isinstance(found, MarkFound) and "stretch" in found.sentence


def test_a_long_text_is_read_in_well_under_a_second() -> None:
    text = " ".join(invented_words(9000)) + "."
    began = time.process_time()
    detector(KEY).detect(text * 3)
    assert time.process_time() - began < 2.0
    began = time.process_time()
    detector(KEY).detect(marked_text(KEY, 150))
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize(
    "text",
    ["In 1984 [1], [2] 3.5 km!", "Rome, Berlin and NASA", "```python\nfor value in range(3): pass\n```", "`some code`",
     "well-known don't x86_64 https://some.where/there e.g.this", "the of and not never twelve true"],
)  # fmt: skip
def test_numbers_names_marks_code_and_plain_words_carry_nothing(text: str) -> None:
    assert carriers(text) == []


def test_words_are_found_where_lines_break_and_marks_stand() -> None:
    assert carriers("The glass was heated,\nthen cooled [1]; quickly.") == ["glass", "heated", "cooled", "quickly"]
    assert carriers("cafe\u0301 x caf\u00e9 na\u00efve") == ["caf\u00e9", "caf\u00e9", "na\u00efve"]


def test_only_words_that_may_carry_it_are_leaned_on_and_both_ways() -> None:
    vocabulary = {word: n for n, word in enumerate([*invented_words(2000), *sorted(untouched()), "Rome", "1984", "x"])}
    bias = TextMarker(KEY, strength=3.0).bias({word: n for word, n in vocabulary.items() if is_carrier(word)})
    assert set(bias.values()) == {1.5, -1.5} and set(bias) == set(range(2000))
    assert 900 < sum(value > 0 for value in bias.values()) < 1100


def test_the_record_names_the_key_and_does_not_hold_it() -> None:
    facts = json.dumps(TextMarker(KEY).facts())
    assert KEY.id in facts and KEY.secret.hex() not in facts and "kkkk" not in facts
    assert "kkkk" not in repr(KEY)


# -- keys


@pytest.fixture
def ledger_keys(home: Path) -> LedgerKeys:
    return LedgerKeys(home / "keys" / "ledger", clock=lambda: datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def mark_keys(home: Path, ledger_keys: LedgerKeys) -> TextMarkKeys:
    return TextMarkKeys(home / "keys" / "text-mark", ledger_keys)


def test_a_key_is_derived_once_and_kept_for_the_owner_alone(home: Path, mark_keys: TextMarkKeys) -> None:
    assert mark_keys.known() == []
    first = mark_keys.current()
    assert mark_keys.current() == first and mark_keys.known() == [first]
    path = home / "keys" / "text-mark" / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert mark_keys.current() == first, "the current one can be derived again from the ledger's key"


def test_a_rotation_brings_a_new_key_and_the_old_mark_is_still_found(
    mark_keys: TextMarkKeys, ledger_keys: LedgerKeys
) -> None:
    old = mark_keys.current()
    ledger_keys.rotate()
    new = mark_keys.current()
    assert new != old and mark_keys.known() == [new, old]
    found = TextMarkDetector(mark_keys.known).detect(marked_text(old, 80))
    assert isinstance(found, MarkFound) and old.id in found.sentence


def test_a_lost_ledger_key_does_not_stop_the_mark(home: Path, mark_keys: TextMarkKeys) -> None:
    first = mark_keys.current()
    (home / "keys" / "ledger" / "current.key").unlink()
    assert mark_keys.current() == first
    (home / "keys" / "text-mark" / "secrets.json").unlink()
    with pytest.raises(CredentialError, match="missing"):
        mark_keys.current()


def test_a_key_that_others_may_read_is_refused_and_the_detector_says_so(home: Path, mark_keys: TextMarkKeys) -> None:
    mark_keys.current()
    path = home / "keys" / "text-mark" / "secrets.json"
    path.chmod(0o644)
    with pytest.raises(CredentialError, match="read by others"):
        mark_keys.current()
    found = TextMarkDetector(mark_keys.known).detect("Anything at all.")
    assert isinstance(found, NoMark) and "chmod 600" in found.sentence


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"secret": "00"}]', '[{"secret": "zz", "ledger_key": "a"}]'])
def test_a_damaged_key_file_is_named(home: Path, mark_keys: TextMarkKeys, content: str) -> None:
    mark_keys.current()
    path = home / "keys" / "text-mark" / "secrets.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CredentialError, match="damaged"):
        mark_keys.current()


# -- code


@pytest.mark.parametrize(
    ("language", "code", "first"),
    [("python", "#!/usr/bin/env python3\nprint(1)\n", 1), ("sql", "select 1;", 0), ("html", "<!doctype html>\n<p>", 1)],
)
def test_code_names_its_record_in_a_comment(language: str, code: str, first: int) -> None:
    run = "r-01jd0000000000000000000000"
    signed = code_with_header(code, run=run, language=language)
    assert run in signed.splitlines()[first] and record_named_in(signed) == run
    assert code_with_header(signed, run=run, language=language) == signed
    assert sorted(set(lines(signed)) - set(lines(code))) == [signed.splitlines()[first]]


def lines(text: str) -> Iterable[str]:
    return text.splitlines()
