"""Sum up what was measured in one mosaic: one number of each kind, for the table."""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spacekit.measure.findings import Absolute, Findings, Group, ProductShape, Repeat
from spacekit.measure.sheet import Stamps

__all__ = ["Evidence", "summarise"]

#: Some of the fields of `Evidence`, all numbers; Any, for it has others.
_Columns = dict[str, Any]


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
        Its standard error, per axis, where it is largest.
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
        Its standard error, per axis, where it is largest.
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


def summarise(filters: int, findings: Findings) -> Evidence:
    """Sum findings up in one number of each kind.

    Parameters
    ----------
    filters : int
        Filter products in the mosaic.
    findings : Findings
        Product by product.

    Returns
    -------
    Evidence
        With these findings; without what they don't tell (moving targets, stamps, faults).
    """
    of_filters = [shape for shape in findings.shapes if shape.title != "total"]
    return Evidence(
        filters=filters,
        **_offsets(findings.filters),
        offset_scatter_px=_largest([o.scatter_px for o in findings.filters.offsets]),
        unmatched=_unmatched(findings.filters),
        **_offsets(findings.exposures, "exposure_"),
        exposures_unmatched=_unmatched(findings.exposures),
        **_total_shape(findings.shapes),
        **_filter_shapes(of_filters),
        weight_deficit=_largest([shape.weight_deficit for shape in findings.shapes]),
        pair_excess=findings.pair_share,
        pair_sources=float(findings.pair_sources) if findings.pair_share >= 0 else math.nan,
        **_repeats(findings.repeats),
        **_against_catalog(findings.absolute),
        findings=findings,
    )


def _offsets(group: Group, prefix: str = "") -> _Columns:
    """Sum up a group's shifts, in columns whose names start with `prefix`."""
    columns = {
        "part_share": _largest([o.part_sources / o.sources for o in group.offsets if o.sources]),
        "sure_px": _largest([o.sure_px for o in group.offsets]),
    }
    if group.offsets:
        worst = max(group.offsets, key=lambda offset: offset.largest_px)
        columns |= {
            "offset_px": worst.largest_px,
            "offset_sigma_px": worst.largest_sigma_px,
            "offset_sources": worst.sources,
        }
    return {f"{prefix}{name}": value for name, value in columns.items()}


def _total_shape(shapes: Sequence[ProductShape]) -> _Columns:
    total = next((shape for shape in shapes if shape.title == "total"), None)
    if total is None:
        return {}
    return {
        "ellipticity": total.ellipticity,
        "ellipticity_sigma": total.ellipticity_sigma,
        "ellipticity_sources": float(total.stars),
        "total_deficit": total.weight_deficit,
        "twin_turned": total.twin_turned,
        "twin_crossed": total.twin_crossed,
        "twin_near": total.twin_near,
        "twin_px": total.twin_px,
        "twin_sources": float(total.twin_sources),
        "turned_ellipticity": total.turned_ellipticity,
        "turned_sigmas": total.turned_sigmas,
    }


def _filter_shapes(shapes: Sequence[ProductShape]) -> _Columns:
    return {
        "filter_ellipticity": _largest([shape.ellipticity for shape in shapes]),
        "ellipticity_contrast": _contrast(shapes),
        "filter_twin_turned": _largest([shape.twin_turned for shape in shapes]),
        "filter_twin_crossed": _largest([shape.twin_crossed for shape in shapes]),
        "filter_twin_near": _largest([shape.twin_near for shape in shapes]),
        "filter_turned_sigmas": _largest([shape.turned_sigmas for shape in shapes]),
    }


def _repeats(repeats: Sequence[Repeat]) -> _Columns:
    if not repeats:
        return {}
    surest = repeats[0]
    turned = max(repeats, key=lambda repeat: repeat.turned_surprise)
    return {
        "rejected_surprise": surest.surprise,
        "rejected_px": surest.length_px if surest.surprise else 0.0,
        "rejected_sources": float(surest.sources),
        "rejected_turned": turned.turned_surprise,
        "rejected_turned_px": turned.turned_px,
        "rejected_turned_sources": float(turned.turned_sources),
    }


def _against_catalog(absolute: Absolute | None) -> _Columns:
    if absolute is None:
        return {}
    return {
        "absolute_dx_mas": absolute.dx_mas,
        "absolute_dy_mas": absolute.dy_mas,
        "absolute_sigma_mas": absolute.sigma_mas,
        "absolute_sources": absolute.sources,
    }


def _largest(values: Sequence[float]) -> float:
    """Largest of the values that are known; NaN where none is."""
    known = [value for value in values if math.isfinite(value)]
    return max(known, default=math.nan)


def _unmatched(group: Group) -> float:
    return float(len(group.unmatched)) if group.reference else math.nan


def _contrast(shapes: Sequence[ProductShape]) -> float:
    """Give the largest distance of two products' ellipticities (e1, e2)."""
    ellipticities = [
        cmath.rect(s.ellipticity, 2 * math.radians(s.angle_deg))
        for s in shapes
        if math.isfinite(s.ellipticity)
    ]
    return _largest([abs(a - b) for a, b in itertools.combinations(ellipticities, 2)])
