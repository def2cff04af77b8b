"""A visit's QA JSON and reference catalogs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from spacekit.files import write_text
from spacekit.mosaic.crossmatch import crossmatch, faint_sources
from spacekit.mosaic.detect import Detection
from spacekit.mosaic.drizzle import plate_scale_arcsec
from spacekit.mosaic.ecsv import write_ecsv
from spacekit.mosaic.parameters import settings_for
from spacekit.mosaic.qa import (
    gaia_sources,
    indented,
    interfilter_crossmatch,
    num_sources,
    stars_inside,
)
from spacekit.mosaic.scratch import release
from spacekit.mosaic.visit_catalogs import Catalogs
from spacekit.mosaic.visit_products import TOTAL, Image, Visit

__all__ = ["write_qa", "write_reference"]


def write_qa(
    visit: Visit, images: Mapping[str, Image], detection: Detection, catalogs: Catalogs
) -> list[Path]:
    """Write source counts, reference stars in the footprints, and filters against each other."""
    counts = [catalogs.count(TOTAL, kind) for kind in ("point", "segment")]
    documents = {
        f"{visit.stem(TOTAL)}_svm_num_sources.json": num_sources(images[TOTAL].primary, *counts)
    }
    documents |= _gaia(visit, images)
    if len(visit.filters) > 1 and visit.settings.filter_products:
        documents |= _interfilter(visit, images, detection, catalogs)
    for name, document in documents.items():
        write_text(visit.out / name, indented(document))
    return [visit.out / name for name in documents]


def _gaia(visit: Visit, images: Mapping[str, Image]) -> dict[str, dict[str, Any]]:
    """Count reference stars; where there is none the pipeline writes no file."""
    documents: dict[str, dict[str, Any]] = {}
    if visit.reference is None or not len(visit.reference):
        return documents
    for name, image in images.items():
        if name == TOTAL or visit.settings.filter_products:
            stars = visit.reference[stars_inside(visit.reference, visit.wcs, image.stack.wht)]
            image.stack.release()
            if len(stars):
                file_name = f"{visit.stem(name)}_svm_gaia_sources.json"
                documents[file_name] = gaia_sources(image.primary, stars)
    return documents


def _interfilter(
    visit: Visit, images: Mapping[str, Image], detection: Detection, catalogs: Catalogs
) -> dict[str, dict[str, Any]]:
    """Compare each filter with the one of most sources; no file where nothing matches."""
    scale = plate_scale_arcsec(visit.exposures[0])
    fwhm_px = settings_for(visit.exposures[0].detector).fwhm_arcsec / scale
    found = {}
    for name in visit.filters:
        stack = images[name].stack
        inside = detection.inside & (stack.wht > 0)
        release(stack.wht)
        found[name] = faint_sources(stack.sci, inside, catalogs.skies[name], fwhm_px)
        stack.release()
    best = max(found, key=lambda name: len(found[name]))
    documents = {}
    for name in visit.filters:
        pairs = crossmatch(found[best], found[name]) if name != best else None
        if pairs is not None and len(pairs[0]):
            documents[f"{visit.stem(name)}_svm_interfilter_crossmatch.json"] = (
                interfilter_crossmatch(
                    images[name].primary,
                    visit.drizzled_name(best),
                    found[best],
                    found[name],
                    pairs,
                )
            )
    return documents


def write_reference(visit: Visit) -> list[Path]:
    """Write the reference catalog as a diagnostic run leaves it, faintest star first."""
    reference = visit.reference
    if reference is None or not len(reference):
        return []
    ordered = reference[np.argsort(-np.asarray(reference["mag"], dtype=float))]
    meta = {"catalog": "GAIAeDR3", "gaia_only": False, "converted": True}
    written = []
    if visit.settings.align:
        token = visit.exposures[0].rootname[:3]
        path = visit.out / f"{visit.prefix()}_{token}_metawcs_all_GAIAeDR3_ref_cat.ecsv"
        written.append(write_ecsv(path, _columns(ordered, ordered.colnames), meta))
    short = _columns(ordered, ("RA", "DEC", "mag", "objID"))
    written.append(write_ecsv(visit.out / "ref_cat.ecsv", short, meta | {"gaia_only": True}))
    return written


def _columns(table: Table, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    return {n: np.ma.asarray(table[n]) for n in names}
