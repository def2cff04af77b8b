"""Sum up what was measured in one mosaic: one number of each kind, for the table."""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from spacekit.measure.findings import Absolute, Contrast, Findings, Group, ProductShape, Repeat
from spacekit.measure.schema import EVIDENCE, REPORTED
from spacekit.measure.sheet import Stamps

__all__ = ["MEASURED", "Evidence", "summarise"]

#: Columns of the table that come from a mosaic's pixels; whether the fit is fresh its header says.
MEASURED: Final = tuple(c.name for c in (*EVIDENCE, *REPORTED) if c.name != "fit_fresh")

_Columns = dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """What was measured in one mosaic.

    Parameters
    ----------
    columns : dict of str to float
        Of the table (`spacekit.measure.schema` says what each means): all of `MEASURED`, NaN
        where something could not be measured.
    findings : Findings
        The same and more, product by product.
    stamps : Stamps or None
        Cutouts of the total's best sources; None without a total.
    faults : tuple of (str, str)
        Product files that are there but can't be used, each with its reason.
    """

    columns: Mapping[str, float]
    findings: Findings = field(default_factory=Findings)
    stamps: Stamps | None = None
    faults: tuple[tuple[str, str], ...] = ()


def summarise(filters: int, findings: Findings, moving: float = math.nan) -> dict[str, float]:
    """Sum findings up in one number of each kind.

    Parameters
    ----------
    filters : int
        Filter products in the mosaic.
    findings : Findings
        Product by product.
    moving : float
        1 where the telescope tracked a target that moves against the stars, else 0.

    Returns
    -------
    dict of str to float
        The columns `MEASURED`, NaN where the findings don't tell.
    """
    found: _Columns = {
        "filters": filters,
        "moving": moving,
        **_offsets(findings.filters),
        "offset_scatter_px": _largest([o.scatter_px for o in findings.filters.offsets]),
        "unmatched": _unmatched(findings.filters),
        **_offsets(findings.exposures, "exposure_"),
        "exposures_unmatched": _unmatched(findings.exposures),
        **_total_shape(findings.total_shape),
        **_filter_shapes(findings.filter_shapes),
        "weight_deficit": _largest([shape.weight_deficit for shape in findings.shapes]),
        "pair_excess": findings.pair_share,
        "pair_sources": findings.pair_sources if findings.pair_share >= 0 else math.nan,
        **_repeats(findings.repeats),
        **_contrast(findings.contrast),
        **_against_catalog(findings.absolute),
    }
    unknown = found.keys() - set(MEASURED)
    if unknown:
        raise KeyError(f"no columns of the table: {', '.join(sorted(unknown))}")
    return {name: float(found.get(name, math.nan)) for name in MEASURED}


def _offsets(group: Group, prefix: str = "") -> _Columns:
    """Sum up a group's shifts, in columns whose names start with `prefix`."""
    columns: _Columns = {
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


def _total_shape(total: ProductShape | None) -> _Columns:
    if total is None:
        return {}
    return {
        "ellipticity": total.ellipticity,
        "ellipticity_sigma": total.ellipticity_sigma,
        "ellipticity_sources": total.stars,
        "total_deficit": total.weight_deficit,
        "twin_turned": total.twin_turned,
        "twin_crossed": total.twin_crossed,
        "twin_near": total.twin_near,
        "twin_px": total.twin_px,
        "twin_sources": total.twin_sources,
        "turned_ellipticity": total.turned_ellipticity,
        "turned_sigmas": total.turned_sigmas,
        "star_width": total.width,
        "star_width_share": total.width_share,
        "star_width_sources": total.width_sources,
        "lost_turned": total.lost_turned,
        "lost_crossed": total.lost_crossed,
    }


def _filter_shapes(shapes: Sequence[ProductShape]) -> _Columns:
    return {
        "filter_ellipticity": _largest([shape.ellipticity for shape in shapes]),
        "ellipticity_contrast": _apart(shapes),
        "filter_twin_turned": _largest([shape.twin_turned for shape in shapes]),
        "filter_twin_crossed": _largest([shape.twin_crossed for shape in shapes]),
        "filter_twin_near": _largest([shape.twin_near for shape in shapes]),
        "filter_turned_sigmas": _largest([shape.turned_sigmas for shape in shapes]),
        "filter_lost_turned": _largest([shape.lost_turned for shape in shapes]),
        "filter_lost_crossed": _largest([shape.lost_crossed for shape in shapes]),
        **_widest(shapes),
    }


def _widest(shapes: Sequence[ProductShape]) -> _Columns:
    measured = [shape for shape in shapes if math.isfinite(shape.width)]
    if not measured:
        return {}
    widest = max(measured, key=lambda shape: shape.width)
    return {
        "filter_star_width": widest.width,
        "filter_star_width_share": widest.width_share,
        "filter_star_width_sources": widest.width_sources,
    }


def _contrast(contrast: Contrast) -> _Columns:
    if not contrast.sources:
        return {}
    return {
        "width_contrast_px2": contrast.px2,
        "width_contrast_sigma_px2": contrast.sigma_px2,
    }


def _repeats(repeats: Sequence[Repeat]) -> _Columns:
    if not repeats:
        return {}
    surest = repeats[0]
    turned = max(repeats, key=lambda repeat: repeat.turned_surprise)
    return {
        "rejected_surprise": surest.surprise,
        "rejected_px": surest.length_px if surest.surprise else 0.0,
        "rejected_sources": surest.sources,
        "rejected_turned": turned.turned_surprise,
        "rejected_turned_px": turned.turned_px,
        "rejected_turned_sources": turned.turned_sources,
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


def _apart(shapes: Sequence[ProductShape]) -> float:
    """Give the largest distance of two products' ellipticities (e1, e2)."""
    ellipticities = [
        cmath.rect(s.ellipticity, 2 * math.radians(s.angle_deg))
        for s in shapes
        if math.isfinite(s.ellipticity)
    ]
    return _largest([abs(a - b) for a, b in itertools.combinations(ellipticities, 2)])
