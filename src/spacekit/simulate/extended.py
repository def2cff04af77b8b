"""Galaxies and nebulosity on a detector's pixels, before the optics blur them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy import ndimage, special

from spacekit.simulate.sky import Galaxies, Glow

__all__ = ["add_galaxies", "glow_image", "sky_matrix"]

#: Profiles are cut where the stamp ends, at most this many half-light radii out.
_REACH: Final = 7.0
#: Cusps are softened so that pixels sample them; far below what the PSF does.
_SOFTENING_PX: Final = 0.6


def sky_matrix(wcs: WCS) -> NDArray[np.float64]:
    """Arcsec to the east and north for a step of a pixel, shape (2, 2)."""
    return np.asarray(wcs.wcs.cd * 3600.0)


@lru_cache(maxsize=4096)
def _sersic_constants(index: float) -> tuple[float, float]:
    """b_n, and flux in units of radius**2 and of the brightness at the half-light radius.

    Graham & Driver (2005), equations 1 to 4.
    """
    b = float(special.gammaincinv(2 * index, 0.5))
    flux = 2 * np.pi * index * np.exp(b) * b ** (-2 * index) * special.gamma(2 * index)
    return b, float(flux)


def add_galaxies(  # noqa: PLR0913, PLR0917
    image: NDArray[np.float32],
    galaxies: Galaxies,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    matrix: NDArray[np.float64],
) -> None:
    """Add Sersic profiles to an image, in place; not blurred.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Added to.
    galaxies : Galaxies
        Their shapes.
    x, y, flux : ndarray, shape (n,)
        0-based positions and total fluxes.
    matrix : ndarray, shape (2, 2)
        From `sky_matrix`.
    """
    pixel = float(np.sqrt(abs(np.linalg.det(matrix))))
    ny, nx = image.shape
    for i in range(x.size):
        radius = float(galaxies.radius[i])
        reach = int(np.clip(_REACH * radius / pixel, 6, max(nx, ny)))
        ix, iy = round(float(x[i])), round(float(y[i]))
        x1, x2 = max(ix - reach, 0), min(ix + reach + 1, nx)
        y1, y2 = max(iy - reach, 0), min(iy + reach + 1, ny)
        if x1 >= x2 or y1 >= y2:
            continue
        dx = np.arange(x1, x2) - x[i]
        dy = (np.arange(y1, y2) - y[i])[:, None]
        profile = _sersic(galaxies, i, dx, dy, matrix, pixel)
        image[y1:y2, x1:x2] += (flux[i] * profile).astype(np.float32)


def _sersic(  # noqa: PLR0913, PLR0917
    galaxies: Galaxies,
    i: int,
    dx: NDArray[np.float64],
    dy: NDArray[np.float64],
    matrix: NDArray[np.float64],
    pixel: float,
) -> NDArray[np.float64]:
    """Flux per pixel of a galaxy of flux 1."""
    angle = np.radians(galaxies.angle_deg[i])
    # Rows of `axes` take pixel steps to arcsec along the major and the minor axis.
    axes = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]]) @ matrix
    radius, index, ratio = galaxies.radius[i], float(galaxies.index[i]), galaxies.ratio[i]
    along = axes[0, 0] * dx + axes[0, 1] * dy
    across = axes[1, 0] * dx + axes[1, 1] * dy
    square = along**2 + (across / ratio) ** 2 + (_SOFTENING_PX * pixel) ** 2
    b, flux = _sersic_constants(round(index, 2))
    shape = np.exp(-b * ((square / radius**2) ** (0.5 / index) - 1.0))
    return np.asarray(shape * pixel**2 / (flux * radius**2 * ratio))


def glow_image(
    glow: Glow, wcs: WCS, plane: WCS, half_arcsec: float, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Nebulosity on a chip's pixels, in units of the sky.

    Parameters
    ----------
    glow : Glow
        The field.
    wcs : WCS
        True WCS of the chip.
    plane : WCS
        Tangent plane of the scene, arcsec.
    half_arcsec : float
        Half the side of the square that the grid spans.
    shape : tuple of int
        (ny, nx).
    """
    coarse = 9
    y, x = np.meshgrid(
        np.linspace(0, shape[0] - 1, coarse), np.linspace(0, shape[1] - 1, coarse), indexing="ij"
    )
    sky = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    east, north = plane.wcs_world2pix(*sky, 0)
    # A quadratic carries distortion to well below a pixel of so smooth a thing.
    terms = np.stack(_quadratic(x.ravel(), y.ravel()), axis=1)
    scale = (glow.surface.shape[0] - 1) / (2 * half_arcsec)
    places = [np.asarray(v + half_arcsec) * scale for v in (north, east)]
    fits = [np.linalg.lstsq(terms, place, rcond=None)[0] for place in places]
    pixels = _quadratic(*reversed(np.ogrid[: shape[0] * 1.0, : shape[1] * 1.0]))
    rows, columns = (sum(c * t for c, t in zip(f, pixels, strict=True)) for f in fits)
    grid = [np.broadcast_to(rows, shape), np.broadcast_to(columns, shape)]
    return np.asarray(
        ndimage.map_coordinates(glow.surface, grid, order=1, mode="nearest"), np.float32
    )


def _quadratic(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Terms of a polynomial of degree two, of the shape that x and y broadcast to."""
    flat = np.ones(np.broadcast_shapes(x.shape, y.shape))
    return [flat, flat * x, flat * y, x * y, flat * x**2, flat * y**2]
