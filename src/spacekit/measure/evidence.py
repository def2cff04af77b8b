"""Measure on a mosaic's own pixels whether its exposures lie on one another.

Evidence lies in shifts of sources between products, in the shapes of stars, in the weight that
cosmic-ray rejection took from stars, and in what it took from which exposure. Positions come
from the pixels, never from the pipeline's catalogs, whose filters are forced to the total's.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from spacekit.errors import ProductError
from spacekit.measure.absolute import against_catalog
from spacekit.measure.findings import Findings, Group, Offset, ProductShape, Repeat
from spacekit.measure.looks import Frame, Look, Notes, look_at
from spacekit.measure.offsets import Comparison, compare, spread_px
from spacekit.measure.pairs import find_pairs
from spacekit.measure.rejected import find_holes
from spacekit.measure.repeats import find_repeats
from spacekit.measure.shapes import (
    FEWEST_STARS,
    bright_stars,
    coherent_shape,
    compact,
    turned_shape,
    weight_deficit,
)
from spacekit.measure.sheet import Stamps
from spacekit.measure.stamps import cut_stamps
from spacekit.visit.catalogs import ReferenceCatalog
from spacekit.visit.drizzled import Read, read_drizzled
from spacekit.visit.nouns import Mosaic, Product

__all__ = ["Evidence", "measure_evidence"]


@dataclass(frozen=True)
class Evidence:
    """What was measured; the fields above `findings` are columns of the table, NaN: not measured.

    Parameters
    ----------
    filters : int
        Filter products in the mosaic.
    offset_px : float
        Largest shift of a filter product against the reference filter, px.
    offset_sigma_px : float
        Its standard error, per axis.
    offset_sources : float
        Sources it was measured on.
    offset_scatter_px : float
        Largest scatter of single sources in those matches, px.
    unmatched : float
        Filter products that have sources enough but match the reference nowhere.
    ellipticity : float
        Length of the median over stars of (e1, e2) in the total.
    ellipticity_sigma : float
        Its standard error.
    ellipticity_sources : float
        Stars it was measured on.
    filter_ellipticity : float
        The same, the largest over the filter products.
    weight_deficit : float
        1 - weight in the stars' cores over weight around, largest over the total and filters.
    total_deficit : float
        The same of the total alone.
    pair_excess : float
        Share of the total's sources that have a partner at one common separation.
    pair_sources : float
        How many these are.
    exposure_offset_px : float
        Largest shift of an exposure product against the medoid of the exposures, px.
    exposure_offset_sigma_px : float
        Its standard error, per axis.
    exposure_offset_sources : float
        Sources it was measured on.
    exposures_unmatched : float
        Exposure products with sources enough that match the others nowhere.
    part_share : float
        Share of a filter's matched sources that have a second shift, the largest.
    exposure_part_share : float
        The same of an exposure product's.
    sure_px : float
        Largest shift of a filter product less two standard errors, px.
    exposure_sure_px : float
        The same of an exposure product, or of a part of one that has a shift of its own.
    ellipticity_contrast : float
        Largest difference between two filters' coherent ellipticities, as vectors: what all
        have in common is the detector's.
    rejected_surprise : float
        How surely patches that rejection took from an exposure repeat stars at one shift, the
        largest over the exposures (`spacekit.measure.findings.Repeat.surprise`).
    rejected_px, rejected_sources : float
        Length of that shift, px, and the patches that lie at it.
    twin_turned, twin_crossed, twin_near : float
        How significant a second image of every source is in the total (`spacekit.measure.twins`).
    twin_px, twin_sources : float
        How far it lies, px, and the sources that were stacked for it.
    filter_twin_turned, filter_twin_crossed, filter_twin_near : float
        The same significances, the largest over the filter products.
    turned_ellipticity, turned_sigmas : float
        How the total's stars are elongated along a turn about its middle, and how surely
        (`spacekit.measure.shapes.turned_shape`).
    filter_turned_sigmas : float
        The latter, the largest over the filter products.
    rejected_turned, rejected_turned_px, rejected_turned_sources : float
        As rejected_surprise, rejected_px and rejected_sources, of a shift in proportion to the
        distance from the middle.
    moving : float
        1 where the telescope tracked a target that moves against the stars, else 0.
    absolute_dx_mas, absolute_dy_mas, absolute_sigma_mas, absolute_sources : float
        The total against the reference catalog.
    findings : Findings
        The same and more, product by product.
    stamps : Stamps or None
        Cutouts of the total's best sources; None without a total.
    faults : tuple of (str, str)
        Product files that are there but can't be used, each with its reason.
    """

    filters: int
    offset_px: float = math.nan
    offset_sigma_px: float = math.nan
    offset_sources: float = math.nan
    offset_scatter_px: float = math.nan
    unmatched: float = math.nan
    ellipticity: float = math.nan
    ellipticity_sigma: float = math.nan
    ellipticity_sources: float = math.nan
    filter_ellipticity: float = math.nan
    weight_deficit: float = math.nan
    total_deficit: float = math.nan
    pair_excess: float = math.nan
    pair_sources: float = math.nan
    exposure_offset_px: float = math.nan
    exposure_offset_sigma_px: float = math.nan
    exposure_offset_sources: float = math.nan
    exposures_unmatched: float = math.nan
    part_share: float = math.nan
    exposure_part_share: float = math.nan
    sure_px: float = math.nan
    exposure_sure_px: float = math.nan
    ellipticity_contrast: float = math.nan
    rejected_surprise: float = math.nan
    rejected_px: float = math.nan
    rejected_sources: float = math.nan
    twin_turned: float = math.nan
    twin_crossed: float = math.nan
    twin_near: float = math.nan
    twin_px: float = math.nan
    twin_sources: float = math.nan
    filter_twin_turned: float = math.nan
    filter_twin_crossed: float = math.nan
    filter_twin_near: float = math.nan
    turned_ellipticity: float = math.nan
    turned_sigmas: float = math.nan
    filter_turned_sigmas: float = math.nan
    rejected_turned: float = math.nan
    rejected_turned_px: float = math.nan
    rejected_turned_sources: float = math.nan
    moving: float = math.nan
    absolute_dx_mas: float = math.nan
    absolute_dy_mas: float = math.nan
    absolute_sigma_mas: float = math.nan
    absolute_sources: float = math.nan
    findings: Findings = field(default_factory=Findings)
    stamps: Stamps | None = None
    faults: tuple[tuple[str, str], ...] = ()


#: Sources that may be partners have this signal-to-noise.
_PAIR_SNR = 10.0
#: Exposure products beyond this number are not looked at.
_EXPOSURE_LIMIT = 24


def measure_evidence(
    mosaic: Mosaic, reference: ReferenceCatalog | None = None, read: Read = read_drizzled
) -> Evidence:
    """Measure shifts between products, shapes and weights of stars in one mosaic.

    Parameters
    ----------
    mosaic : Mosaic
        Products that are missing, unreadable or without sources are done without; why is
        told in the findings' `reasons`.
    reference : ReferenceCatalog, optional
        What the total is compared with for its absolute shift.
    read : callable, optional
        Opens the products' images.

    Returns
    -------
    Evidence
        With NaN for what could not be measured.
    """
    notes = Notes([], {})
    total, frame, stamps, repeats = _total(mosaic.total, notes, read)
    filters: list[Look] = []
    for product in mosaic.filters:
        look, pixels = look_at(product, frame, notes, read)
        if frame is None and pixels is not None:  # no total: the first filter's grid is as good
            frame = Frame(pixels.wcs, pixels.shape)
        filters += [look] if look else []
        del pixels
    # most visits keep none of the exposures' images, so a missing one is no news
    drizzled = [p for p in mosaic.exposures if p.drizzled is not None][:_EXPOSURE_LIMIT]
    exposures = [look for p in drizzled if (look := look_at(p, frame, notes, read)[0])]
    if total:
        exposures = [look.confirmed_by(total) for look in exposures]

    by_filter = by_exposure = None
    if frame is not None:
        by_filter = compare([look for look in filters if len(look.sources)], frame)
        by_exposure = compare([look for look in exposures if len(look.sources)], frame)
    notes.reasons += _no_filters(by_filter)
    findings = _with_pairs(Findings(), total)
    looks = ([total] if total else []) + filters
    # no frame, no looks
    shapes = [_shape(look, by_filter, by_exposure, frame) for look in looks if frame is not None]
    if total:
        notes.reasons += _few_stars(shapes[0])
    findings = replace(
        findings,
        filters=by_filter.group() if by_filter else Group(),
        exposures=by_exposure.group() if by_exposure else Group(),
        shapes=tuple(shapes),
        repeats=repeats,
        absolute=against_catalog(total, frame, reference) if total and frame else None,
        scale_mas=frame.scale_mas if frame else math.nan,
        reasons=tuple(dict.fromkeys([*notes.reasons, *notes.faults.values()])),
    )
    columns = _columns(len(mosaic.filters), findings)
    return replace(
        columns,
        moving=float(looks[0].moving) if looks else math.nan,
        stamps=stamps,
        faults=tuple(notes.faults.items()),
    )


def _total(
    product: Product, notes: Notes, read: Read
) -> tuple[Look | None, Frame | None, Stamps | None, tuple[Repeat, ...]]:
    """Look at the total, whose grid is the mosaic's, and at all that its pixels show alone."""
    look, drizzled = look_at(product, None, notes, read)
    if look is None or drizzled is None:
        return None, None, None, ()
    frame = Frame(drizzled.wcs, drizzled.shape)
    repeats: tuple[Repeat, ...] = ()
    try:
        repeats = find_repeats(find_holes(drizzled), look.sources, frame.centre)
    except ProductError as error:
        reason = str(error).removeprefix(f"{drizzled.path}: ")
        notes.reasons.append(f"rejected pixels can't be told from the total: {reason}")
    stamps = cut_stamps(drizzled.sci, drizzled.wht, look.sources)
    return look, frame, stamps, repeats


