"""Find compact sources in a drizzled product's own pixels and measure where and how they lie.

Everything works on memory-mapped arrays tile by tile and keeps a bounded number of sources, so
that a 7600 x 7500 mosaic or a globular cluster costs seconds and tens of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, uniform_filter

__all__ = ["ROUNDEST_TRACK", "SHARPEST_STAR", "FinderSettings", "Sources", "find_sources"]

Floats = NDArray[np.float64]
Image = NDArray[np.float32]


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
class Sources:
    """Sources of one product, the most significant first; every field of shape ``(n,)``.

    Parameters
    ----------
    x, y : ndarray, float64
        Windowed centroid, 0-based pixels.
    snr : ndarray, float64
        Signal-to-noise of the filtered peak.
    flux : ndarray, float64
        Window-weighted flux, in the product's units times an arbitrary constant.
    size_px : ndarray, float64
        Square root of half the trace of the Gaussian-weighted second moments.
    sharpness : ndarray, float64
        Share of the 3 x 3 pixels' flux that the brightest of them holds: near 1 for hot pixels.
    e1, e2 : ndarray, float64
        (xx - yy) / (xx + yy) and 2 xy / (xx + yy) of those moments.
    weight_ratio : ndarray, float64
        Mean weight of the central 3 x 3 pixels over the median weight around, NaN where the
        weight around isn't even (a chip gap, an edge).
    """

    x: Floats
    y: Floats
    snr: Floats
    flux: Floats
    size_px: Floats
    sharpness: Floats
    e1: Floats
    e2: Floats
    weight_ratio: Floats

    def __len__(self) -> int:
        return len(self.x)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Sources:
        """Give those sources that a mask, an index array or a slice names."""
        return Sources(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @classmethod
    def none(cls) -> Sources:
        """Give no sources at all."""
        return cls(**{f.name: np.empty(0) for f in fields(cls)})


#: Half a stamp's side; it must hold the background's ring.
_HALF_PX = 10
#: Half the side of the stamp the narrow centroid looks at: over 3 sigma of its window.
_CENTROID_HALF_PX = 5
_CENTROID_STEPS = 6
_SHAPE_STEPS = 4
#: A centroid that leaves its peak by more than this found something else.
_CENTROID_REACH_PX = 2.0
#: Share of the core's flux in its brightest pixel above which no HST detector's star lies: a
#: Gaussian of 0.55 px sigma, narrower than any drizzled PSF, centred on a pixel has 0.41.
SHARPEST_STAR = 0.6
#: Length of the ellipticity above which a peak looks like a track rather than like a star.
ROUNDEST_TRACK = 0.35
#: 10th to 90th percentile of the weight around may differ by this share of the median.
_EVEN_WEIGHT = 0.2


def find_sources(
    sci: NDArray[np.floating],
    wht: NDArray[np.floating],
    settings: FinderSettings | None = None,
) -> Sources:
    """Find compact sources in a drizzled image and measure them.

    A zero-sum filter (Gaussian minus box mean) takes the background off; its noise is the
    median absolute deviation in blocks, scaled by the root of the weight.
    Peaks need all of their 5 x 5 pixels, and most of those within 6 px, inside the footprint.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx)
        Image and weight; any float dtype and byte order, memory-mapped or not. The footprint
        is where the weight is positive and the image finite.
    settings : FinderSettings, optional
        How to search and measure.

    Returns
    -------
    Sources
        At most ``settings.limit``, the most significant first; none in a blank image.
    """
    settings = settings or FinderSettings()
    if min(sci.shape) < 2 * _HALF_PX + 1:
        return Sources.none()
    peaks = _strongest(_peaks(sci, wht, settings), settings.limit)
    if not len(peaks):
        return Sources.none()
    return _measure(sci, wht, peaks, settings)


@dataclass(frozen=True)
class _Peaks:
    """Peaks before they are measured; every field of shape ``(n,)``."""

    x: NDArray[np.intp]
    y: NDArray[np.intp]
    snr: Floats
    round: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.x)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> _Peaks:
        return _Peaks(self.x[which], self.y[which], self.snr[which], self.round[which])

    def and_also(self, more: _Peaks) -> _Peaks:
        return _Peaks(
            np.concatenate([self.x, more.x]),
            np.concatenate([self.y, more.y]),
            np.concatenate([self.snr, more.snr]),
            np.concatenate([self.round, more.round]),
        )


def _strongest(peaks: Iterator[_Peaks], limit: int) -> _Peaks:
    """Collect peaks of all tiles, keeping `limit` as they come: round ones, then significant.

    A single exposure's cosmic rays outnumber and outshine its stars; most aren't round.
    """
    kept = _Peaks(
        np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0), np.empty(0, dtype=np.bool_)
    )
    for found in peaks:
        both = kept.and_also(found)
        kept = both.select(np.lexsort((-both.snr, ~both.round))[:limit])
    return kept.select(np.argsort(-kept.snr, kind="stable"))


def _peaks(
    sci: NDArray[np.floating], wht: NDArray[np.floating], settings: FinderSettings
) -> Iterator[_Peaks]:
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
            own &= (np.minimum(x, nx - 1 - x) >= _HALF_PX) & (np.minimum(y, ny - 1 - y) >= _HALF_PX)
            yield _Peaks(x, y, found.snr, found.round).select(own)


def _tile_peaks(image: Image, weight: Image, settings: FinderSettings) -> _Peaks:
    """Find local maxima of the filtered tile above the threshold."""
    good = (weight > 0) & np.isfinite(image)
    image = np.where(good, image, np.float32(0))
    smooth, background = _filtered(image, good, settings)
    significance = smooth * np.sqrt(np.where(good, weight, np.float32(0)))
    summit = (significance == maximum_filter(significance, 3)) & (significance > 0)
    significance /= _noise(significance, good, summit, settings.block_px)
    y, x = np.nonzero(summit & (significance > settings.threshold))
    inside = _inside(good, x, y)
    x, y = x[inside], y[inside]
    sharpness, elongation = _quick_look(image - background, x, y)
    star = sharpness <= SHARPEST_STAR
    snr = significance[y, x].astype(np.float64)
    return _Peaks(x, y, snr, elongation <= ROUNDEST_TRACK).select(star)


def _quick_look(image: Image, x: NDArray[np.intp], y: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Give sharpness (as in `Sources`) and the length of the ellipticity at given pixels."""
    half = 3
    dy, dx = _offsets(half)
    stamps = np.pad(image, half)[y[:, None, None] + dy + half, x[:, None, None] + dx + half]
    middle = np.zeros(len(x))
    moments = _moments(stamps, middle, middle, 1.5)
    trace = moments[:, 0, 2] + moments[:, 2, 0]
    e1 = _ratio(moments[:, 0, 2] - moments[:, 2, 0], trace)
    e2 = _ratio(2 * moments[:, 1, 1], trace)
    core = stamps[:, half - 1 : half + 2, half - 1 : half + 2]
    return _sharpness(core), np.nan_to_num(np.hypot(e1, e2), nan=np.inf)


