"""From solved exposures to a visit's files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from spacekit.mosaic.drizzle import Stack, combine, drizzle_layers, pixel_map
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.products import photometric, primary_header, sci_header, write_drizzled
from spacekit.mosaic.recipe import ALL_BITS, Recipe, recipe_for, total_recipe
from spacekit.mosaic.reject import CleanExposure, matched, reject_cosmic_rays

__all__ = ["TOTAL", "Image", "Visit", "drizzle_visit", "total_members", "wavelength_nm"]

#: Name of the total detection product among the filters.
TOTAL = "total"


@dataclass(frozen=True)
class Visit:
    """One detector's exposures of one visit, solved, and where its files go.

    Parameters
    ----------
    exposures : list of Exposure
        In the order of the products; their headers tell the final solution.
    wcs : WCS
        Of the mosaic.
    shape : (int, int)
        ny, nx of the mosaic.
    out : Path
        Folder of the products.
    settings : PipelineSettings
        What is wanted.
    reference : Table or None
        Reference catalog at the epoch of observation.
    """

    exposures: list[Exposure]
    wcs: WCS
    shape: tuple[int, int]
    out: Path
    settings: PipelineSettings
    reference: Table | None = None

    @property
    def filters(self) -> list[str]:
        """Names of the filters in the order of the products."""
        return list(dict.fromkeys(e.filter for e in self.exposures))

    def members(self, name: str) -> list[Exposure]:
        """Give the exposures of a filter or of the total."""
        if name == TOTAL:
            return total_members(self.exposures)
        return [e for e in self.exposures if e.filter == name]

    def prefix(self) -> str:
        """Give what all names begin with, to the detector."""
        first = self.exposures[0]
        proposal = int(first.header.get("PROPOSID", 0))
        return f"hst_{proposal:d}_{first.rootname[4:6]}_{first.instrument}_{first.detector}"

    def stem(self, name: str, exposure: str = "") -> str:
        """Give a product's name without its kind."""
        return f"{self.prefix()}_{name}_{self.exposures[0].rootname[:6]}{exposure}"

    def drizzled_name(self, name: str, exposure: str = "") -> str:
        """Give the name of a drizzled file: drc where CTE was corrected, else drz."""
        kind = "drc" if self.exposures[0].filename.endswith("flc.fits") else "drz"
        return f"{self.stem(name, exposure)}_{kind}.fits"


@dataclass(frozen=True)
class Image:
    """A drizzled product with its headers.

    Parameters
    ----------
    stack : Stack
        Pixels.
    primary, sci : astropy.io.fits.Header
        Headers of the file.
    """

    stack: Stack
    primary: fits.Header
    sci: fits.Header

    def kept(self, folder: Path) -> Image:
        """Give the product with its planes in files of a folder, see `keep`."""
        return replace(self, stack=self.stack.kept(folder))


def total_members(exposures: Sequence[Exposure]) -> list[Exposure]:
    """Give the exposures that the total is made of.

    It leaves out filters of a single exposure, which are full of cosmic rays, unless there are no
    others.
    """
    names = [e.filter for e in exposures]
    return [e for e in exposures if names.count(e.filter) > 1] or list(exposures)


def wavelength_nm(exposure: Exposure) -> float:
    """Give the filter's wavelength: its pivot where the header has it, else from its name."""
    pivot = photometric(exposure, "PHOTPLAM")
    if isinstance(pivot, float | int) and pivot > 0:
        return float(pivot) / 10
    match = re.search(r"f[rq]?(\d{3})", exposure.filter)
    number = float(match.group(1)) if match else 600.0
    return number * 10 if exposure.detector == "ir" else number


