"""Hurt the ledger on purpose: kill the process that appends, tamper with the rows, and count what goes unnoticed.

    python -m benchmarks.ledger_faults --kills 2000 --tampers 10000 --json

The tests run the same code with small numbers. An event counts as acknowledged when `append` has returned in the
process that is then killed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from provenance.database import Database, open_database, sqlite_url
from provenance.entry import entry_digest
from provenance.ledger import Event, Ledger
from provenance.verification import TRIGGERS

__all__ = ["change_byte", "delete", "insert", "kill_appenders", "run", "swap", "tamper", "tampering", "write_sample"]

COLUMNS = ("at", "run", "kind", "body", "previous", "digest")
ROUNDS_PER_DATABASE = 50


def run(
    *, data: str | None = None, limit: int = 0, seed: int = 0, kills: int = 100, tampers: int = 500
) -> dict[str, Any]:
    """Both kinds of harm; every number but the counts of attempts should be 0.

    Args:
        data: Where the databases are made; default: the system's temporary folder.
        limit: As many kills, and five times as many tamperings.
    """
    kills, tampers = (limit, 5 * limit) if limit else (kills, tampers)
    with tempfile.TemporaryDirectory(prefix="wherefrom-faults-", dir=data) as folder:
        return {
            "kills": kill_appenders(Path(folder), rounds=kills, seed=seed),
            "tampers": tamper(Path(folder), count=tampers, seed=seed),
        }


# Kills -----------------------------------------------------------------------------------------------------------


@dataclass
class _Tally:
    rounds: int = 0
    acknowledged: int = 0
    events: int = 0
    lost: int = 0  # acknowledged, but not there or different
    half_written: int = 0  # a group of which only a part is there
    false_alarms: int = 0  # a ledger nobody touched that does not verify
    reasons: list[str] = field(default_factory=list)


def kill_appenders(folder: Path, *, rounds: int, seed: int = 0) -> dict[str, Any]:
    """Start a process that appends from four threads, kill it with SIGKILL at a random moment, look; `rounds` times."""
    rng, tally = random.Random(seed), _Tally()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["provenance.ledger"])
    for number in range(rounds):
        url = sqlite_url(folder / f"kill-{number // ROUNDS_PER_DATABASE}.db")
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_append_for_ever, args=(url, number, sender), daemon=True)
        child.start()
        sender.close()
        acknowledged = _listen(receiver, child.pid or 0, rng)
        child.join()
        tally.rounds += 1
        tally.acknowledged += len(acknowledged)
        _inspect(url, acknowledged, tally)
    result = dict(vars(tally))
    result["reasons"] = tally.reasons[:10]
    return result


def _append_for_ever(url: str, number: int, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ledger, speaking = Ledger(open_database(url)), threading.Lock()

    def work(name: int) -> None:
        for n in itertools.count():
            group = f"r-{number}.{name}.{n}"
            size = 3 if n % 5 == 4 else 1
            event = Event(kind="tool_call", run=group, body={"n": n, "size": size}, contents={"text": f"words {n}"})
            receipts = ledger.append_many([event] * size)
            if name == 0 and n % 25 == 24:
                receipts += ledger.erase([(receipts[0].seq, "text")], run=f"e-{group}", body={"size": 1}, contents={})
            for receipt in receipts:
                with speaking:
                    sender.send((receipt.seq, receipt.digest))

    for name in range(4):
        threading.Thread(target=work, args=(name,)).start()


def _listen(receiver: Connection, pid: int, rng: random.Random) -> dict[int, str]:
    """Acknowledged events until the child, killed after a random time, is silent."""
    heard: dict[int, str] = {}
    if rng.random() < 0.8:  # in the others it may die while it opens or migrates the database
        receiver.poll(60)
    deadline = time.monotonic() + rng.uniform(0.0, 0.08)
    killed = False
    with contextlib.suppress(EOFError, OSError):  # a message cut in the middle was not heard
        while True:
            if not killed and time.monotonic() >= deadline:
                os.kill(pid, signal.SIGKILL)
                killed = True
            if receiver.poll(0.0 if killed else max(0.0, deadline - time.monotonic())):
                seq, digest = receiver.recv()
                heard[seq] = digest
            elif killed:
                receiver.poll(5)  # the rest of what was sent, then the end of the pipe
    return heard


def _inspect(url: str, acknowledged: dict[int, str], tally: _Tally) -> None:
    database = open_database(url)
    ledger = Ledger(database)
    found = ledger.verify()
    if not found.ok:
        tally.false_alarms += 1
        tally.reasons.append(found.reason)
    lowest = min(acknowledged, default=1) - 1
    entries = ledger.entries(after=lowest, limit=2**31)
    digests = {entry.seq: entry.digest for entry in entries}
    tally.events += len(entries)
    tally.lost += sum(digests.get(seq) != digest for seq, digest in acknowledged.items())
    there = Counter(entry.run for entry in ledger.entries(limit=2**31))
    sizes = {entry.run: entry.body["size"] for entry in entries}
    tally.half_written += sum(there[group] != size for group, size in sizes.items())
    ledger.close()
    database.close()


# Tampering -------------------------------------------------------------------------------------------------------


def tamper(folder: Path, *, count: int, seed: int = 0) -> dict[str, Any]:
    """Change copies of a ledger in `count` random ways; each must be found at the entry where it was done."""
    rng, events = random.Random(seed), 40
    original = folder / "sample.db"
    head = write_sample(original, events)
    older = folder / "older.db"
    _copy_until(original, older, events // 2)
    done: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(count):
        copy = folder / "tampered.db"
        kind = rng.choice(["change", "delete", "swap", "insert", "cut or roll back"])
        shutil.copy(older if kind == "cut or roll back" and number % 2 else original, copy)
        expected = _tamper_once(copy, kind, rng, events, rolled_back=number % 2 == 1)
        database = Database(sqlite_url(copy))
        found = Ledger(database).verify(expected_head=head)
        database.close()
        done[kind] += 1
        if found.ok or found.first_bad != expected:
            missed.append(f"{kind}: named {found.first_bad}, expected {expected}: {found.reason}")
    return {"attempts": count, "missed": len(missed), "kinds": dict(done), "reasons": missed[:10]}


def _tamper_once(copy: Path, kind: str, rng: random.Random, events: int, *, rolled_back: bool) -> int:
    with tampering(copy) as raw:
        if kind == "change":
            column, position = rng.choice(COLUMNS), rng.randrange(1 << 16)
            return change_byte(raw, rng.randint(1, events), column, position, rng.randint(1, 255))
        if kind == "delete":
            return delete(raw, rng.randint(1, events))
        if kind == "swap":
            first, second = rng.sample(range(1, events + 1), 2)
            return swap(raw, first, second)
        if kind == "insert":
            return insert(raw, rng.randint(1, events), forged=rng.random() < 0.5)
        if rolled_back:
            return events // 2 + 1
        keep = rng.randint(0, events - 1)
        raw.execute("DELETE FROM ledger_entry WHERE seq > ?", (keep,))
        raw.execute("DELETE FROM ledger_content WHERE seq > ?", (keep,))
        return keep + 1


def write_sample(path: Path, events: int) -> str:
    """A ledger of `events` entries, every third with a private content, in one file without a log; its head."""
    database = open_database(sqlite_url(path))
    ledger = Ledger(database)
    for n in range(events):
        contents = {"question": f"Who wrote letter {n}?"} if n % 3 == 0 else {}
        ledger.append(kind="request", run=f"r-{n // 4}", body={"n": n, "word": "é" * (n % 5)}, contents=contents)
    head = str(ledger.head())
    ledger.close()
    database.flush_log()
    database.close()
    return head


def _copy_until(original: Path, older: Path, events: int) -> None:
    shutil.copy(original, older)
    with tampering(older) as raw:
        raw.execute("DELETE FROM ledger_content WHERE seq > ?", (events,))
        raw.execute("DELETE FROM ledger_entry WHERE seq > ?", (events,))


@contextlib.contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """A raw connection with the triggers dropped, as someone with write access to the file would open it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        for name in TRIGGERS:
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        raw.execute("BEGIN")
        yield raw
        raw.execute("COMMIT")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def change_byte(raw: sqlite3.Connection, seq: int, column: str, position: int, mask: int) -> int:
    """Change one byte of one field; the entry that should be named."""
    [(value,)] = raw.execute(f"SELECT CAST({column} AS BLOB) FROM ledger_entry WHERE seq = ?", (seq,))
    changed = bytearray(value)
    changed[position % len(changed)] ^= mask
    raw.execute(f"UPDATE ledger_entry SET {column} = CAST(? AS TEXT) WHERE seq = ?", (bytes(changed), seq))
    return seq


