"""A visit from its number: what is drawn, in which order, and the exposures that come of it.

Everything that a reader of products could mistake for a sign of misalignment (detector, filters,
depth, scene, number of reference stars, prior WCS, stale fit, whether the pipeline fits at all)
is drawn first, before and independently of the error. The error is then put into the headers of
one of two members that share everything else, pixels included.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from numpy.random import Generator

from spacekit.errors import SimulationError
from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.simulate.aperture import (
    WcsError,
    chip_shapes,
    detector_wcs,
    erroneous,
    offset_sky,
)
from spacekit.simulate.catalog import GAIA_CLASSES, draw_reference_count, reference_catalog
from spacekit.simulate.cosmic_rays import draw_defects
from spacekit.simulate.detectors import Detector, Filter, find_detector
from spacekit.simulate.exposures import Conditions, Pixels, Projection, faintest_mag, render_chip
from spacekit.simulate.headers import (
    PRIORS,
    Fit,
    Identity,
    draw_fit,
    primary_header,
    science_header,
)
from spacekit.simulate.pointing import (
    Plan,
    dither_px,
    draw_errors,
    draw_offset_px,
    possible_modes,
)
from spacekit.simulate.psf import FOCUS_BINS_NM
from spacekit.simulate.sky import SCENE_KINDS, Field, draw_scene

__all__ = [
    "DrawSettings",
    "SimulatedVisit",
    "VisitSpec",
    "draw_spec",
    "simulate_pair",
    "simulate_visit",
]

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


@dataclass(frozen=True)
class SimulatedVisit:
    """Exposures of a visit, and what is true of them.

    Parameters
    ----------
    spec : VisitSpec
        What it was made from.
    ipppss : str
        Its name.
    mode : str
        What its headers get wrong; "aligned" for nothing.
    exposures : tuple of Exposure
        With the WCS of their headers.
    true_wcs : dict of str to tuple of WCS
        File name to where it really points, a WCS a chip.
    errors : dict of str to WcsError
        File name to what was injected beyond the error of the visit as a whole.
    trails_px : dict of str to float
        File name to the length of a drift within the exposure, detector pixels.
    reference : Table
        Of reference stars.
    fit_enabled : bool
        Whether the pipeline may align.
    """

    spec: VisitSpec
    ipppss: str
    mode: str
    exposures: tuple[Exposure, ...]
    true_wcs: dict[str, tuple[WCS, ...]]
    errors: dict[str, WcsError]
    trails_px: dict[str, float]
    reference: Table
    fit_enabled: bool

    @property
    def poller_name(self) -> str:
        """File name of the list that the pipeline is started with."""
        instrument = find_detector(self.spec.detector).instrument
        return f"{instrument}_{self.ipppss[1:4]}_{self.ipppss[4:]}_input.out"

    @property
    def poller_lines(self) -> tuple[str, ...]:
        """Rows of that list: eight columns, no header."""
        program, visit = self.ipppss[1:4].upper(), self.ipppss[4:].upper()
        return tuple(
            f"{e.filename},{self.spec.proposal},{program},{visit},{e.exptime_s},"
            f"{_filter_column(e)},{e.detector.upper()},./{e.filename}"
            for e in self.exposures
        )


def _filter_column(exposure: Exposure) -> str:
    header = exposure.header
    if "FILTER" in header:
        return str(header["FILTER"])
    return f"{header['FILTER1']};{header['FILTER2']}"


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


@dataclass(frozen=True)
class _Shot:
    """One exposure as it was taken, before it has a name and a header."""

    band: Filter
    exptime_s: float
    delay_s: float
    true: tuple[WCS, ...]
    jitter: WcsError
    trail_px: float
    pixels: tuple[Pixels, ...]


def simulate_visit(spec: VisitSpec, rng: Generator) -> SimulatedVisit:
    """Simulate the member of a scene that has the spec's error (or the only one)."""
    return simulate_pair(spec, rng)[0]


