"""A report as PDF, by reportlab. Fonts of this machine are embedded so that every script it has is drawn.

reportlab brings one font for Latin letters. Where this machine has DejaVu, Noto or Arial Unicode, those letters that it
lacks are taken from them, letter by letter; what no font holds is drawn as a box and the report says so. Scripts that
need shaping (Arabic, Devanagari) are drawn letter by letter: export HTML or DOCX for those.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from provenance.reports.report import LABEL, Report

if TYPE_CHECKING:
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Flowable

__all__ = ["report_pdf"]

_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/Library/Fonts",
    "/System/Library/Fonts/Supplemental",
    "C:/Windows/Fonts",
)
_WANTED = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "NotoSansCJK-Regular.ttf",
    "DroidSansFallbackFull.ttf",
)
_PLAIN = "wherefrom"
_BOX = "\u25a1"


@cache
def _fonts() -> list[tuple[str, frozenset[int]]]:
    """Names of registered fonts with the letters they hold, the first that has a letter draws it."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFError, TTFont

    found = []
    paths = [Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"]
    for folder in map(Path, _FOLDERS):
        if folder.is_dir():
            paths += [path for name in _WANTED for path in sorted(folder.rglob(name))]
    for number, path in enumerate(paths):
        try:
            font = TTFont(f"{_PLAIN}{number}", str(path))
        except (TTFError, OSError):  # a font of another kind: the next one serves
            continue
        pdfmetrics.registerFont(font)
        found.append((font.fontName, frozenset(font.face.charToGlyph)))
    return found


class _Text:
    """Text as reportlab's markup, each stretch in a font that holds its letters; counts what none holds."""

    def __init__(self) -> None:
        self.missing = 0

    def markup(self, text: str) -> str:
        fonts = _fonts()
        parts: list[str] = []
        current, stretch = fonts[0][0], ""
        for letter in text:
            if letter == "\n":
                stretch += letter
                continue
            font = next((name for name, letters in fonts if ord(letter) in letters), None)
            if font is None:
                self.missing += letter.isprintable() and not letter.isspace()
                letter, font = (
                    (" " if letter.isspace() else _BOX),
                    next((name for name, letters in fonts if ord(_BOX) in letters), fonts[0][0]),
                )
            if font != current:
                parts.append(_stretch(current, stretch))
                current, stretch = font, ""
            stretch += letter
        return "".join([*parts, _stretch(current, stretch)])


def _stretch(font: str, text: str) -> str:
    return f'<font name="{font}">{escape(text)}</font>'.replace("\n", "<br/>") if text else ""


def report_pdf(report: Report) -> bytes:
    """The file. The same report gives the same bytes on the same machine."""
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    out, text = io.BytesIO(), _Text()
    flow = _flow(report, text)
    document = SimpleDocTemplate(
        out,
        title=report.title,
        author="Wherefrom",
        subject=LABEL,
        keywords=f"record {report.run}",
        creator="Wherefrom",
        invariant=1,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=20 * mm,
        bottomMargin=20 * mm,
    )

    def foot(canvas: Any, page: Any) -> None:
        canvas.setFont(_fonts()[0][0], 7.5)
        canvas.drawString(22 * mm, 12 * mm, f"Wherefrom record {report.run}")
        canvas.drawRightString(188 * mm, 12 * mm, f"page {page.page}")

    document.build(flow, onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _flow(report: Report, text: _Text) -> list[Flowable]:
    from reportlab.platypus import Paragraph, Spacer

    styles = _styles()

    def lines(body: str, style: str) -> list[Flowable]:
        # A paragraph cannot be parted within a table or a box, so long texts become several.
        return [Paragraph(text.markup(part), styles[style]) for part in body.split("\n\n") if part.strip()]

    flow: list[Flowable] = [*lines(report.title, "title"), *lines(LABEL, "label")]
    if report.question:
        flow += [*lines("Question", "head"), *lines(report.question, "body")]
    flow += [*lines("Refusal" if report.refused else "Answer", "head"), *lines(report.answer or "(erased)", "body")]
    if report.sources:
        flow += lines("Sources", "head")
    for source in report.sources:
        where = ", ".join(part for part in (source.document, source.place) if part)
        flow += lines(f"[{source.n}] {where}", "body")
        flow += lines(source.quote, "quote")
        flow += lines(f"SHA-256 {source.digest}" if source.digest else "", "small")
    flow += lines("Origin", "head")
    for name, value in (("Record", report.run), ("Recorded", report.at), *report.facts):
        flow += lines(f"{name}: {value}", "small")
    if text.missing:
        said = (
            f"{text.missing} letters of this report are in no font of the machine that made it and are drawn as boxes."
        )
        flow += [Spacer(1, 6), *lines(said, "small")]
    return flow


def _styles() -> dict[str, ParagraphStyle]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    font = _fonts()[0][0]
    body = ParagraphStyle("body", fontName=font, fontSize=10.5, leading=15, spaceAfter=5)
    return {
        "body": body,
        "title": ParagraphStyle("title", parent=body, fontSize=16, leading=20, spaceAfter=8),
        "head": ParagraphStyle("head", parent=body, fontSize=11.5, spaceBefore=10, textColor=HexColor("#34658f")),
        "label": ParagraphStyle("label", parent=body, fontSize=8.5, leading=12, textColor=HexColor("#5a6572")),
        "quote": ParagraphStyle("quote", parent=body, fontSize=9.5, leading=13, leftIndent=14, rightIndent=14),
        "small": ParagraphStyle("small", parent=body, fontSize=8, leading=11, spaceAfter=2, splitLongWords=1),
    }
