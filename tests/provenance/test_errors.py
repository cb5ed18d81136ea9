"""The error tree is cheap: every command, `--help` included, pays for it."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_errors_loads_no_database_library() -> None:
    code = "import sys, provenance.errors; print([m for m in ('sqlalchemy', 'alembic', 'rfc8785') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
