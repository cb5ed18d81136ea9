"""`wherefrom pack` and `wherefrom export`: what a person hands to somebody else, signed."""

from __future__ import annotations

import argparse
import hashlib
from typing import TYPE_CHECKING

from provenance.errors import UsageError
from ui.commands.audit import last_run
from ui.commands.output import Output, shown
from ui.commands.session import open_client, write_out

if TYPE_CHECKING:
    from ui.proof_api import ExportedFile

__all__ = ["export", "pack"]

_SUFFIXES = {".pdf": "pdf", ".docx": "docx", ".html": "html", ".htm": "html", ".json": "prov"}


def pack(options: argparse.Namespace, output: Output) -> int:
    """One zip that verifies itself."""
    with open_client() as client:
        run = last_run(client) if options.run == "last" else options.run
        made = client.pack(run, private=not options.public)
    value = _written(made, options.out or made.name)

    def words() -> None:
        output.line(f"The evidence is in {shown(str(value['file']))}.")
        output.line("Whoever gets it takes verify.py out, reads it, and runs: python3 -I -S verify.py PACK.zip")
        private = "withheld" if options.public else "inside: question, passages and answer"
        output.line(f"Private texts are {private}.")

    output.result({"run": run, "private": not options.public, **value}, words)
    return 0


def export(options: argparse.Namespace, output: Output) -> int:
    """A signed report, or the record as W3C PROV; the form follows from the file's name."""
    suffix = next((end for end in _SUFFIXES if options.to.lower().endswith(end)), None)
    if suffix is None:
        raise UsageError("The form is not clear from the name of the file.", hint=f"End it in {', '.join(_SUFFIXES)}.")
    with open_client() as client:
        run = last_run(client) if options.run == "last" else options.run
        made = client.export(run, _SUFFIXES[suffix], private=not options.public)
    value = _written(made, options.to)
    if made.note:
        value["note"] = str(write_out(f"{options.to}.note", made.note.encode()))

    def words() -> None:
        output.line(f"Written: {shown(str(value['file']))}.")
        if made.note:
            output.line(f"Its signature lies beside it: {shown(str(value['note']))}.")
        elif _SUFFIXES[suffix] != "prov":
            output.line("It carries Content Credentials; `wherefrom verify` reads them.")

    output.result({"run": run, "form": _SUFFIXES[suffix], **value}, words)
    return 0


def _written(made: ExportedFile, name: str) -> dict[str, object]:
    path = write_out(name, made.data)
    return {"file": str(path), "bytes": len(made.data), "sha256": hashlib.sha256(made.data).hexdigest()}
