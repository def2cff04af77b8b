"""Bring the three frames of a mosaic to what the network takes; all normalising is done here.

Frames come from our prep (asinh stretch, no margin, 512 px), from the original tool (linear
stretch, white figure margin, 1300 to 1900 px), as arrays of 128 px, or from anywhere. Neither
size, margin, padding nor stretch may say anything about the mosaic, so each stack is

1. trimmed of white margins and of the black outside the footprint, by the plain frame's box,
2. reduced by area to fit a square, centred on black,
3. re-levelled: the gray of a pixel is replaced by how rare it is within the footprint,
   ``-log10(1 - rank)`` with the rarest 1 in 10,000 at full white. Any stretch that keeps the
   order of pixels gives the same picture; what stands out of the sky keeps standing out.
4. overlays keep their hue at full strength, whatever the width of the line was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

__all__ = ["Picture", "footprint_box", "normalise_stack", "rarity", "relevel"]

#: Brighter than this in all channels is margin, darker is outside the footprint.
WHITE, BLACK = 250, 2
_UNDER_WHITE = [255 * (level < WHITE) for level in range(256)]
_OVER_BLACK = [255 * (level > BLACK) for level in range(256)]

#: What is narrower isn't taken for a footprint, px.
_LEAST_SIDE = 8

#: A pixel whose channels differ by more is overlay, not gray.
COLOURED = 24

Picture = NDArray[np.uint8]


def normalise_stack(
    pictures: Sequence[Image.Image], size: int, reduce_to: int | None = None
) -> Picture:
    """Trim, reduce, pad and re-level the three frames of a mosaic.

    Parameters
    ----------
    pictures : sequence of three PIL.Image.Image, RGB or L
        Plain, source, gaia; sizes may differ, and one may be there twice.
    size : int
        Side of the result, px.
    reduce_to : int, optional
        Reduce to this side first.

    Returns
    -------
    ndarray, shape (3, size, size, 3), uint8
    """
    plain = pictures[0]
    box = footprint_box(plain)
    fitted: dict[int, Picture] = {}
    for picture in pictures:
        if id(picture) not in fitted:
            cut = picture.crop(box if picture.size == plain.size else footprint_box(picture))
            if reduce_to is not None:
                cut = _fit(cut, reduce_to)
            fitted[id(picture)] = _square(_fit(cut, size), size)
    return relevel(np.stack([fitted[id(picture)] for picture in pictures]))


def footprint_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Bound what is left of a picture without its white margin and its black border.

    Returns
    -------
    tuple of int
        Left, top, right and bottom, as Pillow takes them; of a picture that is all margin or all
        black, the whole.
    """
    bands = picture.split()
    low = reduce(ImageChops.darker, bands).point(_UNDER_WHITE)
    high = reduce(ImageChops.lighter, bands).point(_OVER_BLACK)
    box = (0, 0, *picture.size)
    for shown in (low, high, low, high):
        inner = shown.crop(box).getbbox()
        if inner is None or min(inner[2] - inner[0], inner[3] - inner[1]) < _LEAST_SIDE:
            return box
        left, top = box[:2]
        box = (left + inner[0], top + inner[1], left + inner[2], top + inner[3])
    return box


def _extremes(picture: Picture) -> tuple[Picture, Picture]:
    """Lowest and highest of the three channels (an axis of three is slow to reduce over)."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    low, high = np.minimum(red, green), np.maximum(red, green)
    return np.minimum(low, blue), np.maximum(high, blue)


def _fit(picture: Image.Image, side: int) -> Image.Image:
    """Scale the longer side to `side` px: by area downwards, smoothly upwards."""
    longest = max(picture.size)
    if longest == side:
        return picture
    width, height = (max(1, round(n * side / longest)) for n in picture.size)
    method = Image.Resampling.BOX if longest > side else Image.Resampling.BILINEAR
    return picture.resize((width, height), method)


def _square(picture: Image.Image, side: int) -> Picture:
    """Centre a picture on a black square."""
    square = np.zeros((side, side, 3), np.uint8)
    y0, x0 = (side - picture.height) // 2, (side - picture.width) // 2
    square[y0 : y0 + picture.height, x0 : x0 + picture.width] = np.asarray(picture.convert("RGB"))
    return square


def relevel(stack: Picture) -> Picture:
    """Replace gray levels by how rare they are, and give overlays their full hue.

    Parameters
    ----------
    stack : ndarray, shape (3, H, W, 3), uint8
        Plain, source, gaia. Levels up to `BLACK` are outside the footprint.
    """
    low, high = _extremes(stack)
    coloured = high - low > COLOURED
    gray = low[0][~coloured[0]]
    table = rarity(np.bincount(gray, minlength=256))
    levels: Picture = np.repeat(table.take(low)[..., None], 3, axis=3)
    # a list of places is three times as fast as a mask of them
    places = np.flatnonzero(coloured)
    darkest = low.ravel()[places, None]
    reach = (high.ravel()[places, None] - darkest).astype(np.float32)
    hue = (stack.reshape(-1, 3)[places] - darkest) / reach
    levels.reshape(-1, 3)[places] = np.rint(hue * 255).astype(np.uint8)
    return levels


def rarity(counts: NDArray[np.int64]) -> Picture:
    """Level to its new level: -log10 of the share of footprint pixels above, over 4 decades.

    Parameters
    ----------
    counts : ndarray, shape (256,), int
        Pixels at each level; levels up to `BLACK` are not counted and stay 0.

    Returns
    -------
    ndarray, shape (256,), uint8
        At least 1 inside the footprint.
    """
    inside = counts.astype(np.float64)
    inside[: BLACK + 1] = 0
    total = inside.sum()
    if total == 0:
        return np.zeros(256, np.uint8)
    # The brightest level that occurs is saturated: nothing is above it.
    above = 1 - np.cumsum(inside) / total
    rare = -np.log10(above.clip(1e-4, 1)) / 4
    table: Picture = np.maximum(np.rint(rare * 255), 1).astype(np.uint8)
    table[: BLACK + 1] = 0
    return table
