"""Draw what a scene is: which detector looks at what, how deep, and what goes wrong.

The mode of failure is drawn first, so that modes come out balanced, and then a plan of exposures
that can fail so. Everything that a reader of products could mistake for a sign of misalignment
(depth, scene, number of reference stars, prior WCS, stale fit, whether the pipeline fits at all)
is drawn independently of the error, and shared with a matched visit that has none. Visits that are
good and single are fitted more often.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import numpy as np
from numpy.random import Generator

from spacekit.errors import SimulationError
from spacekit.simulate.conditions import (
    FIELD_BINS,
    FOCUS_BINS_NM,
    GAIA_CLASSES,
    SCENE_KINDS,
    Conditions,
)
from spacekit.simulate.detectors import DETECTORS, Detector, find_detector
from spacekit.simulate.pointing import MODES, draw_offset_px, possible_modes
from spacekit.simulate.priors import PRIORS
from spacekit.simulate.spec import VisitSpec

__all__ = ["ALIGNED", "DrawSettings", "draw_spec"]

#: Name of the mode in which nothing goes wrong: such a scene is one good visit, not a pair.
ALIGNED: Final = "aligned"
#: How often a scene is one good visit; half of these have one exposure, which can't fail.
_ALIGNED_SHARE: Final = 0.06
#: How often a detector with two chips gets the chip mode, so that it is as frequent as others
#: over all five detectors: 5 / 12 of its share there, two detectors in five.
_CHIP_SHARE: Final = 5 / 2 / len(MODES)
#: Subarrays of detectors with two chips that lie across their gap.
_ACROSS_GAP: Final = 0.2
#: Pointing within a visit: 2 to 5 mas rms in total, drawn a visit.
_JITTER_MAS: Final = (1.0, 3.5)
#: Cosmic rays, as a factor on the detector's rate: mostly what 1.5 to 3% of the pixels of an ACS
#: exposure of 1000 s take (ACS Instrument Handbook, 4.3.6; WFC3's are comparable, its handbook,
#: 6.10.2), more in some orbits; fewer in a share of the visits.
_RAYS: Final = (0.7, 1.8)
_FEW_RAYS: Final = (0.1, 0.7)
_FEW_RAYS_SHARE: Final = 0.15
#: How often the pipeline may fit, error or not: where stars abound the fit repairs most errors, so
#: it is more often off there.
_FIT_CHANCE: Final = 0.6
_FIT_CHANCE_MANY: Final = 0.45
#: Exposures of a filter, and how often: from six on the pipeline rejects in another way.
_COUNTS: Final = {1: 0.11, 2: 0.48, 3: 0.22, 4: 0.13, 6: 0.04, 8: 0.02}
#: How often a filter of several exposures has a short one, and the range of its share of the time.
_SHORT_CHANCE: Final = 0.12
_SHORT_SHARE: Final = (0.03, 0.3)
#: Plans drawn before a mode is called impossible.
_TRIES: Final = 400

_T = TypeVar("_T")


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
        Modes of failure to draw, "aligned" for none; empty: all that are possible.
    filters : tuple of str
        Filters of every visit; empty: one to three are drawn.
    dithers : int or None
        Exposures of each filter; None: one to eight are drawn, four and fewer mostly.
    offset_px : tuple of float or None
        Smallest and largest error, log-uniform in between; None: the mode's own range.

    Raises
    ------
    SimulationError
        If no visit can be so.
    """

    detectors: dict[str, float] = field(default_factory=lambda: dict.fromkeys(DETECTORS, 1.0))
    sizes: dict[int | None, float] = field(
        default_factory=lambda: {512: 0.85, 1024: 0.14, None: 0.01}
    )
    modes: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    dithers: int | None = None
    offset_px: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        unknown = set(self.modes) - set(MODES) - {ALIGNED}
        if unknown:
            raise SimulationError(
                f"no mode called {min(unknown)}; take one of {', '.join((*MODES, ALIGNED))}"
            )
        for name in self.detectors:
            for one in self.filters:
                find_detector(name).filter(one)
        if self.dithers is not None and self.dithers < 1:
            raise SimulationError(
                f"{self.dithers} exposures of a filter were asked for; ask for one or more"
            )
        if self.offset_px is not None and not 0 < self.offset_px[0] <= self.offset_px[1] <= 500:
            raise SimulationError(
                f"offsets of {self.offset_px[0]:g} to {self.offset_px[1]:g} px make no sense; "
                "give the smaller one first, above 0 and up to 500"
            )


