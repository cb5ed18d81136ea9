"""Small documents made on the spot, and the shared ones where they lie."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["PdfText", "make_pdf", "make_zip", "manifest", "picture_of_text"]

ROOT = Path(__file__).resolve().parent.parent.parent
PdfText = tuple[float, float, float, str]  # x, y, size, text: points from the lower left


def manifest(part: str) -> list[dict[str, Any]]:
    """The entries of the shared documents whose file lies in `part`; none where they are not there."""
    named = os.environ.get("WHEREFROM_EVAL")
    folder = (Path(named) if named else ROOT.parent / "shared" / "eval") / "docs"
    lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines() if folder.is_dir() else []
    entries = [json.loads(line) for line in lines]
    return [entry | {"path": folder / entry["file"]} for entry in entries if entry["file"].startswith(part + "/")]


def make_pdf(pages: Sequence[Sequence[PdfText]], *, outline: Sequence[tuple[str, int]] = (), rotate: int = 0) -> bytes:
    """A text PDF written by hand: Helvetica, A4-like pages of 600 x 800 points."""
    objects: list[bytes] = [
        b"",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    kids = []
    for page in pages:
        content = b"".join(
            f"BT /F1 {size} Tf {x} {y} Td (".encode() + _escaped(text) + b") Tj ET\n" for x, y, size, text in page
        )
        objects.append(b"<< /Length %d >>\nstream\n" % len(content) + content + b"endstream")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Rotate %d /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (rotate, len(objects))
        )
        kids.append(len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    catalog = b"<< /Type /Catalog /Pages 2 0 R"
    if outline:
        root = len(objects) + 1
        first = root + 1
        objects.append(b"<< /Type /Outlines /First %d 0 R /Last %d 0 R >>" % (first, first + len(outline) - 1))
        for position, (title, page_number) in enumerate(outline):
            near = b"/Next %d 0 R " % (first + position + 1) if position + 1 < len(outline) else b""
            near += b"/Prev %d 0 R " % (first + position - 1) if position else b""
            objects.append(
                b"<< /Title ("
                + _escaped(title)
                + b") /Parent %d 0 R %s/Dest [%d 0 R /Fit] >>" % (root, near, kids[page_number - 1])
            )
        catalog += b" /Outlines %d 0 R" % root
    objects[0] = catalog + b" >>"
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def _escaped(text: str) -> bytes:
    data = text.encode("cp1252")
    return data.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def make_zip(parts: Mapping[str, bytes | str]) -> bytes:
    """A zip of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def picture_of_text(lines: Sequence[str], *, size: tuple[int, int] = (1000, 600)) -> Any:
    """A white picture with these lines in black, large enough for OCR."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=36)
    for number, line in enumerate(lines):
        draw.text((60, 60 + 70 * number), line, fill="black", font=font)
    return picture
