"""Makes the samples in `ui/samples` that are no plain text: of an invented trust, so that no model knows a word of it.

    python docs/samples/make_samples.py [FOLDER]

Needs reportlab, python-docx and openpyxl (development only). The same run gives the same bytes, so that the digests of
a fresh library are the same everywhere. The minutes, the suppliers and the letter are written by hand.
"""

from __future__ import annotations

import sys
from pathlib import Path

from annual_report import annual_report
from handbook import handbook
from visitors import visitors

ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> None:
    """Write every sample."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "ui" / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    annual_report(folder / "annual-report-2024.pdf")
    handbook(folder / "maintenance-handbook.docx")
    visitors(folder / "visitors.xlsx")


if __name__ == "__main__":
    main()