def _sharpness(core: Image) -> Floats:
    """Share of the core's flux in its brightest pixel, 1 where there is no flux."""
    total = core.sum(axis=(1, 2), dtype=np.float64)
    brightest = core.max(axis=(1, 2)).astype(np.float64)
    share: Floats = np.divide(brightest, total, out=np.ones_like(total), where=total > 0)
    return share


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


def _noise(
    values: Image, good: NDArray[np.bool_], summit: NDArray[np.bool_], block_px: int
) -> Image:
    """Estimate the standard deviation of values around 0 in blocks, shape of `values`."""
    overall = _deviation(values[::2, ::2][good[::2, ::2]])
    noise = np.full_like(values, overall)
    for y0 in range(0, values.shape[0], block_px):
        for x0 in range(0, values.shape[1], block_px):
            block = np.s_[y0 : y0 + block_px, x0 : x0 + block_px]
            # every other pixel: neighbours say the same after filtering
            sample = values[block][::2, ::2][good[block][::2, ::2]]
            if len(sample) >= 400:
                noise[block] = _deviation(sample)
    sample = values[::4, ::4][good[::4, ::4]]
    return np.maximum(noise, _quantum(sample, values[summit & good], overall))


def _deviation(sample: Image) -> np.float32:
    """Give 1.4826 times the median absolute value."""
    return np.float32(1.4826 * float(np.median(np.abs(sample))) if len(sample) else 0.0)


