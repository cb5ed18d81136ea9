"""Documents: taken in, listed, shown, searched, deleted."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import BackendUnavailableError, NotFoundError, UsageError
from ui.api import DocumentRow, IngestJob, PageView, Scope, SearchHit, TableColumn, TableResult, TableRow
from ui.engine.calls.base import Calls
from ui.engine.calls.scoping import documents_within

if TYPE_CHECKING:
    from retrieval.jobs import Job

__all__ = ["LibraryCalls"]

LONGEST_QUERY = 2_000
PICTURES = frozenset({"pdf", "png", "jpg", "jpeg", "tiff", "tif", "bmp", "gif", "webp"})


class LibraryCalls(Calls):
    """`ingest` to `search` of `EngineApi`."""

    def ingest(self, paths: list[str], *, collection: str = "") -> IngestJob:
        """Queue files and folders of this machine."""
        if not paths:
            raise UsageError("No file was named.", hint="Name a file or a folder.")
        self._embedder_must_be_there()
        for path in map(Path, paths):
            if not path.is_absolute():
                raise UsageError(f"{str(path)!r} is not an absolute path.", hint="Name it from the root on.")
        return self.job(self.parts.ingestor.submit(paths, collection=self._number(collection)))

    def upload(self, files: list[tuple[str, bytes]], *, collection: str = "") -> IngestJob:
        """Queue files that were sent."""
        self._embedder_must_be_there()
        return self.job(self.parts.ingestor.submit_uploads(files, collection=self._number(collection)))

    def upload_files(self, files: list[tuple[str, Path]], *, collection: str = "") -> IngestJob:
        """Queue files that lie in the staging folder, and clear them away."""
        self._embedder_must_be_there()
        try:
            return self.job(self.parts.ingestor.submit_uploads(files, collection=self._number(collection)))
        finally:
            for _, path in files:
                path.unlink(missing_ok=True)

    def staging(self) -> Path:
        """Where uploads lie until the library has them; emptied when the engine starts."""
        folder = self.parts.settings.home / "incoming"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def job(self, job: str) -> IngestJob:
        """How far a job is."""
        return _job(self.parts.ingestor.job(job))

    def jobs(self) -> list[IngestJob]:
        """The newest jobs, newest first."""
        return [_job(job) for job in self.parts.ingestor.jobs()]

    def stop_job(self, job: str) -> None:
        """Stop one; what is done stays."""
        self.parts.ingestor.stop(job)

    def watched(self) -> list[str]:
        """Folders that are kept in step."""
        return self.parts.watch.folders()

    def watch_folder(self, path: str, *, collection: str = "") -> None:
        """Read a folder, and keep the library in step with it."""
        self._embedder_must_be_there()
        if not Path(path).is_absolute():
            raise UsageError(f"{path!r} is not an absolute path.", hint="Name it from the root on.")
        self.parts.watch.add(Path(path), collection=self._number(collection))

    def unwatch_folder(self, path: str) -> None:
        """Watch it no longer; its documents stay."""
        self.parts.watch.remove(Path(path))

    def ingesting(self) -> bool:
        """Whether a job has not ended."""
        return self.parts.ingestor.busy()

    def resume_ingest(self) -> None:
        """Take up what a killed engine left, and clear away uploads that never became a job."""
        for path in self.staging().iterdir():
            path.unlink(missing_ok=True)
        self.parts.ingestor.start()
        self.parts.watch.start()

    def documents(self) -> list[DocumentRow]:
        """Every document, by name."""
        return [DocumentRow(**dataclasses.asdict(info)) for info in self.parts.library.documents()]

    def delete_document(self, document_id: int) -> None:
        """Out of every answer at once."""
        self.parts.library.delete(document_id)
        self.parts.forget_prompts()

    def page(self, document_id: int, page: int, *, start: int | None = None, end: int | None = None) -> PageView:
        """A page's text and the span to mark."""
        info, found = self.parts.library.document(document_id), self.parts.library.page(document_id, page)
        start, end = _span(start, end, len(found.text))
        return PageView(
            document_id=info.id,
            document=info.name,
            page=found.number,
            page_label=found.label,
            pages=info.pages,
            text=found.text,
            start=start,
            end=end,
            has_image=info.kind in PICTURES,
        )

    def page_image(
        self, document_id: int, page: int, *, start: int | None = None, end: int | None = None, width_px: int = 1000
    ) -> bytes:
        """PNG of a page with the span marked."""
        start, end = _span(start, end, len(self.parts.library.page(document_id, page).text))
        png = self.parts.library.page_image(document_id, page, start or 0, end or 0, width_px)
        if png is None:
            raise NotFoundError("This format has no picture of its pages.", hint="Its text is shown instead.")
        return png

    def search(self, query: str, *, top_k: int = 10, scope: Scope | None = None) -> list[SearchHit]:
        """Passages, best first."""
        if not query.strip():
            raise UsageError("The search is empty.", hint="Type a question or a few words.")
        if len(query) > LONGEST_QUERY:
            said = f"The search has {len(query):,} characters; at most {LONGEST_QUERY:,} fit."
            raise UsageError(said, hint="Search for fewer words.")
        if not 1 <= top_k <= 100:
            raise UsageError("Between 1 and 100 passages can be asked for.")
        hits = self.parts.library.search(query, top_k=top_k, document_ids=documents_within(self.parts, scope))
        return [
            SearchHit(
                n=n,
                passage_id=hit.passage.id,
                document_id=hit.passage.document_id,
                document=hit.passage.document_name,
                page=hit.passage.page,
                page_label=hit.passage.page_label,
                start=hit.passage.start,
                end=hit.passage.end,
                text=hit.passage.text,
                heading=hit.passage.heading,
                score=hit.score,
                dense=hit.dense,
                lexical=hit.lexical,
            )
            for n, hit in enumerate(hits, 1)
        ]

    def tables(self, document_id: int) -> list[TableRow]:
        """The tables of a document; they are made when they are first asked for."""
        info = self.parts.library.document(document_id)
        found = self.parts.library.tables.tables(info, self.parts.library.original(document_id))
        return [
            TableRow(
                name=table.name,
                sheet=table.sheet,
                rows=table.rows,
                columns=[TableColumn.model_validate(dataclasses.asdict(column)) for column in table.columns],
                notes=list(table.notes),
            )
            for table in found
        ]

    def query_table(self, document_id: int, sql: str) -> TableResult:
        """One SELECT over the tables of a document."""
        self.tables(document_id)
        result = self.parts.library.tables.run(self.parts.library.document(document_id), sql)
        return TableResult(
            document=result.document.name,
            document_digest=result.document.digest,
            sql=result.sql,
            columns=list(result.columns),
            rows=[list(row) for row in result.rows],
            more=result.more,
            cells=result.cells,
            rows_used=len(result.used),
            rows_sha256=result.rows_digest,
        )

    def _number(self, collection: str) -> int | None:
        """Of the collection of this name; none where none is named."""
        return self.parts.library.collections.find(collection).id if collection else None

    def _embedder_must_be_there(self) -> None:
        problem = self.parts.embedder_problem()
        if problem:
            raise BackendUnavailableError(problem, hint="Run: wherefrom models fetch --default")


def _job(job: Job) -> IngestJob:
    return IngestJob.model_validate(dataclasses.asdict(job))


def _span(start: int | None, end: int | None, length: int) -> tuple[int | None, int | None]:
    """The span within the page; none where it is empty or lies outside."""
    if start is None or end is None:
        return None, None
    first, last = max(0, min(start, length)), max(0, min(end, length))
    return (first, last) if first < last else (None, None)
