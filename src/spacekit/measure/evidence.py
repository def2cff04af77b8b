"""Measure on a mosaic's own pixels whether its exposures lie on one another.

Three places hold evidence: shifts of sources between products, the shapes of stars in the
total, and the weight that cosmic-ray rejection took from stars. Positions come from the pixels,
never from the pipeline's catalogs, whose filters are forced to the total's positions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.errors import ProductError
from spacekit.measure.matching import Shift, match_positions
from spacekit.measure.pairs import Pairs, find_pairs
from spacekit.measure.peaks import ROUNDEST_TRACK
from spacekit.measure.shapes import (
    FEWEST_STARS,
    bright_stars,
    compact,
    ellipticity,
    weight_deficit,
)
from spacekit.measure.sources import Sources, find_sources
from spacekit.visit.drizzled import Drizzled, read_drizzled
from spacekit.visit.nouns import Mosaic, Product

__all__ = ["Evidence", "Offset", "measure_evidence"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Offset:
    """How one filter's (or exposure's) product lies against the reference: its minus reference.

    Parameters
    ----------
    filter, exposure : str
        Whose product ("f814w"); the exposure's two letters, empty for a filter product.
    reference : str
        The reference's filter, with its exposure's letters after a blank where it is one.
    dx_px, dy_px : float
        Shift at the middle of the matched sources, along the mosaic's axes.
    uncertainty_px : float
        Standard error of each.
    sources : int
        Sources matched.
    largest_px : float
        Length of the shift where it is largest among the sources; longer than (dx, dy) where
        the product is rotated, scaled or skewed.
    roll_deg : float
        Rotation from +x to +y, 0 where none is significant.
    scatter_px : float
        Robust standard deviation of single sources, per axis.
    """

    filter: str
    exposure: str
    reference: str
    dx_px: float
    dy_px: float
    uncertainty_px: float
    sources: int
    largest_px: float
    roll_deg: float
    scatter_px: float


@dataclass(frozen=True)
class Evidence:
    """What was measured; the fields above `offsets` are columns of the table, NaN: not measured.

    Parameters
    ----------
    filters : int
        Filter products in the mosaic.
    offset_px : float
        Largest shift of a filter product against the reference filter, px.
    offset_sources : float
        Sources it was measured on.
    offset_scatter_px : float
        Largest scatter of single sources in those matches, px.
    unmatched : float
        Filter products that have sources enough but match the reference nowhere.
    ellipticity : float
        Length of the median over stars of (e1, e2) in the total.
    ellipticity_sources : float
        Stars it was measured on.
    weight_deficit : float
        1 - weight in the stars' cores over weight around, largest over the total and filters.
    pair_excess : float
        Share of the total's sources that have a partner at one common separation.
    exposure_offset_px : float
        Largest shift of an exposure product against the medoid of the exposures, px.
    offsets, exposure_offsets : tuple of Offset
        One for each filter (exposure) product that could be matched, the reference left out.
    pair_px : tuple of float or None
        The common separation (dx, dy) of the pairs, its sign unknown.
    reasons : tuple of str
        Why something could not be measured, a sentence each.
    faults : tuple of (str, str)
        Product files that are there but can't be used, each with its reason.
    """

    filters: int
    offset_px: float = math.nan
    offset_sources: float = math.nan
    offset_scatter_px: float = math.nan
    unmatched: float = math.nan
    ellipticity: float = math.nan
    ellipticity_sources: float = math.nan
    weight_deficit: float = math.nan
    pair_excess: float = math.nan
    exposure_offset_px: float = math.nan
    offsets: tuple[Offset, ...] = ()
    exposure_offsets: tuple[Offset, ...] = ()
    pair_px: tuple[float, float] | None = None
    reasons: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()


#: Sources that may be partners have this signal-to-noise.
_PAIR_SNR = 10.0
#: With fewer sources on either side, a missing match says nothing.
_ENOUGH = 20
#: Exposure products beyond this number are not looked at.
_EXPOSURE_LIMIT = 24
#: Centroid error of a source of signal-to-noise 1, and of the brightest, px.
_ERROR_PX = 0.8
_ERROR_FLOOR_PX = 0.05
#: Products whose WCSs agree to this everywhere share a pixel grid, px.
_SAME_GRID_PX = 0.005


def measure_evidence(mosaic: Mosaic) -> Evidence:
    """Measure shifts between products, shapes and weights of stars in one mosaic.

    Parameters
    ----------
    mosaic : Mosaic
        Products that are missing, unreadable or without sources are done without; why is
        told in the result's `reasons`.

    Returns
    -------
    Evidence
        With NaN for what could not be measured.
    """
    reasons: list[str] = []
    faults: dict[str, str] = {}
    total = _look(mosaic.total, None, reasons, faults)
    frame = total.wcs if total else None
    filters = [look for p in mosaic.filters if (look := _look(p, frame, reasons, faults))]
    frame = frame or (filters[0].wcs if filters else None)
    # most visits keep none of the exposures' images, so a missing one is no news
    drizzled = [p for p in mosaic.exposures if p.drizzled is not None][:_EXPOSURE_LIMIT]
    exposures = [look for p in drizzled if (look := _look(p, frame, reasons, faults))]

    evidence = Evidence(filters=len(mosaic.filters))
    evidence = _with_filters(evidence, filters, reasons)
    evidence = _with_exposures(evidence, exposures)
    if total:
        evidence = _with_shapes(evidence, total.sources, reasons)
    deficits = [weight_deficit(look.sources) for look in (*filters, *([total] if total else []))]
    return replace(
        evidence,
        weight_deficit=_largest(deficits),
        reasons=tuple(dict.fromkeys([*reasons, *faults.values()])),
        faults=tuple(faults.items()),
    )


@dataclass(frozen=True)
class _Look:
    """What one product shows: its sources, positions in the total's frame.

    `weight` is its exposure time; `struck` says that cosmic rays are still in it.
    """

    product: Product
    sources: Sources
    wcs: WCS
    weight: float
    struck: bool

    @property
    def title(self) -> str:
        """Filter, and the exposure's letters where it is one."""
        return f"{self.product.name.filter} {self.product.name.exposure}".strip()

    def match(self, reference: _Look) -> Shift | None:
        """Match with the reference; where that fails, once more with round sources only.

        The second try is for single exposures, where cosmic rays outnumber the stars.
        """
        shift = _match(reference.sources, self.sources)
        return shift or _match(_round(reference.sources), _round(self.sources))


