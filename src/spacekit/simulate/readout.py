"""From expected electrons to calibrated planes: noise, cosmic rays, saturation, charge transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.simulate.charge import bleed, trail_charge
from spacekit.simulate.cosmic_rays import cosmic_rays
from spacekit.simulate.defects import Defects
from spacekit.simulate.detectors import Detector

__all__ = ["Pixels", "photon_noise", "read_out"]

_SATURATED: Final = 256
#: The first read of an up-the-ramp exposure, s (WFC3 Instrument Handbook, 7.7).
_FIRST_READ_S: Final = 2.9
#: From here on up a skewed Gaussian stands for Poisson's distribution.
_GAUSSIAN_ABOVE: Final = 10.0


@dataclass(frozen=True)
class Pixels:
    """Planes of a chip, as of `spacekit.mosaic.exposure.Chip`."""

    sci: NDArray[np.float32]
    dq: NDArray[np.int16]
    err: NDArray[np.float32] | None = None


def photon_noise(expected: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Draw Poisson numbers; four times as fast as numpy's where the mean is above ten.

    There it is ``mean + sqrt(mean - 0.14) z + (z**2 - 1) / 6``, rounded (Cornish-Fisher): mean,
    variance and skewness are Poisson's, the 0.14 being what the last term and rounding add.

    Parameters
    ----------
    expected : ndarray, float32
        Means.
    rng : Generator
        Source of randomness.
    """
    z = rng.standard_normal(expected.shape, dtype=np.float32)
    drawn: NDArray[np.float32] = np.sqrt(np.maximum(expected - np.float32(0.14), 0.0))
    drawn *= z
    drawn += expected
    z *= z
    z -= np.float32(1.0)
    z *= np.float32(1 / 6)
    drawn += z
    np.rint(drawn, out=drawn)
    low = expected < _GAUSSIAN_ABOVE
    if low.any():
        drawn[low] = rng.poisson(np.maximum(expected[low], 0.0))
    return drawn


def read_out(  # noqa: PLR0913, PLR0917
    expected: NDArray[np.float32],
    detector: Detector,
    exptime_s: float,
    ray_factor: float,
    defects: Defects,
    top_amplifier: bool,
    rng: Generator,
) -> Pixels:
    """Detect photons and read a chip.

    Parameters
    ----------
    expected : ndarray, shape (ny, nx), float32
        Expected electrons.
    detector : Detector
        Of what kind.
    exptime_s : float
        Exposure time.
    ray_factor : float
        Factor on the detector's rate of cosmic rays.
    defects : Defects
        Of the chip.
    top_amplifier : bool
        Whether it is read out at its upper edge.
    rng : Generator
        Source of randomness.
    """
    shape = expected.shape
    electrons = photon_noise(expected, rng)
    rate = detector.cosmic_rays * ray_factor * expected.size / 1e6
    if rate > 0:
        # Up the ramp most hits are found; what is left is the last bit of their charge.
        share = 0.25 if detector.rates else 1.0
        electrons += np.float32(share) * cosmic_rays(shape, rate * exptime_s, rng)
    dq = defects.dq
    if detector.is_ccd:
        saturated = bleed(electrons, detector.full_well_e)
        if defects.traps > 0:
            row = np.arange(shape[0]) + defects.first_row
            far = detector.chip_shape[0] - 1 - row if top_amplifier else row
            trail_charge(electrons, defects.traps, far.astype(float), upward=not top_amplifier)
    else:
        # calwf3 fits the ramp up to where it saturates: an flt is flagged where no read is left.
        # It flags the hits it found in the ima alone.
        read = min(_FIRST_READ_S / exptime_s, 1.0) if detector.rates else 1.0
        saturated = electrons * np.float32(read) >= detector.full_well_e
    dq[saturated] |= _SATURATED
    if detector.read_noise_e > 0:
        noise = rng.standard_normal(shape, dtype=np.float32)
        noise *= np.float32(detector.read_noise_e)
        electrons += noise
    if any(defects.bias_e):
        electrons[:, : shape[1] // 2] += np.float32(defects.bias_e[0])
        electrons[:, shape[1] // 2 :] += np.float32(defects.bias_e[1])
    if not detector.rates:
        return Pixels(electrons, dq)
    # Pixels of a ramp are less noisy than their header's read noise says, and ERR knows it.
    err = np.sqrt(np.maximum(electrons, 0) + np.float32(detector.read_noise_e**2))
    electrons /= np.float32(exptime_s)
    err /= np.float32(exptime_s)
    return Pixels(electrons, dq, err)
