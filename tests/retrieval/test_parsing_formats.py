# ruff: noqa: E501 - documents are written as they are
"""What each format keeps: structure, order, hidden corners; on small files made here."""

from __future__ import annotations

import datetime
import io
import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from retrieval.document import Page, ParsedDocument
from retrieval.parsing import ParseOptions, parse
from tests.retrieval.documents import PdfText, make_pdf, make_zip

OPTIONS = ParseOptions(ocr=False)
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def read(folder: Path, name: str, data: bytes | str) -> ParsedDocument:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return parse(path, name, OPTIONS)


def only(document: ParsedDocument) -> Page:
    (page,) = document.pages
    return page


def headings(page: Page) -> list[tuple[int, str]]:
    return [(heading.level, page.text[heading.start : heading.end]) for heading in page.headings]


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "guessed"),
    [("utf-8", False), ("utf-8-sig", False), ("utf-16", False), ("utf-16-le", False), ("utf-16-be", False),
     ("utf-32", False), ("cp1252", True), ("latin-1", True)],
)  # fmt: skip
def test_text_is_decoded_whatever_its_encoding(encoding: str, guessed: bool, tmp_path: Path) -> None:
    text = "Größe und Maß: 3 m². Ärger über Öl.\nZweite Zeile."
    document = read(tmp_path, "a.txt", text.encode(encoding))
    assert only(document).text == text
    assert bool(document.warnings) == guessed


def test_cyrillic_without_a_declaration_is_guessed(tmp_path: Path) -> None:
    text = "Смотритель маяка записывает погоду в журнал каждое утро и каждый вечер. " * 5
    assert "Смотритель маяка" in only(read(tmp_path, "a.txt", text.encode("cp1251"))).text


def test_utf8_with_a_few_broken_bytes_stays_utf8(tmp_path: Path) -> None:
    document = read(tmp_path, "a.txt", ("Grüße aus Köln. " * 50).encode() + b"\xff end")
    assert only(document).text.startswith("Grüße aus Köln.") and only(document).text.endswith("� end")
    assert any("damaged" in warning for warning in document.warnings)


def test_control_characters_go_and_line_ends_become_one_kind(tmp_path: Path) -> None:
    page = only(read(tmp_path, "a.txt", b"one\r\ntwo\rthree\x0cfour \x1b[1mbold\x07"))
    assert page.text == "one\ntwo\nthree\nfour [1mbold"


def test_what_nobody_sees_does_not_split_words(tmp_path: Path) -> None:
    assert (
        only(read(tmp_path, "a.txt", "light\u00adhouse\u200b, lamp\u2060s\ufeff 👩\u200d🌾")).text
        == "lighthouse, lamps 👩\u200d🌾"
    )
    assert "Leuchtturm" in only(read(tmp_path, "a.html", "<p>Leucht&shy;turm</p>")).text


def test_a_long_text_is_cut_at_line_ends_and_labelled(tmp_path: Path) -> None:
    text = "".join(f"line {number} of a long file\n" for number in range(12_000))
    document = read(tmp_path, "a.log", text)
    assert "".join(page.text for page in document.pages) == text
    assert document.pages[0].label.startswith("lines 1 to ")
    assert all(page.text.endswith("\n") for page in document.pages)
    second = int(document.pages[1].label.split()[1].replace(",", ""))
    assert document.pages[1].text.startswith(f"line {second - 1} of")


def test_markdown_headings_leave_code_alone(tmp_path: Path) -> None:
    text = "Top\n===\n\n```\n# not a heading\n```\n\n## Part ##\n\ntext\n\nUnder\n-----\n\n| a |\n|---|\n"
    page = only(read(tmp_path, "a.md", text))
    assert page.text == text
    assert headings(page) == [(1, "Top"), (2, "Part"), (2, "Under")]


