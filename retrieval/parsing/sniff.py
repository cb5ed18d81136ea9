"""What a file is: by its content first, by its extension second."""

from __future__ import annotations

import re
import zipfile

from provenance.errors import DocumentError
from retrieval.parsing.encoding import looks_like_text
from retrieval.parsing.limits import open_zip
from retrieval.parsing.source import Source

__all__ = ["CODE_LANGUAGES", "SUFFIXES", "sniff"]

# Source code: extension -> the language, which is the document's kind.
CODE_LANGUAGES = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript",
    "jsx": "javascript", "ts": "typescript", "tsx": "typescript", "java": "java", "kt": "kotlin", "scala": "scala",
    "c": "c", "h": "c", "cpp": "cpp", "cc": "cpp", "cxx": "cpp", "hpp": "cpp", "hh": "cpp", "cs": "csharp",
    "go": "go", "rs": "rust", "rb": "ruby", "php": "php", "swift": "swift", "m": "objective-c", "lua": "lua",
    "pl": "perl", "r": "r", "jl": "julia", "sh": "shell", "bash": "shell", "zsh": "shell", "ps1": "powershell",
    "bat": "batch", "sql": "sql", "css": "css", "scss": "css", "yaml": "yaml", "yml": "yaml", "toml": "toml",
    "ini": "ini", "cfg": "ini", "tex": "tex", "f90": "fortran", "hs": "haskell", "ex": "elixir", "erl": "erlang",
    "clj": "clojure", "dart": "dart", "vue": "javascript", "proto": "protobuf",
}  # fmt: skip

# Text formats that only the extension tells apart, and the extensions that each binary format may have.
_TEXT_SUFFIXES = {
    "md": "md", "markdown": "md", "csv": "csv", "tsv": "tsv", "tab": "tsv", "json": "json", "jsonl": "jsonl",
    "ndjson": "jsonl", "geojson": "json", "xml": "xml", "nxml": "xml", "svg": "xml", "html": "html", "htm": "html",
    "xhtml": "html", "eml": "eml", "txt": "text", "text": "text", "log": "text", "rst": "text", "srt": "text",
    **CODE_LANGUAGES,
}  # fmt: skip
_BINARY_SUFFIXES = {
    "pdf": "pdf", "docx": "docx", "docm": "docx", "dotx": "docx", "dotm": "docx", "pptx": "pptx", "pptm": "pptx",
    "ppsx": "pptx", "potx": "pptx", "xlsx": "xlsx", "xlsm": "xlsx", "xltx": "xlsx", "xltm": "xlsx", "odt": "odt",
    "ott": "odt", "ods": "ods", "odp": "odp", "odg": "odp", "epub": "epub", "doc": "doc", "dot": "doc", "xls": "xls",
    "xlt": "xls", "ppt": "ppt", "pps": "ppt", "msg": "msg", "rtf": "rtf", "png": "png", "jpg": "jpeg",
    "jpeg": "jpeg", "tif": "tiff", "tiff": "tiff", "webp": "webp", "bmp": "bmp", "gif": "gif",
}  # fmt: skip
SUFFIXES = {**_TEXT_SUFFIXES, **_BINARY_SUFFIXES}  # every extension that is read, and its kind

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_ARCHIVES = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x04\x22\x4d\x18", "an lz4 archive"),
    (b"MSCF", "a cabinet archive"),
)
_PROGRAMS = (b"\x7fELF", b"MZ", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\0asm")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIL = re.compile(
    rb"\A(?:[!-9;-~]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2,}", re.IGNORECASE
)  # at least two header lines
_MAIL_NAMES = re.compile(rb"^(?:from|to|received|mime-version|message-id|return-path|subject|date):", re.I | re.M)
_HTML = re.compile(rb"\A\s*+(?:(?><!--.*?-->)\s*+)*+(?:<!doctype\s+html|<html[\s>])", re.I | re.S)
_UNPACK = "Unpack it and add the files that are in it."


def sniff(source: Source) -> str:
    """The kind of a file; warns when its extension says something else.

    Raises:
        DocumentError: An archive, a program, encrypted, damaged beyond recognition, or nothing that is known.
    """
    head = source.head(65536)
    kind = _binary_kind(source, head) or _text_kind(source, head)
    promised = SUFFIXES.get(source.suffix)
    if promised is not None and promised != kind and _matters(promised, kind):
        source.warn(f"The file is named .{source.suffix} but its content is {kind.upper()}; it was read as that.")
    return kind


def _matters(promised: str, kind: str) -> bool:
    """Whether a person should hear that the extension is wrong (not for one text format read as plain text)."""
    return promised in _BINARY_SUFFIXES.values() or kind in _BINARY_SUFFIXES.values() or kind == "html"


