"""Galaxies, planets and nebulosity on a detector's pixels, before the optics blur them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy import fft, ndimage, special

from spacekit.simulate.objects import Disc, Galaxies, Glow

__all__ = ["add_disc", "add_galaxies", "blur", "glow_image", "sky_matrix"]

#: Profiles are cut where the stamp ends, at most this many half-light radii out.
_REACH: Final = 7.0
#: Cusps are softened so that pixels sample them; far below what the PSF does.
_SOFTENING_PX: Final = 0.6
#: Side of the Fourier transforms that blur an image, tile by tile.
_TILE_PX: Final = 256
#: Nebulosity is worked out at every so many pixels.
_GLOW_STEP_PX: Final = 4


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
    # Rows take pixel steps to arcsec along the major and the minor axis.
    axes = _along_axes(float(galaxies.angle_deg[i])) @ matrix
    radius, index, ratio = galaxies.radius[i], float(galaxies.index[i]), galaxies.ratio[i]
    along = axes[0, 0] * dx + axes[0, 1] * dy
    across = axes[1, 0] * dx + axes[1, 1] * dy
    square = along**2 + (across / ratio) ** 2 + (_SOFTENING_PX * pixel) ** 2
    b, flux = _sersic_constants(round(index, 2))
    shape = np.exp(-b * ((square / radius**2) ** (0.5 / index) - 1.0))
    return np.asarray(shape * pixel**2 / (flux * radius**2 * ratio))


def add_disc(
    image: NDArray[np.float32],
    disc: Disc,
    place: tuple[float, float],
    flux: float,
    matrix: NDArray[np.float64],
) -> None:
    """Add a planet to an image, in place; not blurred.

    Limb darkening by Minnaert's law at full phase, ``mu**(2 k - 1)``.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Added to.
    disc : Disc
        The planet.
    place : tuple of float
        0-based x, y of its centre.
    flux : float
        Of a square arcsecond at its middle.
    matrix : ndarray, shape (2, 2)
        From `sky_matrix`.
    """
    area = float(abs(np.linalg.det(matrix)))
    reach = int(np.ceil(disc.radius / np.sqrt(area) * 1.2)) + 3
    (ny, nx), (ix, iy) = image.shape, (round(v) for v in place)
    x1, x2 = max(ix - reach, 0), min(ix + reach + 1, nx)
    y1, y2 = max(iy - reach, 0), min(iy + reach + 1, ny)
    if x1 >= x2 or y1 >= y2:
        return
    axes = _along_axes(disc.angle_deg) @ matrix / disc.radius
    dx, dy = np.arange(x1, x2) - place[0], (np.arange(y1, y2) - place[1])[:, None]
    along = axes[0, 0] * dx + axes[0, 1] * dy
    pole = (axes[1, 0] * dx + axes[1, 1] * dy) / (1 - disc.flattening)
    r = np.hypot(along, pole)
    shine = np.maximum(1 - r**2, 0.02) ** (disc.limb - 0.5)
    for amplitude, cycles, phase in disc.bands:
        shine *= 1 + amplitude * np.sin(np.pi * cycles * pole + phase)
    for x, y, size, contrast in disc.storms:
        spot = ((along - x) / (2 * size)) ** 2 + ((pole - y) / size) ** 2
        shine *= 1 + contrast * np.exp(-spot)
    edge = np.clip((1 - r) * disc.radius / np.sqrt(area) + 0.5, 0, 1)
    image[y1:y2, x1:x2] += (flux * area * shine * edge).astype(np.float32)


def _along_axes(angle_deg: float) -> NDArray[np.float64]:
    """Rows take (east, north) to places along an axis of a position angle and across it."""
    s, c = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    return np.array([[s, c], [c, -s]])


def blur(image: NDArray[np.float32], kernel: NDArray[np.float32], least: float) -> None:
    """Convolve an image with a PSF, in place, tile by tile; tiles that hold little are left.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Not below 0; zeros lie beyond its borders.
    kernel : ndarray, shape (n, n)
        n odd.
    least : float
        A tile with no pixel above this stays as it is.
    """
    edge = kernel.shape[0] - 1
    step = _TILE_PX - edge
    before = np.pad(image, edge // 2)
    transform = fft.rfft2(kernel, s=(_TILE_PX, _TILE_PX))
    for y in range(0, image.shape[0], step):
        for x in range(0, image.shape[1], step):
            tile = before[y : y + _TILE_PX, x : x + _TILE_PX]
            if tile.max() <= least:
                continue
            whole = fft.irfft2(fft.rfft2(tile, s=(_TILE_PX, _TILE_PX)) * transform)
            ny, nx = tile.shape
            # What a circular convolution wraps around lies in the first `edge` rows and columns.
            np.maximum(whole[edge:ny, edge:nx], 0.0, out=image[y : y + step, x : x + step])


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
    ny, nx = shape
    step = _GLOW_STEP_PX
    y, x = np.mgrid[0 : ny + step : step, 0 : nx + step : step].astype(float)
    # A quadratic carries distortion to well below a pixel of so smooth a thing.
    known = np.meshgrid(np.linspace(0, nx - 1, 9), np.linspace(0, ny - 1, 9))
    sky = wcs.all_pix2world(known[0].ravel(), known[1].ravel(), 0)
    east, north = plane.wcs_world2pix(*sky, 0)
    terms = np.stack(_quadratic(known[0].ravel(), known[1].ravel()), axis=1)
    scale = (glow.surface.shape[0] - 1) / (2 * half_arcsec)
    grid = []
    for values in (north, east):
        fit = np.linalg.lstsq(terms, (np.asarray(values) + half_arcsec) * scale, rcond=None)[0]
        grid.append(sum(c * t for c, t in zip(fit, _quadratic(x, y), strict=True)))
    coarse = ndimage.map_coordinates(glow.surface, grid, order=3, mode="nearest")
    return _stretched(np.maximum(coarse, 0.0).astype(np.float32), shape, step)


def _stretched(
    coarse: NDArray[np.float32], shape: tuple[int, int], step: int
) -> NDArray[np.float32]:
    """Interpolate linearly between every `step`-th pixel."""
    share = (np.arange(step, dtype=np.float32) / step)[:, None]
    for _ in range(2):
        low, high = coarse[:-1, None], coarse[1:, None]
        fine = low + share * (high - low)
        coarse = np.ascontiguousarray(fine.reshape(-1, coarse.shape[1]).T)
    return np.ascontiguousarray(coarse[: shape[0], : shape[1]])


def _quadratic(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Terms of a polynomial of degree two, of the shape that x and y broadcast to."""
    flat = np.ones(np.broadcast_shapes(x.shape, y.shape))
    return [flat, flat * x, flat * y, x * y, flat * x**2, flat * y**2]
