"""What is decided of a visit before a pixel is drawn.

Everything that a reader of products could mistake for a sign of misalignment (detector, filters,
depth, scene, number of reference stars, prior WCS, stale fit, whether the pipeline fits at all)
is drawn first, before and independently of the error.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.random import Generator

from spacekit.errors import SimulationError
from spacekit.simulate.aperture import chip_shapes
from spacekit.simulate.catalog import GAIA_CLASSES
from spacekit.simulate.detectors import Detector, find_detector
from spacekit.simulate.exposures import Conditions
from spacekit.simulate.headers import PRIORS
from spacekit.simulate.pointing import Plan, draw_errors, draw_offset_px, possible_modes
from spacekit.simulate.psf import FOCUS_BINS_NM
from spacekit.simulate.sky import SCENE_KINDS

__all__ = ["DrawSettings", "VisitSpec", "draw_spec"]

_FIRST_PROPOSAL: Final = 20_000
_LAST_SCENE: Final = 36**3 - 1
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
#: Pointing within a visit: 2 to 5 mas rms in total, drawn a visit.
_JITTER_MAS: Final = (1.0, 3.5)


@dataclass(frozen=True)
class DrawSettings:
    """What to draw from.

    Parameters
    ----------
    detectors : dict of str to float
        Weight of each detector.
    sizes : dict of (int or None) to float
        Weight of each subarray's side; None is the full format.
    modes : tuple of str
        Modes of failure to draw; empty: all that are possible.
    """

    detectors: dict[str, float] = field(
        default_factory=lambda: {"ir": 0.36, "uvis": 0.24, "wfc": 0.24, "hrc": 0.09, "sbc": 0.07}
    )
    sizes: dict[int | None, float] = field(
        default_factory=lambda: {512: 0.85, 1024: 0.14, None: 0.01}
    )
    modes: tuple[str, ...] = ()


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
    size : int or None
        Side of the subarray; None is the full format.
    scene : str
        Key of `spacekit.simulate.sky.SCENE_KINDS`.
    ra_deg, dec_deg, orient_deg : float
        Pointing.
    prior : str
        Key of `spacekit.simulate.headers.PRIORS`.
    gaia : str
        Key of `spacekit.simulate.catalog.GAIA_CLASSES`.
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
    size: int | None = 512
    scene: str = "stars"
    ra_deg: float = 150.0
    dec_deg: float = 2.0
    orient_deg: float = 0.0
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
        if len(set(self.filters)) != len(self.filters):
            raise SimulationError(f"scene {self.number}: a filter is there twice: {self.filters}")
        row = find_detector(self.detector)
        for name in self.filters:
            row.filter(name)
        if self.mode != "aligned" and self.mode not in possible_modes(self.plan):
            draw_errors(self.mode, self.plan, self.offset_px, np.random.default_rng(0))

    @property
    def plan(self) -> Plan:
        """Its exposures, as far as errors care."""
        row = find_detector(self.detector)
        shapes = chip_shapes(row, self.size)
        height = sum(s[0] for s in shapes) + row.gap_px * (len(shapes) - 1)
        names = [n for n, c in zip(self.filters, self.counts, strict=True) for _ in range(c)]
        return Plan(tuple(names), len(shapes), 0.5 * float(np.hypot(height, shapes[0][1])))

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


def _pick(rng: Generator, weights: dict[str, float]) -> str:
    names = list(weights)
    shares = np.array([weights[n] for n in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def draw_spec(seed: int, k: int, settings: DrawSettings | None = None) -> VisitSpec:
    """Draw scene k of a seed; it depends on these (and the settings) alone.

    Parameters
    ----------
    seed, k : int
        Seed of the set, number of the scene.
    settings : DrawSettings or None
        What to draw from.
    """
    settings = settings or DrawSettings()
    rng = np.random.default_rng([seed, k])
    spec = _draw_error(_draw_nuisance(seed, k, settings, rng), settings, rng)
    return replace(spec, bad_first=bool(rng.random() < 0.5))


def _draw_nuisance(seed: int, k: int, settings: DrawSettings, rng: Generator) -> VisitSpec:
    detector = find_detector(_pick(rng, settings.detectors))
    sizes = list(settings.sizes)
    shares = np.array([settings.sizes[s] for s in sizes])
    size = sizes[int(rng.choice(len(sizes), p=shares / shares.sum()))]
    n_filters = min(int(rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25])), len(detector.filters))
    chosen = _draw_filters(detector, n_filters, rng)
    counts = tuple(int(c) for c in rng.choice([1, 2, 3, 4], len(chosen), p=[0.12, 0.5, 0.24, 0.14]))
    low, high = (100.0, 1300.0) if detector.rates else (40.0, 1200.0)
    exptime = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    exptimes = tuple(round(exptime * float(rng.uniform(0.7, 1.4)), 3) for _ in chosen)
    prior = _pick(rng, {name: row.weight for name, row in PRIORS.items()})
    gaia = _pick(rng, GAIA_CLASSES)
    # Where stars abound the fit would repair most errors; it is more often off there.
    fit_enabled = bool(rng.random() < (0.3 if gaia == "many" else 0.6))
    fit_enabled = fit_enabled and prior != "fit-svm"
    accuracy = PRIORS[prior].accuracy_arcsec
    conditions = Conditions(
        float(rng.lognormal(0, 0.25)),
        float(np.exp(rng.uniform(np.log(0.12), np.log(1.1)))),
        int(rng.integers(len(FOCUS_BINS_NM))),
    )
    return VisitSpec(
        number=k,
        seed=seed,
        detector=detector.name,
        filters=chosen,
        counts=counts,
        exptimes_s=exptimes,
        size=size,
        scene=_pick(rng, SCENE_KINDS),
        ra_deg=float(rng.uniform(0, 360)),
        dec_deg=float(np.degrees(np.arcsin(rng.uniform(-0.996, 0.996)))),
        orient_deg=float(rng.uniform(0, 360)),
        prior=prior,
        gaia=gaia,
        fit_enabled=fit_enabled,
        absolute_arcsec=(float(rng.normal(0, accuracy)), float(rng.normal(0, accuracy))),
        jitter_mas=float(rng.uniform(*_JITTER_MAS)),
        pm_residual_mas=float(rng.choice([0.0, 3.0, 15.0], p=[0.7, 0.2, 0.1])),
        conditions=conditions,
    )


def _draw_filters(detector: Detector, count: int, rng: Generator) -> tuple[str, ...]:
    """Draw filters that people combine: within a factor of two in wavelength, mostly."""
    order = [detector.filters[i] for i in rng.permutation(len(detector.filters))]
    reach = 2.0 if rng.random() < 0.85 else 10.0
    pivot = order[0].pivot_angstrom
    near = [f for f in order if 1 / reach < f.pivot_angstrom / pivot < reach]
    return tuple(f.name for f in near[:count])


def _draw_error(spec: VisitSpec, settings: DrawSettings, rng: Generator) -> VisitSpec:
    """Draw what goes wrong in the bad member, given what can."""
    modes = [m for m in possible_modes(spec.plan) if not settings.modes or m in settings.modes]
    if not modes:
        return spec
    # Modes that few visits can have get a larger share of those.
    weights = {m: 4.0 if m in {"pair", "chip"} else 0.4 if m == "smear" else 1.0 for m in modes}
    mode = _pick(rng, weights)
    offset = draw_offset_px(mode, rng)
    share = float(rng.uniform(0.2, 0.8)) if mode == "drift" and rng.random() < 0.5 else 0.0
    return replace(spec, mode=mode, offset_px=offset, trail_share=share)