def _binary_kind(source: Source, head: bytes) -> str:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip_kind(source)
    if head.startswith(_OLE):
        return _ole_kind(source)
    if head.lstrip()[:5] == b"{\\rtf":
        return "rtf"
    for magic, kind in _PICTURES:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "bmp"
    for magic, what in _ARCHIVES:
        if head.startswith(magic):
            raise DocumentError(f"This is {what}, not a document.", hint=_UNPACK)
    if head[257:262] == b"ustar":
        raise DocumentError("This is a tar archive, not a document.", hint=_UNPACK)
    if head.startswith(_PROGRAMS) and not looks_like_text(head):
        raise DocumentError("This is a program, not a document.", hint="Add documents, pictures or source code.")
    if not looks_like_text(head):
        raise _unknown(source)
    return ""


def _unknown(source: Source) -> DocumentError:
    if source.suffix in _BINARY_SUFFIXES:
        return DocumentError(
            f"The file is damaged: it is named .{source.suffix} but does not look like one.",
            hint="Get a fresh copy or save it again.",
        )
    return DocumentError("This is a binary file of an unknown kind.", hint="Save it as PDF, DOCX or text and add that.")


def _zip_kind(source: Source) -> str:
    with source.open() as stream:
        try:
            archive = open_zip(stream)
        except DocumentError:
            if source.suffix in {"zip", ""}:
                raise DocumentError("This is a damaged zip archive, not a document.", hint=_UNPACK) from None
            raise
        with archive:
            names = set(archive.namelist())
            kind = _office_kind(names) or _mimetype_kind(archive, names)
    if kind == "xlsb":
        raise DocumentError("Binary workbooks (.xlsb) are not read.", hint="Save it as .xlsx and add that.")
    if not kind:
        raise DocumentError("This is a zip archive, not a document.", hint=_UNPACK)
    return kind


def _office_kind(names: set[str]) -> str:
    if "[Content_Types].xml" not in names and "_rels/.rels" not in names:
        return ""
    if "xl/workbook.bin" in names:
        return "xlsb"
    for folder, kind in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if any(name.startswith(folder) for name in names):
            return kind
    return ""


def _mimetype_kind(archive: zipfile.ZipFile, names: set[str]) -> str:
    mimetype = b""
    if "mimetype" in names and archive.getinfo("mimetype").file_size < 200:
        mimetype = archive.read("mimetype").strip()
    if mimetype == b"application/epub+zip" or "META-INF/container.xml" in names:
        return "epub"
    for word, kind in ((b".text", "odt"), (b".spreadsheet", "ods"), (b".presentation", "odp"), (b".graphics", "odp")):
        if mimetype.startswith(b"application/vnd.oasis.opendocument" + word):
            return kind
    return "odt" if {"content.xml", "META-INF/manifest.xml"} <= names else ""


def _ole_kind(source: Source) -> str:
    import olefile

    with source.open() as stream:
        try:
            with olefile.OleFileIO(stream) as ole:
                tops = {entry[0] for entry in ole.listdir(streams=True, storages=True)}
        except (OSError, ValueError, IndexError, KeyError) as exc:
            raise DocumentError("The file is damaged: its container cannot be read.", hint="Save it again.") from exc
    if tops & {"EncryptedPackage", "EncryptionInfo"}:
        raise DocumentError(
            "The file is encrypted with a password.", hint="Open it, save a copy without a password, and add that."
        )
    for stream_name, kind in (
        ("WordDocument", "doc"),
        ("Workbook", "xls"),
        ("Book", "xls"),
        ("PowerPoint Document", "ppt"),
        ("__properties_version1.0", "msg"),
    ):
        if stream_name in tops:
            return kind
    raise DocumentError(
        "This is an Office container of an unknown kind.", hint="Save it as PDF or in a current format and add that."
    )


def _text_kind(source: Source, head: bytes) -> str:
    promised = _TEXT_SUFFIXES.get(source.suffix)
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if promised in {None, "text", "xml", "html"}:
        if _HTML.match(start) or (start.startswith(b"<?xml") and re.search(rb"<html[\s>]", start[:2000])):
            return "html"
        if start.startswith(b"<?xml") or (promised is None and start.startswith(b"<!DOCTYPE")):
            return "xml"
    if promised is None and _MAIL.match(start) and len(_MAIL_NAMES.findall(start[:4000])) >= 2:
        return "eml"
    if promised is None and source.suffix in _BINARY_SUFFIXES and source.suffix != "rtf" and len(head) < 65536:
        source.warn(f"The file is named .{source.suffix} but holds plain text.")
    return promised or "text"
