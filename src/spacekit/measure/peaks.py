"""Find the peaks of a drizzled image, tile by tile, with noise as it is around each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, uniform_filter

from spacekit.measure.moments import (
    STAMP_HALF_PX,
    ratio,
    sharpness,
    stamp_offsets,
    windowed_moments,
)
from spacekit.measure.robust import robust_sigma

__all__ = ["ROUNDEST_TRACK", "FinderSettings", "Peaks", "find_peaks"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

#: Share of the core's flux in its brightest pixel above which no HST detector's star lies: a
#: Gaussian of 0.55 px sigma, narrower than any drizzled PSF, centred on a pixel has 0.41.
_SHARPEST_STAR = 0.6
#: Standard deviations below the median beyond which a pixel is a defect.
_DEEPEST = 10.0
#: Length of the ellipticity above which a peak looks like a track rather than like a star.
ROUNDEST_TRACK = 0.35


@dataclass(frozen=True)
class FinderSettings:
    """How sources are found and measured; lengths in pixels of the product.

    The defaults suit HST's drizzled detectors, whose stars have a FWHM of 1.2 to 3 px.

    Parameters
    ----------
    kernel_px : float
        Sigma of the Gaussian that detection filters with.
    background_px : int
        Side of the box whose mean is taken off in detection.
    threshold : float
        Lowest signal-to-noise of the filtered peak.
    limit : int
        How many sources to keep at most, the most significant ones.
    centroid_window_px : float
        Sigma of the Gaussian window of the centroid; narrow, so that a neighbour 4 px away
        has no say.
    shape_window_px : float
        Sigma of the window of the second moments; wide enough to hold a star that is doubled
        by 3 px.
    tile_px, block_px : int
        Side of the tiles the product is read in, and of the blocks noise is estimated in.
    """

    kernel_px: float = 1.0
    background_px: int = 11
    threshold: float = 5.0
    limit: int = 2000
    centroid_window_px: float = 1.5
    shape_window_px: float = 2.5
    tile_px: int = 512
    block_px: int = 128


@dataclass(frozen=True)
class Peaks:
    """Peaks before they are measured; every field of shape ``(n,)``."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    snr: Floats
    round: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.x)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Peaks:
        """Give those that a mask or an index array names."""
        return Peaks(self.x[which], self.y[which], self.snr[which], self.round[which])

    def and_also(self, more: Peaks) -> Peaks:
        """Put these and more in one."""
        return Peaks(
            np.concatenate([self.x, more.x]),
            np.concatenate([self.y, more.y]),
            np.concatenate([self.snr, more.snr]),
            np.concatenate([self.round, more.round]),
        )


def find_peaks(
    sci: NDArray[np.floating], wht: NDArray[np.floating], settings: FinderSettings
) -> Peaks:
    """Find the most significant peaks of an image, as `find_sources` tells.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx)
        Image and weight.
    settings : FinderSettings
        How to search.

    Returns
    -------
    Peaks
        At most ``settings.limit``, the most significant first.
    """
    return _strongest(_peaks(sci, wht, settings), settings.limit)


def _strongest(peaks: Iterator[Peaks], limit: int) -> Peaks:
    """Collect peaks of all tiles, keeping `limit` as they come: round ones, then significant.

    A single exposure's cosmic rays outnumber and outshine its stars; most aren't round.
    """
    kept = Peaks(
        np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0), np.empty(0, dtype=np.bool_)
    )
    for found in peaks:
        both = kept.and_also(found)
        kept = both.select(np.lexsort((-both.snr, ~both.round))[:limit])
    return kept.select(np.argsort(-kept.snr, kind="stable"))


def _peaks(
    sci: NDArray[np.floating], wht: NDArray[np.floating], settings: FinderSettings
) -> Iterator[Peaks]:
    """Yield the peaks of one tile after the other; tiles outside the footprint cost nothing."""
    ny, nx = sci.shape
    tile, margin = settings.tile_px, settings.background_px + 3
    for y0 in range(0, ny, tile):
        for x0 in range(0, nx, tile):
            top, left = max(y0 - margin, 0), max(x0 - margin, 0)
            window = np.s_[top : y0 + tile + margin, left : x0 + tile + margin]
            weight = np.asarray(wht[window], dtype=np.float32)
            if not (weight > 0).any():
                continue
            image = np.asarray(sci[window], dtype=np.float32)
            found = _tile_peaks(image, weight, settings)
            x, y = found.x + left, found.y + top
            # the margin belongs to the neighbours; so does what a stamp would leave the image for
            own = (x >= x0) & (x < x0 + tile) & (y >= y0) & (y < y0 + tile)
            own &= (np.minimum(x, nx - 1 - x) >= STAMP_HALF_PX) & (
                np.minimum(y, ny - 1 - y) >= STAMP_HALF_PX
            )
            yield Peaks(x, y, found.snr, found.round).select(own)


