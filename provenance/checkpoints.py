"""The ledger's notary: makes checkpoints, exports them, holds the ledger against them, and hands out proofs.

    notary = Checkpoints(ledger, LedgerKeys(home / "keys" / "ledger"), home / "checkpoints", second=other_disk)
    notary.make()          # after a run, or now and then
    notary.verify()        # everything `Ledger.verify` finds, and a cut tail or an older copy too

It never signs a checkpoint that does not follow from the newest exported one: a database that was put back to an older
copy, or written anew, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from provenance.checkpoint import Checkpoint, read_code
from provenance.entry import Head
from provenance.errors import CredentialError, LedgerCorruptError, LedgerError, NotFoundError, StorageError
from provenance.keys import LedgerKeys
from provenance.ledger import Ledger
from provenance.merkle import verify_inclusion
from provenance.proof import InclusionProof
from provenance.tree import Tree, leaf_of
from provenance.verification import TreeHead, Verification
from provenance.whole_file import write_whole

__all__ = ["Checkpoints"]

HOUSE_RUN = "ledger"  # what the ledger records about itself; sorts behind every run of a person
KEPT = 100  # exported files a folder; older ones say nothing that newer ones do not


class Checkpoints:
    """Checkpoints of one ledger, exported to a folder and, if named, to a second place on another medium."""

    def __init__(self, ledger: Ledger, keys: LedgerKeys, folder: Path, *, second: Path | None = None) -> None:
        self._ledger = ledger
        self._keys = keys
        self._folders = [folder, *([second] if second else [])]
        self._tree = Tree(ledger.database)

    def make(self) -> Checkpoint:
        """Sign the ledger as it is now and export the checkpoint; the newest one again if nothing was added.

        Raises:
            LedgerCorruptError: If the ledger does not follow from the newest exported checkpoint. Nothing is signed.
            CredentialError: If the key is missing, damaged or readable by others.
            StorageError: If the first folder cannot be written.
        """
        key = self._keys.current()
        self._announce(str(key.verifier))
        try:
            size = self._tree.extend()
        except LedgerCorruptError:  # or the stored hashes are spoilt: built anew, the signed root decides
            size = self._tree.rebuild()
        self._check_follows(size)
        checkpoint = Checkpoint.sign(size, self._tree.root(size), key)
        for number, folder in enumerate(self._folders):
            try:
                _export(folder, checkpoint)
            except OSError as exc:
                if number == 0:  # the second place may be a disk that is not plugged in: `problems` says so
                    raise StorageError(
                        f"The checkpoint cannot be written: {exc.strerror}.", hint=f"Check {folder} and its free space."
                    ) from exc
        return checkpoint

    def exported(self) -> list[Checkpoint]:
        """The good checkpoints in all places, oldest first; each once."""
        return self._read()[0]

    def problems(self) -> list[str]:
        """What is wrong with the exported copies, one sentence each; empty when all is well."""
        return self._read()[1]

    def verify(
        self,
        *,
        expected_head: Head | str | None = None,
        codes: Iterable[str] = (),
        notes: Iterable[str] = (),
    ) -> Verification:
        """Hold the ledger against itself and every checkpoint: exported, printed (`codes`), or brought (`notes`).

        Raises:
            UsageError: If a code or the head is mistyped.
            CredentialError: If a note that was brought is not signed by a key of this ledger.
            StorageError: If the database cannot be read.
        """
        found, problems = self._read()
        brought = [Checkpoint.parse(note, self._keys.known()) for note in notes]
        heads = [*(_head(one) for one in (*found, *brought)), *(read_code(code) for code in codes)]
        result = self._ledger.verify(expected_head=expected_head, tree_heads=heads)
        if not heads:
            problems = [*problems, "There is no checkpoint: a cut tail or an older copy cannot be seen."]
        return _noted(result, problems)

    def prove(self, seq: int) -> InclusionProof:
        """The proof that entry `seq` is in the ledger, against the newest checkpoint (made if there is none yet).

        Raises:
            NotFoundError: If there is no such entry.
            LedgerCorruptError: If the entry is not the one that the checkpoint covers.
            CredentialError, StorageError: As `make`.
        """
        entries = self._ledger.entries(after=seq - 1, limit=1) if seq > 0 else []
        if not entries or entries[0].seq != seq:
            raise NotFoundError(f"The ledger has no entry {seq}.", hint="`wherefrom audit list` shows the runs.")
        newest = self.newest()
        checkpoint = newest if newest is not None and newest.size >= seq else self.make()
        leaf = leaf_of(entries[0].digest)
        path = self._path(leaf, seq, checkpoint)
        if path is None:
            self._tree.rebuild()  # the stored hashes may be lost or spoilt; the entries decide
            path = self._path(leaf, seq, checkpoint)
        if path is None:
            hint = "Run `wherefrom audit verify`."
            raise LedgerCorruptError(f"Entry {seq} is not the one that was signed.", seq=seq, hint=hint)
        return InclusionProof(seq=seq, path=tuple(path), checkpoint=checkpoint.note)

    def consistency(self, old: Checkpoint | int, new: Checkpoint | int) -> list[bytes]:
        """The proof that the ledger at `new` begins with the ledger at `old`, each a checkpoint or a size.

        Raises:
            LedgerError: If the ledger is smaller than `new`.
            ValueError: If `old` is larger than `new`.
        """
        self._tree.extend()
        sizes = [one if isinstance(one, int) else one.size for one in (old, new)]
        return self._tree.consistency(sizes[0], sizes[1])

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries. Raises LedgerError if there are fewer."""
        self._tree.extend()
        return self._tree.root(size)

    def path_of(self, checkpoint: Checkpoint) -> Path | None:
        """The file of an exported checkpoint; None where it is not there any more."""
        paths = [folder / _file_name(checkpoint) for folder in self._folders]
        return next((path for path in paths if path.is_file()), None)

    def _path(self, leaf: bytes, seq: int, checkpoint: Checkpoint) -> list[bytes] | None:
        """The path that holds against the checkpoint; None if the stored hashes give none."""
        try:
            path = self._tree.inclusion(seq, checkpoint.size)
        except LedgerError:  # a tile is missing
            return None
        return path if verify_inclusion(leaf, seq - 1, checkpoint.size, path, checkpoint.root) else None

    def _announce(self, vkey: str) -> None:
        """The ledger itself says which key signs it, and since when."""
        told = self._ledger.last("ledger_key")
        if told is None or told.body.get("vkey") != vkey:
            before = told.body.get("vkey") if told else None
            record = self._keys.history()[-1]
            body = {"vkey": vkey, "before": before, "vouched": self._keys.vouched(record)}
            self._ledger.append(kind="ledger_key", run=HOUSE_RUN, body=body)

    def _check_follows(self, size: int) -> None:
        newest = self.newest()
        if newest is None:
            return
        hint = "Run `wherefrom audit verify`, and put the newest backup of the data folder in its place."
        if newest.size > size:
            message = f"The ledger had {newest.size} entries when it was last signed, now it has {size}."
            raise LedgerCorruptError(message, seq=size + 1, hint=hint)
        if self._tree.root(newest.size) != newest.root:
            self._tree.rebuild()
            if self._tree.root(newest.size) != newest.root:
                message = f"The first {newest.size} entries are not those that were signed."
                raise LedgerCorruptError(message, seq=1, hint=hint)

    def newest(self) -> Checkpoint | None:
        """The newest good checkpoint, without reading the older ones; None while there is none.

        Raises:
            CredentialError: If the list of public keys is damaged.
        """
        known = self._keys.known()
        for path in sorted(self._files(), key=lambda path: path.name, reverse=True):
            with suppress(OSError, ValueError, CredentialError):  # `problems` names them
                checkpoint = Checkpoint.parse(path.read_text(encoding="utf-8"), known)
                if path.name == _file_name(checkpoint):  # an older one under a higher number is not the newest
                    return checkpoint
        return None

    def _files(self) -> list[Path]:
        return [path for folder in self._folders for path in sorted(folder.glob("*.checkpoint"))]

    def _read(self) -> tuple[list[Checkpoint], list[str]]:
        """The good checkpoints, smallest first, and what is wrong with the others."""
        away = [folder for folder in self._folders[1:] if not folder.is_dir()]
        problems = [f"The second place for checkpoints, {folder}, is not there." for folder in away]
        try:
            known = self._keys.known()
        except CredentialError as exc:
            return [], [*problems, f"The checkpoints could not be checked: {exc}"]
        good: dict[tuple[int, bytes], Checkpoint] = {}
        for path in self._files():
            try:
                checkpoint = Checkpoint.parse(path.read_text(encoding="utf-8"), known)
                good[checkpoint.size, checkpoint.root] = checkpoint
            except (OSError, ValueError) as exc:
                problems.append(f"The checkpoint {path} cannot be read: {exc}.")
            except CredentialError as exc:
                problems.append(f"The checkpoint {path} does not count: {exc}")
        return sorted(good.values(), key=lambda one: one.size), problems


def _export(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the file whole or not at all, and drop the oldest ones beyond `KEPT`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _file_name(checkpoint)
    write_whole(path, checkpoint.note.encode("utf-8"), mode=0o644)
    for old in sorted(folder.glob("*.checkpoint"))[:-KEPT]:
        old.unlink(missing_ok=True)


def _file_name(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.size:012d}.checkpoint"


def _head(checkpoint: Checkpoint) -> TreeHead:
    return TreeHead(size=checkpoint.size, root=checkpoint.root, source=f"the checkpoint of size {checkpoint.size}")


def _noted(result: Verification, problems: Sequence[str]) -> Verification:
    return replace(result, notes=(*result.notes, *problems))