def simulate_pair(spec: VisitSpec, rng: Generator) -> tuple[SimulatedVisit, ...]:
    """Simulate a scene: the member with the error, and the same without.

    They share the pixels' arrays, the reference catalog and every keyword but names and the WCS.
    A spec of mode "aligned" has one member.

    Parameters
    ----------
    spec : VisitSpec
        What to make.
    rng : Generator
        Source of randomness.

    Returns
    -------
    tuple of SimulatedVisit
        The bad one first.
    """
    detector = find_detector(spec.detector)
    sky_rng, pixel_rng, error_rng, name_rng = rng.spawn(4)
    view, half = _draw_view(spec, detector, sky_rng)
    count = draw_reference_count(spec.gaia, sky_rng)
    reference = reference_catalog(
        view.scene.stars,
        view.centre,
        half,
        spec.orient_deg,
        count,
        spec.pm_residual_mas,
        sky_rng,
    )
    errors = [WcsError()] * spec.plan.n
    if spec.mode != "aligned":
        errors = draw_errors(spec.mode, spec.plan, spec.offset_px, error_rng)
    shots = _take(spec, detector, view, errors, pixel_rng)
    cards = _shared_cards(spec, name_rng)
    members = [_member(spec, detector, shots, errors, cards, reference, bad=True)]
    if spec.mode != "aligned":
        calm = [WcsError()] * len(shots)
        members.append(_member(spec, detector, shots, calm, cards, reference, bad=False))
    return tuple(members)


def _draw_view(spec: VisitSpec, detector: Detector, rng: Generator) -> tuple[Projection, float]:
    half = spec.plan.corner_px / np.sqrt(2) * max(map(abs, detector.linear_arcsec))
    # Wide enough for every roll and dither, and for reference stars beyond the footprint.
    radius = 1.5 * float(half) + 60 * detector.scale_arcsec
    bands = [(detector.filter(f), t) for f, t in zip(spec.filters, spec.exptimes_s, strict=True)]
    # Most stars are red: what the reddest filter sees is what there is.
    first, exptime = max(bands, key=lambda pair: pair[0].pivot_angstrom)
    faint = faintest_mag(detector, first, exptime, spec.conditions.sky)
    field_ = Field(radius, detector.scale_arcsec, faint, far_uv=detector.name == "sbc")
    scene = draw_scene(spec.scene, field_, rng)
    margin = 30 * detector.scale_arcsec
    return Projection(scene, (spec.ra_deg, spec.dec_deg), radius, first), float(half) + margin


def _take(
    spec: VisitSpec,
    detector: Detector,
    view: Projection,
    errors: list[WcsError],
    rng: Generator,
) -> list[_Shot]:
    shapes = chip_shapes(detector, spec.size)
    defects = [draw_defects(detector, shape, rng) for shape in shapes]
    dithers = dither_px(max(spec.counts), rng)
    shots: list[_Shot] = []
    delay = 0.0
    for name, count, exptime in zip(spec.filters, spec.counts, spec.exptimes_s, strict=True):
        band = detector.filter(name)
        for number in range(count):
            true = _true_wcs(spec, detector, dithers[number], rng)
            wobble = rng.normal(0, spec.jitter_mas / 1000 / detector.scale_arcsec, 2)
            trail = _trail(spec, errors, len(shots))
            pixels = tuple(
                render_chip(
                    view, detector, band, wcs, shape, exptime, spec.conditions, bad, trail, rng
                )
                for wcs, shape, bad in zip(true, shapes, defects, strict=True)
            )
            jitter = WcsError(dx_px=float(wobble[0]), dy_px=float(wobble[1]))
            length = float(np.hypot(*trail))
            shots.append(_Shot(band, exptime, delay, true, jitter, length, pixels))
            delay += exptime + 60.0
    return shots


def _true_wcs(
    spec: VisitSpec, detector: Detector, dither: np.ndarray, rng: Generator
) -> tuple[WCS, ...]:
    turned = np.radians(spec.orient_deg)
    east, north = dither * detector.scale_arcsec
    c, s = np.cos(turned), np.sin(turned)
    ra, dec = offset_sky(
        spec.ra_deg, spec.dec_deg, float(c * east - s * north), float(s * east + c * north)
    )
    roll = spec.orient_deg + float(rng.normal(0, 2e-5))
    return detector_wcs(detector, ra, dec, roll, spec.size)


