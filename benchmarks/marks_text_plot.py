"""The curve of length and detection as an SVG: no plotting library for six points."""

from __future__ import annotations

from typing import Any

__all__ = ["plot_curve"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 360, 64, 24, 24, 56


def plot_curve(found: dict[int, dict[str, float]], false_alarms: dict[int, dict[str, Any]]) -> str:
    """Shares over length in tokens.

    Args:
        found: Tokens -> {"share", "texts"}: marked texts that were found.
        false_alarms: Tokens -> {"rate"}: human texts that were called ours.
    """
    points = {length: one["share"] for length, one in found.items() if one["texts"]}
    alarms = {length: float(one["rate"]) for length, one in false_alarms.items()}
    longest = max([*points, *alarms, 1])

    def at(length: float, share: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * length / longest
        return across, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="13" role="img" aria-label="Share of marked texts that are found, by length in tokens">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        left, level = at(0, share)
        right, _level = at(longest, share)
        parts.append(f'<path d="M{left:.0f} {level:.1f}H{right:.0f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8:.0f}" y="{level + 4:.1f}" text-anchor="end" fill="#444">{share:.0%}</text>')
    for length in sorted({*points, *alarms}):
        across, floor = at(length, 0)
        parts.append(f'<text x="{across:.0f}" y="{floor + 20:.0f}" text-anchor="middle" fill="#444">{length}</text>')
    parts += _line(points, at, "#0b6e4f", "marked texts that are found")
    parts += _line(alarms, at, "#b23a48", "human texts called ours")
    parts.append(f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 12}" text-anchor="middle" fill="#444">tokens</text></svg>')
    return "\n".join(parts) + "\n"


def _line(points: dict[int, float], at: Any, colour: str, name: str) -> list[str]:
    places = [at(length, share) for length, share in sorted(points.items())]
    if not places:
        return []
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
    x, y = places[-1]
    label = f'<text x="{x:.0f}" y="{y - 10:.0f}" text-anchor="end" fill="{colour}">{name}</text>'
    return [f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots, label]
