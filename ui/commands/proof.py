"""`wherefrom audit checkpoint|prove|consistency|keys`: what an outsider needs to believe the ledger."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ui.commands.output import Output, counted, shown
from ui.commands.session import open_client, read_note, write_out

if TYPE_CHECKING:
    from ui.proof_api import KeyRow

__all__ = ["checkpoint", "consistency", "keys", "prove"]

NOT_CONSISTENT = 1
_ENDS = {"": "current", "rotated": "rotated", "lost": "lost"}


def checkpoint(options: argparse.Namespace, output: Output) -> int:
    """Sign the ledger as it is now; write or print the signed note where that is asked for."""
    with open_client() as client:
        made = client.checkpoint()
        state = client.checkpoints()
    value = made.model_dump() | {"folder": state.folder, "second": state.second, "problems": state.problems}
    if options.export:
        value["file"] = str(write_out(options.export, made.note.encode()))

    def words() -> None:
        output.line(f"Signed: {counted(made.size, 'event')}.")
        if options.export:
            output.line(
                f"The checkpoint is in {shown(str(value['file']))}. Keep it where this machine cannot reach it."
            )
        if options.print:
            output.line()
            output.piece(made.note)
            output.line()
        output.line(f"For paper: {made.code}")
        for problem in state.problems:
            output.line(f"Note: {shown(problem)}")

    output.result(value, words)
    return 0


def prove(options: argparse.Namespace, output: Output) -> int:
    """Inclusion proofs, as JSON or as C2SP tlog-proofs one after the other."""
    with open_client() as client:
        found = client.prove(options.subject)

    def words() -> None:
        for proof in found.proofs:
            output.line(f"event {proof.seq} ({proof.kind}) {proof.digest}")
            output.line(proof.proof)
        output.line(f"Signed by {found.vkey}")

    output.result(found.model_dump(), words)
    return 0


def consistency(options: argparse.Namespace, output: Output) -> int:
    """Whether the ledger only grew between two checkpoints. Status 1 where it did not."""
    with open_client() as client:
        found = client.consistency(_size_or_note(options.old), _size_or_note(options.new))

    def words() -> None:
        if found.ok:
            output.line(f"The ledger of {found.new_size} events begins with that of {found.old_size}.")
            for part in found.proof:
                output.line(f"  {part}")
        else:
            output.line(f"NOT consistent. {found.reason}")

    output.result(found.model_dump(), words)
    return 0 if found.ok else NOT_CONSISTENT


def keys(options: argparse.Namespace, output: Output) -> int:
    """Show every key, or go on with a new one."""
    with open_client() as client:
        if options.action != "show":
            client.rotate_key(lost=options.action == "replace-lost")
        rows = client.signing_keys()

    def words() -> None:
        for row in rows:
            _show_key(row, output)
        if not rows:
            output.line("This ledger has no key yet; the first checkpoint makes one.")
        elif options.action != "show":
            output.line("Tell those who check this ledger the new key.")

    output.result({"keys": [row.model_dump() for row in rows]}, words)
    return 0


def _show_key(row: KeyRow, output: Output) -> None:
    until = f" to {row.until}" if row.until else ""
    trust = "" if row.vouched else ", NOT vouched for by the key before it"
    output.line(f"{_ENDS[row.end]}, since {row.since}{until}{trust}")
    output.line(f"  {row.vkey}")


def _size_or_note(argument: str) -> str:
    return argument if not argument or (argument.isdigit() and not Path(argument).exists()) else read_note(argument)
