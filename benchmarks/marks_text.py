"""The mark in texts: found how often and how early, false alarms on human text, and what it costs in quality and time.

    wherefrom bench marks --text [--data DIR --limit TEXTS --seed S] [--json]

`--data` names a folder of human texts (`*.txt`, `*.md`, or the sets of the evaluation data); `--limit` how many texts
the model writes with the mark, every third of them without, too, and how many questions it answers (100 each). What
was written is kept beside the data folder's models and not written again: a run that was cut off goes on where it was.
WHEREFROM_BENCH_SECONDS=N writes nothing new after N seconds and reports what there is (0: nothing new at all). Times
mean something on a quiet machine only.
"""

from __future__ import annotations

import json
import math
import random
import re
import statistics
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.marks_text_plot import plot_curve
from benchmarks.marks_text_writer import TextWriter, key_of
from benchmarks.sets import data_folder
from provenance.database import open_database, sqlite_url
from provenance.errors import AppError
from provenance.fingerprint import FingerprintIndex
from provenance.textmark.detector import LEVEL, TextMarkDetector
from provenance.textmark.keys import TextMarkKey
from provenance.textmark.marker import STRENGTH
from provenance.textmark.words import carriers

__all__ = ["human_texts", "replaced", "run"]

LONG = 200  # tokens: from here on a text must be found
LENGTHS = (50, 100, 150, 200, 250, 300)  # tokens
HUMAN_KEYS = 24
HUMAN_PIECES = 1000


def run(
    *,
    data: str | None = None,
    limit: int = 0,
    seed: int = 0,
    model: str | None = None,
    strength: float = STRENGTH,
    temperature: float = 0.0,
    plot: str | None = None,
    questions: int = 100,
    **_options: Any,
) -> dict[str, Any]:
    """Measure one model.

    Args:
        model: Catalogue name; default: the one of the settings.
        strength: Of the mark, in logits; default: the one in force.
        plot: Where the curve of length and detection is written, as SVG; default: beside what the model wrote.
        questions: How many questions about a passage are answered with and without the mark; 0 leaves it out.
    """
    human = human_texts(data_folder(data))
    writer = TextWriter(model=model, strength=strength, temperature=temperature, seed=seed)
    try:
        times = writer.times(5)
        texts = writer.texts(limit or 100)
        asked = min(questions, limit or questions)
        answers = writer.answers(_questions(data_folder(data), asked)) if asked else {}
    finally:
        writer.close()
    false_alarms = {length: _false_alarms(human, length, seed) for length in (100, 200, 300)}
    marked = [row for row in texts if row["marked"]]
    plain = [row for row in texts if not row["marked"]]
    long = [row for row in marked if row["tokens"] >= LONG]
    curve = {length: _found(marked, length) for length in LENGTHS}
    drawn = Path(plot) if plot else writer.kept.with_suffix(".svg")
    drawn.write_text(plot_curve(curve, false_alarms), encoding="utf-8")
    spare = [word for text in human[:200] for word in text.split()]
    return {
        "model": writer.model_name,
        "strength": strength,
        "temperature": temperature,
        "texts": len(marked),
        "found_by_tokens": {str(length): share for length, share in curve.items()},
        "found_of_200_tokens_and_more": _found(long, None),
        "found_shorter": _found([row for row in marked if row["tokens"] < LONG], None),
        "found_after_a_fifth_replaced": _found(long, None, lambda row: replaced(row["text"], spare, 0.2, row["i"])),
        "found_first_200_tokens_after_a_fifth_replaced": _found(
            long, LONG, lambda row: replaced(_first(row, LONG), spare, 0.2, row["i"])
        ),
        **_recognised(long, human, spare, seed),
        "found_half_among_human_text": _found(long, None, lambda row: _among(row, human)),
        "ended_in_circles": {
            name: sum(row["finish"] == "circles" for row in rows)
            for name, rows in (("marked", marked), ("unmarked", plain))
        },
        "unmarked_called_marked": _found(plain, None),
        "curve": str(drawn),
        "human_false_alarms": {str(length): value for length, value in false_alarms.items()},
        **_perplexities(marked, plain),
        **answers,
        **times,
    }


@cache
def _coin(secret: bytes, word: str) -> int:
    return TextMarkKey(secret).coin(word)


class _Remembering(TextMarkKey):
    """The same key, quicker the second time."""

    __slots__ = ()

    def coin(self, word: str) -> int:
        return _coin(self.secret, word)