def _match(reference: Sources, sources: Sources) -> Shift | None:
    """Match two lists, each position weighted by its expected error."""
    errors = np.hypot(_ERROR_FLOOR_PX, _ERROR_PX / sources.snr)
    return match_positions(_places(reference), _places(sources), errors)


def _places(sources: Sources) -> Floats:
    """Positions, shape (n, 2)."""
    return np.column_stack([sources.x, sources.y])


def _round(sources: Sources) -> Sources:
    """Leave out what looks like a cosmic ray's track."""
    return sources.select(np.hypot(sources.e1, sources.e2) <= ROUNDEST_TRACK)


def _look(
    product: Product, frame: WCS | None, reasons: list[str], faults: dict[str, str]
) -> _Look | None:
    """Find one product's sources; None, with the reason noted, where it can't be read."""
    title = f"{product.name}"
    if product.drizzled is None:
        reasons.append(f"{title}: no drizzled image")
        return None
    try:
        drizzled = read_drizzled(product.drizzled)
        sources = find_sources(drizzled.sci, drizzled.wht)
    except ProductError as error:
        faults[str(product.drizzled)] = str(error)
        return None
    if not len(sources):
        reasons.append(f"{title}: no sources")
    if frame is not None:
        moved = _in_frame(sources, drizzled, frame)
        if moved is None:
            faults[str(product.drizzled)] = f"{title}: its WCS doesn't lead into the total's image"
            return None
        sources = moved
    return _Look(product, sources, drizzled.wcs, _exposure_time(drizzled), _is_struck(drizzled))


def _exposure_time(drizzled: Drizzled) -> float:
    """Exposure time in s; 1 where the header has none that makes sense."""
    value = drizzled.primary.get("EXPTIME")
    usable = isinstance(value, int | float) and math.isfinite(value) and value > 0
    return float(value) if usable else 1.0


def _is_struck(drizzled: Drizzled) -> bool:
    """Say whether cosmic rays couldn't be rejected: a CCD's product of one exposure.

    IR exposures are rid of them by their ramps, SBC counts photons.
    """
    detector = str(drizzled.primary.get("DETECTOR", "")).strip().lower()
    return drizzled.primary.get("NUMEXP") == 1 and detector in {"uvis", "wfc", "hrc"}


def _in_frame(sources: Sources, drizzled: Drizzled, frame: WCS) -> Sources | None:
    """Put positions on the pixel grid of `frame`; None where the WCS can't do that.

    The pipeline drizzles all products of a mosaic onto one grid, so this is mostly a check.
    """
    ny, nx = drizzled.sci.shape
    corners = np.array([[0.0, 0.0], [nx - 1, 0], [0, ny - 1], [nx - 1, ny - 1]])
    moved = _reproject(corners, drizzled.wcs, frame)
    if moved is None or np.abs(moved - corners).max() > 20 * max(nx, ny):
        return None
    if np.abs(moved - corners).max() < _SAME_GRID_PX:
        return sources
    places = _reproject(_places(sources), drizzled.wcs, frame)
    return None if places is None else replace(sources, x=places[:, 0], y=places[:, 1])


