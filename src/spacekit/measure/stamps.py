"""Stamps: cutouts at a mosaic's own pixels around its best sources, on one contact sheet.

A 512-px frame of a 4000-px mosaic can't show a shift of a pixel; a star at native pixels can.
The sheet is an 8-bit gray PNG of 4 rows of 8 cells. A cell is the image on the left and the
weight on the right, each 32 x 32 px, with a line of 1 px after it to the right and below; the
first source is at the top left, FITS +y is up. An empty cell is black, its weight too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from spacekit.errors import FrameError
from spacekit.files import replacing
from spacekit.measure.shapes import compact
from spacekit.measure.sources import Sources
from spacekit.visit.pictures import open_picture

__all__ = [
    "COUNT",
    "SIDE_PX",
    "Stamps",
    "cut_stamps",
    "read_stamps",
    "stamps_path",
    "write_stamps",
]

#: Side of a stamp, and how many there are on a sheet.
SIDE_PX: Final = 32
COLUMNS: Final = 8
ROWS: Final = 4
COUNT: Final = COLUMNS * ROWS

_PITCH: Final = (SIDE_PX + 1, 2 * SIDE_PX + 1)
_SHEET: Final = (ROWS * _PITCH[0], COLUMNS * _PITCH[1])
_LINE_GRAY: Final = 60

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


@dataclass(frozen=True)
class Stamps:
    """Cutouts of one mosaic.

    Parameters
    ----------
    pixels : ndarray, shape (32, 2, 32, 32), float32
        Image and weight of each, 0 to 1 as on the sheet (see `encode_image`), first row lowest.
    present : ndarray, shape (32,), bool
        Which there are; the others are 0.
    """

    pixels: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.present.sum())


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


def stamps_path(folder: Path, index: str) -> Path:
    """Name the sheet of a mosaic below the image folder: ``<index>/<index>_stamps.png``."""
    return folder / index / f"{index}_stamps.png"


def write_stamps(stamps: Stamps, folder: Path, index: str) -> Path:
    """Write the contact sheet of a mosaic, whole or not at all.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    sheet = np.full(_SHEET, _LINE_GRAY, np.uint8)
    for number, stamp in enumerate(np.rint(stamps.pixels * 255).astype(np.uint8)):
        for channel, view in zip(_cell(number), stamp, strict=True):
            sheet[channel] = view[::-1]
    path = stamps_path(folder, index)
    with replacing(path) as part:
        Image.fromarray(sheet).save(part, compress_level=9)
    return path


def read_stamps(path: Path) -> Stamps | None:
    """Read a contact sheet back; None where there is none.

    Returns
    -------
    Stamps or None
        To 1 / 510 of what was written.

    Raises
    ------
    FrameError
        If it is no such sheet.
    """
    if not path.exists():
        return None
    try:
        with open_picture(path, "PNG") as image:
            if image.mode != "L" or image.size != _SHEET[::-1]:
                wanted = f"{_SHEET[1]} x {_SHEET[0]} gray pixels"
                raise FrameError(f"{path}: is no contact sheet of {wanted}")
            sheet = np.asarray(image)
    except FrameError as error:
        raise FrameError(f"{error}; run prep again") from error
    pixels = np.stack([[sheet[c][::-1] for c in _cell(n)] for n in range(COUNT)])
    present = np.asarray(pixels[:, 1].any(axis=(1, 2)), dtype=bool)
    return Stamps((pixels / np.float32(255)).astype(np.float32), present)


def _cell(number: int) -> list[tuple[slice, slice]]:
    """Where the image and the weight of a stamp lie on the sheet."""
    row, column = divmod(number, COLUMNS)
    top, left = row * _PITCH[0], column * _PITCH[1]
    rows = slice(top, top + SIDE_PX)
    return [(rows, slice(left + k * SIDE_PX, left + (k + 1) * SIDE_PX)) for k in (0, 1)]


def _ranked(sources: Sources, shape: tuple[int, ...]) -> list[int]:
    """Order the sources that may be cut out, best first, each part of the field in turn."""
    half = SIDE_PX // 2
    inside = np.minimum(sources.x, shape[1] - 1 - sources.x) > half
    inside &= np.minimum(sources.y, shape[0] - 1 - sources.y) > half
    usable = inside & _alone(sources)
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


def _alone(sources: Sources) -> NDArray[np.bool_]:
    """Say which sources are the most significant within 10 px."""
    alone = np.ones(len(sources), dtype=bool)
    if len(sources):
        pairs = cKDTree(np.column_stack([sources.x, sources.y])).query_pairs(
            _APART_PX, output_type="ndarray"
        )
        alone[pairs.max(axis=1)] = False
    return alone


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
