"""What recording costs an answer: events, milliseconds, and their share of the time that the answer took.

    python -m benchmarks.recording --json

Takes the answers that a data folder holds, appends exactly their events (bodies and private texts) to a fresh ledger,
one after the other and synced as they were, and compares the time with what each answer took. The data folder is only
read. Erased texts are taken as empty.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provenance.checkpoints import Checkpoints
from provenance.database import open_database, sqlite_url
from provenance.entry import Entry
from provenance.errors import NotFoundError
from provenance.keys import LedgerKeys
from provenance.ledger import Ledger

__all__ = ["run"]


def run(*, data: str | None = None, limit: int = 0, seed: int = 0, folder: str | None = None) -> dict[str, Any]:
    """Measure. Nothing is left to chance, so `seed` changes nothing.

    Args:
        data: A data folder with answers in it; default: that of the settings in force.
        limit: How many of the newest answers; default 200.
        folder: Where the fresh ledger is made; default: the system's temporary folder.

    Returns:
        `answers`, `events_per_answer` and `bytes_per_answer` (medians), `record_ms` (median and p99 an answer),
        `share` (of the answer's own time, median and p99), `checkpoint_ms` (afterwards, not on the answer's path).
    """
    from ui.settings import load_settings

    home = Path(data) if data else load_settings().home
    answers = _answers(home, limit or 200)
    if not answers:
        raise NotFoundError("There is no finished answer to measure.", hint="Ask something first.")
    spent, sizes, shares = [], [], []
    with tempfile.TemporaryDirectory(prefix="wherefrom-recording-", dir=folder) as place:
        database = open_database(sqlite_url(Path(place) / "wherefrom.db"))
        ledger = Ledger(database)
        for entries, took_s in answers:
            spent_s, size = _append(ledger, entries)
            spent.append(1000 * spent_s)
            sizes.append(size)
            shares.append(spent_s / took_s)
        notary = Checkpoints(ledger, LedgerKeys(Path(place) / "keys"), Path(place) / "checkpoints")
        notary.make()
        _append(ledger, answers[0][0])
        started = time.perf_counter()
        notary.make()
        checkpoint_ms = 1000 * (time.perf_counter() - started)
        ledger.close()
        database.close()
    return {
        "answers": len(answers),
        "events_per_answer": statistics.median(len(entries) for entries, _ in answers),
        "bytes_per_answer": round(statistics.median(sizes)),
        "record_ms": _spread(spent, 2),
        "share": _spread(shares, 5),
        "checkpoint_ms": round(checkpoint_ms, 2),
    }


def _answers(home: Path, limit: int) -> list[tuple[list[Entry], float]]:
    """The newest finished answers: their events, and the seconds they took."""
    database = open_database(sqlite_url(home / "wherefrom.db"))
    ledger = Ledger(database)
    found: list[tuple[list[Entry], float]] = []
    for end in reversed(ledger.entries(kind="answer", limit=2**31)):
        took = float((end.body.get("timings") or {}).get("total_s") or 0.0)
        if took > 0 and len(found) < limit:
            entries = [entry for entry in ledger.run_entries(end.run) if entry.seq <= end.seq]
            found.append((entries, took))
    ledger.close()
    database.close()
    return found


def _append(ledger: Ledger, entries: list[Entry]) -> tuple[float, int]:
    """Seconds spent, and bytes of bodies and texts."""
    spent, size = 0.0, 0
    for entry in entries:
        body = {name: value for name, value in entry.body.items() if name != "commitments"}
        contents = {name: content if content is not None else "" for name, content in entry.contents.items()}
        started = time.perf_counter()
        ledger.append(kind=entry.kind, run=entry.run, body=body, contents=contents)
        spent += time.perf_counter() - started
        size += len(json.dumps(body)) + sum(len(content) for content in contents.values())
    return spent, size


def _spread(values: list[float], digits: int) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), digits),
        "p99": round(ordered[int(0.99 * (len(ordered) - 1))], digits),
    }


def main(arguments: list[str] | None = None, show: Callable[[str], None] = print) -> None:
    """The command line of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", help="a data folder with answers in it; default: the one in force")
    parser.add_argument("--limit", type=int, default=200, help="how many of the newest answers")
    parser.add_argument("--folder", help="where the fresh ledger is made; name one on the disk that counts")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    result = run(data=options.home, limit=options.limit, folder=options.folder)
    show(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