def _largest(values: Sequence[float]) -> float:
    """Largest of the values that are known; NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return max(known, default=math.nan)


def _no_filters(compared: Comparison | None) -> list[str]:
    """Say why filters could not be compared."""
    if compared is None:
        return ["shifts between filters need two filter products with sources"]
    return [
        f"{look.title}: {len(look.sources)} sources match the "
        f"{len(compared.reference.sources)} of {compared.reference.title} at no shift"
        + (
            ""
            if compared.says_something(look)
            else " (too few stars, or too many cosmic rays, to tell)"
        )
        for look in compared.unmatched
    ]


def _few_stars(shape: ProductShape) -> list[str]:
    if shape.stars >= FEWEST_STARS:
        return []
    return [f"shapes need {FEWEST_STARS} bright compact sources in the total, it has {shape.stars}"]


def _shape(
    look: Look,
    filters: Comparison | None,
    exposures: Comparison | None,
    frame: Frame,
) -> ProductShape:
    name = look.product.name
    # what the total says must not depend on which other products there are
    compared = None if name.is_total else filters
    sources = compared.seen_twice(look) if compared else look.sources
    stars = bright_stars(sources)
    shape = coherent_shape(stars)
    spread = math.nan if exposures is None or name.is_total else spread_px(exposures, name.filter)
    found = ProductShape(
        look.title,
        shape.ellipticity,
        shape.angle_deg,
        shape.sigma,
        len(stars),
        weight_deficit(sources),
        spread,
    )
    twins = asdict(look.twins) if look.twins else {}
    turned, sigmas = turned_shape(stars, frame.centre)
    found = replace(found, turned_ellipticity=turned, turned_sigmas=sigmas)
    return replace(found, **{f"twin_{name}": value for name, value in twins.items()})


def _with_pairs(findings: Findings, total: Look | None) -> Findings:
    """Add how many of the total's sources come in pairs of one separation."""
    if total is None or total.moving:  # a planet's spots are no stars
        return findings
    # spikes of bright stars break up into elongated pieces at common separations
    single = compact(total.sources, _PAIR_SNR)
    pairs = find_pairs(np.column_stack([single.x, single.y]), single.flux)
    if pairs is None:
        return findings
    # where there are no more pairs than by chance they have no separation
    separation = (pairs.dx_px, pairs.dy_px) if pairs.share > 0 else None
    return replace(findings, pair_share=pairs.share, pair_sources=pairs.sources, pair_px=separation)


