"""`wherefrom verify FILE|-`: is this ours, and what says so. Status 0 ours, 1 not ours or cannot tell."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.errors import NotFoundError, StorageError, UsageError
from ui.commands.output import Output, shown

if TYPE_CHECKING:
    from provenance.verify import Verdict
    from ui.settings import Settings

__all__ = ["verify"]

NOT_OURS = 1
_SAID = {"ours": "Ours.", "not ours": "Not ours.", "cannot tell": "Cannot tell."}


def verify(options: argparse.Namespace, output: Output) -> int:
    """The verdict with its evidence; with `--restore`, the file with its credentials given back."""
    from ui.origins import verifier
    from ui.settings import load_settings

    settings = load_settings()
    subject = _input(options.file)
    with verifier(settings) as judge:
        found = judge.verify(subject)
    restored = _restore(settings, subject, found, options.restore) if options.restore else None
    value = {"verdict": found.verdict, "evidence": [asdict(one) for one in found.evidence], "run": found.run}
    if restored is not None:
        value["restored"] = str(restored)
    output.result(value, lambda: _show(found, restored, output))
    return 0 if found.verdict == "ours" else NOT_OURS


def _input(name: str) -> bytes | Path:
    from provenance.verify import MOST_BYTES

    if name != "-":
        return Path(name)
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError("Standard input is larger than 512 MiB.", hint="Verify a smaller file.")
    return data


def _restore(settings: Settings, subject: bytes | Path, found: Verdict, target: str) -> Path:
    """Write the file with its first manifest inside a new signature.

    Raises:
        NotFoundError: If it is not ours, or no manifest of its record is kept.
        CredentialError: If the file is of a kind that carries none.
        StorageError: If it cannot be written.
    """
    from ui.origins import restored

    if found.verdict != "ours" or not found.run:
        raise NotFoundError("No manifest is kept for this file, so none can be given back.")
    data = subject if isinstance(subject, bytes) else subject.read_bytes()
    signed = restored(settings, data, found.run)
    path = Path(target)
    try:
        path.write_bytes(signed)
    except OSError as exc:
        reason = exc.strerror or "it cannot be opened"
        raise StorageError(f"{shown(target)} cannot be written: {reason}.", hint="Name another file.") from exc
    return path


def _show(found: Verdict, restored: Path | None, output: Output) -> None:
    output.line(_SAID[found.verdict])
    for one in found.evidence:
        output.line(f"  {one.strength:<8} {one.kind}: {shown(one.sentence)}")
    if found.run:
        output.line(f"Record: {shown(found.run)} (`wherefrom record {shown(found.run)}` shows it)")
    if restored is not None:
        output.line(f"Written with its credentials: {shown(str(restored))}")
