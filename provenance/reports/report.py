"""What a report about one answer says, whatever its form."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["LABEL", "Report", "ReportEvent", "ReportSource"]

LABEL = "Written by an AI model from the sources below. Check what matters."


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSource:
    """One citation: which document, where in it, and the words."""

    n: int
    document: str
    place: str = ""  # "page 3"
    quote: str = ""
    digest: str = ""  # SHA-256 of the document, hex


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportEvent:
    """One event of the ledger, in a line."""

    seq: int
    at: str
    title: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """An answer with its origin. Texts are plain; each form escapes them."""

    run: str
    at: str  # RFC 3339
    question: str = ""  # empty: withheld
    answer: str = ""
    refused: bool = False
    withheld: bool = False  # private texts are left out on purpose
    sources: tuple[ReportSource, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()  # model, weights, seed ...: (name, value)
    events: tuple[ReportEvent, ...] = field(default=())
    checkpoint: str = ""  # the code of the checkpoint that covers the events
    vkey: str = ""

    @property
    def title(self) -> str:
        """The question in a line, or what stands for it."""
        line = " ".join(self.question.split())
        return (line if len(line) <= 120 else f"{line[:119]}…") or f"Answer {self.run}"
