"""What becomes of charge in a CCD on its way out: bleeding, and trails by charge traps."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["bleed", "trail_charge"]

#: A trail: shares released with decay lengths in px (Anderson & Bedin 2010: a steep start and a
#: tail that is seen for more than 50 px; its shape here is two exponentials).
_RELEASE: Final = ((0.55, 2.0), (0.45, 15.0))
_TRAIL_PX: Final = 45
#: Traps take less of a bright source, in proportion.
_TRAP_POWER: Final = 0.65
_MOST_LOST: Final = 0.25
_LEAST_E: Final = 30.0
#: Less than this in a pixel is kept back.
_LEAST_RELEASED_E: Final = 0.05
_COLUMN_PX: Final = 2048.0


def trail_charge(
    image: NDArray[np.float32], traps: float, transfers: NDArray[np.float64], *, upward: bool
) -> None:
    """Move charge from what stands out to trails that point away from the amplifier, in place.

    Charge that follows as much charge in its column is not trapped: the traps are full.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Electrons; changed, its sum but for what trails off the chip kept.
    traps : float
        As of `spacekit.simulate.defects.Defects`.
    transfers : ndarray, shape (ny,)
        Rows between a row and its amplifier.
    upward : bool
        Whether trails go to higher rows.
    """
    view = image if upward else image[::-1]
    ahead = np.median(image[:: max(image.shape[0] // 64, 1), :: max(image.shape[1] // 64, 1)])
    least = np.float32(_LEAST_E + 5 * np.sqrt(max(float(ahead), 0.0)))
    step = np.diff(view, axis=0, prepend=np.float32(ahead))
    rows, columns = np.nonzero(step > least)
    excess = step[rows, columns]
    del step
    far = (transfers if upward else transfers[::-1])[rows] / _COLUMN_PX
    lost = traps * 0.1 * far * 1000.0 * (excess / 1000.0) ** _TRAP_POWER
    lost = np.minimum(lost, _MOST_LOST * excess).astype(np.float32)
    view[rows, columns] -= lost
    for k in range(1, _TRAIL_PX + 1):
        share = np.float32(_released(k))
        on = (rows + k < view.shape[0]) & (share * lost > _LEAST_RELEASED_E)
        # A pixel and a distance give one place: no index is twice in a step.
        view[rows[on] + k, columns[on]] += share * lost[on]


def _released(k: int) -> float:
    """Share of the trapped charge that comes out k px later; sums to 1 over the trail."""
    total = 0.0
    for share, length in _RELEASE:
        decay = np.exp(-1 / length)
        total += share * (1 - decay) * decay ** (k - 1) / (1 - decay**_TRAIL_PX)
    return float(total)


def bleed(image: NDArray[np.float32], full_well: float) -> NDArray[np.bool_]:
    """Let saturated pixels of a CCD overflow along their columns, in place.

    Each run of pixels above the full well keeps its charge but spreads it evenly up and down
    until nothing is above; what would leave the chip is lost.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Electrons; changed.
    full_well : float
        What a pixel holds.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Where the full well was reached.
    """
    saturated = image >= full_well
    for column in np.flatnonzero(saturated.any(axis=0)):
        _bleed_column(image[:, column], saturated[:, column], full_well)
    return saturated


def _bleed_column(
    column: NDArray[np.float32], saturated: NDArray[np.bool_], full_well: float
) -> None:
    """Fill the nearest room above and below each run with half of its excess."""
    runs, n = ndimage.label(column > full_well)
    for (run,) in ndimage.find_objects(runs, n):
        excess = float((column[run] - full_well).sum())
        column[run] = full_well
        for side, seen in (
            (column[run.stop :], saturated[run.stop :]),
            (column[: run.start][::-1], saturated[: run.start][::-1]),
        ):
            filled = np.cumsum(np.maximum(full_well - side, 0.0))
            reach = int(np.searchsorted(filled, excess / 2))
            left = excess / 2 - (float(filled[reach - 1]) if reach else 0.0)
            side[:reach] = np.maximum(side[:reach], full_well)
            seen[:reach] = True
            if reach < side.size:
                side[reach] += np.float32(left)
