"""How stars differ from place to place in a detector's field: astigmatism.

Windows of 512 px and less are so small that one PSF serves them (`psf.hst_psf`, for a third of the
field). In larger ones astigmatism is evaluated by place, and the PSF follows it: the second-order
polynomial in the two terms of astigmatism that goes through six PSFs, which is right to 0.5% of the
peak and 0.001 in ellipticity up to the 35 nm that WFC reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from spacekit.simulate.detectors import Detector
from spacekit.simulate.psf import Psf, add_stars, hst_core, hst_psf

__all__ = ["PsfField", "astigmatism_nm", "psf_field"]

#: Powers of x and y in the polynomials below.
_POWERS: Final = tuple((i, j) for i in range(4) for j in range(4 - i))
#: Astigmatism at 45 deg and along the axes (Noll's 5 and 6 on the detector's axes), nm rms of the
#: wavefront, as cubics of the place in the field: x and y run from -1 to 1 over all its chips.
#: Fitted to Tiny Tim's tables (spacetelescope/tinytim, Krist, Hook & Stoehr 2011: *.pup by place,
#: *.tab at the centre), to 1 nm rms for WFC and better for others. Its pupil has the V3 axis to the
#: right and V2 up, measures angles from V2, and is turned clockwise by -90 deg for WFC, 90 for HRC
#: and SBC and 135 for UVIS (opd.c, rotate.c); 0.945 is from its Zernikes of the annular pupil to
#: GalSim's.
_ASTIGMATISM: Final[dict[str, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "uvis": (
        (3.9, -6.4, -3.0, 0.0, 5.9, 7.2, 0.0, -2.6, 0.0, 0.0),
        (-0.1, 7.1, 3.9, 0.0, 7.7, 0.5, 0.0, -3.7, 0.0, 0.0),
    ),
    "wfc": (
        (-12.7, -19.4, 18.8, 10.5, 11.6, 9.0, -7.1, 17.2, 10.5, -6.2),
        (16.3, -7.1, -24.6, 5.7, -6.9, -0.6, 5.4, 19.2, 6.2, 5.2),
    ),
    "hrc": (
        (1.1, 3.6, 0.1, -1.2, -5.2, 0.5, 0.9, 0.9, -0.9, 0.8),
        (1.0, 2.6, -0.9, 2.1, 5.6, -1.2, -2.4, 0.0, -0.5, -1.0),
    ),
    "sbc": (
        (2.2, 0.8, 1.2, 0.7, -1.0, 1.6, -2.6, 0.0, 0.4, -1.3),
        (-3.8, 4.4, 0.4, -2.0, -0.2, -0.4, 2.2, 0.3, -3.2, 1.8),
    ),
}
#: Larger windows have more than one PSF.
_ONE_PSF_PX: Final = 512
#: Stars in squares of this side share a PSF: over it astigmatism changes by 1 or 2 nm.
_TILE_PX: Final = 128
#: PSFs are made for astigmatism of none and of this, nm; the polynomial reaches a little beyond.
_STEP_NM: Final[dict[str, float]] = {"uvis": 16.0, "wfc": 30.0, "hrc": 8.0, "sbc": 8.0}


def astigmatism_nm(detector: Detector, x: float, y: float) -> tuple[float, float]:
    """Give the astigmatism of a place in a detector's field.

    Parameters
    ----------
    detector : Detector
        Any but IR, of which none is known.
    x, y : float
        0-based pixels of the full format, chips butted.

    Returns
    -------
    tuple of float
        At 45 deg and along the axes of the detector, nm rms of the wavefront.
    """
    ny, nx = detector.chip_shape
    u, v = 2 * (x + 0.5) / nx - 1, 2 * (y + 0.5) / (ny * detector.n_chips) - 1
    terms = np.array([u**i * v**j for i, j in _POWERS])
    oblique, along = (float(terms @ np.array(row)) for row in _ASTIGMATISM[detector.name])
    return oblique, along


@dataclass(frozen=True)
class PsfField:
    """The PSFs of a window, by place.

    Parameters
    ----------
    detector : Detector
        Whose.
    corner : tuple of int
        Column and row in the detector's field, chips butted, of the window's first pixel.
    shape : tuple of int
        (ny, nx) of the window.
    filter_name, focus_bin
        As of `hst_psf`.
    """

    detector: Detector
    corner: tuple[int, int]
    shape: tuple[int, ...]
    filter_name: str
    focus_bin: int

    def at(self, x: float, y: float) -> Psf:
        """Give the PSF of a place in the window, 0-based pixels."""
        place = astigmatism_nm(self.detector, self.corner[0] + x, self.corner[1] + y)
        bank = _bank(self.detector.name, self.filter_name, self.focus_bin)
        u, v = (nm / _STEP_NM[self.detector.name] for nm in place)
        terms = np.array([1.0, u, v, u * u, v * v, u * v], np.float32)
        core, optics = (np.tensordot(terms, part, 1) for part in (bank.core, bank.optics))
        return Psf(core, bank.wings, optics)

    @property
    def middle(self) -> Psf:
        """PSF of the middle of the window."""
        return self.at((self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2)

    def add_stars(
        self,
        image: NDArray[np.float32],
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        flux: NDArray[np.float64],
        noise: float,
    ) -> None:
        """Add stars to an image, each with the PSF of its place; parameters as of `add_stars`."""
        columns, rows = (
            np.clip(place // _TILE_PX, 0, (side - 1) // _TILE_PX).astype(int)
            for place, side in ((x, self.shape[1]), (y, self.shape[0]))
        )
        for row, column in np.unique(np.stack([rows, columns], axis=1), axis=0).tolist():
            here = (rows == row) & (columns == column)
            psf = self.at((column + 0.5) * _TILE_PX - 0.5, (row + 0.5) * _TILE_PX - 0.5)
            add_stars(image, psf, x[here], y[here], flux[here], noise)


def psf_field(
    detector: Detector,
    corner: tuple[int, int],
    shape: tuple[int, ...],
    filter_name: str,
    focus_bin: int,
) -> PsfField | None:
    """Give the PSFs of a window, or None where one serves it; parameters as of `PsfField`."""
    if max(shape) <= _ONE_PSF_PX or detector.name not in _ASTIGMATISM:
        return None
    return PsfField(detector, corner, shape, filter_name, focus_bin)


@lru_cache(maxsize=16)
def _bank(detector: str, filter_name: str, focus_bin: int) -> Psf:
    """Give the coefficients of 1, u, v, u*u, v*v and u*v of cores and kernels, first axis; cached.

    u and v are the terms of astigmatism in units of `_STEP_NM`. 2 MB each; the wings, which are
    alike all over the field, are those of the field's best third.
    """
    step = _STEP_NM[detector]
    places = [(0.0, 0.0), (step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step), (step, step)]
    made = [hst_core(detector, filter_name, focus_bin, place) for place in places]
    core, optics = (_coefficients(np.stack(part)) for part in zip(*made, strict=True))
    return Psf(core, hst_psf(detector, filter_name, focus_bin, 0).wings, optics)


def _coefficients(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Solve for a polynomial from its values where (u, v) is 0 0, 1 0, -1 0, 0 1, 0 -1 and 1 1."""
    none, right, left, up, down, both = values
    return np.stack(
        [
            none,
            (right - left) / 2,
            (up - down) / 2,
            (right + left) / 2 - none,
            (up + down) / 2 - none,
            both - right - up + none,
        ]
    )
