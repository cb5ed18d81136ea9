"""`wherefrom doctor`: what can be told from outside first, then what the engine says of itself."""

from __future__ import annotations

import argparse

from provenance.errors import AppError
from ui.api import Check
from ui.commands.output import Output, shown
from ui.commands.session import open_client
from ui.settings import load_settings

__all__ = ["doctor"]

NOT_VERIFIED = 1


def doctor(options: argparse.Namespace, output: Output) -> int:
    """All checks; status 1 if one failed. An engine that cannot start is a finding, not the end."""
    settings = load_settings()
    try:
        with open_client(settings) as client:
            checks = client.doctor(full=options.full)
    except AppError as exc:
        from ui.doctor import local_checks

        checks = local_checks(settings, full=options.full)
        checks.append(Check(name="engine", ok=False, detail=str(exc), hint=exc.hint))
    good = all(check.ok for check in checks)

    def words() -> None:
        for check in checks:
            output.line(f"{'ok ' if check.ok else 'BAD'} {check.name}: {shown(check.detail)}")
            if not check.ok and check.hint:
                output.line(f"    {shown(check.hint)}")
        output.line("Everything is in order." if good else "Not everything is in order.")

    output.result({"ok": good, "checks": [check.model_dump() for check in checks]}, words)
    return 0 if good else NOT_VERIFIED
