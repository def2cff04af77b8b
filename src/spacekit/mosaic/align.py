"""Align a visit's exposures to one another and to the reference catalog, as the pipeline does.

Three methods are tried in turn until one gives a fit that is accepted (drizzlepac's
`match_relative_fit`, `match_2dhist_fit`, `match_default_fit`). *relative*: each exposure is moved
(shift, rotation, scale) onto the ones before it, then all as one onto the reference catalog. The
other two move each exposure onto the reference catalog by itself; *2dhist* looks for a common
offset first, *default* pairs whatever is near, and so may fit false matches. Where none is
accepted nothing is changed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.mosaic.alignment_sources import alignment_sources
from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.mosaic.headers import wcs_cards
from spacekit.mosaic.nouns import Fit

__all__ = ["Solution", "align_exposures", "at_epoch", "julian_year", "with_solution"]

#: Matches, and stars of the catalog, that a fit of shift, rotation and scale wants.
_LEAST_MATCHES: Final = 12
#: Matches left after clipping below which a fit is worthless; scatter (mas) above which it is.
_LEAST_FIT: Final = 4
_WORST_RMS_MAS: Final = 150.0
#: Rotation (deg) between one exposure and the next above which relative fits are not believed.
_WORST_TURN_DEG: Final = 0.1
_GEOMETRY: Final = "rscale"
_ERRORS: Final = ("RA_error", "DEC_error")


@dataclass(frozen=True)
class _Matching:
    """How sources are paired with stars (SVM alignment parameters), px."""

    radius_px: float
    separation_px: float
    tolerance_px: float
    by_histogram: bool


_RELATIVE: Final = _Matching(125.0, 4.0, 2.0, True)
_DEFAULT: Final = _Matching(250.0, 0.1, 10.0, False)
#: Two-chip CCDs look farther for the common offset.
_WIDE: Final = {"uvis": 400.0, "wfc": 400.0}


@dataclass(frozen=True)
class Solution:
    """Where an exposure points in the end.

    Parameters
    ----------
    wcs : tuple of WCS
        One a chip.
    fit : Fit
        What its header says of the fit.
    """

    wcs: tuple[WCS, ...]
    fit: Fit


def julian_year(start_mjd: Any) -> float:
    """Give the Julian year of a header's EXPSTART, 0 where it is no date."""
    if not isinstance(start_mjd, float) or start_mjd <= 0:
        return 0.0
    return 2000.0 + (start_mjd - 51544.5) / 365.25


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


@dataclass(frozen=True)
class _Stars:
    """Stars of the reference catalog.

    Parameters
    ----------
    sky : ndarray, shape (n, 2)
        RA and DEC, deg.
    weight : ndarray, shape (n,), or None
        What each weighs in a fit; None: all alike.
    """

    sky: NDArray[np.float64]
    weight: NDArray[np.float64] | None


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
    """A fit that can't be made or believed, with the reason."""


def align_exposures(
    exposures: Sequence[Exposure], reference: Table
) -> tuple[dict[str, Solution], Fit]:
    """Fit the exposures to one another and to the reference catalog.

    Matching, fitting and correcting WCSs are tweakwcs's; its `align_wcs`, which spends seconds
    on the spherical polygons of footprints to choose an order, is not used: the order is given.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of one detector, the one to align the others to first.
    reference : Table
        RA and DEC in degrees, at the epoch of observation; with RA_error and DEC_error, stars
        weigh as they are known.

    Returns
    -------
    solutions : dict of str to Solution
        By file name; empty where no fit was accepted.
    fit : Fit
        How it went: the first exposure's fit, or the reason of the last failure.
    """
    if len(reference) < _LEAST_MATCHES:
        reason = f"the reference catalog has {len(reference)} stars, the fit wants {_LEAST_MATCHES}"
        return {}, Fit(False, reason)
    stars = _stars(reference)
    sources = [_sources(e) for e in exposures]
    wide = _Matching(_WIDE.get(exposures[0].detector, 250.0), 4.0, 2.0, True)
    methods = {"relative": _RELATIVE, "2dhist": wide, "default": _DEFAULT}
    if len(exposures) == 1:
        del methods["relative"]
    reason = ""
    for method, matching in methods.items():
        groups = [_group(e, xy) for e, xy in zip(exposures, sources, strict=True)]
        try:
            if method == "relative":
                fits = _align_together(groups, stars, matching)
            else:
                fits = [_judged(_fit_stars(g, stars, matching), stars, g, method) for g in groups]
        except _NoFitError as error:
            reason = f"{method}: {error}"
            continue
        solved = {
            g.name: Solution(tuple(c.wcs for c in g.correctors), fit)
            for g, fit in zip(groups, fits, strict=True)
        }
        return solved, fits[0]
    return {}, Fit(False, reason)


