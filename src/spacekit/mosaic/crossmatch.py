"""Match the sources of two filters: the pipeline's interfilter test."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.special import gammainc

from spacekit.mosaic.background import Sky
from spacekit.mosaic.points import star_shapes
from spacekit.mosaic.strips import strips

__all__ = ["crossmatch", "faint_sources"]

#: How far a common offset is looked for, px, and the samples of a pixel of its histogram.
_SEARCH_PX: Final = 50
_SAMPLES: Final = 5

#: Sources whose differences are taken together: those of a cluster's pairs would take GBs.
_TOGETHER: Final = 1000

#: Sources match within this distance of the common offset, px.
_TOLERANCE_PX: Final = 2.0

#: Fewer matches are none.
_LEAST_MATCHES: Final = 10

#: Expected number of peaks as high by chance, beyond which a peak means nothing.
_CHANCE: Final = 1e-3

#: Detection threshold in units of the background's rms.
_NSIGMA: Final = 3.0

_SHARPNESS: Final = (0.2, 1.0)
_ROUNDNESS: Final = 1.0


def faint_sources(
    image: NDArray[np.float32], inside: NDArray[np.bool_], sky: Sky, fwhm_px: float
) -> NDArray[np.float64]:
    """Find everything DAOFind takes for a star at three sigma, noise and all.

    Parameters
    ----------
    image : ndarray, shape (ny, nx), float32
        Of one filter, electrons/s.
    inside : ndarray of bool, shape (ny, nx)
        Where sources are looked for.
    sky : Sky
        Of the image.
    fwhm_px : float
        Of the kernel.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based, by y.
    """
    if not inside.any() or sky.rms <= 0:
        return np.empty((0, 2))
    parts = [
        _faint(image, inside, sky, fwhm_px, strip) for strip in strips(image.shape[0], margin=4)
    ]
    return np.concatenate(parts)


def _faint(
    image: NDArray[np.float32],
    inside: NDArray[np.bool_],
    sky: Sky,
    fwhm_px: float,
    strip: tuple[slice, slice],
) -> NDArray[np.float64]:
    rows, own = strip
    kernel, error = _density_kernel(fwhm_px)
    flat = image[rows] - (sky.level if isinstance(sky.level, float) else sky.level[rows])
    smooth = ndimage.correlate(flat, kernel, mode="constant")
    high = (smooth > _NSIGMA * sky.rms * error) & inside[rows]
    high[: max(own.start, 2)] = high[min(own.stop, len(high) - 2) :] = False
    high[:, :2] = high[:, -2:] = False
    y, x = np.nonzero(high)
    step = np.arange(-2, 3)
    at = y[:, None, None] + step[:, None], x[:, None, None] + step
    convolved = smooth[at]
    disc = step[:, None] ** 2 + step**2 <= 4
    peak = convolved[:, 2, 2] == np.where(disc, convolved, -np.inf).max(axis=(1, 2))
    at = at[0][peak], at[1][peak]
    sharpness, roundness, offset = star_shapes(flat[at], convolved[peak], fwhm_px)
    with np.errstate(invalid="ignore"):
        stellar = (sharpness > _SHARPNESS[0]) & (sharpness < _SHARPNESS[1])
        stellar &= (np.abs(roundness) < _ROUNDNESS).all(axis=1)
    return np.column_stack([x[peak], y[peak] + rows.start])[stellar] + offset[stellar]


def _density_kernel(fwhm_px: float) -> tuple[NDArray[np.float32], float]:
    """Give DAOFind's kernel, which sums to zero, and the noise it leaves of unit noise."""
    step = np.arange(-2, 3)
    square = step[:, None] ** 2 + step**2
    disc = square <= 4
    gauss = np.exp(-square / (2 * (fwhm_px / 2.3548) ** 2)) * disc
    scale = (gauss**2).sum() - gauss.sum() ** 2 / disc.sum()
    kernel = (gauss - gauss.sum() / disc.sum()) / scale * disc
    return kernel.astype(np.float32), float(scale**-0.5)


