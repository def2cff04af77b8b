"""What is decided of a visit before a pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from spacekit.errors import SimulationError
from spacekit.simulate.aperture import Aperture
from spacekit.simulate.conditions import Conditions
from spacekit.simulate.detectors import find_detector
from spacekit.simulate.pointing import Plan, draw_errors, possible_modes

__all__ = ["VisitSpec"]

_FIRST_PROPOSAL: Final = 20_000
_LAST_SCENE: Final = 36**3 - 1
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class VisitSpec:
    """All that is decided of a scene before a pixel is drawn.

    Parameters
    ----------
    number, seed : int
        Scene k of a seed: its spec depends on nothing else.
    detector : str
        Key of `spacekit.simulate.detectors.DETECTORS`.
    filters : tuple of str
        One to three.
    counts : tuple of int
        Exposures in each filter.
    exptimes_s : tuple of float
        Exposure time in each filter.
    short_shares : tuple of float
        The first exposure of each filter takes so much of that, for bright stars' sake; empty: all
        take the same.
    size : int or None
        Side of the subarray; None is the full format.
    across_gap : bool
        Whether the subarray lies across the gap between two chips.
    scene : str
        Key of `spacekit.simulate.conditions.SCENE_KINDS`.
    ra_deg, dec_deg, orient_deg : float
        Pointing.
    start_mjd : float
        When its first exposure began.
    prior : str
        Key of `spacekit.simulate.priors.PRIORS`.
    gaia : str
        Key of `spacekit.simulate.conditions.GAIA_CLASSES`.
    fit_enabled : bool
        Whether the pipeline may align.
    absolute_arcsec : tuple of float
        Error of the visit as a whole, east and north: no misalignment.
    jitter_mas : float
        Scatter of the headers about the truth, an axis.
    pm_residual_mas : float
        Scatter of the reference stars by uncorrected proper motion.
    conditions : Conditions
        Sky, cosmic rays, focus.
    mode : str
        Key of `spacekit.simulate.pointing.MODES`, or "aligned" where nothing can go wrong.
    offset_px : float
        Size of the injected error, pixels of the mosaic.
    trail_share : float
        Which part of a drift happens within the exposures.
    bad_first : bool
        Whether the member with the error has visit number 01 rather than 02.
    """

    number: int
    seed: int
    detector: str = "ir"
    filters: tuple[str, ...] = ("F110W", "F160W")
    counts: tuple[int, ...] = (2, 2)
    exptimes_s: tuple[float, ...] = (600.0, 600.0)
    short_shares: tuple[float, ...] = ()
    size: int | None = 512
    across_gap: bool = False
    scene: str = "stars"
    ra_deg: float = 150.0
    dec_deg: float = 2.0
    orient_deg: float = 0.0
    start_mjd: float = 57_388.0
    prior: str = "gsc"
    gaia: str = "many"
    fit_enabled: bool = True
    absolute_arcsec: tuple[float, float] = (0.0, 0.0)
    jitter_mas: float = 2.0
    pm_residual_mas: float = 0.0
    conditions: Conditions = field(default_factory=Conditions)
    mode: str = "aligned"
    offset_px: float = 0.0
    trail_share: float = 0.0
    bad_first: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.number <= _LAST_SCENE:
            raise SimulationError(
                f"scene {self.number}: names hold scenes 0 to {_LAST_SCENE}; take another seed"
            )
        if not self.filters or len(self.filters) != len(self.counts) or min(self.counts) < 1:
            raise SimulationError(
                f"scene {self.number}: each filter needs at least one exposure; "
                f"got filters {self.filters}, exposures {self.counts}"
            )
        if len(self.short_shares) not in {0, len(self.filters)}:
            raise SimulationError(
                f"scene {self.number}: short_shares {self.short_shares}; give one a filter, or none"
            )
        if len(set(self.filters)) != len(self.filters):
            raise SimulationError(f"scene {self.number}: a filter is there twice: {self.filters}")
        row = find_detector(self.detector)
        for name in self.filters:
            row.filter(name)
        if self.mode != "aligned" and self.mode not in possible_modes(self.plan):
            draw_errors(self.mode, self.plan, self.offset_px, np.random.default_rng(0))

    @property
    def aperture(self) -> Aperture:
        """What is read out."""
        return Aperture(self.size, self.across_gap)

    @property
    def plan(self) -> Plan:
        """Its exposures, as far as errors care."""
        row = find_detector(self.detector)
        names = [n for n, c in zip(self.filters, self.counts, strict=True) for _ in range(c)]
        corner_px = 0.5 * float(np.hypot(*self.aperture.extent_px(row)))
        return Plan(tuple(names), len(self.aperture.shapes(row)), corner_px)

    def exposure_times_s(self, number: int) -> tuple[float, ...]:
        """Give the times of the exposures of one filter, in order."""
        count, exptime_s = self.counts[number], self.exptimes_s[number]
        first = self.short_shares[number] if self.short_shares else 1.0
        return (round(first * exptime_s, 3), *(exptime_s,) * (count - 1))

    @property
    def proposal(self) -> int:
        """Proposal number: one a scene."""
        return _FIRST_PROPOSAL + self.number

    def ipppss(self, bad: bool) -> str:
        """Name of a member; which of 01 and 02 has the error is drawn."""
        n, program = self.number, ""
        for _ in range(3):
            n, digit = divmod(n, 36)
            program = _DIGITS[digit] + program
        return f"{find_detector(self.detector).letter}{program}0{1 if bad == self.bad_first else 2}"

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the visits it makes, the bad one first."""
        if self.mode == "aligned":
            return (self.ipppss(True),)
        return (self.ipppss(True), self.ipppss(False))
