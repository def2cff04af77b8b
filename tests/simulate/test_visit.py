"""What is drawn for a visit, and what comes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from astropy.time import Time

from spacekit.errors import SimulationError
from spacekit.mosaic.align import at_epoch
from spacekit.simulate.aperture import Aperture, WcsError
from spacekit.simulate.detectors import DETECTORS, find_detector
from spacekit.simulate.draw import draw_spec
from spacekit.simulate.exposures import Shutter, _trailed
from spacekit.simulate.pointing import MODES, Plan, draw_errors, possible_modes
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import _on_detector, _true_wcs, simulate_pair, simulate_visit
from spacekit.simulate.wcs import detector_wcs, erroneous

SMALL = VisitSpec(
    number=7,
    seed=3,
    detector="ir",
    filters=("F110W", "F160W"),
    counts=(2, 1),
    exptimes_s=(300.0, 200.0),
    size=128,
    mode="one-filter",
    offset_px=3.0,
)


@pytest.fixture(scope="module")
def pair():
    return simulate_pair(SMALL, np.random.default_rng(5))


def test_scene_depends_on_seed_and_number_alone():
    assert draw_spec(4, 17) == draw_spec(4, 17)
    assert len({draw_spec(4, k) for k in range(20)} | {draw_spec(5, 17)}) == 21


def test_members_share_all_but_names_and_wcs(pair):
    bad, good = pair
    assert (bad.mode, good.mode) == ("one-filter", "aligned")
    assert bad.reference is good.reference
    assert bad.fit_enabled == good.fit_enabled
    for one, other in zip(bad.exposures, good.exposures, strict=True):
        assert one.chips[0].sci is other.chips[0].sci
        assert one.chips[0].dq is other.chips[0].dq
        named = {"ROOTNAME", "FILENAME", "ASN_ID", "ASN_TAB", "LINENUM"}
        differ = {k for k in one.header if one.header[k] != other.header[k]}
        assert differ <= named
        differ = {
            k for k in one.chips[0].header if one.chips[0].header[k] != other.chips[0].header[k]
        }
        placed = ("CRVAL", "CD", "ROOTNAME", "EXPNAME", "HDRNAME", "ORIENTAT")
        assert all(k.startswith(placed) for k in differ)


def test_error_of_the_headers_is_what_was_asked_for(pair):
    bad, good = pair
    for one, other, band in zip(bad.exposures, good.exposures, SMALL.plan.filters, strict=True):
        sky = one.chips[0].wcs.all_pix2world([[64.0, 64.0]], 0)[0]
        calm = other.chips[0].wcs.all_pix2world([[64.0, 64.0]], 0)[0]
        east = (sky[0] - calm[0]) * np.cos(np.radians(sky[1]))
        apart = np.hypot(east, sky[1] - calm[1]) * 3600 / 0.12825
        error = bad.errors[one.filename]
        assert apart == pytest.approx(np.hypot(error.dx_px, error.dy_px), abs=1e-3)
        assert east * 3600 / 0.12825 == pytest.approx(error.dx_px, abs=1e-3)
        assert {0.0, 3.0} >= {round(float(apart), 2)}, band
    assert any(e.dx_px for e in bad.errors.values())


def test_same_generator_gives_the_same_pixels(pair):
    again = simulate_pair(SMALL, np.random.default_rng(5))
    for one, other in zip(pair[0].exposures, again[0].exposures, strict=True):
        assert np.array_equal(one.chips[0].sci, other.chips[0].sci)
        assert one.chips[0].header == other.chips[0].header
    assert np.array_equal(pair[0].reference["RA"], again[0].reference["RA"])


def test_names_are_unique_and_do_not_tell_the_label():
    specs = [draw_spec(1, k) for k in range(400)]
    names = [spec.ipppss(bad) for spec in specs for bad in (True, False)]
    assert len(set(names)) == len(names)
    assert all(len(n) == 6 and n[0] in "ij" for n in names)
    first = sum(spec.ipppss(True).endswith("01") for spec in specs)
    assert 150 < first < 250


@pytest.fixture(scope="module")
def drawn():
    return [draw_spec(2, k) for k in range(2500)]


def test_what_could_be_mistaken_for_a_sign_is_drawn_before_the_error(drawn):
    """The size of the error says nothing of reference stars, prior WCS, fit or depth."""
    specs = [s for s in drawn if s.mode != "aligned"]
    large = [s for s in specs if s.offset_px / MODES[s.mode].high_px > 0.15]
    small = [s for s in specs if s.offset_px / MODES[s.mode].high_px <= 0.15]
    for of in (
        lambda s: s.gaia,
        lambda s: s.prior,
        lambda s: s.fit_enabled,
        lambda s: s.scene,
        lambda s: s.detector,
        lambda s: s.bad_first,
    ):
        a, b = Counter(map(of, large)), Counter(map(of, small))
        for key in a | b:
            p, q = a[key] / len(large), b[key] / len(small)
            spread = np.sqrt(0.25 / len(large) + 0.25 / len(small))
            assert abs(p - q) < 4 * spread, key


def test_at_least_half_have_fewer_than_twelve_reference_stars(drawn):
    assert sum(s.gaia != "many" for s in drawn) > len(drawn) / 2


def test_modes_of_a_seed_are_all_drawn(drawn):
    seen = Counter(s.mode for s in drawn)
    assert set(seen) >= set(MODES) | {"aligned"}


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_mode_moves_some_exposures_against_others(mode):
    filters = ("a", "a") if mode == "pair" else ("a", "a", "b", "b")
    plan = Plan(filters, 2, 360.0)
    for seed in range(20):
        errors = draw_errors(mode, plan, 2.0, np.random.default_rng(seed))
        assert len(errors) == plan.n
        assert len(set(errors)) > 1


def test_a_filter_may_have_a_short_exposure():
    spec = replace(SMALL, counts=(3, 2), short_shares=(0.1, 1.0))
    good, _ = simulate_pair(spec, np.random.default_rng(5))
    taken = [(e.filter, e.exptime_s, e.header["EXPTIME"]) for e in good.exposures]
    assert taken == [
        ("f110w", 30.0, 30.0),
        ("f110w", 300.0, 300.0),
        ("f110w", 300.0, 300.0),
        ("f160w", 200.0, 200.0),
        ("f160w", 200.0, 200.0),
    ]
    with pytest.raises(SimulationError, match="short_shares"):
        replace(SMALL, short_shares=(0.1,))


def test_impossible_visits_are_refused_with_a_sentence():
    with pytest.raises(SimulationError, match="one-filter can't happen"):
        replace(SMALL, filters=("F110W",), counts=(3,), exptimes_s=(100.0,))
    with pytest.raises(SimulationError, match="no filter F999W"):
        replace(SMALL, filters=("F110W", "F999W"))
    with pytest.raises(SimulationError, match="at least one exposure"):
        replace(SMALL, counts=(2, 0))
    with pytest.raises(SimulationError, match="no mode called"):
        replace(SMALL, mode="asleep")
    with pytest.raises(SimulationError, match="no detector called"):
        find_detector("wfpc2")


def test_single_exposure_can_not_be_misaligned():
    assert possible_modes(Plan(("a",), 1, 360.0)) == []


def test_wcs_error_turns_chips_as_one():
    row = DETECTORS["uvis"]
    chips = detector_wcs(row, 359.9999, -60.0, 30.0, Aperture())
    assert len(chips) == 2
    turned = erroneous(chips, WcsError(roll_deg=0.01), row.scale_arcsec)

    def apart(pair):
        a = pair[0].all_pix2world([[100.0, 2000.0]], 0)[0]
        b = pair[1].all_pix2world([[100.0, 30.0]], 0)[0]
        d = (b - a) * [np.cos(np.radians(-60)), 1]
        d[0] -= 360 * np.cos(np.radians(-60)) * round(d[0] / 180)
        return d * 3600

    # 51 px and 30 px from the chips' edges, and 31 px of gap.
    assert np.hypot(*apart(chips)) == pytest.approx(112 * row.scale_arcsec, rel=0.12)
    assert np.hypot(*apart(turned)) == pytest.approx(np.hypot(*apart(chips)), rel=1e-4)


@pytest.mark.parametrize("name", sorted(DETECTORS))
@pytest.mark.parametrize("orient", [0.0, 30.0, 135.0, 270.0])
def test_dithers_are_along_the_axes_of_the_detector(name, orient):
    """Sky that the first exposure has in the middle of a pixel moves by what was asked for."""
    dithers = [(0.0, 0.0), (10.5, 0.0), (0.0, 10.5), (7.25, -3.0)]
    spec = replace(
        SMALL,
        detector=name,
        filters=(DETECTORS[name].filters[0].name,),
        counts=(4,),
        exptimes_s=(100.0,),
        mode="aligned",
        dec_deg=60.0,
        orient_deg=orient,
    )
    rng = np.random.default_rng(1)
    first, *others = (_true_wcs(spec, DETECTORS[name], np.array(d), rng)[0] for d in dithers)
    sky = first.all_pix2world([[64.0, 64.0]], 0)
    for wcs, asked in zip(others, dithers[1:], strict=True):
        moved = 64.0 - wcs.all_world2pix(sky, 0)[0]
        assert moved == pytest.approx(asked, abs=0.05)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_a_drift_is_as_long_on_the_sky_as_is_recorded(name):
    spec, detector = replace(SMALL, orient_deg=50.0), DETECTORS[name]
    wcs = _true_wcs(spec, detector, np.zeros(2), np.random.default_rng(1))[0]
    for drift in ((3.0, 0.0), (0.0, 3.0), (-2.0, 1.5)):
        trail = Shutter(detector.filters[0], 100.0, 0.0, _on_detector(detector, spec, drift))
        ends = wcs.wcs_pix2world(64.0 + trail.trail()[[0, -1]], 0)
        east, north = np.diff(ends, axis=0)[0] * 3600 / detector.scale_arcsec
        east *= np.cos(np.radians(spec.dec_deg))
        steps = len(trail.trail())
        assert (east, north) == pytest.approx(np.array(drift) * (steps - 1) / steps, abs=0.03)


def test_a_drift_trails_what_is_extended_as_it_trails_stars():
    shutter = Shutter(DETECTORS["ir"].filters[0], 100.0, 0.0, (3.0, -1.5))
    image = np.zeros((31, 31), np.float32)
    image[15, 15] = 100.0
    trailed = _trailed(image, shutter.trail())
    assert trailed.sum() == pytest.approx(100.0, rel=1e-5)
    y, x = np.nonzero(trailed)
    flux = trailed[y, x]
    spread = np.cov(np.vstack([x, y]), aweights=flux, ddof=0)
    # a line of length l has a variance of l squared over 12; some is lent by the pixels
    assert spread[0, 0] == pytest.approx(9 / 12, abs=0.2)
    assert spread[0, 1] == pytest.approx(-4.5 / 12, abs=0.05)
    still = replace(shutter, trail_px=(0.02, 0.0))
    assert _trailed(image, still.trail()) is image


def test_reference_stars_are_where_the_scene_shows_them_at_the_time():
    spec = replace(SMALL, start_mjd=53_000.0, scene="crowded", mode="aligned", gaia="many")
    visit = simulate_visit(spec, np.random.default_rng(5))
    year = Time(spec.start_mjd, format="mjd").jyear
    wcs = next(iter(visit.true_wcs.values()))[0]
    # Where the brightest reference stars are said to be then, there is light.
    light = []
    for table in (at_epoch(visit.reference, year), visit.reference):
        stars = table[np.argsort(table["mag"])][:40]
        x, y = wcs.all_world2pix(stars["RA"], stars["DEC"], 0, quiet=True)
        near = (x > 3) & (x < 124) & (y > 3) & (y < 124)
        light.append(offsets_of_peaks(visit.exposures[0].chips[0].sci, x[near], y[near]))
    assert light[0] < 0.6 * light[1]


def offsets_of_peaks(image, x, y):
    """Median distance of the light's centre in a box of 5 px from where it should be."""
    apart = []
    for a, b in zip(x, y, strict=True):
        i, j = round(b), round(a)
        box = image[i - 2 : i + 3, j - 2 : j + 3] - np.median(image)
        dy, dx = np.mgrid[-2:3, -2:3]
        weight = np.clip(box, 0, None)
        apart.append(
            np.hypot(
                j + (weight * dx).sum() / weight.sum() - a,
                i + (weight * dy).sum() / weight.sum() - b,
            )
        )
    return float(np.median(apart))
