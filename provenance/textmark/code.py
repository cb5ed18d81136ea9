"""Code carries no mark in its words: a lean would change programs. It carries a line that names its record instead.

The line is a courtesy to whoever reads the code, not a proof: anybody can write or delete it. What recognises code
without it is the fingerprint of the answer in the ledger.
"""

from __future__ import annotations

import re

__all__ = ["code_with_header", "record_named_in"]

_SAYS = "Written by AI (Wherefrom), record"
_SIGNS = {"sql": "--", "lua": "--", "haskell": "--", "html": "<!--", "xml": "<!--", "css": "/*"} | dict.fromkeys(
    ("javascript", "js", "typescript", "ts", "java", "c", "cpp", "c++", "csharp", "go", "rust", "swift", "kotlin"), "//"
)
_ENDS = {"<!--": " -->", "/*": " */"}
_HEADER = re.compile(re.escape(_SAYS) + r" (r-[0-9A-Za-z-]{4,64})\b")
_FIRST_LINES = re.compile(
    r"\A(?:#![^\n]*\n)?(?:#[^\n]*coding[:=][^\n]*\n|<\?xml[^\n]*\n|<!doctype[^\n]*\n)?", re.IGNORECASE
)


def code_with_header(code: str, *, run: str, language: str = "python") -> str:
    """The code with one comment line that says that a machine wrote it and where its record is.

    It goes below a first line that must stay first (`#!`, encoding, `<?xml`). A header that is there is replaced.

    Example:
        >>> print(code_with_header("print(1)", run="r-1234"))
        # Written by AI (Wherefrom), record r-1234
        print(1)
    """
    sign = _SIGNS.get(language.lower(), "#")
    line = f"{sign} {_SAYS} {run}{_ENDS.get(sign, '')}\n"
    bare = "".join(row for row in code.splitlines(keepends=True) if not _HEADER.search(row))
    first = _FIRST_LINES.match(bare)
    at = first.end() if first else 0
    return bare[:at] + line + bare[at:]


def record_named_in(text: str) -> str | None:
    """The record that a header in the text names, if there is one."""
    found = _HEADER.search(text)
    return found.group(1) if found else None
