"""The embedded single-visit pipeline: a visit's exposures in, its folder of products out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table
from astropy.wcs import WCS

from spacekit.errors import VisitError
from spacekit.files import ensure_folder
from spacekit.mosaic.align import Solution, align_exposures, at_epoch, julian_year, with_solution
from spacekit.mosaic.drizzle import mosaic_grid
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.nouns import Fit, PipelineSettings
from spacekit.mosaic.products import photometric
from spacekit.mosaic.visit_catalogs import detect_visit, make_catalogs, write_catalogs
from spacekit.mosaic.visit_products import TOTAL, Visit, drizzle_visit
from spacekit.mosaic.visit_qa import write_qa, write_reference
from spacekit.visit.values import as_number

__all__ = ["Fit", "PipelineSettings", "ProcessedVisit", "process_visit"]


@dataclass(frozen=True)
class ProcessedVisit:
    """What came out of a visit.

    Parameters
    ----------
    final_wcs : dict of str to tuple of WCS
        By exposure file name: the WCS of each chip that the mosaics were drizzled with.
    mosaic_wcs : dict of str to (WCS, (ny, nx))
        By detector: the grid of its products.
    products : tuple of Path
        Every file written.
    fit : Fit
        How the fit to the reference catalog went.
    """

    final_wcs: dict[str, tuple[WCS, ...]]
    mosaic_wcs: dict[str, tuple[WCS, tuple[int, int]]]
    products: tuple[Path, ...]
    fit: Fit


def process_visit(
    exposures: Sequence[Exposure],
    reference: Table | None,
    out: Path,
    settings: PipelineSettings | None = None,
) -> ProcessedVisit:
    """Align, clean, drizzle, detect and write one detector's exposures of one visit.

    Parameters
    ----------
    exposures : sequence of Exposure
        All of one detector and visit, in order of time. For a visit of several detectors call
        once for each.
    reference : astropy.table.Table or None
        Reference catalog with columns objID, RA, DEC (deg), mag and, where known, RA_error,
        DEC_error, pmra, pmra_error, pmdec, pmdec_error, epoch. None or empty: no fit.
    out : Path
        Folder to write the products to; made where it isn't there.
    settings : PipelineSettings, optional
        What to do.

    Returns
    -------
    ProcessedVisit

    Raises
    ------
    VisitError
        If there is no exposure, or they are of several detectors or visits.
    OutputError
        If `out` can't be written.
    """
    _check(exposures)
    ensure_folder(out)
    settings = settings or PipelineSettings()
    ordered = _ordered(exposures)
    year = julian_year(ordered[0].header.get("EXPSTART"))
    stars = None if reference is None else at_epoch(reference, year)
    solutions, fit = _solve(ordered, stars, settings)
    wcs = {name: solution.wcs for name, solution in solutions.items()}
    ordered = [with_solution(e, solutions[e.filename]) for e in ordered]
    mosaic, shape = mosaic_grid(ordered, [wcs[e.filename] for e in ordered])
    visit = Visit(ordered, mosaic, shape, out, settings, stars)
    return ProcessedVisit(wcs, {ordered[0].detector: (mosaic, shape)}, _write(visit), fit)


def _write(visit: Visit) -> tuple[Path, ...]:
    images, written = drizzle_visit(visit)
    if visit.settings.catalogs or visit.settings.qa:
        detection = detect_visit(visit, images[TOTAL].stack)
        catalogs = make_catalogs(visit, detection, images)
        if visit.settings.catalogs:
            written += write_catalogs(visit, catalogs, images)
        if visit.settings.qa:
            written += write_qa(visit, images, detection, catalogs)
    written += write_reference(visit)
    _remove_stale(visit, written)
    return tuple(written)


def _remove_stale(visit: Visit, written: list[Path]) -> None:
    """Remove QA JSON of an earlier run that this one did not write: its absence is evidence."""
    for path in visit.out.glob(f"{visit.prefix()}_*_svm_*.json"):
        if path not in written:
            path.unlink()


def _check(exposures: Sequence[Exposure]) -> None:
    if not exposures:
        raise VisitError("there is no exposure to process; give one or more")
    detectors = {(e.instrument, e.detector) for e in exposures}
    if len(detectors) > 1:
        names = ", ".join("/".join(d) for d in sorted(detectors))
        raise VisitError(f"exposures are of several detectors ({names}); process each by itself")
    visits = {e.rootname[:6] for e in exposures}
    if len(visits) > 1:
        raise VisitError(f"exposures are of several visits ({', '.join(sorted(visits))})")
    if len({e.filename for e in exposures}) < len(exposures):
        raise VisitError("two exposures have the same file name; give each its own")


def _ordered(exposures: Sequence[Exposure]) -> list[Exposure]:
    """Sort as drizzlepac's `sort_poller_table` does, and gather by filter.

    Short exposures come first, of equally long ones those with a large PHOTFLAM (insensitive
    filters); filters follow in the order in which they appear. The first exposure is what the
    others are aligned to.
    """
    by_time = sorted(exposures, key=lambda e: (e.exptime_s, -_photflam(e), e.filename))
    filters = list(dict.fromkeys(e.filter for e in by_time))
    return sorted(by_time, key=lambda e: filters.index(e.filter))


def _photflam(exposure: Exposure) -> float:
    return as_number(photometric(exposure, "PHOTFLAM")) or 0.0


def _solve(
    exposures: list[Exposure], reference: Table | None, settings: PipelineSettings
) -> tuple[dict[str, Solution], Fit]:
    solutions: dict[str, Solution] = {}
    if not settings.align:
        fit = Fit(False, "alignment was switched off")
    elif any(e.header.get("MTFLAG") in ("T", True) for e in exposures):
        fit = Fit(False, "the target moves: such exposures are not aligned")
    elif reference is None or len(reference) == 0:
        fit = Fit(False, "there is no reference catalog")
    else:
        solutions, fit = align_exposures(exposures, reference)
    prior = {e.filename: Solution(tuple(c.wcs for c in e.chips), fit) for e in exposures}
    return solutions or prior, fit
