"""A calibrated exposure, as the pipeline takes it in: plain data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.mosaic.scratch import keep, release

__all__ = ["Chip", "Exposure"]

#: Read noise where the header has none, electrons (instrument handbooks).
_READ_NOISE_E: Final[dict[str, float]] = {
    "ir": 20.0,
    "uvis": 3.1,
    "wfc": 4.2,
    "hrc": 4.7,
    "sbc": 0.0,
}


@dataclass(frozen=True)
class Chip:
    """One science extension of an exposure.

    Parameters
    ----------
    sci : ndarray, shape (ny, nx), float32
        Pixels, electrons (CCD) or electrons/s (IR), native byte order.
    dq : ndarray, shape (ny, nx), int16
        Data quality bits.
    wcs : astropy.wcs.WCS
        With SIP; what the header says, which may be wrong.
    header : astropy.io.fits.Header
        Of the SCI extension.
    err : ndarray, shape (ny, nx), float32, or None
        Uncertainty of the pixels; None: what they and the read noise give. The embedded pipeline
        has no use for it, and in full format it takes 34 MB.
    """

    sci: NDArray[np.float32]
    dq: NDArray[np.int16]
    wcs: WCS
    header: fits.Header
    err: NDArray[np.float32] | None = None

    @property
    def in_rates(self) -> bool:
        """Whether pixels are per second."""
        return str(self.header.get("BUNIT", "")).strip().upper().endswith("/S")

    def kept(self, folder: Path) -> Chip:
        """Give the chip with its pixels in files of a folder, see `keep`."""
        err = None if self.err is None else keep(self.err, folder)
        return replace(self, sci=keep(self.sci, folder), dq=keep(self.dq, folder), err=err)

    def release(self) -> None:
        """Drop from memory what was looked at of a kept chip."""
        release(self.sci, self.dq, *([] if self.err is None else [self.err]))


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

    def kept(self, folder: Path) -> Exposure:
        """Give the exposure with its pixels in files of a folder, see `keep`."""
        return replace(self, chips=tuple(chip.kept(folder) for chip in self.chips))

    @property
    def rootname(self) -> str:
        """Nine letters, "iza101aaq"."""
        return self.filename.split("_", maxsplit=1)[0]

    @property
    def start_mjd(self) -> float | None:
        """When it began, MJD; None where the header doesn't say."""
        start = self.header.get("EXPSTART")
        return float(start) if isinstance(start, float | int) and start > 0 else None

    @property
    def read_noise_e(self) -> float:
        """Mean read noise of the amplifiers, electrons."""
        known = (self.header.get(f"READNSE{amp}") for amp in "ABCD")
        values = [float(v) for v in known if isinstance(v, float | int) and v > 0]
        return float(np.mean(values)) if values else _READ_NOISE_E.get(self.detector, 4.0)
