"""Three pictures of a mosaic, straight from its pixels: plain, with sources, with Gaia stars.

The mosaic is cropped to its footprint, averaged over areas down to the wanted size (so that a
star's light is spread but never lost), stretched by an asinh, and turned so that FITS +y is up:
north up, as the pipeline drizzles. Nothing outside the footprint enters anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import sparse

from spacekit.errors import FrameError
from spacekit.files import replacing
from spacekit.measure.features import Catalogs, inside_footprint, sky_to_pixels
from spacekit.measure.file_names import frame_paths
from spacekit.measure.robust import robust_sigma
from spacekit.measure.settings import FrameSettings
from spacekit.visit.catalogs import ReferenceCatalog, Sources
from spacekit.visit.drizzled import Drizzled

__all__ = [
    "Crop",
    "Frames",
    "average",
    "render_frames",
    "save_frames",
    "stretch",
]

#: The published colours: by catalog, for good sources and for fair ones; and Gaia's.
_GOOD_COLOURS: Final = {"point": (255, 40, 40), "segment": (70, 110, 255)}
_FAIR_COLOUR: Final = (0, 230, 0)
_GAIA_COLOUR: Final = (0, 255, 255)
_GOOD_FLAG, _FAIR_FLAG = 1, 5

#: Levels of gray in a frame: steps of 2 in 255, which noise drowns. With the overlays' colours
#: they make a palette, and a file of a third the size of an RGB one. (Gray without a palette would
#: be filtered by PNG, which for noise only takes time, twice as much to write and to read.)
_COMPRESSION: Final = 3
_LEVELS: Final = 128
_GRAYS: Final = np.rint(np.linspace(0, 255, _LEVELS)).astype(np.uint8)
_PALETTE: Final = np.vstack(
    [
        np.repeat(_GRAYS[:, None], 3, axis=1),
        np.array([*_GOOD_COLOURS.values(), _FAIR_COLOUR, _GAIA_COLOUR], np.uint8),
    ]
)


@dataclass(frozen=True)
class Frames:
    """The three frames of a mosaic.

    Parameters
    ----------
    plain, source, gaia : ndarray, shape (height, width, 3), uint8
        RGB, first row at the top; a frame without anything to overlay is `plain` again.
    """

    plain: NDArray[np.uint8]
    source: NDArray[np.uint8]
    gaia: NDArray[np.uint8]

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return iter((self.plain, self.source, self.gaia))


@dataclass(frozen=True)
class Crop:
    """A mosaic's footprint on its way to a frame.

    Parameters
    ----------
    rows, columns : slice
        The bounding box of the footprint.
    scale : float
        Frame pixels per mosaic pixel.
    shape : tuple of int
        Height and width of the frame.
    """

    rows: slice
    columns: slice
    scale: float
    shape: tuple[int, int]

    @classmethod
    def around(cls, footprint: NDArray[np.bool_], size_px: int) -> Crop | None:
        """Bound a footprint, shape (ny, nx), its long side to be `size_px`; None of nothing."""
        rows, columns = np.flatnonzero(footprint.any(axis=1)), np.flatnonzero(footprint.any(axis=0))
        if not len(rows):
            return None
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        height, width = (side.stop - side.start for side in box)
        scale = size_px / max(height, width)
        shape = max(1, round(height * scale)), max(1, round(width * scale))
        return cls(*box, scale, shape)


def render_frames(
    image: Drizzled, catalogs: Catalogs, settings: FrameSettings | None = None
) -> Frames:
    """Render the three frames of a mosaic.

    Parameters
    ----------
    image : Drizzled
        The total drizzled image. It is read in strips; only its footprint is held whole.
    catalogs : Catalogs
        What to overlay; positions outside the footprint are left out.
    settings : FrameSettings, optional
        How to draw.

    Raises
    ------
    FrameError
        If no pixel is exposed.
    ProductError
        If the pixels can't be read.
    """
    settings = settings or FrameSettings()
    crop = Crop.around(image.footprint, settings.size_px)
    if crop is None or image.is_blank:
        raise FrameError(f"{image.path}: no pixel is exposed (weight 0 or NaN everywhere)")
    gray = stretch(*average(image, crop), crop.scale, settings)
    plain = np.repeat(np.flipud(gray)[:, :, None], 3, axis=2)
    radius = max(2.0, settings.radius_fraction * settings.size_px)
    # segment circles are a little wider, so that both are seen where a source is in both
    sources = [
        *_source_rings(catalogs.segment, _GOOD_COLOURS["segment"], radius + 1.5),
        *_source_rings(catalogs.point, _GOOD_COLOURS["point"], radius),
    ]
    return Frames(
        plain=plain,
        source=_overlay(plain, image, crop, sources),
        gaia=_overlay(plain, image, crop, _gaia_rings(image, catalogs.reference, radius)),
    )


def save_frames(frames: Frames, folder: Path, index: str) -> tuple[Path, Path, Path]:
    """Write the frames of a mosaic as PNG, each whole or not at all.

    Raises
    ------
    OutputError
        If they can't be written.
    """
    paths = frame_paths(folder, index)
    for path, frame in zip(paths, frames, strict=True):
        with replacing(path) as part:
            _indexed(frame).save(part, compress_level=_COMPRESSION)
    return paths


def _indexed(frame: NDArray[np.uint8]) -> Image.Image:
    """Give a frame as a palette image; one with other colours as it is."""
    codes, known = _colour_codes(frame), _colour_codes(_PALETTE)
    # a table of all colours: only the few pages of it that hold some take memory
    places = np.zeros(1 << 24, np.uint8)
    places[known[::-1]] = np.arange(len(known))[::-1]
    place = places[codes]
    if (known[place] != codes).any():
        return Image.fromarray(frame)
    image = Image.fromarray(place)
    image.putpalette(_PALETTE.tobytes())
    return image


def _colour_codes(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Give RGB pixels, shape (..., 3), as numbers of 24 bits."""
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def average(image: Drizzled, crop: Crop) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Average the cropped mosaic over the area of each frame pixel, exposed pixels only.

    Parameters
    ----------
    image : Drizzled
        Read in strips.
    crop : Crop
        Of this image's grid.

    Returns
    -------
    mean : ndarray, shape of the frame, float32
        Mean of the exposed pixels, 0 where there is none.
    exposed : ndarray, shape of the frame, bool
        Where at least half of the frame pixel's area is exposed.
    """
    height, width = (side.stop - side.start for side in (crop.rows, crop.columns))
    down, across = _overlaps(height, crop.shape[0]), _overlaps(width, crop.shape[1])
    reduced = np.zeros((2, crop.shape[0], width), np.float32)  # of rows, not yet of columns
    for rows, sci, inside in image.strips(crop.rows, crop.columns):
        start, stop = rows.start - crop.rows.start, rows.stop - crop.rows.start
        cells = slice(start * crop.shape[0] // height, -(-stop * crop.shape[0] // height))
        weights = down[cells, start:stop]
        reduced[0, cells] += weights @ sci
        reduced[1, cells] += weights @ inside
    total, area = ((across @ half.T).T for half in reduced)
    exposed = area > 0.5 * height * width / (crop.shape[0] * crop.shape[1])
    if not exposed.any():  # lone pixels
        exposed = area > 0
    mean = np.divide(total, area, out=np.zeros(crop.shape, np.float32), where=exposed)
    return mean, exposed


def _overlaps(pixels: int, cells: int) -> sparse.csr_array:
    """Give the share of each pixel that falls into each of `cells` equal cells along one axis.

    Returns
    -------
    sparse array, shape (cells, pixels), float32
        In units of a pixel: columns sum to 1, rows to pixels / cells.
    """
    edges = np.linspace(0, pixels, cells + 1)
    cuts = np.unique(np.concatenate([edges, np.arange(pixels + 1)]))
    middle, width = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    cell = np.minimum((middle * cells / pixels).astype(np.int64), cells - 1)
    place = cell, middle.astype(np.int64)
    return sparse.coo_array((width.astype(np.float32), place), shape=(cells, pixels)).tocsr()


def stretch(
    mean: NDArray[np.float32],
    exposed: NDArray[np.bool_],
    scale: float,
    settings: FrameSettings,
) -> NDArray[np.uint8]:
    """Turn an averaged mosaic into gray values; what isn't exposed is black.

    Parameters
    ----------
    mean : ndarray, shape (height, width), float32
        Brightness, in any unit.
    exposed : ndarray, shape (height, width), bool
        Where it is known.
    scale : float
        Pixels of `mean` per mosaic pixel.
    settings : FrameSettings
        Levels.

    Returns
    -------
    ndarray, shape (height, width), uint8
        Black throughout where all exposed pixels are alike.
    """
    values = mean[exposed]
    percentiles = [settings.black_percentile, settings.white_percentile]
    black, white = map(float, np.percentile(values, percentiles))
    noise = _noise(mean, exposed, max(1, math.ceil(scale))) or float(np.std(values, dtype=float))
    if noise <= 0:  # the same value everywhere
        return np.zeros(mean.shape, dtype=np.uint8)
    white = black + noise * float(
        np.clip((white - black) / noise, settings.least_range, settings.most_range)
    )
    softening = settings.linear_range * noise
    bright = np.clip(mean - black, 0, white - black) / softening
    # arcsinh, by functions that numpy computes several values at a time of
    bright = np.log(bright + np.sqrt(bright * bright + 1))
    gray = bright / math.asinh((white - black) / softening)
    return np.where(exposed, _GRAYS[np.rint((_LEVELS - 1) * gray).astype(np.intp)], 0)


def _noise(mean: NDArray[np.float32], exposed: NDArray[np.bool_], lag: int) -> float:
    """Estimate the noise from neighbours' differences, which a bright galaxy doesn't raise.

    Neighbours are `lag` frame px apart: where the frame is larger than the mosaic, those nearer
    are of one mosaic pixel. A difference of two values has the square root of two of their
    standard deviation.
    """
    both = exposed[:, lag:] & exposed[:, :-lag]
    steps = (mean[:, lag:].astype(np.float64) - mean[:, :-lag])[both]
    return robust_sigma(steps) / math.sqrt(2)


@dataclass(frozen=True)
class _Rings:
    """Circles of one colour: positions in mosaic px (0-based), radius in frame px."""

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    colour: tuple[int, int, int]
    radius: float


def _source_rings(
    sources: Sources | None, good_colour: tuple[int, int, int], radius: float
) -> list[_Rings]:
    """Sort sources by flag; the poorer ones are drawn first."""
    if sources is None:
        return []
    good = sources.flag <= _GOOD_FLAG
    fair = ~good & (sources.flag <= _FAIR_FLAG)
    return [
        _Rings(sources.x_px[fair], sources.y_px[fair], _FAIR_COLOUR, radius),
        _Rings(sources.x_px[good], sources.y_px[good], good_colour, radius),
    ]


def _gaia_rings(image: Drizzled, reference: ReferenceCatalog | None, radius: float) -> list[_Rings]:
    if reference is None:
        return []
    return [_Rings(*sky_to_pixels(image.wcs, reference), _GAIA_COLOUR, radius)]


def _overlay(
    plain: NDArray[np.uint8], image: Drizzled, crop: Crop, rings: list[_Rings]
) -> NDArray[np.uint8]:
    """Draw open circles around positions inside the footprint."""
    picture = Image.fromarray(plain)
    draw = ImageDraw.Draw(picture)
    height = plain.shape[0]
    for ring in rings:
        inside = inside_footprint(ring.x_px, ring.y_px, image.footprint)
        # a pixel's centre is half a pixel from its edge, in the mosaic and in the frame
        x = (ring.x_px[inside] - crop.columns.start + 0.5) * crop.scale - 0.5
        y = height - 1 - ((ring.y_px[inside] - crop.rows.start + 0.5) * crop.scale - 0.5)
        for column, row in zip(x.tolist(), y.tolist(), strict=True):
            draw.circle((column, row), ring.radius, outline=ring.colour)
    return np.asarray(picture)
