"""Combine single drizzles to a model of the sky free of cosmic rays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.scratch import release
from spacekit.mosaic.strips import THIN_ROWS, strips

__all__ = ["median_image"]

#: A pixel of a single drizzle with less than this fraction of the mean weight is left out.
_MASK_FRACTION: Final = 0.3


def median_image(
    images: Sequence[NDArray[np.float32]],
    weights: Sequence[NDArray[np.float32]],
    read_noise: float,
    sky_e: float = 0.0,
    *,
    minimum: bool,
) -> NDArray[np.float32]:
    """Combine single drizzles to a model of the sky free of cosmic rays.

    Two images: their mean. More: the median without the highest. With `minimum`, the lowest
    value is taken where it lies 4 sigma (3 next to such pixels) below that.

    Parameters
    ----------
    images, weights : sequence of ndarray, shape (ny, nx)
        Electrons/s and seconds.
    read_noise : float
        Electrons.
    sky_e : float
        Sky that was subtracted from each image, electrons.
    minimum : bool
        AstroDrizzle's `minmed` instead of `median`.

    Returns
    -------
    ndarray, shape (ny, nx), float32
        Electrons/s, 0 where no image has a value.
    """
    least = np.array([_least_weight(w) for w in weights], dtype=np.float32)[:, None, None]
    combine = _mean_of_two if len(images) == 2 else _median_without_highest
    result = np.empty(images[0].shape, np.float32)
    # copies of all images take memory; a row more on either side: neighbours count
    for band, own in strips(len(result), margin=1, height=THIN_ROWS):
        some = np.stack([w[band] for w in weights])
        valid = some >= least
        count = valid.sum(axis=0, dtype=np.int8)
        middle, lowest = combine(np.stack([i[band] for i in images]), valid, count)
        if minimum:
            seconds = some.sum(axis=0)
            middle = _minimum_where_far(middle, lowest, seconds, count, read_noise**2 + sky_e)
        result[band][own] = middle[own]
        release(*images, *weights)
    return result


def _least_weight(weight: NDArray[np.float32]) -> float:
    """Give the weight below which pixels of a single drizzle are left out."""
    some = weight[weight > 0]
    release(weight)
    return float(_MASK_FRACTION * some.mean()) if some.size else np.inf


def _mean_of_two(
    images: NDArray[np.float32], valid: NDArray[np.bool_], count: NDArray[np.int8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the mean and the lowest of two images, the one that is valid, or 0."""
    first, second = (np.where(v, i, 0) for i, v in zip(images, valid, strict=True))
    mean = (first + second) / np.maximum(count, 1).astype(np.float32)
    lowest: NDArray[np.float32] = np.where(count == 2, np.minimum(first, second), first + second)
    return mean.astype(np.float32), lowest


def _median_without_highest(
    images: NDArray[np.float32], valid: NDArray[np.bool_], count: NDArray[np.int8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the median of all valid values but the highest, and the lowest; 0 where none is."""
    ordered = np.sort(np.where(valid, images, np.inf), axis=0)
    kept = np.maximum(count - 1, np.minimum(count, 1))
    low, high = np.maximum(kept - 1, 0) // 2, np.minimum(kept // 2, np.maximum(kept - 1, 0))
    pick = [np.take_along_axis(ordered, i[None].astype(np.intp), axis=0)[0] for i in (low, high)]
    there = count > 0
    middle: NDArray[np.float32] = np.where(there, 0.5 * (pick[0] + pick[1]), 0)
    lowest: NDArray[np.float32] = np.where(there, ordered[0], 0)
    return middle.astype(np.float32), lowest.astype(np.float32)


def _minimum_where_far(
    middle: NDArray[np.float32],
    lowest: NDArray[np.float32],
    seconds: NDArray[np.float32],
    count: NDArray[np.int8],
    variance_e2: float,
) -> NDArray[np.float32]:
    level = middle * seconds
    rms = np.sqrt(np.maximum(level + count * variance_e2, 0))
    far = lowest * seconds < level - 4 * rms
    near = ndimage.maximum_filter(far, size=3)
    limit = level - np.where(near, 3.0, 4.0) * rms
    result: NDArray[np.float32] = np.where(lowest * seconds < limit, lowest, middle)
    return result
