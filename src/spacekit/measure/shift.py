"""How one product lies against another: a shift, and where it shows a linear model of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shift"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shift:
    """How one list of positions lies against another: position in it minus position in the other.

    Parameters
    ----------
    dx_px, dy_px : float
        Shift at the middle of the matched sources.
    uncertainty_px : float
        Its standard error, per axis.
    scatter_px : float
        Robust standard deviation of single sources about the result, per axis; NaN where it
        does not come from sources.
    roll_deg : float
        Rotation from +x to +y, 0 where none is significant.
    sources : int
        Matches it rests on; 0 where it comes from correlating images.
    middle : ndarray, shape (2,)
        Where (dx_px, dy_px) holds, px.
    slopes : ndarray, shape (2, 2)
        Change of (dx, dy) with x (first row) and with y, px per px; 0 where not significant.
    slope_errors : ndarray, shape (2, 2)
        Covariance of a slope with x and one with y, per axis, px^2 per px^2.
    """

    dx_px: float
    dy_px: float
    uncertainty_px: float
    scatter_px: float
    roll_deg: float
    sources: int
    middle: Floats
    slopes: Floats
    slope_errors: Floats

    @classmethod
    def uniform(cls, dx_px: float, dy_px: float, uncertainty_px: float) -> Shift:
        """Make a shift that is the same everywhere and comes from no sources."""
        none = np.zeros((2, 2))
        return cls(dx_px, dy_px, uncertainty_px, np.nan, 0.0, 0, np.zeros(2), none, none.copy())

    @classmethod
    def itself(cls) -> Shift:
        """Give how something lies against itself."""
        return cls.uniform(0.0, 0.0, 0.0)

    @property
    def is_itself(self) -> bool:
        """Whether it is that: what was measured has an uncertainty."""
        return self.uncertainty_px == 0

    @property
    def warped(self) -> bool:
        """Whether it differs over the field."""
        return bool(self.slopes.any())

    def at(self, places: Floats) -> Floats:
        """Give the shift at places, shape (n, 2) to (n, 2), px."""
        shift: Floats = np.array([self.dx_px, self.dy_px]) + (places - self.middle) @ self.slopes
        return shift

    def uncertainty_at(self, place: Floats) -> float:
        """Give the standard error, per axis, at a place, shape (2,)."""
        away = place - self.middle
        return float(np.sqrt(self.uncertainty_px**2 + away @ self.slope_errors @ away))

    def plus(self, more: Shift) -> Shift:
        """Add another: this is of a against b, `more` of b against c, the sum of a against c.

        Something against itself (`itself`) adds nothing: the sum rests on the other's sources.
        """
        if self.is_itself or more.is_itself:
            return more if self.is_itself else self
        dx, dy = np.array([self.dx_px, self.dy_px]) + more.at(self.middle[None])[0]
        return Shift(
            float(dx),
            float(dy),
            float(np.hypot(self.uncertainty_px, more.uncertainty_at(self.middle))),
            float(np.fmax(self.scatter_px, more.scatter_px)),
            self.roll_deg + more.roll_deg,
            min(self.sources, more.sources),
            self.middle,
            self.slopes + more.slopes,
            self.slope_errors + more.slope_errors,
        )

    def reversed(self) -> Shift:
        """Turn the sense round: b against a."""
        return replace(
            self,
            dx_px=-self.dx_px,
            dy_px=-self.dy_px,
            roll_deg=-self.roll_deg,
            slopes=-self.slopes,
        )