def crossmatch(
    reference: NDArray[np.float64], comparison: NDArray[np.float64]
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Match two lists of positions that may differ by a common offset.

    The offset is the highest peak of the histogram of the differences of all near pairs. It must
    not be expected by chance, and there must be no second one like it, else nothing matches: stars
    that are doubled in one of the images have two offsets.

    Parameters
    ----------
    reference, comparison : ndarray, shape (n, 2)
        x and y on one grid.

    Returns
    -------
    reference, comparison : ndarray of int
        Indices of matched sources; empty where nothing matches.
    """
    nothing = np.empty(0, dtype=np.int_), np.empty(0, dtype=np.int_)
    if len(reference) < _LEAST_MATCHES or len(comparison) < _LEAST_MATCHES:
        return nothing
    offset = _common_offset(reference, comparison)
    if offset is None:
        return nothing
    distance, index = cKDTree(comparison).query(reference + offset)
    ours = np.flatnonzero(distance < _TOLERANCE_PX)
    theirs = index[ours]
    for _ in range(5):  # drop what is far from the mean offset
        off = comparison[theirs] - reference[ours]
        far = np.hypot(*(off - off.mean(axis=0)).T) if len(off) else np.empty(0)
        near = far <= 2 * np.sqrt(np.mean(far**2)) if len(off) else np.empty(0, bool)
        ours, theirs = ours[near], theirs[near]
    return (ours, theirs) if len(ours) >= _LEAST_MATCHES else nothing


def _common_offset(
    reference: NDArray[np.float64], comparison: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    counts = _differences(reference, comparison)
    side = len(counts)
    if counts.sum() < _LEAST_MATCHES:
        return None
    box = np.rint(ndimage.uniform_filter(counts, _SAMPLES, mode="constant") * _SAMPLES**2)
    power, mean = _tail_power(box), float(box.mean())
    window = np.hanning(_SAMPLES + 3)[1:-1]
    smooth = box
    for axis in (0, 1):
        smooth = ndimage.convolve1d(smooth, window / window.sum(), axis=axis, mode="constant")
    rare = gammainc(np.arange(1, box.max() + 1), mean) ** power <= _CHANCE
    if not rare.any():
        return None
    least = max(3.0, np.argmax(rare) + 1)
    y, x = np.nonzero((smooth == ndimage.maximum_filter(smooth, size=3)) & (smooth >= least))
    if not y.size:
        return None
    high = box[y, x]
    expected = np.maximum(_local_mean(box, y, x), mean)
    middle = side // 2
    away = np.hypot(y - middle, x - middle)
    chance = np.pi * (away + 1) ** 2 * gammainc(high, expected) ** power
    best = int(np.lexsort((-high, chance))[0])
    if chance[best] >= _CHANCE:
        return None
    apart = np.hypot(y - y[best], x - x[best]) > _SAMPLES
    rival = apart & (chance < _CHANCE) & (high >= high[best] - 3 * np.sqrt(high[best]))
    if rival.any():
        return None
    return np.array([x[best] - middle, y[best] - middle]) / _SAMPLES


def _differences(
    reference: NDArray[np.float64], comparison: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the histogram of the differences of all near pairs, y and x; 0 is in the middle."""
    side = 2 * _SEARCH_PX * _SAMPLES + 1
    edges = (np.arange(side + 1) - side / 2) / _SAMPLES
    counts = np.zeros((side, side))
    tree = cKDTree(comparison)
    for start in range(0, len(reference), _TOGETHER):
        some = reference[start : start + _TOGETHER]
        pairs = cKDTree(some).sparse_distance_matrix(
            tree, _SEARCH_PX + 1, p=np.inf, output_type="coo_matrix"
        )
        difference = comparison[pairs.col] - some[pairs.row]
        counts += np.histogram2d(difference[:, 1], difference[:, 0], bins=(edges, edges))[0]
    return counts


def _tail_power(box: NDArray[np.float64]) -> float:
    """Give the power (1 at most) that makes Poisson's tail as heavy as the histogram's own.

    Around a broad peak, of stars smeared in one of the images, many samples are high: then a high
    sample means little.
    """
    y, x = np.unravel_index(np.argmax(box), box.shape)
    rest = box.astype(np.int64)
    half = _SAMPLES // 2
    rest[max(y - half, 0) : y + half, max(x - half, 0) : x + half] = -1
    seen = np.bincount(rest.ravel() + 1)[1:]
    first = max(int(np.argmax(seen > 0)), 1)
    tail = seen[first:][::-1].cumsum()[::-1] / max(seen.sum(), 1)
    with np.errstate(divide="ignore"):
        poisson = np.log(gammainc(np.arange(first, first + tail.size), box.mean()))
    use = (poisson < 0) & np.isfinite(poisson) & (tail > 0)
    if not use.any():
        return 1.0
    power, weight = np.log(tail[use]) / poisson[use], -poisson[use]
    order = np.argsort(power)
    middle = np.searchsorted(weight[order].cumsum(), 0.5 * weight.sum())
    return float(min(power[order][min(middle, order.size - 1)], 1.0))


def _local_mean(
    box: NDArray[np.float64], y: NDArray[np.intp], x: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Give the mean of the ring 1.6 to 2.4 px around some samples."""
    reach = 12
    step = np.arange(-reach, reach + 1)
    ring = np.hypot(step[:, None], step)
    ring_y, ring_x = np.nonzero((ring >= 8) & (ring <= reach))
    padded = np.pad(box, reach, constant_values=np.nan)
    mean: NDArray[np.float64] = np.nanmean(padded[y[:, None] + ring_y, x[:, None] + ring_x], axis=1)
    return mean
