"""Which WCS an exposure comes with, and what its header says of the fit behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator

__all__ = ["PRIORS", "Fit", "draw_fit"]


@dataclass(frozen=True)
class Prior:
    """Which WCS an exposure comes with.

    Parameters
    ----------
    suffix : str
        What WCSNAME adds to the distortion table's name.
    wcstype : str
        The sentence.
    has_fit : bool
        Whether RMS and NMATCHES of a fit are there.
    accuracy_arcsec : float
        Typical error of the visit as a whole.
    weight : float
        How often it is drawn.
    """

    suffix: str
    wcstype: str
    has_fit: bool
    accuracy_arcsec: float
    weight: float


_POSTERIOR = "undistorted a posteriori solution "
#: Kinds of prior WCS, by a short name. "svm" is a fit of this very kind of run: an exposure
#: whose fit was fresh when it was written.
PRIORS: Final[dict[str, Prior]] = {
    "fit-rel": Prior(
        "-FIT_REL_GAIAeDR3", _POSTERIOR + "relatively aligned to GAIAEDR3", True, 0.012, 0.22
    ),
    "fit-img": Prior(
        "-FIT_IMG_GAIAeDR3", _POSTERIOR + "aligned image-by-image to GAIAEDR3", True, 0.012, 0.08
    ),
    "fit-svm": Prior(
        "-FIT_SVM_GAIAeDR3", _POSTERIOR + "aligned by visit to GAIAEDR3", True, 0.012, 0.14
    ),
    "gsc": Prior(
        "-GSC240", "undistorted a priori solution based on GSC240", False, 0.12, 0.30
    ),
    "hsc": Prior("-HSC30", "undistorted a priori solution based on HSC30", False, 0.05, 0.08),
    "none": Prior("", "undistorted not aligned", False, 0.35, 0.09),
    "default": Prior("", "pipeline default not aligned", False, 0.35, 0.09),
}  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """What a header says of the fit it was made with.

    Parameters
    ----------
    rms_ra_mas, rms_dec_mas : float
        RMS_RA, RMS_DEC.
    nmatches : int
        NMATCHES.
    """

    rms_ra_mas: float
    rms_dec_mas: float
    nmatches: int


def draw_fit(prior: str, scale_arcsec: float, rng: Generator) -> Fit | None:
    """Draw what the header claims of its fit; it says nothing about exposures among themselves.

    Its rms goes with the pixel: 0.13 px for IR and 0.05 px for UVIS in products of the real
    pipeline, 0.08 to 0.13 px in the embedded one's.
    """
    few = rng.random() < 0.35  # a fit on few, perhaps false matches: a deceptively small rms
    matches = int(rng.integers(4, 12)) if few else int(np.exp(rng.uniform(2.5, 5.0)))
    rms = rng.lognormal(np.log((0.04 if few else 0.1) * scale_arcsec * 1000), 0.6, 2)
    fit = Fit(round(float(rms[0]), 2), round(float(rms[1]), 2), matches)
    return fit if PRIORS[prior].has_fit else None
