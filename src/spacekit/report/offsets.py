"""The offsets of a mosaic's products as the page shows them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from spacekit.measure import findings
from spacekit.measure.findings import Group
from spacekit.measure.findings_file import read_findings
from spacekit.report.nouns import Offset, OffsetGroup, Offsets

__all__ = ["NO_MATCH", "read_offsets"]

#: The method of a product that lies nowhere on the reference.
NO_MATCH: Final = "no match"


def read_offsets(path: Path) -> Offsets | None:
    """Read the measured offsets of a mosaic's products; None where there are none.

    Raises
    ------
    ProductError
        If the file isn't what prep writes.
    """
    found = read_findings(path)
    if found is None:
        return None
    groups = [_group(group) for group in (found.filters, found.exposures)]
    absolute = found.absolute
    return Offsets(
        tuple(group for group in groups if group.products),
        None if absolute is None else (absolute.dx_mas, absolute.dy_mas),
        None if absolute is None else absolute.sources,
    )


def _group(group: Group) -> OffsetGroup:
    matched = [shown for offset in group.offsets for shown in _offset(offset)]
    lost = [Offset(title, method=NO_MATCH) for title in group.unmatched]
    return OffsetGroup(group.reference, (*matched, *lost))


def _offset(offset: findings.Offset) -> list[Offset]:
    """Give a product's shift, and the one that part of an exposure (a chip) has beside it."""
    whole = Offset(
        filter=offset.filter,
        exposure=offset.exposure,
        dx_px=_known(offset.dx_px),
        dy_px=_known(offset.dy_px),
        dx_mas=_known(offset.dx_mas),
        dy_mas=_known(offset.dy_mas),
        sigma_px=_known(offset.sigma_px),
        roll_deg=_known(offset.roll_deg),
        n_sources=offset.sources,
        method=offset.method,
    )
    if not (offset.part_sources and offset.exposure):
        return [whole]
    return [
        whole,
        Offset(
            filter=offset.filter,
            exposure=f"{offset.exposure}, a part",
            dx_px=_known(offset.part_dx_px),
            dy_px=_known(offset.part_dy_px),
            n_sources=offset.part_sources,
            method=offset.method,
        ),
    ]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