def _reproject(places: Floats, wcs: WCS, frame: WCS) -> Floats | None:
    """Send pixels of one WCS to pixels of another, shape (n, 2); None where one isn't celestial."""
    if not (wcs.has_celestial and frame.has_celestial):
        return None
    try:
        sky = wcs.wcs_pix2world(places, 0)
        moved: Floats = frame.wcs_world2pix(sky, 0)
    except ValueError:
        # wcslib's errors inherit from it: a singular matrix, coordinates beyond the projection
        return None
    return moved if np.isfinite(moved).all() else None


def _largest(values: Sequence[float]) -> float:
    """Largest of the values that are known; NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return max(known, default=math.nan)


def _with_filters(evidence: Evidence, looks: list[_Look], reasons: list[str]) -> Evidence:
    """Add the shifts between filter products."""
    looks = [look for look in looks if len(look.sources)]
    if len(looks) < 2:
        reasons.append("shifts between filters need two filter products with sources")
        return evidence
    reference, shifts = _shifts_from_medoid(looks)
    offsets, unmatched = [], 0
    for look in looks:
        if look is reference:
            continue
        shift = shifts.get(look.title)
        if shift is not None:
            offsets.append(_offset(look, reference, shift))
            continue
        enough = min(len(look.sources), len(reference.sources)) >= _ENOUGH and not (
            look.struck or reference.struck
        )
        unmatched += enough
        reasons.append(
            f"{look.title}: {len(look.sources)} sources match the {len(reference.sources)} of "
            f"{reference.title} at no shift"
            + ("" if enough else " (too few stars, or too many cosmic rays, to tell)")
        )
    worst = max(offsets, key=lambda o: o.largest_px, default=None)
    return replace(
        evidence,
        offset_px=worst.largest_px if worst else math.nan,
        offset_sources=worst.sources if worst else math.nan,
        offset_scatter_px=_largest([o.scatter_px for o in offsets]),
        unmatched=float(unmatched),
        offsets=tuple(offsets),
    )


def _with_exposures(evidence: Evidence, looks: list[_Look]) -> Evidence:
    """Add the shifts between exposure products, where there are any."""
    looks = [look for look in looks if len(look.sources)]
    if len(looks) < 2:
        return evidence
    reference, shifts = _shifts_from_medoid(looks)
    offsets = tuple(
        _offset(look, reference, shift)
        for look in looks
        if look is not reference and (shift := shifts.get(look.title)) is not None
    )
    largest = _largest([o.largest_px for o in offsets])
    return replace(evidence, exposure_offset_px=largest, exposure_offsets=offsets)


def _shifts_from_medoid(looks: list[_Look]) -> tuple[_Look, dict[str, Shift]]:
    """Match all products with the one that lies in the middle of them.

    All are matched with the one that has most sources first. Of three and more, the medoid is
    the one with the smallest sum of distances to the others, weighted by exposure time.
    """
    base = max(looks, key=lambda look: len(look.sources))
    shifts = _shifts_from(base, looks)
    known = [look for look in looks if look is base or look.title in shifts]
    if len(known) < 3:
        return base, shifts
    places = np.array(
        [(s.dx_px, s.dy_px) if (s := shifts.get(k.title)) else (0.0, 0.0) for k in known]
    )
    apart = np.hypot(*(places[:, None] - places[None, :]).transpose(2, 0, 1))
    medoid = known[int((apart @ np.array([k.weight for k in known])).argmin())]
    if medoid is base:
        return base, shifts
    return medoid, _shifts_from(medoid, looks)


def _shifts_from(reference: _Look, looks: list[_Look]) -> dict[str, Shift]:
    """Match each of the products with the reference; those that don't match are left out."""
    shifts = {}
    for look in looks:
        if look is not reference:
            shift = look.match(reference)
            if shift is not None:
                shifts[look.title] = shift
    return shifts


def _offset(look: _Look, reference: _Look, shift: Shift) -> Offset:
    """Name a shift's product and reference."""
    name = look.product.name
    return Offset(name.filter, name.exposure, reference.title, **vars(shift))


def _with_shapes(evidence: Evidence, sources: Sources, reasons: list[str]) -> Evidence:
    """Add what the total image says alone: coherent ellipticity and pairs."""
    stars = bright_stars(sources)
    # spikes of bright stars break up into elongated pieces at common separations
    single = compact(sources, _PAIR_SNR)
    pairs = find_pairs(_places(single), single.flux)
    if pairs is not None:
        evidence = replace(evidence, pair_excess=pairs.share, pair_px=_separation(pairs))
    if len(stars) < FEWEST_STARS:
        reasons.append(
            f"shapes need {FEWEST_STARS} bright compact sources in the total, it has {len(stars)}"
        )
    return replace(evidence, ellipticity=ellipticity(stars), ellipticity_sources=float(len(stars)))


def _separation(pairs: Pairs) -> tuple[float, float] | None:
    """Where the pairs' partners lie, None where there are no more pairs than by chance."""
    return (pairs.dx_px, pairs.dy_px) if pairs.share > 0 else None
