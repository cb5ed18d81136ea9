"""Run by `test_library_kills.py` as a process of its own, to be killed: ingests a folder and says what is done.

python -m tests.retrieval.killed_child HOME FOLDER DELETE...
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from provenance.database import open_database, sqlite_url
from provenance.ledger import Ledger
from retrieval.ingest import Ingestor
from retrieval.jobs import FINAL
from retrieval.library import Library
from retrieval.testing import HashEmbedder, PlainParser


def main(home: Path, folder: Path, deleted: list[str]) -> None:
    database = open_database(sqlite_url(home / "wherefrom.db"))
    library = Library(
        home, database, Ledger(database), embedder=HashEmbedder(delay_s=0.003), parser=PlainParser(delay_s=0.001)
    )
    ingestor = Ingestor(library)
    print("ready", flush=True)
    job = ingestor.submit([folder])
    print(f"submitted {job}", flush=True)
    for name in deleted:
        for info in library.documents():
            if info.name == name:
                library.delete(info.id)
                print(f"deleted {name}", flush=True)
    said: set[str] = set()
    while True:
        now = ingestor.job(job)
        for file in now.files:
            if file.status in FINAL and file.path not in said:
                said.add(file.path)
                print(f"{file.status} {Path(file.path).name}", flush=True)
        if now.state not in ("waiting", "running"):
            print("finished", flush=True)
        time.sleep(0.002)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
