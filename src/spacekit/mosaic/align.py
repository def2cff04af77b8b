"""Align a visit's exposures to one another and to the reference catalog, as the pipeline does.

The pipeline's `match_relative_fit`: sources of each exposure are matched to those of the ones
before it and each exposure is moved (shift, rotation, scale) onto them; then all are moved as
one onto the reference catalog. Where any step has too few sources nothing is changed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
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
    from photutils.detection import DAOStarFinder

    saturated = 256 | 2048  # still the core of a star
    bits = recipe_for(detector, 2).good_bits | saturated
    good = good_pixels(chip.dq, bits) & np.isfinite(chip.sci)
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
    raw = np.nan_to_num(chip.sci - sky, nan=0.0, posinf=0.0, neginf=0.0)
    around = np.stack([raw[y + i, x + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]).argmax(axis=0)
    y, x = y + around // 3 - 1, x + around % 3 - 1
    finder = DAOStarFinder(
        1e-6,
        max(1.3, fwhm_px),
        sharpness_range=(0.2, 1.0 if detector == "ir" else 0.8),
        roundness_range=(-1.0, 1.0),
        xycoords=np.column_stack([x, y])[strongest],
    )
    # From the brightest pixel, on all pixels: a flagged one set to 0 would pull the centre away.
    found = finder(raw)
    if found is None:
        return np.empty((0, 2))
    order = np.argsort(-np.asarray(found["peak"]))[: _BRIGHTEST.get(detector, _BRIGHTEST_CCD)]
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])[
        order
    ]


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
        pm_ra, pm_dec = _filled(reference, "pmra"), _filled(reference, "pmdec")
        dec = np.asarray(reference["DEC"], dtype=float)
        moved["RA"] = np.asarray(reference["RA"], dtype=float) + pm_ra * years / 3.6e6 / np.cos(
            np.radians(dec)
        )
        moved["DEC"] = dec + pm_dec * years / 3.6e6
    return moved


def _filled(table: Table, name: str) -> NDArray[np.float64]:
    """Give a column with 0 where it is masked or NaN."""
    values: NDArray[np.float64] = np.ma.filled(np.ma.asarray(table[name], dtype=float), 0.0)
    return np.asarray(np.nan_to_num(values), dtype=float)


def _corrector(chip: Chip) -> Any:
    from tweakwcs import FITSWCSCorrector

    wcs = chip.wcs.deepcopy()
    wcs.pixel_shape = chip.sci.shape[::-1]
    return FITSWCSCorrector(wcs)


@dataclass(frozen=True)
class _Group:
    """Chips that move as one, with their sources.

    Parameters
    ----------
    name : str
        For messages.
    correctors : tuple of tweakwcs.FITSWCSCorrector
        One a chip; the first one's tangent plane is where the fit is made.
    sources : tuple of ndarray, shape (n, 2)
        Pixel positions on each chip.
    """

    name: str
    correctors: tuple[Any, ...]
    sources: tuple[NDArray[np.float64], ...]

    def sky(self) -> NDArray[np.float64]:
        """Give RA and Dec of all sources by the current WCSs, degrees, shape (n, 2)."""
        pairs = zip(self.correctors, self.sources, strict=True)
        return np.vstack([np.column_stack(c.det_to_world(*xy.T)) for c, xy in pairs if len(xy)])

    @property
    def count(self) -> int:
        """Number of sources."""
        return sum(len(xy) for xy in self.sources)


class _NoFitError(Exception):
    """A fit that can't be made, with the reason."""


def _groups(exposures: Sequence[Exposure]) -> list[_Group]:
    fwhm_arcsec = 0.14 if exposures[0].detector == "ir" else 0.08
    fwhm_px = fwhm_arcsec / plate_scale_arcsec(exposures[0])
    return [
        _Group(
            e.filename,
            tuple(_corrector(c) for c in e.chips),
            tuple(alignment_sources(c, e.detector, fwhm_px) for c in e.chips),
        )
        for e in exposures
    ]


def align_exposures(
    exposures: Sequence[Exposure], reference: Table
) -> tuple[dict[str, tuple[WCS, ...]], Fit]:
    """Fit the exposures to one another, then together to the reference catalog.

    Matching, fitting and correcting WCSs are tweakwcs's; its `align_wcs`, which spends seconds
    on the spherical polygons of footprints to choose an order, is not used: the order is given.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of one detector, the one to align the others to first.
    reference : Table
        RA and DEC in degrees, at the epoch of observation.

    Returns
    -------
    wcs : dict of str to tuple of WCS
        By file name; empty where no fit was accepted.
    fit : Fit
        How it went.
    """
    if len(reference) < _LEAST_MATCHES:
        reason = f"the reference catalog has {len(reference)} stars, the fit wants {_LEAST_MATCHES}"
        return {}, Fit(False, reason)
    groups = _groups(exposures)
    try:
        _align_relative(groups)
        fit = _align_absolute(groups, reference)
    except _NoFitError as error:
        return {}, Fit(False, str(error))
    if not fit.accepted:
        return {}, fit
    solved = {g.name: tuple(c.wcs for c in g.correctors) for g in groups}
    return solved, fit


