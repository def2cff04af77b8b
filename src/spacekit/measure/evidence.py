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

from spacekit.measure.looks import Frame, Look, Notes, look_at
from spacekit.measure.offsets import Comparison, Offset, compare, spread_px
from spacekit.measure.pairs import find_pairs
from spacekit.measure.shapes import (
    FEWEST_STARS,
    bright_stars,
    coherent_shape,
    compact,
    weight_deficit,
)
from spacekit.measure.sources import Sources
from spacekit.visit.nouns import Mosaic, Product

__all__ = ["Evidence", "ProductShape", "measure_evidence"]


@dataclass(frozen=True)
class ProductShape:
    """What the stars of one product tell by themselves; NaN: not measured.

    Parameters
    ----------
    title : str
        Filter, "total", or a filter and an exposure's letters.
    ellipticity, angle_deg : float
        Coherent ellipticity of the stars, and its direction from +x to +y.
    ellipticity_sigma : float
        Standard error of the first.
    stars : int
        They were measured on.
    weight_deficit : float
        1 - weight in the stars' cores over weight around.
    spread_px : float
        Largest distance of the filter's exposure products from their mean, px.
    """

    title: str
    ellipticity: float
    angle_deg: float
    ellipticity_sigma: float
    stars: int
    weight_deficit: float
    spread_px: float = math.nan


@dataclass(frozen=True)
class Evidence:
    """What was measured; the fields above `offsets` are columns of the table, NaN: not measured.

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
    ellipticity_sources : float
        Stars it was measured on.
    filter_ellipticity : float
        The same, the largest over the filter products.
    weight_deficit : float
        1 - weight in the stars' cores over weight around, largest over the total and filters.
    pair_excess : float
        Share of the total's sources that have a partner at one common separation.
    exposure_offset_px : float
        Largest shift of an exposure product against the medoid of the exposures, px.
    exposure_offset_sigma_px : float
        Its standard error, per axis.
    exposure_offset_sources : float
        Sources it was measured on.
    exposures_unmatched : float
        Exposure products with sources enough that match the others nowhere.
    offsets, exposure_offsets : tuple of Offset
        One for each filter (exposure) product that could be matched, the reference left out.
    reference, exposure_reference : str
        The medoid of the filters (exposures), empty where nothing was compared.
    shapes : tuple of ProductShape
        The total's first, then the filters'.
    pair_px : tuple of float or None
        The common separation (dx, dy) of the pairs, its sign unknown.
    scale_mas : float
        Side of the mosaic's pixels.
    reasons : tuple of str
        Why something could not be measured, a sentence each.
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
    ellipticity_sources: float = math.nan
    filter_ellipticity: float = math.nan
    weight_deficit: float = math.nan
    pair_excess: float = math.nan
    exposure_offset_px: float = math.nan
    exposure_offset_sigma_px: float = math.nan
    exposure_offset_sources: float = math.nan
    exposures_unmatched: float = math.nan
    offsets: tuple[Offset, ...] = ()
    exposure_offsets: tuple[Offset, ...] = ()
    reference: str = ""
    exposure_reference: str = ""
    shapes: tuple[ProductShape, ...] = ()
    pair_px: tuple[float, float] | None = None
    scale_mas: float = math.nan
    reasons: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()


#: Sources that may be partners have this signal-to-noise.
_PAIR_SNR = 10.0
#: With fewer sources on either side, a missing match says nothing.
_ENOUGH = 20
#: Exposure products beyond this number are not looked at.
_EXPOSURE_LIMIT = 24


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
    notes = Notes([], {})
    total, frame = _first_look(mosaic.total, notes)
    filters = []
    for product in mosaic.filters:
        look, made = (
            _first_look(product, notes) if frame is None else (_look(product, frame, notes), frame)
        )
        frame = made
        filters += [look] if look else []
    # most visits keep none of the exposures' images, so a missing one is no news
    drizzled = [p for p in mosaic.exposures if p.drizzled is not None][:_EXPOSURE_LIMIT]
    exposures = [look for p in drizzled if (look := _look(p, frame, notes))]
    if total:
        exposures = [look.confirmed_by(total) for look in exposures]

    evidence = Evidence(filters=len(mosaic.filters))
    if frame is not None:
        evidence = replace(evidence, scale_mas=frame.scale_mas)
        evidence = _with_filters(evidence, filters, frame, notes.reasons)
        compared = _compare(exposures, frame)
        evidence = _with_exposures(evidence, compared)
        evidence = _with_shapes(evidence, total, filters, compared)
    if total:
        evidence = _with_pairs(evidence, total.sources, notes.reasons)
    return replace(
        evidence,
        reasons=tuple(dict.fromkeys([*notes.reasons, *notes.faults.values()])),
        faults=tuple(notes.faults.items()),
    )


def _first_look(product: Product, notes: Notes) -> tuple[Look | None, Frame | None]:
    """Look at a product whose grid is to be the mosaic's."""
    look, drizzled = look_at(product, None, notes)
    return look, None if drizzled is None else Frame(drizzled.wcs, drizzled.shape)


