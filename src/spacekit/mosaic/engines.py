"""The engines that can process a visit's exposures: the embedded pipeline, and the real one.

An engine is a function of a folder: it leaves products there and tells what they were drizzled
with. What is done with the answer does not depend on which it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits
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
        exposure = read_exposure(folder / line.filename)
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
    finals: dict[str, dict[str, Exposure]] = defaultdict(dict)
    for path in products:
        if path.name.endswith(("_flt.fits", "_flc.fits")):
            processed = read_exposure(path)
            root = str(processed.header["ROOTNAME"]).strip().lower()
            if root in inputs:
                finals[processed.detector][inputs[root]] = processed
    totals = [p for p in products if "_total_" in p.name and p.suffix == ".fits"]
    return [_solution(folder, total, finals) for total in totals]


def _solution(folder: Path, total: Path, finals: dict[str, dict[str, Exposure]]) -> Solution:
    mosaic = read_drizzled(total)
    processed = finals[str(mosaic.primary["DETECTOR"]).strip().lower()]
    if not processed:
        raise ProductError(f"{total}: none of its processed exposures is there; run it again")
    wcs = {name: tuple(chip.wcs for chip in e.chips) for name, e in processed.items()}
    return Solution(
        total.stem.rpartition("_")[0], mosaic.wcs, mosaic.shape, wcs, _fit(folder, processed)
    )


def _fit(folder: Path, processed: dict[str, Exposure]) -> Fit:
    """Tell from the processed exposures whether they were fitted in this run.

    The name of the solution is not enough: an earlier run leaves the same name.
    """
    name, first = next(iter(processed.items()))
    header = first.chips[0].header
    prior = fits.getheader(folder / name, "SCI", 1)
    rms = float(header.get("RMS_RA", np.nan)), float(header.get("RMS_DEC", np.nan))
    fresh = "FIT_SVM" in str(header.get("WCSNAME")) and any(
        header[key] != prior.get(key) for key in ("CRVAL1", "CRVAL2", "CD1_1", "CD1_2")
    )
    if not fresh:
        return Fit(False, f"no fit was good enough for drizzlepac, see {folder / LOG_NAME}")
    return Fit(True, "", *rms, int(header.get("NMATCHES", 0)), str(header.get("FITGEOM", "")))