def drizzle_visit(visit: Visit) -> tuple[dict[str, Image], list[Path]]:
    """Reject cosmic rays, drizzle each filter and the total, and write what the settings want.

    Each product is written as soon as it is made, and then kept on disk: in full format no two
    fit into memory.

    Parameters
    ----------
    visit : Visit
        Solved exposures.

    Returns
    -------
    images : dict of str to Image
        The total first, then the filters.
    written : list of Path
        Files.
    """
    filters: dict[str, Image] = {}
    cleaned: dict[str, list[CleanExposure]] = {}
    written: list[Path] = []
    for name in visit.filters:
        cleaned[name] = _clean(visit, name)
        stack = _drizzled(visit, cleaned[name], _recipe(visit, name))
        filters[name], files = _finished(visit, name, stack)
        del stack  # before the next is made
        written += files
        if visit.settings.exposure_products:
            written += _write_exposures(visit, cleaned[name])
    stacks = {name: image.stack for name, image in filters.items()}
    total, files = _finished(visit, TOTAL, _total(visit, cleaned, stacks))
    return {TOTAL: total, **filters}, files + written


def _recipe(visit: Visit, name: str) -> Recipe:
    members = visit.exposures if name == TOTAL else visit.members(name)
    give = total_recipe if name == TOTAL else recipe_for
    return give(members[0].detector, len(members), members[0].start_mjd)


def _clean(visit: Visit, name: str) -> list[CleanExposure]:
    members = visit.members(name)
    maps = [tuple(pixel_map(c.wcs, visit.wcs, c.sci.shape) for c in e.chips) for e in members]
    return reject_cosmic_rays(members, maps, visit.shape, visit.out)


def _drizzled(visit: Visit, cleaned: Sequence[CleanExposure], recipe: Recipe) -> Stack:
    every = chain.from_iterable(each.layers() for each in cleaned)
    return drizzle_layers(every, visit.shape, pixfrac=recipe.pixfrac)


def _total(
    visit: Visit, cleaned: Mapping[str, Sequence[CleanExposure]], filters: Mapping[str, Stack]
) -> Stack:
    """Add up the filters' images, or drizzle anew where their parameters aren't the total's."""
    used = list(dict.fromkeys(e.filter for e in visit.members(TOTAL)))
    recipe, theirs = _recipe(visit, TOTAL), [_recipe(visit, name) for name in used]
    if all(recipe.drizzles_as(each) for each in theirs):
        chips = [sum(len(e.chips) for e in visit.members(name)) for name in used]
        return combine([filters[name] for name in used], chips)
    members = [replace(c, good_bits=recipe.good_bits) for name in used for c in cleaned[name]]
    if recipe.sky and not all(each.sky for each in theirs):
        members = matched(members, recipe, visit.shape, visit.out)
    return _drizzled(visit, members, recipe)


def _finished(visit: Visit, name: str, stack: Stack) -> tuple[Image, list[Path]]:
    """Give a product its headers, write it where it is wanted, and keep it."""
    members = visit.members(name)
    label = "detection" if name == TOTAL else name.upper()
    primary = primary_header(members, visit.drizzled_name(name), label, visit.wcs)
    image = Image(stack, primary, sci_header(members, visit.wcs, stack))
    written = []
    if name == TOTAL or visit.settings.filter_products:
        path = visit.out / visit.drizzled_name(name)
        written.append(write_drizzled(path, image.primary, image.sci, stack, members))
    return image.kept(visit.out), written


def _write_exposures(visit: Visit, cleaned: Sequence[CleanExposure]) -> list[Path]:
    """Write each exposure of a filter by itself.

    Its parameters (`any_astrodrizzle_single_hap_basic`) leave the sky and every pixel in, those
    that rejection took from the filter too; one without others is drizzled as its filter is.
    """
    if len(cleaned) == 1:
        return [_write_exposure(visit, cleaned[0])]
    alone = (replace(each, hits=None, sky=0.0, good_bits=ALL_BITS) for each in cleaned)
    return [_write_exposure(visit, each) for each in alone]


def _write_exposure(visit: Visit, alone: CleanExposure) -> Path:
    exposure = alone.exposure
    name = visit.drizzled_name(exposure.filter, exposure.rootname[6:8])
    stack = drizzle_layers(alone.layers(), visit.shape)
    primary = primary_header([exposure], name, exposure.filter.upper(), visit.wcs)
    sci = sci_header([exposure], visit.wcs, stack)
    return write_drizzled(visit.out / name, primary, sci, stack, [exposure])
