"""Proof: the ledger held against its checkpoints, checkpoints made, proofs handed out, keys changed."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provenance.checkpoint import Checkpoint
from provenance.errors import CredentialError, NotFoundError, UsageError
from provenance.merkle import verify_consistency
from provenance.note import VerifierKey, open_note
from provenance.proof import InclusionProof
from ui.engine.calls.base import Calls
from ui.proof_api import (
    CheckpointRow,
    CheckpointState,
    Consistency,
    KeyRow,
    ProofRow,
    Proofs,
    Verification,
)

if TYPE_CHECKING:
    from provenance.entry import Entry

__all__ = ["ProofCalls"]


class ProofCalls(Calls):
    """`verify` to `rotate_key` of `ProofApi`."""

    def verify(self, *, notes: Sequence[str] = (), codes: Sequence[str] = (), head: str = "") -> Verification:
        """Walk the whole ledger and hold it against every checkpoint there is."""
        notary = self.parts.notary
        strangers = [problem for note in notes if (problem := self._stranger(note))]
        ours = [note for note in notes if not self._stranger(note)]
        found = notary.verify(expected_head=head or None, codes=codes, notes=ours)
        kept = notary.exported()
        brought = [Checkpoint.parse(note, self.parts.keys.known()) for note in ours]
        return Verification(
            ok=found.ok and not strangers,
            events=found.events,
            head=found.head,
            first_bad=found.first_bad,
            reason=" ".join([*([found.reason] if found.reason else []), *strangers]),
            seconds=found.seconds,
            notes=list(found.notes),
            checkpoints=len({(one.size, one.root) for one in (*kept, *brought)}) + len(codes),
            signed=max((one.size for one in (*kept, *brought) if one.size <= found.events), default=0),
        )

    def checkpoint(self) -> CheckpointRow:
        """Sign the ledger as it is now."""
        return self._row(self.parts.checkpointing.make())

    def checkpoints(self) -> CheckpointState:
        """How the notary stands. Makes nothing, raises nothing about keys: it says what is wrong."""
        parts, settings = self.parts, self.parts.settings
        second = settings.checkpoint_folder
        kept, problems = parts.notary.exported(), parts.notary.problems()
        try:
            history = parts.keys.history()
        except CredentialError as exc:
            history, problems = [], [*problems, f"{exc} {exc.hint}"]
        return CheckpointState(
            newest=self._row(kept[-1]) if kept else None,
            events=parts.ledger.head().seq,
            kept=len(kept),
            folder=str(parts.checkpoint_folder),
            second=str(second or ""),
            second_there=bool(second and second.is_dir()),
            vkey=history[-1].vkey if history else "",
            problem=parts.checkpointing.problem,
            problems=problems,
        )

    def prove(self, subject: str) -> Proofs:
        """For the number of an event, or the id of a run."""
        entries = self._entries(subject.strip())
        newest = self.parts.notary.newest()
        if newest is None or newest.size < entries[-1].seq:
            self.parts.checkpointing.make()
        proofs = [(entry, self.parts.notary.prove(entry.seq)) for entry in entries]
        note = proofs[-1][1].checkpoint
        known = self.parts.keys.known()
        return Proofs(
            checkpoint=note,
            size=Checkpoint.parse(note, known).size,
            vkey=str(next(key for key in reversed(known) if _signed(note, key))),
            proofs=[_proof(entry, proof) for entry, proof in proofs],
        )

    def consistency(self, old: str, new: str = "") -> Consistency:
        """Between two checkpoints, or sizes of the ledger."""
        notary = self.parts.notary
        before, after = self._tree_head(old), self._tree_head(new)
        if before[0] > after[0]:
            before, after = after, before
        roots = notary.root(before[0]), notary.root(after[0])
        expected = before[1] or roots[0], after[1] or roots[1]
        proof = notary.consistency(before[0], after[0])
        ok = verify_consistency(before[0], after[0], expected[0], expected[1], proof)
        return Consistency(
            ok=ok,
            old_size=before[0],
            old_root=expected[0].hex(),
            new_size=after[0],
            new_root=expected[1].hex(),
            proof=[base64.b64encode(part).decode() for part in proof],
            reason="" if ok else "The ledger does not lead from one to the other: it was changed or written anew.",
        )

    def signing_keys(self) -> list[KeyRow]:
        """Every key of this ledger."""
        keys = self.parts.keys
        return [KeyRow(**asdict(record), vouched=keys.vouched(record)) for record in keys.history()]

    def rotate_key(self, *, lost: bool = False) -> KeyRow:
        """A new key, and a checkpoint with it: from now on the ledger itself names it."""
        if lost:
            self.parts.keys.replace_lost()
        else:
            self.parts.keys.rotate()
        self.parts.checkpointing.make()
        return self.signing_keys()[-1]

    def _stranger(self, note: str) -> str:
        """Why a checkpoint that was brought does not count; empty where it does."""
        try:
            Checkpoint.parse(note, self.parts.keys.known())
        except CredentialError as exc:
            return f"The checkpoint that was brought is not this ledger's: {exc}"
        return ""

    def _entries(self, subject: str) -> list[Entry]:
        ledger = self.parts.ledger
        if subject.isdigit():
            found = ledger.entries(after=int(subject) - 1, limit=1) if 0 < int(subject) < 2**62 else []
            if found and found[0].seq == int(subject):
                return found
            raise NotFoundError(f"The ledger has no event {subject}.", hint="`wherefrom audit list` shows the runs.")
        found = ledger.entries(run=subject, limit=2**31)
        if not found:
            raise NotFoundError(f"There is no run {subject!r}.", hint="`wherefrom audit list` shows them.")
        return found

    def _tree_head(self, text: str) -> tuple[int, bytes | None]:
        """Size and, where a checkpoint says so, root."""
        text = text.strip("\ufeff \t")
        head = self.parts.ledger.head().seq
        if not text:
            return head, None
        if text.isdigit():
            if not 0 <= int(text) <= head:
                raise UsageError(f"The ledger has {head:,} events, not {int(text):,}.", hint="Name a smaller size.")
            return int(text), None
        checkpoint = Checkpoint.parse(text, self.parts.keys.known())
        if checkpoint.size > head:
            raise UsageError(
                f"The ledger has {head:,} events, the checkpoint was made at {checkpoint.size:,}.",
                hint="`wherefrom audit verify --against` says where it was cut.",
            )
        return checkpoint.size, checkpoint.root

    def _row(self, made: Checkpoint) -> CheckpointRow:
        path = self.parts.notary.path_of(made)
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds") if path else ""
        return CheckpointRow(
            size=made.size,
            root=made.root.hex(),
            origin=made.origin,
            note=made.note,
            code=made.code,
            at=at.replace("+00:00", "Z"),
        )


def _signed(note: str, key: VerifierKey) -> bool:
    try:
        open_note(note, [key])
    except CredentialError:
        return False
    return True


def _proof(entry: Entry, proof: InclusionProof) -> ProofRow:
    return ProofRow(
        seq=entry.seq,
        digest=entry.digest,
        kind=entry.kind,
        run=entry.run,
        path=[base64.b64encode(part).decode() for part in proof.path],
        proof=str(proof),
    )