def delete(raw: sqlite3.Connection, seq: int) -> int:
    """Remove one entry with its contents; the entry that should be named (the last needs an expected head)."""
    raw.execute("DELETE FROM ledger_entry WHERE seq = ?", (seq,))
    raw.execute("DELETE FROM ledger_content WHERE seq = ?", (seq,))
    return seq


def swap(raw: sqlite3.Connection, first: int, second: int) -> int:
    """Let two entries change places, contents too; the entry that should be named."""
    for table in ("ledger_entry", "ledger_content"):
        for old, new in ((first, -first), (second, first), (-first, second)):
            raw.execute(f"UPDATE {table} SET seq = ? WHERE seq = ?", (new, old))
    return min(first, second)


def insert(raw: sqlite3.Connection, seq: int, *, forged: bool) -> int:
    """Put an entry in before `seq`, moving the rest up; the entry that should be named.

    Args:
        forged: Compute the new entry's digest so that it follows its predecessor; the next one then betrays it.
    """
    for table in ("ledger_entry", "ledger_content"):
        raw.execute(f"UPDATE {table} SET seq = -seq WHERE seq >= ?", (seq,))
        raw.execute(f"UPDATE {table} SET seq = 1 - seq WHERE seq < 0")
    [(at, previous)] = raw.execute("SELECT at, previous FROM ledger_entry WHERE seq = ?", (seq + 1,))
    digest = entry_digest(seq, at, "r-forged", "answer", previous, "{}") if forged else "v1:" + "5" * 64
    row = (seq, at, "r-forged", "answer", "{}", previous, digest)
    raw.execute("INSERT INTO ledger_entry (seq, at, run, kind, body, previous, digest) VALUES (?,?,?,?,?,?,?)", row)
    return seq + 1 if forged else seq


def main(arguments: list[str] | None = None, show: Callable[[str], None] = print) -> None:
    """The command line of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--tampers", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    result = run(kills=options.kills, tampers=options.tampers, seed=options.seed)
    show(json.dumps(result, indent=None if options.json else 2))


if __name__ == "__main__":
    main()
