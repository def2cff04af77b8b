"""Find and measure sources as the pipeline's catalogs do: on the total, forced on filters."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.drizzle import Stack

__all__ = ["Detection", "DetectionSettings", "detect", "settings_for"]

#: Border of the footprint in which nothing is detected, px (drizzlepac erodes by as much).
_EDGE_PX: Final = 10


#: Above this skewness of the clipped values the background is mapped (SVM parameter files).
_SKEW_LIMIT: Final = 0.5

#: Above this fraction of strongly negative pixels the map is dropped.
_NEGATIVE_LIMIT: Final = 0.15

#: Least number of connected pixels in a segment.
_SEGMENT_PX: Final = 6


@dataclass(frozen=True)
class DetectionSettings:
    """How to find and measure sources on one detector's products.

    Parameters
    ----------
    fwhm_arcsec : float
        Width of the detection kernel.
    box_px : int
        Background boxes.
    nsigma_point, nsigma_segment : float
        Thresholds, in units of the background's rms.
    apertures_arcsec : (float, float)
        Radii of the two apertures.
    stellar_ci : (float, float)
        Concentration index (mag) of stars: below the first a source is a hot pixel or a
        cosmic ray, above the second it is extended.
    """

    fwhm_arcsec: float
    box_px: int
    nsigma_point: float
    nsigma_segment: float
    apertures_arcsec: tuple[float, float]
    stellar_ci: tuple[float, float]


_IR: Final = DetectionSettings(0.14, 13, 6.0, 4.6, (0.15, 0.45), (0.25, 0.7))
_CCD: Final = DetectionSettings(0.076, 27, 6.0, 2.8, (0.05, 0.15), (0.75, 1.0))


def settings_for(detector: str, wavelength_nm: float = 0.0) -> DetectionSettings:
    """Give a detector's settings (drizzlepac's catalog parameter files).

    The limits of the concentration index, which the pipeline looks up for each filter, are
    read off genuine catalogs.
    """
    if detector == "ir":
        return replace(_IR, stellar_ci=(0.25, 0.84)) if wavelength_nm > 1450 else _IR
    return _CCD if detector == "uvis" else replace(_CCD, stellar_ci=(0.9, 1.25))


@dataclass(frozen=True)
class Detection:
    """What was found on a total detection image.

    Parameters
    ----------
    point, segment : ndarray, shape (n, 2), float64
        x and y of sources, 0-based mosaic pixels.
    labels : ndarray, shape (ny, nx), int32
        Segmentation image: k + 1 for the k-th segment.
    rms, background : float
        Of the image, electrons/s; medians where they vary.
    """

    point: NDArray[np.float64]
    segment: NDArray[np.float64]
    labels: NDArray[np.int32]
    rms: float
    background: float = 0.0


def detect(
    total: Stack, settings: DetectionSettings, scale_arcsec: float, floor_rms: float
) -> Detection:
    """Find point sources and segments on a total detection image.

    Parameters
    ----------
    total : Stack
        Of all exposures.
    settings : DetectionSettings
        Of the detector.
    scale_arcsec : float
        Plate scale.
    floor_rms : float
        Least rms that read noise allows, electrons/s: sqrt(exposures) * read noise / total time.

    Returns
    -------
    Detection
        Empty arrays where nothing was found.
    """
    inside = ndimage.binary_erosion(total.wht > 0, iterations=_EDGE_PX)
    if not inside.any():
        none = np.empty((0, 2))
        return Detection(none, none, np.zeros(total.sci.shape, np.int32), floor_rms)
    background, rms = _background(total.sci, inside, settings, floor_rms)
    image = np.where(inside, total.sci - background, 0).astype(np.float32)
    noise = rms * _depth(total.wht, inside)
    sigma_px = settings.fwhm_arcsec / scale_arcsec / 2.3548
    point = _points(image, settings.nsigma_point * noise, inside, max(1.5, 2.3548 * sigma_px))
    smooth = ndimage.gaussian_filter(image, sigma_px, truncate=max(4.0, 5 / sigma_px))
    labels, segment = _segments(smooth, image, settings.nsigma_segment * noise, inside)
    return Detection(
        point, segment, labels, float(np.median(noise[inside])), float(np.median(background))
    )


def _background(
    image: NDArray[np.float32],
    inside: NDArray[np.bool_],
    settings: DetectionSettings,
    floor_rms: float,
) -> tuple[NDArray[np.float32] | float, float]:
    """Give background and its rms: one number each, or a map where the sky is uneven.

    The pipeline takes a map only where the clipped values are skewed (3 (mean - median) / rms
    above 0.5); its rms is never below what read noise or the pixel-to-pixel scatter demand.
    """
    from astropy.stats import sigma_clipped_stats

    values = image[inside]
    mean, median, rms = sigma_clipped_stats(values, sigma=3, maxiters=3, cenfunc="median")
    low = values[(values > 0) & (values < median + 0.1 * rms)]
    level = max(0.0, float(np.median(low))) if low.size else 0.0
    spread = float(np.std(low)) if low.size else 0.0
    gradient = 2 * image[:, 2:-2] - image[:, :-4] - image[:, 4:]
    both = inside[:, 2:-2] & inside[:, :-4] & inside[:, 4:]
    scatter = (
        float(np.median(np.abs(gradient[both]))) * 1.482602 / np.sqrt(6.0) if both.any() else 0.0
    )
    noise = max(spread, floor_rms, scatter)
    if rms <= 0 or abs(3 * (mean - median) / rms) <= _SKEW_LIMIT:
        return level, noise
    uneven = _background_map(image, inside, settings.box_px)
    if uneven is None or uneven[1] > noise:
        return level, noise
    too_low = np.count_nonzero((image - uneven[0])[inside] < -uneven[1]) / inside.sum()
    return (level, noise) if too_low > _NEGATIVE_LIMIT else uneven


def _background_map(
    image: NDArray[np.float32], inside: NDArray[np.bool_], box_px: int
) -> tuple[NDArray[np.float32], float] | None:
    from photutils.background import Background2D, SExtractorBackground, StdBackgroundRMS

    for percentile in (10, 25, 50, 75):  # of a box that may lie outside
        try:
            found = Background2D(
                image,
                box_px,
                filter_size=3,
                bkg_estimator=SExtractorBackground(),
                bkg_rms_estimator=StdBackgroundRMS(),
                exclude_percentile=percentile,
                coverage_mask=~inside,
            )
        except ValueError:  # no box has enough pixels
            continue
        level = np.asarray(found.background, dtype=np.float32)
        return level, float(found.background_rms_median)
    return None


def _depth(weight: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give the factor by which noise is higher where fewer exposures overlap.

    Regions are split at factors of 1.5 in weight, small ones (under 5%) join the next.
    """
    widest = ndimage.maximum_filter(weight, size=11)
    relative = widest / widest.max()
    left = inside & (relative > 0)
    factor = np.ones(weight.shape, dtype=np.float32)
    least = 0.05 * left.sum()
    limit = 1 / 1.5
    while left.any():
        region = left & (relative > limit)
        remaining = left.sum() - region.sum()
        if remaining <= least:
            region = left
        if region.sum() > least or region is left:
            factor[region] = 1 / np.sqrt(relative[region].max())
            left = left & ~region
        limit /= 1.5
    return factor