def _align_relative(groups: list[_Group]) -> None:
    """Move each exposure onto those before it; sources not seen before join the reference."""
    if groups[0].count < _LEAST_MATCHES:
        raise _NoFitError(
            f"{groups[0].name}: {groups[0].count} sources, the fit wants {_LEAST_MATCHES}"
        )
    known = groups[0].sky()
    for group in groups[1:]:
        fit = _fit(group, known, _SEARCH_RELATIVE_PX)
        new = np.ones(group.count, dtype=bool)
        new[fit["matched"]] = False
        known = np.vstack([known, group.sky()[new]])


def _align_absolute(groups: list[_Group], reference: Table) -> Fit:
    everything = _Group(
        "reference catalog",
        tuple(c for g in groups for c in g.correctors),
        tuple(xy for g in groups for xy in g.sources),
    )
    stars = np.column_stack([np.asarray(reference[n], dtype=float) for n in ("RA", "DEC")])
    fit = _fit(everything, stars, _SEARCH_RELATIVE_PX if len(groups) > 1 else _SEARCH_ALONE_PX)
    return _judge(fit, stars)


def _fit(group: _Group, stars: NDArray[np.float64], radius_px: float) -> dict[str, Any]:
    """Match a group's sources to stars, fit, and correct the group's WCSs."""
    from tweakwcs import XYXYMatch
    from tweakwcs.linearfit import NotEnoughPointsError, SingularMatrixError, iter_linear_fit
    from tweakwcs.matchutils import MatchSourceConfusionError

    if group.count < _LEAST_MATCHES:
        raise _NoFitError(f"{group.name}: {group.count} sources, the fit wants {_LEAST_MATCHES}")
    plane = group.correctors[0]
    ours, theirs = (np.column_stack(plane.world_to_tanp(*sky.T)) for sky in (group.sky(), stars))
    tables = [Table(xy, names=("TPx", "TPy")) for xy in (theirs, ours)]
    match = XYXYMatch(searchrad=radius_px, separation=4.0, tolerance=2.0, use2dhist=True)
    try:
        reference_index, index = match(*tables, tp_pscale=1.0, tp_units="pixel")
        if len(index) < _LEAST_MATCHES:
            raise _NoFitError(f"{group.name}: {len(index)} matches, the fit wants {_LEAST_MATCHES}")
        fit: dict[str, Any] = iter_linear_fit(
            theirs[reference_index], ours[index], fitgeom=_GEOMETRY, nclip=1, sigma=(3.0, "rmse")
        )
    except (MatchSourceConfusionError, NotEnoughPointsError, SingularMatrixError) as error:
        raise _NoFitError(f"{group.name}: {error}") from error
    matrix, centre = np.asarray(fit["matrix"], dtype=float), np.asarray(fit["center"], dtype=float)
    shift = np.asarray(fit["shift"], dtype=float) + centre - matrix @ centre
    used = np.asarray(fit["fitmask"])
    fitted = shift + ours[index][used] @ matrix.T
    fit["sky"] = np.column_stack(plane.tanp_to_world(*fitted.T))
    fit["stars"], fit["matched"] = np.asarray(reference_index)[used], np.asarray(index)
    frame = copy.deepcopy(plane)
    for corrector in group.correctors:
        corrector.set_correction(matrix, shift, ref_tpwcs=frame)
    return fit


def _judge(fit: dict[str, Any], stars: NDArray[np.float64]) -> Fit:
    """Measure the fit to the reference catalog and decide on it."""
    used = stars[fit["stars"]]
    delta_ra = (used[:, 0] - fit["sky"][:, 0] + 180) % 360 - 180
    rms_ra = float(np.std(delta_ra * np.cos(np.radians(used[:, 1]))) * 3.6e6)
    rms_dec = float(np.std(used[:, 1] - fit["sky"][:, 1]) * 3.6e6)
    matches, scale, turn = len(used), float(fit["<scale>"]), float(fit["<rot>"])
    turn = (turn + 180) % 360 - 180
    reason = ""
    if matches < _LEAST_FIT:
        reason = f"only {matches} stars matched"
    elif np.hypot(rms_ra, rms_dec) > _WORST_RMS_MAS:
        reason = f"rms of {np.hypot(rms_ra, rms_dec):.0f} mas is above {_WORST_RMS_MAS:.0f}"
    elif abs(scale - 1) > 0.01 or abs(turn) > 1.0:
        reason = f"scale of {scale:.4f} or rotation of {turn:.2f} deg is out of reason"
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