def _sources(exposure: Exposure) -> tuple[NDArray[np.float64], ...]:
    """Find the stars of each chip."""
    found = []
    for chip in exposure.chips:
        found.append(alignment_sources(chip, exposure.detector))
        chip.release()
    return tuple(found)


def _group(exposure: Exposure, sources: tuple[NDArray[np.float64], ...]) -> _Group:
    return _Group(exposure.filename, tuple(_corrector(c) for c in exposure.chips), sources)


def _corrector(chip: Chip) -> Any:
    from tweakwcs import FITSWCSCorrector

    wcs = chip.wcs.deepcopy()
    wcs.pixel_shape = chip.sci.shape[::-1]
    return FITSWCSCorrector(wcs)


def _stars(reference: Table) -> _Stars:
    """Take positions and weights from a reference catalog.

    As drizzlepac's `align_to_gaia` has it: inverse variances, where the first star's error is a
    number and not 0, else all weigh alike; a star without errors then has no weight.
    """
    sky = np.column_stack([np.asarray(reference[n], dtype=float) for n in ("RA", "DEC")])
    errors = [_filled(reference, n) for n in _ERRORS if n in reference.colnames]
    if len(errors) < len(_ERRORS) or errors[0][0] == 0:
        return _Stars(sky, None)
    variance = errors[0] ** 2 + errors[1] ** 2
    return _Stars(sky, np.divide(1, variance, out=np.zeros(len(sky)), where=variance > 0))


def _align_together(groups: list[_Group], stars: _Stars, matching: _Matching) -> list[Fit]:
    """Fit exposures to one another, then as one to the stars."""
    _align_relative(groups, matching)
    everything = _Group(
        "reference catalog",
        tuple(c for g in groups for c in g.correctors),
        tuple(xy for g in groups for xy in g.sources),
    )
    fit = _judged(_fit_stars(everything, stars, matching), stars, everything, "relative")
    return [fit] * len(groups)


def _align_relative(groups: list[_Group], matching: _Matching) -> None:
    """Move each exposure onto those before it; sources not seen before join the reference.

    One that can't be fitted, or a turn between one fit and the next, spoils it for all.
    """
    if groups[0].count < _LEAST_MATCHES:
        raise _NoFitError(
            f"{groups[0].name}: {groups[0].count} sources, the fit wants {_LEAST_MATCHES}"
        )
    known = groups[0].sky()
    turns = [0.0]
    for group in groups[1:]:
        fit = _fit(group, known, matching)
        turns.append((float(fit["proper_rot"]) + 180) % 360 - 180)
        new = np.ones(group.count, dtype=bool)
        new[fit["matched"]] = False
        known = np.vstack([known, group.sky()[new]])
    worst = max(np.diff([*turns, 0.0]))
    if worst >= _WORST_TURN_DEG:
        raise _NoFitError(f"exposures are turned by {worst:.2f} deg against one another")


def _fit_stars(group: _Group, stars: _Stars, matching: _Matching) -> dict[str, Any]:
    """Move a group onto the stars of the reference catalog."""
    return _fit(group, stars.sky, matching, stars.weight)


