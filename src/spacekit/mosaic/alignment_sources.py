"""Find the stars of an exposure that alignment goes by.

The pipeline's way is followed where it shifts positions: its detection kernel is a bright star
cut out around the highest pixel, off centre by up to half a pixel, and it centres on what is left
of a star within the segment that this kernel draws. Two exposures are centred differently so,
and fits of good exposures leave a tenth or two of a pixel, as in genuine products.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.exposure import Chip
from spacekit.mosaic.recipe import recipe_for
from spacekit.mosaic.reject import good_pixels

__all__ = ["alignment_sources"]

#: Brightest sources taken from a chip (SVM alignment parameters).
_BRIGHTEST: Final = {"wfc": 500}
_BRIGHTEST_OTHERS: Final = 250

#: A segment has this many pixels above so many times the sky with 3 sigma (SVM parameters).
_SEGMENT_PX, _OVER_THRESHOLD = 7, 1.1

#: The kernel: half its side, how far above the threshold its star is, which widths (px) are
#: taken for a star's, how many are tried, and what it is where none is.
_HALF_PX, _KERNEL_OVER, _TRIES = 7, 5.0, 30
_WIDTHS_PX: Final = (1.0, 4.0)
_DEFAULT_WIDTH_PX: Final = 2.0
_SATURATED: Final = 70_000.0

#: Smoothing by which light stands out from single photons, and by which blobs do, px; how far
#: above the background, in units of its scatter.
_PHOTONS_PX, _BLOB_PX, _PHOTONS_SIGMA = 3.0, 5.0, 3.0


@dataclass(frozen=True)
class _Kernel:
    """What segments are detected with: an image of sum 1, and its width in px."""

    image: NDArray[np.float32]
    fwhm_px: float


def alignment_sources(chip: Chip, detector: str) -> NDArray[np.float64]:
    """Find the stars of one chip of one exposure, brightest first.

    Cosmic rays of a CCD are told from stars by the width of their peak: less light in the
    neighbours than optics allow.

    Parameters
    ----------
    chip : Chip
        Pixels in any linear unit.
    detector : str
        Lower case.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based.
    """
    from scipy.signal import oaconvolve  # half a second that only who drizzles needs to wait

    saturated = 256 | 2048  # still the core of a star
    bits = recipe_for(detector, 2).good_bits | saturated
    good = good_pixels(chip.dq, bits) & np.isfinite(chip.sci)
    image = np.where(good, chip.sci, np.nan)
    sky = np.nanmedian(image[::2, ::2])
    rms = 1.4826 * np.nanmedian(np.abs(image[::2, ::2] - sky))
    if not np.isfinite(rms) or (rms <= 0 and detector != "sbc"):
        return np.empty((0, 2))
    image = np.where(good, chip.sci - sky, 0).astype(np.float32)
    threshold = float(_OVER_THRESHOLD * (sky + 3 * rms))
    kernel = _kernel(image, threshold)
    if detector == "sbc":
        return _in_photons(chip.sci, kernel.fwhm_px)
    smooth = oaconvolve(image, kernel.image, mode="same").astype(np.float32)
    segments, _ = ndimage.label(smooth > threshold - sky)
    found = _centred(chip.sci, segments, _segment_peaks(smooth, segments), detector, kernel.fwhm_px)
    return found[: _BRIGHTEST.get(detector, _BRIGHTEST_OTHERS)]


def _kernel(image: NDArray[np.float32], threshold: float) -> _Kernel:
    """Cut out the brightest star that is as wide as one; a Gaussian where there is none."""
    from photutils.psf import fit_fwhm

    edge = 2 * _HALF_PX
    inner = image[edge:-edge, edge:-edge]
    peak = inner == ndimage.maximum_filter(inner, size=11)
    y, x = np.nonzero(peak & (inner > _KERNEL_OVER * threshold) & (inner < _SATURATED))
    for k in np.argsort(-inner[y, x], kind="stable")[:_TRIES]:
        row, column = y[k] + edge, x[k] + edge
        star = image[
            row - _HALF_PX : row + _HALF_PX + 1, column - _HALF_PX : column + _HALF_PX + 1
        ].clip(0)
        star = star / star.sum()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits that don't converge
            width = float(fit_fwhm(star, xypos=(_HALF_PX, _HALF_PX), fit_shape=11)[0])
        if _WIDTHS_PX[0] < width < _WIDTHS_PX[1]:
            return _Kernel(star.astype(np.float32), width)
    r2 = np.add.outer(*[np.arange(-_HALF_PX, _HALF_PX + 1) ** 2] * 2)
    gauss = np.exp(-0.5 * r2 / (_DEFAULT_WIDTH_PX / 2.3548) ** 2)
    return _Kernel((gauss / gauss.sum()).astype(np.float32), _DEFAULT_WIDTH_PX)


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


def _centred(
    sci: NDArray[np.float32],
    segments: NDArray[np.int32],
    peaks: tuple[NDArray[np.intp], NDArray[np.intp]],
    detector: str,
    fwhm_px: float,
) -> NDArray[np.float64]:
    """Centre on stars within their segments, brightest first; what is no star is left out."""
    from photutils.detection import DAOStarFinder

    y, x = peaks
    if not x.size:
        return np.empty((0, 2))
    # The pipeline centres on a segment with its sky and nothing around it.
    raw = np.where(segments > 0, np.nan_to_num(sci, nan=0.0, posinf=0.0, neginf=0.0), 0)
    # From the brightest pixel; a flagged one set to 0 would pull the centre away.
    around = np.stack([raw[y + i, x + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]).argmax(axis=0)
    y, x = y + around // 3 - 1, x + around % 3 - 1
    finder = DAOStarFinder(
        1e-6,
        fwhm_px,
        sharpness_range=(0.2, 1.0 if detector == "ir" else 0.8),
        roundness_range=(-1.0, 1.0),
        xycoords=np.column_stack([x, y]),
    )
    return _by("peak", finder(raw))


def _by(column: str, found: object) -> NDArray[np.float64]:
    """Give positions, shape (n, 2), the highest of a column first."""
    if found is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(found[column]))  # type: ignore[index]
    xy = [np.asarray(found[f"{axis}_centroid"]) for axis in "xy"]  # type: ignore[index]
    return np.column_stack(xy)[order]


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
        # 0: photutils 3 keeps stars apart by default, the pipeline's photutils 2 doesn't
        finder = DAOStarFinder(1e-10, fwhm_px, min_separation=0)
        return _by("flux", finder(light, mask=~blobs))
