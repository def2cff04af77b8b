"""Stamps: cutouts at a mosaic's own pixels around its best sources.

A 512-px frame of a 4000-px mosaic can't show a shift of a pixel; a star at native pixels can.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.shapes import compact
from spacekit.measure.sheet import COUNT, SIDE_PX, Stamps
from spacekit.measure.sources import Sources, foremost_within

__all__ = ["cut_stamps", "encode_image"]

#: Gray of the image: asinh of the share of the peak, linear up to the first, from the second up.
_SOFTENING: Final = 0.05
_FLOOR: Final = -0.1
#: Weight, in units of the median around, that is white.
_WHITE_WEIGHT: Final = 1.5

#: Sources of this signal-to-noise show their shape.
_SNR: Final = 15.0
#: With fewer such stars, other sources may be as faint as this.
_ENOUGH_STARS: Final = 8
_FAINT_SNR: Final = 6.0
#: A source within this of a brighter one is that one's neighbour.
_APART_PX: Final = 10.0
#: A stamp has at least this share of its pixels exposed.
_EXPOSED: Final = 0.9
#: The brightest stars have flat tops where they are saturated: less sharp than the others.
_FLAT: Final = 0.6
#: The field is cut into so many parts a side; each gives its best sources in turn.
_PARTS: Final = 4


def cut_stamps(sci: NDArray[np.floating], wht: NDArray[np.floating], sources: Sources) -> Stamps:
    """Cut the best sources out of a product.

    They are bright, unsaturated, the brightest within 10 px, away from edges and spread over
    the field; stars first, then whatever is bright enough.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx)
        Image and weight.
    sources : Sources
        Of that product, in its own pixels.

    Returns
    -------
    Stamps
        Brightest first; none is no error.
    """
    found: list[tuple[float, NDArray[np.float32]]] = []
    for source in _ranked(sources, sci.shape):
        stamp = _stamp(sci, wht, float(sources.x[source]), float(sources.y[source]))
        if stamp is not None:
            found.append((float(sources.snr[source]), stamp))
        if len(found) == COUNT:
            break
    found.sort(key=lambda item: -item[0])
    pixels = np.zeros((COUNT, 2, SIDE_PX, SIDE_PX), np.float32)
    for number, (_, stamp) in enumerate(found):
        pixels[number] = stamp
    present = np.zeros(COUNT, dtype=bool)
    present[: len(found)] = True
    return Stamps(pixels, present)


def _ranked(sources: Sources, shape: tuple[int, ...]) -> list[int]:
    """Order the sources that may be cut out, best first, each part of the field in turn."""
    half = SIDE_PX // 2
    inside = np.minimum(sources.x, shape[1] - 1 - sources.x) > half
    inside &= np.minimum(sources.y, shape[0] - 1 - sources.y) > half
    usable = inside & foremost_within(sources, _APART_PX)
    star = usable & _stars(sources) & (sources.snr >= _SNR)
    order = _in_turn(sources, np.flatnonzero(star), shape)
    least = _SNR if len(order) >= _ENOUGH_STARS else _FAINT_SNR
    other = usable & ~star & (sources.snr >= least)
    return order + _in_turn(sources, np.flatnonzero(other), shape)


def _in_turn(sources: Sources, chosen: NDArray[np.intp], shape: tuple[int, ...]) -> list[int]:
    """Take the brightest of each part of the field, then the next of each, and so on."""
    row = np.clip(sources.y[chosen] * _PARTS // shape[0], 0, _PARTS - 1)
    column = np.clip(sources.x[chosen] * _PARTS // shape[1], 0, _PARTS - 1)
    part = (row * _PARTS + column).astype(int)
    rank = np.zeros(len(chosen), dtype=int)
    seen: dict[int, int] = {}
    for place, where in enumerate(part.tolist()):  # sources come most significant first
        rank[place] = seen.get(where, 0)
        seen[where] = rank[place] + 1
    return [int(k) for k in chosen[np.argsort(rank, kind="stable")]]


def _stars(sources: Sources) -> NDArray[np.bool_]:
    """Say which sources are as compact as stars and not flat at the top."""
    star = np.zeros(len(sources), dtype=bool)
    stars = compact(sources, _SNR)
    if len(stars):
        limit = float(stars.size_px.max())
        star = np.nan_to_num(sources.size_px, nan=np.inf) <= limit
        star &= sources.sharpness >= _FLAT * float(np.median(stars.sharpness))
    return star


def _stamp(
    sci: NDArray[np.floating], wht: NDArray[np.floating], x: float, y: float
) -> NDArray[np.float32] | None:
    """Cut one source out; None where too much around isn't exposed."""
    half = SIDE_PX // 2
    row, column = round(y) - half, round(x) - half
    window = np.s_[row : row + SIDE_PX, column : column + SIDE_PX]
    image = np.asarray(sci[window], dtype=np.float32)
    weight = np.asarray(wht[window], dtype=np.float32)
    good = (weight > 0) & np.isfinite(image)
    if image.shape != (SIDE_PX, SIDE_PX) or good.mean() < _EXPOSED:
        return None
    core = np.s_[half - 3 : half + 4, half - 3 : half + 4]
    background = float(np.median(image[good]))
    peak = float(np.where(good, image, -np.inf)[core].max()) - background
    if not np.isfinite(peak) or peak <= 0:
        return None
    share = np.where(good, (image - background) / np.float32(peak), _FLOOR)
    around = float(np.median(weight[good]))
    return np.stack([encode_image(share), np.clip(weight / around / _WHITE_WEIGHT, 0, 1)]).astype(
        np.float32
    )


def encode_image(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """Turn shares of the peak above the background into gray, 0 to 1.

    ``(asinh(share / 0.05) - asinh(-2)) / (asinh(20) - asinh(-2))``: black at a tenth of the peak
    below the background, white at the peak.
    """
    low, high = (np.arcsinh(v / _SOFTENING) for v in (_FLOOR, 1.0))
    gray = (np.arcsinh(share / _SOFTENING) - low) / (high - low)
    clipped: NDArray[np.float32] = np.clip(gray, 0, 1).astype(np.float32)
    return clipped
