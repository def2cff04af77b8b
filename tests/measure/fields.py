"""Quick synthetic products for the tests of evidence: Gaussian stars, noise, weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.visit.nouns import Mosaic, Product, ProductName

Image = NDArray[np.float32]


def scatter(
    rng: np.random.Generator, count: int, shape: tuple[int, int], margin: int = 15
) -> NDArray[np.float64]:
    """Positions (x, y) of stars in no order, shape (count, 2)."""
    return rng.uniform(margin, np.array(shape[::-1]) - 1 - margin, (count, 2))


def brightness(rng: np.random.Generator, count: int, faintest: float = 20) -> NDArray[np.float64]:
    """Fluxes in units of the noise of a pixel, many faint and few bright, at most 1000 times."""
    return faintest * np.minimum(rng.pareto(0.8, count) + 1, 1000)


def image(
    rng: np.random.Generator | None,
    positions: NDArray[np.float64],
    flux: NDArray[np.float64],
    shape: tuple[int, int],
    sigma_px: float | NDArray[np.float64] = 0.9,
) -> Image:
    """Gaussian stars on noise of 1 (none without rng); a star off the image leaves nothing."""
    pixels = np.zeros(shape) if rng is None else rng.normal(0, 1, shape)
    reach = np.arange(-8, 9)
    ny, nx = shape
    sigmas = np.broadcast_to(sigma_px, len(positions))
    for (x, y), f, sigma in zip(positions, flux, sigmas, strict=True):
        column, row = np.rint(x).astype(int) + reach, np.rint(y).astype(int) + reach
        across = np.exp(-0.5 * ((column - x) / sigma) ** 2)
        along = np.exp(-0.5 * ((row - y) / sigma) ** 2)
        stamp = f / (2 * np.pi * sigma**2) * along[:, None] * across[None, :]
        inside = np.ix_((row >= 0) & (row < ny), (column >= 0) & (column < nx))
        rows, columns = row[(row >= 0) & (row < ny)], column[(column >= 0) & (column < nx)]
        pixels[np.ix_(rows, columns)] += stamp[inside]
    return pixels.astype(np.float32)


def cosmic_rays(rng: np.random.Generator, pixels: Image, count: int) -> Image:
    """Add straight tracks of 1 to 6 px."""
    ny, nx = pixels.shape
    struck = pixels.copy()
    for _ in range(count):
        x, y, angle = rng.uniform(0, nx), rng.uniform(0, ny), rng.uniform(0, np.pi)
        for step in range(rng.integers(1, 7)):
            column, row = int(x + step * np.cos(angle)), int(y + step * np.sin(angle))
            if column < nx and row < ny:
                struck[row, column] += rng.pareto(1.0) * 30 + 10
    return struck


def wcs(shape: tuple[int, int], scale_arcsec: float = 0.04) -> WCS:
    """North up, tangent plane, its reference in the middle."""
    frame = WCS(naxis=2)
    frame.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    frame.wcs.crval = [150.0, 2.0]
    frame.wcs.crpix = [shape[1] / 2, shape[0] / 2]
    frame.wcs.cd = np.diag([-scale_arcsec, scale_arcsec]) / 3600
    return frame


def write_product(
    folder: Path,
    which: str,
    sci: Image,
    wht: Image | None = None,
    *,
    frame: WCS | None = None,
    exposures: int = 2,
    exptime_s: float = 1000.0,
    context: NDArray[np.integer] | None = None,
) -> Product:
    """Write a drizzled file ("total", "f606w", "f606w aa") and give its product."""
    band, _, exposure = which.partition(" ")
    name = ProductName("99999", "01", "wfc3", "uvis", band, "iz9901", exposure)
    header = (frame or wcs(sci.shape)).to_header()
    wht = np.ones(sci.shape) if wht is None else wht
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(sci.astype(np.float32), header, name="SCI"),
        fits.ImageHDU(wht.astype(np.float32), header, name="WHT"),
    ]
    if context is not None:
        hdus.append(fits.ImageHDU(context.astype(np.int32), header, name="CTX"))
    hdus[0].header.update({"EXPTIME": exptime_s, "NUMEXP": exposures, "DETECTOR": "UVIS"})
    path = folder / f"{name}_drc.fits"
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return Product(name, path)


def mosaic(folder: Path, total: Product, *products: Product) -> Mosaic:
    """Put products together; those with an exposure's letters are exposures."""
    return Mosaic(
        folder,
        str(total.name),
        total,
        tuple(p for p in products if not p.name.exposure),
        tuple(p for p in products if p.name.exposure),
    )
