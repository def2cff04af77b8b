"""Find the stars of an exposure that alignment goes by."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.exposure import Chip
from spacekit.mosaic.reject import good_pixels, recipe_for

__all__ = ["alignment_sources"]

#: Brightest sources taken from a chip (SVM alignment parameters).
_BRIGHTEST: Final = {"wfc": 500}
_BRIGHTEST_OTHERS: Final = 250

#: A segment has this many pixels above so many times the sky with 3 sigma (SVM parameters).
_SEGMENT_PX, _OVER_THRESHOLD = 7, 1.1

#: Smoothing by which light stands out from single photons, and by which blobs do, px; how far
#: above the background, in units of its scatter.
_PHOTONS_PX, _BLOB_PX, _PHOTONS_SIGMA = 3.0, 5.0, 3.0


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
    if detector == "sbc":
        return _in_photons(chip.sci, fwhm_px)
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
    segments, _ = ndimage.label(smooth > _OVER_THRESHOLD * (sky + 3 * rms) - sky)
    y, x = _segment_peaks(smooth, segments)
    if not x.size:
        return np.empty((0, 2))
    strongest = np.argsort(-smooth[y, x])[: 4 * _BRIGHTEST_OTHERS]
    # The pipeline centres on a segment with its sky and nothing around it.
    raw = np.where(segments > 0, np.nan_to_num(chip.sci, nan=0.0, posinf=0.0, neginf=0.0), 0)
    around = np.stack([raw[y + i, x + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]).argmax(axis=0)
    y, x = y + around // 3 - 1, x + around % 3 - 1
    finder = DAOStarFinder(
        1e-6,
        max(1.3, fwhm_px),
        sharpness_range=(0.2, 1.0 if detector == "ir" else 0.8),
        roundness_range=(-1.0, 1.0),
        xycoords=np.column_stack([x, y])[strongest],
    )
    # From the brightest pixel; a flagged one set to 0 would pull the centre away.
    found = finder(raw)
    if found is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(found["peak"]))[: _BRIGHTEST.get(detector, _BRIGHTEST_OTHERS)]
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])[
        order
    ]


def _segment_peaks(
    smooth: NDArray[np.float32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give row and column of the highest peak of each segment; touching stars count as one."""
    areas = np.bincount(labels.ravel())
    peak = (smooth == ndimage.maximum_filter(smooth, size=5)) & (labels > 0)
    peak[:2], peak[-2:], peak[:, :2], peak[:, -2:] = False, False, False, False
    y, x = np.nonzero(peak & (areas[labels] >= _SEGMENT_PX))
    order = np.argsort(-smooth[y, x], kind="stable")
    _, first = np.unique(labels[y[order], x[order]], return_index=True)
    return y[order][first], x[order][first]


def _in_photons(image: NDArray[np.float32], fwhm_px: float) -> NDArray[np.float64]:
    """Find the stars of an image of single photons, where no pixel stands out by itself.

    As the pipeline does: what a smoothed image shows above its background is kept, blobs in that
    are found by their curvature, and DAOFind centres on the photons in them.
    """
    from astropy.stats import sigma_clipped_stats
    from photutils.detection import DAOStarFinder
    from photutils.utils.exceptions import NoDetectionsWarning

    sci = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
    smooth = ndimage.gaussian_filter(sci, _PHOTONS_PX)
    _, middle, scatter = sigma_clipped_stats(smooth, maxiters=1)
    light = np.where(smooth > middle + _PHOTONS_SIGMA * scatter, sci, 0)
    blobs = ndimage.gaussian_laplace(light, _BLOB_PX) < 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = DAOStarFinder(1e-10, max(1.3, fwhm_px))(light, mask=~blobs)
    if found is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(found["flux"]))
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])[
        order
    ]
