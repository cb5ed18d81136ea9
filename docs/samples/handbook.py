# ruff: noqa: E501 - the texts are prose
"""The maintenance handbook, a DOCX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from docx import Document
from docx.shared import Cm, Pt, RGBColor
from freezing import MADE, freeze

__all__ = ["handbook"]


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
    freeze(path)


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
