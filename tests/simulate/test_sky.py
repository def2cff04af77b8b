"""Scenes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from spacekit.simulate.conditions import MOVING_KINDS, SCENE_KINDS
from spacekit.simulate.draw import draw_spec
from spacekit.simulate.galaxies import cluster_of_galaxies, draw_galaxies, giant_galaxy
from spacekit.simulate.moving import draw_moving, draw_planet
from spacekit.simulate.objects import Field, Galaxies, Stars
from spacekit.simulate.sky import draw_scene
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_pair

FIELD = Field(40.0, 0.05, 26.0)


@pytest.mark.parametrize("kind", sorted(SCENE_KINDS))
def test_every_kind_can_be_drawn_and_again(kind):
    scenes = [draw_scene(kind, FIELD, np.random.default_rng(3)) for _ in range(2)]
    for scene in scenes:
        for table in (scene.stars, scene.knots, scene.galaxies):
            for name in table.__dataclass_fields__:
                assert np.isfinite(getattr(table, name)).all()
        assert np.all(scene.galaxies.radius > 0)
        assert np.all((scene.galaxies.ratio > 0) & (scene.galaxies.ratio <= 1))
    assert np.array_equal(scenes[0].stars.mag, scenes[1].stars.mag)
    assert (scenes[0].glow is not None) == (kind == "nebula")
    assert bool(scenes[0].moving) == (kind in MOVING_KINDS)


def test_weights_are_shares_and_all_kinds_come():
    assert sum(SCENE_KINDS.values()) == pytest.approx(1.0)
    seen = Counter(draw_spec(5, k).scene for k in range(1200))
    assert set(seen) == set(SCENE_KINDS)


def test_crowded_fields_are_crowded():
    sizes = {
        kind: np.median(
            [draw_scene(kind, FIELD, np.random.default_rng(k)).stars.size for k in range(9)]
        )
        for kind in ("blank", "stars", "crowded")
    }
    assert sizes["blank"] < 0.2 * sizes["stars"] < sizes["stars"] < 0.5 * sizes["crowded"]


def test_binaries_are_close():
    """Some stars have a companion within 12 px, more than chance gives."""
    near = []
    for seed in range(12):
        stars = draw_scene("stars", FIELD, np.random.default_rng(seed)).stars
        apart = np.hypot(*(v[:, None] - v for v in (stars.east, stars.north)))
        np.fill_diagonal(apart, np.inf)
        near.append((apart.min(axis=1) < 12 * FIELD.pixel_arcsec).mean())
    assert max(near) > 0.3


def test_spirals_have_knots_and_some_have_second_cores():
    galaxies, knots = draw_galaxies(FIELD, 400, np.random.default_rng(2))
    assert galaxies.size > 400
    assert knots.size > 300
    away = np.hypot(*(v[:, None] - w[None, :400] for v, w in _pairs(knots, galaxies)))
    nearest = away.min(axis=1)
    assert np.all(nearest < 3.2 * galaxies.radius[:400].max())
    apart = np.hypot(*(v[:, None] - w[None, :400] for v, w in _pairs(galaxies, galaxies)))[400:]
    doubled = apart.min(axis=1)
    doubled = doubled[doubled > 0]
    assert doubled.size > 5
    assert doubled.max() < 12.1 * FIELD.pixel_arcsec


def _pairs(of: Stars | Galaxies, other: Galaxies):
    return (of.east, other.east), (of.north, other.north)


def test_knots_hold_a_part_of_the_light():
    field = replace(FIELD, faint_mag=28.0)
    galaxies, knots = draw_galaxies(field, 60, np.random.default_rng(4))
    share = (10 ** (-0.4 * knots.mag)).sum() / (10 ** (-0.4 * galaxies.mag)).sum()
    assert 0.01 < share < 0.4


def test_cluster_has_a_red_sequence_and_tangential_arcs():
    galaxies, _ = cluster_of_galaxies(FIELD, np.random.default_rng(6))
    arcs = galaxies.index == 0.5
    members = ~arcs
    assert arcs.sum() >= 3
    tilt = np.polyfit(galaxies.mag[members], galaxies.colour[members], 1)
    scatter = galaxies.colour[members] - np.polyval(tilt, galaxies.mag[members])
    assert scatter.std() < 0.1
    assert galaxies.mag[0] < np.delete(galaxies.mag, 0).min()
    radial = np.degrees(
        np.arctan2(galaxies.east - galaxies.east[0], galaxies.north - galaxies.north[0])
    )
    off = (galaxies.angle_deg - radial)[arcs] % 180.0
    assert off == pytest.approx(90.0, abs=1e-6)


def test_giant_fills_the_field():
    for seed in range(8):
        galaxies, knots = giant_galaxy(FIELD, np.random.default_rng(seed))
        assert galaxies.radius[0] > 0.3 * FIELD.seen_arcsec
        assert galaxies.mag[0] < FIELD.faint_mag - 7
        assert knots.size > 0


def test_what_moves_moves():
    (body, *_) = draw_moving(FIELD, np.random.default_rng(1))
    later = body.at(600.0)
    way = np.array(body.rate_arcsec_s) * 600.0
    assert later.stars.east[0] - body.stars.east[0] == pytest.approx(way[0])
    assert later.stars.north[0] - body.stars.north[0] == pytest.approx(way[1])
    rates = [
        np.hypot(*draw_moving(FIELD, np.random.default_rng(k))[0].rate_arcsec_s) * 3600
        for k in range(60)
    ]
    assert min(rates) >= 0.5
    assert max(rates) <= 60


def test_planet_takes_its_moons_along():
    for seed in range(10):
        planet, *moons = draw_planet(FIELD, np.random.default_rng(seed))
        assert planet.disc is not None
        assert planet.at(100.0).disc.east - planet.disc.east == pytest.approx(
            100.0 * planet.rate_arcsec_s[0]
        )
        for moon in moons:
            off = np.subtract(moon.rate_arcsec_s, planet.rate_arcsec_s)
            assert np.hypot(*off) * 3600 < 3.01


def test_moving_target_is_displaced_and_its_visit_says_so():
    """Both members of a pair alike: MTFLAG tells nothing of the label."""
    spec = VisitSpec(
        number=2,
        seed=1,
        detector="uvis",
        filters=("F606W", "F814W"),
        counts=(2, 1),
        exptimes_s=(300.0, 300.0),
        size=256,
        scene="planet",
        mode="one-filter",
        offset_px=2.0,
    )
    bad, good = simulate_pair(spec, np.random.default_rng(8))
    flags = {e.header["MTFLAG"] for visit in (bad, good) for e in visit.exposures}
    assert flags == {"T"}
    still = simulate_pair(replace(spec, scene="stars"), np.random.default_rng(8))
    assert {e.header["MTFLAG"] for e in still[0].exposures} == {""}
