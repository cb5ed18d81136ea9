"""The curve of length and detection as an SVG."""

from __future__ import annotations

from typing import Any

from benchmarks.plot import Line, plot_shares

__all__ = ["plot_curve"]


def plot_curve(found: dict[int, dict[str, float]], false_alarms: dict[int, dict[str, Any]]) -> str:
    """Shares over length in tokens.

    Args:
        found: Tokens -> {"share", "texts"}: marked texts that were found.
        false_alarms: Tokens -> {"rate"}: human texts that were called ours.
    """
    points = {length: one["share"] for length, one in found.items() if one["texts"]}
    alarms = {length: float(one["rate"]) for length, one in false_alarms.items()}
    lines = [
        Line(name="marked texts that are found", colour="#0b6e4f", points=points),
        Line(name="human texts called ours", colour="#b23a48", points=alarms),
    ]
    return plot_shares(lines, title="Share of marked texts that are found, by length in tokens", along="tokens")