def _quantum(values: Image, summits: Image, deviation: np.float32) -> np.float32:
    """Give the height of a single photon's peak where the image is mostly empty, else next to 0.

    In a counting detector's dark exposure (SBC) most pixels are alike and the median deviation
    knows nothing of the few that hold a photon; their peaks are then the typical local maximum.
    """
    tiny = np.float32(np.finfo(np.float32).tiny)
    if not len(summits) or not len(values):
        return tiny
    usual = values[np.abs(values) <= np.percentile(np.abs(values), 99.5)]
    if deviation > 0.2 * usual.std():
        return tiny
    return max(np.float32(np.median(summits)), tiny)


def _offsets(half: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Give row and column offsets of a stamp, broadcastable to ``(1, side, side)``."""
    steps = np.arange(-half, half + 1)
    return steps[None, :, None], steps[None, None, :]


def _inside(good: NDArray[np.bool_], x: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Say which peaks have their core and most of what is around in the footprint."""
    half = 6
    dy, dx = _offsets(half)
    padded = np.pad(good, half)
    around = padded[y[:, None, None] + dy + half, x[:, None, None] + dx + half]
    core = around[:, half - 2 : half + 3, half - 2 : half + 3]
    inside: NDArray[np.bool_] = core.all(axis=(1, 2)) & (around.mean(axis=(1, 2)) > 0.85)
    return inside


def _measure(
    sci: NDArray[np.floating],
    wht: NDArray[np.floating],
    peaks: _Peaks,
    settings: FinderSettings,
) -> Sources:
    """Measure the sources at given peaks; those that converge nowhere or twice are left out."""
    dy, dx = _offsets(_HALF_PX)
    where = (peaks.y[:, None, None] + dy, peaks.x[:, None, None] + dx)
    weights = np.asarray(wht[where], dtype=np.float32)
    stamps = np.asarray(sci[where], dtype=np.float32)
    ring = np.hypot(*_offsets(_HALF_PX))[0].round() >= 7
    stamps = _background_free(stamps, weights, ring)

    trim = slice(_HALF_PX - _CENTROID_HALF_PX, _HALF_PX + _CENTROID_HALF_PX + 1)
    x, y, flux = _centroid(stamps[:, trim, trim], settings.centroid_window_px)
    size, e1, e2 = _shape(stamps, settings.shape_window_px)
    core = stamps[:, _HALF_PX - 1 : _HALF_PX + 2, _HALF_PX - 1 : _HALF_PX + 2]
    sources = Sources(
        x + peaks.x, y + peaks.y, peaks.snr, flux, size, _sharpness(core), e1, e2,
        _weight_ratio(weights, ring),
    )  # fmt: skip
    return sources.select(
        (flux > 0) & (np.hypot(x, y) < _CENTROID_REACH_PX) & _first_of_twins(sources)
    )


def _background_free(stamps: Image, weights: Image, ring: NDArray[np.bool_]) -> Image:
    """Take the median of the ring off each stamp, and put 0 where there is no exposure."""
    good = (weights > 0) & np.isfinite(stamps)
    around = np.where(good[:, ring], stamps[:, ring], np.float32(np.inf))
    # infinities sort to the end: the median of the rest is at half of their number
    around.sort(axis=1)
    middle = np.maximum(good[:, ring].sum(axis=1) // 2, 0)
    level = around[np.arange(len(around)), np.minimum(middle, around.shape[1] - 1)]
    level = np.where(np.isfinite(level), level, np.float32(0))
    free: Image = np.where(good, stamps - level[:, None, None], np.float32(0))
    return free


def _moments(stamps: Image, x: Floats, y: Floats, window_px: float) -> Floats:
    """Give the moments x^j y^i to second order under a Gaussian window, shape ``(n, 3, 3)``.

    The window is a product of one of x and one of y, so two matrix products do it.
    """
    steps = np.arange(stamps.shape[1]) - stamps.shape[1] // 2
    powers = np.arange(3)

    def side(centre: Floats) -> NDArray[np.float32]:
        t = steps[None, :] - centre[:, None]
        profile = np.exp(-0.5 * (t / window_px) ** 2)
        terms: NDArray[np.float32] = (profile[:, :, None] * t[:, :, None] ** powers).astype(
            np.float32
        )
        return terms

    moments = np.swapaxes(side(y), 1, 2) @ stamps @ side(x)
    return moments.astype(np.float64)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide, with NaN where the denominator isn't positive."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _centroid(
    stamps: Image, window_px: float, steps: int = _CENTROID_STEPS
) -> tuple[Floats, Floats, Floats]:
    """Iterate a Gaussian-windowed centroid from the stamps' middle.

    Each step moves by twice the windowed mean, as in SExtractor's XWIN_IMAGE (Bertin's
    manual, windowed positions). Returns x, y relative to the middle and the windowed flux.
    """
    x = np.zeros(len(stamps))
    y = np.zeros(len(stamps))
    flux = np.zeros(len(stamps))
    for _ in range(steps):
        moments = _moments(stamps, x, y, window_px)
        flux = moments[:, 0, 0]
        x = np.clip(np.nan_to_num(x + 2 * _ratio(moments[:, 0, 1], flux)), -4, 4)
        y = np.clip(np.nan_to_num(y + 2 * _ratio(moments[:, 1, 0], flux)), -4, 4)
    return x, y, flux


def _shape(stamps: Image, window_px: float) -> tuple[Floats, Floats, Floats]:
    """Give size in px and the two components of ellipticity about the wide centroid."""
    x, y, _ = _centroid(stamps, window_px, _SHAPE_STEPS)
    moments = _moments(stamps, x, y, window_px)
    flux = moments[:, 0, 0]
    xx, yy, xy = (_ratio(m, flux) for m in (moments[:, 0, 2], moments[:, 2, 0], moments[:, 1, 1]))
    trace = xx + yy
    size = np.sqrt(np.where(trace > 0, trace / 2, np.nan))
    return size, _ratio(xx - yy, trace), _ratio(2 * xy, trace)


def _weight_ratio(weights: Image, ring: NDArray[np.bool_]) -> Floats:
    """Compare each stamp's weight in the middle with that of the ring around."""
    around = weights[:, ring]
    low, median, high = np.percentile(around, [10, 50, 90], axis=1)
    core = weights[:, _HALF_PX - 1 : _HALF_PX + 2, _HALF_PX - 1 : _HALF_PX + 2]
    ratio = _ratio(core.mean(axis=(1, 2), dtype=np.float64), np.asarray(median, np.float64))
    even: Floats = np.where(high - low <= _EVEN_WEIGHT * median, ratio, np.nan)
    return even


def _first_of_twins(sources: Sources, apart_px: float = 1.0) -> NDArray[np.bool_]:
    """Keep the more significant of sources whose centroids ended in one place."""
    from scipy.spatial import cKDTree

    keep = np.ones(len(sources), dtype=bool)
    pairs = cKDTree(np.column_stack([sources.x, sources.y])).query_pairs(
        apart_px, output_type="ndarray"
    )
    if len(pairs):
        keep[pairs.max(axis=1)] = False
    return keep
