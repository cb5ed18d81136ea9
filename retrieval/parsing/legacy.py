"""Old binary Office files: Word (DOC), PowerPoint (PPT), Outlook (MSG), read by the package sharepoint-to-text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.headings import plain_headings
from retrieval.parsing.cleaning import clean, one_line
from retrieval.parsing.source import Source
from retrieval.parsing.writer import PageWriter, flow_pages

__all__ = ["parse"]


def parse(source: Source) -> Iterator[Page]:
    """DOC and MSG: flowing text; PPT: a page a slide. A message's attachments follow as pages of their own."""
    import sharepoint2text as legacy

    try:
        found = list(legacy.read_bytes(source.read(), extension=f".{source.kind}"))
    except legacy.ExtractionFileEncryptedError as exc:
        raise DocumentError(
            "The file is encrypted with a password.", hint="Open it, save a copy without a password, and add that."
        ) from exc
    except legacy.ExtractionError as exc:
        raise DocumentError(
            "The file is damaged or of a form that cannot be read.", hint="Save it in a current format and add that."
        ) from exc
    if not found:
        return
    document = found[0]
    source.title = one_line(document.metadata.title or "")[:200]
    source.note("author", document.metadata.author)
    source.note("created", (document.metadata.created or "")[:10])
    if source.kind == "ppt":
        source.title = "" if source.title == "PowerPoint Presentation" else source.title
        yield from _slides(document)
    elif source.kind == "msg":
        yield from _message(source, document)
    else:
        text = clean(document.full_text)
        yield from flow_pages(text, plain_headings(text))


def _slides(document: Any) -> Iterator[Page]:
    """The first line of a slide is its title."""
    for number, unit in enumerate(document.units, start=1):
        writer = PageWriter()
        title = one_line(getattr(unit, "title", None) or "")
        lines = clean(unit.text).split("\n")
        if title and title not in map(one_line, lines):
            writer.heading(title, 1)
        elif len(lines) > 1 and len(lines[0]) <= 120:
            writer.heading(lines.pop(0), 1)
        for line in lines:
            writer.line(line)
        yield writer.page(number, f"slide {number}")


def _message(source: Source, document: Any) -> Iterator[Page]:
    from retrieval.parsing.mail import attachment_pages, write_headers

    names = _names(source)
    writer = PageWriter()
    write_headers(
        writer,
        {
            "Subject": document.metadata.title,
            "From": names.get("0C1A") or document.metadata.author,
            "To": names.get("0E04"),
            "Cc": names.get("0E03"),
            "Date": document.metadata.created,
        },
    )
    writer.paragraph(clean(document.full_text))
    pages = list(flow_pages(writer.text, writer.headings))
    yield from pages
    files = [(one_line(found.filename or "attachment"), found.data or b"") for found in document.attachments]
    yield from attachment_pages(source, files, first=len(pages) + 1)


def _names(source: Source) -> dict[str, str]:
    """Sender (0C1A), recipients (0E04) and copies (0E03) as Outlook shows them, by MAPI property number."""
    import olefile

    found: dict[str, str] = {}
    with source.open() as stream, olefile.OleFileIO(stream) as ole:
        for number in ("0C1A", "0E04", "0E03"):
            for suffix, codec in (("001F", "utf-16-le"), ("001E", "cp1252")):
                name = f"__substg1.0_{number}{suffix}"
                if ole.exists(name):
                    text = one_line(ole.openstream(name).read(10_000).decode(codec, "replace"))
                    if text:
                        found.setdefault(number, text)
    return found