def _fit(
    group: _Group,
    stars: NDArray[np.float64],
    matching: _Matching,
    weight: NDArray[np.float64] | None = None,
) -> dict[str, Any]:
    """Match a group's sources to stars, fit, and correct the group's WCSs."""
    from tweakwcs.linearfit import NotEnoughPointsError, SingularMatrixError, iter_linear_fit

    if group.count < _LEAST_MATCHES:
        raise _NoFitError(f"{group.name}: {group.count} sources, the fit wants {_LEAST_MATCHES}")
    plane = group.correctors[0]
    ours, theirs = (np.column_stack(plane.world_to_tanp(*sky.T)) for sky in (group.sky(), stars))
    reference_index, index = _match(group.name, theirs, ours, matching)
    try:
        fit: dict[str, Any] = iter_linear_fit(
            theirs[reference_index],
            ours[index],
            None if weight is None else weight[reference_index],
            fitgeom=_GEOMETRY,
            nclip=1,
            sigma=(3.0, "rmse"),
        )
    except (NotEnoughPointsError, SingularMatrixError, ValueError) as error:  # too few weigh
        raise _NoFitError(f"{group.name}: {error}") from error
    matrix, centre = np.asarray(fit["matrix"], dtype=float), np.asarray(fit["center"], dtype=float)
    shift = np.asarray(fit["shift"], dtype=float) + centre - matrix @ centre
    used = np.asarray(fit["fitmask"])
    fitted = shift + ours[index][used] @ matrix.T
    fit["sky"] = np.column_stack(plane.tanp_to_world(*fitted.T))
    fit["stars"], fit["matched"] = reference_index[used], index
    frame = copy.deepcopy(plane)
    for corrector in group.correctors:
        corrector.set_correction(matrix, shift, ref_tpwcs=frame)
    return fit


def _match(
    name: str, stars: NDArray[np.float64], sources: NDArray[np.float64], matching: _Matching
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pair stars with sources, both (n, 2) on one plane, px; give indices of the pairs."""
    from tweakwcs import XYXYMatch
    from tweakwcs.matchutils import MatchSourceConfusionError

    match = XYXYMatch(
        searchrad=matching.radius_px,
        separation=matching.separation_px,
        tolerance=matching.tolerance_px,
        use2dhist=matching.by_histogram,
    )
    tables = [Table(xy, names=("TPx", "TPy")) for xy in (stars, sources)]
    try:
        pairs = match(*tables, tp_pscale=1.0, tp_units="pixel")
    except MatchSourceConfusionError as error:
        raise _NoFitError(f"{name}: {error}") from error
    if len(pairs[0]) < _LEAST_MATCHES:
        raise _NoFitError(f"{name}: {len(pairs[0])} matches, the fit wants {_LEAST_MATCHES}")
    return np.asarray(pairs[0]), np.asarray(pairs[1])


def _judged(fit: dict[str, Any], stars: _Stars, group: _Group, method: str) -> Fit:
    """Measure a fit to the reference catalog and raise where it isn't accepted.

    The rules are those of drizzlepac's `determine_fit_quality` as SVM processing uses it. Its
    check of magnitudes only lowers a fit's grade, and is left out.
    """
    used = stars.sky[fit["stars"]]
    dec = np.radians(used[:, 1])
    east = ((used[:, 0] - fit["sky"][:, 0] + 180) % 360 - 180) * np.cos(dec) * 3.6e6
    north = (used[:, 1] - fit["sky"][:, 1]) * 3.6e6
    scatter_mas, matches = float(np.std(np.hypot(east, north))), len(used)
    pixel_deg = np.sqrt(abs(np.linalg.det(group.correctors[0].wcs.pixel_scale_matrix)))
    moved_arcsec = float(np.hypot(*fit["shift"]) * pixel_deg * 3600)
    if matches < _LEAST_FIT:
        raise _NoFitError(f"{group.name}: only {matches} stars matched")
    if scatter_mas > _WORST_RMS_MAS:
        raise _NoFitError(
            f"{group.name}: scatter of {scatter_mas:.0f} mas is above {_WORST_RMS_MAS:.0f}"
        )
    # A large move must be borne out by many stars.
    if (matches + 2) * 0.36 <= 0.8 + (moved_arcsec / 10) ** 8:
        raise _NoFitError(f"{group.name}: a move of {moved_arcsec:.1f} arcsec on {matches} stars")
    return Fit(True, "", float(np.std(east)), float(np.std(north)), matches, _GEOMETRY, method)


def with_solution(exposure: Exposure, solution: Solution) -> Exposure:
    """Give an exposure whose WCSs and headers tell the final solution.

    With an accepted fit the headers say so; else they keep what they said, be it stale.
    """
    fit, chips = solution.fit, []
    for chip, solved in zip(exposure.chips, solution.wcs, strict=True):
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
        chips.append(replace(chip, wcs=solved, header=header))
    return replace(exposure, chips=tuple(chips))
