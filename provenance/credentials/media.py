"""What a file is, by its bytes: names and declared types lie. Looks at headers only, so size costs nothing."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from provenance.errors import CredentialError

__all__ = ["BROKEN_ZIP", "DOCX", "MOST_PIXELS", "SIGNABLE", "Picture", "inspect_picture", "media_type", "stored_zip"]

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
BROKEN_ZIP = "application/zip"  # it begins as an archive, but its directory cannot be read
SIGNABLE = frozenset({"image/png", "image/jpeg", "image/webp", "image/svg+xml", "application/pdf", DOCX})
HEAD = 4096
MOST_PIXELS = 128_000_000
MOST_UNPACKED = 256 * 1024 * 1024
MOST_MEMBERS = 10_000
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/avi"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyphei", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
)
_OFFICE = {"word/": DOCX, "xl/": DOCX.replace("wordprocessingml.document", "spreadsheetml.sheet")}
_OFFICE["ppt/"] = DOCX.replace("wordprocessingml.document", "presentationml.presentation")


def media_type(stream: BinaryIO) -> str | None:
    """The media type, or None for what carries no credentials (plain text, unknown). Leaves the stream at its start."""
    stream.seek(0)
    head = stream.read(HEAD)
    stream.seek(0)
    for offset, magic, mime in _MAGIC:
        if head.startswith(magic, offset) and (offset != 8 or head.startswith(b"RIFF")):
            return mime
    if head.startswith(b"PK\x03\x04"):
        return _zip_type(stream)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return (
        "image/svg+xml" if text.startswith((b"<?xml", b"<svg", b"<!--", b"<!doctype svg")) and b"<svg" in text else None
    )


def _zip_type(stream: BinaryIO) -> str | None:
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()[:MOST_MEMBERS]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error):
        return BROKEN_ZIP
    finally:
        stream.seek(0)
    office = (mime for folder, mime in _OFFICE.items() if any(name.startswith(folder) for name in names))
    if "mimetype" in names:  # OpenDocument and EPUB say it themselves, but the library reads both as a zip
        return "application/x-zip"
    return next(office, "application/x-zip")


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """What a picture's header says. `problem` is one sentence where it cannot be looked at further."""

    width: int
    height: int
    mode: str
    animated: bool
    problem: str = ""


def inspect_picture(data: bytes) -> Picture:
    """Size, colour mode and frames, without decoding a pixel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have a limit of our own
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                mode, animated = image.mode, bool(getattr(image, "is_animated", False))
    except Image.DecompressionBombError:
        return _no_picture("The picture is too large to look into.")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, struct.error):
        return _no_picture("The picture is damaged or cut off.")
    problem = ""
    if width * height > MOST_PIXELS:
        problem = f"The picture has {width * height / 1e6:.0f} megapixels; marks are looked for up to 128."
    return Picture(width=width, height=height, mode=mode, animated=animated, problem=problem)


def _no_picture(problem: str) -> Picture:
    return Picture(width=0, height=0, mode="", animated=False, problem=problem)


def stored_zip(data: bytes) -> bytes:
    """The same archive with its members uncompressed: the only form in which credentials can be put into one.

    Raises:
        CredentialError: If it is damaged, unpacks to more than 256 MiB, or lies about a member's size.
    """
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as stored:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_UNPACKED:
                raise CredentialError("The document unpacks to more than 256 MiB and was not signed.")
            for member in members:
                stored.writestr(zipfile.ZipInfo(member.filename, member.date_time), _member(archive, member))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, EOFError) as exc:
        raise CredentialError("The document is damaged and was not signed.", hint="Export it again.") from exc
    return out.getvalue()


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)  # zipfile checks size and checksum at the member's end
    if len(content) != member.file_size:
        raise zipfile.BadZipFile("a member is not of the size that it claims")
    return content