def human_texts(folder: Path) -> list[str]:
    """Texts of people: plain files, or the English sets of the evaluation data."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.txt"))]
    texts += [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.md"))]
    squad = folder / "rag_squad2" / "squad_v2_sample.json"
    if squad.exists():
        articles = json.loads(squad.read_text(encoding="utf-8"))["data"]
        texts += ["\n".join(part["context"] for part in article["paragraphs"]) for article in articles]
    for name, field in (("ir_cranfield/corpus.jsonl", "text"), ("injection_indirect_bipia/clean.jsonl", "document")):
        if (folder / name).exists():
            texts += [str(row[field]) for row in _rows(folder / name)]
    return list(dict.fromkeys(text for text in texts if len(text.split()) >= 60))


def replaced(text: str, spare: list[str], share: float, seed: int) -> str:
    """The text with that share of its words exchanged for words of other people."""
    dice = random.Random(seed)
    return re.sub(r"\S+", lambda word: dice.choice(spare) if dice.random() < share else word.group(), text)


def _false_alarms(texts: list[str], tokens: int, seed: int) -> dict[str, Any]:
    """How often human text of that length is called ours, over many keys."""
    pieces = _pieces(texts, tokens, seed)
    per_key = []
    for number in range(HUMAN_KEYS):
        key = _Remembering(key_of(seed, 1_000_000 + number).secret)
        detector = TextMarkDetector(lambda key=key: [key])  # type: ignore[misc]
        looks = [detector.read(piece) for piece in pieces]
        per_key.append(sum(look is not None and look.p_value <= LEVEL for look in looks))
    return {
        "texts": len(pieces),
        "keys": HUMAN_KEYS,
        "rate": sum(per_key) / (HUMAN_KEYS * max(1, len(pieces))),
        "worst_key": max(per_key) / max(1, len(pieces)),
    }


def _pieces(texts: list[str], tokens: int, seed: int) -> list[str]:
    """Human text of that length, drawn by the seed."""
    words = round(tokens * 0.75)  # English has about three words in four tokens
    pieces = [" ".join(piece) for text in texts for piece in _cut(text.split(), words)]
    random.Random(seed).shuffle(pieces)
    return pieces[:HUMAN_PIECES]


def _cut(words: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(words) - size + 1, size):
        yield words[start : start + size]


def _first(row: dict[str, Any], tokens: int) -> str:
    """Its first tokens, counted in words: how many words a token is, the whole text says."""
    words = list(re.finditer(r"\S+", row["text"]))
    count = round(len(words) * tokens / row["tokens"])
    return str(row["text"][: words[count - 1].end()]) if count else ""


def _found(rows: list[dict[str, Any]], tokens: int | None, change: Any = None) -> dict[str, float]:
    """The share of texts in which their own key is found; texts shorter than `tokens` are left out."""
    rows = [row for row in rows if tokens is None or row["tokens"] >= tokens]
    found, coins = 0, 0
    for row in rows:
        text = change(row) if change else row["text"] if tokens is None else _first(row, tokens)
        found += _p_value(row, text) <= LEVEL
        coins += len(set(carriers(text)))
    return {"share": found / max(1, len(rows)), "texts": len(rows), "coins": coins / max(1, len(rows))}


def _p_value(row: dict[str, Any], text: str | None = None) -> float:
    """Of the text under its own key; of another text under that key, where one is given."""
    look = TextMarkDetector(lambda: [key_of(row["seed"], row["i"])]).read(row["text"] if text is None else text)
    return 1.0 if look is None else look.p_value


def _recognised(rows: list[dict[str, Any]], human: list[str], spare: list[str], seed: int) -> dict[str, Any]:
    """What the fingerprints of the recorded answers tell, for the edited text and for human text beside the mark."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "fingerprints.db"))
        index = FingerprintIndex(database)
        for row in rows:
            index.add(str(row["i"]), row["text"])
        edited = [(row, replaced(row["text"], spare, 0.2, row["i"])) for row in rows]
        resembles = [any(match.run == str(row["i"]) for match in index.match(text)[:1]) for row, text in edited]
        either = [known or _p_value(row, text) <= LEVEL for known, (row, text) in zip(resembles, edited, strict=True)]
        pieces = _pieces(human, LONG, seed)
        strangers = [bool(index.match(piece)) for piece in pieces]
        database.close()
    return {
        "matched_after_a_fifth_replaced": sum(resembles) / max(1, len(rows)),
        "found_or_matched_after_a_fifth_replaced": sum(either) / max(1, len(rows)),
        "human_texts_matched": {"texts": len(pieces), "share": sum(strangers) / max(1, len(pieces))},
    }


def _among(row: dict[str, Any], human: list[str]) -> str:
    """The text between as many words of people."""
    other = human[row["i"] % len(human)].split()
    size = len(row["text"].split()) // 2
    return f"{' '.join(other[:size])}\n{row['text']}\n{' '.join(other[size : 2 * size])}"


def _perplexities(marked: list[dict[str, Any]], plain: list[dict[str, Any]]) -> dict[str, Any]:
    """What the model itself thinks of its texts, per token; the ratio is over pairs of the same topic."""
    told = {row["i"]: row for row in marked if row["counted"]}
    pairs = [(told[row["i"]], row) for row in plain if row["counted"] and row["i"] in told]
    if not pairs:
        return {}
    ours, theirs = ([-row["logprob"] / row["counted"] for row in rows] for rows in zip(*pairs, strict=True))
    more = [a - b for a, b in zip(ours, theirs, strict=True)]
    return {
        "perplexity_pairs": len(pairs),
        "perplexity_marked": math.exp(statistics.mean(ours)),
        "perplexity_unmarked": math.exp(statistics.mean(theirs)),
        "perplexity_ratio": math.exp(statistics.mean(more)),
        "perplexity_ratio_standard_error": statistics.stdev(more) / math.sqrt(len(more)) if len(more) > 1 else None,
        "perplexity_of_unmarked_texts": [round(math.exp(one), 2) for one in sorted(theirs)],
        "tokens_marked": statistics.mean(row["tokens"] for row, _other in pairs),
        "tokens_unmarked": statistics.mean(row["tokens"] for _other, row in pairs),
    }


def _questions(folder: Path, count: int) -> list[dict[str, Any]]:
    """Answerable questions of the question set, evenly over its articles."""
    path = folder / "rag_squad2" / "squad_v2_sample.json"
    if not path.exists():
        raise AppError("There is no question set in the data.", hint="Name the evaluation data with --data.")
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    found = [
        {"context": part["context"], "question": one["question"], "answers": [gold["text"] for gold in one["answers"]]}
        for article in articles
        for part in article["paragraphs"]
        for one in part["qas"]
        if one["answers"]
    ]
    return found[:: max(1, len(found) // count)][:count]


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
