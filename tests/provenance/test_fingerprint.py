"""Fingerprints: edited, shortened and embedded answers are found; texts that are merely about the same are not."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.database import Database
from provenance.fingerprint import FingerprintIndex, similarity
from provenance.sketch import words_of

ANSWER = (
    "The lens of the great telescope was repaired in 2019 by the workshop in Jena, after a crack had been found "
    "during the yearly inspection [1]. The repair cost 48,000 euros, of which the trust paid half [2]. Since then "
    "the instrument may only be used on nights without frost."
)


@pytest.fixture
def index(database: Database) -> FingerprintIndex:
    return FingerprintIndex(database)


@pytest.fixture(scope="module")
def paragraphs(eval_dir: Path) -> list[str]:
    articles = json.loads((eval_dir / "rag_squad2" / "squad_v2_sample.json").read_text())["data"]
    return [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]


def edited(text: str, share: float, seed: int, vocabulary: list[str]) -> str:
    chance = random.Random(seed)
    words = text.split()
    for n in chance.sample(range(len(words)), int(len(words) * share)):
        words[n] = chance.choice(vocabulary)
    return " ".join(words)


def test_the_same_words_match_exactly_whatever_their_dress(index: FingerprintIndex) -> None:
    index.add("r-1", ANSWER)
    plain = ANSWER.upper().replace(" [1]", "").replace(" [2]", "").replace(",", " ")
    [match] = index.match(plain.replace("48 000", "48,000"))
    assert (match.run, match.similarity, match.kind) == ("r-1", 1.0, "exact")


def test_edited_answers_are_found_and_distinct_paragraphs_are_not(
    index: FingerprintIndex, paragraphs: list[str]
) -> None:
    mine, foreign = paragraphs[::2], paragraphs[1::2]  # neighbours: about the same things, by the same authors
    for n, text in enumerate(mine):
        index.add(f"r-{n}", text)
    assert [match for text in foreign for match in index.match(text)] == []

    vocabulary = " ".join(paragraphs).split()
    for share, least in ((0.2, 1.0), (0.3, 0.95)):
        found = sum(
            [match.run for match in index.match(edited(text, share, n, vocabulary), limit=1)] == [f"r-{n}"]
            for n, text in enumerate(mine[:50])
        )
        assert found >= least * 50, share


def test_an_answer_among_foreign_text_is_found_where_it_stands(index: FingerprintIndex, paragraphs: list[str]) -> None:
    mine, foreign = paragraphs[::2][:30], paragraphs[1::2]
    for n, text in enumerate(mine):
        index.add(f"r-{n}", text)
    vocabulary = " ".join(paragraphs).split()
    for n, text in enumerate(mine):
        before, after = " ".join(foreign[n : n + 4]), " ".join(foreign[n + 4 : n + 7])
        changed = edited(text, 0.2, n, vocabulary)
        [match] = index.match(f"{before} {changed} {after}")
        assert (match.run, match.kind) == (f"r-{n}", "part")
        start = len(words_of(before))
        end, first, last = start + len(words_of(changed)), match.spans[0][0], match.spans[-1][1]
        assert min(last, end) - max(first, start) > 0.6 * (end - start)
        assert abs(match.share - (end - start) / len(words_of(f"{before} {changed} {after}"))) < 0.12


def test_a_piece_of_a_long_answer_is_found(index: FingerprintIndex, paragraphs: list[str]) -> None:
    index.add("r-long", " ".join(paragraphs[:5]))
    assert [match.run for match in index.match(paragraphs[3])] == ["r-long"]


def test_a_short_answer_matches_only_exactly(index: FingerprintIndex) -> None:
    index.add("r-short", "In 2019, by the workshop in Jena [1].")
    assert [match.run for match in index.match("in 2019 by the workshop in Jena")] == ["r-short"]
    assert index.match("In 2018, by the workshop in Jena.") == []


def test_two_runs_with_the_same_answer_are_both_named(index: FingerprintIndex) -> None:
    index.add("r-1", ANSWER)
    index.add("r-2", ANSWER)
    assert [match.run for match in index.match(ANSWER)] == ["r-1", "r-2"]


def test_adding_a_run_again_replaces_it_and_forgetting_leaves_nothing(index: FingerprintIndex) -> None:
    index.add("r-1", "Something else that was said before, in quite a few words, and then thought better of by all.")
    index.add("r-1", ANSWER)
    assert index.count() == 1
    assert index.forget("r-1") == 1
    assert index.count() == 0
    assert index.match(ANSWER) == []


@pytest.mark.parametrize("text", ["", "   ", "?!", "🙂", "\ud800", "[1]"])
def test_a_text_without_words_is_nothing(text: str, index: FingerprintIndex) -> None:
    assert index.add("r-1", text) is False
    assert index.match(text) == []


def test_a_script_without_spaces_is_compared_sign_by_sign() -> None:
    text = "望远镜的镜片于二〇一九年由耶拿的工坊修复因为在年度检查中发现了裂纹"
    assert similarity(text, text.replace("工坊", "车间")) > 0.6
    assert similarity(text, "今天的天气非常好我们决定去公园散步然后回家一起做饭看电影休息") < 0.1


def test_an_enormous_text_takes_bounded_time(index: FingerprintIndex) -> None:
    index.add("r-1", ANSWER)
    noise = " ".join(str(n * 7919 % 100_003) for n in range(9_000))
    assert [match.run for match in index.match(f"{noise} {ANSWER} {noise * 20}")] == ["r-1"]


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.text(max_size=300))
def test_similarity_is_symmetric_and_bounded(a: str, b: str) -> None:
    assert 0.0 <= similarity(a, b) == similarity(b, a) <= 1.0
    assert similarity(a, a) == 1.0
