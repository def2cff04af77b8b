"""Align a visit's exposures to one another and to the reference catalog."""

from __future__ import annotations

from collections.abc import Sequence

from astropy.table import Table
from astropy.wcs import WCS

from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.nouns import Fit

__all__ = ["align_exposures", "with_solution"]


def align_exposures(
    exposures: Sequence[Exposure], reference: Table
) -> tuple[dict[str, tuple[WCS, ...]], Fit]:
    """Not yet."""
    return {}, Fit(False, "alignment is not written yet")


def with_solution(exposure: Exposure, wcs: tuple[WCS, ...], fit: Fit) -> Exposure:
    """Not yet."""
    return exposure.with_wcs(wcs)
