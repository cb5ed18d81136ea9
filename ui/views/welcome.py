"""What a fresh conversation shows: how to begin when the library is empty, else three questions to try."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

import ui
from provenance.errors import AppError
from ui.api import DocumentRow
from ui.views.jobs import draw_jobs, remember_job
from ui.views.page_services import PageServices
from ui.views.parts import hero_html
from ui.views.words import count, plain, say_error, shorten

__all__ = ["draw_welcome", "examples", "sample_files"]

_SAMPLES = Path(ui.__file__).resolve().parent / "samples"
_QUESTIONS = "questions.json"


def draw_welcome(services: PageServices) -> str | None:
    """The empty state. Returns a question if one was pressed."""
    documents = services.engine.documents()
    if documents:
        told = f"{count(len(documents), 'document')} in the library. Every answer names the passage it came from."
    else:
        told = "Your library is empty. Add documents, then ask: every answer names the passage it came from."
    st.html(hero_html("Ask your documents", told))
    if not documents:
        _first_steps(services)
    if draw_jobs(services, finished=False) or not documents:
        return None
    for n, question in enumerate(examples(documents)):
        if st.button(plain(question), key=f"example-{n}", icon=":material/chat_bubble_outline:", width="stretch"):
            return question
    return None


def _first_steps(services: PageServices) -> None:
    with st.container(horizontal=True, horizontal_alignment="center"):
        if st.button("Add documents", key="welcome.add", type="primary", icon=":material/upload_file:"):
            services.go("library")
        samples = sample_files()
        if samples and st.button("Try the sample documents", key="welcome.samples", icon=":material/science:"):
            try:
                remember_job(services.engine.ingest(samples))
            except AppError as exc:
                say_error(exc)


def sample_files() -> list[str]:
    """The documents that come with Wherefrom, without the list of questions about them."""
    if not _SAMPLES.is_dir():
        return []
    return [str(file) for file in sorted(_SAMPLES.iterdir()) if file.is_file() and file.name != _QUESTIONS]


def examples(documents: list[DocumentRow]) -> list[str]:
    """Three questions: the samples' own where they were read, else made from the names of the newest documents."""
    names = {document.name for document in documents}
    file = _SAMPLES / _QUESTIONS
    if file.is_file():
        known = json.loads(file.read_text(encoding="utf-8"))
        if len(known) >= 3 and {entry["document"] for entry in known} - {""} <= names:
            return [str(entry["question"]) for entry in known[:3]]
    newest = sorted(documents, key=lambda document: document.added_at, reverse=True)
    titles = [shorten(document.title or document.name, 60) for document in newest]
    forms = ["What is “{}” about?", "Which amounts and dates does “{}” name?", "Who is named in “{}”, and for what?"]
    return [form.format(titles[n % len(titles)]) for n, form in enumerate(forms)]
