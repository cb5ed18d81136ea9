# ruff: noqa: E501 - the texts are prose
"""The annual report, a PDF of four pages."""

from __future__ import annotations

from pathlib import Path

from reportlab.graphics.shapes import Drawing, Polygon, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from visitors import MONTHS, VISITORS

__all__ = ["annual_report"]

NAVY, RED, PALE = colors.HexColor("#12324a"), colors.HexColor("#b23a2e"), colors.HexColor("#eef3f6")
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
