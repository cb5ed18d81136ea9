# ruff: noqa: E501 - the texts are prose
"""Makes the sample documents in `ui/samples`: an invented trust on an invented island, so that no model knows a word.

    python docs/samples/make_samples.py [FOLDER]

Needs reportlab, python-docx and openpyxl (development only). The same run gives the same bytes, so that the digests of
a fresh library are the same everywhere.
"""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import openpyxl
from docx import Document
from docx.shared import Cm, Pt, RGBColor
from openpyxl.styles import Alignment, Font, PatternFill
from reportlab.graphics.shapes import Drawing, Polygon, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

ROOT = Path(__file__).resolve().parent.parent.parent
NAVY, RED, PALE = colors.HexColor("#12324a"), colors.HexColor("#b23a2e"), colors.HexColor("#eef3f6")
MADE = datetime(2025, 2, 17, 9, 0, 0)

MONTHS = ("March", "April", "May", "June", "July", "August", "September", "October")
VISITORS = {2023: (412, 1236, 2318, 3104, 4215, 4387, 1986, 774), 2024: (538, 1391, 2702, 3650, 4866, 4921, 2145, 854)}


def main() -> None:
    """Write every sample."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "ui" / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    annual_report(folder / "annual-report-2024.pdf")
    handbook(folder / "maintenance-handbook.docx")
    visitors(folder / "visitors.xlsx")
    (folder / "minutes-2024-09-19.html").write_text(MINUTES, encoding="utf-8")
    (folder / "suppliers.md").write_text(SUPPLIERS, encoding="utf-8")
    (folder / "lens-repair.eml").write_bytes(LETTER.replace("\n", "\r\n").encode("utf-8"))


# --- the annual report, a PDF of four pages ---------------------------------------------------------------------------

BODY = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=15.5, spaceAfter=8)
LEAD = ParagraphStyle("lead", parent=BODY, fontSize=13, leading=19, textColor=NAVY, spaceAfter=14)
SECTION = ParagraphStyle("section", fontName="Helvetica-Bold", fontSize=17, leading=22, textColor=NAVY, spaceAfter=10)
PART = ParagraphStyle(
    "part", fontName="Helvetica-Bold", fontSize=13, leading=17, textColor=RED, spaceBefore=10, spaceAfter=6
)
SMALL = ParagraphStyle("small", fontName="Helvetica", fontSize=9, leading=12, textColor=colors.HexColor("#55636e"))


def annual_report(path: Path) -> None:
    """Figures for 2023 and 2024, what was repaired, who the trustees are."""
    document = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=2.6 * cm,
        rightMargin=2.6 * cm,
        topMargin=3.0 * cm,
        bottomMargin=2.4 * cm,
        title="Halvorsen Lighthouse Trust: Annual Report 2024",
        author="Halvorsen Lighthouse Trust",
        subject="Accounts, visitors and works of the year",
        invariant=1,
    )
    document.build(
        [*_cover(), PageBreak(), *_year(), PageBreak(), *_accounts(), PageBreak(), *_plans()],
        onFirstPage=_front,
        onLaterPages=_running,
    )


def _front(canvas: Canvas, _document: SimpleDocTemplate) -> None:
    width, height = A4
    canvas.setFillColor(NAVY)
    canvas.rect(0, height - 9.2 * cm, width, 9.2 * cm, stroke=0, fill=1)
    _lighthouse().drawOn(canvas, width - 7.4 * cm, height - 9.2 * cm)
    canvas.setFillColor(colors.white)
    canvas.setFont("Helvetica-Bold", 30)
    canvas.drawString(2.6 * cm, height - 4.6 * cm, "Annual Report 2024")
    canvas.setFont("Helvetica", 15)
    canvas.drawString(2.6 * cm, height - 5.7 * cm, "Halvorsen Lighthouse Trust")
    canvas.drawString(2.6 * cm, height - 6.5 * cm, "Skarnholm")


def _lighthouse() -> Drawing:
    drawing = Drawing(160, 260)
    drawing.add(Polygon([20, 0, 150, 0, 128, 22, 40, 18], fillColor=colors.HexColor("#0b2233"), strokeColor=None))
    drawing.add(Polygon([62, 18, 108, 18, 98, 190, 72, 190], fillColor=colors.white, strokeColor=None))
    for low, high in ((50, 82), (118, 150)):
        left, right = 62 + 10 * low / 172, 108 - 10 * low / 172
        drawing.add(Polygon([left, low, right, low, right - 2, high, left + 2, high], fillColor=RED, strokeColor=None))
    drawing.add(Rect(66, 190, 38, 5, fillColor=colors.HexColor("#c9d6de"), strokeColor=None))
    drawing.add(Rect(75, 195, 20, 22, fillColor=colors.HexColor("#ffd76a"), strokeColor=None))
    drawing.add(Polygon([71, 217, 99, 217, 85, 232], fillColor=RED, strokeColor=None))
    beam = colors.Color(1, 0.84, 0.42, alpha=0.28)
    drawing.add(Polygon([75, 206, -60, 240, -60, 186], fillColor=beam, strokeColor=None))
    return drawing


def _running(canvas: Canvas, document: SimpleDocTemplate) -> None:
    width, height = A4
    canvas.setFillColor(NAVY)
    canvas.rect(0, height - 1.5 * cm, width, 1.5 * cm, stroke=0, fill=1)
    canvas.setFillColor(colors.white)
    canvas.setFont("Helvetica", 9)
    canvas.drawString(2.6 * cm, height - 0.95 * cm, "Halvorsen Lighthouse Trust")
    canvas.drawRightString(width - 2.6 * cm, height - 0.95 * cm, "Annual Report 2024")
    canvas.setFillColor(colors.HexColor("#55636e"))
    canvas.drawCentredString(width / 2, 1.2 * cm, str(document.page))


def _text(*paragraphs: str) -> list[Paragraph]:
    return [Paragraph(paragraph, BODY) for paragraph in paragraphs]


def _cover() -> list[object]:
    return [
        Spacer(1, 7.2 * cm),
        Paragraph(
            "In 2024 the Trust welcomed 21,067 visitors to Skarn Light, 2,635 more than in 2023, and gave the tower its "
            "first lens back.",
            LEAD,
        ),
        *_text(
            "Skarn Light stands on the northern point of Skarnholm. It was built in 1871 and lit by keepers until "
            "1986. The tower is 34.6 metres high; 142 steps lead to the lantern. Its light flashes white every 12 "
            "seconds and is seen at 19 nautical miles.",
            "The Halvorsen Lighthouse Trust was founded in 1987 by Ingrid Halvorsen, the daughter of the last keeper. "
            "It owns the tower, the keeper's cottage and the boathouse, and opens them to the public from March to "
            "October.",
        ),
        Spacer(1, 10),
        Paragraph("Registered office: The Keeper's Cottage, North Point, Skarnholm", SMALL),
    ]


def _year() -> list[object]:
    return [
        Paragraph("The year in brief", SECTION),
        Paragraph("The lens comes home", PART),
        *_text(
            "The first-order Fresnel lens of 1871 left the tower in November 2022. The workshop Atelier Veyrac "
            "replaced eleven of its prisms and recast the bronze frame. The lens was lit again on 14 June 2024, in the "
            "presence of 230 guests. The restoration cost 63,400 euros, of which the Ostrava Foundation paid 40,000 "
            "euros."
        ),
        Paragraph("Visitors", PART),
        *_text(
            "18,432 people visited Skarn Light in 2023. In 2024 there were 21,067, the most since the tower was opened. "
            "August was the busiest month in both years. School classes made 74 visits; entry is free for them since "
            "2021.",
        ),
        _bars(),
        Spacer(1, 8),
        Paragraph("The storm of 2 February", PART),
        *_text(
            "Storm Hedda tore 46 slates off the roof of the keeper's cottage and flooded the boathouse to a depth of 70 "
            "centimetres. Nobody was hurt. The insurer, Nordvik Mutual, paid 8,950 euros. The roof was covered with a "
            "tarpaulin until it can be rebuilt.",
        ),
    ]


def _bars() -> Drawing:
    drawing = Drawing(440, 150)
    drawing.add(String(0, 138, "Visitors by month", fontName="Helvetica-Bold", fontSize=9, fillColor=NAVY))
    for index, month in enumerate(MONTHS):
        left = 10 + index * 54
        for offset, year, colour in ((0, 2023, colors.HexColor("#9fb4c2")), (18, 2024, NAVY)):
            height = VISITORS[year][index] / 45
            drawing.add(Rect(left + offset, 18, 16, height, fillColor=colour, strokeColor=None))
        drawing.add(String(left + 4, 6, month[:3], fontName="Helvetica", fontSize=8))
    for left, colour, label in ((300, colors.HexColor("#9fb4c2"), "2023"), (360, NAVY, "2024")):
        drawing.add(Rect(left, 137, 9, 9, fillColor=colour, strokeColor=None))
        drawing.add(String(left + 13, 138, label, fontName="Helvetica", fontSize=9))
    return drawing


def _accounts() -> list[object]:
    rows = [
        ("in euros", "2023", "2024"),
        ("Admissions", "156,672", "187,496"),
        ("Grants", "121,500", "132,000"),
        ("Gifts and legacies", "88,214", "74,905"),
        ("Shop and tea room", "46,474", "52,814"),
        ("Total income", "412,860", "447,215"),
        ("Wages", "168,330", "175,920"),
        ("Repairs and restoration", "121,045", "148,260"),
        ("Boat and ferry", "38,700", "34,810"),
        ("Insurance", "27,415", "29,180"),
        ("Other costs", "42,650", "43,800"),
        ("Total expenditure", "398,140", "431,970"),
        ("Surplus", "14,720", "15,245"),
    ]
    table = Table(rows, colWidths=[8.2 * cm, 3.6 * cm, 3.6 * cm], rowHeights=0.68 * cm)
    style = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 10.5),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("BACKGROUND", (0, 0), (-1, 0), NAVY),
        ("TEXTCOLOR", (0, 0), (-1, 0), colors.white),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, colors.HexColor("#c9d6de")),
    ]
    for row in (5, 11, 12):
        style += [("FONT", (0, row), (-1, row), "Helvetica-Bold", 10.5), ("BACKGROUND", (0, row), (-1, row), PALE)]
    table.setStyle(TableStyle(style))
    return [
        Paragraph("Accounts", SECTION),
        *_text(
            "The Trust's income was 447,215 euros in 2024, after 412,860 euros in 2023. Expenditure was 431,970 euros "
            "in 2024, after 398,140 euros in 2023. The surplus of 15,245 euros goes to the roof fund."
        ),
        table,
        Spacer(1, 14),
        Paragraph("Notes to the accounts", PART),
        *_text(
            "A ticket cost 8.50 euros in 2023 and 8.90 euros in 2024. The roof fund held 38,600 euros on 31 December "
            "2024. The Trust has no loans. The accounts were examined by Petra Lindqvist, who found nothing to object "
            "to.",
        ),
    ]


def _plans() -> list[object]:
    return [
        Paragraph("Plans and people", SECTION),
        Paragraph("What comes next", PART),
        *_text(
            "The roof of the keeper's cottage will be rebuilt in the spring of 2026. A second ferry from the mainland "
            "will run on Saturdays from 1 May 2025. The tea room will open in the old oil store, which has room for 28 "
            "guests.",
        ),
        Paragraph("Trustees on 31 December 2024", PART),
        *_text(
            "Solveig Aakre (chair), Tomas Brandvik (treasurer), Petra Lindqvist (examiner of accounts), Idris Fenwick, "
            "Johanna Reuter, Magnus Teller and Oona Vance. The trustees are not paid.",
        ),
        Paragraph("Staff", PART),
        *_text(
            "The director is Elin Marstrand. Four people work for the Trust all year; nine more join them in the season. "
            "Rolf Tveit has been the head of maintenance since 2015. 61 volunteers gave 4,380 hours in 2024.",
        ),
    ]


# --- the handbook, a DOCX ---------------------------------------------------------------------------------------------


def handbook(path: Path) -> None:
    """Numbered procedures and a table of intervals."""
    document = Document()
    document.core_properties.title = "Maintenance Handbook, Skarn Light"
    document.core_properties.author = "Rolf Tveit"
    document.core_properties.created = document.core_properties.modified = MADE
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Georgia", Pt(11)
    for name, size in (("Title", 26), ("Heading 1", 16), ("Heading 2", 13)):
        document.styles[name].font.color.rgb = RGBColor(0x12, 0x32, 0x4A)
        document.styles[name].font.size = Pt(size)
    document.sections[0].left_margin = document.sections[0].right_margin = Cm(2.6)
    document.sections[0].header.paragraphs[0].text = "Halvorsen Lighthouse Trust, Maintenance Handbook, edition 7"
    document.add_heading("Maintenance Handbook, Skarn Light", 0)
    document.add_paragraph(
        "Edition 7, in force since 1 March 2024. It replaces edition 6 of 2019. Every job is written into the log book "
        "in the watch room, with date, hour and initials."
    )
    for level, title, paragraphs in HANDBOOK:
        document.add_heading(title, level)
        for paragraph in paragraphs:
            document.add_paragraph(paragraph)
    document.add_heading("5. Intervals at a glance", 1)
    _docx_table(document, INTERVALS)
    document.save(str(path))
    _freeze(path)


HANDBOOK: Sequence[tuple[int, str, Sequence[str]]] = (
    (1, "1. The light", ()),
    (
        2,
        "1.1 Lamp",
        (
            "The lamp is a 1,000 watt metal halide lamp, type HX-40. Change it after 4,000 hours of light, even if it "
            "still burns. Six spare lamps are kept in cabinet C of the watch room. Never touch the glass with bare "
            "fingers; wear the cotton gloves that lie beside the lamps.",
        ),
    ),
    (
        2,
        "1.2 Lens",
        (
            "Dust the prisms every week with a goat-hair brush. Wash them twice a year, in April and in October, with "
            "distilled water and two per cent spirit vinegar. The lens floats on a bath of 38 litres of silicone oil; the "
            "mercury of 1871 was taken out in 1994. One turn of the lens takes 24 seconds.",
        ),
    ),
    (1, "2. The fog signal", ()),
    (
        2,
        "2.1 Compressor",
        (
            "The oil of the fog signal's compressor must be changed every 250 running hours. Use 4.2 litres of Norlub 7. "
            "Clean the intake filter at the same time. The running hours stand on the counter to the left of the gauge.",
        ),
    ),
    (
        2,
        "2.2 Test",
        (
            "Sound the fog signal on the first Monday of each month at 11:00, two blasts of three seconds. Tell the "
            "harbour office an hour before, on VHF channel 12.",
        ),
    ),
    (1, "3. Emergency power", ()),
    (
        2,
        "3.1 Generator",
        (
            "The diesel generator gives 18 kilowatts and starts by itself 15 seconds after the mains fail. The tank holds "
            "320 litres, enough for 52 hours. Test it under load every three months for half an hour.",
            "If the generator does not start, press the red reset button once, wait a full minute, and press the green "
            "one. After a third failed start call Rolf Tveit, extension 31, or at night Johanna Reuter, extension 44.",
        ),
    ),
    (1, "4. The tower", ()),
    (
        2,
        "4.1 Paint",
        (
            "The tower is painted every six years, white with two red bands; it was last painted in 2021. Use Brannock "
            "Marine White and Brannock Signal Red. One coat needs 190 litres of white. Do not paint below 8 degrees "
            "Celsius or when rain is expected within six hours.",
        ),
    ),
    (
        2,
        "4.2 Lightning rod",
        ("Measure the resistance of the earth rod every spring. It must be below 5 ohms; in 2024 it was 3.1 ohms.",),
    ),
)
INTERVALS = (
    ("Part", "Job", "Interval", "Who"),
    ("Lamp HX-40", "Change", "4,000 hours", "Keeper on duty"),
    ("Lens", "Wash", "April and October", "Two people"),
    ("Fog signal compressor", "Change the oil", "250 running hours", "Head of maintenance"),
    ("Fog signal", "Sound", "First Monday of the month", "Keeper on duty"),
    ("Generator", "Test under load", "3 months", "Head of maintenance"),
    ("Tower", "Paint", "6 years", "Contractor"),
    ("Lightning rod", "Measure", "Every spring", "Electrician"),
)


def _docx_table(document: object, rows: Sequence[Sequence[str]]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style="Light Grid Accent 1")  # type: ignore[attr-defined]
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


# --- the visitors' table, an XLSX -------------------------------------------------------------------------------------


def visitors(path: Path) -> None:
    """Visitors by month, and what a ticket costs."""
    book = openpyxl.Workbook()
    book.properties.title = "Visitors of Skarn Light"
    book.properties.creator = "Halvorsen Lighthouse Trust"
    book.properties.created = book.properties.modified = MADE
    sheet = book.active
    sheet.title = "Visitors"
    sheet.append(["Visitors of Skarn Light by month"])
    sheet.append(["Month", "Visitors 2023", "Visitors 2024", "School visits 2024"])
    schools = (4, 9, 18, 16, 2, 1, 17, 7)
    for month, before, now, school in zip(MONTHS, VISITORS[2023], VISITORS[2024], schools, strict=True):
        sheet.append([month, before, now, school])
    sheet.append(["Total", sum(VISITORS[2023]), sum(VISITORS[2024]), sum(schools)])
    _dress(sheet, widths=(16, 16, 16, 20))
    prices = book.create_sheet("Tickets")
    prices.append(["Ticket prices from 1 March 2025"])
    prices.append(["Ticket", "Price in euros", "Remark"])
    for row in (
        ("Adult", 9.20, "includes the tower"),
        ("Child, 6 to 15 years", 4.60, "under 6 years free"),
        ("Family", 22.50, "two adults, up to three children"),
        ("School class", 0, "book ten days ahead"),
        ("Night climb", 16.00, "Fridays in August, 20 people at most"),
    ):
        prices.append(row)
    _dress(prices, widths=(24, 16, 38))
    book.save(path)
    _freeze(path)


def _dress(sheet: object, widths: Sequence[int]) -> None:
    sheet["A1"].font = Font(bold=True, size=14, color="12324A")  # type: ignore[index]
    for cell in sheet[2]:  # type: ignore[index]
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="12324A")
        cell.alignment = Alignment(horizontal="center")
    for letter, width in zip("ABCDEF", widths, strict=False):
        sheet.column_dimensions[letter].width = width  # type: ignore[attr-defined]


def _freeze(path: Path) -> None:
    """Write a zip-based document again with one fixed date, so that the same content is the same bytes."""
    with zipfile.ZipFile(path) as archive:
        parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            if name == "docProps/core.xml":  # openpyxl writes the hour of saving whatever one asks for
                data = _fixed_dates(data)
            info = zipfile.ZipInfo(name, date_time=(2025, 2, 17, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    path.write_bytes(out.getvalue())


def _fixed_dates(core: bytes) -> bytes:
    import re

    return re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>2025-02-17T09:00:00Z", core)


# --- minutes, suppliers, a letter -------------------------------------------------------------------------------------

MINUTES = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Minutes of the trustees' meeting, 19 September 2024</title>
<style>body { font-family: Georgia, serif; max-width: 42rem; margin: 3rem auto; } h1, h2 { color: #12324a; }
table { border-collapse: collapse; } td, th { border: 1px solid #c9d6de; padding: .3rem .7rem; }</style>
</head>
<body>
<h1>Minutes of the trustees' meeting, 19 September 2024</h1>
<p>Halvorsen Lighthouse Trust, The Keeper's Cottage, Skarnholm, 17:30 to 19:50.</p>
<p>Present: Solveig Aakre (chair), Tomas Brandvik, Petra Lindqvist, Idris Fenwick, Johanna Reuter, Magnus Teller and
Oona Vance. The director, Elin Marstrand, attended without a vote and wrote the minutes.</p>
<h2>1. Ferry contract</h2>
<p>Two offers were before the meeting. The trustees gave the contract to Tern Line, for three years from 1 January 2025,
at 2,150 euros a month. The offer of Kestrel Ferries was 2,480 euros a month. The vote was six to one; Magnus Teller
voted against it because Tern Line does not sail in a swell above two metres.</p>
<h2>2. Roof of the keeper's cottage</h2>
<p>Three roofers were asked. Only one, Hollis and Daughters, made an offer: 71,200 euros, with slate from Grantholm. The
roof fund does not hold that much. The work was put off to the spring of 2026. Rolf Tveit checks the tarpaulin every
fortnight until then.</p>
<h2>3. Opening of the tea room</h2>
<p>The tea room moves into the old oil store. Johanna Reuter leads the work, with a budget of 24,000 euros. It is to open
on 17 May 2025. The trustees asked for a wheelchair ramp at the north door.</p>
<h2>4. Tasks</h2>
<table>
<tr><th>Task</th><th>Who</th><th>By</th></tr>
<tr><td>Sign the contract with Tern Line</td><td>Solveig Aakre</td><td>30 September 2024</td></tr>
<tr><td>Ask the island council for the ramp</td><td>Idris Fenwick</td><td>15 October 2024</td></tr>
<tr><td>Second offer for the roof</td><td>Tomas Brandvik</td><td>31 January 2025</td></tr>
<tr><td>Order the winter diesel, 600 litres</td><td>Rolf Tveit</td><td>10 October 2024</td></tr>
</table>
<p>Next meeting: 12 December 2024, 17:30.</p>
</body>
</html>
"""

