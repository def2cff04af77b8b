"""A visit's catalogs: found on the total, measured on every filter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from spacekit.mosaic.catalogs import (
    MISSING,
    Photometry,
    ab_magnitude,
    catalog_header,
    filter_table,
    photometry,
    segment_shapes,
    total_table,
    trimmed,
)
from spacekit.mosaic.detect import Detection, detect, settings_for
from spacekit.mosaic.drizzle import Stack, plate_scale_arcsec
from spacekit.mosaic.products import photometric, write_catalog
from spacekit.mosaic.reject import read_noise_e
from spacekit.mosaic.visit_products import TOTAL, Image, Visit, wavelength_nm

__all__ = ["Catalogs", "detect_visit", "filter_rms", "make_catalogs", "write_catalogs"]

#: Catalogs by product and kind ("point", "segment").
Catalogs = dict[str, dict[str, Table]]


def detect_visit(visit: Visit, total: Stack) -> Detection:
    """Find the sources of a visit on its total detection image."""
    first = visit.exposures[0]
    seconds = sum(e.exptime_s for e in visit.exposures)
    floor = float(np.sqrt(len(visit.exposures)) * read_noise_e(first) / seconds)
    return detect(total, settings_for(first.detector), plate_scale_arcsec(first), floor)


def filter_rms(visit: Visit, detection: Detection, name: str) -> float:
    """Give the rms of a filter's background, scaled from the total's by exposure time."""
    times = [sum(e.exptime_s for e in visit.members(n)) for n in (TOTAL, name)]
    return detection.rms * float(np.sqrt(times[0] / times[1]))


def make_catalogs(visit: Visit, detection: Detection, images: Mapping[str, Image]) -> Catalogs:
    """Make the catalogs of the filters and of the total.

    Filter catalogs list all sources found on the total, the total's only those that are good
    in some filter.
    """
    out: Catalogs = {name: {} for name in images}
    for kind, xy in (("point", detection.point), ("segment", detection.segment)):
        measured = {}
        for name in visit.filters:
            what = _photometry(visit, detection, name, images[name].stack)
            columns, own = photometry(what, xy), xy
            if kind == "segment":
                columns |= _segment_columns(what, detection, len(xy))
                own = np.column_stack([columns["X-Centroid"], columns["Y-Centroid"]])
            out[name][kind] = filter_table(kind, own, visit.wcs, columns)
            measured[name] = columns
        keep = trimmed([c["Flags"] for c in measured.values()])
        kept = {f: {n: v[keep] for n, v in c.items()} for f, c in measured.items()}
        out[TOTAL][kind] = total_table(kind, xy[keep], visit.wcs, kept)
    return out


def _photometry(visit: Visit, detection: Detection, name: str, stack: Stack) -> Photometry:
    first = visit.members(name)[0]
    flam = photometric(first, "PHOTFLAM")
    gain = first.header.get("CCDGAIN")
    return Photometry(
        image=stack.sci,
        rms=filter_rms(visit, detection, name),
        scale_arcsec=plate_scale_arcsec(first),
        photflam=float(flam) if isinstance(flam, float | int) and flam > 0 else 1e-19,
        photplam=10 * wavelength_nm(first),
        gain=float(gain) if isinstance(gain, float | int) and gain > 0 else 1.0,
        settings=settings_for(first.detector, wavelength_nm(first)),
    )


def _segment_columns(what: Photometry, detection: Detection, count: int) -> dict[str, NDArray[Any]]:
    shapes = segment_shapes(what.image, detection.labels, count)
    flux = np.where(shapes["FluxSegment"] > 0, shapes["FluxSegment"], np.nan)
    magnitude = ab_magnitude(flux, what.photflam, what.photplam)
    return shapes | {
        "MagSegment": np.where(np.isfinite(magnitude), magnitude, MISSING),
        "FluxSegmentErr": what.rms * np.sqrt(shapes["Area"]),
        "Bck": np.full(count, detection.background),
    }


def write_catalogs(visit: Visit, catalogs: Catalogs, images: Mapping[str, Image]) -> list[Path]:
    """Write the total's catalogs and, where filter products are wanted, theirs."""
    written = []
    for name, kinds in catalogs.items():
        if name != TOTAL and not visit.settings.filter_products:
            continue
        image = images[name]
        for kind, table in kinds.items():
            path = visit.out / f"{visit.stem(name)}_{kind}-cat.ecsv"
            meta = catalog_header(image.primary, image.sci, visit.drizzled_name(name), len(table))
            written.append(write_catalog(path, table, meta))
    return written
