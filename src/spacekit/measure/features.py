"""The ten published features of a mosaic, each with where it came from.

Definitions and encodings are those of the published labelled tables; the numbers behind the
words are in `spacekit.measure.schema`. What is missing is said, never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from astropy.wcs import WCS, NoConvergence
from numpy.typing import NDArray

from spacekit.errors import ProductError
from spacekit.measure.schema import CATEGORIES
from spacekit.visit.catalogs import ReferenceCatalog, Sources, read_reference, read_sources
from spacekit.visit.drizzled import Drizzled
from spacekit.visit.nouns import Mosaic, Problem
from spacekit.visit.qa import QaReport, read_gaia_count, read_qa, read_source_counts
from spacekit.visit.values import as_count, as_number, as_text, card

__all__ = [
    "Catalogs",
    "Features",
    "inside_footprint",
    "measure_features",
    "read_catalogs",
    "sky_to_pixels",
    "wcs_class",
]

#: What the published tables have for rms where no fit was made.
_NO_FIT_RMS_MAS: Final = -1.0

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Catalogs:
    """The catalogs of a mosaic; None where one is missing or unreadable.

    Parameters
    ----------
    point, segment : Sources or None
        Of the total product.
    reference : ReferenceCatalog or None
        The first reference catalog that could be read.
    """

    point: Sources | None = None
    segment: Sources | None = None
    reference: ReferenceCatalog | None = None


@dataclass(frozen=True)
class Features:
    """What headers, QA JSON and catalogs say about one mosaic.

    Parameters
    ----------
    values : dict
        The published features but cat, det and wcs in words, rms in mas, NaN where unknown;
        and fit_fresh (1: rms and matches are this run's, 0: left over, NaN: no fit).
    origin : dict of str to str
        By feature: "qa", "header", "catalog", or "default" where nothing was found.
    target : dict
        targname (str), ra_targ, dec_targ (deg), proposal, wcsname, wcstype (str).
    """

    values: dict[str, float | str]
    origin: dict[str, str]
    target: dict[str, float | str]


def read_catalogs(mosaic: Mosaic) -> tuple[Catalogs, list[Problem]]:
    """Read the catalogs of a mosaic, as far as they can be read.

    Returns
    -------
    catalogs : Catalogs
        What could be read.
    problems : list of Problem
        One, not fatal, for each that is missing or broken; a reference catalog may be missing.
    """
    problems: list[Problem] = []
    sources: list[Sources | None] = []
    for kind in ("point", "segment"):
        path = getattr(mosaic.total, f"{kind}_catalog")
        if path is None:
            wanted = mosaic.folder / f"{mosaic.total.name}_{kind}-cat.ecsv"
            reason = f"{kind} catalog is missing; its sources are not drawn"
            problems.append(Problem(mosaic.index, str(wanted), reason, fatal=False))
            sources.append(None)
        else:
            sources.append(_attempt(mosaic.index, path, read_sources, problems))
    reference = None
    for path in mosaic.reference_catalogs:
        reference = _attempt(mosaic.index, path, read_reference, problems)
        if reference is not None:
            break
    return Catalogs(sources[0], sources[1], reference), problems


def measure_features(
    mosaic: Mosaic, image: Drizzled, catalogs: Catalogs
) -> tuple[Features, list[Problem]]:
    """Collect the published features of one mosaic but the class of its target.

    Parameters
    ----------
    mosaic : Mosaic
        Whose.
    image : Drizzled
        Its total drizzled image.
    catalogs : Catalogs
        Its catalogs.

    Returns
    -------
    features : Features
        With where each came from.
    problems : list of Problem
        What was broken and therefore taken from elsewhere or left unknown; none is fatal.

    Raises
    ------
    ProductError
        If the detector is none of HST's imaging ones.
    """
    problems: list[Problem] = []
    counts_qa = _report(mosaic, "num_sources", problems)
    gaia_qa = _report(mosaic, "gaia_sources", problems)
    taken: dict[str, tuple[float | str, str]] = {
        "numexp": _numexp(image, (counts_qa, gaia_qa)),
        **_fit(mosaic, image, problems),
        **_source_counts(mosaic, counts_qa, catalogs, problems),
        "gaia": _gaia(mosaic, gaia_qa, catalogs, image, problems),
        "det": _detector(mosaic, image, problems),
        "wcs": _wcs(image),
    }
    if taken["numexp"][1] == "default":
        _note(mosaic.index, image.path, "NUMEXP is missing or no count", problems)
    values: dict[str, float | str] = {name: value for name, (value, _) in taken.items()}
    values["fit_fresh"] = _fit_fresh(image, int(values["nmatches"]) > 0)
    origin = {name: origin for name, (_, origin) in taken.items()}
    return Features(values, origin, _target(image, counts_qa)), problems


def wcs_class(wcstype: str) -> str:
    """Give the published class of a WCSTYPE sentence, a key of ``CATEGORIES["wcs"]``."""
    sentence = wcstype.lower().strip()
    if "a posteriori" in sentence:
        return "a posteriori"
    if sentence.startswith("pipeline default"):
        return "pipeline default"
    return "a priori" if "a priori" in sentence else "not aligned"


def inside_footprint(
    x_px: NDArray[np.float64], y_px: NDArray[np.float64], footprint: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which positions (0-based px, centre of a pixel at its integer) lie on exposed pixels.

    Parameters
    ----------
    x_px, y_px : ndarray, shape (n,)
        Positions; NaN is outside.
    footprint : ndarray, shape (ny, nx), bool
        Where there is an exposure.

    Returns
    -------
    ndarray, shape (n,), bool
        True inside.
    """
    ny, nx = footprint.shape
    inside = (x_px >= -0.5) & (x_px < nx - 0.5) & (y_px >= -0.5) & (y_px < ny - 0.5)
    column = np.floor(x_px[inside] + 0.5).astype(np.int64)
    row = np.floor(y_px[inside] + 0.5).astype(np.int64)
    result = np.zeros(len(x_px), dtype=bool)
    result[inside] = footprint[row, column]
    return result


def sky_to_pixels(
    wcs: WCS, reference: ReferenceCatalog
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place reference stars on the mosaic, 0-based px, NaN where the projection has none."""
    if len(reference) == 0:
        return np.empty(0), np.empty(0)
    with np.errstate(all="ignore"):
        try:
            x, y = wcs.all_world2pix(reference.ra_deg, reference.dec_deg, 0, quiet=True)
        except (NoConvergence, ValueError):
            return np.full(len(reference), np.nan), np.full(len(reference), np.nan)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _note(index: str, path: Path, reason: str, problems: list[Problem]) -> None:
    problems.append(Problem(index, str(path), reason, fatal=False))


def _attempt(
    index: str, path: Path, read: Callable[[Path], _Read], problems: list[Problem]
) -> _Read | None:
    """Read a file that the mosaic can do without."""
    try:
        return read(path)
    except ProductError as error:
        _note(index, path, str(error).removeprefix(f"{path}: "), problems)
        return None


def _report(mosaic: Mosaic, test: str, problems: list[Problem]) -> QaReport | None:
    path = mosaic.total.qa.get(test)
    return None if path is None else _attempt(mosaic.index, path, read_qa, problems)


def _numexp(image: Drizzled, reports: tuple[QaReport | None, ...]) -> tuple[float, str]:
    for report in reports:
        count = as_count(report.header.get("NUMEXP")) if report is not None else None
        if count:
            return count, "qa"
    count = as_count(card(image.primary, "NUMEXP"))
    return (count, "header") if count else (math.nan, "default")


def _fit(mosaic: Mosaic, image: Drizzled, problems: list[Problem]) -> dict[str, tuple[float, str]]:
    """Take rms (mas) and matches of the fit to the reference catalog, -1, -1, 0 without fit."""
    names = ("RMS_RA", "RMS_DEC", "NMATCHES")
    cards = [card(image.header, name) for name in names]
    rms_ra, rms_dec = as_number(cards[0]), as_number(cards[1])
    nmatches = as_count(cards[2])
    if rms_ra is None or rms_dec is None or nmatches is None:
        if any(value is not None for value in cards):
            reason = f"{', '.join(names)} are not all there and numbers; taken as no fit"
            _note(mosaic.index, image.path, reason, problems)
    elif rms_ra > 0 and rms_dec > 0 and nmatches > 0:
        found = (rms_ra, rms_dec, float(nmatches))
        return {name.lower(): (n, "header") for name, n in zip(names, found, strict=True)}
    nothing = (_NO_FIT_RMS_MAS, _NO_FIT_RMS_MAS, 0.0)
    return {name.lower(): (n, "default") for name, n in zip(names, nothing, strict=True)}


def _fit_fresh(image: Drizzled, fitted: bool) -> float:
    """Tell a fit of this run from one left over from an earlier: WCSNAME says it."""
    if not fitted:
        return math.nan
    return float("FIT_SVM" in (as_text(card(image.header, "WCSNAME")) or ""))


def _source_counts(
    mosaic: Mosaic, report: QaReport | None, catalogs: Catalogs, problems: list[Problem]
) -> dict[str, tuple[float, str]]:
    if report is not None:
        counts = _attempt(mosaic.index, report.path, lambda _: read_source_counts(report), problems)
        if counts is not None:
            return {"point": (counts[0], "qa"), "segment": (counts[1], "qa")}
    return {
        kind: (math.nan, "default") if sources is None else (len(sources), "catalog")
        for kind, sources in (("point", catalogs.point), ("segment", catalogs.segment))
    }


def _gaia(
    mosaic: Mosaic,
    report: QaReport | None,
    catalogs: Catalogs,
    image: Drizzled,
    problems: list[Problem],
) -> tuple[float, str]:
    """Count reference stars inside the footprint; without any catalog it is 0."""
    if report is not None:
        count = _attempt(mosaic.index, report.path, lambda _: read_gaia_count(report), problems)
        if count is not None:
            return count, "qa"
    if catalogs.reference is None:
        return 0, "default"
    x, y = sky_to_pixels(image.wcs, catalogs.reference)
    return int(inside_footprint(x, y, image.footprint).sum()), "catalog"


def _detector(mosaic: Mosaic, image: Drizzled, problems: list[Problem]) -> tuple[str, str]:
    named = mosaic.total.name.detector
    said = (as_text(card(image.primary, "DETECTOR")) or "").lower()
    if said in CATEGORIES["det"]:
        if said != named:
            reason = f"DETECTOR is {said.upper()} though the name says {named}; taken as {said}"
            _note(mosaic.index, image.path, reason, problems)
        return said, "header"
    if named not in CATEGORIES["det"]:
        known = ", ".join(CATEGORIES["det"])
        raise ProductError(f"{image.path}: detector {named} is none of {known}")
    return named, "default"


def _wcs(image: Drizzled) -> tuple[str, str]:
    wcstype = as_text(card(image.header, "WCSTYPE"))
    return ("not aligned", "default") if wcstype is None else (wcs_class(wcstype), "header")


def _target(image: Drizzled, report: QaReport | None) -> dict[str, float | str]:
    """Take what identifies the target and the WCS, from QA JSON where the header lacks it."""

    def value(key: str) -> Any:
        found = card(image.primary, key)
        return report.header.get(key) if found is None and report is not None else found

    ra, dec, proposal = (as_number(value(key)) for key in ("RA_TARG", "DEC_TARG", "PROPOSID"))
    return {
        "targname": as_text(value("TARGNAME")) or "",
        "ra_targ": math.nan if ra is None else ra,
        "dec_targ": math.nan if dec is None else dec,
        "proposal": "" if proposal is None else str(int(proposal)),
        "wcsname": as_text(card(image.header, "WCSNAME")) or "",
        "wcstype": as_text(card(image.header, "WCSTYPE")) or "",
    }
