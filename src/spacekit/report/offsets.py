"""Read ``<name>_offsets.json``, which may come from anyone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from spacekit.errors import TableError
from spacekit.report.nouns import Offset, OffsetGroup, Offsets
from spacekit.visit.values import as_count, as_number, as_text

__all__ = ["NO_MATCH", "read_offsets"]

#: The method of a product that lies nowhere on the reference.
NO_MATCH: Final = "no match"

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
        JSON with the groups ``filters`` and ``exposures``, each ``{"reference": ..., "offsets":
        [{"filter", "exposure", "dx_px", "dy_px", "dx_mas", "dy_mas", "sigma_px", "roll_deg",
        "sources", "method"}, ...], "unmatched": [title, ...]}``, and ``absolute`` ``{"dx_mas",
        "dy_mas", "sources"}``. Or one group alone, its list called ``products``. Numbers may be
        null, keys beyond these are passed over.

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
        if isinstance(error, TableError):
            raise
        raise TableError(f"{path.name}: can't be read as JSON; prep makes it again") from error
    groups = [group for group in _groups(content) if isinstance(group, dict)]
    found = [group for given in groups if (group := _group(path, given)).products]
    if not groups:
        raise TableError(f"{path.name}: holds no list of products; prep makes it again")
    absolute = content.get("absolute")
    known = absolute if isinstance(absolute, dict) else {}
    shift = _bounded(known.get("dx_mas")), _bounded(known.get("dy_mas"))
    return Offsets(
        tuple(found),
        None if shift[0] is None or shift[1] is None else (shift[0], shift[1]),
        as_count(known.get("sources")),
    )


def _groups(content: Any) -> Iterator[Any]:
    """Give the groups of products a file holds."""
    if not isinstance(content, dict):
        return
    if "products" in content:
        yield content
    for name in ("filters", "exposures"):
        yield content.get(name)


def _group(path: Path, content: Mapping[str, Any]) -> OffsetGroup:
    given = content.get("offsets", content.get("products"))
    unmatched = content.get("unmatched", [])
    for items in (given, unmatched):
        if not isinstance(items, list) or len(items) > _MOST_PRODUCTS:
            raise TableError(f"{path.name}: holds no list of products; prep makes it again")
    found = [offset for item in given or [] if (offset := _offset(item)) is not None]
    lost = [Offset(name, method=NO_MATCH) for item in unmatched if (name := _name(item))]
    return OffsetGroup(_name(content.get("reference")), (*found, *lost))


def _offset(product: Any) -> Offset | None:
    """Take one product's offset, None where it has no name."""
    if not isinstance(product, dict) or not _name(product.get("filter")):
        return None
    numbers = {name: _bounded(product.get(name)) for name in _NUMBERS}
    return Offset(
        filter=_name(product.get("filter")),
        exposure=_name(product.get("exposure")),
        n_sources=as_count(product.get("n_sources", product.get("sources"))),
        method=_name(product.get("method")),
        **numbers,
    )


def _bounded(value: Any) -> float | None:
    number = as_number(value)
    return None if number is None or abs(number) > _LARGEST else number


def _name(value: Any) -> str:
    return as_text(value, 60) or ""
