"""The detectors: one row of numbers each.

Sources: WFC3 Instrument Handbook (v15) and ACS Instrument Handbook (v22) for formats, gains,
read noise, full wells, dark and sky rates; the headers of calibrated exposures for PHOTFLAM,
PHOTPLAM and the distortion polynomial (IDCTAB w3m18525i for WFC3/IR, 2731450pi for UVIS). The
polynomials of ACS are rounded from published headers: right in size and shape, not to the mas.
Dates: WFC3 was installed on 2009-05-14, ACS on 2002-03-07; its CCDs failed on 2007-01-27, and the
WFC was repaired on 2009-05-16 (the same handbooks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from spacekit.errors import SimulationError

__all__ = ["DETECTORS", "Detector", "Filter", "detectors_with", "find_detector"]

_WFC3_INSTALLED: Final = 54_965.0
_ACS_INSTALLED: Final = 52_340.0
_ACS_FAILED: Final = 54_127.0
_ACS_REPAIRED: Final = 54_967.0
#: Nothing is drawn after 2023-02-25.
_LAST: Final = 60_000.0


@dataclass(frozen=True)
class Filter:
    """A filter on a detector.

    Parameters
    ----------
    name : str
        Upper case, as in the header.
    pivot_angstrom, photflam : float
        PHOTPLAM and PHOTFLAM (erg/cm2/A/electron).
    sky_e_s : float
        Typical sky and dark, electrons/s/pixel.
    wheel : int
        Which of the two ACS filter wheels holds it (1 or 2).
    """

    name: str
    pivot_angstrom: float
    photflam: float
    sky_e_s: float
    wheel: int = 1

    @property
    def zeropoint_ab(self) -> float:
        """AB magnitude of 1 electron/s (ACS data handbook, equation of ABMAG_ZEROPOINT)."""
        return float(
            -2.5 * np.log10(self.photflam) - 21.10 - 5 * np.log10(self.pivot_angstrom) + 18.6921
        )


@dataclass(frozen=True)
class Detector:
    """What the simulator has to know of a detector.

    Parameters
    ----------
    instrument, name : str
        Lower case ("wfc3", "ir").
    letter : str
        First letter of rootnames.
    suffix : str
        "flt", or "flc" where CTE is corrected.
    scale_arcsec : float
        Pixel of the mosaic.
    linear_arcsec : tuple of 4 floats
        OCX11, OCX10, OCY11, OCY10: arcsec per pixel, x from x, x from y, y from x, y from y.
    sip_a, sip_b : dict
        (p, q) to coefficient.
    sip_order : int
        A_ORDER and B_ORDER.
    chip_shape : tuple of int
        (ny, nx) of a chip in full format.
    n_chips : int
        Chips in full format.
    gap_px : float
        Gap between them.
    gain, read_noise_e, full_well_e : float
        Electrons/DN, electrons, electrons. The read noise is that of the pixels.
    header_read_noise_e : float
        What headers call read noise (READNSEA to READNSED), electrons: for IR that of two reads,
        which the fit to all reads of a ramp brings down to 12 (WFC3 Instrument Handbook, 5.7).
    hot_fraction, bad_fraction : float
        Pixels with DQ 16 and with DQ 4.
    hot_e_s : float
        Typical excess of a hot pixel.
    cosmic_rays : float
        Events per second and 10^6 pixels that are left in a calibrated exposure.
    rates : bool
        Whether pixels are electrons/s (IR) rather than electrons.
    idctab : str
        Name of the distortion table, part of WCSNAME.
    observed_mjd : tuple of (float, float)
        Spans in which it observed, MJD.
    filters : tuple of Filter
        Typical filters.
    """

    instrument: str
    name: str
    letter: str
    suffix: str
    scale_arcsec: float
    linear_arcsec: tuple[float, float, float, float]
    sip_a: dict[tuple[int, int], float]
    sip_b: dict[tuple[int, int], float]
    sip_order: int
    chip_shape: tuple[int, int]
    n_chips: int
    gap_px: float
    gain: float
    read_noise_e: float
    header_read_noise_e: float
    full_well_e: float
    hot_fraction: float
    bad_fraction: float
    hot_e_s: float
    cosmic_rays: float
    rates: bool
    idctab: str
    observed_mjd: tuple[tuple[float, float], ...]
    filters: tuple[Filter, ...]

    @property
    def is_ccd(self) -> bool:
        """Whether saturated columns bleed and cosmic rays leave tracks."""
        return self.name in {"uvis", "wfc", "hrc"}

    def filter(self, name: str) -> Filter:
        """Look a filter up by its name, any case.

        Raises
        ------
        SimulationError
            If this detector has no such filter here.
        """
        for one in self.filters:
            if one.name == name.upper():
                return one
        known = ", ".join(f.name for f in self.filters)
        raise SimulationError(
            f"{self.instrument}/{self.name} has no filter {name} here; take one of {known}"
        )


_IR = Detector(
    instrument="wfc3",
    name="ir",
    letter="i",
    suffix="flt",
    scale_arcsec=0.12825,
    linear_arcsec=(0.1354107, 0.00077612, -0.00042132, 0.1209511),
    sip_a={
        (0, 2): 5.3654e-08, (0, 3): 3.576e-11, (0, 4): -2.0299e-13, (1, 1): 2.44568e-05,
        (1, 2): 5.9998e-11, (1, 3): 6.204e-13, (2, 0): -1.97679e-07, (2, 1): 1.1243e-10,
        (2, 2): -2.1e-14, (3, 0): -1.45474e-10, (3, 1): 5.611e-13, (4, 0): -3.35e-13,
    },
    sip_b={
        (0, 2): 3.00208e-05, (0, 3): -1.67735e-10, (0, 4): 7.747e-13, (1, 1): -1.74697e-07,
        (1, 2): 4.2656e-11, (1, 3): -9.07e-14, (2, 0): 6.98027e-06, (2, 1): -2.63387e-10,
        (2, 2): -6.96e-14, (3, 0): 5.3154e-11, (3, 1): 1.001e-13, (4, 0): -6.14e-13,
    },
    sip_order=4,
    chip_shape=(1014, 1014),
    n_chips=1,
    gap_px=0.0,
    gain=2.5,
    read_noise_e=12.0,
    header_read_noise_e=20.0,
    full_well_e=81_500.0,
    hot_fraction=0.004,
    bad_fraction=0.002,
    hot_e_s=0.15,
    cosmic_rays=0.02,
    rates=True,
    idctab="w3m18525i",
    observed_mjd=((_WFC3_INSTALLED, _LAST),),
    filters=(
        Filter("F105W", 10551.0, 3.0386e-20, 0.95),
        Filter("F110W", 11534.459, 1.5318e-20, 1.66),
        Filter("F125W", 12486.1, 2.2484e-20, 0.98),
        Filter("F140W", 13922.9, 1.4737e-20, 1.25),
        Filter("F160W", 15369.2, 1.9276e-20, 0.86),
        Filter("F098M", 9864.7, 6.0653e-20, 0.60),
    ),
)  # fmt: skip

_UVIS = Detector(
    instrument="wfc3",
    name="uvis",
    letter="i",
    suffix="flc",
    scale_arcsec=0.03962,
    linear_arcsec=(0.03977801, 0.00017508, 0.00233699, 0.03984111),
    sip_a={
        (0, 2): 9.6875e-08, (0, 3): 1.8398e-11, (0, 4): -1.572e-14, (1, 1): -3.00733e-06,
        (1, 2): 1.5217e-11, (1, 3): 1.068e-14, (2, 0): 2.93081e-06, (2, 1): -1.2617e-11,
        (2, 2): -1.726e-14, (3, 0): 3.0558e-11, (3, 1): 6.66e-15, (4, 0): -7.46e-15,
    },
    sip_b={
        (0, 2): -3.11824e-06, (0, 3): 1.4927e-11, (0, 4): 1.731e-14, (1, 1): 2.8147e-06,
        (1, 2): -5.079e-12, (1, 3): 8.68e-15, (2, 0): -5.8319e-08, (2, 1): 1.029e-11,
        (2, 2): 1.897e-14, (3, 0): 1.8e-13, (3, 1): -6.7e-16, (4, 0): 2.82e-15,
    },
    sip_order=4,
    chip_shape=(2051, 4096),
    n_chips=2,
    gap_px=31.0,
    gain=1.5,
    read_noise_e=3.1,
    header_read_noise_e=3.1,
    full_well_e=70_000.0,
    hot_fraction=0.004,
    bad_fraction=0.002,
    hot_e_s=0.05,
    cosmic_rays=4.0,
    rates=False,
    idctab="2731450pi",
    observed_mjd=((_WFC3_INSTALLED, _LAST),),
    filters=(
        Filter("F275W", 2709.7, 3.19e-18, 0.0030),
        Filter("F336W", 3354.5, 1.285e-18, 0.0055),
        Filter("F438W", 4326.2, 6.70e-19, 0.0170),
        Filter("F475W", 4773.1, 2.50e-19, 0.0390),
        Filter("F555W", 5308.4, 1.80e-19, 0.0450),
        Filter("F606W", 5889.2, 1.1637e-19, 0.0607),
        Filter("F775W", 7651.4, 2.08e-19, 0.0380),
        Filter("F814W", 8039.1, 1.4971e-19, 0.0403),
    ),
)  # fmt: skip

_WFC = Detector(
    instrument="acs",
    name="wfc",
    letter="j",
    suffix="flc",
    scale_arcsec=0.05,
    linear_arcsec=(0.04983026, 0.00196513, 0.00149454, 0.05027453),
    sip_a={
        (0, 2): 2.162e-06, (1, 1): -5.194e-06, (2, 0): 8.543e-06, (0, 3): 1.1e-11,
        (1, 2): -5.2e-10, (2, 1): -4.4e-11, (3, 0): -4.8e-10,
    },
    sip_b={
        (0, 2): -7.222e-06, (1, 1): 6.183e-06, (2, 0): -1.756e-06, (0, 3): -4.2e-10,
        (1, 2): -3.0e-11, (2, 1): -5.1e-10, (3, 0): 8.5e-11,
    },
    sip_order=3,
    chip_shape=(2048, 4096),
    n_chips=2,
    gap_px=50.0,
    gain=2.0,
    read_noise_e=4.2,
    header_read_noise_e=4.2,
    full_well_e=80_000.0,
    hot_fraction=0.008,
    bad_fraction=0.002,
    hot_e_s=0.08,
    cosmic_rays=4.0,
    rates=False,
    idctab="11d1433lj",
    observed_mjd=((_ACS_INSTALLED, _ACS_FAILED), (_ACS_REPAIRED, _LAST)),
    filters=(
        Filter("F435W", 4330.0, 3.11e-19, 0.035, 2),
        Filter("F475W", 4747.0, 1.81e-19, 0.058, 1),
        Filter("F555W", 5361.0, 1.95e-19, 0.060, 1),
        Filter("F606W", 5921.9, 7.86e-20, 0.125, 1),
        Filter("F775W", 7693.0, 9.94e-20, 0.080, 1),
        Filter("F814W", 8045.0, 7.03e-20, 0.110, 2),
        Filter("F850LP", 9033.0, 1.50e-19, 0.055, 1),
    ),
)  # fmt: skip

_HRC = Detector(
    instrument="acs",
    name="hrc",
    letter="j",
    suffix="flt",
    scale_arcsec=0.025,
    linear_arcsec=(0.02834, 0.00053, 0.00287, 0.02465),
    sip_a={(0, 2): 3.0e-08, (1, 1): -2.1e-06, (2, 0): 4.0e-07, (3, 0): -3.0e-11},
    sip_b={(0, 2): -2.6e-06, (1, 1): 4.0e-07, (2, 0): -1.0e-07, (0, 3): -3.0e-11},
    sip_order=3,
    chip_shape=(1024, 1024),
    n_chips=1,
    gap_px=0.0,
    gain=2.2,
    read_noise_e=4.7,
    header_read_noise_e=4.7,
    full_well_e=155_000.0,
    hot_fraction=0.006,
    bad_fraction=0.002,
    hot_e_s=0.06,
    cosmic_rays=4.0,
    rates=False,
    idctab="p7d1548qj",
    observed_mjd=((_ACS_INSTALLED, _ACS_FAILED),),
    filters=(
        Filter("F250W", 2716.0, 4.75e-18, 0.0060, 2),
        Filter("F330W", 3363.0, 2.24e-18, 0.0065, 2),
        Filter("F435W", 4311.0, 5.36e-19, 0.0110, 2),
        Filter("F555W", 5356.0, 3.00e-19, 0.0170, 1),
        Filter("F606W", 5888.0, 1.28e-19, 0.0300, 1),
        Filter("F814W", 8115.0, 1.29e-19, 0.0240, 2),
    ),
)

_SBC = Detector(
    instrument="acs",
    name="sbc",
    letter="j",
    suffix="flt",
    scale_arcsec=0.025,
    linear_arcsec=(0.03358, 0.00048, 0.00326, 0.03010),
    sip_a={(0, 2): 1.0e-08, (1, 1): -2.2e-06, (2, 0): 5.0e-07},
    sip_b={(0, 2): -2.7e-06, (1, 1): 5.0e-07, (2, 0): -1.0e-07},
    sip_order=2,
    chip_shape=(1024, 1024),
    n_chips=1,
    gap_px=0.0,
    gain=1.0,
    read_noise_e=0.0,
    header_read_noise_e=0.0,
    full_well_e=1.0e6,
    hot_fraction=0.0002,
    bad_fraction=0.003,
    hot_e_s=0.002,
    cosmic_rays=0.0,
    rates=False,
    idctab="q692007bj",
    observed_mjd=((_ACS_INSTALLED, _LAST),),
    filters=(
        Filter("F125LP", 1438.2, 1.713e-17, 0.0100, 1),
        Filter("F140LP", 1528.0, 2.713e-17, 0.0011, 1),
        Filter("F150LP", 1611.0, 3.246e-17, 0.0006, 1),
    ),
)

#: Every detector by its name.
DETECTORS: Final[dict[str, Detector]] = {d.name: d for d in (_IR, _UVIS, _WFC, _HRC, _SBC)}


def find_detector(name: str) -> Detector:
    """Look a detector up by its name, any case.

    Raises
    ------
    SimulationError
        If there is none of that name.
    """
    try:
        return DETECTORS[name.lower()]
    except KeyError:
        known = ", ".join(DETECTORS)
        raise SimulationError(f"no detector called {name}; take one of {known}") from None


def detectors_with(filters: Sequence[str]) -> list[str]:
    """Name the detectors that have all of these filters.

    Raises
    ------
    SimulationError
        If there is none.
    """
    wanted = {name.upper() for name in filters}
    found = [d.name for d in DETECTORS.values() if wanted <= {f.name for f in d.filters}]
    if not found:
        raise SimulationError(f"no detector has the filter(s) {', '.join(sorted(wanted))} here")
    return found
