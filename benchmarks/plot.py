"""Lines of shares as an SVG: no plotting library for a dozen points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Line", "plot_shares"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 360, 64, 24, 24, 56
_TICKS = 11  # at most, along the bottom


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line: where it stands, share by share (0..1)."""

    name: str
    colour: str
    points: Mapping[float, float] | Mapping[int, float] = field(default_factory=dict)


def plot_shares(lines: Sequence[Line], *, title: str, along: str, tick: Callable[[float], str] = "{:g}".format) -> str:
    """The picture, from 0 to the largest value along the bottom and from 0 to 100 % up.

    Args:
        title: What a reader who does not see it is told.
        along: What the values along the bottom are.
        tick: How such a value is written.
    """
    values = sorted({value for line in lines for value in line.points})
    longest = max([*values, 1e-9])

    def at(value: float, share: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / longest
        return across, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{title}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        left, level = at(0, share)
        right, _level = at(longest, share)
        parts.append(f'<path d="M{left:.0f} {level:.1f}H{right:.0f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8:.0f}" y="{level + 4:.1f}" text-anchor="end" fill="#444">{share:.0%}</text>')
    for value in values[:: -(-len(values) // _TICKS) or 1]:
        across, floor = at(value, 0)
        parts.append(
            f'<text x="{across:.0f}" y="{floor + 20:.0f}" text-anchor="middle" fill="#444">{tick(value)}</text>'
        )
    for line in lines:
        parts += _drawn(line, at)
    parts.append(f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 12}" text-anchor="middle" fill="#444">{along}</text></svg>')
    return "\n".join(parts) + "\n"


def _drawn(line: Line, at: Callable[[float, float], tuple[float, float]]) -> list[str]:
    places = [at(value, share) for value, share in sorted(line.points.items())]
    if not places:
        return []
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{line.colour}"/>' for x, y in places]
    x, y = places[-1]
    label = f'<text x="{x:.0f}" y="{y - 10:.0f}" text-anchor="end" fill="{line.colour}">{line.name}</text>'
    return [f'<path d="{path}" fill="none" stroke="{line.colour}" stroke-width="2"/>', *dots, label]
