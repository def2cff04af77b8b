"""Find segments, connected pixels above a threshold, and measure their shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.background import Sky
from spacekit.mosaic.deblend import deblend
from spacekit.mosaic.flattened import Flattened
from spacekit.mosaic.parameters import DetectionSettings
from spacekit.mosaic.strips import strips

__all__ = ["SegmentFinder", "Segments", "find_segments", "segment_shapes"]

#: Least number of connected pixels in a segment.
_LEAST_PX: Final = 6

#: Side of the Gaussian kernel, px.
_GAUSS_PX: Final = 11

#: No segment larger than this in a field that isn't crowded, px.
_BIGGEST_PX: Final = 25_000

#: Last limit on the biggest segment, a fraction of the exposed pixels.
_LAST_BIGGEST: Final = 0.15

#: A biggest segment this much smaller with the wavelet than with the Gaussian is made of stars.
_LIKE_STARS: Final = 2.0

_EIGHT: Final = np.ones((3, 3))

_Kernels = tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]


@dataclass(frozen=True)
class Segments:
    """What was found.

    Parameters
    ----------
    labels : ndarray, shape (ny, nx), int32
        k + 1 for the k-th segment.
    count : int
        Number of segments.
    smooth : ndarray, shape (ny, nx), float32
        The image they were found on.
    """

    labels: NDArray[np.int32]
    count: int
    smooth: NDArray[np.float32]

    def crowding(self, exposed: int) -> tuple[float, float, int]:
        """Give the biggest segment and all together over the exposed pixels, and the first."""
        areas = np.bincount(self.labels[self.labels > 0])
        biggest = int(areas.max())
        return biggest / exposed, float(areas.sum()) / exposed, biggest


@dataclass(frozen=True)
class SegmentFinder:
    """How segments are looked for.

    Parameters
    ----------
    rms : float
        In the deepest region, electrons/s.
    fwhm_px : float
        Of a star.
    settings : DetectionSettings
        Thresholds and limits.
    exposed : int
        Number of pixels that were exposed, border and all.
    """

    rms: float
    fwhm_px: float
    settings: DetectionSettings
    exposed: int

    def gauss(self, image: Flattened, factor: float = 1.0) -> Segments:
        """Find segments on the image smoothed by a star's width."""
        x = np.arange(_GAUSS_PX) - _GAUSS_PX // 2
        kernel = np.exp(-0.5 * (x / (self.fwhm_px / 2.3548)) ** 2)
        kernel /= kernel.sum()
        nsigma = factor * self.settings.nsigma_segment
        return self._connected(image, nsigma, ((kernel, kernel),))

    def wavelet(self, image: Flattened, factor: float = 1.0) -> Segments:
        """Find segments on the image filtered by a Mexican hat."""
        side = self.settings.wavelet_px
        x = np.arange(side) - side // 2
        sigma = 1.5 * self.fwhm_px / 2.3548  # its core is then as wide as the Gaussian's
        gauss = np.exp(-0.5 * (x / sigma) ** 2)
        hat = gauss * 0.5 * (x / sigma) ** 2
        scale = 0.5 * 1.5**2 / (np.pi * sigma**2)
        kernels = ((scale * (gauss - hat), gauss), (-scale * gauss, hat))
        return self._connected(image, factor * self.settings.nsigma_crowded, kernels)

    def _connected(self, image: Flattened, nsigma: float, kernels: _Kernels) -> Segments:
        smooth = np.empty(image.shape, np.float32)
        above = np.empty(image.shape, bool)
        limits = image.depth.factor * np.float32(nsigma * self.rms)
        limits[0] = np.inf
        for rows, own in strips(image.shape[0], margin=kernels[0][0].size // 2):
            mine = np.s_[rows.start + own.start : rows.start + own.stop]
            smooth[mine] = _filtered(image[rows], kernels)[own]
            above[mine] = smooth[mine] > limits[image.depth.region[mine]]
        labels = np.zeros(image.shape, np.int32)
        count = int(ndimage.label(above, structure=_EIGHT, output=labels))
        old = labels[above]
        areas = np.bincount(old, minlength=count + 1)
        kept = np.flatnonzero(areas >= _LEAST_PX)
        new = np.zeros(count + 1, dtype=np.int32)
        new[kept] = np.arange(1, kept.size + 1)
        labels[above] = new[old]
        return Segments(labels, kept.size, smooth)

    def crowded(self, found: Segments, biggest: float, fraction: float = np.inf) -> bool:
        """Tell whether one segment or all together cover too much."""
        one, all_of_them, pixels = found.crowding(self.exposed)
        return one > biggest or all_of_them > fraction or pixels > _BIGGEST_PX


def find_segments(
    image: Flattened, finder: SegmentFinder, other_sky: Callable[[], Sky | None]
) -> Segments:
    """Find segments as the pipeline does, in crowded fields with a wavelet.

    A Gaussian kernel comes first. Where the field is crowded, a Mexican hat that stands for the
    same width; where even that leaves one segment too big, both again above another sky, and
    where that fails there is no segment at all.

    Parameters
    ----------
    image : Flattened
        The total detection image.
    finder : SegmentFinder
        How.
    other_sky : callable
        Gives the sky of a second try; None: thresholds are doubled instead.
    """
    biggest, fraction = finder.settings.biggest, finder.settings.fraction
    found = finder.gauss(image)
    if not found.count or not finder.crowded(found, biggest, fraction):
        return _deblended(found)
    del found  # as large as two images
    wavelet = finder.wavelet(image)
    if not wavelet.count or not finder.crowded(wavelet, biggest):
        return _deblended(wavelet)
    del wavelet
    return _second_try(image, finder, other_sky())


def _filtered(strip: NDArray[np.float32], kernels: _Kernels) -> NDArray[np.float32]:
    """Add up what separable kernels (along y, along x) make of a strip."""
    out = np.zeros_like(strip)
    for down, across in kernels:
        part = ndimage.correlate1d(strip, down, axis=0, mode="constant")
        out += ndimage.correlate1d(part, across, axis=1, mode="constant")
    return out


def _second_try(image: Flattened, finder: SegmentFinder, sky: Sky | None) -> Segments:
    factor = 1.0 if sky is not None else 2.0
    if sky is not None:
        finder = replace(finder, rms=sky.rms)
        image = replace(image, level=sky.level)
    plain = finder.gauss(image, factor)
    if not plain.count or not finder.crowded(
        plain, finder.settings.biggest, finder.settings.fraction
    ):
        return _deblended(plain)
    wavelet = finder.wavelet(image, factor)
    if not wavelet.count or not finder.crowded(wavelet, _LAST_BIGGEST):
        return _deblended(wavelet)
    if plain.crowding(finder.exposed)[0] > _LIKE_STARS * wavelet.crowding(finder.exposed)[0]:
        return _deblended(wavelet)
    return Segments(np.zeros_like(wavelet.labels), 0, wavelet.smooth)


def _deblended(found: Segments) -> Segments:
    labels, count = deblend(found.smooth, found.labels, found.count)
    return Segments(labels, count, found.smooth)


def segment_shapes(found: Segments) -> dict[str, NDArray[Any]]:
    """Measure the shapes of segments from the moments of their pixels (SExtractor's terms).

    Shapes are measured once, on the smoothed total, and repeated in every filter's catalog.

    Parameters
    ----------
    found : Segments
        Of the total.

    Returns
    -------
    dict of str to ndarray, shape (count,)
        Lengths in px, Theta in degrees.
    """
    labels, count = found.labels, found.count
    y, x = np.nonzero(labels)
    which = labels[y, x] - 1
    light = np.maximum(found.smooth[y, x], 0).astype(np.float64)

    def add(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(which, weights, minlength=count).astype(np.float64)

    total = np.maximum(add(light), 1e-30)
    cx, cy = add(light * x) / total, add(light * y) / total
    dx, dy = x - cx[which], y - cy[which]
    floor = 1 / 12  # of a pixel: keeps a line of pixels from having no width
    xx = np.maximum(add(light * dx**2) / total, floor)
    yy = np.maximum(add(light * dy**2) / total, floor)
    limit = 0.99 * np.sqrt(xx * yy)
    xy = np.clip(add(light * dx * dy) / total, -limit, limit)
    mean, half = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
    major, minor = np.sqrt(mean + half), np.sqrt(np.maximum(mean - half, 1e-6))
    determinant = xx * yy - xy**2
    cxx, cyy, cxy = yy / determinant, xx / determinant, -2 * xy / determinant
    radius = np.sqrt(np.maximum(cxx[which] * dx**2 + cyy[which] * dy**2 + cxy[which] * dx * dy, 0))
    return {
        "X-Centroid": cx,
        "Y-Centroid": cy,
        "Area": np.bincount(which, minlength=count).astype(np.float64),
        "FWHM": 2.3548 * np.sqrt(mean),
        "KronRadius": np.maximum(add(radius * light) / total, 3.5),
        **_edges(labels, count),
        "X2": xx,
        "Y2": yy,
        "XY": xy,
        "CXX": cxx,
        "CYY": cyy,
        "CXY": cxy,
        "Elongation": major / minor,
        "Ellipticity": 1 - minor / major,
        "Theta": np.degrees(0.5 * np.arctan2(2 * xy, xx - yy)),
    }


def _edges(labels: NDArray[np.int32], count: int) -> dict[str, NDArray[np.int64]]:
    boxes = ndimage.find_objects(labels, max_label=count)
    rows = [(b[1].start, b[0].start, b[1].stop - 1, b[0].stop - 1) for b in boxes]
    edges = np.array(rows, dtype=np.int64).reshape(count, 4)
    return {n: edges[:, k] for k, n in enumerate(("Xmin", "Ymin", "Xmax", "Ymax"))}