def draw_spec(seed: int, k: int, settings: DrawSettings | None = None) -> VisitSpec:
    """Draw scene k of a seed; it depends on these (and the settings) alone.

    Parameters
    ----------
    seed, k : int
        Seed of the set, number of the scene.
    settings : DrawSettings or None
        What to draw from.

    Raises
    ------
    SimulationError
        If a mode is asked for that can't happen to the visits asked for.
    """
    settings = settings or DrawSettings()
    rng = np.random.default_rng([seed, k])
    modes = {name: _mode_weights(find_detector(name), settings) for name in settings.detectors}
    able = {name: weight for name, weight in settings.detectors.items() if modes[name]}
    if not able:
        raise SimulationError(
            f"mode {', '.join(settings.modes)} can't happen to {', '.join(settings.detectors)}: "
            "it takes two chips; ask for uvis or wfc"
        )
    detector = find_detector(_pick(able, rng))
    mode = _pick(modes[detector.name], rng)
    plan = _draw_plan(VisitSpec(number=k, seed=seed), detector, mode, settings, rng)
    return _draw_error(_draw_conditions(plan, detector, mode, rng), mode, settings, rng)


def _pick(weights: dict[_T, float], rng: Generator) -> _T:
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(weights), p=shares / shares.sum()))]


def _mode_weights(detector: Detector, settings: DrawSettings) -> dict[str, float]:
    """Give the weights of the modes that a detector can have, of those asked for."""
    chips = detector.n_chips > 1
    others = [m for m in MODES if m != "chip"]
    weights = dict.fromkeys(others, (1 - _CHIP_SHARE * chips) / len(others))
    weights |= {"chip": _CHIP_SHARE} if chips else {}
    weights[ALIGNED] = _ALIGNED_SHARE / (1 - _ALIGNED_SHARE)
    return {m: w for m, w in weights.items() if not settings.modes or m in settings.modes}


def _draw_plan(
    spec: VisitSpec, detector: Detector, mode: str, settings: DrawSettings, rng: Generator
) -> VisitSpec:
    """Draw filters, exposures and format until the mode can happen to them."""
    lonely = mode == ALIGNED and rng.random() < 0.5
    for _ in range(_TRIES):
        chosen = _draw_filters(detector, settings, rng)
        counts = _draw_counts(len(chosen), settings, rng)
        if lonely and not settings.filters and settings.dithers is None:
            chosen, counts = chosen[:1], (1,)
        size = _pick(settings.sizes, rng)
        gap = size is not None and detector.n_chips > 1
        gap = gap and (mode == "chip" or bool(rng.random() < _ACROSS_GAP))
        low, high = (100.0, 1300.0) if detector.rates else (40.0, 1200.0)
        exptime = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        exptimes = tuple(round(exptime * float(rng.uniform(0.7, 1.4)), 3) for _ in chosen)
        drawn = replace(
            spec,
            detector=detector.name,
            filters=chosen,
            counts=counts,
            exptimes_s=exptimes,
            size=size,
            across_gap=gap,
        )
        if mode == ALIGNED or mode in possible_modes(drawn.plan):
            return drawn
    raise SimulationError(
        f"mode {mode} can't happen to the visits asked for "
        f"({detector.name}, filters {', '.join(settings.filters) or 'any'}, "
        f"{settings.dithers or '1 to 8'} exposures each); ask for what it needs"
    )


def _draw_filters(detector: Detector, settings: DrawSettings, rng: Generator) -> tuple[str, ...]:
    """Draw filters that people combine: within a factor of two in wavelength, mostly."""
    if settings.filters:
        return tuple(detector.filter(name).name for name in settings.filters)
    count = min(int(rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25])), len(detector.filters))
    order = [detector.filters[i] for i in rng.permutation(len(detector.filters))]
    reach = 2.0 if rng.random() < 0.85 else 10.0
    pivot = order[0].pivot_angstrom
    near = [f for f in order if 1 / reach < f.pivot_angstrom / pivot < reach]
    return tuple(f.name for f in near[:count])


