"""Register two images that show too few point sources, by correlating what they show at all.

Both are sharpened, put in units of their noise and compressed, so that neither a bright star nor
a cosmic ray has all the say. A coarse correlation of the whole finds the shift; correlations of
parts of the image refine it, and how they differ (delete-one jackknife) tells the uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, uniform_filter

from spacekit.measure.robust import robust_sigma
from spacekit.measure.shift import Shift

__all__ = ["CorrelationSettings", "Sharp", "correlate", "sharpened"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]


@dataclass(frozen=True)
class CorrelationSettings:
    """How images are correlated; lengths in px of the mosaic.

    Parameters
    ----------
    search_px : int
        Largest shift looked for in x and in y; the pipeline's own relative fits search 125.
    near_px : int
        Shifts up to this are expected, so their peak may be lower.
    narrow_px : float
        Sigma of the Gaussian that both are smoothed with.
    wide_px : int
        Side of the box whose mean is taken off.
    compression : float
        Signal-to-noise of a pixel beyond which it counts less and less.
    most_side_px : int
        A larger image is binned to this before anything is done with it.
    coarse_side_px : int
        The whole image is binned to about this for the first look.
    part_px : int
        Least side of a part.
    peak, near_peak : float
        Least height of the peak over the noise of the correlation, far off and nearby. Far off
        true ones of simulated products have 24 and more, cosmic rays and noise up to 10.
    most_uncertain_px : float
        A result less certain than this is none.
    """

    search_px: int = 130
    near_px: int = 3
    narrow_px: float = 1.2
    wide_px: int = 25
    compression: float = 8.0
    most_side_px: int = 2200
    coarse_side_px: int = 1000
    part_px: int = 120
    peak: float = 12.0
    near_peak: float = 6.0
    most_uncertain_px: float = 0.25


#: No registration of pixels is better than this.
_FLOOR_PX = 0.01
#: A result this near to a shift to avoid is none.
_AVOIDED_PX = 3.0
_MOST_PARTS = 36
_FEWEST_PARTS = 3


@dataclass(frozen=True)
class Sharp:
    """An image ready to be correlated.

    Parameters
    ----------
    pixels : ndarray, shape (ny, nx), float32
        0 outside the footprint.
    bin_px : int
        Side of one of its pixels in pixels of the mosaic.
    """

    pixels: Image
    bin_px: int


def sharpened(
    sci: NDArray[np.floating],
    wht: NDArray[np.floating],
    settings: CorrelationSettings | None = None,
) -> Sharp:
    """Make an image ready to be correlated; a large one is binned to `most_side_px` first.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx)
        Image and weight.
    settings : CorrelationSettings, optional
        How to sharpen.
    """
    settings = settings or CorrelationSettings()
    side = -(-max(sci.shape) // settings.most_side_px)
    good = (wht > 0) & np.isfinite(sci)
    mask = _binned(good.astype(np.float32), side)
    filled = _binned(np.where(good, sci, np.float32(0)).astype(np.float32, copy=False), side)
    weight = _binned(np.where(good, wht, np.float32(0)).astype(np.float32, copy=False), side)
    good = mask > 0
    narrow = gaussian_filter(filled, settings.narrow_px, truncate=3.0, mode="constant")
    narrow /= gaussian_filter(mask, settings.narrow_px, truncate=3.0, mode="constant") + 1e-3
    wide = uniform_filter(filled, settings.wide_px, mode="constant")
    wide /= uniform_filter(mask, settings.wide_px, mode="constant") + np.float32(1e-3)
    narrow -= wide
    narrow *= np.sqrt(weight)
    sample = narrow[::3, ::3][good[::3, ::3]]
    noise = robust_sigma(sample)
    if noise <= 0:
        return Sharp(np.zeros_like(narrow), side)
    return Sharp(np.arcsinh(narrow / np.float32(noise * settings.compression)), side)


def correlate(
    reference: Sharp,
    image: Sharp,
    settings: CorrelationSettings | None = None,
    avoid: Floats | None = None,
) -> Shift | None:
    """Measure the shift of one sharpened image against another on the same grid.

    Parameters
    ----------
    reference, image : Sharp
        From `sharpened`; where their shapes differ, what both have is used.
    settings : CorrelationSettings, optional
        How to search.
    avoid : ndarray, shape (2,), optional
        A shift (dx, dy), px of the mosaic, at which the detector's own pattern matches.

    Returns
    -------
    Shift or None
        Image minus reference, px of the mosaic; None where no peak stands out, parts
        disagree, or the two are binned differently.
    """
    settings = settings or CorrelationSettings()
    side = reference.bin_px
    ny, nx = (min(a, b) for a, b in zip(reference.pixels.shape, image.pixels.shape, strict=True))
    first, second = reference.pixels[:ny, :nx], image.pixels[:ny, :nx]
    if image.bin_px != side or min(ny, nx) < 32 or not first.any() or not second.any():
        return None
    search = replace(settings, search_px=-(-settings.search_px // side))
    away = None if avoid is None else avoid / side
    start = _coarse(first, second, search, away)
    found = None if start is None else _fine(first, second, start, search)
    if found is None:
        return None
    if away is not None and np.hypot(found[0] - away[0], found[1] - away[1]) <= _AVOIDED_PX:
        return None
    dx, dy, uncertainty = (side * value for value in found)
    return None if uncertainty > settings.most_uncertain_px else Shift.uniform(dx, dy, uncertainty)


def _coarse(
    reference: Image, image: Image, settings: CorrelationSettings, avoid: Floats | None
) -> tuple[int, int, int] | None:
    """Find the peak of the whole images' correlation: dx, dy in px, and the size of a bin."""
    side = max(1, -(-max(reference.shape) // settings.coarse_side_px))
    reach = min(-(-settings.search_px // side), min(reference.shape) // side // 2)
    surface = _surface(_binned(reference, side), _binned(image, side), reach)
    noise = robust_sigma(surface - np.median(surface))
    if noise <= 0:
        return None
    height = (surface - np.median(surface)) / noise
    if avoid is not None:
        axis = np.arange(-reach, reach + 1) * side
        apart = np.hypot(axis[None, :] - avoid[0], axis[:, None] - avoid[1])
        height[apart <= max(_AVOIDED_PX, 2 * side)] = -np.inf
    middle = slice(reach - settings.near_px, reach + settings.near_px + 1)
    near = np.zeros(surface.shape, dtype=bool)
    near[middle, middle] = True
    for where, least in ((near, settings.near_peak), (~near, settings.peak)):
        best = np.where(where, height, -np.inf)
        row, column = np.unravel_index(int(best.argmax()), best.shape)
        # nearby only where it is the highest of all
        if best[row, column] >= max(least, 0.999 * height.max()):
            return int(column - reach) * side, int(row - reach) * side, side
    return None


def _binned(image: Image, side: int) -> Image:
    """Average over squares, what is left over at the far edges is dropped."""
    if side == 1:
        return image
    ny, nx = (n // side * side for n in image.shape)
    folded = image[:ny, :nx].reshape(ny // side, side, nx // side, side)
    binned: Image = folded.mean(axis=(1, 3))
    return binned


def _surface(reference: Image, image: Image, reach: int) -> Floats:
    """Correlate over lags of up to `reach`, shape ``(2 reach + 1,) * 2``, row = dy."""
    shape = [fft.next_fast_len(n + reach, real=True) for n in reference.shape]
    product = np.conj(fft.rfft2(reference, shape)) * fft.rfft2(image, shape)
    whole = fft.irfft2(product, shape)
    rows, columns = (np.arange(-reach, reach + 1) % n for n in shape)
    surface: Floats = whole[np.ix_(rows, columns)].astype(np.float64)
    return surface


def _fine(
    reference: Image, image: Image, start: tuple[int, int, int], settings: CorrelationSettings
) -> tuple[float, float, float] | None:
    """Correlate parts about a known shift: dx, dy, and their error from how parts agree."""
    dx, dy, side = start
    reach = 2 * side + 4
    surfaces = np.array(_parts(reference, image, dx, dy, reach, settings))
    if len(surfaces) < _FEWEST_PARTS:
        return None
    whole = surfaces.sum(axis=0)
    peak = _peak(whole)
    # delete-one jackknife: Efron & Stein (1981)
    others = [_peak(whole - one) for one in surfaces]
    if peak is None or any(other is None for other in others):
        return None
    places = np.array(others, dtype=np.float64)
    n = len(places)
    variance = (n - 1) / n * ((places - places.mean(axis=0)) ** 2).sum(axis=0)
    uncertainty = max(float(np.sqrt(variance.mean())), _FLOOR_PX)
    return dx + peak[0], dy + peak[1], uncertainty


def _parts(  # noqa: PLR0913, PLR0917
    reference: Image, image: Image, dx: int, dy: int, reach: int, settings: CorrelationSettings
) -> list[Floats]:
    """Correlate each part of the reference with where it should be in the image."""
    ny, nx = reference.shape
    number = int(np.clip(min(ny, nx) // settings.part_px, 2, round(_MOST_PARTS**0.5)))
    surfaces = []
    for rows in _slices(ny, number):
        for columns in _slices(nx, number):
            part = reference[rows, columns]
            moved = _shifted(image, _wider(rows, reach), _wider(columns, reach), dx, dy)
            if part.any() and moved.any():
                surfaces.append(_whole_overlap(part, moved))
    return surfaces


def _whole_overlap(part: Image, wider: Image) -> Floats:
    """Correlate a part with all places it may have in a wider cutout, row = dy.

    Nothing of the part ever leaves the cutout, else less overlap would pull the peak inwards.
    """
    shape = [fft.next_fast_len(n, real=True) for n in wider.shape]
    product = np.conj(fft.rfft2(part, shape)) * fft.rfft2(wider, shape)
    rows, columns = (w - p + 1 for w, p in zip(wider.shape, part.shape, strict=True))
    surface: Floats = fft.irfft2(product, shape)[:rows, :columns].astype(np.float64)
    return surface


def _wider(side: slice, by: int) -> slice:
    return slice(side.start - by, side.stop + by)


def _slices(length: int, number: int) -> list[slice]:
    edges = np.linspace(0, length, number + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def _shifted(image: Image, rows: slice, columns: slice, dx: int, dy: int) -> Image:
    """Cut a part out of the image moved back by (dx, dy); 0 beyond its edges."""
    part = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    y1, y2 = max(rows.start + dy, 0), min(rows.stop + dy, image.shape[0])
    x1, x2 = max(columns.start + dx, 0), min(columns.stop + dx, image.shape[1])
    if y1 < y2 and x1 < x2:
        top, left = y1 - rows.start - dy, x1 - columns.start - dx
        part[top : top + y2 - y1, left : left + x2 - x1] = image[y1:y2, x1:x2]
    return part


def _peak(surface: Floats) -> tuple[float, float] | None:
    """Place of the highest point from a parabola through 3 x 3 pixels; None at the edge."""
    reach = surface.shape[0] // 2
    row, column = np.unravel_index(int(surface.argmax()), surface.shape)
    if not (0 < row < 2 * reach and 0 < column < 2 * reach):
        return None
    box = surface[row - 1 : row + 2, column - 1 : column + 2]
    place = []
    for line in (box.mean(axis=0), box.mean(axis=1)):
        bend = line[0] - 2 * line[1] + line[2]
        place.append(0.5 * (line[0] - line[2]) / bend if bend < 0 else 0.0)
    return float(column - reach + place[0]), float(row - reach + place[1])
