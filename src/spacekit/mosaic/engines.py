"""The engines that can process a visit's exposures: the embedded pipeline, and the real one.

An engine is a function of a folder: it leaves products there and tells what they were drizzled
with. What is done with the answer does not depend on which it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from spacekit.errors import ProductError
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.nouns import Fit, PipelineSettings
from spacekit.mosaic.pipeline import process_visit
from spacekit.mosaic.real.run import LOG_NAME, DrizzlepacSettings, run_drizzlepac
from spacekit.mosaic.reference import read_reference_stars
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.poller import read_poller

__all__ = ["Engine", "Solution", "drizzlepac_engine", "embedded_engine"]


@dataclass(frozen=True)
class Solution:
    """What an engine made of the exposures of one detector.

    Parameters
    ----------
    total : str
        Name of the total product ("hst_16901_01_wfc3_ir_total_iza101").
    mosaic : WCS
        Of the products.
    shape : tuple of (int, int)
        (ny, nx) of the products.
    final_wcs : dict of str to tuple of WCS
        By file name of the exposure as it went in: the WCS of each chip that the mosaics were
        drizzled with.
    fit : Fit
        How the fit to the reference catalog went.
    """

    total: str
    mosaic: WCS
    shape: tuple[int, int]
    final_wcs: dict[str, tuple[WCS, ...]]
    fit: Fit


Engine = Callable[[Path], list[Solution]]


def embedded_engine(settings: PipelineSettings | None = None) -> Engine:
    """Give the embedded pipeline as an engine."""
    return partial(_embedded, settings or PipelineSettings())


def drizzlepac_engine(settings: DrizzlepacSettings) -> Engine:
    """Give the real pipeline, of another interpreter, as an engine."""
    return partial(_drizzlepac, settings)


def _embedded(settings: PipelineSettings, folder: Path) -> list[Solution]:
    groups: dict[str, list[Exposure]] = defaultdict(list)
    for line in read_poller(folder):
        exposure = read_exposure(folder / line.filename).kept(folder)
        groups[exposure.detector].append(exposure)
    reference = read_reference_stars(folder)
    solutions = []
    for detector, exposures in sorted(groups.items()):
        done = process_visit(exposures, reference, folder, settings)
        total = next(p for p in done.products if "_total_" in p.name and p.suffix == ".fits")
        name = total.stem.rpartition("_")[0]
        solutions.append(Solution(name, *done.mosaic_wcs[detector], done.final_wcs, done.fit))
    return solutions


def _drizzlepac(settings: DrizzlepacSettings, folder: Path) -> list[Solution]:
    products = run_drizzlepac(folder, settings)
    inputs = {line.filename.split("_")[0]: line.filename for line in read_poller(folder)}
    fitted = {p.name.rpartition("_")[0] for p in products if p.name.endswith("_hlet.fits")}
    finals: dict[str, dict[str, _Processed]] = defaultdict(dict)
    for path in products:
        if path.name.endswith(("_flt.fits", "_flc.fits")):
            exposure = read_exposure(path)
            root = str(exposure.header["ROOTNAME"]).strip().lower()
            if root in inputs:
                fresh = path.name.rpartition("_")[0] in fitted
                finals[exposure.detector][inputs[root]] = _Processed(exposure, fresh)
    totals = [p for p in products if "_total_" in p.name and p.suffix == ".fits"]
    return [_solution(folder, total, finals) for total in totals]


@dataclass(frozen=True)
class _Processed:
    """An exposure that the real pipeline has processed.

    Parameters
    ----------
    exposure : Exposure
        With its final WCS.
    fitted : bool
        Whether that is of a fit of this run: the pipeline writes a headerlet then, and only then.
        WCSNAME does not tell, an earlier run leaves the same.
    """

    exposure: Exposure
    fitted: bool


def _solution(folder: Path, total: Path, finals: dict[str, dict[str, _Processed]]) -> Solution:
    mosaic = read_drizzled(total)
    processed = finals[str(mosaic.primary["DETECTOR"]).strip().lower()]
    if not processed:
        raise ProductError(f"{total}: none of its processed exposures is there; run it again")
    wcs = {name: tuple(c.wcs for c in p.exposure.chips) for name, p in processed.items()}
    name = total.stem.rpartition("_")[0]
    return Solution(name, mosaic.wcs, mosaic.shape, wcs, _fit(folder, list(processed.values())))


def _fit(folder: Path, processed: Sequence[_Processed]) -> Fit:
    """Tell how the fit of this run went."""
    fitted = [p.exposure for p in processed if p.fitted]
    if not fitted:
        return Fit(False, f"drizzlepac accepted no fit, see {folder / LOG_NAME}")
    header = fitted[0].chips[0].header
    return Fit(
        True,
        "",
        float(header.get("RMS_RA", np.nan)),
        float(header.get("RMS_DEC", np.nan)),
        int(header.get("NMATCHES", 0)),
        str(header.get("FITGEOM", "")),
    )
