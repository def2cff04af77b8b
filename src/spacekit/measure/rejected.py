"""What cosmic-ray rejection took from each exposure, and whether that repeats the stars.

A star of a displaced exposure is taken for a cosmic ray, and so is the sky it has where the
others have the star. The product's context image (CTX) tells which exposures are left in each
pixel: holes of one exposure that lie at one shift from the stars, or from the holes of another
exposure, are displaced stars. Cosmic rays lie at no shift from anything; defects of the detector
lie at the dither, which the footprints tell. So the total alone shows that exposures disagree, and
which.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.spatial import cKDTree

from spacekit.measure.findings import NO_FILTER, Repeat
from spacekit.measure.sources import Sources
from spacekit.measure.votes import highest_peak, histogram
from spacekit.visit.drizzled import Drizzled
from spacekit.visit.values import card

__all__ = ["Holes", "find_holes", "find_repeats", "inputs_of"]

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
#: Holes of each exposure, the largest, and stars, the most significant, that vote.
_MOST_HOLES: Final = 300
_MOST_STARS: Final = 150
_STAR_SNR: Final = 15.0
#: Largest shift looked for in x and y; the smallest: a star's own core may be rejected.
_SEARCH_PX: Final = 130
_CLOSEST_PX: Final = 1.8
#: Partners this near to one another are one.
_SAME_PX: Final = 2.0
#: Holes this near to the dither of two exposures are the detector's.
_DITHER_PX: Final = 2.5
#: Side of the box votes are counted in, and of that around it that says what chance gives.
_BOX_PX: Final = 3
_AROUND_PX: Final = 31
#: Largest shift in x and y, at a typical distance from the middle, of one that grows with it.
_TURNED_PX: Final = 25
_AROUND_TURNED_PX: Final = 15
#: Nearer to the middle than this share of that distance such a shift is too small to be told.
_NEAREST: Final = 0.35
#: Highest probability, over all shifts, that chance makes such a peak.
_CHANCE: Final = 1e-4


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
    area = np.bincount(labels.ravel(), minlength=count + 1)
    fits_in = (area >= _AREA_PX[0]) & (area <= _AREA_PX[1])
    fits_in[0] = False
    y, x = np.nonzero(fits_in[labels])
    which = (np.cumsum(fits_in) - 1)[labels[y, x]]
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


def find_repeats(
    holes: Sequence[Holes], sources: Sources, middle: tuple[float, float]
) -> tuple[Repeat, ...]:
    """Look for a shift at which each exposure's holes repeat stars, or holes of the others.

    And for one that grows in proportion to the distance from the middle, as that of an exposure
    does which is turned or has another scale.

    Parameters
    ----------
    holes : sequence of Holes
        Of one product.
    sources : Sources
        Of that product, in its own pixels.
    middle : tuple of float
        (x, y) of the image's middle, 0-based px.

    Returns
    -------
    tuple of Repeat
        One for each exposure, the surest first.
    """
    bright = sources.select(sources.snr >= _STAR_SNR).select(slice(_MOST_STARS))
    stars = np.column_stack([bright.x, bright.y])
    found = []
    for own in holes:
        pairs = _partners(own, holes, stars)
        found.append(_turned(_repeat(own, pairs[:, :2]), pairs, middle))
    return tuple(sorted(found, key=lambda repeat: -repeat.surprise))


def _partners(own: Holes, holes: Sequence[Holes], stars: Floats) -> Floats:
    """Give hole minus partner, and partner, for all pairs that may mean something, shape (n, 4).

    Partners that lie on one another count once: a star in all exposures, a defect in those that
    aren't dithered.
    """
    pairs = [_differences(own.xy, stars)]
    seen = stars
    for other in holes:
        if other is own or not len(other.xy):
            continue
        apart = other.xy
        if len(seen):
            apart = apart[cKDTree(seen).query(apart)[0] > _SAME_PX]
        found = _differences(own.xy, apart)
        dither = own.middle - other.middle
        pairs.append(found[np.hypot(*(found[:, :2] - dither).T) > _DITHER_PX])
        seen = np.concatenate([seen, apart])
    both = np.concatenate(pairs)
    meaningful: Floats = both[np.hypot(*both[:, :2].T) >= _CLOSEST_PX]
    return meaningful


def _differences(own: Floats, others: Floats) -> Floats:
    """Give own minus other, and the other, for all pairs within reach, shape (n, 4)."""
    if not len(others):
        return np.empty((0, 4))
    reach = cKDTree(others).query_ball_point(own, _SEARCH_PX * math.sqrt(2))
    pairs = [
        np.hstack([place - others[near], others[near]])
        for place, near in zip(own, reach, strict=True)
        if near
    ]
    return np.concatenate(pairs) if pairs else np.empty((0, 4))


def _repeat(own: Holes, difference: Floats) -> Repeat:
    """Find the shift with more pairs than chance allows, if there is any."""
    votes = histogram(difference, _SEARCH_PX)
    peak = highest_peak(votes, _BOX_PX, _AROUND_PX)
    sure = peak.surprise - math.log(votes.size / _BOX_PX**2 / _CHANCE)
    if sure <= 0:
        return Repeat(own.title, 0.0, 0.0, 0.0, 0)
    near = difference[np.abs(difference - peak.shift).max(axis=1) <= _BOX_PX / 2]
    dx, dy = (float(v) for v in np.median(near, axis=0))
    return Repeat(own.title, sure, dx, dy, int(peak.counts))


def _turned(repeat: Repeat, pairs: Floats, middle: tuple[float, float]) -> Repeat:
    """Find the shift in proportion to the distance from the middle, as `_repeat` finds one.

    In complex numbers a turn and a scale multiply the place z by 1 + m: pairs vote for m.
    """
    if not len(pairs):
        return repeat
    difference, place = pairs[:, :2] @ [1, 1j], (pairs[:, 2:] - middle) @ [1, 1j]
    radius = float(np.sqrt(np.mean(np.abs(place) ** 2)))
    away = np.abs(place) > _NEAREST * radius
    if not away.any():
        return repeat
    ratio = difference[away] / place[away] * radius
    voted = np.column_stack([ratio.real, ratio.imag])
    votes = histogram(voted, _TURNED_PX)
    peak = highest_peak(votes, _BOX_PX, _AROUND_TURNED_PX)
    sure = peak.surprise - math.log(votes.size / _BOX_PX**2 / _CHANCE)
    if sure <= 0:
        return repeat
    near = voted[np.abs(voted - peak.shift).max(axis=1) <= _BOX_PX / 2]
    outward, around = (float(v) for v in np.median(near, axis=0))
    return replace(
        repeat,
        turned_surprise=sure,
        outward_px=outward,
        round_px=around,
        radius_px=radius,
        turned_sources=int(peak.counts),
    )
