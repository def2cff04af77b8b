"""The shift of a mosaic as a whole against its reference catalog: reported, never judged."""

from __future__ import annotations

import numpy as np

from spacekit.measure.features import sky_to_pixels
from spacekit.measure.findings import Absolute
from spacekit.measure.looks import Frame, Look
from spacekit.measure.matching import Places, match_positions
from spacekit.visit.catalogs import ReferenceCatalog

__all__ = ["against_catalog"]

#: Catalog stars this far outside the mosaic may still be those of sources inside.
_MARGIN_PX = 130
#: What a catalog position is worth beside a centroid: proper motion, bright stars' saturation.
_CATALOG_ERROR_PX = 0.1


def against_catalog(
    total: Look, frame: Frame, reference: ReferenceCatalog | None
) -> Absolute | None:
    """Match the total's sources with the reference catalog.

    Parameters
    ----------
    total : Look
        The total product.
    frame : Frame
        Its grid.
    reference : ReferenceCatalog or None
        Stars, ICRS at the epoch of observation.

    Returns
    -------
    Absolute or None
        None without catalog, scale, or a match that stands out from chance.
    """
    if reference is None or not np.isfinite(frame.scale_mas):
        return None
    x, y = sky_to_pixels(frame.wcs, reference)
    ny, nx = frame.shape
    near = (np.abs(x - nx / 2) < nx / 2 + _MARGIN_PX) & (np.abs(y - ny / 2) < ny / 2 + _MARGIN_PX)
    stars = Places.alike(np.column_stack([x, y])[near], _CATALOG_ERROR_PX)
    shift = match_positions(stars, total.places)
    if shift is None:
        return None
    dx, dy = shift.at(frame.centre[None])[0] * frame.scale_mas
    sigma = shift.uncertainty_at(frame.centre) * frame.scale_mas
    return Absolute(float(dx), float(dy), float(sigma), shift.sources)
