from __future__ import annotations

import numpy as np
import pytest

from spacekit.measure.matching import Places
from spacekit.measure.matching import match_positions as match_places
from spacekit.measure.pairs import find_pairs

from .fields import brightness, scatter

SHAPE = (1000, 1000)


def match_positions(reference, positions, errors=None):
    """Match two arrays of positions, known alike unless errors are given."""
    second = Places.alike(positions) if errors is None else Places(positions, errors)
    return match_places(Places.alike(reference, 0.001 if errors is not None else 0.05), second)


def seen(rng, positions, error=0.05, lost=0.2, extra=0.2):
    """What a product shows of the sky: noisy positions, some lost, some that aren't there."""
    kept = positions[rng.uniform(size=len(positions)) > lost]
    more = scatter(rng, round(extra * len(positions)), SHAPE)
    return rng.permutation(np.concatenate([kept + rng.normal(0, error, kept.shape), more]))


def largest_px(match, places):
    """Length of the shift where it is largest among some places."""
    return np.hypot(*match.at(places).T).max()


@pytest.mark.parametrize("count", [8, 50, 400, 2000])
@pytest.mark.parametrize("length", [0.0, 0.5, 3.0, 20.0, 120.0])
def test_shift_is_found_whatever_its_length(count, length):
    rng = np.random.default_rng(count)
    sky = scatter(rng, count, SHAPE)
    shift = length * np.array([0.8, -0.6])
    match = match_positions(seen(rng, sky), seen(rng, sky + shift))
    assert match is not None
    error = np.hypot(match.dx_px - shift[0], match.dy_px - shift[1])
    assert error < 5 * match.uncertainty_px
    assert match.uncertainty_px == pytest.approx(0.07 / np.sqrt(match.sources), rel=0.5)
    assert largest_px(match, sky) == pytest.approx(length, abs=0.15)
    assert match.roll_deg == 0


def test_three_stars_are_enough_in_an_empty_field():
    sky = np.array([[100.0, 200.0], [700.0, 300.0], [400.0, 800.0]])
    match = match_positions(sky, sky + np.array([2.0, 1.0]))
    assert match is not None
    assert match.sources == 3
    assert match_positions(sky[:2], sky[:2]) is None


def test_few_stars_that_agree_by_chance_are_no_surer_than_their_errors_allow():
    sky = np.array([[100.0, 200.0], [700.0, 300.0], [400.0, 800.0]])
    match = match_positions(sky, sky + np.array([0.7, 0.1]), np.full(3, 0.2))
    assert match is not None
    assert match.uncertainty_px == pytest.approx(0.2 / np.sqrt(3), rel=0.01)


@pytest.mark.parametrize("count", [5, 100, 1500])
def test_unrelated_lists_never_match(count):
    rng = np.random.default_rng(7)
    for _ in range(10):
        assert match_positions(scatter(rng, count, SHAPE), scatter(rng, count, SHAPE)) is None


def test_unrelated_clusters_do_not_match_though_they_overlap():
    rng = np.random.default_rng(8)
    for _ in range(10):
        assert match_positions(*rng.normal(500, 60, (2, 300, 2))) is None


def test_few_common_stars_among_many_cosmic_rays():
    rng = np.random.default_rng(9)
    sky = scatter(rng, 60, SHAPE)
    one = rng.permutation(np.concatenate([sky, scatter(rng, 900, SHAPE)]))
    other = rng.permutation(np.concatenate([sky + np.array([31.0, 7.5]), scatter(rng, 900, SHAPE)]))
    match = match_positions(one, other)
    assert match is not None
    assert np.hypot(match.dx_px - 31, match.dy_px - 7.5) < 0.05


@pytest.mark.parametrize("corner_px", [0.6, 3.0, 10.0])
@pytest.mark.parametrize("count", [40, 500])
def test_rotation_shows_and_the_largest_shift_is_at_the_edge(corner_px, count):
    rng = np.random.default_rng(count)
    sky = scatter(rng, count, SHAPE)
    angle = corner_px / 707
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    match = match_positions(sky, seen(rng, (sky - 500) @ turn.T + 500))
    assert match is not None
    assert match.roll_deg == pytest.approx(np.degrees(angle), rel=0.15)
    assert 0.6 * corner_px < largest_px(match, sky) < 1.1 * corner_px
    assert match.scatter_px < 0.1


def test_few_sources_do_not_seem_rotated_by_their_errors():
    rng = np.random.default_rng(6)
    for _ in range(400):
        sky = scatter(rng, 12, SHAPE)
        match = match_positions(sky, sky + rng.normal(0, 0.15, sky.shape))
        assert match is None or match.roll_deg == 0


def test_a_small_scale_difference_counts_too():
    rng = np.random.default_rng(10)
    sky = scatter(rng, 300, SHAPE)
    match = match_positions(sky, seen(rng, (sky - 500) * 1.004 + 500))
    assert match is not None
    assert largest_px(match, sky) == pytest.approx(2.5, abs=0.4)
    assert abs(match.roll_deg) < 0.01


def test_errors_weight_the_shift():
    rng = np.random.default_rng(11)
    sky = scatter(rng, 200, SHAPE)
    errors = np.where(np.arange(200) < 20, 0.01, 0.5)
    other = sky + np.array([1.0, 2.0]) + rng.normal(0, 1, sky.shape) * errors[:, None]
    match = match_positions(sky, other, errors)
    assert match is not None
    assert np.hypot(match.dx_px - 1, match.dy_px - 2) < 0.02


@pytest.mark.parametrize("length", [4.0, 12.0, 100.0])
@pytest.mark.parametrize("count", [20, 400])
def test_a_doubled_field_has_pairs_of_one_separation(length, count):
    rng = np.random.default_rng(count)
    sky, flux = scatter(rng, count, SHAPE), brightness(rng, count)
    order = rng.permutation(2 * count)
    positions = np.concatenate([sky, sky + length * np.array([1.0, 0.0])])[order]
    positions += rng.normal(0, 0.2, positions.shape)
    pairs = find_pairs(positions, np.concatenate([flux, 0.6 * flux])[order])
    assert pairs is not None
    assert pairs.share > 0.5
    assert abs(pairs.dx_px) == pytest.approx(length, abs=0.3)
    assert pairs.dy_px == pytest.approx(0, abs=0.3)


def test_binaries_clusters_and_chance_have_no_common_separation():
    rng = np.random.default_rng(12)
    for count in (10, 100, 1000):
        sky, flux = scatter(rng, count, SHAPE), brightness(rng, count)
        assert find_pairs(sky, flux).share == 0
        away = rng.uniform(3, 15, count)[:, None]
        angle = rng.uniform(0, 2 * np.pi, count)
        binaries = sky + away * np.column_stack([np.cos(angle), np.sin(angle)])
        assert find_pairs(np.concatenate([sky, binaries]), np.tile(flux, 2)).share == 0
    assert find_pairs(rng.normal(500, 60, (800, 2)), np.ones(800)).share == 0


def test_faint_companions_of_bright_stars_are_not_pairs():
    rng = np.random.default_rng(13)
    sky = scatter(rng, 100, SHAPE)
    positions = np.concatenate([sky, sky + np.array([0.0, 6.0])])
    assert find_pairs(positions, np.repeat([1.0, 0.05], 100)).share == 0


def test_pairs_need_ten_sources():
    assert find_pairs(np.zeros((9, 2)), np.ones(9)) is None