SUPPLIERS = """# Suppliers of the Halvorsen Lighthouse Trust

Kept by Tomas Brandvik, last checked on 3 February 2025. Our customer number with a supplier stands on every order.

## Regular suppliers

| Supplier | What | Contact | Our number | Delivery |
|---|---|---|---|---|
| Brannock Paints | Marine White, Signal Red | Maren Oxley | HLT-4471 | 9 days |
| Norlub Oils | compressor oil Norlub 7 | Piet van Laar | 20918 | 4 days |
| Atelier Veyrac | prisms and lens work | Clemence Veyrac | none | by agreement |
| Voss Electric | lamps HX-40, fuses | Dagny Voss | SK-07 | 14 days |
| Harbour Fuels | diesel for the generator | Liam Corrie | 5530 | 2 days |
| Gull and Thistle | tea, cakes, paper cups | Aileen Roe | GT-118 | every Tuesday |

## Terms

Brannock Paints gives us 12 per cent off orders of more than 100 litres. Norlub Oils delivers free of charge from 20
litres. Voss Electric takes used lamps back. Harbour Fuels fills the tank only when the harbour crane is manned, from
Monday to Thursday.

## No longer used

We stopped buying from Eastquay Chandlers in 2022, after two deliveries of rope that was not to standard.
"""

LETTER = """From: Clemence Veyrac <clemence@atelier-veyrac.example>
To: Elin Marstrand <director@skarn-light.example>
Subject: Warranty of the lens
Date: Mon, 24 Jun 2024 10:12:00 +0200
Message-ID: <20240624101200.4471@atelier-veyrac.example>
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: 8bit

Dear Elin,

it was a joy to see the lens turn again on 14 June. As promised, here are the terms in writing.

We give a warranty of ten years on the eleven new prisms and of five years on the bronze frame. The warranty ends if
the prisms are washed with anything but distilled water and vinegar.

Please send us a photograph of prism 7 of the upper panel every January. It has a bubble of two millimetres at its lower
edge that we want to watch. If it grows, we replace the prism without charge.

I will come to Skarnholm for the first inspection on 9 June 2025.

With kind regards,
Clemence Veyrac
"""


if __name__ == "__main__":
    main()