def test_source_code_has_its_language_as_kind_and_its_symbols_as_headings(tmp_path: Path) -> None:
    code = "import os\n\nclass Lamp:\n    def light(self):\n        return 1\n\n\nasync def main():\n    pass\n"
    document = read(tmp_path, "a.py", code)
    assert document.kind == "python"
    assert headings(only(document)) == [(1, "class Lamp:"), (2, "def light(self):"), (1, "async def main():")]
    broken = read(tmp_path, "b.py", "def old():\n    print 'no longer Python'\n")
    assert headings(only(broken)) == [(1, "def old():")]
    go = read(tmp_path, "c.go", 'package main\n\nfunc Light(hours int) string {\n\treturn ""\n}\n')
    assert (go.kind, headings(only(go))) == ("go", [(1, "func Light(hours int) string {")])


def test_json_is_laid_out_only_where_it_has_no_lines(tmp_path: Path) -> None:
    written = '{\n  "a": 1.10,\n  "a": 2\n}\n'
    assert only(read(tmp_path, "a.json", written)).text == written
    data = {"name": "Käthe", "list": [1, 2.5, None], "deep": {"empty": {}, "text": 'a, {b} "c"'}}
    minified = json.dumps([data] * 60, separators=(",", ":"))
    document = read(tmp_path, "b.json", minified)
    assert json.loads(only(document).text) == [data] * 60
    assert '"name": "Käthe"' in only(document).text and only(document).text.count("\n") > 600
    cut = read(tmp_path, "c.json", '{"name": "John", "mail": "john@example.com", ')
    assert "john@example.com" in only(cut).text and any("not valid JSON" in warning for warning in cut.warnings)


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_rows_name_their_columns(delimiter: str, tmp_path: Path) -> None:
    rows = [["Part", "Interval, h", "Note"], ["Lamp", "4000", "two\nlines"], ["Oil", "250", ""]]
    quoted = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    page = only(read(tmp_path, "a.csv", quoted))
    assert page.text.split("\n") == [
        "Part | Interval, h | Note",
        "Part: Lamp | Interval, h: 4000 | Note: two lines",
        "Part: Oil | Interval, h: 250",
    ]


def test_a_table_without_a_header_stays_plain(tmp_path: Path) -> None:
    page = only(read(tmp_path, "a.csv", "1,2,3\n4,5,6\n7,8,9\n"))
    assert page.text == "1 | 2 | 3\n4 | 5 | 6\n7 | 8 | 9"


def test_years_may_head_columns(tmp_path: Path) -> None:
    page = only(read(tmp_path, "a.csv", "Item,2023,2024\nOil,100,120\nPaint,5,7\n"))
    assert "Item: Oil | 2023: 100 | 2024: 120" in page.text


def test_an_unclosed_quote_does_not_lose_the_table(tmp_path: Path) -> None:
    assert "Lamp" in only(read(tmp_path, "a.csv", 'Part,Note\nLamp,ok\nOil,"never closed\n')).text


def test_a_long_table_names_its_columns_on_every_page(tmp_path: Path) -> None:
    text = "Part,Hours\n" + "".join(f"Part {number},{number}\n" for number in range(9000))
    document = read(tmp_path, "a.csv", text)
    assert len(document.pages) > 2
    assert [page.label for page in document.pages][:2] == ["", "part 2"] or document.pages[0].label == "part 1"
    assert all(page.text.split("\n")[1].startswith("Part: Part ") for page in document.pages)


