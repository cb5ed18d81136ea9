"""A library on real SQLite and real FAISS; its embedder and its parser are quick stand-ins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenance.database import Database
from provenance.ledger import Ledger
from retrieval.ingest import Ingestor
from retrieval.jobs import Job
from retrieval.library import Library
from retrieval.testing import HashEmbedder, PlainParser


@pytest.fixture
def embedder() -> HashEmbedder:
    """Counts what it embeds."""
    return HashEmbedder()


@pytest.fixture
def library(home: Path, database: Database, ledger: Ledger, embedder: HashEmbedder) -> Iterator[Library]:
    """An empty library."""
    opened = Library(home, database, ledger, embedder=embedder, parser=PlainParser())
    yield opened
    opened.close()


@pytest.fixture
def ingestor(library: Library) -> Iterator[Ingestor]:
    """Fills `library`."""
    opened = Ingestor(library, max_file_mib=8)
    yield opened
    opened.close()


@pytest.fixture
def add(ingestor: Ingestor) -> Callable[..., Job]:
    """Ingest paths and wait; the finished job."""

    def ingest(*paths: Path) -> Job:
        return ingestor.wait(ingestor.submit(list(paths)), timeout_s=60)

    return ingest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for a person's files."""
    made = tmp_path / "papers"
    made.mkdir()
    return made
