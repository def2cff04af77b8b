"""Ghosts: faint images of the pupil, or of the star, beside bright stars.

Light that is reflected twice between surfaces (detector, window, filter) arrives out of focus and
displaced. Sources: WFC3 Data Handbook 5.5.1 (filter ghosts near or over their star; window ghosts
some 80" from it, in pairs like a figure 8), "ACS image anomalies" (SBC: displacements by filter,
less than 1% of the star's light). Sizes and shares of the CCDs' ghosts are set here, within what
WFC3 ISR 2007-09 requires (below 0.2% but for some narrow filters).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spacekit.simulate.psf import stamp_window

__all__ = ["Ghost", "add_ghosts", "ghosts_of"]

#: A ghost is drawn where it stands above this fraction of the noise.
_SIGNIFICANCE: Final = 0.1


@dataclass(frozen=True)
class Ghost:
    """One reflection.

    Parameters
    ----------
    dx_px, dy_px : float
        From the star, detector pixels.
    radius_px : float
        Outer radius of the ring; the inner is a third of it, as of HST's pupil.
    share : float
        Of the star's light.
    """

    dx_px: float
    dy_px: float
    radius_px: float
    share: float


_UVIS: Final = (
    Ghost(11.0, -34.0, 14.0, 0.0012),
    Ghost(1370.0, 1460.0, 62.0, 0.0015),
    Ghost(1455.0, 1550.0, 80.0, 0.0015),
)
_WFC: Final = (Ghost(-16.0, 28.0, 10.0, 0.0008), Ghost(-760.0, 840.0, 48.0, 0.0012))
_GHOSTS: Final[dict[str, dict[str, tuple[Ghost, ...]]]] = {
    "uvis": {"": _UVIS},
    "wfc": {"": _WFC},
    "sbc": {
        "F125LP": (Ghost(-30.0, 95.0, 3.5, 0.004),),
        "F140LP": (Ghost(-29.0, 86.0, 3.5, 0.004),),
        "F150LP": (Ghost(-28.0, 78.0, 3.5, 0.004),),
    },
}


def ghosts_of(detector: str, filter_name: str) -> tuple[Ghost, ...]:
    """Look up the ghosts of a detector and a filter."""
    known = _GHOSTS.get(detector, {})
    return known.get(filter_name, known.get("", ()))


@lru_cache(maxsize=16)
def _ring(radius_px: float) -> NDArray[np.float32]:
    """Give an image of the pupil of flux 1."""
    half = int(np.ceil(radius_px)) + 2
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    r = np.hypot(y, x)
    inside = np.clip(radius_px + 0.5 - r, 0, 1) * np.clip(r - radius_px / 3 + 0.5, 0, 1)
    smooth = ndimage.gaussian_filter(inside, 0.8)
    return np.asarray(smooth / smooth.sum(), np.float32)


def add_ghosts(  # noqa: PLR0913, PLR0917
    image: NDArray[np.float32],
    ghosts: tuple[Ghost, ...],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    flux: NDArray[np.float64],
    noise: float,
) -> None:
    """Add the ghosts of stars to an image, in place.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Added to.
    ghosts : tuple of Ghost
        From `ghosts_of`.
    x, y, flux : ndarray, shape (n,)
        0-based positions (they may lie far outside) and total fluxes of the stars.
    noise : float
        Noise of a pixel: what doesn't rise above a fraction of it is left out.
    """
    for ghost in ghosts:
        stamp = _ring(ghost.radius_px)
        bright = np.flatnonzero(flux * ghost.share * float(stamp.max()) > _SIGNIFICANCE * noise)
        for i in bright.tolist():
            row, column = round(y[i] + ghost.dy_px), round(x[i] + ghost.dx_px)
            place = stamp_window(image, stamp.shape[0], row, column)
            if place is not None:
                target, part = place
                target += np.float32(float(flux[i]) * ghost.share) * stamp[part]