def _points(
    image: NDArray[np.float32],
    threshold: NDArray[np.float32],
    inside: NDArray[np.bool_],
    fwhm_px: float,
) -> NDArray[np.float64]:
    """Find stellar peaks above a threshold.

    The pipeline looks for peaks of the image deconvolved with a library PSF and keeps those
    that DAOFind's sharpness takes for stars; here peaks are those of the image itself.
    """
    from photutils.detection import DAOStarFinder
    from photutils.utils.exceptions import NoDetectionsWarning

    above = np.where(inside, np.maximum(image - threshold, 0), 0).astype(np.float32)
    peak = (above > 0) & (above == ndimage.maximum_filter(above, size=5))
    y, x = np.nonzero(peak)
    if not x.size:
        return np.empty((0, 2))
    finder = DAOStarFinder(
        1e-10,
        fwhm_px,
        sharpness_range=(0.4, 0.9),
        roundness_range=(-1.0, 1.0),
        xycoords=np.column_stack([x, y]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = finder(above)
    if found is None:
        return np.empty((0, 2))
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])


def _segments(
    smooth: NDArray[np.float32],
    image: NDArray[np.float32],
    threshold: NDArray[np.float32],
    inside: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    found, count = ndimage.label((smooth > threshold) & inside, structure=np.ones((3, 3)))
    areas = np.bincount(found.ravel(), minlength=count + 1)
    keep = np.flatnonzero(areas >= _SEGMENT_PX)
    keep = keep[keep > 0]
    new = np.zeros(count + 1, dtype=np.int32)
    new[keep] = np.arange(1, keep.size + 1)
    labels = new[found]
    if not keep.size:
        return labels, np.empty((0, 2))
    flux = np.where(labels > 0, np.maximum(image, 0), 0)
    centres = ndimage.center_of_mass(flux, labels, np.arange(1, keep.size + 1))
    return labels, np.array(centres)[:, ::-1]
