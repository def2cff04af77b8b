"""The embedded single-visit pipeline: a visit's exposures in, its folder of products out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table
from astropy.wcs import WCS

from spacekit.mosaic.exposure import Exposure

__all__ = ["Fit", "PipelineSettings", "ProcessedVisit", "process_visit"]


@dataclass(frozen=True)
class PipelineSettings:
    """What to do with a visit.

    Parameters
    ----------
    align : bool
        Fit the exposures to one another and to the reference catalog. False: the WCS of the
        exposures' headers stays, whatever it says.
    filter_products : bool
        Write the drizzled image of each filter.
    exposure_products : bool
        Write the drizzled image of each exposure.
    catalogs : bool
        Write point and segment catalogs.
    qa : bool
        Write QA JSON.
    """

    align: bool = True
    filter_products: bool = True
    exposure_products: bool = False
    catalogs: bool = True
    qa: bool = True


@dataclass(frozen=True)
class Fit:
    """How the fit to the reference catalog went.

    Parameters
    ----------
    accepted : bool
        Whether the fitted WCS is in the products. When False the prior WCS is.
    reason : str
        Why not, in a sentence; empty where it was accepted.
    rms_ra_mas, rms_dec_mas : float
        Of the fit's residuals; NaN where nothing was fitted.
    nmatches : int
        Reference stars matched; 0 where nothing was fitted.
    geometry : str
        tweakwcs's name of the transformation ("rscale"); empty where nothing was fitted.
    """

    accepted: bool
    reason: str = ""
    rms_ra_mas: float = float("nan")
    rms_dec_mas: float = float("nan")
    nmatches: int = 0
    geometry: str = ""


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
    settings: PipelineSettings = PipelineSettings(),  # noqa: B008 - frozen
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
    settings : PipelineSettings
        What to do.

    Returns
    -------
    ProcessedVisit

    Raises
    ------
    SimulationError
        If there is no exposure, or they are of several detectors or visits.
    OutputError
        If `out` can't be written.
    """
    raise NotImplementedError
