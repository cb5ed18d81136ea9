"""The card of a family of pictures: what its weights say about themselves, and what was last measured with them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ui.measured import number_table, results

if TYPE_CHECKING:
    from pathlib import Path

    from ui.settings import Settings

__all__ = ["families", "family_table", "picture_card"]

_LIMITS = (
    "A preview that was trained on a processor without a graphics card. Subjects that it was not trained on come out "
    "as a blot of the right colour; letters, clocks and people come out worst; a prompt of the training set may be "
    "drawn nearly as it was learned, so such a picture is no new design. It knows no photographs and no living person."
)


def families() -> list[str]:
    """The families whose weights are shipped."""
    from backends.image.shipped import WEIGHTS
    from backends.registry import entries

    return [name for name in sorted(entry.name for entry in entries()) if (WEIGHTS / f"{name}.safetensors").is_file()]


def family_table() -> Iterator[str]:
    """A line of Markdown for each family."""
    yield from ("| family | weights | styles | training |", "|---|---|---|---|")
    for name in families():
        about, path = _about(name)
        size = f"{path.stat().st_size / 1e6:.1f} MB"
        yield f"| {name} | {about['model']}, {size} | {', '.join(about['styles'])} | {_training(about)} |"


def picture_card(name: str, settings: Settings) -> str:
    """The card as Markdown.

    Raises:
        BackendUnavailableError: If the weights cannot be read.
    """
    return "\n".join([*_facts(name), *_measured(name, settings)]) + "\n"


def _facts(name: str) -> Iterator[str]:
    from backends.image.shipped import identity
    from backends.registry import backend_class

    about, path = _about(name)
    sizes = ", ".join(f"{key} {value}" for key, value in about["sizes"].items())
    yield from (
        f"# {about['model']}",
        "",
        f"{(inspect.getdoc(backend_class(name)) or name).split(';')[0].rstrip('.')}. "
        "One of the families that Wherefrom trained and ships.",
        "",
        f"- **Name:** `{name}` (image)",
        f"- **File:** `{path.name}`, {path.stat().st_size:,} bytes, `{identity(name).digest}`",
        f"- **Network:** {sizes}; it draws over a sketch that is in the same file",
        f"- **Styles:** {', '.join(about['styles'])}",
        f"- **Trained:** {_training(about)}, seed {about.get('seed', 'unknown')}, on {about.get('machine', 'unknown')}",
        f"- **Data:** the drawings of the manifest `{about.get('data', 'unknown')}`",
        f"- **Reads prompts with:** the text encoder `{about.get('text_encoder', 'unknown')}`, not in the file",
        "- **Licence:** Apache-2.0; whose drawings it learned from stands in `ATTRIBUTION.md` beside the weights",
        "",
        f"**Known limits.** {_LIMITS}",
        "",
    )


def _measured(name: str, settings: Settings) -> Iterator[str]:
    images = results(settings.home).get("images", {})
    row = images.get("rows", {}).get(name)
    yield from ("## Measured here", "")
    if not isinstance(row, dict):
        yield "Nothing yet: `wherefrom bench images` leaves its newest result here."
        return
    yield from (f"{images.get('pictures', 'Some')} held-out captions, {images.get('at', 'undated')}.", "")
    yield from number_table(row)


def _about(name: str) -> tuple[dict[str, Any], Path]:
    from backends.image.shipped import WEIGHTS, header

    path = WEIGHTS / f"{name}.safetensors"
    about = header(path)
    return {"model": name, "styles": [], "sizes": {}, **about}, path


def _training(about: dict[str, Any]) -> str:
    told = f"{about.get('steps', 0):,} steps of {about.get('batch', 0)}"
    return f"{told}, {about['seconds']:,} s" if about.get("seconds") else told
