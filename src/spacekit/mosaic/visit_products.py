"""From aligned exposures to a visit's files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.files import write_text
from spacekit.mosaic.catalogs import (
    Photometry,
    catalog_header,
    filter_table,
    photometry,
    segment_shapes,
    total_table,
    trimmed,
)
from spacekit.mosaic.detect import Detection, detect, settings_for
from spacekit.mosaic.drizzle import Layer, Stack, drizzle_layers, pixel_map, plate_scale_arcsec
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.products import (
    photometric,
    primary_header,
    sci_header,
    write_catalog,
    write_drizzled,
)
from spacekit.mosaic.qa import gaia_sources, num_sources, stars_inside
from spacekit.mosaic.reject import read_noise_e, recipe_for, reject_cosmic_rays

__all__ = ["Visit", "make_products", "wavelength"]


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
    """

    exposures: list[Exposure]
    wcs: WCS
    shape: tuple[int, int]
    out: Path
    settings: PipelineSettings

    @property
    def filters(self) -> list[str]:
        """Names of the filters in the order of the products."""
        return list(dict.fromkeys(e.filter for e in self.exposures))

    def stem(self, filter_name: str, exposure: str = "") -> str:
        """Give a product's name without its kind."""
        first = self.exposures[0]
        proposal = int(first.header.get("PROPOSID", 0))
        parts = (
            "hst", f"{proposal:d}", first.rootname[4:6], first.instrument, first.detector,
            filter_name, first.rootname[:6] + exposure,
        )
        return "_".join(parts)

    def drizzled_name(self, filter_name: str, exposure: str = "") -> str:
        """Give the name of a drizzled file: drc where CTE was corrected, else drz."""
        kind = "drc" if self.exposures[0].filename.endswith("flc.fits") else "drz"
        return f"{self.stem(filter_name, exposure)}_{kind}.fits"


def wavelength(filter_name: str) -> float:
    """Give a filter's wavelength in nm as its name tells it (infrared names count 10 nm).

    Examples
    --------
    >>> wavelength("f160w"), wavelength("f606w")
    (1600.0, 606.0)
    """
    match = re.search(r"f[rq]?(\d{3})", filter_name)
    number = float(match.group(1)) if match else 0.0
    return number * 10 if number < 180 and number not in (115.0, 122.0, 125.0, 140.0, 150.0, 165.0) else number


def make_products(visit: Visit, reference: Table | None) -> list[Path]:
    """Clean, drizzle, detect, measure and write one detector's products.

    Parameters
    ----------
    visit : Visit
        Solved exposures.
    reference : Table or None
        Reference catalog.

    Returns
    -------
    list of Path
        Every file written.
    """
    layers = _cleaned_layers(visit)
    stacks = {f: _stack(visit, layers, f) for f in visit.filters}
    total = combine(list(stacks.values()), [sum(len(e.chips) for e in visit.exposures if e.filter == f) for f in visit.filters])
    members = {"total": visit.exposures} | {
        f: [e for e in visit.exposures if e.filter == f] for f in visit.filters
    }
    images = {"total": total} | stacks
    headers = {
        name: (
            primary_header(exposures, visit.drizzled_name(name), "detection" if name == "total" else name.upper(), visit.wcs),
            sci_header(exposures, visit.wcs, images[name]),
        )
        for name, exposures in members.items()
    }
    written = []
    for name, (primary, sci) in headers.items():
        if name == "total" or visit.settings.filter_products:
            path = visit.out / visit.drizzled_name(name)
            written.append(write_drizzled(path, primary, sci, images[name], members[name]))
    detection, counts = None, (0, 0)
    if visit.settings.catalogs or visit.settings.qa:
        detection = _detect(visit, total)
        catalogs = _catalogs(visit, detection, images, headers)
        counts = (len(catalogs["total"]["point"]), len(catalogs["total"]["segment"]))
        if visit.settings.catalogs:
            written += _write_catalogs(visit, catalogs, headers)
    if visit.settings.qa:
        written += _write_qa(visit, images, headers, counts, reference)
    return written


def _cleaned_layers(visit: Visit) -> dict[str, list[Layer]]:
    layers: dict[str, list[Layer]] = {}
    for name in visit.filters:
        members = [e for e in visit.exposures if e.filter == name]
        maps = [[pixel_map(c.wcs, visit.wcs, c.sci.shape) for c in e.chips] for e in members]
        cleaned = reject_cosmic_rays(members, maps, visit.shape)
        layers |= {e.filename: each for e, each in zip(members, cleaned, strict=True)}
    return layers


def _stack(visit: Visit, layers: dict[str, list[Layer]], name: str) -> Stack:
    members = [e for e in visit.exposures if e.filter == name]
    recipe = recipe_for(members[0].detector, len(members))
    return drizzle_layers(
        [la for e in members for la in layers[e.filename]], visit.shape, pixfrac=recipe.pixfrac
    )


