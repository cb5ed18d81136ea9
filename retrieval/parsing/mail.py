"""Mail (EML): headers, body, and attachments read like any other file, within limits of depth and number."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from email.message import Message

from provenance.errors import DocumentError
from retrieval.document import Page
from retrieval.parsing.cleaning import one_line
from retrieval.parsing.encoding import decode
from retrieval.parsing.source import Source
from retrieval.parsing.web import parse_html
from retrieval.parsing.writer import PageWriter, flow_pages

__all__ = ["attachment_pages", "parse", "write_headers"]

_DEEPEST = 3  # a mail in a mail in a mail
_MOST_FILES = 50  # attachments of a mail, those of mails in it included
_MOST_PARTS = 1000
_ENCRYPTED = "The mail is encrypted."
_SHOWN = ("Subject", "From", "To", "Cc", "Date")


def parse(source: Source) -> Iterator[Page]:
    """The mail itself as the first page (cut where it is long), then the pages of its attachments."""
    message = email.message_from_bytes(source.read(), policy=email.policy.compat32)
    if not message.keys() or (not message.get_payload() and not message.get("Subject")):
        raise DocumentError("The mail is empty.", hint="Check that it was saved completely.")
    _refuse_encrypted(message)
    writer = PageWriter()
    headers = {name: _header(message, name) for name in _SHOWN}
    source.title = headers["Subject"][:200]
    source.note("author", headers["From"])
    source.note("date", headers["Date"])
    write_headers(writer, headers)
    before = len(writer)
    bodies, files = _parts(message)
    for kind, data in bodies:
        if kind == "text/html":
            parse_html(source, data, writer)
        else:
            writer.paragraph(decode(source, data) if data.strip() else "")
    if len(writer) == before and not files:
        source.warn("The mail has headers only.")
    pages = list(flow_pages(writer.text, writer.headings))
    yield from pages
    yield from attachment_pages(source, files, first=len(pages) + 1)


def write_headers(writer: PageWriter, headers: Mapping[str, str | None]) -> None:
    """`From: ...` lines; the subject is the heading."""
    if subject := one_line(headers.get("Subject") or ""):
        writer.heading(subject, 1)
    for name, value in headers.items():
        if name != "Subject" and value:
            writer.line(f"{name}: {one_line(value)}")
    writer.gap()


def attachment_pages(source: Source, files: Sequence[tuple[str, bytes]], *, first: int) -> Iterator[Page]:
    """Pages of attachments, numbered from `first`; one that cannot be read is named in a warning."""
    from retrieval.parsing import parse_source

    number = first
    for name, data in files:
        if source.depth >= _DEEPEST:
            source.warn(f"The attachment {name} lies too deep in other mails and was left out.")
            continue
        if source.root.files_seen >= _MOST_FILES:
            source.warn(f"There are more than {_MOST_FILES} attachments; the rest was left out.")
            return
        source.root.files_seen += 1
        inner = Source(name=name, options=source.options, data=data, depth=source.depth + 1, root=source.root)
        try:
            if not data.strip():
                raise DocumentError("it is empty")
            for page in parse_source(inner):
                label = f"attachment {name}" + (f", {page.label}" if page.label else "")
                yield replace(page, number=number, label=label)
                number += 1
        except DocumentError as exc:
            source.warn(f"The attachment {name} was left out: {str(exc).rstrip('.')}.")
        for warning in inner.warnings:
            source.warn(f"Attachment {name}: {warning}")


def _refuse_encrypted(message: Message) -> None:
    kind = message.get_content_type()
    secured = kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"}
    if kind == "multipart/encrypted" or (secured and message.get_param("smime-type") != "signed-data"):
        raise DocumentError(_ENCRYPTED, hint="Open it in your mail program and save it decrypted.")
    payload = message.get_payload() if not message.is_multipart() else ""
    if isinstance(payload, str) and payload.lstrip().startswith("-----BEGIN PGP MESSAGE-----"):
        raise DocumentError(_ENCRYPTED, hint="Open it in your mail program and save it decrypted.")


def _header(message: Message, name: str) -> str:
    """A header decoded, whatever its encoded words claim."""
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    raw = message.get(name)
    if raw is None:
        return ""
    try:
        text = str(make_header(decode_header(str(raw))))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        text = str(raw)
    return one_line(text)


def _parts(message: Message) -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """(bodies, attachments). Of alternatives the plain text is read, else the HTML."""
    bodies: list[tuple[str, bytes]] = []
    files: list[tuple[str, bytes]] = []
    queue: list[Message] = [message]
    seen = 0
    while queue and seen < _MOST_PARTS:
        part = queue.pop(0)
        seen += 1
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            for mail in (mail for mail in (inner if isinstance(inner, list) else []) if isinstance(mail, Message)):
                files.append((f"{_header(mail, 'Subject') or 'message'}.eml", mail.as_bytes()))
        elif part.is_multipart():
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            queue[:0] = [_best(children)] if kind == "multipart/alternative" and children else children
        elif (name := _file_name(part)) or not kind.startswith("text/"):
            if part.get_content_disposition() != "inline" or name:
                files.append((name or f"attachment.{part.get_content_subtype()[:10]}", _payload(part)))
        else:
            bodies.append((kind, _payload(part)))
    return bodies, files


def _best(children: list[Message]) -> Message:
    for wanted in ("text/plain", "multipart/", "text/html"):
        for child in children:
            if child.get_content_type().startswith(wanted) and (wanted != "text/plain" or _payload(child).strip()):
                return child
    return children[0]


def _file_name(part: Message) -> str:
    raw = part.get_filename()
    if not raw and part.get_content_disposition() == "attachment":
        return f"attachment.{'txt' if part.get_content_type() == 'text/plain' else part.get_content_subtype()[:10]}"
    return one_line(str(raw)).replace("/", "_").replace("\\", "_")[:150] if raw else ""


def _payload(part: Message) -> bytes:
    """The decoded bytes; text is brought to UTF-8 where its charset is known."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return b""
    charset = part.get_content_charset() or ""
    if part.get_content_maintype() == "text" and charset not in {"", "utf-8", "us-ascii"}:
        try:
            return data.decode(charset).encode("utf-8", "replace")
        except (LookupError, UnicodeError):  # a label that lies: the bytes are looked at instead
            return data
    return data
