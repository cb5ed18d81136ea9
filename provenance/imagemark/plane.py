"""The plane in which the mark lives: a picture's brightness, scaled to the area of 512 x 512 pixels.

Reading goes picture -> `brightness` -> `canonical` -> `flatten` -> `spectrum`: what is left of each wave is its phase
and whether it stands out among its neighbours. Nothing here knows the key, which is what makes the bound on false finds
in `read` hold for every picture.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from provenance.imagemark.pattern import TILE

__all__ = [
    "Plane",
    "Spectrum",
    "activity",
    "brightness",
    "canonical",
    "canonical_size",
    "flatten",
    "scaled",
    "spectrum",
]

Plane = NDArray[np.float32]
Spectrum = NDArray[np.complex64]  # shape (512, 257), as `rfft2` of a tile gives it

_BLUR = 6.0  # pixels: what is wider than this is not the mark's
_WINDOW = (17, 17)
_NEIGHBOURS = (9, 9)
_MOST = 2.5  # no wave counts more than this many times its neighbours: a striped wall is no mark


def brightness(pixels: NDArray[np.uint8]) -> Plane:
    """Luma (ITU-R BT.601), 0 to 255: shape (height, width) or (height, width, 3) to (height, width)."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32)


def canonical_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the same shape with the area of one tile."""
    factor = TILE / np.sqrt(width * height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def scaled(plane: Plane, width: int, height: int) -> Plane:
    """Resampled; averages where it shrinks."""
    if (plane.shape[1], plane.shape[0]) == (width, height):
        return plane
    shrinks = width < plane.shape[1]
    return np.asarray(
        cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC), np.float32
    )


def canonical(plane: Plane) -> Plane:
    """The plane at its canonical size."""
    return scaled(plane, *canonical_size(plane.shape[1], plane.shape[0]))


def activity(plane: Plane, blur: float = _BLUR, window: tuple[int, int] = _WINDOW) -> tuple[Plane, Plane]:
    """The fine part of a plane, and its local strength (root mean square)."""
    fine = plane - cv2.GaussianBlur(plane, (0, 0), blur)
    power = np.maximum(cv2.boxFilter(fine * fine, -1, window), 0)
    return fine, np.sqrt(power)


def flatten(plane: Plane) -> Plane:
    """The fine part, equally strong everywhere: an edge does not drown what lies beside it."""
    fine, strength = activity(plane)
    return np.asarray(np.clip(fine / (strength + 1.0), -3, 3), np.float32)


def spectrum(flat: Plane) -> Spectrum:
    """The waves of a flattened plane, folded to one tile, each relative to those near it."""
    height, width = flat.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    whole = np.zeros((rows * TILE, columns * TILE), np.float32)
    whole[:height, :width] = flat
    waves = scipy.fft.rfft2(whole.reshape(rows, TILE, columns, TILE).sum((0, 2)))
    size = np.abs(waves)
    near = np.sqrt(np.maximum(cv2.boxFilter(size * size, -1, _NEIGHBOURS, borderType=cv2.BORDER_REFLECT), 0))
    heard = np.minimum(1.0, _MOST * near / np.maximum(size, 1e-9)) / np.maximum(near, 1e-9)
    return np.asarray(waves * heard, np.complex64)
