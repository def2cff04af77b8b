"""Background, its noise, and how both vary over a total detection image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import RectBivariateSpline
from scipy.spatial import cKDTree

from spacekit.mosaic.parameters import DetectionSettings
from spacekit.mosaic.scratch import release
from spacekit.mosaic.strips import strips

__all__ = ["Depth", "Sky", "depth_of", "measure_sky", "sky_map"]

#: Above this skewness of the clipped values the background is mapped (SVM parameter files).
_SKEW_LIMIT: Final = 0.5

#: Above this fraction of strongly negative pixels the map is dropped.
_NEGATIVE_LIMIT: Final = 0.15

#: With more zeros than this fraction a photon counter's background is taken for zero.
_ZERO_LIMIT: Final = 0.25

#: Pixels are plenty for a median; of larger images every k-th row is used.
_ENOUGH_PX: Final = 1_000_000


@dataclass(frozen=True)
class Sky:
    """Background of an image.

    Parameters
    ----------
    level : float or ndarray, shape (ny, nx), float32
        Electrons/s: one number, or a map where it is uneven.
    rms : float
        Electrons/s, of the deepest region.
    lift : float
        By how much the image was lifted before its sky was measured; part of `level`.
    """

    level: NDArray[np.float32] | float
    rms: float
    lift: float = 0.0


@dataclass(frozen=True)
class Depth:
    """Regions of like weight.

    Parameters
    ----------
    region : ndarray, shape (ny, nx), uint8
        Number of each pixel's region from 1; 0 outside.
    factor : ndarray, shape (regions + 1,), float32
        By how much noise is higher there than in the deepest region.
    """

    region: NDArray[np.uint8]
    factor: NDArray[np.float32]


def measure_sky(
    image: NDArray[np.float32],
    inside: NDArray[np.bool_],
    settings: DetectionSettings,
    floor_rms: float,
    seconds: float,
) -> Sky:
    """Measure the background as the pipeline does.

    A map is taken only where the clipped values are skewed (3 (mean - median) / rms above
    0.5). The rms is never below what read noise or the pixel-to-pixel scatter demand.

    Parameters
    ----------
    image : ndarray, shape (ny, nx), float32
        Electrons/s.
    inside : ndarray of bool, shape (ny, nx)
        The exposed part.
    settings : DetectionSettings
        Of the detector.
    floor_rms : float
        Least rms that read noise allows, electrons/s.
    seconds : float
        Total exposure time.
    """
    step = max(1, image.size // _ENOUGH_PX)
    values = image[::step][inside[::step]]
    if settings.detector == "sbc" and np.mean(values == 0) > _ZERO_LIMIT:
        counts = values[values > 0]
        spread = float(counts.std(ddof=1)) if counts.size > 1 else 0.0
        return Sky(0.0, max(spread, 1 / seconds))
    mean, median, rms = _clipped(values, *settings.clip)
    lift = rms - median if median < 0 else 0.0
    if lift:
        values = values + np.float32(lift)
        mean, median, rms = _clipped(values, *settings.clip)
    low = values[(values > 0) & (values < median + 0.1 * rms)]
    _, level, spread = _clipped(low, settings.clip[0], 5) if low.size else (0.0, 0.0, 0.0)
    if settings.detector == "sbc":
        floor_rms = float(np.sqrt(max(level * seconds, 1.0))) / seconds
    scatter = _pixel_scatter(image[::step], everywhere=lift > 0)
    plain = Sky(max(0.0, level), max(spread, floor_rms, scatter), lift)
    if rms <= 0 or abs(3 * (mean - median) / rms) <= _SKEW_LIMIT:
        return plain
    uneven = sky_map(image, inside, settings.box_px, lift)
    if uneven is None or uneven.rms > plain.rms:
        return plain
    too_low = _count_below(image, inside, np.asarray(uneven.level), -lift - uneven.rms)
    return plain if too_low > _NEGATIVE_LIMIT * np.count_nonzero(inside) else uneven


def _count_below(
    image: NDArray[np.float32], inside: NDArray[np.bool_], level: NDArray[np.float32], limit: float
) -> int:
    """Count the pixels that lie below a limit once the sky is subtracted."""
    count = 0
    for rows, _ in strips(len(image)):
        count += int(np.count_nonzero((image[rows] - level[rows])[inside[rows]] < limit))
    return count


def _clipped(values: NDArray[np.float32], sigma: float, rounds: int) -> tuple[float, float, float]:
    """Give mean, median and standard deviation after clipping about the median."""
    for _ in range(rounds):
        middle, width = np.median(values), sigma * values.std()
        kept = values[np.abs(values - middle) <= width]
        if kept.size in (0, values.size):
            break
        values = kept
    return float(values.mean()), float(np.median(values)), float(values.std())


def _pixel_scatter(image: NDArray[np.float32], *, everywhere: bool) -> float:
    """Give the noise from differences of pixels two apart (Stoehr et al. 2007, DER_SNR)."""
    difference = 2 * image[:, 2:-2] - image[:, :-4] - image[:, 4:]
    if not everywhere:
        there = image != 0
        difference = difference[there[:, 2:-2] & there[:, :-4] & there[:, 4:]]
    return float(np.median(np.abs(difference))) * 1.482602 / 6**0.5 if difference.size else 0.0


def sky_map(
    image: NDArray[np.float32], inside: NDArray[np.bool_], box_px: int, lift: float
) -> Sky | None:
    """Map the background in boxes; None where no box has pixels enough.

    SExtractor's estimate (the mode, or the median of a crowded box) of the clipped pixels of each
    box, smoothed by a median of 3 x 3 boxes, and splines between: photutils' Background2D, which
    is slower. The lift is added to the level, as the pipeline does.
    """
    levels, rms, share = _boxes(image, inside, box_px)
    for least in (0.9, 0.75, 0.5, 0.25):  # of a box that must be left
        good = share >= least
        if good.any():
            break
    else:
        return None
    smooth, spread = (
        ndimage.median_filter(_filled(values, good), size=3, mode="nearest")
        for values in (levels, rms)
    )
    ny, nx = image.shape
    at_y, at_x = ((np.arange(n) + 0.5) / box_px - 0.5 for n in (ny, nx))
    degree = [min(3, n - 1) for n in smooth.shape]
    if min(degree) < 1:
        flat = np.full(image.shape, np.median(smooth) + lift, np.float32)
        return Sky(flat, float(np.median(spread)), lift)
    nodes = [np.arange(n) for n in smooth.shape]
    spline = RectBivariateSpline(*nodes, smooth, kx=degree[0], ky=degree[1])
    inner = [np.clip(at, 0, n - 1) for at, n in zip((at_y, at_x), smooth.shape, strict=True)]
    level = np.empty(image.shape, np.float32)
    for rows, _ in strips(ny):
        level[rows] = spline(inner[0][rows], inner[1]) + lift
    return Sky(level, float(np.median(spread)), lift)


def _filled(values: NDArray[np.float64], good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give what isn't good the mean of the ten nearest that are, weighted by inverse distance."""
    places = np.argwhere(good)
    bad = np.argwhere(~good)
    if not len(bad):
        return values
    distance, index = cKDTree(places).query(bad, k=min(10, len(places)))
    distance, index = distance.reshape(len(bad), -1), index.reshape(len(bad), -1)
    filled = values.copy()
    filled[~good] = (values[good][index] / distance).sum(axis=1) / (1 / distance).sum(axis=1)
    return filled


