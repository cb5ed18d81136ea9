"""Ingest jobs and their files in the database: what was asked for is known after a kill.

Only what is final is written per file (added, changed, unchanged, failed, stopped), in the transaction that makes it
so. A file that was being read when the process died is therefore "waiting" again, and its job is taken up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from retrieval.store import utc_now
from retrieval.tables import job_files, jobs
from retrieval.walk import Found, safe_name

__all__ = ["FINAL", "FileTask", "Job", "JobFile", "JobState", "JobTable", "Status"]

Status = Literal["waiting", "reading", "embedding", "added", "changed", "unchanged", "failed", "stopped"]
JobState = Literal["waiting", "running", "done", "stopped", "failed"]
FINAL = frozenset({"added", "changed", "unchanged", "failed", "stopped"})

_KEPT = 100  # finished jobs; older ones are forgotten (the ledger remembers them)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFile:
    """What became of one file."""

    path: str  # safe to show
    status: Status
    reason: str = ""  # one sentence
    hint: str = ""
    document_id: int | None = None
    pages: int = 0
    passages: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A waiting, running or finished ingest; its fields are those of `ui.api.IngestJob`."""

    id: str
    run: str
    state: JobState
    files_total: int
    files_done: int
    pages_done: int = 0
    passages_done: int = 0
    passages_total: int = 0
    seconds: float = 0.0
    files: list[JobFile] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class FileTask:
    """A file that is still to be read: a path, or the original of an upload."""

    n: int
    path: Path | None
    name: str
    digest: str  # of an upload

    @property
    def origin(self) -> str:
        """What a newer version of this file has in common with it."""
        return f"upload:{self.name}" if self.path is None else f"path:{safe_name(self.path)}"


