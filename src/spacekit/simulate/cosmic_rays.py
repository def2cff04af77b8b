"""Cosmic-ray tracks.

Tracks follow the geometry of a thin layer: directions are isotropic, so a hit of inclination
theta crosses ``depth * tan(theta)`` pixels and leaves charge in proportion to its path. The
median charge is some 1000 electrons, and most hits touch 4 or 5 pixels (ACS ISR 2002-07).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import special

__all__ = ["cosmic_rays"]

_DEPTH_PX = 1.0
_LONGEST_PX = 70.0
_CHARGE_E = 640.0
_STEP_PX = 0.3
_DIFFUSION_PX = 0.28


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
    _deposit(
        image,
        x0[track] + along * np.cos(angle)[track],
        y0[track] + along * np.sin(angle)[track],
        (charge / steps)[track],
    )
    return image


def _deposit(
    image: NDArray[np.float32],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    charge: NDArray[np.float64],
) -> None:
    """Spread each bit of charge over 3 x 3 px as a Gaussian cloud does by diffusion."""
    ix, iy = np.rint(x).astype(int), np.rint(y).astype(int)
    across, along = _shares(x - ix), _shares(y - iy)
    for j in range(3):
        for i in range(3):
            column, row = ix + i - 1, iy + j - 1
            on = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
            weight = (charge * across[i] * along[j])[on].astype(np.float32)
            np.add.at(image, (row[on], column[on]), weight)


def _shares(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares in the pixel before, this and the one after; shape (3, n), sum 1."""
    edges = special.ndtr((np.array([[-0.5], [0.5]]) - offset) / _DIFFUSION_PX)
    return np.stack([edges[0], edges[1] - edges[0], 1 - edges[1]])
