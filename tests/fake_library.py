"""The documents of the engine that lives in memory: a small canned library, and files that fail by their names."""

from __future__ import annotations

import hashlib
import io
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import DocumentError, NotFoundError, UsageError
from tests.fake_collections import FakeCollections
from ui.api import (
    DocumentRow,
    FileResult,
    IngestJob,
    PageView,
    Scope,
    SearchHit,
    TableColumn,
    TableResult,
    TableRow,
)

__all__ = ["LIBRARY", "FakeLibrary", "now", "sentences_of"]

LIBRARY: dict[str, list[str]] = {
    "turbine-report.pdf": [
        "Halden Wind Park, annual report.\n\nTurbine T7 stood still for 41 days in 2025 because its yaw gear cracked.",
        "Outlook.\n\nThe fund for repairs holds 2.4 million kroner. A new gear costs 310,000 kroner.",
    ],
    "minutes.docx": ["Minutes of 12 March.\n\nMarit Aune was elected to the board of Halden Wind Park."],
    "prices.xlsx": ["Part\tPrice\nYaw gear\t310000\nBrake disc\t18500"],
}


class FakeLibrary(FakeCollections):
    """Mixed into `FakeEngine`."""

    file_s: float
    scopes: list[Scope | None]
    _lock: threading.RLock
    _ids: Iterator[int]
    _pages: dict[int, list[str]]
    _jobs: dict[str, IngestJob]
    _stopped_jobs: set[str]
    _watched: set[str]

    if TYPE_CHECKING:  # the engine keeps the events

        def _record(self, run: str, kind: str, body: dict[str, Any], contents: dict[str, str | None]) -> None: ...

    def ingest(self, paths: list[str], *, collection: str = "") -> IngestJob:
        if not paths:
            raise UsageError("No file was named.", hint="Name a file or a folder.")
        missing = [path for path in paths if not Path(path).exists()]
        if missing:
            raise NotFoundError(f"{missing[0]!r} does not exist.", hint="Check the path.")
        found = [p for path in paths for p in ([Path(path)] if Path(path).is_file() else sorted(Path(path).rglob("*")))]
        return self._start_job([(p.name, p.read_bytes(), str(p)) for p in found if p.is_file()], collection)

    def upload(self, files: list[tuple[str, bytes]], *, collection: str = "") -> IngestJob:
        if not files:
            raise UsageError("No file was sent.")
        return self._start_job([(name, data, "") for name, data in files], collection)

    def upload_files(self, files: list[tuple[str, Path]], *, collection: str = "") -> IngestJob:
        """What the server calls: the files lie in the staging folder."""
        sent = [(name, path.read_bytes()) for name, path in files]
        for _, path in files:
            path.unlink()
        return self.upload(sent, collection=collection)

    def staging(self) -> Path:
        return Path(tempfile.gettempdir())

    def job(self, job: str) -> IngestJob:
        if job not in self._jobs:
            raise NotFoundError(f"There is no job {job!r}.")
        return self._jobs[job]

    def jobs(self) -> list[IngestJob]:
        return list(reversed(self._jobs.values()))

    def stop_job(self, job: str) -> None:
        self.job(job)
        self._stopped_jobs.add(job)

    def documents(self) -> list[DocumentRow]:
        return list(self._documents.values())

    def delete_document(self, document_id: int) -> None:
        self._document(document_id)
        del self._documents[document_id], self._pages[document_id]
        self._record("", "document_removed", {"document": document_id}, {})

    def page(self, document_id: int, page: int, *, start: int | None = None, end: int | None = None) -> PageView:
        row, text = self._document(document_id), self._page_text(document_id, page)
        return PageView(
            document_id=document_id,
            document=row.name,
            page=page,
            page_label=f"page {page}",
            pages=row.pages,
            text=text,
            start=start,
            end=end,
            has_image=row.kind == "pdf",
        )

    def page_image(
        self, document_id: int, page: int, *, start: int | None = None, end: int | None = None, width_px: int = 1000
    ) -> bytes:
        from PIL import Image, ImageDraw

        text = self._page_text(document_id, page)
        picture = Image.new("RGB", (width_px, int(width_px * 1.414)), "white")
        draw, position, y = ImageDraw.Draw(picture), 0, 60
        for line in text.split("\n"):
            marked = start is not None and end is not None and position < end and start < position + len(line)
            if marked and line:
                draw.rectangle((55, y - 4, width_px - 55, y + 22), fill="#fff3b0")
            draw.text((60, y), line, fill="black")
            position, y = position + len(line) + 1, y + 30
        out = io.BytesIO()
        picture.save(out, format="PNG")
        return out.getvalue()

    def watched(self) -> list[str]:
        return sorted(self._watched)

    def watch_folder(self, path: str, *, collection: str = "") -> None:
        if collection:
            self._collection(collection)
        if not Path(path).is_dir():
            raise UsageError(f"{path} is no folder.", hint="Name a folder to keep in step.")
        self._watched.add(path)

    def unwatch_folder(self, path: str) -> None:
        if path not in self._watched:
            raise NotFoundError(f"{path} is not watched.")
        self._watched.remove(path)

    def search(self, query: str, *, top_k: int = 10, scope: Scope | None = None) -> list[SearchHit]:
        self.scopes.append(scope)
        if not query.strip():
            raise UsageError("The search is empty.", hint="Type some words.")
        words = {word.strip("?.,!").lower() for word in query.split()} - {
            "the",
            "a",
            "of",
            "is",
            "in",
            "for",
            "how",
            "what",
        }
        hits = []
        for id_, pages in list(self._pages.items()):
            for number, text in enumerate(pages, 1):
                for start, end in sentences_of(text):
                    found = sum(word in text[start:end].lower() for word in words)
                    if found:
                        hits.append((found / max(len(words), 1), id_, number, start, end, text[start:end]))
        hits.sort(key=lambda hit: -hit[0])
        return [
            SearchHit(
                n=n,
                passage_id=id_ * 1000 + number * 100 + start % 100,
                document_id=id_,
                document=self._documents[id_].name,
                page=number,
                page_label=f"page {number}",
                start=start,
                end=end,
                text=text,
                score=score,
                dense=score * 0.8,
                lexical=score * 7,
            )
            for n, (score, id_, number, start, end, text) in enumerate(hits[:top_k], 1)
        ]

    def tables(self, document_id: int) -> list[TableRow]:
        """The prices are the only table."""
        if self._document(document_id).kind != "xlsx":
            raise DocumentError("This kind of file holds no table that can be queried.", hint="Ask about its text.")
        columns = [TableColumn(name=name.lower(), header=name, kind="text") for name in ("Part", "Price")]
        return [TableRow(name="prices", sheet="Prices", rows=2, columns=columns)]

    def query_table(self, document_id: int, sql: str) -> TableResult:
        self.tables(document_id)
        if not sql.lower().startswith("select"):
            raise UsageError("The query cannot be run: only one SELECT is allowed.")
        row = self._document(document_id)
        rows = [["Yaw gear", "310000"], ["Brake disc", "18500"]]
        return TableResult(
            document=row.name,
            document_digest=row.digest,
            sql=sql,
            columns=["part", "price"],
            rows=rows,
            cells="Prices!A2:B3",
            rows_used=2,
        )

    def _document(self, document_id: int) -> DocumentRow:
        if document_id not in self._documents:
            raise NotFoundError(f"There is no document {document_id}.", hint="It may have been deleted.")
        return self._documents[document_id]

    def _page_text(self, document_id: int, page: int) -> str:
        pages = self._pages[self._document(document_id).id]
        if not 1 <= page <= len(pages):
            raise NotFoundError(f"There is no page {page}.", hint=f"It has {len(pages)}.")
        return pages[page - 1]

    def _add(self, name: str, pages: list[str], *, path: str) -> DocumentRow:
        with self._lock:
            id_ = next(self._ids)
            data = "\f".join(pages).encode()
            row = DocumentRow(
                id=id_,
                name=name,
                path=path,
                digest=hashlib.sha256(data).hexdigest(),
                kind=Path(name).suffix.lstrip(".") or "text",
                title=pages[0].split("\n")[0][:60],
                size_bytes=len(data),
                pages=len(pages),
                passages=sum(len(list(sentences_of(page))) for page in pages),
                added_at=now(),
            )
            self._documents[id_], self._pages[id_] = row, pages
            self._record("", "document_added", {"document": id_, "digest": row.digest}, {"name": name})
            return row

    def _start_job(self, files: list[tuple[str, bytes, str]], collection: str = "") -> IngestJob:
        if collection:
            self._collection(collection)
        with self._lock:
            id_ = f"j-{next(self._ids):06d}"
            rows = [FileResult(path=path or name, status="waiting") for name, _, path in files]
            run = f"r-fake{next(self._ids):06d}"
            self._jobs[id_] = IngestJob(
                id=id_, run=run, state="running", files_total=len(files), files_done=0, files=rows
            )
        threading.Thread(target=self._ingest, args=(id_, files, collection), daemon=True).start()
        return self._jobs[id_]

    def _ingest(self, job: str, files: list[tuple[str, bytes, str]], collection: str) -> None:
        began = time.monotonic()
        for i, (name, data, path) in enumerate(files):
            if job in self._stopped_jobs:
                self._set_file(job, i, {"status": "stopped"}, began)
                continue
            for status in ("reading", "embedding"):
                self._set_file(job, i, {"status": status}, began)
                time.sleep(self.file_s)
            told = self._read(name, data, path)
            if collection and "document_id" in told:
                self.change_collection(collection, add=[told["document_id"]])
            self._set_file(job, i, told, began)
        state = "stopped" if job in self._stopped_jobs else "done"
        self._jobs[job] = self._jobs[job].model_copy(update={"state": state})

    def _read(self, name: str, data: bytes, path: str) -> dict[str, Any]:
        if not data:
            return {"status": "failed", "reason": "The file is empty.", "hint": "Choose another file."}
        if "broken" in name or "secret" in name:
            return {
                "status": "failed",
                "reason": "The file is protected by a password.",
                "hint": "Save it without one.",
            }
        text = data.decode("utf-8", errors="replace")
        same = [row for row in self._documents.values() if row.digest == hashlib.sha256(text.encode()).hexdigest()]
        row = same[0] if same else self._add(name, text.split("\f"), path=path)
        status = "unchanged" if same else "added"
        return {"status": status, "document_id": row.id, "pages": row.pages, "passages": row.passages}

    def _set_file(self, job: str, i: int, update: dict[str, Any], began: float) -> None:
        with self._lock:
            rows = list(self._jobs[job].files)
            rows[i] = rows[i].model_copy(update=update)
            ended = [row for row in rows if row.status not in ("waiting", "reading", "embedding")]
            fields = {
                "files": rows,
                "files_done": len(ended),
                "pages_done": sum(row.pages for row in ended),
                "passages_done": sum(row.passages for row in ended),
                "passages_total": sum(row.passages for row in rows),
                "seconds": time.monotonic() - began,
            }
            self._jobs[job] = self._jobs[job].model_copy(update=fields)


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    for line in text.split("\n"):
        for part in line.replace(". ", ".\x00").split("\x00"):
            if part.strip():
                yield position, position + len(part)
            position += len(part) + 1


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
