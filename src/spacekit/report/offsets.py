"""The offsets of a mosaic's products, as the page's JSON has them."""

from __future__ import annotations

import math
from typing import Any, Final

from spacekit.measure.findings import Findings, Group, Offset

__all__ = ["NO_MATCH", "offsets_json", "short"]

#: The method of a product that lies nowhere on the reference.
NO_MATCH: Final = "no match"
_SHIFT: Final = ("dx_px", "dy_px", "dx_mas", "dy_mas", "sigma_px", "roll_deg")


def offsets_json(found: Findings) -> dict[str, Any]:
    """Give what the page draws of a mosaic's findings; what isn't known is left out.

    Parameters
    ----------
    found : Findings
        Of its products.

    Returns
    -------
    dict
        ``groups``, filter products and exposure products, those that were compared: each with
        ``reference`` and ``products`` (filter, exposure, dx_px, dy_px, dx_mas, dy_mas, sigma_px,
        roll_deg, n_sources, method). Where the mosaic as a whole was held against the reference
        catalog: ``absolute``, (dx, dy) in mas, and ``sources``.
    """
    groups = [_group(group) for group in (found.filters, found.exposures)]
    shown: dict[str, Any] = {"groups": [group for group in groups if group["products"]]}
    if found.absolute is not None:
        shift = [short(found.absolute.dx_mas), short(found.absolute.dy_mas)]
        if None not in shift:
            shown |= {"absolute": shift, "sources": found.absolute.sources}
    return shown


def short(value: float | None) -> float | None:
    """Round to five digits, more than anyone reads; None where there is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def _group(group: Group) -> dict[str, Any]:
    matched = [product for offset in group.offsets for product in _products(offset)]
    lost = [{"filter": title, "method": NO_MATCH} for title in group.unmatched]
    return {"reference": group.reference, "products": [*matched, *lost]}


def _products(offset: Offset) -> list[dict[str, Any]]:
    """Give a product's shift, and the one that part of an exposure (a chip) has beside it."""
    shift = {name: getattr(offset, name) for name in _SHIFT}
    whole = _product(offset, offset.exposure, shift, offset.sources)
    if not (offset.part_sources and offset.exposure):
        return [whole]
    shift = {"dx_px": offset.part_dx_px, "dy_px": offset.part_dy_px}
    return [whole, _product(offset, f"{offset.exposure}, a part", shift, offset.part_sources)]


def _product(
    offset: Offset, exposure: str, shift: dict[str, float], sources: int
) -> dict[str, Any]:
    shortened = {name: short(value) for name, value in shift.items()}
    named = {"filter": offset.filter, "exposure": exposure}
    found = {**named, **shortened, "n_sources": sources, "method": offset.method}
    return {name: value for name, value in found.items() if value not in ("", None)}
