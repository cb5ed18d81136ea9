"""What `wherefrom bench` measured last on this machine, kept in the data folder for the cards that quote it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["MEASURED", "keep_result", "number_table", "results"]

MEASURED = "measured"  # the folder of results in the data folder
MOST_NUMBERS = 30  # of one measurement: a card is read by people


def keep_result(home: Path, name: str, result: dict[str, Any]) -> None:
    """Keep the newest result of a measurement where a card finds it; only in a data folder that is there."""
    if home.is_dir():
        folder = home / MEASURED
        folder.mkdir(exist_ok=True)
        text = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **result}, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def results(home: Path) -> dict[str, dict[str, Any]]:
    """The newest result of each measurement by its name; `at` says when. One that cannot be read is left out."""
    found = {}
    for path in sorted((home / MEASURED).glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # cut off while it was written: the next run replaces it
        if isinstance(result, dict):
            found[path.stem] = result
    return found


def number_table(result: dict[str, Any], *, where: str = "") -> Iterator[str]:
    """Lines of a Markdown table: the numbers that stand for the whole first, parts of parts after them.

    Args:
        where: What is told of the numbers that are not shown.
    """
    numbers = sorted(_numbers(result), key=lambda pair: pair[0].count(" · "))
    yield from ("| what | number |", "|---|---|")
    yield from (f"| {name.replace('_', ' ')} | {value:,.4g} |" for name, value in numbers[:MOST_NUMBERS])
    if len(numbers) > MOST_NUMBERS:
        yield f"| … | {len(numbers) - MOST_NUMBERS} more{f' in `{where}`' if where else ''} |"


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name} · {key}" if name else str(key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
