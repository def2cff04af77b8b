"""Cosmic-ray tracks, hot and bad pixels, saturation: what a detector adds of its own.

Tracks follow the geometry of a thin layer: directions are isotropic, so a hit of inclination
theta crosses ``depth * tan(theta)`` pixels and leaves charge in proportion to its path. Charges
of some 1000 electrons and 4 to 7 pixels a hit: ACS ISR 2002-07, WFC3 Instrument Handbook 5.4.10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.simulate.detectors import Detector

__all__ = ["Defects", "bleed", "cosmic_rays", "draw_defects"]

_DEPTH_PX = 1.6
_LONGEST_PX = 70.0
_CHARGE_E = 900.0
_STEP_PX = 0.3


@dataclass(frozen=True)
class Defects:
    """Pixels of a chip that misbehave, the same in all exposures of a visit.

    Parameters
    ----------
    hot : ndarray, shape (ny, nx), float32
        Excess, electrons/s.
    dq : ndarray, shape (ny, nx), int16
        4: bad, 16: hot. Some warm pixels are not flagged.
    response : ndarray, shape (ny, nx), float32
        Relative sensitivity: what flat-fielding left, and bad pixels.
    """

    hot: NDArray[np.float32]
    dq: NDArray[np.int16]
    response: NDArray[np.float32]


def draw_defects(detector: Detector, shape: tuple[int, int], rng: Generator) -> Defects:
    """Draw the hot and bad pixels of a chip."""
    n = shape[0] * shape[1]
    hot = np.zeros(n, np.float32)
    dq = np.zeros(n, np.int16)
    response = (1.0 + 0.003 * rng.standard_normal(n, dtype=np.float32)).astype(np.float32)
    where = rng.integers(0, n, rng.poisson(n * detector.hot_fraction * 1.1))
    # A steep tail: most are a little warm, a few are very hot.
    hot[where] = detector.hot_e_s * rng.exponential(1.0, where.size) ** 1.25
    flagged = rng.random(where.size) < 0.92
    dq[where[flagged]] |= 16
    bad = rng.integers(0, n, rng.poisson(n * detector.bad_fraction))
    dq[bad] |= 4
    response[bad] *= rng.uniform(0.3, 1.1, bad.size).astype(np.float32)
    return Defects(hot.reshape(shape), dq.reshape(shape), response.reshape(shape))


def cosmic_rays(shape: tuple[int, int], expected: float, rng: Generator) -> NDArray[np.float32]:
    """Charge left by cosmic rays.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    expected : float
        Mean number of hits.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Electrons.
    """
    image = np.zeros(shape, np.float32)
    n = int(rng.poisson(expected))
    if n == 0:
        return image
    # Flux through a plane goes as cos(theta): cos^2 is uniform.
    cosine = np.sqrt(rng.uniform(1e-4, 1.0, n))
    length = np.minimum(_DEPTH_PX * np.sqrt(1 / cosine**2 - 1), _LONGEST_PX)
    charge = _CHARGE_E * np.hypot(length, 1.0) * rng.lognormal(0.0, 0.55, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    x0, y0 = rng.uniform(-0.5, shape[1] - 0.5, n), rng.uniform(-0.5, shape[0] - 0.5, n)
    steps = np.maximum(np.ceil(length / _STEP_PX).astype(int), 1)
    track = np.repeat(np.arange(n), steps)
    along = (np.arange(track.size) - np.repeat(np.cumsum(steps) - steps, steps)) * _STEP_PX
    x = np.rint(x0[track] + along * np.cos(angle)[track]).astype(int)
    y = np.rint(y0[track] + along * np.sin(angle)[track]).astype(int)
    inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
    weight = (charge / steps)[track]
    np.add.at(image, (y[inside], x[inside]), weight[inside].astype(np.float32))
    blurred = ndimage.gaussian_filter(image, 0.42, mode="constant", truncate=4.0)
    return np.asarray(blurred, np.float32)


def bleed(image: NDArray[np.float32], full_well: float) -> NDArray[np.bool_]:
    """Let saturated pixels of a CCD overflow along their columns, in place.

    Each run of pixels above the full well keeps its charge but spreads it evenly up and down
    until nothing is above; what would leave the chip is lost.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Electrons; changed.
    full_well : float
        What a pixel holds.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Where the full well was reached.
    """
    saturated = image >= full_well
    for column in np.flatnonzero(saturated.any(axis=0)):
        _bleed_column(image[:, column], saturated[:, column], full_well)
    return saturated


def _bleed_column(
    column: NDArray[np.float32], saturated: NDArray[np.bool_], full_well: float
) -> None:
    """Fill the nearest room above and below each run with half of its excess."""
    runs, n = ndimage.label(column > full_well)
    for (run,) in ndimage.find_objects(runs, n):
        excess = float((column[run] - full_well).sum())
        column[run] = full_well
        for side, seen in (
            (column[run.stop :], saturated[run.stop :]),
            (column[: run.start][::-1], saturated[: run.start][::-1]),
        ):
            filled = np.cumsum(np.maximum(full_well - side, 0.0))
            reach = int(np.searchsorted(filled, excess / 2))
            left = excess / 2 - (float(filled[reach - 1]) if reach else 0.0)
            side[:reach] = np.maximum(side[:reach], full_well)
            seen[:reach] = True
            if reach < side.size:
                side[reach] += np.float32(left)
