"""What a chip adds of its own and alike in all exposures of a visit.

Hot, bad and blocked pixels, flat-field residuals, bad columns, what an earlier target left
behind in the infrared, glow of the photon counter, offsets between amplifiers, charge traps.

Sources: "ACS image anomalies" (STScI web page: broken anodes in rows 600 to 605 of the SBC;
occulting finger of the HRC, 0.8" by 5", its flat masked 1.6" by 6.5", DQ 8; bias offsets between
WFC quadrants), ACS ISR 2024-04 (glow of the SBC: about 750 px wide, between the centre and the
upper right corner), WFC3 Data Handbook 8.1 (persistence: 0.1 electrons/s and more, in the pattern
of an earlier visit's dithers), Anderson & Bedin 2010 (charge traps).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.simulate.detectors import Detector

__all__ = ["Defects", "draw_defects"]

_BAD: Final = 4
_BLOCKED: Final = 8
_HOT: Final = 16
_BAD_COLUMN: Final = 128
#: Blocked or dead regions in full format: rows and columns from, to.
_FINGER: Final = (slice(764, 1024), slice(411, 475))
_BROKEN_ANODES: Final = (slice(599, 605), slice(None))
_VIGNETTED_CORNER_PX: Final = 70


@dataclass(frozen=True)
class Defects:
    """Pixels of a chip that misbehave, the same in all exposures of a visit.

    Parameters
    ----------
    hot : ndarray of int, shape (n,)
        Flat indices of hot pixels.
    excess : ndarray, shape (n,), float32
        Their excess, electrons/s.
    flagged : ndarray of int, shape (m,)
        Flat indices of pixels with DQ bits. Some warm pixels are not among them.
    bits : ndarray, shape (m,), int16
        Their bits. 4: bad, 8: blocked, 16: hot, 128: bad column.
    response : ndarray, shape (ny, nx), float32
        Relative sensitivity: what flat-fielding left, and bad pixels.
    glow : ndarray, shape (ny, nx), float32, or None
        Smooth excess, electrons/s: persistence, glow.
    bias_e : tuple of float
        What is left of the offsets of the amplifiers of the left and the right half, electrons.
    traps : float
        Charge a column of 2048 px takes from a source of 1000 electrons, in units of 0.1 of it.
    first_row : int
        Row of the full chip at which the subarray starts.
    """

    hot: NDArray[np.intp]
    excess: NDArray[np.float32]
    flagged: NDArray[np.intp]
    bits: NDArray[np.int16]
    response: NDArray[np.float32]
    glow: NDArray[np.float32] | None
    bias_e: tuple[float, float]
    traps: float
    first_row: int

    @property
    def dq(self) -> NDArray[np.int16]:
        """Data quality plane, new each time."""
        plane = np.zeros(self.response.shape, np.int16)
        np.bitwise_or.at(plane.reshape(-1), self.flagged, self.bits)
        return plane


def draw_defects(
    detector: Detector, shape: tuple[int, int], first_row: int, rng: Generator
) -> Defects:
    """Draw what is wrong with a chip.

    Parameters
    ----------
    detector : Detector
        Whose chip.
    shape : tuple of int
        (ny, nx); where narrower than the chip, its middle columns.
    first_row : int
        Row of the full chip at which it starts.
    rng : Generator
        Source of randomness.
    """
    n = shape[0] * shape[1]
    response = rng.standard_normal(shape, dtype=np.float32)
    response *= np.float32(0.003)
    response += np.float32(1.0)
    hot = rng.integers(0, n, rng.poisson(n * detector.hot_fraction * 1.1))
    # A steep tail: most are a little warm, a few are very hot.
    excess = (detector.hot_e_s * rng.exponential(1.0, hot.size) ** 1.25).astype(np.float32)
    known = hot[rng.random(hot.size) < 0.92]
    bad = rng.integers(0, n, rng.poisson(n * detector.bad_fraction))
    response.reshape(-1)[bad] *= rng.uniform(0.3, 1.1, bad.size).astype(np.float32)
    corner = (first_row, (detector.chip_shape[1] - shape[1]) // 2)
    blocked = _blocked(detector, shape, corner)
    response[blocked] *= np.float32(0.02)
    lines = _bad_columns(detector, response, rng)
    marks = [(known, _HOT), (bad, _BAD), (np.flatnonzero(blocked), _BLOCKED), (lines, _BAD_COLUMN)]
    full = shape == detector.chip_shape
    offsets = rng.normal(0, 0.4, 2) if detector.is_ccd and full else (0.0, 0.0)
    return Defects(
        hot=hot,
        excess=excess,
        flagged=np.concatenate([where for where, _ in marks]),
        bits=np.concatenate([np.full(where.size, bit, np.int16) for where, bit in marks]),
        response=response,
        glow=_glow(detector, shape, corner, rng),
        bias_e=(float(offsets[0]), float(offsets[1])),
        traps=_traps(detector, rng),
        first_row=first_row,
    )


def _blocked(
    detector: Detector, shape: tuple[int, int], corner: tuple[int, int]
) -> NDArray[np.bool_]:
    """Tell which pixels see no sky."""
    full = np.zeros(detector.chip_shape if detector.name in {"hrc", "sbc"} else (0, 0), np.bool_)
    if detector.name == "hrc":
        full[_FINGER] = True
    elif detector.name == "sbc":
        full[_BROKEN_ANODES] = True
        y, x = np.ogrid[: full.shape[0], : full.shape[1]]
        near = np.minimum(y, full.shape[0] - 1 - y) + np.minimum(x, full.shape[1] - 1 - x)
        full |= near < _VIGNETTED_CORNER_PX
    else:
        return np.zeros(shape, np.bool_)
    return full[corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]]


def _bad_columns(
    detector: Detector, response: NDArray[np.float32], rng: Generator
) -> NDArray[np.intp]:
    """Darken a few partial columns of a CCD; give the flat indices of their pixels."""
    ny, nx = response.shape
    lines = [np.empty(0, np.intp)]
    for _ in range(int(rng.poisson(1.5 * nx / 1024)) if detector.is_ccd else 0):
        column, start = int(rng.integers(nx)), int(rng.integers(ny))
        response[start:, column] *= np.float32(rng.uniform(0.5, 0.97))
        lines.append(np.arange(start, ny) * nx + column)
    return np.concatenate(lines)


def _traps(detector: Detector, rng: Generator) -> float:
    """Draw the strength of charge traps: grown for years in HRC, mostly corrected in flc."""
    if not detector.is_ccd:
        return 0.0
    low, high = (0.05, 0.4) if detector.suffix == "flc" else (0.3, 2.5)
    return float(rng.uniform(low, high))


def _glow(
    detector: Detector, shape: tuple[int, int], corner: tuple[int, int], rng: Generator
) -> NDArray[np.float32] | None:
    if detector.name == "sbc":
        dark = float(np.exp(rng.uniform(np.log(2e-6), np.log(2e-4))))
        y, x = np.ogrid[: shape[0], : shape[1]]
        away = (y + corner[0] - 680.0) ** 2 + (x + corner[1] - 680.0) ** 2
        return (dark * np.exp(-0.5 * away / 260.0**2)).astype(np.float32)
    if detector.name == "ir" and rng.random() < 0.3:
        return _persistence(shape, rng)
    return None


def _persistence(shape: tuple[int, int], rng: Generator) -> NDArray[np.float32]:
    """Draw afterglow of an earlier visit's bright stars, each at that visit's dither points.

    It stays where it is on the chip: dithered exposures put it at different places in the sky,
    so that a good mosaic shows faint doubles.
    """
    image = np.zeros(shape, np.float32)
    steps = np.cumsum(rng.normal(0, 8.0, (int(rng.integers(1, 6)), 2)), axis=0)
    for _ in range(int(rng.integers(1, 12))):
        place = rng.uniform(0, 1, 2) * shape
        bright, size = float(np.exp(rng.uniform(np.log(0.02), np.log(0.5)))), rng.uniform(0.8, 3.0)
        for step in steps:
            y0, x0 = (int(v) for v in place + step)
            y1, x1 = max(y0 - 12, 0), max(x0 - 12, 0)
            part = image[y1 : max(y0 + 13, 0), x1 : max(x0 + 13, 0)]
            y, x = np.ogrid[y1 : y1 + part.shape[0], x1 : x1 + part.shape[1]]
            away = (y - y0) ** 2 + (x - x0) ** 2
            part += (bright * np.exp(-away / size**2)).astype(np.float32)
            bright *= 0.92
    return image