def _columns(filters: int, findings: Findings) -> Evidence:
    """Sum findings up in one number for each kind."""
    by_filter = _worst(findings.filters)
    by_exposure = _worst(findings.exposures)
    total = next((s for s in findings.shapes if s.title == "total"), None)
    absolute = findings.absolute
    repeat = findings.repeats[0] if findings.repeats else None
    turned = max(findings.repeats, key=lambda r: r.turned_surprise, default=None)
    of_filters = [s for s in findings.shapes if s.title != "total"]
    return Evidence(
        filters=filters,
        offset_px=by_filter.largest_px if by_filter else math.nan,
        offset_sigma_px=by_filter.sigma_px if by_filter else math.nan,
        offset_sources=by_filter.sources if by_filter else math.nan,
        offset_scatter_px=_largest([o.scatter_px for o in findings.filters.offsets]),
        unmatched=_unmatched(findings.filters),
        ellipticity=total.ellipticity if total else math.nan,
        ellipticity_sigma=total.ellipticity_sigma if total else math.nan,
        ellipticity_sources=float(total.stars) if total else math.nan,
        filter_ellipticity=_largest([s.ellipticity for s in of_filters]),
        weight_deficit=_largest([s.weight_deficit for s in findings.shapes]),
        total_deficit=total.weight_deficit if total else math.nan,
        pair_excess=findings.pair_share,
        pair_sources=float(findings.pair_sources) if findings.pair_share >= 0 else math.nan,
        exposure_offset_px=by_exposure.largest_px if by_exposure else math.nan,
        exposure_offset_sigma_px=by_exposure.sigma_px if by_exposure else math.nan,
        exposure_offset_sources=by_exposure.sources if by_exposure else math.nan,
        exposures_unmatched=_unmatched(findings.exposures),
        part_share=_part_share(findings.filters),
        exposure_part_share=_part_share(findings.exposures),
        sure_px=_largest([o.sure_px for o in findings.filters.offsets]),
        exposure_sure_px=_largest([o.sure_px for o in findings.exposures.offsets]),
        ellipticity_contrast=_contrast(of_filters),
        rejected_surprise=repeat.surprise if repeat else math.nan,
        rejected_px=(repeat.length_px if repeat.surprise else 0.0) if repeat else math.nan,
        rejected_sources=float(repeat.sources) if repeat else math.nan,
        twin_turned=total.twin_turned if total else math.nan,
        twin_crossed=total.twin_crossed if total else math.nan,
        twin_near=total.twin_near if total else math.nan,
        twin_px=total.twin_px if total else math.nan,
        twin_sources=float(total.twin_sources) if total else math.nan,
        filter_twin_turned=_largest([s.twin_turned for s in of_filters]),
        filter_twin_crossed=_largest([s.twin_crossed for s in of_filters]),
        filter_twin_near=_largest([s.twin_near for s in of_filters]),
        turned_ellipticity=total.turned_ellipticity if total else math.nan,
        turned_sigmas=total.turned_sigmas if total else math.nan,
        filter_turned_sigmas=_largest([s.turned_sigmas for s in of_filters]),
        rejected_turned=turned.turned_surprise if turned else math.nan,
        rejected_turned_px=turned.turned_px if turned else math.nan,
        rejected_turned_sources=float(turned.turned_sources) if turned else math.nan,
        absolute_dx_mas=absolute.dx_mas if absolute else math.nan,
        absolute_dy_mas=absolute.dy_mas if absolute else math.nan,
        absolute_sigma_mas=absolute.sigma_mas if absolute else math.nan,
        absolute_sources=absolute.sources if absolute else math.nan,
        findings=findings,
    )


def _worst(group: Group) -> Offset | None:
    return max(group.offsets, key=lambda o: o.largest_px, default=None)


def _unmatched(group: Group) -> float:
    return float(len(group.unmatched)) if group.reference else math.nan


def _part_share(group: Group) -> float:
    return _largest([o.part_sources / o.sources for o in group.offsets if o.sources])


def _contrast(shapes: Sequence[ProductShape]) -> float:
    """Give the largest distance of two products' ellipticities (e1, e2)."""
    ellipticities = [
        cmath.rect(s.ellipticity, 2 * math.radians(s.angle_deg))
        for s in shapes
        if math.isfinite(s.ellipticity)
    ]
    return _largest([abs(a - b) for a, b in itertools.combinations(ellipticities, 2)])
