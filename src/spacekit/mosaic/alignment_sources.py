"""Find the stars of an exposure that alignment goes by."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.exposure import Chip
from spacekit.mosaic.reject import good_pixels, recipe_for

__all__ = ["alignment_sources"]

#: Brightest sources taken from a chip.
_BRIGHTEST: Final = {"ir": 250}
_BRIGHTEST_CCD: Final = 500


def alignment_sources(chip: Chip, detector: str, fwhm_px: float) -> NDArray[np.float64]:
    """Find the stars of one chip of one exposure, brightest first.

    Cosmic rays of a CCD are told from stars by the width of their peak: less light in the
    neighbours than optics allow.

    Parameters
    ----------
    chip : Chip
        Pixels in any linear unit.
    detector : str
        Lower case.
    fwhm_px : float
        Of a star.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based.
    """
    from photutils.detection import DAOStarFinder

    saturated = 256 | 2048  # still the core of a star
    bits = recipe_for(detector, 2).good_bits | saturated
    good = good_pixels(chip.dq, bits) & np.isfinite(chip.sci)
    image = np.where(good, chip.sci, np.nan)
    sky = np.nanmedian(image[::2, ::2])
    rms = 1.4826 * np.nanmedian(np.abs(image[::2, ::2] - sky))
    if not np.isfinite(rms) or rms <= 0:
        return np.empty((0, 2))
    image = np.where(good, chip.sci - sky, 0).astype(np.float32)
    smooth = ndimage.gaussian_filter(image, fwhm_px / 2.3548, truncate=3)
    peak = (smooth == ndimage.maximum_filter(smooth, size=5)) & (smooth > 3.3 * rms)
    peak[:7], peak[-7:], peak[:, :7], peak[:, -7:] = False, False, False, False
    extent = ndimage.uniform_filter((smooth > 3.3 * rms).astype(np.float32), size=5) * 25
    y, x = np.nonzero(peak & (extent >= 7))
    if not x.size:
        return np.empty((0, 2))
    strongest = np.argsort(-smooth[y, x])[: 4 * _BRIGHTEST_CCD]
    raw = np.nan_to_num(chip.sci - sky, nan=0.0, posinf=0.0, neginf=0.0)
    around = np.stack([raw[y + i, x + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]).argmax(axis=0)
    y, x = y + around // 3 - 1, x + around % 3 - 1
    finder = DAOStarFinder(
        1e-6,
        max(1.3, fwhm_px),
        sharpness_range=(0.2, 1.0 if detector == "ir" else 0.8),
        roundness_range=(-1.0, 1.0),
        xycoords=np.column_stack([x, y])[strongest],
    )
    # From the brightest pixel, on all pixels: a flagged one set to 0 would pull the centre away.
    found = finder(raw)
    if found is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(found["peak"]))[: _BRIGHTEST.get(detector, _BRIGHTEST_CCD)]
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])[
        order
    ]
