"""How a picture was turned, scaled and cut since it was marked, found out from the pilots.

1. `candidates`: turning and scaling move the pilots in the spectrum's magnitude, shifting does not. Every turn and
   scale on a grid is judged by how much stands out at the places where the pilots would be then.
2. `settle`: the plane is put back by a candidate, and the pilots' phases tell the shift; then, read in 64 patches, they
   tell what is still wrong (an affine map, so that a slight stretch is found, too).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from provenance.imagemark.pattern import PILOTS, TILE, Pattern
from provenance.imagemark.plane import Plane, Spectrum, spectrum

__all__ = ["Candidate", "Settled", "candidates", "carried", "pilot_score", "prominence", "settle", "straight"]

_SIZE = 2 * TILE  # of the transform that the candidates are looked up in
_TURNS = np.deg2rad(np.arange(-12.0, 12.01, 0.3))
_SCALES = np.exp(np.arange(np.log(0.62), np.log(1.62), 0.005))
_MOST_PROMINENT = 6.0
_PATCH = 64
_STEPS = 8

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The pattern may lie in the plane turned by `turn` (radians) and magnified by `scale`."""

    score: float
    turn: float
    scale: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The plane put back to where it was marked: its waves, and how well the pilots agree (chance: 3 to 5)."""

    waves: Spectrum
    score: float


def carried(waves: Spectrum, pattern: Pattern) -> Complexes:
    """Each wave of the pattern, turned so that one that says "0" is real and positive."""
    return np.asarray(waves[pattern.v % TILE, pattern.u] * np.conj(pattern.carrier), np.complex128)


def _pilots(waves: Spectrum, pattern: Pattern) -> Complexes:
    """The same for the pilots alone: most of the search needs no more."""
    heard = waves[pattern.v[:PILOTS] % TILE, pattern.u[:PILOTS]] * np.conj(pattern.carrier[:PILOTS])
    return np.asarray(heard, np.complex128)


def pilot_score(heard: Complexes) -> float:
    """How well the pilots agree, in standard deviations of chance."""
    pilots = heard[:PILOTS]
    noise = float(np.sqrt(np.sum(np.abs(pilots) ** 2) / 2))
    return float(np.sum(pilots.real)) / noise if noise > 0 else 0.0


def straight(flat: Plane, pattern: Pattern) -> Settled:
    """The plane taken as it is: nothing but scaling and colours was done to the picture."""
    waves = spectrum(flat)
    return Settled(waves=waves, score=pilot_score(_pilots(waves, pattern)))


def prominence(flat: Plane) -> Plane:
    """How much each point of the plane's spectrum stands out: shape (1024, 513). The same for all keys."""
    height, width = flat.shape
    ramp = [np.minimum(1, np.minimum(np.arange(n) + 1, n - np.arange(n)) / (0.08 * n)) for n in (height, width)]
    soft = (flat * np.outer(*ramp).astype(np.float32))[
        max(0, height - _SIZE) // 2 : max(0, height - _SIZE) // 2 + _SIZE,
        max(0, width - _SIZE) // 2 : max(0, width - _SIZE) // 2 + _SIZE,
    ]
    whole = np.zeros((_SIZE, _SIZE), np.float32)
    whole[: soft.shape[0], : soft.shape[1]] = soft
    power = np.asarray(np.abs(scipy.fft.rfft2(whole)) ** 2, np.float32)
    near = cv2.boxFilter(power, -1, (33, 33), borderType=cv2.BORDER_REFLECT)
    return np.asarray(np.minimum(power / np.maximum(near, 1e-9), _MOST_PROMINENT), np.float32)


