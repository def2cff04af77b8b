"""Read ``<name>_offsets.json``, which may come from anyone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from spacekit.errors import TableError
from spacekit.report.nouns import Offset, Offsets
from spacekit.visit.values import as_count, as_number, as_text

__all__ = ["read_offsets"]

#: A visit of 100 exposures has 30 kB.
_LARGEST_BYTES: Final = 1_000_000
_MOST_PRODUCTS: Final = 200
#: No shift within a mosaic has a larger number, in px or mas.
_LARGEST: Final = 1e8
_NUMBERS: Final = ("dx_px", "dy_px", "dx_mas", "dy_mas", "sigma_px", "roll_deg")


def read_offsets(path: Path) -> Offsets:
    """Read the measured offsets of a mosaic's products.

    Parameters
    ----------
    path : Path
        JSON: ``{"reference": ..., "products": [{"filter", "exposure", "dx_px", "dy_px",
        "dx_mas", "dy_mas", "sigma_px", "roll_deg", "n_sources", "method"}, ...]}``; numbers may
        be null, keys beyond these are passed over.

    Raises
    ------
    TableError
        If it is missing, too large, or holds something else.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise TableError(f"{path.name}: larger than offsets can be")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TableError(f"{path.name}: can't be read as JSON; prep makes it again") from error
    reference = _name(content.get("reference")) if isinstance(content, dict) else ""
    products = content.get("products") if isinstance(content, dict) else None
    if not isinstance(products, list) or len(products) > _MOST_PRODUCTS:
        raise TableError(f"{path.name}: holds no list of products; prep makes it again")
    found = [_offset(product) for product in products]
    return Offsets(reference, tuple(offset for offset in found if offset is not None))


def _offset(product: Any) -> Offset | None:
    """Take one product's offset, None where it has no name."""
    if not isinstance(product, dict) or not _name(product.get("filter")):
        return None
    numbers = {name: _bounded(product.get(name)) for name in _NUMBERS}
    return Offset(
        filter=_name(product.get("filter")),
        exposure=_name(product.get("exposure")),
        n_sources=as_count(product.get("n_sources")),
        method=_name(product.get("method")),
        **numbers,
    )


def _bounded(value: Any) -> float | None:
    number = as_number(value)
    return None if number is None or abs(number) > _LARGEST else number


def _name(value: Any) -> str:
    return as_text(value, 60) or ""
