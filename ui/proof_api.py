"""What the page and the command line may ask about proof: checkpoints, keys, erasure, packs, replay, exports.

A part of `ui.api.EngineApi`, in a module of its own; it imports nothing heavy either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "FORMS",
    "ActivityState",
    "CheckpointRow",
    "CheckpointState",
    "Consistency",
    "DayRow",
    "Erased",
    "ExportedFile",
    "GuardRow",
    "KeyRow",
    "MarkRow",
    "Mention",
    "ProofApi",
    "ProofRow",
    "Proofs",
    "Replayed",
    "Verification",
]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Verification(_Wire):
    """What `audit verify` found."""

    ok: bool
    events: int
    head: str
    first_bad: int | None = None
    reason: str = ""
    seconds: float = 0.0
    notes: list[str] = Field(default_factory=list)  # not wrong, but worth knowing
    checkpoints: int = 0  # signed tree heads that the ledger was held against
    signed: int = 0  # events that the newest of them covers


class CheckpointRow(_Wire):
    """A signed tree head: the ledger as it was at `size` events."""

    size: int
    root: str  # hex
    origin: str
    note: str  # the signed note, to be kept elsewhere
    code: str  # the same for paper
    at: str = ""  # when the file was written, by this machine's clock


class CheckpointState(_Wire):
    """How the ledger's notary stands."""

    newest: CheckpointRow | None = None
    events: int = 0  # in the ledger now
    kept: int = 0  # exported checkpoints that count
    folder: str = ""
    second: str = ""  # the second place, where a setting names one
    second_there: bool = False
    vkey: str = ""
    problem: str = ""  # why the last attempt failed
    problems: list[str] = Field(default_factory=list)  # with exported copies


class KeyRow(_Wire):
    """One key that this ledger was signed with. The last one is current."""

    vkey: str
    since: str
    until: str = ""
    end: Literal["", "rotated", "lost"] = ""
    vouched: bool = True  # the key before it signed that this one follows


class ProofRow(_Wire):
    """The proof that one event is in the ledger."""

    seq: int
    digest: str
    kind: str
    run: str
    path: list[str]  # base64, from the leaf's sibling up
    proof: str  # C2SP tlog-proof: the path and the signed checkpoint in one text


class Proofs(_Wire):
    """Proofs against one checkpoint, and the public key that checks it."""

    checkpoint: str
    size: int
    vkey: str
    proofs: list[ProofRow]


class Consistency(_Wire):
    """Whether the ledger at `new` begins with the ledger at `old`, and the proof of it."""

    ok: bool
    old_size: int
    old_root: str  # hex
    new_size: int
    new_root: str
    proof: list[str] = Field(default_factory=list)  # base64
    reason: str = ""


class Mention(_Wire):
    """A document of the library whose text names a person who is to be erased."""

    document_id: int
    name: str
    passages: int


class Erased(_Wire):
    """What an erasure took, or, with `dry_run`, what it would take."""

    dry_run: bool
    scope: Literal["run", "document", "person"]
    of: str  # the run, or the document's digest; empty for a person
    run: str = ""  # under which the erasure itself is recorded
    contents: int = 0  # private texts of the ledger
    runs: list[str] = Field(default_factory=list)  # those they belonged to
    answers: int = 0  # of conversations
    questions: int = 0
    manifests: int = 0
    documents: list[str] = Field(default_factory=list)  # taken out of the library
    mentions: list[Mention] = Field(default_factory=list)  # documents that still name the person: delete them, or not


FORMS = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "prov": "application/json",
}


class ExportedFile(BaseModel):
    """A file for a person to keep."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    mime: str
    data: bytes
    note: str = ""  # a signed note about it, where the file itself cannot hold a signature


class Replayed(_Wire):
    """What became of a question that was asked again."""

    run: str
    verdict: Literal["bit-equal", "textually equal", "changed", "cannot replay"]
    cause: str = ""  # why it is not bit-equal, most telling first
    differences: list[str] = Field(default_factory=list)  # what is not as it was, whether or not it mattered
    answer: str = ""
    replayed: str = ""
    seconds: float = 0.0


class DayRow(_Wire):
    """Runs of one day that are alike."""

    day: str
    kind: str
    model: str
    outcome: str
    count: int


class GuardRow(_Wire):
    """Decisions of one guard."""

    ring: str
    action: str
    count: int


class MarkRow(_Wire):
    """Things of one kind that left alike; see `provenance.activity`."""

    what: str
    state: str  # "marked", "signed", "marked and signed" or "neither"
    count: int


class ActivityState(_Wire):
    """What was made, by which model, what was blocked, and what left marked or signed."""

    days: list[DayRow] = Field(default_factory=list)
    guards: list[GuardRow] = Field(default_factory=list)
    marks: list[MarkRow] = Field(default_factory=list)
    signed: int = 0
    models: list[str] = Field(default_factory=list)


class ProofApi(Protocol):
    """Every call may raise an `AppError`, as in `EngineApi`."""

    def verify(self, *, notes: Sequence[str] = (), codes: Sequence[str] = (), head: str = "") -> Verification:
        """The whole ledger, against itself, its exported checkpoints, and what is brought along."""

    def activity(self, *, days: int = 30) -> ActivityState:
        """Counts of the last days, for charts."""

    def checkpoint(self) -> CheckpointRow:
        """Sign the ledger as it is now."""

    def checkpoints(self) -> CheckpointState:
        """The newest checkpoint, and whether all is well with them. Makes none."""

    def prove(self, subject: str) -> Proofs:
        """Inclusion proofs for an event (its number) or for every event of a run (its id)."""

    def consistency(self, old: str, new: str = "") -> Consistency:
        """`old` and `new` are sizes or the texts of checkpoints; an empty `new` is the ledger as it is now."""

    def signing_keys(self) -> list[KeyRow]:
        """Every key so far, oldest first."""

    def rotate_key(self, *, lost: bool = False) -> KeyRow:
        """Go on with a new key; `lost` where the private key is gone."""

    def erase(
        self,
        *,
        run: str = "",
        document: str = "",
        names: Sequence[str] = (),
        requested_by: str = "",
        reason: str = "",
        dry_run: bool = False,
    ) -> Erased:
        """Erase the private texts of one run, one document (id, name or digest), or of a person (every spelling).

        The ledger stays whole and says what went, when, by whose request.
        """

    def pack(self, run: str, *, private: bool = True) -> ExportedFile:
        """The evidence pack of a run: a zip that verifies itself. `private`: with question, passages and answer."""

    def replay(self, run: str) -> Replayed:
        """Ask a run's question again as it was asked, and compare. What is recorded of it is the verdict."""

    def export(self, run: str, form: str, *, private: bool = True) -> ExportedFile:
        """The answer of a run as a signed report (`pdf`, `docx`, `html`), or its record as W3C PROV (`prov`)."""
