"""Files that are broken, hostile, or not files at all: one clear sentence, nothing expanded, nothing fetched."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
import tracemalloc
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.errors import DocumentError
from retrieval.parsing import ParseOptions, check_file, parse
from tests.retrieval.documents import make_pdf, make_zip

OPTIONS = ParseOptions(ocr=False)
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = b"<Types/>"


def refused(path: Path, options: ParseOptions = OPTIONS) -> str:
    """The sentence with which a file is refused; it ends in a full stop and comes with a hint."""
    with pytest.raises(DocumentError) as caught:
        parse(path, path.name, options)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and caught.value.hint.endswith(".")
    return message


def write(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


# --- not files --------------------------------------------------------------------------------------------------------


def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "a pipe" in refused(tmp_path / "pipe.txt")
    assert "a folder" in refused(tmp_path)
    assert "a device" in refused(Path(os.devnull))
    assert "does not exist" in refused(tmp_path / "gone.pdf")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket.txt"))
    with server:
        assert "a socket" in refused(tmp_path / "socket.txt")


def test_a_symlink_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    write(tmp_path, "secret.txt", "secret")
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    write(folder, "inside.txt", "inside")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.txt").symlink_to("inside.txt")
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "deep" / "up.txt").symlink_to("../inside.txt")
    (folder / "away").symlink_to(tmp_path)
    assert "leads out" in refused(folder / "out.txt")
    assert parse(folder / "in.txt", "in.txt", OPTIONS).pages[0].text == "inside"
    refused(folder / "loop.txt")
    assert "leads out" in refused(folder / "deep" / "up.txt")
    assert parse(folder / "deep" / "up.txt", "up.txt", OPTIONS, root=folder).pages[0].text == "inside"
    with pytest.raises(DocumentError, match="leads out"):  # the folder on the way is the link
        check_file(folder / "away" / "secret.txt", max_file_mib=1, root=folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "locked.txt", "text")
    path.chmod(0)
    assert "no permission" in refused(path)


def test_a_file_above_the_limit_is_refused_by_its_size(tmp_path: Path) -> None:
    path = write(tmp_path, "large.txt", "")
    with path.open("r+b") as out:
        out.truncate(3 * 1024 * 1024)
    assert "3 MiB, more than the limit of 2 MiB" in refused(path, ParseOptions(max_file_mib=2))


# --- empty, archives, unknown -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a.docx", "a.png", "a"])
def test_an_empty_file_is_named_as_such(name: str, tmp_path: Path) -> None:
    assert refused(write(tmp_path, name, "")) == "The file is empty."


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.csv", "a.py"])
def test_white_space_only_is_named_as_such(name: str, tmp_path: Path) -> None:
    assert "nothing but white space" in refused(write(tmp_path, name, " \n\t\n"))


def test_archives_are_refused_by_content_whatever_their_name(tmp_path: Path) -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    samples = {
        "a.zip": make_zip({"a.txt": "x"}),
        "b.docx": make_zip({"a.txt": "x"}),
        "c.txt": b"\x1f\x8b\x08\0rest",
        "d.pdf": b"7z\xbc\xaf\x27\x1crest",
        "e.txt": b"Rar!\x1a\x07rest",
        "f.dat": tar.getvalue(),
        "g.xz": b"\xfd7zXZ\0rest",
    }
    for name, data in samples.items():
        assert "archive, not a document" in refused(write(tmp_path, name, data)), name


def test_programs_and_unknown_bytes_are_refused(tmp_path: Path) -> None:
    assert "a program" in refused(write(tmp_path, "a.txt", b"\x7fELF\x02\x01\x01\0" + bytes(100)))
    assert "unknown kind" in refused(write(tmp_path, "a.bin", bytes(range(256)) * 10))
    assert "named .pdf" in refused(write(tmp_path, "a.pdf", bytes(range(256)) * 10))


def test_a_wrong_extension_is_read_by_content_with_a_warning(tmp_path: Path) -> None:
    data = make_pdf([[(50, 700, 12, "Really a PDF")]])
    document = parse(write(tmp_path, "a.txt", data), "a.txt", OPTIONS)
    assert (document.kind, document.pages[0].text) == ("pdf", "Really a PDF")
    assert any(".txt" in warning and "PDF" in warning for warning in document.warnings)
    page = parse(write(tmp_path, "b.txt", "<!doctype html><p>Hello <b>you</b>"), "b.txt", OPTIONS)
    assert (page.kind, page.pages[0].text) == ("html", "Hello you")
    assert page.warnings
    plain = parse(write(tmp_path, "c.docx", "just text"), "c.docx", OPTIONS)
    assert (plain.kind, plain.pages[0].text) == ("text", "just text")
    assert plain.warnings


# --- PDF --------------------------------------------------------------------------------------------------------------


def test_a_pdf_without_pages_is_named_as_such(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "a.pdf", make_pdf([]))) == "The PDF has no pages."


def test_a_damaged_pdf_is_named_as_such(tmp_path: Path) -> None:
    assert "damaged" in refused(write(tmp_path, "a.pdf", b"%PDF-1.7\nnothing that follows\n"))


def test_a_blank_pdf_says_that_there_is_no_text(tmp_path: Path) -> None:
    assert "no readable text" in refused(write(tmp_path, "a.pdf", make_pdf([[], []])))


# --- zip-based --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pptx", "a.odt", "a.epub"])
def test_a_broken_zip_is_named_as_damaged(name: str, tmp_path: Path) -> None:
    whole = make_zip({"[Content_Types].xml": TYPES, "word/document.xml": "x" * 1000})
    assert "damaged" in refused(write(tmp_path, name, whole[: len(whole) // 2]))


def test_a_part_that_cannot_be_unpacked_is_named_as_damaged(tmp_path: Path) -> None:
    data = bytearray(make_zip({"word/document.xml": os.urandom(2000).hex(), "[Content_Types].xml": TYPES}))
    data[80:300] = bytes(220)
    assert "damaged" in refused(write(tmp_path, "a.docx", bytes(data)))


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            for _ in range(200):
                part.write(bytes(1024 * 1024))
    path = write(tmp_path, "bomb.docx", out.getvalue())
    tracemalloc.start()
    message = refused(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "zip bomb" in message
    assert peak < 20_000_000


def test_a_zip_whose_entries_share_their_bytes_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("word/document.xml", os.urandom(200_000))
        first = archive.infolist()[1]
        for number in range(50):  # in the directory only, all at the same place
            copy = zipfile.ZipInfo(f"word/part{number}.xml")
            copy.compress_type, copy.CRC = first.compress_type, first.CRC
            copy.compress_size, copy.file_size = first.compress_size, first.file_size
            copy.header_offset = first.header_offset
            archive.filelist.append(copy)
    assert "zip bomb" in refused(write(tmp_path, "a.docx", out.getvalue()))


# --- XML --------------------------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ATTACKS = {
    "file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "net": '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]>',
    "dtd": '<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/x.dtd">',
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}<!ENTITY x "&l9;">]>',
}


@pytest.fixture
def listener() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    yield server
    server.close()


@pytest.mark.parametrize("attack", sorted(ATTACKS))
@pytest.mark.parametrize("form", ["xml", "docx", "odt", "html", "svg"])
def test_entities_are_neither_expanded_nor_fetched(
    attack: str, form: str, tmp_path: Path, listener: socket.socket
) -> None:
    doctype = ATTACKS[attack].replace("{port}", str(listener.getsockname()[1]))
    reference = "" if attack == "dtd" else "&x;"
    if form == "docx":
        run = f"<w:r><w:t>before {reference} after</w:t></w:r>"
        body = f"<w:document {WORD}><w:body><w:p>{run}</w:p></w:body></w:document>"
        data = make_zip({"[Content_Types].xml": TYPES, "word/document.xml": f"<?xml version='1.0'?>{doctype}{body}"})
    elif form == "odt":
        body = (
            '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><o:body><o:text>'
            f"<t:p>before {reference} after</t:p></o:text></o:body></o:document-content>"
        )
        mimetype = "application/vnd.oasis.opendocument.text"
        data = make_zip({"mimetype": mimetype, "content.xml": f"<?xml version='1.0'?>{doctype}{body}"})
    else:
        tag = {"xml": "a", "html": "html", "svg": "svg"}[form]
        data = f"<?xml version='1.0'?>{doctype}<{tag}><p>before {reference} after</p></{tag}>".encode()
    path = write(tmp_path, f"a.{form}", data)
    try:
        text = "".join(page.text for page in parse(path, path.name, OPTIONS).pages)
    except DocumentError:
        text = ""
    assert "root:" not in text and "haha" not in text
    assert len(text) < 2000
    with pytest.raises(TimeoutError):
        listener.accept()


def test_depth_does_not_break_a_parser(tmp_path: Path) -> None:
    samples = {
        "a.xml": "<a>" * 100_000 + "deep" + "</a>" * 100_000,
        "a.html": "<!doctype html><body>top" + "<div>" * 100_000 + "deep",
        "a.json": "[" * 100_000 + '"deep"' + "]" * 100_000,
        "a.rtf": "{\\rtf1 top " + "{" * 100_000 + "deep" + "}" * 100_000 + "}",
        "a.md": "> " * 50_000 + "deep",
        "a.py": "(" * 50_000 + "deep" + ")" * 50_000,
    }
    for name, text in samples.items():
        path = write(tmp_path, name, text)
        try:
            assert parse(path, name, OPTIONS).pages
        except DocumentError as exc:
            assert exc.hint


def test_a_workbook_that_claims_huge_columns_stays_small(tmp_path: Path) -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>near</t></is></c><c r="XFD1" t="str"><v>far</v></c></row>'
        '<row r="1048576"><c r="A1048576" t="str"><v>below</v></c><c r="B1048576" t="s"><v>999999999</v></c></row>'
        "</sheetData></worksheet>"
    )
    book = (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
    )
    relations = (
        '<Relationships><Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    )
    parts = {
        "[Content_Types].xml": TYPES,
        "xl/workbook.xml": book,
        "xl/_rels/workbook.xml.rels": relations,
        "xl/worksheets/sheet1.xml": sheet,
    }
    document = parse(write(tmp_path, "a.xlsx", make_zip(parts)), "a.xlsx", OPTIONS)
    assert "near" in document.pages[0].text and "below" in document.pages[0].text
    assert any("column 1000" in warning for warning in document.warnings)


def test_an_opendocument_row_that_repeats_a_million_times_stays_small(tmp_path: Path) -> None:
    content = (
        '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:b="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><o:body><o:spreadsheet><b:table b:name="S">'
        '<b:table-row b:number-rows-repeated="1048576"><b:table-cell b:number-columns-repeated="16384"><t:p>x</t:p>'
        "</b:table-cell></b:table-row></b:table></o:spreadsheet></o:body></o:document-content>"
    )
    data = make_zip({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content})
    document = parse(write(tmp_path, "a.ods", data), "a.ods", OPTIONS)
    assert sum(len(page.text) for page in document.pages) < 200_000


# --- mail -------------------------------------------------------------------------------------------------------------


def mail(depth: int, attachments: int = 0) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = f"Level {depth}", "a@b.example"
    message.set_content(f"Body of level {depth}.")
    for number in range(attachments):
        message.add_attachment(f"File {number}.", filename=f"file{number}.txt")
    if depth < 8:
        message.add_attachment(mail(depth + 1))
    return message


def test_mail_in_mail_is_read_to_a_limit(tmp_path: Path) -> None:
    document = parse(write(tmp_path, "a.eml", mail(0).as_bytes()), "a.eml", OPTIONS)
    text = "\n".join(page.text for page in document.pages)
    assert "Body of level 3." in text and "Body of level 4." not in text
    assert any("too deep" in warning for warning in document.warnings)


def test_attachments_are_read_to_a_limit_and_bad_ones_are_named(tmp_path: Path) -> None:
    message = mail(8, attachments=60)
    document = parse(write(tmp_path, "a.eml", message.as_bytes()), "a.eml", OPTIONS)
    assert len(document.pages) == 51
    assert any("more than 50" in warning for warning in document.warnings)
    message = mail(8)
    message.add_attachment(make_zip({"a": "b"}), maintype="application", subtype="zip", filename="../../pack.zip")
    pdf = make_pdf([[(50, 700, 12, "Attached page")]])
    message.add_attachment(pdf, maintype="application", subtype="octet-stream", filename="report.pdf")
    document = parse(write(tmp_path, "b.eml", message.as_bytes()), "b.eml", OPTIONS)
    assert [page.label for page in document.pages] == ["", "attachment report.pdf, page 1"]
    assert any("pack.zip" in warning and "archive" in warning for warning in document.warnings)


# --- anything ---------------------------------------------------------------------------------------------------------

STARTS = [
    b"", b"%PDF-1.7\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf1 ", b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff", b"II*\0", b"RIFF0000WEBP", b"<?xml version='1.0'?>", b"<!doctype html>", b"From: a\nTo: b\n\n",
    b"\xff\xfe", b"\xfe\xff", b"BM0000\0\0\0\0",
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(STARTS),
    body=st.binary(max_size=600),
    suffix=st.sampled_from(
        ["", ".txt", ".pdf", ".docx", ".csv", ".json", ".md", ".py", ".eml", ".xml", ".html", ".xls"]
    ),
)
def test_any_bytes_are_read_or_refused_in_a_sentence(start: bytes, body: bytes, suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"any{suffix}", start + body)
    try:
        document = parse(path, path.name, OPTIONS)
    except DocumentError as exc:
        assert str(exc).endswith(".") and exc.hint
        return
    for page in document.pages:
        page.text.encode("utf-8")
        assert "\0" not in page.text


def test_a_long_text_is_read_in_bounded_memory(tmp_path: Path) -> None:
    line = "The quick brown fox jumps over the lazy dog near the harbour.\n"
    path = tmp_path / "long.txt"
    with path.open("w") as out:
        for _ in range(200):
            out.write(line * 1000)
    from retrieval.parsing import read

    tracemalloc.start()
    chars = pages = 0
    for page in read(path, path.name, OPTIONS):
        chars, pages = chars + len(page.text), pages + 1
        assert page.text.endswith("\n")
        assert len(page.text) <= 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert chars == path.stat().st_size
    assert pages > 100
    assert peak < 12_000_000


def test_limits_on_pages_and_characters_leave_out_the_rest_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", make_pdf([[(50, 700, 12, f"Page {number}")] for number in range(5)]))
    document = parse(path, "a.pdf", ParseOptions(max_pages=3))
    assert len(document.pages) == 3
    assert any("first 3 pages" in warning for warning in document.warnings)
    document = parse(path, "a.pdf", ParseOptions(max_chars=8))
    assert sum(len(page.text) for page in document.pages) == 8
    assert any("first 8 characters" in warning for warning in document.warnings)


def test_parsing_starts_no_thread_that_stays(tmp_path: Path) -> None:
    before = threading.active_count()
    parse(write(tmp_path, "a.txt", "text"), "a.txt", OPTIONS)
    assert threading.active_count() == before
