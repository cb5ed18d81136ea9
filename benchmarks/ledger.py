"""How fast the ledger is: durable events a second, how long an append and a proof take, how fast it verifies.

    python -m benchmarks.ledger --seconds 5 --json

Every event is synced to disk (synchronous=FULL) before `append` returns. The body is that of a model call, with one
private content. The database lies in `--folder`: name one on the disk that counts, a RAM disk makes the numbers void.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from provenance.checkpoints import Checkpoints
from provenance.database import open_database, sqlite_url
from provenance.keys import LedgerKeys
from provenance.ledger import Event, Ledger, new_run_id
from provenance.merkle import verify_inclusion
from provenance.tree import Tree, leaf_of

__all__ = ["run"]

BODY = {
    "model": "qwen2.5-coder-1.5b-instruct-q4_k_m",
    "weights": "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    "parameters": {"temperature": 0.0, "seed": 0, "top_k": 40, "max_tokens": 400},
    "tokens": {"prompt": 612, "cached": 300, "output": 88},
    "timings": {"total_s": 3.123, "first_token_s": 0.4},
}
TURNS = 400
COMMIT_BYTES = 7 * 4096  # what one event's commit writes into SQLite's log, about
CONTENTS = {"prompt": "Who keeps the key of the archive, and since when? " * 10}


def run(
    *,
    data: str | None = None,
    limit: int = 0,
    seed: int = 0,
    seconds: float = 3.0,
    threads: Sequence[int] = (1, 8, 32),
) -> dict[str, Any]:
    """Measure.

    Args:
        data: Where the database is made; default: the system's temporary folder.
        limit: How many events are appended in bulk before verification and proofs are measured; default 20,000.
        seed: Which events are proved.
        seconds: How long each number of writers appends.

    Returns:
        `beside_the_disk`: an append, and the same disk's bare write and fsync of as many bytes, in turn: milliseconds
        (p50, p99) and their ratio, which holds on a slow disk, too. `appends`: for each number of writers events a
        second and p50, p99, max milliseconds of one append; `bulk`: events a second of `append_many` by 500; `verify`:
        events a second; `tree`: leaves a second taken in; `proof`: milliseconds (p50, p99) and bytes of an inclusion
        proof, the bytes with and without its signed checkpoint.
    """
    with tempfile.TemporaryDirectory(prefix="wherefrom-ledger-", dir=data) as place:
        database = open_database(sqlite_url(Path(place) / "wherefrom.db"))
        ledger = Ledger(database)
        beside = _beside_the_disk(ledger, Path(place) / "raw")
        appends = [_appends(ledger, writers, seconds) for writers in threads]
        bulk = _bulk(ledger, limit or 20_000)
        proof = _proofs(ledger, Path(place), seed)
        found = ledger.verify()
        ledger.close()
        database.close()
    if not found.ok:
        raise RuntimeError(f"the ledger of the benchmark does not verify: {found.reason}")
    return {
        "beside_the_disk": beside,
        "appends": appends,
        "bulk": {"events_per_s": round(bulk), "group": 500},
        "verify": {"events": found.events, "events_per_s": round(found.events / found.seconds)},
        **proof,
    }


def _beside_the_disk(ledger: Ledger, raw: Path) -> dict[str, Any]:
    """No append can be quicker than the disk says that it has kept its bytes."""
    appends, disk, run_id = [], [], new_run_id()
    with raw.open("wb", buffering=0) as file:
        for _ in range(TURNS):
            started = time.perf_counter()
            ledger.append(kind="model_call", run=run_id, body=BODY, contents=CONTENTS)
            appended = time.perf_counter()
            file.write(bytes(COMMIT_BYTES))
            os.fsync(file.fileno())
            disk.append(1000 * (time.perf_counter() - appended))
            appends.append(1000 * (appended - started))
    (middle, late), (disk_middle, disk_late) = _middle_and_late(appends), _middle_and_late(disk)
    return {
        "append_p50_ms": middle,
        "append_p99_ms": late,
        "disk_p50_ms": disk_middle,
        "disk_p99_ms": disk_late,
        "ratio_p50": round(middle / disk_middle, 2),
        "ratio_p99": round(late / disk_late, 2),
    }


def _middle_and_late(waits: Sequence[float]) -> tuple[float, float]:
    """Median and 99th percentile."""
    ordered = sorted(waits)
    return round(statistics.median(ordered), 3), round(ordered[int(0.99 * (len(ordered) - 1))], 3)


def _appends(ledger: Ledger, writers: int, seconds: float) -> dict[str, Any]:
    waits: list[list[float]] = [[] for _ in range(writers)]
    barrier = threading.Barrier(writers + 1)
    until = [0.0]

    def work(mine: list[float]) -> None:
        barrier.wait()
        run_id = new_run_id()
        while (started := time.perf_counter()) < until[0]:
            ledger.append(kind="model_call", run=run_id, body=BODY, contents=CONTENTS)
            mine.append(time.perf_counter() - started)

    workers = [threading.Thread(target=work, args=(mine,)) for mine in waits]
    for worker in workers:
        worker.start()
    until[0] = time.perf_counter() + seconds
    started = time.perf_counter()
    barrier.wait()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - started
    every = [1000 * wait for mine in waits for wait in mine]
    middle, late = _middle_and_late(every)
    return {
        "threads": writers,
        "events_per_s": round(len(every) / took),
        "p50_ms": middle,
        "p99_ms": late,
        "max_ms": round(max(every), 3),
    }


def _proofs(ledger: Ledger, place: Path, seed: int) -> dict[str, Any]:
    notary = Checkpoints(ledger, LedgerKeys(place / "keys"), place / "checkpoints")
    started = time.perf_counter()
    checkpoint = notary.make()
    took = time.perf_counter() - started
    tree, rng = Tree(ledger.database), random.Random(seed)
    digests = {seq: ledger.entries(after=seq - 1, limit=1)[0].digest for seq in _sample(rng, checkpoint.size, 500)}
    waits = []
    for seq in digests:
        started = time.perf_counter()
        path = tree.inclusion(seq, checkpoint.size)
        waits.append(1000 * (time.perf_counter() - started))
        if not verify_inclusion(leaf_of(digests[seq]), seq - 1, checkpoint.size, path, checkpoint.root):
            raise RuntimeError(f"the proof of entry {seq} does not hold")
    middle, late = _middle_and_late(waits)
    longest = max((notary.prove(seq) for seq in digests), key=lambda proof: len(proof.path))
    return {
        "tree": {"events": checkpoint.size, "events_per_s": round(checkpoint.size / took)},
        "proof": {
            "events": checkpoint.size,
            "p50_ms": middle,
            "p99_ms": late,
            "path_bytes": 32 * len(longest.path),
            "file_bytes": len(str(longest).encode()),
        },
    }


def _sample(rng: random.Random, size: int, count: int) -> list[int]:
    return rng.sample(range(1, size + 1), min(count, size))


def _bulk(ledger: Ledger, events: int) -> float:
    group = [Event(kind="document_added", run=new_run_id(), body=BODY, contents=CONTENTS)] * 500
    started = time.perf_counter()
    for _ in range(0, events, len(group)):
        ledger.append_many(group)
    return events / (time.perf_counter() - started)


def main(arguments: list[str] | None = None, show: Callable[[str], None] = print) -> None:
    """The command line of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each number of writers appends")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--folder", help="where the database is made; default: the system's temporary folder")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    result = run(data=options.folder, limit=options.events, seconds=options.seconds, threads=options.threads)
    show(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
