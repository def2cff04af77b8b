"""Pictures of one sky in two products and more, to be shown in turn: what is off jumps.

That is how people find misaligned mosaics by eye. For each filter product (for each exposure
product where there is one filter only) there are two pictures of the same pixels: a cut-out at
the mosaic's own pixels, where most is to be seen in all of them, and the whole field.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from scipy.ndimage import maximum_filter, uniform_filter

from spacekit.errors import ProductError
from spacekit.files import replacing
from spacekit.measure.file_names import BLINK_KINDS, blink_path
from spacekit.measure.frames import Crop, average, stretch
from spacekit.measure.looks import same_grid
from spacekit.measure.robust import robust_sigma
from spacekit.measure.settings import FrameSettings
from spacekit.visit.drizzled import Drizzled, Read, read_drizzled
from spacekit.visit.nouns import Mosaic, Product

__all__ = ["Blink", "BlinkSettings", "render_blinks", "save_blinks"]

#: A field pixel tells of a source from this many times the noise, and of nothing more past it.
_LEAST_SIGMA, _MOST_SIGMA = 5.0, 30.0
#: Windows with less of their area exposed in all products come after all others.
_LEAST_EXPOSED: Final = 0.9
#: Named, so that Pillow needn't load its forty formats to find it.
_FORMAT: Final = JpegImagePlugin.JpegImageFile.format
#: Blinking wants the eye's contrast, not the last bit: 8-bit gray at this quality.
_QUALITY: Final = 87

_log = logging.getLogger(__name__)

Gray = NDArray[np.uint8]


@dataclass(frozen=True)
class BlinkSettings:
    """How the pictures are cut.

    Parameters
    ----------
    cutout_px : int
        Side of the cut-out, native pixels; less where the mosaic is smaller.
    field_px : int
        Long side of the whole field.
    most : int
        Products that are shown; those with least to see are left out.
    """

    cutout_px: int = 256
    field_px: int = 512
    most: int = 6


@dataclass(frozen=True)
class Blink:
    """The pictures of one product.

    Parameters
    ----------
    product : str
        Filter, for an exposure product with its two letters after an underscore.
    cutout, field : ndarray, shapes (h, w) and (height, width), uint8
        Gray, first row at the top; each of one shape and place on the sky in all products of
        a mosaic.
    """

    product: str
    cutout: Gray
    field: Gray


@dataclass(frozen=True)
class _View:
    """A product averaged down to the field: mean and exposed as `average` gives them.

    The signal is how much each peak shows, in noise above the sky, bounded; 0 elsewhere.
    """

    name: str
    image: Drizzled
    mean: NDArray[np.float32]
    exposed: NDArray[np.bool_]
    signal: NDArray[np.float64]


def render_blinks(
    mosaic: Mosaic, settings: BlinkSettings | None = None, read: Read = read_drizzled
) -> tuple[Blink, ...]:
    """Draw the products of a mosaic for blinking.

    Parameters
    ----------
    mosaic : Mosaic
        Its filter products, or its exposure products where only one filter has an image.
    settings : BlinkSettings, optional
        How to cut.
    read : callable, optional
        Opens the products' images.

    Returns
    -------
    tuple of Blink
        By name of product; empty where fewer than two products can be shown. A product that
        can't be read, or lies on another grid than the first, is left out.
    """
    settings = settings or BlinkSettings()
    images = _readable(mosaic.filters, read)
    if len(images) < 2:
        images = _readable(mosaic.exposures, read)
    if len(images) < 2:
        return ()
    try:
        return _render(images, settings)
    except ProductError as error:
        _log.warning("%s: no pictures to blink (%s)", mosaic.index, error)
        return ()


def save_blinks(blinks: Sequence[Blink], folder: Path, index: str) -> list[Path]:
    """Write ``<index>/<index>_blink_<product>.jpg`` and ``_blinkfield_``, each whole or not.

    Raises
    ------
    OutputError
        If they can't be written.
    """
    paths = []
    for blink in blinks:
        for kind, picture in zip(BLINK_KINDS, (blink.cutout, blink.field), strict=True):
            path = blink_path(folder, index, kind, blink.product)
            with replacing(path) as part:
                Image.fromarray(picture).save(part, _FORMAT, quality=_QUALITY)
            paths.append(path)
    return paths


def _readable(products: Sequence[Product], read: Read) -> dict[str, Drizzled]:
    """Open the images of products that lie on the grid of the first; names to images."""
    images: dict[str, Drizzled] = {}
    for product in products:
        if product.drizzled is None:
            continue
        try:
            image = read(product.drizzled)
        except ProductError:  # named by whoever measures it
            continue
        first = next(iter(images.values()), image)
        if image.shape == first.shape and same_grid(image, first.wcs):
            images["_".join(filter(None, (product.name.filter, product.name.exposure)))] = image
    return images


def _render(images: dict[str, Drizzled], settings: BlinkSettings) -> tuple[Blink, ...]:
    crop = Crop.around(_footprint(images.values()), settings.field_px)
    if crop is None:
        return ()
    views = _richest(images, crop, settings.most)
    if len(views) < 2:
        return ()
    window = _window(views, crop, settings.cutout_px)
    drawn = [
        Blink(view.name, _cutout(view.image, *window), _gray(view.mean, view.exposed, crop.scale))
        for view in views
    ]
    return tuple(sorted(drawn, key=lambda blink: blink.product))


def _footprint(images: Collection[Drizzled]) -> NDArray[np.bool_]:
    """Give where any image is exposed, shape (ny, nx).

    An image that is asked keeps its footprint, and there may be a hundred: copies are asked.
    """
    footprint = np.zeros(next(iter(images)).shape, dtype=bool)
    for image in images:
        footprint |= replace(image).footprint
    return footprint


def _richest(images: Mapping[str, Drizzled], crop: Crop, most: int) -> list[_View]:
    """Average the images, and keep those with most to see, the richest first."""
    views: list[_View] = []
    for name, image in images.items():
        copy = replace(image)  # as in `_footprint`
        if copy.is_blank:
            continue
        mean, exposed = average(copy, crop)
        views.append(_View(name, image, mean, exposed, _signal(mean, exposed)))
        views.sort(key=lambda view: -float(view.signal.sum()))
        del views[most:]
    return views


def _signal(mean: NDArray[np.float32], exposed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weigh the field's peaks; they alone count, so that stars are worth more than a galaxy."""
    values = mean[exposed].astype(np.float64)
    sky = np.median(values)
    noise = robust_sigma(values - sky)
    if noise <= 0:
        return np.zeros(mean.shape)
    peaks = exposed & (mean == maximum_filter(mean, 3))
    sigma = np.where(peaks, (mean - sky) / noise, 0)
    return np.where(sigma < _LEAST_SIGMA, 0, np.minimum(sigma, _MOST_SIGMA))


