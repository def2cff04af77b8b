"""What cosmic-ray rejection took from each exposure.

The product's context image (CTX) tells which exposures are left in each pixel. What the holes
of one exposure mean is for `spacekit.measure.repeats` to say.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import label

from spacekit.measure.findings import NO_FILTER
from spacekit.visit.drizzled import Drizzled
from spacekit.visit.values import card

__all__ = ["Holes", "filters_of", "find_holes", "inputs_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A drizzled input as the pipeline names it, and the exposure it is a chip of.
_INPUT: Final = re.compile(
    r"(?:hst_(?:\w+?)_([a-z0-9-]+)_)?[a-z0-9]{6}([a-z0-9]{2})q?_fl[tc]\.fits"
)
#: Bits of one plane of the context image; mosaics of more chips have further planes.
_PLANE_BITS: Final = 32
#: Header cards number the inputs by three digits.
_MOST_INPUTS: Final = 999
#: Tiles the context is read in, and their overlap: as large as a hole can be.
_TILE_PX: Final = 2048
_LARGEST_HOLE_PX: Final = 24
#: Pixels a hole has. A pixel misses in CTX where the rejected ones cover all of it, so that
#: smaller ones (most cosmic rays, bad pixels) leave no hole.
_AREA_PX: Final = (4, 400)
#: Length of the ellipticity above which a hole is a cosmic ray's track.
_ROUNDEST_TRACK: Final = 0.6
#: Holes of each exposure, the largest.
_MOST_HOLES: Final = 300


@dataclass(frozen=True)
class Holes:
    """Holes of one exposure in a product.

    Parameters
    ----------
    title : str
        Of the exposure: filter and its letters.
    xy : ndarray, shape (n, 2)
        Centroids in 0-based pixels, the largest hole first.
    middle : ndarray, shape (2,)
        Centroid of the exposure's footprint.
    """

    title: str
    xy: Floats
    middle: Floats


def inputs_of(primary: fits.Header) -> dict[str, list[int]]:
    """Give the exposures of a product by the bits that their chips have in its context.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Of the product; ``D001DATA`` and following name the chips.

    Returns
    -------
    dict of str to list of int
        By filter and letters of the exposure ("f814w ab"); an exposure whose filter isn't told
        goes by "exposure ab". Chips with a name of another form are left out.
    """
    found: dict[str, list[int]] = {}
    for number in range(1, _MOST_INPUTS + 1):
        name = card(primary, f"D{number:03d}DATA")
        if not isinstance(name, str):
            break
        match = _INPUT.match(name.strip().lower())
        if match is not None:
            found.setdefault(f"{match[1] or NO_FILTER} {match[2]}", []).append(number - 1)
    return found


def filters_of(primary: fits.Header) -> tuple[str, ...]:
    """Name the filters of the exposures of a product, as far as its header tells."""
    return tuple(dict.fromkeys(title.split()[0] for title in inputs_of(primary)))


def find_holes(drizzled: Drizzled) -> tuple[Holes, ...]:
    """Find the holes of each exposure in a product's context image.

    Parameters
    ----------
    drizzled : Drizzled
        The product.

    Returns
    -------
    tuple of Holes
        One for each exposure, in the order of their bits; none where the product has fewer than
        two.

    Raises
    ------
    ProductError
        If there is no context, or it can't be read.
    """
    inputs = inputs_of(drizzled.primary)
    if len(inputs) < 2:
        return ()
    pieces: dict[str, list[Floats]] = {title: [] for title in inputs}
    weighed = {title: np.zeros(3) for title in inputs}
    ny, nx = drizzled.shape
    margin = _LARGEST_HOLE_PX
    for y0, x0 in itertools.product(range(0, ny, _TILE_PX), range(0, nx, _TILE_PX)):
        top, left = max(y0 - margin, 0), max(x0 - margin, 0)
        rows, columns = slice(top, y0 + _TILE_PX + margin), slice(left, x0 + _TILE_PX + margin)
        context = drizzled.context(rows, columns)
        if not context.any():
            continue
        for title, bits in inputs.items():
            there = _is_left(context, bits)
            found = _holes(~there)
            found[:, :2] += (left, top)
            own = (found[:, 0] >= x0) & (found[:, 0] < x0 + _TILE_PX)
            own &= (found[:, 1] >= y0) & (found[:, 1] < y0 + _TILE_PX)
            pieces[title].append(found[own])
            weighed[title] += _weigh(there[y0 - top :, x0 - left :][:_TILE_PX, :_TILE_PX], x0, y0)
    return tuple(_ordered(title, pieces[title], weighed[title]) for title in inputs)


def _ordered(title: str, pieces: Sequence[Floats], weighed: Floats) -> Holes:
    found = np.concatenate(pieces) if pieces else np.empty((0, 3))
    largest = np.argsort(-found[:, 2], kind="stable")[:_MOST_HOLES]
    middle = weighed[1:] / weighed[0] if weighed[0] > 0 else np.zeros(2)
    return Holes(title, found[largest, :2], middle)


def _is_left(context: NDArray[np.int32], bits: Sequence[int]) -> Bools:
    """Say which pixels have something of an exposure's chips; context (planes, ny, nx)."""
    there = np.zeros(context.shape[1:], dtype=bool)
    for plane, members in itertools.groupby(bits, lambda bit: bit // _PLANE_BITS):
        if plane < len(context):
            mask = np.int32(
                np.uint32(sum(1 << bit % _PLANE_BITS for bit in members)).view(np.int32)
            )
            there |= (context[plane] & mask) != 0
    return there


def _weigh(there: Bools, x0: int, y0: int) -> Floats:
    """Give number and sums of x and y of pixels."""
    across, along = (there.sum(axis=axis, dtype=np.float64) for axis in (0, 1))
    x, y = np.arange(len(across)) + x0, np.arange(len(along)) + y0
    return np.array([across.sum(), x @ across, y @ along])


def _holes(missing: Bools) -> Floats:
    """Find round patches of a few pixels: x, y and area of each, shape (n, 3)."""
    labels, count = label(missing)
    if not count:
        return np.empty((0, 3))
    places = np.flatnonzero(missing)
    owners = labels.ravel()[places]
    area = np.bincount(owners, minlength=count + 1)
    fits_in = (area >= _AREA_PX[0]) & (area <= _AREA_PX[1])
    small = fits_in[owners]
    y, x = np.divmod(places[small], missing.shape[1])
    which = (np.cumsum(fits_in) - 1)[owners[small]]
    size = area[fits_in].astype(np.float64)
    cx, cy = (np.bincount(which, v, minlength=len(size)) / size for v in (x, y))
    dx, dy = x - cx[which], y - cy[which]
    xx, yy, xy = (
        np.bincount(which, v, minlength=len(size)) / size for v in (dx * dx, dy * dy, dx * dy)
    )
    # patches of at least four pixels have an extent; a row of them is a track
    elongation = np.hypot(xx - yy, 2 * xy) / (xx + yy)
    found: Floats = np.column_stack([cx, cy, size])[elongation < _ROUNDEST_TRACK]
    return found
