"""One date for everything that is made, so that the same content is the same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

__all__ = ["MADE", "freeze"]

MADE = datetime(2025, 2, 17, 9, 0, 0)


def freeze(path: Path) -> None:
    """Write a zip-based document again with one fixed date, so that the same content is the same bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            if name == "docProps/core.xml":  # openpyxl writes the hour of saving whatever one asks for
                data = _fixed_dates(data)
            info = zipfile.ZipInfo(name, date_time=MADE.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    path.write_bytes(out.getvalue())


def _fixed_dates(core: bytes) -> bytes:
    made = MADE.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    return re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + made, core)
