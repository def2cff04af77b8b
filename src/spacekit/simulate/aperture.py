"""Which pixels are read out, and by how much a header may be wrong of where they look."""

from __future__ import annotations

from dataclasses import dataclass

from spacekit.simulate.conditions import FIELD_BINS
from spacekit.simulate.detectors import Detector

__all__ = ["Aperture", "WcsError"]


@dataclass(frozen=True)
class WcsError:
    """By how much a header's WCS differs from the truth.

    Parameters
    ----------
    dx_px, dy_px : float
        Shift of the sky positions to the east and to the north, in pixels of the mosaic. A
        header that is wrong by (1, 0) puts the pixels 1 px too far east, which is the mosaic's
        -x.
    roll_deg : float
        Rotation of the pixels about the exposure's centre, east of north.
    scale : float
        Factor on the pixel's size.
    skew_deg : float
        Rotation of the second axis alone.
    chip : int or None
        Apply to this chip only; None for all.
    """

    dx_px: float = 0.0
    dy_px: float = 0.0
    roll_deg: float = 0.0
    scale: float = 1.0
    skew_deg: float = 0.0
    chip: int | None = None

    def plus(self, other: WcsError) -> WcsError:
        """Both errors, one after the other; the chip is whichever names one."""
        return WcsError(
            self.dx_px + other.dx_px,
            self.dy_px + other.dy_px,
            self.roll_deg + other.roll_deg,
            self.scale * other.scale,
            self.skew_deg + other.skew_deg,
            other.chip if self.chip is None else self.chip,
        )


@dataclass(frozen=True)
class Aperture:
    """Which part of a detector is read out.

    Parameters
    ----------
    size : int or None
        Side of a square subarray, px; None for the full format.
    across_gap : bool
        Whether a subarray takes half of its rows from either chip, at the gap. No instrument
        reads out so; it shows gaps and displaced chips at a subarray's cost.
    """

    size: int | None = None
    across_gap: bool = False

    def shapes(self, detector: Detector) -> tuple[tuple[int, int], ...]:
        """Give the shapes (ny, nx) of the chips, the lower one first."""
        ny, nx = detector.chip_shape
        if self.size is None:
            return (detector.chip_shape,) * detector.n_chips
        if self.across_gap and detector.n_chips == 2:
            return ((min(self.size // 2, ny), min(self.size, nx)),) * 2
        return ((min(self.size, ny), min(self.size, nx)),)

    def first_rows(self, detector: Detector) -> tuple[int, ...]:
        """Give the rows of the full chips at which the windows start: the middle, or the gap."""
        shapes, full = self.shapes(detector), detector.chip_shape[0]
        return ((full - shapes[0][0]) // 2,) if len(shapes) == 1 else (full - shapes[0][0], 0)

    def corners(self, detector: Detector, third: int) -> tuple[tuple[int, int], ...]:
        """Give where the windows start in the detector's field, chips butted: column and row.

        Parameters
        ----------
        detector : Detector
            Whose field.
        third : int
            The window's place from left to right, one of `FIELD_BINS`.
        """
        (ny, nx), width = detector.chip_shape, self.shapes(detector)[0][1]
        column = (nx - width) * third // (FIELD_BINS - 1)
        return tuple((column, row + k * ny) for k, row in enumerate(self.first_rows(detector)))

    def extent_px(self, detector: Detector) -> tuple[float, float]:
        """Give height and width with the gap, pixels."""
        shapes = self.shapes(detector)
        gap = detector.gap_px * (len(shapes) - 1)
        return sum(s[0] for s in shapes) + gap, shapes[0][1]