def _window(views: Sequence[_View], crop: Crop, side_px: int) -> tuple[slice, slice]:
    """Choose rows and columns, native pixels, where the poorest product shows most."""
    side = max(1, round(side_px * crop.scale))
    shown = np.minimum.reduce([uniform_filter(v.signal, side, mode="constant") for v in views])
    exposed = np.logical_and.reduce([view.exposed for view in views]).astype(np.float64)
    covered = uniform_filter(exposed, side, mode="constant")
    wanted = min(_LEAST_EXPOSED, float(covered.max()))
    # where nothing is to be seen, coverage decides
    score = np.where(covered >= wanted - 1e-9, shown + 1e-3 * covered, -np.inf)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    return (
        _side(crop.rows, (row + 0.5) / crop.scale, side_px),
        _side(crop.columns, (column + 0.5) / crop.scale, side_px),
    )


def _side(bounds: slice, middle: float, side_px: int) -> slice:
    """Put a window about a place, counted from the start of the bounds, inside the bounds."""
    side = min(side_px, bounds.stop - bounds.start)
    start = bounds.start + round(middle - side / 2)
    start = min(max(start, bounds.start), bounds.stop - side)
    return slice(start, start + side)


def _cutout(image: Drizzled, rows: slice, columns: slice) -> Gray:
    sci, wht = image.window(rows, columns)
    return _gray(sci, (wht > 0) & np.isfinite(sci), 1.0)


def _gray(mean: NDArray[np.float32], exposed: NDArray[np.bool_], scale: float) -> Gray:
    """Stretch by each picture's own sky and noise, so that filters look alike; north up."""
    if not exposed.any():
        return np.zeros(mean.shape, np.uint8)
    return np.flipud(stretch(np.where(exposed, mean, 0), exposed, scale, FrameSettings()))
