"""Find cosmic rays as AstroDrizzle does: single drizzles, median, blot, compare.

What is compared with a clean model of the sky includes every star core of an exposure that is
registered wrongly: that is how misalignment eats sources, and why these steps are here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.drizzle import Layer, PixelMap, drizzle_layers
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.median import median_image
from spacekit.mosaic.recipe import Recipe, recipe_for
from spacekit.mosaic.scratch import keep, release

__all__ = [
    "CleanExposure",
    "cosmic_rays",
    "good_pixels",
    "matched",
    "reject_cosmic_rays",
    "sky_offsets",
]

#: The bit for cosmic rays found here (`crbit`); what an earlier run set is reset.
CR_BIT: Final = 4096

#: Pixels of an image that its sky is taken from: of a large one not all are needed.
_SKY_PX: Final = 2_000_000


def good_pixels(dq: NDArray[np.int16], good_bits: int) -> NDArray[np.bool_]:
    """Tell which pixels carry no bit but `good_bits` (and none from an earlier rejection)."""
    bad = ~np.int32(good_bits) & ~np.int32(CR_BIT) & 0xFFFF
    clean: NDArray[np.bool_] = (dq.astype(np.int32) & bad) == 0
    return clean


def sky_offsets(
    images: Sequence[NDArray[np.float32]], weights: Sequence[NDArray[np.float32]]
) -> list[float]:
    """Match skies: give what to subtract from each image.

    Differences are measured in the overlaps, the common level is the lowest of the images'. The
    parameter files say `match`, which would leave the level alone; the sky of genuine products is
    0 all the same.

    Parameters
    ----------
    images, weights : sequence of ndarray, shape (ny, nx)
        On one grid; weight 0 where there is nothing.
    """
    step = max(1, int(np.sqrt(images[0].size / _SKY_PX)))
    images = [_thinned(i, step) for i in images]
    weights = [_thinned(w, step) for w in weights]
    skies = [_clipped_median(i[w > 0]) for i, w in zip(images, weights, strict=True)]
    offsets = [0.0]
    for k in range(1, len(images)):
        both = (weights[0] > 0) & (weights[k] > 0)
        difference = (images[k] - images[0])[both]
        offsets.append(_clipped_median(difference) if difference.size else skies[k] - skies[0])
    lowest = min(offsets)
    return [min(skies) + o - lowest for o in offsets]


def _thinned(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    thin = np.ascontiguousarray(image[::step, ::step])
    release(image)
    return thin


def _clipped_median(values: NDArray[np.float32]) -> float:
    """Give the median of what lies within four standard deviations, as the pipeline does."""
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0
    for _ in range(5):
        kept = values[np.abs(values - np.median(values)) <= 4 * values.std(dtype=np.float64)]
        if kept.size in (0, values.size):
            break
        values = kept
    return float(np.median(values))


def cosmic_rays(
    electrons: NDArray[np.float32],
    model: NDArray[np.float32],
    read_noise: float,
    recipe: Recipe,
    sky_e: float = 0.0,
) -> NDArray[np.bool_]:
    """Compare an exposure with the blotted model (AstroDrizzle's `driz_cr`).

    A pixel is hit when it differs from the model by more than ``snr * noise + scale *
    derivative`` with the second pair of thresholds, and one of its neighbours or itself does
    so with the first.

    Parameters
    ----------
    electrons, model : ndarray, shape (ny, nx)
        Exposure and blotted median, electrons.
    read_noise : float
        Electrons.
    recipe : Recipe
        Thresholds.
    sky_e : float
        Sky that was subtracted from both, electrons.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True where hit.
    """
    slope = _derivative(model)
    noise = np.sqrt(np.abs(model + sky_e) + read_noise**2)
    difference = np.abs(electrons - model)
    first = difference > recipe.scale[0] * slope + recipe.snr[0] * noise
    second = difference > recipe.scale[1] * slope + recipe.snr[1] * noise
    hit: NDArray[np.bool_] = second & ndimage.maximum_filter(first, size=3)
    return hit


def _derivative(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the largest absolute difference to the four neighbours."""
    out = np.zeros_like(image)
    across = np.abs(np.diff(image, axis=1))
    along = np.abs(np.diff(image, axis=0))
    np.maximum(out[:, 1:], across, out=out[:, 1:])
    np.maximum(out[:, :-1], across, out=out[:, :-1])
    np.maximum(out[1:], along, out=out[1:])
    np.maximum(out[:-1], along, out=out[:-1])
    return out


@dataclass(frozen=True)
class CleanExposure:
    """An exposure with its cosmic rays found: layers to drizzle are made as they are needed.

    Parameters
    ----------
    exposure : Exposure
        Pixels as they are.
    maps : tuple of PixelMap
        One a chip.
    good_bits : int
        DQ bits that don't spoil a pixel.
    sky : float
        To subtract, electrons/s.
    hits : tuple of ndarray of bool, or None
        Where cosmic rays are, by chip; None where they were not looked for.
    """

    exposure: Exposure
    maps: tuple[PixelMap, ...]
    good_bits: int
    sky: float = 0.0
    hits: tuple[NDArray[np.bool_], ...] | None = None

    def layers(self) -> Iterator[Layer]:
        """Give a layer a chip: sky subtracted, weight 0 where a pixel is bad or hit."""
        for number in range(len(self.maps)):
            yield self.layer(number)

    def layer(self, number: int) -> Layer:
        """Give the layer of one chip."""
        chip, seconds = self.exposure.chips[number], np.float32(self.exposure.exptime_s)
        good = good_pixels(chip.dq, self.good_bits) & np.isfinite(chip.sci)
        if self.hits is not None:
            good &= ~self.hits[number]
            release(self.hits[number])
        per_second = np.float32(1) if chip.in_rates else 1 / seconds
        rate = np.where(np.isfinite(chip.sci), chip.sci * per_second - np.float32(self.sky), 0)
        chip.release()
        return Layer(
            rate.astype(np.float32, copy=False),
            good * seconds,
            self.maps[number],
            self.exposure.exptime_s,
        )


def reject_cosmic_rays(
    exposures: Sequence[Exposure],
    maps: Sequence[tuple[PixelMap, ...]],
    shape: tuple[int, int],
    folder: Path,
) -> list[CleanExposure]:
    """Clean the exposures of one filter, ready to be drizzled.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of one filter and detector.
    maps : sequence of tuple of PixelMap
        For each exposure the map of each chip to the mosaic.
    shape : (int, int)
        ny, nx of the mosaic.
    folder : Path
        Where large arrays are kept meanwhile.
    """
    recipe = recipe_for(exposures[0].detector, len(exposures), exposures[0].start_mjd)
    raw = [CleanExposure(e, m, recipe.good_bits) for e, m in zip(exposures, maps, strict=True)]
    if not recipe.reject:
        return raw
    images, weights = _single_drizzles(raw, recipe, shape, folder)
    skies = sky_offsets(images, weights)
    images = [_less(i, sky, folder) for i, sky in zip(images, skies, strict=True)]
    noise = float(np.mean([e.read_noise_e for e in exposures]))
    sky_e = float(np.mean([s * e.exptime_s for s, e in zip(skies, exposures, strict=True)]))
    model = median_image(images, weights, noise, sky_e, minimum=recipe.minimum)
    return [
        _cleaned(replace(each, sky=sky), model, recipe, folder)
        for each, sky in zip(raw, skies, strict=True)
    ]


def matched(
    exposures: Sequence[CleanExposure], recipe: Recipe, shape: tuple[int, int], folder: Path
) -> list[CleanExposure]:
    """Give exposures that still have their skies one each to subtract, see `sky_offsets`.

    Parameters
    ----------
    exposures : sequence of CleanExposure
        Of any filters.
    recipe : Recipe
        Of what is made of them.
    shape, folder
        As for `reject_cosmic_rays`.
    """
    skies = sky_offsets(*_single_drizzles(exposures, recipe, shape, folder))
    return [replace(each, sky=sky) for each, sky in zip(exposures, skies, strict=True)]


def _single_drizzles(
    raw: Sequence[CleanExposure], recipe: Recipe, shape: tuple[int, int], folder: Path
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Drizzle each exposure by itself; give images and weights."""
    kernel = "turbo" if raw[0].exposure.detector == "ir" else "square"
    images, weights = [], []
    for each in raw:
        layers = replace(each, good_bits=recipe.single_bits).layers()
        stack = drizzle_layers(layers, shape, kernel=kernel, context=False)
        images.append(keep(stack.sci, folder))
        weights.append(keep(stack.wht, folder))
        del stack  # before the next is made
    return images, weights


def _less(image: NDArray[np.float32], sky: float, folder: Path) -> NDArray[np.float32]:
    less = keep(image - np.float32(sky), folder)
    release(image)
    return less


def _cleaned(
    each: CleanExposure, model: NDArray[np.float32], recipe: Recipe, folder: Path
) -> CleanExposure:
    from drizzle.resample import blot_image

    seconds = np.float32(each.exposure.exptime_s)
    noise, sky_e = each.exposure.read_noise_e, each.sky * each.exposure.exptime_s
    hits = []
    for layer in each.layers():
        blotted = blot_image(model, layer.pixels.grid(), interp="poly5")
        hit = cosmic_rays(layer.rate * seconds, blotted * seconds, noise, recipe, sky_e)
        hits.append(keep(hit, folder))
    return replace(each, hits=tuple(hits))
