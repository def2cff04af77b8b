"""What cosmic-ray rejection took from which exposure, read from the context image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from spacekit.errors import ProductError
from spacekit.measure.evidence import measure_evidence
from spacekit.measure.rejected import Holes, filters_of, find_holes, inputs_of
from spacekit.measure.repeats import find_repeats
from spacekit.measure.sources import Sources
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import read_drizzled

SIDE = 300
MIDDLE = np.array([149.5, 149.5])
VISIT = "hst_16906_01_wfc3_uvis"
THREE = ("f606w_i00a01aa", "f606w_i00a01ab", "f814w_i00a01ac")


def places(count: int, seed: int) -> np.ndarray:
    """Whole pixels, far from one another and from the edges."""
    grid = np.array([(x, y) for x in range(30, 270, 20) for y in range(30, 270, 20)])
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(grid)[:count]
    return chosen + rng.integers(-4, 5, chosen.shape)


def take(context: np.ndarray, where: np.ndarray, bit: int, side: int = 4) -> None:
    """Take square patches, centred on `where`, from the exposure of a bit."""
    for x, y in where:
        context[y - side // 2 : y - side // 2 + side, x - side // 2 : x - side // 2 + side] &= ~(
            1 << bit
        )


def product(path: Path, context: np.ndarray | None, inputs: tuple[str, ...] = THREE) -> Path:
    primary = fits.PrimaryHDU()
    for number, name in enumerate(inputs, start=1):
        primary.header[f"D{number:03d}DATA"] = f"{VISIT}_{name}_flc.fits[sci,1]"
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0}
    cards |= {"CRPIX1": 150.0, "CRPIX2": 150.0, "CD1_1": -1.1e-5, "CD2_2": 1.1e-5}
    image = np.random.default_rng(1).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    hdus = [primary, fits.ImageHDU(image, fits.Header(cards), name="SCI")]
    hdus += [fits.ImageHDU(np.ones((SIDE, SIDE), np.float32), name="WHT")]
    hdus += [] if context is None else [fits.ImageHDU(context, name="CTX")]
    fits.HDUList(hdus).writeto(path)
    return path


def everywhere(exposures: int = 3) -> np.ndarray:
    return np.full((SIDE, SIDE), 2**exposures - 1, np.int32)


def stars(where: np.ndarray) -> Sources:
    some = np.ones(len(where))
    none = Sources.none()
    return replace(none, x=where[:, 0] * 1.0, y=where[:, 1] * 1.0, snr=100 * some, flux=some,
                   size_px=some, sharpness=some, e1=some, e2=some, weight_ratio=some,
                   chip=some)  # fmt: skip


def test_inputs_are_named_as_the_pipeline_names_them():
    header = fits.Header()
    header["D001DATA"] = "hst_16906_01_wfc3_uvis_f814w_iza601ac_flc.fits[sci,1]"
    header["D002DATA"] = "hst_16906_01_wfc3_uvis_f814w_iza601ac_flc.fits[sci,2]"
    header["D003DATA"] = "iza601adq_flt.fits[sci,1]"
    header["D004DATA"] = "../../etc/passwd"
    header["D005DATA"] = "hst_16906_01_acs_wfc_f606w-pol0v_iza601aeq_flc.fits[sci,1]"
    assert inputs_of(header) == {"f814w ac": [0, 1], "exposure ad": [2], "f606w-pol0v ae": [4]}
    assert filters_of(header) == ("f814w", "exposure", "f606w-pol0v")


def test_holes_are_found_for_each_exposure_and_tracks_are_not(tmp_path: Path):
    context = everywhere()
    where = places(12, 1)
    take(context, where, 1)
    context[100, 50:90] &= ~4  # a track
    context[200, 200] &= ~4  # a bad pixel
    first, second, third = find_holes(read_drizzled(product(tmp_path / "x.fits", context)))
    assert (first.title, second.title, third.title) == ("f606w aa", "f606w ab", "f814w ac")
    assert len(first.xy) == len(third.xy) == 0
    # a patch of four pixels from -2 to +1 has its middle at -0.5
    np.testing.assert_allclose(np.sort(second.xy, axis=0), np.sort(where - 0.5, axis=0))
    np.testing.assert_allclose(first.middle, (SIDE - 1) / 2)


def test_holes_are_the_same_in_tiles_and_with_two_planes(tmp_path: Path, monkeypatch):
    context = everywhere()
    take(context, places(40, 2), 0)
    whole = find_holes(read_drizzled(product(tmp_path / "x.fits", context)))
    monkeypatch.setattr("spacekit.measure.rejected._TILE_PX", 90)
    tiled = find_holes(read_drizzled(tmp_path / "x.fits"))
    monkeypatch.undo()
    many = tuple(f"f606w_i00a01{a}{b}" for a in "abc" for b in "abcdefghijkl")[:35]
    planes = np.stack([np.zeros_like(context), context])
    high = find_holes(read_drizzled(product(tmp_path / "y.fits", planes, many)))
    for one, other, third in zip(whole, tiled, high[32:], strict=True):
        for found in (other, third):
            np.testing.assert_allclose(sorted(map(tuple, found.xy)), sorted(map(tuple, one.xy)))
            np.testing.assert_allclose(found.middle, one.middle)


def test_holes_at_one_shift_from_the_stars_tell_the_exposure_and_the_shift():
    where = places(25, 3)
    rng = np.random.default_rng(4)
    shift = np.array([5.0, -3.0])
    # its stars are taken, and here and there the sky it has where the others have the star
    places_of = np.concatenate([where[:18] + shift, where[:6] + 0.4])
    struck = Holes("f814w ac", places_of, np.array([150.0, 150.0]))
    chance = Holes("f606w aa", rng.uniform(20, 280, (40, 2)), np.array([150.0, 150.0]))
    first, second = find_repeats([chance, struck], stars(where), MIDDLE)
    assert first.title == "f814w ac"
    assert first.surprise > 20
    assert (first.dx_px, first.dy_px) == (5.0, -3.0)
    assert 18 <= first.sources <= 20  # one by chance, or two
    assert (second.surprise, second.sources) == (0.0, 0)


def test_of_very_many_exposures_those_with_most_holes_are_asked():
    where = places(25, 3)
    struck = Holes("f814w zz", where + np.array([5.0, -3.0]), np.array([150.0, 150.0]))
    few = [Holes(f"f606w {n:02}", places(3, n), np.array([150.0, 150.0])) for n in range(40)]
    found = find_repeats([*few[:30], struck, *few[30:]], stars(where), MIDDLE)
    assert len(found) == 24
    assert (found[0].title, found[0].dx_px, found[0].dy_px) == ("f814w zz", 5.0, -3.0)


@pytest.mark.parametrize(("outward", "around"), [(0.0, 6.0), (-5.0, 0.0), (3.0, -4.0)])
def test_holes_of_an_exposure_that_is_turned_or_has_another_scale(outward: float, around: float):
    where = places(40, 3)
    away = where - np.array(MIDDLE)
    shift = np.column_stack(
        [outward * away[:, 0] - around * away[:, 1], around * away[:, 0] + outward * away[:, 1]]
    )
    struck = Holes("f814w ac", where + shift / 100, np.array([150.0, 150.0]))
    rng = np.random.default_rng(4)
    chance = Holes("f606w aa", rng.uniform(20, 280, (40, 2)), np.array([150.0, 150.0]))
    found = {r.title: r for r in find_repeats([chance, struck], stars(where), MIDDLE)}
    turned = found["f814w ac"]
    assert turned.turned_surprise > max(turned.surprise, 10)
    assert (turned.outward_px, turned.round_px) == pytest.approx(
        (outward * turned.radius_px / 100, around * turned.radius_px / 100), abs=0.6
    )
    assert turned.roll_deg == pytest.approx(np.degrees(around / 100), abs=0.4)
    assert found["f606w aa"].turned_surprise == 0


def test_holes_of_an_exposure_that_is_shifted_and_turned_as_well():
    """Neither a shift nor a turn about the middle explains them; both together do."""
    where = places(60, 8).astype(float)
    away = where - np.array(MIDDLE)
    moved = where + np.array([18.0, -23.0]) + 0.06 * away[:, ::-1] * [-1, 1]
    middle = np.array([150.0, 150.0])
    pair = [Holes("f606w aa", where, middle), Holes("f606w ab", moved, middle)]
    for found in find_repeats(pair, Sources.none(), MIDDLE):
        sign = 1 if found.title == "f606w ab" else -1
        assert found.surprise == 0
        assert found.turned_surprise > 20
        assert (found.dx_px, found.dy_px) == pytest.approx((sign * 18, sign * -23), abs=2)
        assert found.roll_deg == pytest.approx(sign * np.degrees(0.06), abs=0.2)
        assert found.turned_px > found.length_px
    alone = Holes("f606w ab", np.random.default_rng(9).uniform(20, 280, (60, 2)), middle)
    assert [r.turned_surprise for r in find_repeats([pair[0], alone], Sources.none(), MIDDLE)] == [
        0.0,
        0.0,
    ]


@pytest.mark.parametrize(("count", "told"), [(3, False), (4, True)])
def test_three_holes_on_a_blank_field_are_too_few(count: int, told: bool):
    star = np.array([[40.0, 40.0], [200.0, 80.0], [90.0, 230.0], [250.0, 250.0]])[:count]
    none, shift = Holes("f606w ab", np.empty((0, 2)), MIDDLE), np.array([5.0, 3.0])
    struck = Holes("f606w aa", np.concatenate([star + shift, star[:1] + 0.4]), MIDDLE)
    first = find_repeats([struck, none], stars(star), MIDDLE)[0]
    assert (first.surprise > 0) is told


def test_stars_that_rejection_took_from_both_of_two_exposures():
    where = places(25, 5).astype(float)
    middle = np.array([150.0, 150.0])
    pair = [
        Holes("f606w aa", where, middle),
        Holes("f606w ab", where + np.array([0.0, 7.0]), middle),
    ]
    found = find_repeats(pair, Sources.none(), MIDDLE)
    assert {r.title: (r.dx_px, r.dy_px) for r in found} == {
        "f606w aa": (0.0, -7.0),
        "f606w ab": (0.0, 7.0),
    }
    assert min(r.surprise for r in found) > 20


def test_defects_of_the_detector_lie_at_the_dither_and_say_nothing():
    where = places(25, 6).astype(float)
    dither = np.array([12.0, 4.0])
    pair = [Holes("f606w aa", where, dither * 0), Holes("f606w ab", where + dither, dither)]
    assert [r.surprise for r in find_repeats(pair, Sources.none(), MIDDLE)] == [0.0, 0.0]


def test_defects_of_exposures_that_are_not_dithered_count_once():
    defects = np.array([[100.0, 100.0], [117.0, 126.0], [200.0, 50.0]])
    middle = np.array([150.0, 150.0])
    found = find_repeats(
        [Holes(f"f140w a{e}", defects, middle) for e in "abcdefgh"], stars(defects[:0]), MIDDLE
    )
    assert [r.surprise for r in found] == [0.0] * 8


def test_cores_of_stars_that_rejection_struck_where_they_are_say_nothing():
    where = places(25, 7)
    holes = [Holes(f"f606w {e}", where + 0.5, np.array([150.0, 150.0])) for e in ("aa", "ab")]
    assert [r.surprise for r in find_repeats(holes, stars(where), MIDDLE)] == [0.0, 0.0]


def test_knots_beside_stars_that_stand_whole_are_the_stars_own():
    where = places(25, 3)
    middle = np.array([150.0, 150.0])
    knots = where[:8] + np.array([12.0, 5.0])
    holes = [Holes("f160w aa", knots, middle), Holes("f160w ab", knots[:6] + 0.2, middle)]
    assert [r.surprise for r in find_repeats(holes, stars(where), MIDDLE)] == [0.0, 0.0]
    # a displaced exposure has sky where the others have the star
    holes[0] = Holes("f160w aa", np.concatenate([knots, where[:2]]), middle)
    surest = find_repeats(holes, stars(where), MIDDLE)[0]
    assert surest.surprise > 5
    assert (surest.dx_px, surest.dy_px) == pytest.approx((12, 5), abs=0.3)


def test_one_exposure_has_none_to_be_rejected_against(tmp_path: Path):
    path = product(tmp_path / "x.fits", everywhere(1), ("f606w_i00a01aa",))
    assert find_holes(read_drizzled(path)) == ()


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (None, "no CTX extension"),
        (np.ones((4, 5), np.int32), "CTX has the shape"),
        (np.ones((SIDE, SIDE), np.float32), "no whole numbers"),
        (np.ones((33, 4, SIDE), np.int32), "CTX has the shape"),
    ],
)
def test_a_context_that_is_none_is_told(tmp_path: Path, context: np.ndarray | None, said: str):
    with pytest.raises(ProductError, match=said):
        find_holes(read_drizzled(product(tmp_path / "x.fits", context)))


def test_products_of_the_real_pipeline(hap: Path):
    visits = hap / "visits"
    sure = {}
    for name in ("iza101", "iza301", "iza401", "iza601"):
        mosaic = find_mosaics(visits / name)[0][0]
        sure[name] = measure_evidence(mosaic).findings.repeats
    assert [r.surprise for r in (*sure["iza101"], *sure["iza601"])] == [0.0] * 8
    # one exposure of f160w is off in the first, all are a little in the second
    assert sure["iza301"][0].title.startswith("f160w")
    assert min(sure["iza301"][0].surprise, sure["iza401"][0].surprise) > 10
