"""Find compact sources in a drizzled product's own pixels and measure where and how they lie.

Everything works on memory-mapped arrays tile by tile and keeps a bounded number of sources, so
that a 7600 x 7500 mosaic or a globular cluster costs seconds and tens of megabytes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.measure.moments import (
    STAMP_HALF_PX,
    ratio,
    sharpness,
    stamp_offsets,
    windowed_moments,
)
from spacekit.measure.peaks import FinderSettings, Peaks, find_peaks

__all__ = ["FinderSettings", "Sources", "find_sources", "foremost_within"]

#: Centroids that end so near one another are one source's.
_TWINS_PX: Final = 1.0

Floats = NDArray[np.float64]
Image = NDArray[np.float32]


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
    chip : ndarray, float64
        Number, from 1, of the input chip it lies on, where it was asked for; 0 unknown.
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
    chip: Floats

    def __len__(self) -> int:
        return len(self.x)

    def select(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Sources:
        """Give those sources that a mask, an index array or a slice names."""
        return Sources(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @classmethod
    def none(cls) -> Sources:
        """Give no sources at all."""
        return cls(**{f.name: np.empty(0) for f in fields(cls)})


#: Half the side of the stamp the narrow centroid looks at: over 3 sigma of its window.
_CENTROID_HALF_PX = 5
_CENTROID_STEPS = 6
_SHAPE_STEPS = 4
#: A centroid that leaves its peak by more than this found something else.
_CENTROID_REACH_PX = 2.0
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
    if min(sci.shape) < 2 * STAMP_HALF_PX + 1:
        return Sources.none()
    peaks = find_peaks(sci, wht, settings)
    if not len(peaks):
        return Sources.none()
    return _measure(sci, wht, peaks, settings)


def _measure(
    sci: NDArray[np.floating],
    wht: NDArray[np.floating],
    peaks: Peaks,
    settings: FinderSettings,
) -> Sources:
    """Measure the sources at given peaks; those that converge nowhere or twice are left out."""
    dy, dx = stamp_offsets(STAMP_HALF_PX)
    where = (peaks.y[:, None, None] + dy, peaks.x[:, None, None] + dx)
    weights = np.asarray(wht[where], dtype=np.float32)
    stamps = np.asarray(sci[where], dtype=np.float32)
    ring = np.hypot(*stamp_offsets(STAMP_HALF_PX))[0].round() >= 7
    stamps = _background_free(stamps, weights, ring)

    trim = slice(STAMP_HALF_PX - _CENTROID_HALF_PX, STAMP_HALF_PX + _CENTROID_HALF_PX + 1)
    x, y, flux = _centroid(stamps[:, trim, trim], settings.centroid_window_px)
    size, e1, e2 = _shape(stamps, settings.shape_window_px)
    core = stamps[:, STAMP_HALF_PX - 1 : STAMP_HALF_PX + 2, STAMP_HALF_PX - 1 : STAMP_HALF_PX + 2]
    sources = Sources(
        x + peaks.x, y + peaks.y, peaks.snr, flux, size, sharpness(core), e1, e2,
        _weight_ratio(weights, ring), np.zeros(len(x)),
    )  # fmt: skip
    return sources.select(
        (flux > 0) & (np.hypot(x, y) < _CENTROID_REACH_PX) & foremost_within(sources, _TWINS_PX)
    )


def _background_free(stamps: Image, weights: Image, ring: NDArray[np.bool_]) -> Image:
    """Take a plane through the ring off each stamp, and put 0 where there is no exposure.

    Its level is the ring's median; its slopes are those of the ring's values, clipped at
    twice their spread so that neighbours don't tilt it.
    """
    good = (weights > 0) & np.isfinite(stamps)
    values = np.where(good, stamps, np.float32(0))
    seen = good[:, ring]
    low, level, high = _quantiles(values[:, ring], seen)
    spread = (high - low) / 2
    around = np.clip(values[:, ring] - level, -2 * spread, 2 * spread) * seen
    dy, dx = (
        np.broadcast_to(d[0], ring.shape).astype(np.float32) for d in stamp_offsets(STAMP_HALF_PX)
    )
    slope_x = around @ dx[ring] / (dx[ring] ** 2).sum()
    slope_y = around @ dy[ring] / (dy[ring] ** 2).sum()
    plane = level[:, :, None] + slope_x[:, None, None] * dx + slope_y[:, None, None] * dy
    free: Image = np.where(good, values - plane, np.float32(0))
    return free


def _quantiles(values: Image, seen: NDArray[np.bool_]) -> tuple[Image, Image, Image]:
    """16th, 50th and 84th percentile of each row's seen values, shape (n, 1); 0: none is seen."""
    # infinities sort to the end: the quantiles of the rest are at shares of their number
    ordered = np.sort(np.where(seen, values, np.float32(np.inf)), axis=1)
    number = seen.sum(axis=1)[:, None]
    places = ((number * share).astype(np.intp) for share in (0.16, 0.5, 0.84))
    low, middle, high = (
        np.where(
            number > 0,
            np.take_along_axis(ordered, np.minimum(p, ordered.shape[1] - 1), axis=1),
            np.float32(0),
        )
        for p in places
    )
    return low, middle, high


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
        moments = windowed_moments(stamps, x, y, window_px)
        flux = moments[:, 0, 0]
        x = np.clip(np.nan_to_num(x + 2 * ratio(moments[:, 0, 1], flux)), -4, 4)
        y = np.clip(np.nan_to_num(y + 2 * ratio(moments[:, 1, 0], flux)), -4, 4)
    return x, y, flux


def _shape(stamps: Image, window_px: float) -> tuple[Floats, Floats, Floats]:
    """Give size in px and the two components of ellipticity about the wide centroid."""
    x, y, _ = _centroid(stamps, window_px, _SHAPE_STEPS)
    moments = windowed_moments(stamps, x, y, window_px)
    flux = moments[:, 0, 0]
    xx, yy, xy = (ratio(m, flux) for m in (moments[:, 0, 2], moments[:, 2, 0], moments[:, 1, 1]))
    trace = xx + yy
    size = np.sqrt(np.where(trace > 0, trace / 2, np.nan))
    return size, ratio(xx - yy, trace), ratio(2 * xy, trace)


def _weight_ratio(weights: Image, ring: NDArray[np.bool_]) -> Floats:
    """Compare each stamp's weight in the middle with that of the ring around."""
    around = weights[:, ring]
    low, median, high = np.percentile(around, [10, 50, 90], axis=1)
    core = weights[:, STAMP_HALF_PX - 1 : STAMP_HALF_PX + 2, STAMP_HALF_PX - 1 : STAMP_HALF_PX + 2]
    share = ratio(core.mean(axis=(1, 2), dtype=np.float64), np.asarray(median, np.float64))
    even: Floats = np.where(high - low <= _EVEN_WEIGHT * median, share, np.nan)
    return even


def foremost_within(sources: Sources, apart_px: float) -> NDArray[np.bool_]:
    """Say which sources have no more significant one so near."""
    alone = np.ones(len(sources), dtype=bool)
    pairs = cKDTree(np.column_stack([sources.x, sources.y])).query_pairs(
        apart_px, output_type="ndarray"
    )
    if len(pairs):
        alone[pairs.max(axis=1)] = False
    return alone
