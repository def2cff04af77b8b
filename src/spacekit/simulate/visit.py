"""The exposures of a visit, from its spec: a bad member and a good one of the same pixels.

What is drawn, and in which order, is in `spacekit.simulate.spec`. The error goes into the headers
of one of two members that share everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy.table import Table
from astropy.time import Time
from astropy.wcs import WCS
from numpy.random import Generator
from numpy.typing import NDArray

from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.mosaic.scratch import keep
from spacekit.simulate.aperture import WcsError
from spacekit.simulate.catalog import draw_reference_count, reference_catalog
from spacekit.simulate.conditions import MOVING_KINDS
from spacekit.simulate.defects import draw_defects
from spacekit.simulate.detectors import Detector, Filter, find_detector
from spacekit.simulate.exposures import (
    Pixels,
    Projection,
    Shutter,
    faintest_mag,
    render_chip,
    usable_points,
)
from spacekit.simulate.headers import Identity, Taken, primary_header, science_header
from spacekit.simulate.pointing import (
    dither_px,
    draw_errors,
)
from spacekit.simulate.priors import Fit, draw_fit
from spacekit.simulate.sky import Field, draw_scene
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.wcs import detector_axes, detector_wcs, erroneous, offset_sky

__all__ = ["SimulatedVisit", "simulate_pair", "simulate_visit"]

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


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
    usable_sources : int
        Stars and knots that exposures of two filters (or two exposures, where there is one
        filter) show well enough to compare them by; see `usable_points`.
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
    usable_sources: int

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
    usable: NDArray[np.bool_]


def simulate_visit(spec: VisitSpec, rng: Generator) -> SimulatedVisit:
    """Simulate the member of a scene that has the spec's error (or the only one)."""
    return simulate_pair(spec, rng)[0]


def simulate_pair(
    spec: VisitSpec, rng: Generator, scratch: Path | None = None
) -> tuple[SimulatedVisit, ...]:
    """Simulate a scene: the member with the error, and the same without.

    They share the pixels' arrays, the reference catalog and every keyword but names and the WCS.
    A spec of mode "aligned" has one member.

    Parameters
    ----------
    spec : VisitSpec
        What to make.
    rng : Generator
        Source of randomness.
    scratch : Path or None
        Folder in which large pixel planes are kept in files without a name, see
        `spacekit.mosaic.scratch`; None: in memory.

    Returns
    -------
    tuple of SimulatedVisit
        The bad one first.
    """
    detector = find_detector(spec.detector)
    sky_rng, pixel_rng, error_rng, name_rng, dither_rng = rng.spawn(5)
    side_px = min(spec.aperture.extent_px(detector))
    dithers = dither_px(max(spec.counts), side_px, dither_rng)
    view, half = _draw_view(spec, detector, float(np.hypot(*dithers.T).max()), sky_rng)
    count = draw_reference_count(spec.gaia, sky_rng)
    reference = reference_catalog(
        view.scene.stars,
        view.centre,
        half,
        spec.orient_deg,
        count,
        spec.pm_residual_mas,
        float(Time(spec.start_mjd, format="mjd").jyear),
        sky_rng,
    )
    errors = [WcsError()] * spec.plan.n
    if spec.mode != "aligned":
        errors = draw_errors(spec.mode, spec.plan, spec.offset_px, error_rng)
    shots = _take(spec, view, dithers, errors, pixel_rng, scratch)
    cards = _shared_cards(spec, name_rng)
    members = [_member(spec, detector, shots, errors, cards, reference, bad=True)]
    if spec.mode != "aligned":
        calm = [WcsError()] * len(shots)
        members.append(_member(spec, detector, shots, calm, cards, reference, bad=False))
    return tuple(members)


def _draw_view(
    spec: VisitSpec, detector: Detector, farthest_px: float, rng: Generator
) -> tuple[Projection, float]:
    """Draw the sky around a pointing, and give half the side of what the exposures see."""
    half = spec.plan.corner_px / np.sqrt(2) * max(map(abs, detector.linear_arcsec))
    # Wide enough for every roll and dither, and for reference stars beyond the footprint.
    radius = 1.5 * float(half) + (30 + farthest_px) * detector.scale_arcsec
    bands = [(detector.filter(f), t) for f, t in zip(spec.filters, spec.exptimes_s, strict=True)]
    # Most stars are red: what the reddest filter sees is what there is.
    first, exptime = max(bands, key=lambda pair: pair[0].pivot_angstrom)
    faint = faintest_mag(detector, first, exptime, spec.conditions.sky)
    field_ = Field(radius, detector.scale_arcsec, faint, far_uv=detector.name == "sbc")
    scene = draw_scene(spec.scene, field_, rng)
    margin = 30 * detector.scale_arcsec
    return Projection(scene, (spec.ra_deg, spec.dec_deg), radius, first), float(half) + margin