def _trail(spec: VisitSpec, errors: list[WcsError], number: int) -> tuple[float, float]:
    """Drift within an exposure: a share of the visit's drift, on the detector's axes."""
    if spec.trail_share == 0.0 or not errors:
        return (0.0, 0.0)
    end = errors[-1]
    share = spec.trail_share / len(errors)
    turned = np.radians(spec.orient_deg)
    dx, dy = -share * end.dx_px, share * end.dy_px
    c, s = float(np.cos(turned)), float(np.sin(turned))
    return (c * dx + s * dy, -s * dx + c * dy)


@dataclass(frozen=True)
class _Cards:
    """What the headers of both members share."""

    fit: Fit | None
    start_mjd: float
    target: str
    moving: bool


def _shared_cards(spec: VisitSpec, rng: Generator) -> _Cards:
    fit = draw_fit(spec.prior, rng)
    start = float(rng.uniform(53000.0, 60000.0))
    names = ("FIELD", "NGC", "ABELL", "HD", "PAR", "ANY", "SNR", "GAL-CLUS")
    target = f"{names[int(rng.integers(len(names)))]}-{int(rng.integers(1, 9999))}"
    return _Cards(fit, start, target, bool(rng.random() < 0.03))


def _member(  # noqa: PLR0913, PLR0917
    spec: VisitSpec,
    detector: Detector,
    shots: list[_Shot],
    errors: list[WcsError],
    cards: _Cards,
    reference: Table,
    *,
    bad: bool,
) -> SimulatedVisit:
    ipppss = spec.ipppss(bad)
    identity = Identity(
        spec.proposal,
        ipppss,
        cards.target,
        spec.ra_deg,
        spec.dec_deg,
        cards.start_mjd,
        cards.moving,
    )
    east, north = (v / detector.scale_arcsec for v in spec.absolute_arcsec)
    absolute = WcsError(dx_px=east, dy_px=north)
    exposures, true, injected, trails = [], {}, {}, {}
    for number, (shot, error) in enumerate(zip(shots, errors, strict=True)):
        letters = _DIGITS[10 + number // 26] + _DIGITS[10 + number % 26]
        filename = f"{ipppss}{letters}q_{detector.suffix}.fits"
        header = erroneous(shot.true, absolute.plus(shot.jitter), detector.scale_arcsec)
        header = erroneous(header, error, detector.scale_arcsec)
        exposures.append(_exposure(spec, detector, identity, shot, header, filename, cards))
        true[filename] = shot.true
        injected[filename] = error
        trails[filename] = shot.trail_px
    mode = spec.mode if bad else "aligned"
    return SimulatedVisit(
        spec, ipppss, mode, tuple(exposures), true, injected, trails, reference, spec.fit_enabled
    )


def _exposure(  # noqa: PLR0913, PLR0917
    spec: VisitSpec,
    detector: Detector,
    identity: Identity,
    shot: _Shot,
    wcs: tuple[WCS, ...],
    filename: str,
    cards: _Cards,
) -> Exposure:
    root = filename.split("_", maxsplit=1)[0]
    primary = primary_header(
        detector,
        shot.band,
        identity,
        filename,
        shot.exptime_s,
        shot.delay_s,
        spec.orient_deg,
        spec.size is not None,
    )
    chips = []
    for number, (pixels, one) in enumerate(zip(shot.pixels, wcs, strict=True)):
        header = science_header(detector, shot.band, root, number, one, spec.prior, cards.fit)
        chips.append(Chip(pixels.sci, pixels.err, pixels.dq, one, header))
    return Exposure(
        filename,
        shot.band.name.lower(),
        detector.instrument,
        detector.name,
        shot.exptime_s,
        tuple(chips),
        primary,
    )
