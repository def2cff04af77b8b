"""Split segments that hold several sources."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["deblend"]

#: Segments at least as large as the pipeline's kernel are split, px.
_LARGE_PX: Final = 121

#: One more than ten times as large as the next is left alone, and so is the largest.
_ALONE: Final = 10

#: Least pixels of a piece at some level, number of levels, least share of the segment's light.
_LEAST_PX: Final = 6
_LEVELS: Final = 64
_CONTRAST: Final = 0.001

_EIGHT: Final = np.ones((3, 3))


def deblend(
    smooth: NDArray[np.float32], labels: NDArray[np.int32], count: int
) -> tuple[NDArray[np.int32], int]:
    """Split large segments by thresholds and watershed (SExtractor's way).

    photutils does the same but needs scikit-image for it.

    Parameters
    ----------
    smooth : ndarray, shape (ny, nx), float32
        The image that the segments were found on.
    labels : ndarray, shape (ny, nx), int32
        1 to `count`; changed in place.
    count : int
        Number of segments.

    Returns
    -------
    labels : ndarray, shape (ny, nx), int32
        1 to the new count, in the order of the old ones.
    count : int
        Number of segments now.
    """
    if not count:
        return labels, 0
    large = _large(np.bincount(labels[labels > 0], minlength=count + 1)[1:])
    boxes = ndimage.find_objects(labels, max_label=count)
    new = count
    for label in large:
        box = boxes[label - 1]
        here = labels[box] == label
        pieces, parts = _split(smooth[box], here)
        for part in range(2, parts + 1):
            new += 1
            labels[box][pieces == part] = new
    return labels, new


def _large(areas: NDArray[np.int_]) -> NDArray[np.int_]:
    """Give the labels of the segments to split."""
    order = np.argsort(-areas, kind="stable")
    ranked = areas[order]
    left = 1
    while left < ranked.size - 1 and ranked[left] >= _ALONE * ranked[left + 1]:
        left += 1
    return np.sort(order[left:][ranked[left:] >= _LARGE_PX] + 1)


def _split(values: NDArray[np.float32], here: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Give the pieces of one segment, 1 to their number; 0 outside it."""
    light = np.where(here, values, 0)
    whole = here.astype(np.int32)
    peaks = here & (light == ndimage.maximum_filter(light, size=3))
    if np.count_nonzero(peaks) < 2:  # one peak can't be split: saves 64 levels
        return whole, 1
    markers, count = _markers(light, here)
    if count < 2:
        return whole, 1
    return _flooded(light, here, markers)


def _markers(light: NDArray[np.float32], here: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Follow the segment up its levels; where it falls apart, its pieces take its place."""
    lowest, highest = float(light[here].min()), float(light[here].max())
    if not 0 < lowest < highest:
        return here.astype(np.int32), 1
    markers, count = here.astype(np.int32), 1
    steps = np.arange(1, _LEVELS + 1) / (_LEVELS + 1)
    for level in lowest * (highest / lowest) ** steps:
        found, number = ndimage.label(light > level, structure=_EIGHT)
        if number < 2:
            continue
        areas = np.bincount(found.ravel(), minlength=number + 1)
        kept = areas >= _LEAST_PX
        kept[0] = False
        parent = np.zeros(number + 1, dtype=np.int64)
        parent[found.ravel()] = markers.ravel()
        parent = np.where(kept, parent, 0)
        children = np.bincount(parent, minlength=count + 1)
        children[0] = 0
        torn = children > 1
        if not torn.any():
            continue
        new = np.zeros(number + 1, dtype=np.int32)
        replaced = np.flatnonzero(torn[parent])
        new[replaced] = count + 1 + np.arange(replaced.size)
        split = torn[markers]
        markers[split] = new[found[split]]
        count += replaced.size
    names, packed = np.unique(markers, return_inverse=True)
    return packed.reshape(markers.shape).astype(np.int32), names.size - 1


def _flooded(
    light: NDArray[np.float32], here: NDArray[np.bool_], markers: NDArray[np.int32]
) -> tuple[NDArray[np.int32], int]:
    """Give each pixel to a marker, downhill from the peaks; drop markers with too little light."""
    logarithm = np.log(np.maximum(light, light[here].min()))
    depth = logarithm.max() - logarithm
    cost = np.where(here, np.rint(depth / max(float(depth.max()), 1e-9) * 60_000), 65_535)
    cost = cost.astype(np.uint16)
    outside = np.where(here, 0, -1)
    total = float(light.sum())
    while True:
        names = np.unique(markers[markers > 0])
        pieces = ndimage.watershed_ift(cost, (markers + outside).astype(np.int32), _EIGHT)
        pieces = np.where(here, np.maximum(pieces, 0), 0)
        shares = ndimage.sum_labels(light, pieces, names) / total
        if names.size == 1 or shares.min() >= _CONTRAST:
            break
        markers = np.where(markers == names[np.argmin(shares)], 0, markers)
    packed = np.zeros(int(names.max()) + 1, dtype=np.int32)
    packed[names] = np.arange(1, names.size + 1)
    return packed[pieces], names.size