def candidates(prominent: Plane, pattern: Pattern, most: int) -> list[Candidate]:
    """The likeliest turns and scales, best first."""
    u = pattern.u[:PILOTS] * (_SIZE / TILE)
    v = pattern.v[:PILOTS] * (_SIZE / TILE)
    cos, sin = np.cos(_TURNS)[:, None, None], np.sin(_TURNS)[:, None, None]
    shrink = 1 / _SCALES[None, :, None]
    across, down = (cos * u - sin * v) * shrink, (sin * u + cos * v) * shrink
    mirrored = across < 0
    across, down = np.where(mirrored, -across, across), np.where(mirrored, -down, down)
    column = np.minimum(np.rint(across).astype(np.int32), _SIZE // 2)
    score = prominent[np.rint(down).astype(np.int32) % _SIZE, column].mean(axis=-1)
    found: list[Candidate] = []
    taken = np.zeros(score.shape, bool)
    for at in np.argsort(score, axis=None)[::-1]:
        turn, scale = np.unravel_index(at, score.shape)
        if not taken[turn, scale]:
            taken[max(0, turn - 1) : turn + 2, max(0, scale - 1) : scale + 2] = True
            best = Candidate(score=float(score[turn, scale]), turn=float(_TURNS[turn]), scale=float(_SCALES[scale]))
            found.append(best)
            if len(found) == most:
                break
    return found


def settle(flat: Plane, candidate: Candidate, pattern: Pattern, *, enough: float) -> Settled:
    """Put a flattened plane back by a candidate; if its pilots agree enough, correct what is still wrong."""
    back, size = _back(flat, candidate)
    placed = _moved(flat, back, size)
    waves = spectrum(placed)
    heard = _pilots(waves, pattern)
    shift = _shift(heard, pattern)
    score = pilot_score(heard * _turned(shift, pattern))
    if score < enough:
        return Settled(waves=waves, score=score)
    better = _corrected(placed, shift, pattern)
    # `better` maps a place of the pattern to where it lies in `placed`; `back` goes on from there to the plane.
    matrix = back[:, :2] @ better[:, :2]
    offset = back[:, :2] @ better[:, 2] + back[:, 2]
    corners = np.array([[0, 0], [size[0], 0], [0, size[1]], [size[0], size[1]]], np.float64)
    pattern_corners = np.linalg.solve(better[:, :2], (corners - better[:, 2]).T).T
    # Whole tiles may be added: the pattern repeats.
    origin = np.floor(pattern_corners.min(axis=0) / TILE) * TILE
    reach = np.ceil(pattern_corners.max(axis=0) - origin).astype(int) + 1
    exact = np.column_stack([matrix, offset + matrix @ origin])
    waves = spectrum(_moved(flat, exact, (int(reach[0]), int(reach[1]))))
    return Settled(waves=waves, score=pilot_score(_pilots(waves, pattern)))


def _back(flat: Plane, candidate: Candidate) -> tuple[Floats, tuple[int, int]]:
    """The map from the upright, unscaled plane to this one, and the upright plane's size."""
    height, width = flat.shape
    cos, sin = np.cos(candidate.turn), np.sin(candidate.turn)
    matrix = candidate.scale * np.array([[cos, -sin], [sin, cos]])
    wide = int(np.ceil((abs(cos) * width + abs(sin) * height) / candidate.scale))
    high = int(np.ceil((abs(sin) * width + abs(cos) * height) / candidate.scale))
    offset = np.array([(width - 1) / 2, (height - 1) / 2]) - matrix @ np.array([(wide - 1) / 2, (high - 1) / 2])
    return np.column_stack([matrix, offset]), (wide, high)


def _moved(flat: Plane, back: Floats, size: tuple[int, int]) -> Plane:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(flat, back, size, flags=flags, borderMode=cv2.BORDER_CONSTANT), np.float32)


