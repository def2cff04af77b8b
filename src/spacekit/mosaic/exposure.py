"""A calibrated exposure, as the pipeline takes it in: plain data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

__all__ = ["Chip", "Exposure"]


@dataclass(frozen=True)
class Chip:
    """One science extension of an exposure.

    Parameters
    ----------
    sci, err : ndarray, shape (ny, nx), float32
        Pixels and their uncertainty, electrons (CCD) or electrons/s (IR), native byte order.
    dq : ndarray, shape (ny, nx), int16
        Data quality bits.
    wcs : astropy.wcs.WCS
        With SIP; what the header says, which may be wrong.
    header : astropy.io.fits.Header
        Of the SCI extension.
    """

    sci: NDArray[np.float32]
    err: NDArray[np.float32]
    dq: NDArray[np.int16]
    wcs: WCS
    header: fits.Header


@dataclass(frozen=True)
class Exposure:
    """One calibrated exposure (flt or flc).

    Parameters
    ----------
    filename : str
        Its file's name ("iza101aaq_flt.fits").
    filter : str
        As in product names, lower case ("f160w", "f606w-clear2l").
    instrument, detector : str
        Lower case ("wfc3", "ir").
    exptime_s : float
        Exposure time.
    chips : tuple of Chip
        One, or two for a full-format CCD.
    header : astropy.io.fits.Header
        The primary header.
    """

    filename: str
    filter: str
    instrument: str
    detector: str
    exptime_s: float
    chips: tuple[Chip, ...]
    header: fits.Header

    @property
    def rootname(self) -> str:
        """Nine letters, "iza101aaq"."""
        return self.filename.split("_", maxsplit=1)[0]