def _tile_peaks(image: Image, weight: Image, settings: FinderSettings) -> Peaks:
    """Find local maxima of the filtered tile above the threshold."""
    good = (weight > 0) & np.isfinite(image)
    image = _without_pits(np.where(good, image, np.float32(0)), good)
    smooth, background = _filtered(image, good, settings)
    significance = smooth * np.sqrt(np.where(good, weight, np.float32(0)))
    significance /= _noise(significance, good, settings.block_px)
    y, x = np.nonzero(significance > settings.threshold)
    best = _highest_around(significance, x, y)
    x, y = x[best], y[best]
    inside = _inside(good, x, y)
    x, y = x[inside], y[inside]
    sharp, elongation = _quick_look(image - background, x, y)
    star = sharp <= _SHARPEST_STAR
    snr = significance[y, x].astype(np.float64)
    return Peaks(x, y, snr, elongation <= ROUNDEST_TRACK).select(star)


def _without_pits(image: Image, good: NDArray[np.bool_]) -> Image:
    """Fill pixels far below all others up: each would lift all that is above the mean around it.

    The corners of that box would be found as sources.
    """
    sample = image[::4, ::4][good[::4, ::4]]
    if not len(sample):
        return image
    level = np.median(sample)
    deviation = np.float32(robust_sigma(sample - level))
    return np.maximum(image, level - _DEEPEST * deviation) if deviation > 0 else image


def _highest_around(values: Image, x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say at which of the pixels the value is the largest of 3 x 3."""
    dy, dx = stamp_offsets(1)
    padded = np.pad(values, 1)
    highest = padded[y[:, None, None] + dy + 1, x[:, None, None] + dx + 1].max(axis=(1, 2))
    best: NDArray[np.bool_] = values[y, x] >= highest
    return best


def _quick_look(image: Image, x: NDArray[np.intp], y: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Give sharpness (as in `Sources`) and the length of the ellipticity at given pixels."""
    half = 3
    dy, dx = stamp_offsets(half)
    stamps = np.pad(image, half)[y[:, None, None] + dy + half, x[:, None, None] + dx + half]
    middle = np.zeros(len(x))
    moments = windowed_moments(stamps, middle, middle, 1.5)
    trace = moments[:, 0, 2] + moments[:, 2, 0]
    e1 = ratio(moments[:, 0, 2] - moments[:, 2, 0], trace)
    e2 = ratio(2 * moments[:, 1, 1], trace)
    core = stamps[:, half - 1 : half + 2, half - 1 : half + 2]
    return sharpness(core), np.nan_to_num(np.hypot(e1, e2), nan=np.inf)


def _filtered(
    filled: Image, good: NDArray[np.bool_], settings: FinderSettings
) -> tuple[Image, Image]:
    """Smooth the image over the footprint; what stands out of the mean around, and that mean."""
    narrow = gaussian_filter(filled, settings.kernel_px, truncate=3.0, mode="constant")
    wide: Image = uniform_filter(filled, settings.background_px, mode="constant")
    if not good.all():
        mask = good.astype(np.float32)
        tiny = np.float32(1e-3)
        narrow /= gaussian_filter(mask, settings.kernel_px, truncate=3.0, mode="constant") + tiny
        wide /= uniform_filter(mask, settings.background_px, mode="constant") + tiny
    return np.where(good, narrow - wide, np.float32(0)), wide


def _noise(values: Image, good: NDArray[np.bool_], block_px: int) -> Image:
    """Estimate the standard deviation of values around 0 in blocks, shape of `values`."""
    overall = values[::2, ::2][good[::2, ::2]]
    noise = np.full_like(values, robust_sigma(overall))
    for y0 in range(0, values.shape[0], block_px):
        for x0 in range(0, values.shape[1], block_px):
            block = np.s_[y0 : y0 + block_px, x0 : x0 + block_px]
            # every other pixel: neighbours say the same after filtering
            sample = values[block][::2, ::2][good[block][::2, ::2]]
            if len(sample) >= 400:
                noise[block] = robust_sigma(sample)
    floor = _quantum(values, good) if _mostly_empty(overall) else 0.0
    tiny = float(np.finfo(np.float32).tiny)
    return np.maximum(noise, np.float32(max(floor, tiny)))


def _mostly_empty(sample: Image) -> bool:
    """Say whether most values are alike, as in the dark exposures of a counting detector."""
    if not len(sample):
        return True
    size = np.abs(sample[::4])
    usual = size[size <= np.percentile(size, 99.5)]
    return bool(
        np.float32(robust_sigma(usual)) <= 0.2 * np.sqrt(np.mean(usual**2, dtype=np.float64))
    )


def _quantum(values: Image, good: NDArray[np.bool_]) -> float:
    """Give the height of a single photon's peak; 0 without any.

    Where most pixels hold no photon (SBC), the median deviation says nothing of those that do.
    The typical local maximum is a photon's, unless nearly all are of stars, whose outskirts
    then have single ones.
    """
    summit = (values == maximum_filter(values, 3)) & (values > 0) & good
    if not summit.any():
        return 0.0
    low, middle = np.percentile(values[summit], [10, 50])
    return float(min(middle, 3 * low))


def _inside(good: NDArray[np.bool_], x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which peaks have their core and most of what is around in the footprint."""
    half = 6
    dy, dx = stamp_offsets(half)
    padded = np.pad(good, half)
    around = padded[y[:, None, None] + dy + half, x[:, None, None] + dx + half]
    core = around[:, half - 2 : half + 3, half - 2 : half + 3]
    inside: NDArray[np.bool_] = core.all(axis=(1, 2)) & (around.mean(axis=(1, 2)) > 0.85)
    return inside