def _boxes(
    image: NDArray[np.float32], inside: NDArray[np.bool_], box_px: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give level, rms and share of pixels left of each box; a row of boxes at a time."""
    ny, nx = image.shape
    across = -(-nx // box_px)
    rows = []
    for first in range(0, ny, box_px):
        shape = (box_px, across * box_px)
        values = np.full(shape, np.inf)
        part = np.s_[first : first + box_px]
        values[: image[part].shape[0], :nx] = np.where(inside[part], image[part], np.inf)
        boxes = values.reshape(box_px, across, box_px).swapaxes(0, 1).reshape(across, -1)
        rows.append(_box_statistics(np.sort(boxes, axis=1)))
    level, rms, share = np.stack(rows, axis=1)
    return level, rms, share


def _box_statistics(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clip ordered pixels, inf where not exposed; give SExtractor's level, rms, share left."""
    box = np.arange(len(ordered))
    count = np.isfinite(ordered).sum(axis=1)
    values = np.where(np.isfinite(ordered), ordered, 0)
    zero = values[:, :1]
    sums = np.cumsum(np.pad(values - zero, ((0, 0), (1, 0))), axis=1)
    squares = np.cumsum(np.pad((values - zero) ** 2, ((0, 0), (1, 0))), axis=1)
    low, high = np.zeros_like(count), count.copy()
    for _ in range(10):
        size = np.maximum(high - low, 1)
        mean = (sums[box, high] - sums[box, low]) / size
        variance = (squares[box, high] - squares[box, low]) / size - mean**2
        deviation = np.sqrt(np.maximum(variance, 0))
        mean = mean + zero[:, 0]
        last = np.maximum(high - 1, low)
        median = 0.5 * (values[box, (low + last) // 2] + values[box, (low + last + 1) // 2])
        inner = np.abs(ordered - median[:, None]) <= 3 * deviation[:, None]
        new_low = np.argmax(inner, axis=1)
        new_high = np.where(inner.any(axis=1), new_low + inner.sum(axis=1), high)
        new_low = np.where(inner.any(axis=1), new_low, low)
        if (new_low == low).all() and (new_high == high).all():
            break
        low, high = new_low, new_high
    skewed = np.abs(mean - median) > 0.3 * deviation
    level = np.where(skewed, median, 2.5 * median - 1.5 * mean)
    return np.stack([level, deviation, (high - low) / ordered.shape[1]])


def depth_of(weight: NDArray[np.float32], inside: NDArray[np.bool_], step: float) -> Depth:
    """Split the exposed part where fewer exposures overlap; small regions join the next.

    Parameters
    ----------
    weight : ndarray, shape (ny, nx), float32
        Exposure time, s.
    inside : ndarray of bool, shape (ny, nx)
        The exposed part.
    step : float
        Factor in weight from region to region. A region has at least 5% of the pixels.
    """
    relative = np.empty_like(weight)
    for rows, own in strips(len(weight), margin=5):
        mine = np.s_[rows.start + own.start : rows.start + own.stop]
        relative[mine] = ndimage.maximum_filter(weight[rows], size=11)[own]
        release(weight)
    relative /= relative.max()
    region = np.zeros(weight.shape, dtype=np.uint8)
    factors = [1.0]
    left = inside & (relative > 0)
    remaining = np.count_nonzero(left)
    least, limit = 0.05 * remaining, 1 / step
    while remaining:
        here = left & (relative > limit)
        size = np.count_nonzero(here)
        if size == remaining or (size > least and remaining - size > least):
            region[here] = len(factors)
            factors.append(float(relative[here].max()) ** -0.5)
            left &= ~here
            remaining -= size
        elif remaining - size <= least:
            limit = 0.0
        limit /= step
    return Depth(region, np.array(factors, dtype=np.float32))
