"""Match the sources of two filters: the pipeline's interfilter test."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from spacekit.mosaic.drizzle import Stack

__all__ = ["crossmatch", "faint_sources"]

#: How far a common offset is looked for. In genuine visits filters 0.2 arcsec apart were
#: matched (iza901, jza701), filters 0.38 arcsec apart were not (iza201).
_SEARCH_ARCSEC: Final = 0.25

#: Sources match within this distance of the common offset, px.
_TOLERANCE_PX: Final = 2.0

#: Fewer matches are none.
_LEAST_MATCHES: Final = 10

#: Least smoothed peak in units of the rms for a kernel one pixel wide, and how it falls with
#: the width: set so that genuine products give as many sources as the pipeline found in them.
_LEVEL: Final = 2.5
_LEVEL_SLOPE: Final = -0.6

#: Detection threshold in units of the background's rms, and border left out, px.
_NSIGMA: Final = 3.0
_EDGE_PX: Final = 10


def faint_sources(stack: Stack, rms: float, fwhm_px: float) -> NDArray[np.float64]:
    """Find everything DAOFind takes for a star at three sigma, noise and all.

    Parameters
    ----------
    stack : Stack
        Of one filter.
    rms : float
        Of its background, electrons/s.
    fwhm_px : float
        Of the kernel.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based, by y.
    """
    from photutils.detection import DAOStarFinder
    from photutils.utils.exceptions import NoDetectionsWarning

    outside = ndimage.binary_dilation(stack.wht <= 0, iterations=_EDGE_PX)
    if outside.all() or rms <= 0:
        return np.empty((0, 2))
    image = np.where(outside, 0, stack.sci)
    smooth = ndimage.gaussian_filter(image, fwhm_px / 2.3548)
    level = _LEVEL * rms * fwhm_px**_LEVEL_SLOPE
    y, x = np.nonzero((smooth == ndimage.maximum_filter(smooth, size=3)) & (smooth > level))
    if not x.size:
        return np.empty((0, 2))
    # peaks are given: looking for them itself takes DAOStarFinder ten times as long
    finder = DAOStarFinder(_NSIGMA * rms, fwhm_px, xycoords=np.column_stack([x, y]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = finder(image)
    if found is None:
        return np.empty((0, 2))
    return np.column_stack([np.asarray(found["x_centroid"]), np.asarray(found["y_centroid"])])


def crossmatch(
    reference: NDArray[np.float64], comparison: NDArray[np.float64], scale_arcsec: float
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Match two lists of positions that may differ by a common offset.

    The offset is the densest place among the differences of all close pairs; it must stand
    out from chance, else nothing matches.

    Parameters
    ----------
    reference, comparison : ndarray, shape (n, 2)
        x and y on one grid.
    scale_arcsec : float
        Plate scale.

    Returns
    -------
    reference, comparison : ndarray of int
        Indices of matched sources; empty where nothing matches.
    """
    nothing = np.empty(0, dtype=np.int_), np.empty(0, dtype=np.int_)
    if not len(reference) or not len(comparison):
        return nothing
    reach = max(_TOLERANCE_PX, _SEARCH_ARCSEC / scale_arcsec)
    pairs = cKDTree(reference).query_ball_tree(cKDTree(comparison), reach + 1)
    differences = np.vstack(
        [comparison[near] - reference[k] for k, near in enumerate(pairs) if near]
        or [np.empty((0, 2))]
    )
    offset = _densest(differences, reach)
    if offset is None:
        return nothing
    distance, index = cKDTree(comparison).query(reference + offset)
    back = cKDTree(reference + offset).query(comparison)[1]
    ours = np.flatnonzero((distance < _TOLERANCE_PX) & (back[index] == np.arange(len(reference))))
    return (ours, index[ours]) if len(ours) >= _LEAST_MATCHES else nothing


def _densest(differences: NDArray[np.float64], reach: float) -> NDArray[np.float64] | None:
    """Give the centre of the densest half-pixel neighbourhood, None where chance explains it."""
    if len(differences) < _LEAST_MATCHES:
        return None
    near = cKDTree(differences).query_ball_point(differences, 0.5, return_length=True)
    best = int(np.argmax(near))
    chance = len(differences) * 0.25 / (reach + 1) ** 2
    if near[best] < max(_LEAST_MATCHES, chance + 6 * np.sqrt(chance)):
        return None
    close = np.hypot(*(differences - differences[best]).T) < 1.0
    centre: NDArray[np.float64] = np.median(differences[close], axis=0)
    return centre if np.hypot(*centre) <= reach else None