class JobTable:
    """Jobs and their files; every call runs in the caller's transaction."""

    def create(
        self,
        conn: Connection,
        job: str,
        run: str,
        *,
        roots: Sequence[Path],
        uploads: Sequence[tuple[str, str]],
        collection: int | None = None,
    ) -> None:
        """Queue a job. `uploads` are (name, digest) of originals that are stored already."""
        named = json.dumps([os.fsencode(root).hex() for root in roots])
        conn.execute(
            insert(jobs).values(
                id=job,
                run=run,
                state="waiting",
                created_at=utc_now(),
                seconds=0.0,
                roots=named,
                walked=not roots,
                stop=False,
                collection=collection,
            )
        )
        self._insert(conn, job, [{"path": None, "name": name, "digest": digest} for name, digest in uploads])

    def add_found(self, conn: Connection, job: str, found: Sequence[Found]) -> None:
        """What the job's paths mean: its files, and what could not be followed."""
        rows = []
        for one in found:
            row: dict[str, Any] = {"path": os.fsencode(one.path), "name": safe_name(one.path), "digest": ""}
            if one.problem:
                row |= {"status": "failed", "reason": one.problem, "hint": one.hint}
            rows.append(row)
        self._insert(conn, job, rows)
        conn.execute(update(jobs).where(jobs.c.id == job).values(walked=True))

    def next(self, conn: Connection, *, skip: Sequence[str] = ()) -> Row[Any] | None:
        """The oldest job that is not finished."""
        query = select(jobs).where(jobs.c.state.in_(("waiting", "running")), jobs.c.id.not_in(skip))
        return conn.execute(query.order_by(jobs.c.id).limit(1)).one_or_none()

    def roots(self, row: Row[Any]) -> list[Path]:
        """The paths a person named."""
        return [Path(os.fsdecode(bytes.fromhex(one))) for one in json.loads(row.roots)]

    def begin(self, conn: Connection, job: str) -> bool:
        """Note that somebody works on a job; False if it is finished already."""
        open_ = jobs.c.state.in_(("waiting", "running"))
        return conn.execute(update(jobs).where(jobs.c.id == job, open_).values(state="running")).rowcount > 0

    def finish(self, conn: Connection, job: str, state: JobState, *, seconds: float) -> None:
        """`seconds` are added to those of earlier tries."""
        conn.execute(update(jobs).where(jobs.c.id == job).values(state=state, seconds=jobs.c.seconds + seconds))

    def request_stop(self, conn: Connection, job: str) -> None:
        """Stop a job that waits; ask whoever works on it to stop if it runs."""
        conn.execute(update(jobs).where(jobs.c.id == job).values(stop=True))
        waiting = update(jobs).where(jobs.c.id == job, jobs.c.state == "waiting").values(state="stopped")
        if conn.execute(waiting).rowcount:
            self.settle_rest(conn, job)

    def stop_requested(self, conn: Connection, job: str) -> bool:
        """Whether somebody, in whatever process, asked to stop it."""
        return bool(conn.execute(select(jobs.c.stop).where(jobs.c.id == job)).scalar())

    def tasks(self, conn: Connection, job: str) -> list[FileTask]:
        """Its files that are not final, in order."""
        query = select(job_files).where(job_files.c.job == job, job_files.c.status.not_in(FINAL))
        return [
            FileTask(
                n=row.n,
                path=None if row.path is None else Path(os.fsdecode(row.path)),
                name=row.name,
                digest=row.digest,
            )
            for row in conn.execute(query.order_by(job_files.c.n))
        ]

    def settle(self, conn: Connection, job: str, n: int, outcome: JobFile) -> None:
        """A file's final status."""
        conn.execute(
            update(job_files)
            .where(job_files.c.job == job, job_files.c.n == n)
            .values(
                status=outcome.status,
                reason=outcome.reason,
                hint=outcome.hint,
                document=outcome.document_id,
                pages=outcome.pages,
                passages=outcome.passages,
                warnings=json.dumps(outcome.warnings),
            )
        )

    def settle_rest(self, conn: Connection, job: str, *, reason: str = "", hint: str = "") -> None:
        """Every file that is not final becomes "stopped"."""
        rest = (job_files.c.job == job, job_files.c.status.not_in(FINAL))
        conn.execute(update(job_files).where(*rest).values(status="stopped", reason=reason, hint=hint))

    def job(self, conn: Connection, job: str) -> Job | None:
        """A job with its files, as the database knows it."""
        row = conn.execute(select(jobs).where(jobs.c.id == job)).one_or_none()
        if row is None:
            return None
        query = select(job_files).where(job_files.c.job == job).order_by(job_files.c.n)
        return _job(row, [_file(one) for one in conn.execute(query)])

    def jobs(self, conn: Connection, limit: int) -> list[Job]:
        """The newest jobs, newest first."""
        ids = list(conn.execute(select(jobs.c.id).order_by(jobs.c.id.desc()).limit(limit)).scalars())
        found = (self.job(conn, id_) for id_ in ids)
        return [job for job in found if job is not None]

    def statuses(self, conn: Connection, job: str) -> dict[str, int]:
        """How many of its files have which status."""
        query = select(job_files.c.status, func.count()).where(job_files.c.job == job).group_by(job_files.c.status)
        return {row[0]: row[1] for row in conn.execute(query)}

    def prune(self, conn: Connection) -> None:
        """Forget all but the newest finished jobs."""
        finished = select(jobs.c.id).where(jobs.c.state.not_in(("waiting", "running")))
        old = list(conn.execute(finished.order_by(jobs.c.id.desc()).offset(_KEPT)).scalars())
        for id_ in old:
            conn.execute(delete(job_files).where(job_files.c.job == id_))
            conn.execute(delete(jobs).where(jobs.c.id == id_))

    def _insert(self, conn: Connection, job: str, rows: Sequence[dict[str, Any]]) -> None:
        blank = {"status": "waiting", "reason": "", "hint": "", "pages": 0, "passages": 0, "warnings": "[]"}
        if rows:
            conn.execute(insert(job_files), [{"job": job, "n": n, **blank, **row} for n, row in enumerate(rows)])


def _file(row: Row[Any]) -> JobFile:
    return JobFile(
        path=row.name,
        status=row.status,
        reason=row.reason,
        hint=row.hint,
        document_id=row.document,
        pages=row.pages,
        passages=row.passages,
        warnings=json.loads(row.warnings),
    )


def _job(row: Row[Any], files: list[JobFile]) -> Job:
    return Job(
        id=row.id,
        run=row.run,
        state=row.state,
        files_total=len(files),
        files_done=sum(file.status in FINAL for file in files),
        pages_done=sum(file.pages for file in files),
        passages_done=sum(file.passages for file in files),
        passages_total=sum(file.passages for file in files),
        seconds=row.seconds,
        files=files,
    )
