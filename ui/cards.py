"""Cards that say what is at work here, made from the catalogue, the weights' headers and the newest measurements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ui.measured import MEASURED, number_table, results

if TYPE_CHECKING:
    from ui.settings import Settings

__all__ = ["SYSTEM", "card", "card_names"]

SYSTEM = "system"  # the card of the whole installation


def card_names() -> list[str]:
    """The whole installation first, then every model of the catalogue and every family of pictures."""
    from backends.catalog import load_catalog
    from ui.picture_card import families

    return [SYSTEM, *(model.name for model in load_catalog()), *families()]


def card(name: str, settings: Settings) -> str:
    """One card as Markdown.

    Raises:
        NotFoundError: If there is nothing of this name.
    """
    from backends.weights import card as catalogue_card
    from ui.picture_card import families, picture_card
    from ui.system_card import system_card

    if name == SYSTEM:
        return system_card(settings)
    if name in families():
        return picture_card(name, settings)
    return catalogue_card(name) + "\n".join(["", *_measured_with(name, settings)])


def _measured_with(name: str, settings: Settings) -> Iterator[str]:
    """What was measured while this model was the one in force."""
    mine = {which: one for which, one in results(settings.home).items() if one.get("model") == name}
    if mine:
        yield from ("## Measured here", "")
    for which, result in mine.items():
        yield from (f"### {which}, {result.pop('at', 'undated')}", "")
        yield from number_table(result, where=f"{MEASURED}/{which}.json")
        yield ""
