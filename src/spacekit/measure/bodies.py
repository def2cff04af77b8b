"""Tell sources that lie on something large and bright: on a planet, whose spots are no stars.

A planet moves against the stars. Its spots, bands and limb make sources by the dozen that agree
with one another from product to product, at a shift that is no error of the pointing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening

__all__ = ["on_body"]

Floats = NDArray[np.float64]

#: The image is looked at in blocks of so many pixels; a body is three wide or more, which no
#: star's core is.
_BLOCK_PX: Final = 4
_NARROWEST: Final = np.ones((3, 3), dtype=bool)
#: Its limb and its glare reach so many blocks further.
_MARGIN: Final = 2
#: Quantile of the blocks that is taken for the sky: a body may fill most of the field.
_SKY: Final = 0.1
#: Quantile of the differences that aren't zero, where most are.
_FEW_PHOTONS: Final = 0.25
#: Blocks brighter than the sky by so many times their noise belong to it.
_BRIGHT: Final = 15.0


def on_body(
    sci: NDArray[np.floating], wht: NDArray[np.floating], x: Floats, y: Floats
) -> NDArray[np.bool_]:
    """Say which places lie on a body, or next to one.

    Parameters
    ----------
    sci, wht : ndarray, shape (ny, nx)
        Image and weight, memory-mapped or not.
    x, y : ndarray, shape (n,)
        Places, 0-based px.

    Returns
    -------
    ndarray, shape (n,), bool
    """
    means = _block_means(sci, wht)
    steps = np.abs(np.diff(means, axis=1))
    steps = steps[np.isfinite(steps)]
    if not len(steps):
        return np.zeros(len(x), dtype=bool)
    step = float(np.median(steps))
    if not step and steps.any():
        # most blocks counted no photon at all (ACS/SBC): those tell that have few
        step = float(np.quantile(steps[steps > 0], _FEW_PHOTONS))
    # of the difference of two equal normal errors: 0.6745 sqrt(2) sigma
    noise = step / 0.954
    sky = float(np.nanquantile(means, _SKY))
    body = binary_opening(np.nan_to_num(means, nan=-np.inf) > sky + _BRIGHT * noise, _NARROWEST)
    body = binary_dilation(body, _NARROWEST, iterations=_MARGIN) if body.any() else body
    row, column = (
        np.clip(np.floor((place + 0.5) / _BLOCK_PX).astype(np.intp), 0, size - 1)
        for place, size in ((y, body.shape[0]), (x, body.shape[1]))
    )
    here: NDArray[np.bool_] = body[row, column]
    return here


@np.errstate(over="ignore", invalid="ignore")  # made-up pixels may exceed what sums can hold
def _block_means(sci: NDArray[np.floating], wht: NDArray[np.floating]) -> Floats:
    """Average blocks, a strip of them at a time; NaN where not all of one is exposed.

    What the blocks leave over at the far edges is left out.
    """
    ny, nx = (size // _BLOCK_PX for size in sci.shape)
    means = np.full((max(ny, 1), max(nx, 1)), np.nan)
    for row in range(ny if nx else 0):
        strip = np.s_[row * _BLOCK_PX : (row + 1) * _BLOCK_PX, : nx * _BLOCK_PX]
        values = np.where(wht[strip] > 0, np.asarray(sci[strip], dtype=np.float64), np.nan)
        means[row] = values.reshape(_BLOCK_PX, nx, _BLOCK_PX).mean(axis=(0, 2))
    means[~np.isfinite(means)] = np.nan
    return means
