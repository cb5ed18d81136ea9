"""Where the data sets of the measurements lie: the folder a person names, else the shared one beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

from provenance.errors import NotFoundError

__all__ = ["data_folder"]


def data_folder(named: str | None, *below: str) -> Path:
    """The folder `named`, or `below` the evaluation data: `WHEREFROM_EVAL`, else `../shared/eval` beside the checkout.

    Raises:
        NotFoundError: If there is no such folder.
    """
    if named is not None:
        folder = Path(named)
    else:
        root = os.environ.get("WHEREFROM_EVAL")
        folder = (Path(root) if root else Path(__file__).resolve().parents[2] / "shared" / "eval").joinpath(*below)
    if not folder.is_dir():
        raise NotFoundError(f"There is no data at {str(folder)!r}.", hint="Name a folder with --data.")
    return folder