def _look(product: Product, frame: Frame | None, notes: Notes) -> Look | None:
    """Look at a product and let its pixels go."""
    return look_at(product, frame, notes)[0]


def _largest(values: Sequence[float]) -> float:
    """Largest of the values that are known; NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return max(known, default=math.nan)


def _compare(looks: Sequence[Look], frame: Frame) -> Comparison | None:
    return compare([look for look in looks if len(look.sources)], frame)


def _with_filters(
    evidence: Evidence, looks: Sequence[Look], frame: Frame, reasons: list[str]
) -> Evidence:
    """Add the shifts between filter products."""
    compared = _compare(looks, frame)
    if compared is None:
        reasons.append("shifts between filters need two filter products with sources")
        return evidence
    for look in compared.unmatched:
        enough = _says_something(look, compared.reference)
        reasons.append(
            f"{look.title}: {len(look.sources)} sources match the "
            f"{len(compared.reference.sources)} of {compared.reference.title} at no shift"
            + ("" if enough else " (too few stars, or too many cosmic rays, to tell)")
        )
    offsets = compared.offsets()
    worst = max(offsets, key=lambda o: o.largest_px, default=None)
    return replace(
        evidence,
        offset_px=worst.largest_px if worst else math.nan,
        offset_sigma_px=worst.sigma_px if worst else math.nan,
        offset_sources=worst.sources if worst else math.nan,
        offset_scatter_px=_largest([o.scatter_px for o in offsets]),
        unmatched=_unmatched(compared),
        offsets=offsets,
        reference=compared.reference.title,
    )


def _with_exposures(evidence: Evidence, compared: Comparison | None) -> Evidence:
    """Add the shifts between exposure products, where there are any."""
    if compared is None:
        return evidence
    offsets = compared.offsets()
    worst = max(offsets, key=lambda o: o.largest_px, default=None)
    return replace(
        evidence,
        exposure_offset_px=worst.largest_px if worst else math.nan,
        exposure_offset_sigma_px=worst.sigma_px if worst else math.nan,
        exposure_offset_sources=worst.sources if worst else math.nan,
        exposures_unmatched=_unmatched(compared),
        exposure_offsets=offsets,
        exposure_reference=compared.reference.title,
    )


def _unmatched(compared: Comparison) -> float:
    """Count the products whose sources should match but don't."""
    return float(sum(_says_something(k, compared.reference) for k in compared.unmatched))


def _says_something(look: Look, reference: Look) -> bool:
    """Say whether a missing match is no want of stars."""
    enough = min(len(look.sources), len(reference.sources)) >= _ENOUGH
    return enough and not (look.struck or reference.struck)


def _with_shapes(
    evidence: Evidence, total: Look | None, filters: Sequence[Look], exposures: Comparison | None
) -> Evidence:
    """Add what the stars of each product tell by themselves."""
    shapes = [_shape(look, exposures) for look in ([total] if total else []) + list(filters)]
    of_filters = shapes[1:] if total else shapes
    return replace(
        evidence,
        ellipticity=shapes[0].ellipticity if total else math.nan,
        ellipticity_sources=float(shapes[0].stars) if total else math.nan,
        filter_ellipticity=_largest([s.ellipticity for s in of_filters]),
        weight_deficit=_largest([s.weight_deficit for s in shapes]),
        shapes=tuple(shapes),
    )


def _shape(look: Look, exposures: Comparison | None) -> ProductShape:
    stars = bright_stars(look.sources)
    shape = coherent_shape(stars)
    name = look.product.name
    spread = math.nan if exposures is None or name.is_total else spread_px(exposures, name.filter)
    return ProductShape(
        look.title,
        shape.ellipticity,
        shape.angle_deg,
        shape.sigma,
        len(stars),
        weight_deficit(look.sources),
        spread,
    )


def _with_pairs(evidence: Evidence, sources: Sources, reasons: list[str]) -> Evidence:
    """Add how many of the total's sources come in pairs of one separation."""
    if evidence.ellipticity_sources < FEWEST_STARS:
        reasons.append(
            f"shapes need {FEWEST_STARS} bright compact sources in the total, "
            f"it has {evidence.ellipticity_sources:.0f}"
        )
    # spikes of bright stars break up into elongated pieces at common separations
    single = compact(sources, _PAIR_SNR)
    pairs = find_pairs(np.column_stack([single.x, single.y]), single.flux)
    if pairs is None:
        return evidence
    # where there are no more pairs than by chance they have no separation
    separation = (pairs.dx_px, pairs.dy_px) if pairs.share > 0 else None
    return replace(evidence, pair_excess=pairs.share, pair_px=separation)
