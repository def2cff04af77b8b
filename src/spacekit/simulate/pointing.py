"""Where the telescope points, and what headers get wrong about it.

Each mode of failure is a small function from a plan of exposures to an error for each exposure,
relative to the rest of the visit. An error of the visit as a whole is not a mode: it is drawn
with the prior WCS, for good and bad visits alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.errors import SimulationError
from spacekit.simulate.aperture import WcsError

__all__ = ["MODES", "Mode", "Plan", "dither_px", "draw_errors", "draw_offset_px", "possible_modes"]


@dataclass(frozen=True)
class Plan:
    """What a visit's exposures are, as far as errors care.

    Parameters
    ----------
    filters : tuple of str
        Filter of each exposure, in order of time.
    n_chips : int
        Chips of an exposure.
    corner_px : float
        Distance of the footprint's corner from its centre, pixels of the mosaic.
    """

    filters: tuple[str, ...]
    n_chips: int
    corner_px: float

    @property
    def n(self) -> int:
        """How many exposures."""
        return len(self.filters)


Draw = Callable[[Plan, float, Generator], list[WcsError]]


@dataclass(frozen=True)
class Mode:
    """A way to fail.

    Parameters
    ----------
    low_px, high_px : float
        Range of its offset, pixels of the mosaic; log-uniform in between.
    possible : callable
        Whether a plan can fail so.
    draw : callable
        The errors, given the plan, the offset and a generator.
    """

    low_px: float
    high_px: float
    possible: Callable[[Plan], bool]
    draw: Draw


def dither_px(n: int, side_px: float, rng: Generator) -> NDArray[np.float64]:
    """Offsets of a dither pattern.

    Parameters
    ----------
    n : int
        Exposures of one filter.
    side_px : float
        Shorter side of the aperture.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (n, 2)
        Pixels along the detector's axes. No dither, a line, a box with half-pixel steps, or a
        box of large steps whose corners overlap in part.
    """
    step = np.exp(rng.uniform(np.log(1.5), np.log(30.0)))
    kind = rng.choice(["none", "line", "box", "tiles"], p=[0.1, 0.42, 0.42, 0.06])
    number = np.arange(n)
    if kind == "none":
        return np.zeros((n, 2))
    if kind == "line":
        angle = rng.uniform(0, 2 * np.pi)
        fraction = rng.choice([0.0, 0.25, 0.5])
        along = number * (np.rint(step) + fraction)
        return np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    if kind == "tiles":
        step = rng.uniform(0.15, 0.4) * side_px
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])[number % 4]
    return np.asarray(corners * (np.rint(step) + 0.5) + (number // 4)[:, None] * 0.25)


def _vector(length: float, rng: Generator) -> WcsError:
    angle = rng.uniform(0, 2 * np.pi)
    return WcsError(dx_px=length * np.cos(angle), dy_px=length * np.sin(angle))


def _some(plan: Plan, rng: Generator, at_most: int) -> set[int]:
    """Pick at least one and at most `at_most` exposures, never all."""
    count = int(rng.integers(1, max(min(at_most, plan.n - 1), 1) + 1))
    return {int(i) for i in rng.choice(plan.n, count, replace=False)}


def _given(plan: Plan, chosen: set[int], error: WcsError) -> list[WcsError]:
    return [error if i in chosen else WcsError() for i in range(plan.n)]


def _one_exposure(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    return _given(plan, {int(rng.integers(plan.n))}, _vector(offset, rng))


def _one_filter(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    culprit = rng.choice(sorted(set(plan.filters)))
    chosen = {i for i, name in enumerate(plan.filters) if name == culprit}
    return _given(plan, chosen, _vector(offset, rng))


def _group(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    return _given(plan, _some(plan, rng, plan.n // 2), _vector(offset, rng))


def _scatter(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    return [_vector(offset * rng.uniform(0.3, 1.0), rng) for _ in range(plan.n)]


def _false_match(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    wild = WcsError(
        roll_deg=float(np.degrees(0.2 * offset / plan.corner_px) * rng.normal()),
        scale=1.0 + 0.2 * offset / plan.corner_px * rng.normal(),
    )
    return _given(plan, _some(plan, rng, plan.n // 2), _vector(offset, rng).plus(wild))


def _roll(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    angle = float(np.degrees(offset / plan.corner_px)) * rng.choice([-1, 1])
    shift = _vector(offset * rng.choice([0.0, 0.3]), rng)
    chosen = _some(plan, rng, plan.n // 2)
    return _given(plan, chosen, WcsError(roll_deg=angle).plus(shift))


def _scale_skew(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    sign = rng.choice([-1, 1])
    share = rng.uniform(0, 1)
    wild = WcsError(
        scale=1.0 + sign * share * offset / plan.corner_px,
        skew_deg=float(np.degrees(sign * (1 - share) * 1.4 * offset / plan.corner_px)),
    )
    return _given(plan, _some(plan, rng, plan.n // 2), wild)


def _drift(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    end = _vector(offset, rng)
    steps = np.linspace(0, 1, plan.n)
    return [WcsError(dx_px=end.dx_px * s, dy_px=end.dy_px * s) for s in steps]


def _reacquisition(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    first = int(rng.integers(1, plan.n))
    return _given(plan, set(range(first, plan.n)), _vector(offset, rng))


def _chip(plan: Plan, offset: float, rng: Generator) -> list[WcsError]:
    error = _vector(offset, rng).plus(WcsError(chip=int(rng.integers(plan.n_chips))))
    return _given(plan, _some(plan, rng, plan.n // 2), error)


def _several(plan: Plan) -> bool:
    return plan.n >= 2


def _majority(plan: Plan) -> bool:
    return plan.n >= 3


def _two_filters(plan: Plan) -> bool:
    return len(set(plan.filters)) >= 2


def _pair(plan: Plan) -> bool:
    return plan.n == 2 and len(set(plan.filters)) == 1


def _two_chips(plan: Plan) -> bool:
    return plan.n_chips > 1 and plan.n >= 2


#: Every mode by the name that failure-mode tables and reports use. Offsets begin below what
#: counts as aligned; the upper ends are what was seen in the archive.
MODES: Final[dict[str, Mode]] = {
    "one-exposure": Mode(0.2, 20.0, _majority, _one_exposure),
    "one-filter": Mode(0.2, 20.0, _two_filters, _one_filter),
    "group": Mode(0.2, 120.0, _majority, _group),
    "pair": Mode(0.2, 20.0, _pair, _one_exposure),
    "scatter": Mode(0.2, 3.0, _majority, _scatter),
    "false-match": Mode(0.2, 50.0, _several, _false_match),
    "roll": Mode(0.2, 10.0, _several, _roll),
    "scale-skew": Mode(0.2, 10.0, _several, _scale_skew),
    "drift": Mode(0.2, 10.0, _majority, _drift),
    "reacquisition": Mode(0.2, 5.0, _several, _reacquisition),
    "smear": Mode(0.2, 0.5, _majority, _group),
    "chip": Mode(0.2, 5.0, _two_chips, _chip),
}


def possible_modes(plan: Plan) -> list[str]:
    """Name the modes a plan can fail in."""
    return [name for name, mode in MODES.items() if mode.possible(plan)]


def draw_offset_px(
    mode: str, rng: Generator, limits_px: tuple[float, float] | None = None
) -> float:
    """Draw the size of a mode's error, log-uniform, pixels of the mosaic.

    Parameters
    ----------
    mode : str
        Key of `MODES`.
    rng : Generator
        Source of randomness.
    limits_px : tuple of float or None
        Asked for in place of the mode's own range.
    """
    low, high = limits_px or (MODES[mode].low_px, MODES[mode].high_px)
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_errors(mode: str, plan: Plan, offset_px: float, rng: Generator) -> list[WcsError]:
    """Draw the error of each exposure's header.

    Raises
    ------
    SimulationError
        If the mode is unknown, or needs more filters, exposures or chips than there are.
    """
    if mode not in MODES:
        raise SimulationError(f"no mode called {mode}; take one of {', '.join(MODES)}")
    if not MODES[mode].possible(plan):
        raise SimulationError(
            f"mode {mode} can't happen to {plan.n} exposure(s) in {len(set(plan.filters))} "
            f"filter(s) with {plan.n_chips} chip(s); ask for a visit that has what it needs"
        )
    return MODES[mode].draw(plan, offset_px, rng)
