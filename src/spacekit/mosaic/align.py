"""Align a visit's exposures to one another and to the reference catalog, as the pipeline does.

The pipeline's `match_relative_fit`: sources of each exposure are matched to those of the ones
before it and each exposure is moved (shift, rotation, scale) onto them; then all are moved as
one onto the reference catalog. Where any step has too few sources nothing is changed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.mosaic.drizzle import plate_scale_arcsec
from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.mosaic.headers import wcs_cards
from spacekit.mosaic.nouns import Fit
from spacekit.mosaic.reject import good_pixels, recipe_for

__all__ = ["align_exposures", "alignment_sources", "at_epoch", "with_solution"]

#: Matches that a fit of shift, rotation and scale wants (SVM alignment parameters).
_LEAST_MATCHES: Final = 12
#: Matches below which a fit is worthless, and the rms (mas) above which it is dropped.
_LEAST_FIT: Final = 4
_WORST_RMS_MAS: Final = 150.0
#: Brightest sources taken from a chip.
_BRIGHTEST: Final = {"ir": 250}
_BRIGHTEST_CCD: Final = 500
_SEARCH_RELATIVE_PX: Final = 125.0
_SEARCH_ALONE_PX: Final = 250.0
_GEOMETRY: Final = "rscale"


def alignment_sources(chip: Chip, detector: str, fwhm_px: float) -> NDArray[np.float64]:
    """Find the stars of one chip of one exposure, brightest first.

    Cosmic rays of a CCD are told from stars by the width of their peak: less light in the
    neighbours than optics allow.

    Parameters
    ----------
    chip : Chip
        Pixels in any linear unit.
    detector : str
        Lower case.
    fwhm_px : float
        Of a star.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based.
    """
    from photutils.detection import DAOStarFinder  # noqa: PLC0415 - heavy

    good = good_pixels(chip.dq, recipe_for(detector, 2).good_bits) & np.isfinite(chip.sci)
    image = np.where(good, chip.sci, np.nan)
    sky = np.nanmedian(image[::2, ::2])
    rms = 1.4826 * np.nanmedian(np.abs(image[::2, ::2] - sky))
    if not np.isfinite(rms) or rms <= 0:
        return np.empty((0, 2))
    image = np.where(good, chip.sci - sky, 0).astype(np.float32)
    smooth = ndimage.gaussian_filter(image, fwhm_px / 2.3548, truncate=3)
    peak = (smooth == ndimage.maximum_filter(smooth, size=5)) & (smooth > 3.3 * rms)
    peak[:7], peak[-7:], peak[:, :7], peak[:, -7:] = False, False, False, False
    extent = ndimage.uniform_filter((smooth > 3.3 * rms).astype(np.float32), size=5) * 25
    y, x = np.nonzero(peak & (extent >= 7))
    if not x.size:
        return np.empty((0, 2))
    strongest = np.argsort(-smooth[y, x])[: 4 * _BRIGHTEST_CCD]
    finder = DAOStarFinder(
        1e-6,
        max(1.5, fwhm_px),
        sharpness_range=(0.2, 1.0 if detector == "ir" else 0.8),
        roundness_range=(-1.0, 1.0),
        xycoords=np.column_stack([x, y])[strongest],
    )
    found = finder(image)
    if found is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(found["peak"]))[: _BRIGHTEST.get(detector, _BRIGHTEST_CCD)]
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])[order]


def at_epoch(reference: Table, year: float) -> Table:
    """Move reference stars by their proper motions to the epoch of observation.

    Parameters
    ----------
    reference : Table
        RA, DEC (deg) and, where known, pmra (mas/yr, times cos(dec)), pmdec (mas/yr), epoch (yr).
    year : float
        Epoch wanted, Julian year.
    """
    moved = reference.copy()
    if year > 0 and {"pmra", "pmdec", "epoch"} <= set(reference.colnames):
        years = year - np.asarray(reference["epoch"], dtype=float)
        pm_ra, pm_dec = (
            np.nan_to_num(np.ma.filled(np.ma.asarray(reference[n], dtype=float), 0.0)) for n in ("pmra", "pmdec")
        )
        dec = np.asarray(reference["DEC"], dtype=float)
        moved["RA"] = np.asarray(reference["RA"], dtype=float) + pm_ra * years / 3.6e6 / np.cos(np.radians(dec))
        moved["DEC"] = dec + pm_dec * years / 3.6e6
    return moved


def _correctors(exposures: Sequence[Exposure]) -> list[Any]:
    from tweakwcs import FITSWCSCorrector  # noqa: PLC0415 - heavy

    out = []
    for group, exposure in enumerate(exposures):
        fwhm_px = (0.14 if exposure.detector == "ir" else 0.08) / plate_scale_arcsec(exposure)
        for number, chip in enumerate(exposure.chips):
            xy = alignment_sources(chip, exposure.detector, fwhm_px)
            wcs = chip.wcs.deepcopy()
            wcs.pixel_shape = chip.sci.shape[::-1]
            meta = {
                "catalog": Table(xy, names=("x", "y")),
                "group_id": group,
                "name": f"{exposure.filename}[{number + 1}]",
            }
            out.append(FITSWCSCorrector(wcs, meta=meta))
    return out


def align_exposures(
    exposures: Sequence[Exposure], reference: Table
) -> tuple[dict[str, tuple[WCS, ...]], Fit]:
    """Fit the exposures to one another, then together to the reference catalog.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of one detector.
    reference : Table
        RA and DEC in degrees, at the epoch of observation.

    Returns
    -------
    wcs : dict of str to tuple of WCS
        By file name; empty where no fit was accepted.
    fit : Fit
        How it went.
    """
    logging.getLogger("tweakwcs").setLevel(logging.ERROR)
    if len(reference) < _LEAST_MATCHES:
        reason = f"the reference catalog has {len(reference)} stars, the fit wants {_LEAST_MATCHES}"
        return {}, Fit(False, reason)
    correctors = _correctors(exposures)
    if len(exposures) > 1:
        trouble = _fit(correctors, None, _SEARCH_RELATIVE_PX)
        if trouble:
            return {}, Fit(False, f"exposures could not be matched to one another: {trouble}")
    for corrector in correctors:
        corrector.meta["group_id"] = 0
    radius = _SEARCH_RELATIVE_PX if len(exposures) > 1 else _SEARCH_ALONE_PX
    trouble = _fit(correctors, reference, radius)
    if trouble:
        return {}, Fit(False, f"exposures could not be matched to the reference catalog: {trouble}")
    fit = _judge(correctors[0].meta["fit_info"], reference)
    if not fit.accepted:
        return {}, fit
    solved = iter(correctors)
    return {e.filename: tuple(next(solved).wcs for _ in e.chips) for e in exposures}, fit


def _fit(correctors: list[Any], reference: Table | None, radius_px: float) -> str:
    """Run one fit; give what went wrong, or nothing."""
    from tweakwcs import XYXYMatch, align_wcs  # noqa: PLC0415 - heavy
    from tweakwcs.imalign import NotEnoughCatalogs  # noqa: PLC0415
    from tweakwcs.matchutils import MatchSourceConfusionError  # noqa: PLC0415

    match = XYXYMatch(searchrad=radius_px, separation=4.0, tolerance=2.0, use2dhist=True)
    try:
        align_wcs(
            correctors,
            reference,
            match=match,
            minobj=_LEAST_MATCHES,
            expand_refcat=reference is None,
            fitgeom=_GEOMETRY,
            nclip=1,
        )
    except (NotEnoughCatalogs, MatchSourceConfusionError) as error:
        return str(error)
    for corrector in correctors:
        status = corrector.meta.get("fit_info", {}).get("status", "FAILED: not matched")
        if status.startswith("FAILED"):
            return f"{corrector.meta['name']}: {status}"
    return ""


def _judge(info: dict[str, Any], reference: Table) -> Fit:
    """Measure the fit to the reference catalog and decide on it."""
    used = np.asarray(info["fitmask"])
    stars = reference[np.asarray(info["matched_ref_idx"])][used]
    cos_dec = np.cos(np.radians(np.asarray(stars["DEC"], dtype=float)))
    delta_ra = (np.asarray(stars["RA"], dtype=float) - np.asarray(info["fit_RA"]) + 180) % 360 - 180
    delta_dec = np.asarray(stars["DEC"], dtype=float) - np.asarray(info["fit_DEC"])
    rms_ra, rms_dec = float(np.std(delta_ra * cos_dec) * 3.6e6), float(np.std(delta_dec) * 3.6e6)
    matches = int(info["nmatches"])
    reason = ""
    if matches < _LEAST_FIT:
        reason = f"only {matches} stars matched"
    elif np.hypot(rms_ra, rms_dec) > _WORST_RMS_MAS:
        reason = f"rms of {np.hypot(rms_ra, rms_dec):.0f} mas is above {_WORST_RMS_MAS:.0f}"
    elif abs(info["<scale>"] - 1) > 0.01 or abs(info["<rot>"]) > 1.0:
        reason = f"scale {info['<scale>']:.4f} and rotation {info['<rot>']:.2f} deg can't be"
    return Fit(not reason, reason, rms_ra, rms_dec, matches, _GEOMETRY)


def with_solution(exposure: Exposure, wcs: tuple[WCS, ...], fit: Fit) -> Exposure:
    """Give an exposure whose WCSs and headers tell the final solution.

    With an accepted fit the headers say so; else they keep what they said, be it stale.
    """
    chips = []
    for chip, solved in zip(exposure.chips, wcs, strict=True):
        header = chip.header.copy()
        header.update(wcs_cards(solved))
        if fit.accepted:
            base = str(header.get("WCSNAME", "IDC")).strip().split("-")[0] or "IDC"
            name = f"{base}-FIT_SVM_GAIAeDR3"
            header["WCSNAME"] = name
            header["WCSTYPE"] = "undistorted a posteriori solution aligned by visit to GAIAEDR3"
            header["RMS_RA"], header["RMS_DEC"] = fit.rms_ra_mas, fit.rms_dec_mas
            header["CRDER1"], header["CRDER2"] = fit.rms_ra_mas / 3.6e6, fit.rms_dec_mas / 3.6e6
            header["NMATCHES"], header["FITGEOM"] = fit.nmatches, fit.geometry
            header["HDRNAME"] = f"{exposure.filename.removesuffix('.fits')}_{name}-hlet.fits"
        chips.append(Chip(chip.sci, chip.err, chip.dq, solved, header))
    fields: dict[str, Any] = exposure.__dict__ | {"chips": tuple(chips)}
    return Exposure(**fields)
