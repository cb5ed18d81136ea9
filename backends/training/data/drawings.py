"""What an archive holds: drawings with their names, to be rendered at any size."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backends.training.data.archives import members, read_json
from backends.training.data.names import EmojiNames, Naming, is_brand, plain_name, slug
from backends.training.data.render import COLOURS, SIZE, fit, svg, visible
from backends.training.data.sources import ArtSet

__all__ = ["Job", "codepoints", "drawn_at", "icons"]

_TONES_KEPT = 0.2  # a fifth of the variants with a skin tone: all of them would be a third of the set


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One drawing of an archive."""

    naming: Naming
    name: str
    body: str | bytes  # SVG, or the bytes of a picture
    box: tuple[float, float, float, float]  # left, top, width, height
    tint: str  # a colour word for mono art, else ""


def icons(art: ArtSet, path: Path, names: EmojiNames) -> Iterator[Job]:
    """The SVG drawings of a set, but for logos, hidden ones and most skin tones."""
    listed = read_json(path, "package/icons.json")
    metadata = read_json(path, "package/metadata.json") or {}
    categories: dict[str, list[str]] = metadata.get("categories", {})
    out = {name for category in art.drop for name in categories.get(category, [])}
    for name, icon in sorted(listed["icons"].items()):
        if name in out or icon.get("hidden") or (art.keep and not re.search(art.keep, name)):
            continue
        naming = names.of_slug(name) if art.tier == "emoji" else _icon_name(art, name)
        if not naming.label or _too_many_tones(naming, art.style) or (art.brands and is_brand(naming.label)):
            continue
        width = float(icon.get("width", listed.get("width", 16)))
        height = float(icon.get("height", listed.get("height", 16)))
        box = (float(icon.get("left", 0)), float(icon.get("top", 0)), width, height)
        tint = _tint(naming.concept, art.style) if art.tier == "mono" else ""
        yield Job(naming=naming, name=name, body=icon["body"], box=box, tint=tint)


def _icon_name(art: ArtSet, name: str) -> Naming:
    label = plain_name(name, art.strip)
    return Naming(label=label, concept=slug(label))


def codepoints(path: Path, names: EmojiNames) -> Iterator[Job]:
    """The WebP pictures of a set whose files are named by code points."""
    for member, data in members(path, ".webp"):
        naming = names.of_code(Path(member).stem)
        if naming is not None and not _too_many_tones(naming, "fluent 3d"):
            yield Job(naming=naming, name=Path(member).stem, body=data, box=(0, 0, 0, 0), tint="")


def _too_many_tones(naming: Naming, style: str) -> bool:
    chosen = hashlib.sha256(f"{naming.label}\0{style}".encode()).digest()[0] / 256
    return naming.toned and chosen >= _TONES_KEPT


def _tint(concept: str, style: str) -> str:
    return list(COLOURS)[hashlib.sha256(f"tint\0{concept}\0{style}".encode()).digest()[0] % len(COLOURS)]


def drawn_at(job: Job, size: int = SIZE) -> NDArray[np.uint8] | str:
    """The picture (size, size, 4), or in one word why it is left out. Runs in a child process."""
    try:
        if isinstance(job.body, bytes):
            picture = Image.open(io.BytesIO(job.body)).convert("RGBA")
            picture = picture.resize((2 * size, 2 * size), Image.Resampling.BOX)
        else:
            left, top, width, height = job.box
            tint = "#{:02x}{:02x}{:02x}".format(*COLOURS[job.tint]) if job.tint else "#333333"
            picture = svg(job.body, width, height, left=left, top=top, tint=tint, size=size)
    except (ValueError, OSError):
        return "unreadable"
    drawn = fit(picture, size)
    if drawn is None:
        return "empty"
    return drawn if visible(drawn) else "invisible"