def _draw_counts(filters: int, settings: DrawSettings, rng: Generator) -> tuple[int, ...]:
    if settings.dithers is not None:
        return (settings.dithers,) * filters
    return tuple(_pick(_COUNTS, rng) for _ in range(filters))


def _draw_shorts(counts: tuple[int, ...], rng: Generator) -> tuple[float, ...]:
    """Draw which filters have a short exposure, and how short it is."""
    low, high = np.log(_SHORT_SHARE)
    shares = np.exp(rng.uniform(low, high, len(counts)))
    short = (rng.random(len(counts)) < _SHORT_CHANCE) & (np.array(counts) > 1)
    return tuple(float(share) for share in np.where(short, shares.round(3), 1.0))


def _ray_factor(chance: float) -> float:
    """Turn a number drawn evenly from 0 to 1 into a factor on the rate of cosmic rays."""
    if chance < _FEW_RAYS_SHARE:
        (low, high), place = _FEW_RAYS, chance / _FEW_RAYS_SHARE
    else:
        (low, high), place = _RAYS, (chance - _FEW_RAYS_SHARE) / (1 - _FEW_RAYS_SHARE)
    return float(low * (high / low) ** place)


def _date(detector: Detector, chance: float) -> float:
    """Turn a number drawn evenly from 0 to 1 into a date (MJD) on which a detector observed."""
    days = chance * sum(last - first for first, last in detector.observed_mjd)
    for first, last in detector.observed_mjd:
        if days <= last - first:
            break
        days -= last - first
    return first + days


def _draw_conditions(spec: VisitSpec, detector: Detector, mode: str, rng: Generator) -> VisitSpec:
    """Draw sky, pointing and all that is known of the reference frame."""
    prior = _pick({name: row.weight for name, row in PRIORS.items()}, rng)
    gaia = _pick(GAIA_CLASSES, rng)
    chance = _FIT_CHANCE_MANY if gaia == "many" else _FIT_CHANCE
    fit_enabled = bool(rng.random() < chance)
    accuracy = PRIORS[prior].accuracy_arcsec
    return replace(
        spec,
        short_shares=_draw_shorts(spec.counts, rng),
        scene=_pick(SCENE_KINDS, rng),
        ra_deg=float(rng.uniform(0, 360)),
        dec_deg=float(np.degrees(np.arcsin(rng.uniform(-0.996, 0.996)))),
        orient_deg=float(rng.uniform(0, 360)),
        start_mjd=_date(detector, rng.random()),
        prior=prior,
        gaia=gaia,
        fit_enabled=fit_enabled and prior != "fit-svm",
        absolute_arcsec=(float(rng.normal(0, accuracy)), float(rng.normal(0, accuracy))),
        jitter_mas=float(rng.uniform(*_JITTER_MAS)),
        pm_residual_mas=float(rng.choice([0.0, 3.0, 15.0], p=[0.7, 0.2, 0.1])),
        conditions=Conditions(
            float(rng.lognormal(0, 0.25)),
            _ray_factor(rng.random()),
            *(int(k) for k in divmod(rng.integers(len(FOCUS_BINS_NM) * FIELD_BINS), FIELD_BINS)),
        ),
    )


def _draw_error(spec: VisitSpec, mode: str, settings: DrawSettings, rng: Generator) -> VisitSpec:
    """Draw how much goes wrong, and which member of the pair it is."""
    bad_first = bool(rng.random() < 0.5)
    if mode == ALIGNED:
        return replace(spec, bad_first=bad_first)
    offset = draw_offset_px(mode, rng, settings.offset_px)
    share = float(rng.uniform(0.2, 0.8)) if mode == "drift" and rng.random() < 0.5 else 0.0
    return replace(spec, mode=mode, offset_px=offset, trail_share=share, bad_first=bad_first)
