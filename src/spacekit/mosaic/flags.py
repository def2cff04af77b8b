"""Flag sources as the pipeline does: extended, saturated, faint, hot, few exposures.

It has bits for swarms around saturated stars (32) and for bleeding (128) too, but drizzlepac 3.11
never sets them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.mosaic.parameters import DetectionSettings

__all__ = [
    "FEW_EXPOSURES",
    "SATURATED",
    "full_wells",
    "photometric_flags",
    "rejected",
    "saturated",
    "seldom_exposed",
    "trimmed",
]

EXTENDED: Final = 1
SATURATED: Final = 4
FAINT: Final = 8
HOT: Final = 16
FEW_EXPOSURES: Final = 64

#: Least signal to noise ratio in the second aperture.
_LEAST_SNR: Final = 5.0

#: A source whose smallest flag exceeds this in every filter is dropped (`flag_trim_value`).
_FLAG_TRIM: Final = 5

#: DQ bit of a full well.
_FULL_WELL: Final = 256

#: Cosmic rays an hour that look like sources, and the share of them by catalog (`crfactor`).
_COSMIC_RAYS: Final = {"wfc": 300.0, "uvis": 300.0, "hrc": 37.0}
_SHARES: Final = {"point": 1.0, "segment": 0.5}

#: Points along each side of a chip's outline.
_OUTLINE: Final = 9


def photometric_flags(
    columns: Mapping[str, NDArray[Any]], settings: DetectionSettings
) -> NDArray[np.int64]:
    """Flag what the concentration index and the signal to noise ratio tell.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        From `photometry`, NaN where not measurable.
    settings : DetectionSettings
        With the filter's limits of stars.
    """
    low, high = settings.stellar_ci
    ci, error = columns["CI"], np.hypot(columns["MagErrAp1"], columns["MagErrAp2"])
    flags = np.zeros(ci.shape, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        flags[~(columns["FluxAp2"] >= _LEAST_SNR * columns["FluxErrAp2"])] |= FAINT
        flags[~np.isfinite(error) | (ci < low - error)] |= HOT
        flags[ci > high] |= EXTENDED
    return flags


def full_wells(exposures: Sequence[Exposure], mosaic: WCS) -> NDArray[np.float64]:
    """Give where on the mosaic the saturated pixels of exposures lie.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of the filter, solved.
    mosaic : WCS
        Of the mosaic.

    Returns
    -------
    ndarray, shape (n, 2), float64
        x and y, 0-based.
    """
    found = [_full_wells(chip, mosaic) for e in exposures for chip in e.chips]
    return np.concatenate(found or [np.empty((0, 2))])


def saturated(
    xy: NDArray[np.float64], wells: NDArray[np.float64], radius_px: float
) -> NDArray[np.bool_]:
    """Tell which sources have a saturated pixel nearby.

    Parameters
    ----------
    xy : ndarray, shape (n, 2), float64
        Positions on the mosaic, 0-based.
    wells : ndarray, shape (m, 2), float64
        From `full_wells`.
    radius_px : float
        How near.
    """
    if not len(wells) or not len(xy):
        return np.zeros(len(xy), dtype=bool)
    near: NDArray[np.bool_] = cKDTree(wells).query(xy)[0] < radius_px
    return near


def _full_wells(chip: Chip, mosaic: WCS) -> NDArray[np.float64]:
    y, x = np.nonzero(chip.dq & _FULL_WELL)
    chip.release()
    return _mapped(x, y, chip, mosaic) if x.size else np.empty((0, 2))


def _mapped(
    x: NDArray[np.number], y: NDArray[np.number], chip: Chip, mosaic: WCS
) -> NDArray[np.float64]:
    sky = chip.wcs.all_pix2world(x, y, 0)
    return np.column_stack(mosaic.wcs_world2pix(*sky, 0))


def seldom_exposed(
    xy: NDArray[np.float64],
    exposures: Sequence[Exposure],
    mosaic: WCS,
    radius_px: float,
    settings: DetectionSettings,
) -> NDArray[np.bool_]:
    """Tell which sources' apertures reach where too few exposures overlap.

    One is enough on IR and SBC or where there is but one; two are needed of up to five, three of
    more. The chips' outlines tell; bad pixels, which the pipeline's own exposure products show,
    don't count here.

    Parameters
    ----------
    xy : ndarray, shape (n, 2), float64
        Positions on the mosaic, 0-based.
    exposures, mosaic
        As for `full_wells`.
    radius_px : float
        Of the aperture.
    settings : DetectionSettings
        Of the detector.
    """
    if len(exposures) == 1 or not settings.cosmic_rays:
        needed = 1
    else:
        needed = 3 if len(exposures) > 5 else 2
    covering = np.zeros(len(xy), dtype=np.int64)
    for exposure in exposures:
        within = [_within(xy, chip, mosaic, radius_px) for chip in exposure.chips]
        covering += np.logical_or.reduce(within)
    return covering < needed


def _within(
    xy: NDArray[np.float64], chip: Chip, mosaic: WCS, radius_px: float
) -> NDArray[np.bool_]:
    """Tell which positions lie on a chip, at least so far from its edge."""
    ny, nx = chip.sci.shape
    along = np.linspace(0, 1, _OUTLINE)[:-1]
    zero, one = np.zeros_like(along), np.ones_like(along)
    x = np.concatenate([along, one, 1 - along, zero]) * (nx - 1)
    y = np.concatenate([zero, along, one, 1 - along]) * (ny - 1)
    corner = _mapped(x, y, chip, mosaic)
    side = np.roll(corner, -1, axis=0) - corner
    from_corner = xy[:, None] - corner
    turn = side[:, 0] * from_corner[..., 1] - side[:, 1] * from_corner[..., 0]
    # a chip's outline is convex but for some hundredths of a pixel: within is to one side of all
    distance = turn / np.hypot(*side.T)
    within: NDArray[np.bool_] = (distance > radius_px).all(axis=1)
    within |= (distance < -radius_px).all(axis=1)
    return within


def trimmed(flags: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Tell which sources stay in the total catalog: a flag of 5 or less in some filter."""
    keep: NDArray[np.bool_] = np.min(np.stack(flags), axis=0) <= _FLAG_TRIM
    return keep


def rejected(
    exposures: Sequence[Exposure], settings: DetectionSettings, good: Mapping[str, int]
) -> bool:
    """Tell whether a visit's catalogs are emptied for the cosmic rays they must hold.

    The pipeline does so on CCDs where every filter has a single exposure and a catalog has fewer
    good sources than cosmic rays are expected. It multiplies their rate (of 4096 x 4096 pixels of
    15 micrometres) by seconds where hours are meant, so that hardly a catalog survives.

    Parameters
    ----------
    exposures : sequence of Exposure
        Of the visit.
    settings : DetectionSettings
        Of the detector.
    good : mapping of str to int
        By kind of catalog, the number of sources that are stars or extended in some filter.
    """
    names = [e.filter for e in exposures]
    if not settings.cosmic_rays or len(set(names)) < len(names):
        return False
    rate = _COSMIC_RAYS[settings.detector] * sum(e.exptime_s for e in exposures)
    return any(0 < good[kind] < rate * share for kind, share in _SHARES.items())