def combine(stacks: Sequence[Stack], chips: Sequence[int]) -> Stack:
    """Add drizzled images: drizzling is linear, so the total needs no drizzling of its own.

    Parameters
    ----------
    stacks : sequence of Stack
        On one grid.
    chips : sequence of int
        Number of layers in each, for the context bits.
    """
    weight = np.sum([s.wht for s in stacks], axis=0, dtype=np.float32)
    light = np.sum([s.sci * s.wht for s in stacks], axis=0, dtype=np.float32)
    context = np.zeros(weight.shape, np.int32)
    before = 0
    for stack, number in zip(stacks, chips, strict=True):
        if before < 31:
            context |= stack.ctx << before
        before += number
    sci = np.divide(light, weight, out=np.zeros_like(light), where=weight > 0)
    return Stack(sci, weight, context)


def _detect(visit: Visit, total: Stack) -> Detection:
    first = visit.exposures[0]
    seconds = sum(e.exptime_s for e in visit.exposures)
    floor = np.sqrt(len(visit.exposures)) * read_noise_e(first) / seconds
    return detect(total, settings_for(first.detector), plate_scale_arcsec(first), float(floor))


Headers = dict[str, tuple[fits.Header, fits.Header]]


def _catalogs(
    visit: Visit, detection: Detection, images: dict[str, Stack], headers: Headers
) -> dict[str, dict[str, Table]]:
    """Make all catalogs, by product and kind; positions are the total's."""
    out: dict[str, dict[str, Table]] = {name: {} for name in images}
    for kind, xy in (("point", detection.point), ("segment", detection.segment)):
        measured = {f: _measure(visit, detection, f, kind, images[f], headers[f]) for f in visit.filters}
        for name, columns in measured.items():
            own = xy
            if kind == "segment" and len(xy):
                own = np.column_stack([columns["X-Centroid"], columns["Y-Centroid"]])
            out[name][kind] = filter_table(kind, own, visit.wcs, columns)
        keep = trimmed([c["Flags"] for c in measured.values()])
        kept = {f: {n: v[keep] for n, v in c.items()} for f, c in measured.items()}
        out["total"][kind] = total_table(kind, xy[keep], visit.wcs, kept)
    return out


def _measure(
    visit: Visit, detection: Detection, name: str, kind: str, stack: Stack, header: tuple[fits.Header, fits.Header]
) -> dict[str, NDArray[Any]]:
    first = next(e for e in visit.exposures if e.filter == name)
    xy = detection.point if kind == "point" else detection.segment
    share = np.sqrt(len(visit.exposures) / sum(e.filter == name for e in visit.exposures))
    flam, plam = (photometric(first, k) for k in ("PHOTFLAM", "PHOTPLAM"))
    what = Photometry(
        stack.sci,
        detection.rms * float(share),
        plate_scale_arcsec(first),
        float(flam) if isinstance(flam, float | int) and flam > 0 else 1e-19,
        float(plam) if isinstance(plam, float | int) and plam > 0 else 10 * wavelength(name) or 6000.0,
        float(first.header.get("CCDGAIN", 1.0)) or 1.0,
        settings_for(first.detector, wavelength(name)),
    )
    columns = photometry(what, xy)
    if kind == "segment":
        shapes = segment_shapes(stack.sci, detection.labels, len(xy))
        with np.errstate(invalid="ignore", divide="ignore"):
            magnitude = -2.5 * np.log10(np.where(shapes["FluxSegment"] > 0, shapes["FluxSegment"], np.nan) * what.photflam)
        magnitude = magnitude - 21.10 - 5 * np.log10(what.photplam) + 18.6921
        columns |= shapes
        columns["MagSegment"] = np.where(np.isfinite(magnitude), magnitude, -9999.0)
        columns["FluxSegmentErr"] = what.rms * np.sqrt(shapes["Area"])
        columns["Bck"] = np.full(len(xy), 0.0)
    return columns


def _write_catalogs(visit: Visit, catalogs: dict[str, dict[str, Table]], headers: Headers) -> list[Path]:
    written = []
    for name, kinds in catalogs.items():
        if name != "total" and not visit.settings.filter_products:
            continue
        for kind, table in kinds.items():
            path = visit.out / f"{visit.stem(name)}_{kind}-cat.ecsv"
            meta = catalog_header(*headers[name], visit.drizzled_name(name), len(table))
            written.append(write_catalog(path, table, meta))
    return written


def _write_qa(
    visit: Visit, images: dict[str, Stack], headers: Headers, counts: tuple[int, int], reference: Table | None
) -> list[Path]:
    documents = {f"{visit.stem('total')}_svm_num_sources.json": num_sources(headers["total"][0], *counts)}
    if reference is not None and len(reference):
        for name, stack in images.items():
            stars = reference[stars_inside(reference, visit.wcs, stack.wht)]
            if len(stars):
                documents[f"{visit.stem(name)}_svm_gaia_sources.json"] = gaia_sources(headers[name][0], stars)
    for name, document in documents.items():
        write_text(visit.out / name, json.dumps(document, indent=4, allow_nan=False))
    return [visit.out / name for name in documents]
