"""A report as a Word document, by python-docx: plain paragraphs and tables that any word processor opens."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

from provenance.reports.report import LABEL, Report

__all__ = ["report_docx"]

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # what XML cannot hold


def report_docx(report: Report) -> bytes:
    """The file. Same report, same text; python-docx stamps no time of its own because we set it."""
    from docx import Document
    from docx.shared import Pt

    document = Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = _clean(report.title), "Wherefrom", LABEL
    properties.identifier = report.run
    properties.created = properties.modified = _moment(report.at)
    document.add_heading(_clean(report.title), level=1)
    document.add_paragraph(LABEL, style="Intense Quote")
    if report.question:
        document.add_heading("Question", level=2)
        document.add_paragraph(_clean(report.question))
    document.add_heading("Refusal" if report.refused else "Answer", level=2)
    document.add_paragraph(_clean(report.answer or "(erased)"))
    if report.sources:
        document.add_heading("Sources", level=2)
    for source in report.sources:
        line = document.add_paragraph()
        line.add_run(f"[{source.n}] ").bold = True
        line.add_run(_clean(", ".join(part for part in (source.document, source.place) if part)))
        if source.quote:
            document.add_paragraph(_clean(source.quote), style="Quote")
        if source.digest:
            document.add_paragraph().add_run(f"SHA-256 {source.digest}").font.size = Pt(8)
    document.add_heading("Origin", level=2)
    table = document.add_table(rows=0, cols=2)
    for name, value in (("Record", report.run), ("Recorded", report.at), *report.facts):
        cells = table.add_row().cells
        cells[0].text, cells[1].text = _clean(name), _clean(value)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _clean(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def _moment(at: str) -> datetime:
    try:
        return datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return datetime(2026, 1, 1)  # only a damaged record comes here
