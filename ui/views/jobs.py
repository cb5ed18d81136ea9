"""Ingest jobs as they run: a bar, what became of every file with the reason and a hint, and a stop button.

The jobs live in the engine; a session only remembers which ones it saw, so that a finished one stays in view.
"""

from __future__ import annotations

import streamlit as st

from provenance.errors import AppError, NotFoundError
from ui.api import FileResult, IngestJob
from ui.views.page_services import PageServices
from ui.views.words import count, esc, plain, say_error, seconds

__all__ = ["draw_jobs", "file_rows_html", "is_active", "job_title", "remember_job"]

POLL_S = 0.5
MOST_ROWS = 200
_SEEN = "jobs.seen"
_ICONS = {
    "waiting": ("wf-mute", "·"),
    "reading": ("wf-warn", "…"),
    "embedding": ("wf-warn", "…"),
    "added": ("wf-good", "✓"),
    "changed": ("wf-good", "✓"),
    "unchanged": ("wf-mute", "="),
    "failed": ("wf-bad", "✕"),
    "stopped": ("wf-mute", "■"),
}
_ORDER = {"failed": 0, "reading": 1, "embedding": 1, "waiting": 2, "stopped": 3}


def is_active(job: IngestJob) -> bool:
    """Whether the job will still change."""
    return job.state in ("waiting", "running")


def remember_job(job: IngestJob) -> None:
    """Keep a job in this session's view until it is put away."""
    _seen()[job.id] = job


def draw_jobs(services: PageServices, *, finished: bool = True) -> bool:
    """Running jobs of anyone, and finished ones of this session unless they are not wanted.

    While one runs, this part draws itself again, and the whole page once it has ended. Returns whether one runs.
    """
    for job in services.engine.jobs():
        if is_active(job) or job.id in _seen():
            _seen()[job.id] = job
    jobs = list(_seen().values())
    if any(is_active(job) for job in jobs):
        _follow(services)
        return True
    for job in jobs if finished else []:
        _draw(services, job)
    return False


def _seen() -> dict[str, IngestJob]:
    jobs: dict[str, IngestJob] = st.session_state.setdefault(_SEEN, {})
    return jobs


@st.fragment(run_every=POLL_S)
def _follow(services: PageServices) -> None:
    for id_, before in list(_seen().items()):
        if not is_active(before):
            continue
        try:
            _seen()[id_] = services.engine.job(id_)
        except NotFoundError:
            del _seen()[id_]
        except AppError as exc:
            say_error(exc)
            return
    if not any(is_active(job) for job in _seen().values()):
        st.rerun()
    for job in list(_seen().values()):
        _draw(services, job)


def job_title(job: IngestJob) -> str:
    """What the job did or does, in a few words."""
    if is_active(job):
        return f"Reading {count(job.files_total, 'file')}" if job.files_total else "Looking for files"
    tally: dict[str, int] = {}
    for file in job.files:
        tally[file.status] = tally.get(file.status, 0) + 1
    said = ", ".join(
        f"{tally[status]} {status}"
        for status in ("added", "changed", "unchanged", "failed", "stopped")
        if status in tally
    )
    ended = {"stopped": "Stopped", "failed": "Failed"}.get(job.state, "Read")
    return f"{ended}: {said}" if said else f"{ended}: no files"


def _draw(services: PageServices, job: IngestJob) -> None:
    with st.container(border=True, key=f"job-{job.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            took = f" · {seconds(job.seconds)}" if job.seconds >= 1 else ""
            st.html(f'<div><b>{esc(job_title(job))}</b><span class="wf-mute">{esc(took)}</span></div>')
            if is_active(job):
                st.button(
                    "Stop",
                    key=f"job.stop.{job.id}",
                    icon=":material/stop_circle:",
                    on_click=_stop,
                    args=(services, job.id),
                )
            elif st.button(
                "Put away",
                key=f"job.away.{job.id}",
                type="tertiary",
                icon=":material/close:",
                on_click=_put_away,
                args=(job.id,),
            ):
                st.rerun()
        if is_active(job):
            st.progress(_share(job), text=plain(_progress_line(job)))
        st.html(file_rows_html(job.files))


def _share(job: IngestJob) -> float:
    if not job.files_total:
        return 0.0
    inside = job.passages_done / job.passages_total if job.passages_total else 0.0
    return min(
        1.0, max(job.files_done / job.files_total, min(inside, 0.99) * min(1.0, (job.files_done + 1) / job.files_total))
    )


def _progress_line(job: IngestJob) -> str:
    line = f"{job.files_done} of {count(job.files_total, 'file')}"
    if job.pages_done:
        line += f", {count(job.pages_done, 'page')} read"
    if job.passages_total:
        line += f", {job.passages_done:,} of {count(job.passages_total, 'passage')} indexed"
    return line


def file_rows_html(files: list[FileResult]) -> str:
    """One line a file, those that failed first; with more than 200 files, the first 200 and how many more."""
    ordered = sorted(files, key=lambda file: _ORDER.get(file.status, 4))
    rows = "".join(_file_row(file) for file in ordered[:MOST_ROWS])
    more = len(ordered) - MOST_ROWS
    if more > 0:
        rows += f'<div class="wf-row"><span class="main wf-mute">and {count(more, "more file")}</span></div>'
    return f'<div class="wf-rows" role="list">{rows}</div>' if rows else '<div class="wf-note">No file yet.</div>'


def _file_row(file: FileResult) -> str:
    colour, icon = _ICONS[file.status]
    below = [text for text in (file.reason, file.hint) if text] if file.status == "failed" else list(file.warnings)
    sub = "".join(f'<span class="sub">{esc(text)}</span>' for text in below)
    made = [count(file.pages, "page")] if file.pages else []
    made += [count(file.passages, "passage")] if file.passages else []
    side = ", ".join(made) if file.status in ("added", "changed", "unchanged") and made else file.status
    folder, _, name = file.path.rpartition("/")
    where = f' <span class="wf-note">{esc(folder)}</span>' if folder else ""
    return (
        f'<div class="wf-row" role="listitem" data-status="{esc(file.status)}">'
        f'<span class="icon {colour}" aria-hidden="true">{icon}</span>'
        f'<span class="main">{esc(name or file.path)}{where}{sub}</span>'
        f'<span class="side" title="{esc(file.status)}">{esc(side)}</span></div>'
    )


def _stop(services: PageServices, job: str) -> None:
    try:
        services.engine.stop_job(job)
    except AppError as exc:
        st.toast(plain(str(exc)), icon=":material/error:")


def _put_away(job: str) -> None:
    _seen().pop(job, None)
