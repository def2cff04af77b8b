"""What is said to the embedded pipeline, and what it says about its fit: plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Fit", "PipelineSettings"]


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
    method : str
        Which of the pipeline's methods gave the fit ("relative", "2dhist", "default"); empty
        where nothing was fitted.
    """

    accepted: bool
    reason: str = ""
    rms_ra_mas: float = float("nan")
    rms_dec_mas: float = float("nan")
    nmatches: int = 0
    geometry: str = ""
    method: str = ""