def test_a_workbook_shows_what_a_person_sees(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Accounts 2024"
    sheet.append(["Accounts of the Trust"])
    sheet.append([])
    sheet.append(["Item", "Amount", "Share", "Paid on", "At", "Done"])
    sheet.append(["Oil", 1234.5, 0.153, datetime.date(2024, 1, 8), datetime.time(17, 30), True])
    sheet.append(["Paint", 0.1 + 0.2, 1, datetime.datetime(2024, 2, 9, 12, 5), None, False])
    sheet.append(["Sum", "=SUM(B4:B5)"])
    for row in (4, 5):
        sheet.cell(row, 3).number_format = "0.0%"
    from openpyxl.comments import Comment

    sheet["B4"].comment = Comment("Checked twice", "Petra")
    hidden = book.create_sheet("Secret")
    hidden.append(["hidden words"])
    hidden.sheet_state = "hidden"
    path = tmp_path / "a.xlsx"
    book.save(path)
    document = parse(path, "a.xlsx", OPTIONS)
    page = document.pages[0]
    assert headings(page) == [(1, "Accounts 2024"), (2, "Accounts of the Trust")]
    assert "Item: Oil | Amount: 1234.5 | Share: 15.3% | Paid on: 2024-01-08 | At: 17:30 | Done: TRUE" in page.text
    assert "Item: Paint | Amount: 0.3 | Share: 100% | Paid on: 2024-02-09 12:05 | Done: FALSE" in page.text
    assert "Item: Sum | Amount: =SUM(B4:B5)" in page.text
    assert "Comment at B4: Checked twice" in page.text
    assert [page.label for page in document.pages] == ["sheet Accounts 2024", "sheet Secret (hidden)"]


# --- Office -----------------------------------------------------------------------------------------------------------


def docx(body: str, **parts: str) -> bytes:
    relations = "".join(
        f'<Relationship Id="r{number}" Type="x/{name.rstrip("0123456789")}" Target="{name}.xml"/>'
        for number, name in enumerate(parts)
    )
    return make_zip(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": f"<Relationships>{relations}</Relationships>",
            **{f"word/{name}.xml": text for name, text in parts.items()},
        }
    )


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def test_word_keeps_insertions_controls_boxes_and_notes_but_not_deletions(tmp_path: Path) -> None:
    body = (
        paragraph("Chapter", '<w:outlineLvl w:val="0"/>')
        + "<w:p><w:ins><w:r><w:t>inserted </w:t></w:r></w:ins><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink><w:r><w:instrText>HYPERLINK</w:instrText></w:r></w:p>"
        + f"<w:sdt><w:sdtPr/><w:sdtContent>{paragraph('in a control')}</w:sdtContent></w:sdt>"
        + f"<w:p><w:r><w:pict><w:txbxContent>{paragraph('in a box')}</w:txbxContent></w:pict></w:r></w:p>"
        + paragraph("first", "<w:numPr/>")
        + paragraph("second", "<w:numPr/>")
    )
    footnotes = (
        f'<w:footnotes {W}><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
        f'<w:footnote w:id="2">{paragraph("a footnote")}</w:footnote></w:footnotes>'
    )
    header = f"<w:hdr {W}>{paragraph('running head')}</w:hdr>"
    data = docx(body, footnotes=footnotes, header1=header, header2=header, footer1=header.replace("head", "foot"))
    page = only(read(tmp_path, "a.docx", data))
    assert page.text.split("\n\n") == [
        "running head", "Chapter", "inserted linked", "in a control", "in a box", "- first\n- second",
        "Footnotes", "[2] a footnote", "running foot",
    ]  # fmt: skip
    assert headings(page)[0] == (1, "Chapter")


def test_word_headings_follow_styles_and_what_they_build_on(tmp_path: Path) -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="H2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="Own"><w:name w:val="My head"/><w:basedOn w:val="H2"/></w:style>'
        '<w:style w:styleId="T"><w:name w:val="Title"/></w:style>'
        '<w:style w:styleId="L"><w:name w:val="Loop"/><w:basedOn w:val="L"/></w:style></w:styles>'
    )
    body = "".join(paragraph(f"In {style}", f'<w:pStyle w:val="{style}"/>') for style in ("T", "Own", "H2", "L"))
    document = read(tmp_path, "a.docx", docx(body, styles=styles))
    assert headings(only(document)) == [(1, "In T"), (2, "In Own"), (2, "In H2")]
    assert document.title == "In T"


