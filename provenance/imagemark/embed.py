"""Writing the mark into a picture.

The pattern is weighed by how busy the picture is at each place, and its pilots by how much the picture itself says on
their waves; then all of it is made as strong as the wanted PSNR allows. Transparent places are left as they are.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from provenance.imagemark.code import encode, pack
from provenance.imagemark.pattern import HIGHEST, PILOTS, TILE, Pattern
from provenance.imagemark.plane import (
    Plane,
    activity,
    brightness,
    canonical_size,
    flatten,
    scaled,
    spectrum,
)
from provenance.imagemark.search import carried

__all__ = ["LEVELS", "embed", "psnr"]

LEVELS = (40.4, 41.5, 42.5)  # PSNR in dB: a busy picture hides more and needs more, a plain one shows more
_SCORES = (22.0, 40.0, 100.0)  # of a mark at the middle level
_BUSY = 40.0
_CALM_HIGHEST, _CALM_SLOPE = 120.0, 0.25  # cycles a tile; amplitude falls with frequency ** slope
_BUSY_SLOPE = 0.0  # a busy picture is loud at low frequencies, and takes the mark up to the highest ones
_PILOT_SHARE = 0.25  # of the energy
_PLAIN = 4.0  # grey levels: how busy a place without anything on it counts
_MASKING = 0.25  # how much stronger the mark is where the picture is busy
_PILOT_LEVEL = 3.0  # times their neighbours: what pilots should reach
_PILOT_MOST = 1.7  # and how much stronger than planned they may become for it
_ROUNDS = 5
_STRIP = 512  # rows worked on at a time: a large picture needs little more memory than its pixels

Pixels = NDArray[np.uint8]


def embed(
    pixels: Pixels, number: int, pattern: Pattern, *, alpha: Pixels | None = None, level: float | None = None
) -> Pixels:
    """The same picture with a number in it.

    Args:
        pixels: Shape (height, width) or (height, width, 3), 8 bits.
        number: Below 2**48.
        alpha: Shape (height, width): where the picture is opaque. None: everywhere.
        level: PSNR in dB, over what is visible. None: what the picture needs, 40.4 to 42.5.
    """
    plane = brightness(pixels)
    if alpha is not None:
        plane = (plane * (alpha / np.float32(255)) + (255 - alpha)).astype(np.float32)  # as it looks on white paper
    width, height = canonical_size(plane.shape[1], plane.shape[0])
    small = scaled(plane, width, height)
    weight = np.asarray((activity(small)[1] + _PLAIN) ** _MASKING, np.float32)
    sign = np.ones(len(pattern.u))
    sign[PILOTS:] -= 2.0 * encode(pack(number))[pattern.bit[PILOTS:]]
    gain = sign * _amplitude(pattern, _CALM_HIGHEST, _CALM_SLOPE)
    trial = _woven(pattern, gain, width, height) * weight
    trial *= 255.0 * 10 ** (-(level or LEVELS[1]) / 20) / np.sqrt(np.mean(trial * trial))
    host = carried(spectrum(flatten(small)), pattern) * sign
    both = carried(spectrum(flatten(small + trial)), pattern) * sign
    score = _score(both[pattern.radius <= _CALM_HIGHEST])
    if score < _BUSY:
        gain = sign * _amplitude(pattern, HIGHEST, _BUSY_SLOPE)
    tuned = gain.astype(np.complex128)
    tuned[:PILOTS] *= _tuned(host[:PILOTS], both[:PILOTS])
    delta = scaled(_woven(pattern, tuned, width, height) * weight, plane.shape[1], plane.shape[0])
    return _added(pixels, delta, alpha, level or float(np.interp(score, _SCORES, LEVELS)))


def _amplitude(pattern: Pattern, highest: float, slope: float) -> NDArray[np.float64]:
    """How strong each wave is. The squares sum to 1."""
    amplitude = np.where(pattern.radius <= highest, pattern.radius**-slope, 0.0)
    amplitude[PILOTS:] *= np.sqrt((1 - _PILOT_SHARE) / np.sum(amplitude[PILOTS:] ** 2))
    amplitude[:PILOTS] = np.sqrt(_PILOT_SHARE / PILOTS)
    return amplitude


def _score(heard: NDArray[np.complex128]) -> float:
    """How well the mark would be read: low in a picture that is busy all over, high in one that leaves room."""
    return float(np.sum(heard.real) / np.sqrt(max(float(np.sum(np.abs(heard) ** 2)) / 2, 1e-12)))


def psnr(before: Pixels, after: Pixels, alpha: Pixels | None = None) -> float:
    """Peak signal-to-noise ratio in dB; infinite where nothing differs. Of half-visible places half counts."""
    error, seen = 0.0, 0.0
    for top in range(0, len(before), _STRIP):
        rows = slice(top, top + _STRIP)
        square = (before[rows].astype(np.float32) - after[rows]) ** 2
        square = square.mean(axis=2) if square.ndim == 3 else square
        share = np.ones_like(square) if alpha is None else alpha[rows] / np.float32(255)
        error, seen = error + float(np.sum(square * share)), seen + float(np.sum(share))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 * seen / error))


def _woven(pattern: Pattern, gain: NDArray[np.complex128] | NDArray[np.float64], width: int, height: int) -> Plane:
    """The sum of all waves over a plane of this size; `gain` is the amplitude of each, and which way it points."""
    waves = np.zeros((TILE, TILE // 2 + 1), np.complex64)
    value = gain * pattern.carrier
    waves[pattern.v % TILE, pattern.u] = value
    edge = pattern.u == 0  # a real plane needs both halves of this column
    waves[-pattern.v[edge] % TILE, 0] = np.conj(value[edge])
    tile = np.asarray(scipy.fft.irfft2(waves, s=(TILE, TILE)) * (TILE * TILE / np.sqrt(2)), np.float32)
    return np.tile(tile, (-(-height // TILE), -(-width // TILE)))[:height, :width]


def _tuned(host: NDArray[np.complex128], trial: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Each pilot's gain: more where the picture speaks against it, and turned against what it says beside it."""
    response = max(float(np.median((trial - host).real)), 0.3)
    along = np.clip((_PILOT_LEVEL - host.real) / response, 0.5, _PILOT_MOST)
    return np.asarray(along - 1j * np.clip(host.imag / response, -1, 1), np.complex128)


def _added(pixels: Pixels, delta: Plane, alpha: Pixels | None, level: float) -> Pixels:
    """Rounding, black and white cut off a part of the mark; it is made stronger until the level is reached."""
    opaque = 1.0
    if alpha is not None:
        if not alpha.any():
            return pixels.copy()
        delta = np.asarray(delta * (alpha / np.float32(255)), np.float32)
        opaque = float(np.mean(alpha / np.float32(255)))
    target = 255.0 * 10 ** (-level / 20)
    amplitude = target / max(1e-6, (float(np.mean(delta * delta)) / opaque) ** 0.5)
    out = np.empty_like(pixels)
    for _ in range(_ROUNDS):
        for top in range(0, len(pixels), _STRIP):
            rows = slice(top, top + _STRIP)
            more = amplitude * (delta[rows, :, None] if pixels.ndim == 3 else delta[rows])
            out[rows] = np.clip(np.rint(pixels[rows] + more), 0, 255)
        error = 255.0 * 10 ** (-psnr(pixels, out, alpha) / 20)
        if abs(error - target) < 0.004 * target:
            break
        amplitude *= min(1.5, target / max(error, 1e-6))
    return out