def _shift(heard: Complexes, pattern: Pattern) -> Floats:
    """Where the pattern's origin lies, in whole pixels of a tile: the peak of what only the pilots say."""
    waves = np.zeros((TILE, TILE // 2 + 1), np.complex64)
    waves[pattern.v[:PILOTS] % TILE, pattern.u[:PILOTS]] = heard
    peak = int(np.argmax(scipy.fft.irfft2(waves, s=(TILE, TILE))))
    return np.array([peak % TILE, peak // TILE], np.float64)


def _turned(shift: Floats, pattern: Pattern) -> Complexes:
    angle = 2j * np.pi / TILE * (pattern.u[:PILOTS] * shift[0] + pattern.v[:PILOTS] * shift[1])
    return np.asarray(np.exp(angle), np.complex128)


def _corrected(placed: Plane, shift: Floats, pattern: Pattern) -> Floats:
    """An affine map from places of the pattern to places in `placed`: shape (2, 3)."""
    centres, patches = _patches(placed, shift, pattern)
    frequency = 2 * np.pi / TILE * np.column_stack([pattern.u[:PILOTS], pattern.v[:PILOTS]])
    middle, reach = centres.mean(axis=0), max(TILE / 4, float(np.abs(centres - centres.mean(axis=0)).max()))
    basis = np.column_stack([np.ones(len(centres)), (centres - middle) / reach])  # (patches, 3)
    wrong = np.zeros((2, 3))  # how far off each place is: basis @ wrong.T
    # Coarse first: a turn or scale between two points of the grid.
    best = -np.inf
    for turn in (-0.003, 0.0, 0.003):
        for scale in (-0.003, 0.0, 0.003):
            trial = reach * np.array([[0, scale, -turn], [0, turn, scale]])
            value = float(np.sum((patches * np.exp(1j * (basis @ trial.T) @ frequency.T)).real))
            if value > best:
                best, wrong = value, trial
    # Gauss-Newton on the phases, each weighed by how much was heard.
    across = (frequency[:, :, None] * frequency[:, None, :]).reshape(-1, 4)
    beside = (basis[:, :, None] * basis[:, None, :]).reshape(-1, 9)
    for _ in range(_STEPS):
        left = patches * np.exp(1j * (basis @ wrong.T) @ frequency.T)
        pull = -(frequency.T @ (left.imag.T @ basis)).reshape(-1)
        weight = np.maximum(left.real, 0) + 0.1 * np.abs(left)
        hold = (across.T @ (weight.T @ beside)).reshape(2, 2, 3, 3).transpose(0, 2, 1, 3).reshape(6, 6)
        step = np.linalg.solve(hold + 1e-3 * np.trace(hold) / 6 * np.eye(6), pull)
        wrong = wrong + np.clip(step, -2, 2).reshape(2, 3)
    # A place x of the pattern lies at x + shift + wrong(x) in `placed`.
    slope = wrong[:, 1:] / reach
    return np.column_stack([np.eye(2) + slope, shift + wrong[:, 0] + slope @ (shift - middle)])


def _patches(placed: Plane, shift: Floats, pattern: Pattern) -> tuple[Floats, Complexes]:
    """What each patch of 64 x 64 pixels says about each pilot: centres (patches, 2), values (patches, 16)."""
    height, width = placed.shape
    rows, columns = -(-height // _PATCH), -(-width // _PATCH)
    whole = np.zeros((rows * _PATCH, columns * _PATCH), np.float32)
    whole[:height, :width] = placed
    x = np.exp(-2j * np.pi / TILE * np.outer(np.arange(columns * _PATCH) - shift[0], pattern.u[:PILOTS]))
    y = np.exp(-2j * np.pi / TILE * np.outer(np.arange(rows * _PATCH) - shift[1], pattern.v[:PILOTS]))
    x = x.astype(np.complex64).reshape(columns, _PATCH, PILOTS)
    y = (y * np.conj(pattern.carrier[:PILOTS])).astype(np.complex64).reshape(rows, _PATCH, PILOTS)
    strips = whole.reshape(rows, _PATCH, columns, _PATCH).transpose(2, 0, 1, 3).reshape(columns, rows * _PATCH, _PATCH)
    partial = (strips @ x).reshape(columns, rows, _PATCH, PILOTS)
    values = np.einsum("crpk,rpk->rck", partial, y).reshape(rows * columns, PILOTS)
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    centre = grid * _PATCH + (_PATCH - 1) / 2
    return centre.astype(np.float64), np.asarray(values, np.complex128)
