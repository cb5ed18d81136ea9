"""The visitors' table, an XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import openpyxl
from freezing import MADE, freeze
from openpyxl.styles import Alignment, Font, PatternFill

__all__ = ["MONTHS", "VISITORS", "visitors"]

MONTHS = ("March", "April", "May", "June", "July", "August", "September", "October")
VISITORS = {2023: (412, 1236, 2318, 3104, 4215, 4387, 1986, 774), 2024: (538, 1391, 2702, 3650, 4866, 4921, 2145, 854)}


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
    freeze(path)


def _dress(sheet: object, widths: Sequence[int]) -> None:
    sheet["A1"].font = Font(bold=True, size=14, color="12324A")  # type: ignore[index]
    for cell in sheet[2]:  # type: ignore[index]
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="12324A")
        cell.alignment = Alignment(horizontal="center")
    for letter, width in zip("ABCDEF", widths, strict=False):
        sheet.column_dimensions[letter].width = width  # type: ignore[attr-defined]