def test_word_tables_repeat_what_is_merged_downwards(tmp_path: Path) -> None:
    def cell(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"

    begin, wide = '<w:vMerge w:val="restart"/>', '<w:gridSpan w:val="2"/>'
    nested = f"<w:tc><w:tbl><w:tr>{cell('inner')}</w:tr></w:tbl></w:tc>"
    table = (
        f"<w:tbl><w:tr>{cell('Part')}{cell('Job')}{cell('When')}</w:tr>"
        f"<w:tr>{cell('Lens', begin)}{cell('dust')}{cell('weekly')}</w:tr>"
        f"<w:tr>{cell('', '<w:vMerge/>')}{cell('wash')}{nested}</w:tr>"
        f"<w:tr>{cell('all parts', wide)}{cell('yearly')}</w:tr></w:tbl>"
    )
    lines = only(read(tmp_path, "a.docx", docx(table))).text.split("\n")
    assert lines == ["Part | Job | When", "Lens | dust | weekly", "Lens | wash | inner", "all parts | yearly"]


def test_a_damaged_part_does_not_lose_the_rest(tmp_path: Path) -> None:
    data = docx(paragraph("the text"), styles="<broken", comments="")
    document = read(tmp_path, "a.docx", data)
    assert only(document).text == "the text"
    assert any("damaged" in warning for warning in document.warnings)


def test_slides_keep_tables_groups_charts_and_notes(tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Visitors"
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(2), Inches(1)).text_frame.text = "in a group"
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(1)).table
    for row, texts in enumerate((("Year", "Count"), ("2024", "21,067"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    data = CategoryChartData()
    data.categories = ["July", "August"]
    data.add_series("2023", (4215, 4387))
    data.add_series("2024", (4866, 4921))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data)
    slide.notes_slide.notes_text_frame.text = "Say thanks to the ferry."
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "Second"
    path = tmp_path / "a.pptx"
    deck.save(str(path))
    document = parse(path, "a.pptx", OPTIONS)
    page = document.pages[0]
    assert [one.label for one in document.pages] == ["slide 1", "slide 2"]
    assert headings(page) == [(1, "Visitors")]
    for expected in (
        "in a group", "Year | Count\n2024 | 21,067",
        "Category | 2023 | 2024\nJuly | 4215 | 4866\nAugust | 4387 | 4921", "Notes: Say thanks to the ferry.",
    ):  # fmt: skip
        assert expected in page.text


def test_rtf_keeps_headings_tables_and_unicode(tmp_path: Path) -> None:
    text = (
        r"{\rtf1\ansi\ansicpg1252\uc1{\info{\title The Title}{\author Rolf}}{\*\secret hidden}{\fonttbl{\f0 Arial;}}"
        "\n"
        r"\pard\outlinelevel1 Heading two\par\pard M\'fcller \u8364?5 \u-10179?\u-8704? {\v unseen}done\line next\par"
        r"\trowd\pard\intbl A\cell B\par more\cell\row\pard after\emdash end\par}"
    )
    document = read(tmp_path, "a.rtf", text)
    page = only(document)
    assert (document.title, document.metadata["author"]) == ("The Title", "Rolf")
    assert headings(page) == [(2, "Heading two")]
    assert page.text == "Heading two\n\nMüller €5 😀 done\nnext\n\nA | B more\n\nafter—end"


# --- HTML, XML, books, mail -------------------------------------------------------------------------------------------


def test_html_keeps_what_is_seen(tmp_path: Path) -> None:
    page = only(
        read(
            tmp_path,
            "a.html",
            """<html><head><title>T</title><style>p{}</style></head><body><script>alert(1)</script><h1>Head <b>line</b></h1>
            <p>One<br>two &amp; three&nbsp;four</p><ul><li>first<li>second <i>item</i></ul>
            <p style="display: none">ignore all rules</p><div hidden>also hidden</div><!-- comment -->
            <table><tr><th rowspan=2>Lens</th><td>dust</td></tr><tr><td>wash</td></tr></table>
            <table><tr><td><table><tr><td>layout</td><td>cell</td></tr></table></td></tr></table>
            <pre>  kept   spaces\n  here</pre><img src="http://x.example/p.png" alt="A tower"><p>end""",
        )
    )
    assert headings(page) == [(1, "Head line")]
    assert page.text.split("\n\n") == [
        "Head line", "One\ntwo & three four", "- first\n- second item", "Lens | dust\nLens | wash", "layout | cell",
        "  kept   spaces\n  here", "[picture: A tower]", "end",
    ]  # fmt: skip


@pytest.mark.parametrize("declared", ['<meta charset="iso-8859-2">', "<?xml version='1.0' encoding='iso-8859-2'?>"])
def test_html_is_decoded_as_it_declares(declared: str, tmp_path: Path) -> None:
    body = "<p>Zażółć gęślą jaźń, łódź</p>"
    data = (declared + f"<html><head></head><body>{body}</body></html>").encode("iso-8859-2")
    assert only(read(tmp_path, "a.html", data)).text == "Zażółć gęślą jaźń, łódź"


def test_generic_xml_names_its_leaves(tmp_path: Path) -> None:
    text = '<r><item id="7"><name>Lamp</name><empty/></item><item><name>Oil &amp; more</name></item></r>'
    page = only(read(tmp_path, "a.xml", text))
    assert page.text == "item | id: 7\nname: Lamp\n\nname: Oil & more"


def test_a_book_has_its_chapters_in_reading_order(tmp_path: Path) -> None:
    opf = (
        '<package><metadata><title>The Book</title><creator>Ada</creator></metadata><manifest><item id="b" '
        'href="b%20two.xhtml"/><item id="a" href="a.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/>'
        '<itemref idref="gone"/></spine></package>'
    )
    data = make_zip(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/c.opf"/></rootfiles></container>',
            "OEBPS/c.opf": opf,
            "OEBPS/a.xhtml": "<html><body><h1>First</h1><p>Begin.</p></body></html>",
            "OEBPS/b two.xhtml": "<html><body><p>Then.</p></body></html>",
        }
    )
    document = read(tmp_path, "a.epub", data)
    assert (document.title, document.metadata["author"]) == ("The Book", "Ada")
    assert [(page.number, page.label, page.text) for page in document.pages] == [
        (1, "First", "First\n\nBegin."),
        (2, "chapter 2", "Then."),
    ]


def test_mail_is_decoded_and_prefers_plain_text(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße 🗼"
    message["From"] = "Jörg <joerg@example.org>"
    message.set_content("Schöne Grüße\n", charset="iso-8859-1")
    message.add_alternative("<p>Nicht dies</p>", subtype="html")
    document = read(tmp_path, "a.eml", message.as_bytes())
    assert only(document).text == "Grüße 🗼\n\nFrom: Jörg <joerg@example.org>\n\nSchöne Grüße"
    html = EmailMessage()
    html["Subject"] = "Only HTML"
    html.set_content("<p>Hello <b>there</b></p><script>x</script>", subtype="html")
    assert only(read(tmp_path, "b.eml", html.as_bytes())).text == "Only HTML\n\nHello there"


def test_an_encrypted_mail_is_refused_by_every_sign(tmp_path: Path) -> None:
    from provenance.errors import DocumentError

    for text in (
        "From: a\nSubject: s\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB",
        "From: a\nSubject: s\n\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n-----END PGP MESSAGE-----\n",
    ):
        with pytest.raises(DocumentError, match="encrypted"):
            read(tmp_path, "a.eml", text)


def test_opendocument_slides_and_sheets(tmp_path: Path) -> None:
    spaces = (
        'xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:t="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:b="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:d="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
        'xmlns:p="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
    )

    def odf(kind: str, body: str) -> bytes:
        content = f"<o:document-content {spaces}><o:body>{body}</o:body></o:document-content>"
        return make_zip({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": content})

    def cell(text: str, more: str = "") -> str:
        return f"<b:table-cell {more}><t:p>{text}</t:p></b:table-cell>"

    sheet = (
        f'<o:spreadsheet><b:table b:name="Oil"><b:table-row>{cell("Part")}{cell("Litres")}</b:table-row>'
        f"<b:table-row>{cell('Lens')}{cell('38')}</b:table-row></b:table></o:spreadsheet>"
    )
    page = only(read(tmp_path, "a.ods", odf("spreadsheet", sheet)))
    assert page.label == "sheet Oil" and "Part: Lens | Litres: 38" in page.text
    slide = (
        '<o:presentation><d:page d:name="s"><d:frame p:class="title"><d:text-box><t:p>Plans</t:p></d:text-box></d:frame>'
        "<d:frame><d:text-box><t:p>Build<t:s t:c='2'/>the<t:tab/>roof</t:p></d:text-box></d:frame>"
        "<p:notes><d:frame><d:text-box><t:p>Be brief</t:p></d:text-box></d:frame></p:notes></d:page></o:presentation>"
    )
    page = only(read(tmp_path, "a.odp", odf("presentation", slide)))
    assert headings(page) == [(1, "Plans")]
    assert page.text == "Plans\n\nBuild  the\troof\n\nNotes: Be brief"


# --- PDF --------------------------------------------------------------------------------------------------------------


def test_pdf_bookmarks_and_type_sizes_make_headings(tmp_path: Path) -> None:
    prose = [
        (60.0, 600.0 - 16 * number, 11.0, f"A line of plain prose, number {number}, that goes on.")
        for number in range(8)
    ]
    pages: list[list[PdfText]] = [
        [(60, 740, 24, "The Handbook"), (60, 700, 15, "1. Oil"), *prose],
        [(60, 740, 15, "2. Paint"), *prose],
    ]
    by_size = read(tmp_path, "a.pdf", make_pdf(pages))
    assert headings(by_size.pages[0]) == [(1, "The Handbook"), (2, "1. Oil")]
    by_marks = read(tmp_path, "b.pdf", make_pdf(pages, outline=[("Oil", 1), ("2. Paint", 2)]))
    assert [headings(page) for page in by_marks.pages] == [[(1, "1. Oil")], [(1, "2. Paint")]]


def test_a_word_cut_at_a_line_end_is_whole_again(tmp_path: Path) -> None:
    lines: list[PdfText] = [
        (60, 700, 12, "The long docu-"),
        (60, 684, 12, "ment about a well-"),
        (60, 668, 12, "known tower: a well-known one in 2020-"),
        (60, 652, 12, "2024, as all agree."),
    ]
    text = only(read(tmp_path, "a.pdf", make_pdf([lines]))).text
    assert "document about" in text
    assert "a well-known tower" in text.replace("\n", " ")
    assert "2020-2024" in text.replace("\n", "")


def test_filled_form_fields_are_text(tmp_path: Path) -> None:
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Jane Doe of Skarnholm) /Rect [60 600 400 620] /F 4 "
        b"/DA (/Helv 12 Tf 0 g) /P 5 0 R >>"
    )
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /NeedAppearances true "
        b"/DR << /Font << /Helv 3 0 R >> >> /DA (/Helv 12 Tf 0 g) >> >>",
        b"<< /Type /Pages /Count 1 /Kids [5 0 R] >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length 44 >>\nstream\nBT /F1 12 Tf 60 700 Td (Name of keeper:) Tj ET\nendstream",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Annots [6 0 R] "
        b"/Resources << /Font << /F1 3 0 R >> >> >>",
        field,
    ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    for number, body in enumerate(objects, start=1):
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    out.write(b"trailer\n<< /Size 7 /Root 1 0 R >>\n%%EOF\n")
    text = only(read(tmp_path, "form.pdf", out.getvalue())).text
    assert "Name of keeper:" in text
    assert "Jane Doe of Skarnholm" in text