def _take(  # noqa: PLR0913, PLR0917
    spec: VisitSpec,
    view: Projection,
    dithers: NDArray[np.float64],
    errors: list[WcsError],
    rng: Generator,
    scratch: Path | None,
) -> list[_Shot]:
    detector = find_detector(spec.detector)
    windows = zip(spec.aperture.shapes(detector), spec.aperture.first_rows(detector), strict=True)
    defects = [draw_defects(detector, shape, row, rng) for shape, row in windows]
    corners = spec.aperture.corners(detector, spec.conditions.field_bin)
    shots: list[_Shot] = []
    delay = 0.0
    for place, name in enumerate(spec.filters):
        band = detector.filter(name)
        for number, exptime in enumerate(spec.exposure_times_s(place)):
            true = _true_wcs(spec, detector, dithers[number], rng)
            wobble = rng.normal(0, spec.jitter_mas / 1000 / detector.scale_arcsec, 2)
            drift = _drift(spec, errors)
            shutter = Shutter(band, exptime, delay, _on_detector(detector, spec, drift))
            pixels = tuple(
                _kept(
                    render_chip(
                        view, detector, shutter, wcs, chip, corner, spec.conditions, bad, rng
                    ),
                    scratch,
                )
                for chip, (wcs, corner, bad) in enumerate(zip(true, corners, defects, strict=True))
            )
            usable = [
                usable_points(view, detector, shutter, wcs, one.sci.shape, corner, spec.conditions)
                for wcs, corner, one in zip(true, corners, pixels, strict=True)
            ]
            jitter = WcsError(dx_px=float(wobble[0]), dy_px=float(wobble[1]))
            length = float(np.hypot(*drift))
            seen = np.any(usable, axis=0)
            shots.append(_Shot(band, exptime, delay, true, jitter, length, pixels, seen))
            delay += exptime + 60.0
    return shots


def _kept(pixels: Pixels, scratch: Path | None) -> Pixels:
    err = None if pixels.err is None else keep(pixels.err, scratch)
    return Pixels(keep(pixels.sci, scratch), keep(pixels.dq, scratch), err)


def _usable_sources(shots: list[_Shot]) -> int:
    """Count what two filters show, or two exposures of the only filter."""
    filters = {shot.band.name for shot in shots}
    sides = [[s.usable for s in shots if s.band.name == name] for name in filters]
    seen = [np.any(side, axis=0) for side in sides] if len(sides) > 1 else sides[0]
    return int((np.sum(seen, axis=0) >= 2).sum())


def _true_wcs(
    spec: VisitSpec, detector: Detector, dither: np.ndarray, rng: Generator
) -> tuple[WCS, ...]:
    east, north = detector_axes(detector, spec.orient_deg) @ dither
    ra, dec = offset_sky(spec.ra_deg, spec.dec_deg, float(east), float(north))
    roll = spec.orient_deg + float(rng.normal(0, 2e-5))
    return detector_wcs(detector, ra, dec, roll, spec.aperture)


def _drift(spec: VisitSpec, errors: list[WcsError]) -> tuple[float, float]:
    """Drift within an exposure, to the east and north, px: a share of the visit's drift."""
    if spec.trail_share == 0.0 or not errors:
        return (0.0, 0.0)
    share = spec.trail_share / len(errors)
    return share * errors[-1].dx_px, share * errors[-1].dy_px


def _on_detector(
    detector: Detector, spec: VisitSpec, drift: tuple[float, float]
) -> tuple[float, float]:
    """Give a drift on the sky, in units of the pixel scale, in the detector's own pixels."""
    sky_arcsec = np.array(drift) * detector.scale_arcsec
    x, y = np.linalg.solve(detector_axes(detector, spec.orient_deg), sky_arcsec)
    return float(x), float(y)


@dataclass(frozen=True)
class _Cards:
    """What the headers of both members share."""

    fit: Fit | None
    target: str
    moving: bool


def _shared_cards(spec: VisitSpec, rng: Generator) -> _Cards:
    fit = draw_fit(spec.prior, find_detector(spec.detector).scale_arcsec, rng)
    names = ("FIELD", "NGC", "ABELL", "HD", "PAR", "ANY", "SNR", "GAL-CLUS")
    target = f"{names[int(rng.integers(len(names)))]}-{int(rng.integers(1, 9999))}"
    # Some visits say so of a target that is not seen to move.
    moving = bool(rng.random() < 0.03) or spec.scene in MOVING_KINDS
    return _Cards(fit, target, moving)


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
        spec.start_mjd,
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
        spec,
        ipppss,
        mode,
        tuple(exposures),
        true,
        injected,
        trails,
        reference,
        spec.fit_enabled,
        _usable_sources(shots),
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
    taken = Taken(
        detector,
        shot.band,
        identity,
        filename,
        shot.exptime_s,
        shot.delay_s,
        spec.orient_deg,
        spec.size is not None,
        spec.prior,
        cards.fit,
    )
    chips = []
    for number, (pixels, one) in enumerate(zip(shot.pixels, wcs, strict=True)):
        header = science_header(taken, number, one)
        chips.append(Chip(pixels.sci, pixels.dq, one, header, pixels.err))
    return Exposure(
        filename,
        shot.band.name.lower(),
        detector.instrument,
        detector.name,
        shot.exptime_s,
        tuple(chips),
        primary_header(taken),
    )
