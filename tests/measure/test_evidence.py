from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from spacekit.measure.evidence import _chosen, measure_evidence
from spacekit.measure.looks import Notes
from spacekit.measure.schema import COLUMNS, REPORTED
from spacekit.visit.catalogs import ReferenceCatalog
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.names import split_file_name
from spacekit.visit.nouns import Product

from .fields import brightness, cosmic_rays, image, mosaic, scatter, wcs, write_product

SHAPE = (380, 400)


@pytest.fixture(scope="module")
def sky():
    """Positions and fluxes of 60 stars."""
    rng = np.random.default_rng(1)
    return scatter(rng, 60, SHAPE), brightness(rng, 60, 100)


def view(sky, seed, shift=(0.0, 0.0)):
    """One product's pixels of a shifted sky, with noise of its own."""
    return image(np.random.default_rng(seed), sky[0] + np.array(shift), sky[1], SHAPE)


def visit(folder, sky, shifts):
    """Write a mosaic with filter products shifted as told, and their mean for a total."""
    views = {name: view(sky, seed, s) for seed, (name, s) in enumerate(shifts.items())}
    total = np.mean([v for n, v in views.items() if " " not in n], axis=0)
    products = [write_product(folder, name, pixels) for name, pixels in views.items()]
    return mosaic(folder, write_product(folder, "total", total), *products)


def test_aligned_filters(tmp_path, sky):
    evidence = measure_evidence(visit(tmp_path, sky, {"f606w": (0, 0), "f814w": (0, 0)}))
    assert evidence.columns["filters"] == 2
    assert evidence.columns["offset_px"] < 0.05
    assert evidence.columns["offset_sources"] > 30
    assert evidence.columns["unmatched"] == 0
    assert evidence.columns["ellipticity"] < 0.05
    assert evidence.columns["weight_deficit"] == 0
    assert evidence.columns["pair_excess"] == 0
    assert math.isnan(evidence.columns["exposure_offset_px"])
    assert evidence.findings.reasons == ()


def test_a_filter_whose_exposures_disagree_has_wider_stars(tmp_path, sky):
    wide = (view(sky, 1, (0.8, 0)) + view(sky, 2, (-0.8, 0))) / 2
    products = [
        write_product(tmp_path, which, pixels)
        for which, pixels in (
            ("total", (wide + view(sky, 3)) / 2),
            ("f606w", wide),
            ("f814w", view(sky, 3)),
        )
    ]
    evidence = measure_evidence(mosaic(tmp_path, *products))
    contrast = evidence.findings.contrast
    assert (contrast.wider, contrast.narrower) == ("f606w", "f814w")
    assert contrast.sources > 30
    assert contrast.sure_px2 > 0.2
    assert evidence.columns["width_contrast_px2"] == contrast.px2
    shapes = {shape.title: shape.width for shape in evidence.findings.shapes}
    assert evidence.columns["filter_star_width"] == shapes["f606w"]
    # nothing tells which filters went into the total
    assert math.isnan(evidence.columns["star_width"])
    fits.setval(
        products[0].drizzled,
        "D001DATA",
        value="hst_99999_01_wfc3_uvis_f606w_iz9901aa_flc.fits[sci,1]",
    )
    told = measure_evidence(mosaic(tmp_path, *products))
    assert 0.85 < told.columns["star_width"] < shapes["f606w"]


@pytest.mark.parametrize("shift", [(0.5, 0.0), (-2.0, 1.5), (6.0, -8.0), (90.0, 60.0)])
def test_a_shifted_filter_is_measured(tmp_path, sky, shift):
    evidence = measure_evidence(visit(tmp_path, sky, {"f606w": (0, 0), "f814w": shift}))
    (offset,) = evidence.findings.filters.offsets
    sign = 1 if offset.filter == "f814w" else -1
    assert {offset.filter, offset.reference} == {"f606w", "f814w"}
    assert sign * offset.dx_px == pytest.approx(shift[0], abs=0.05)
    assert sign * offset.dy_px == pytest.approx(shift[1], abs=0.05)
    assert evidence.columns["offset_px"] == pytest.approx(math.hypot(*shift), abs=0.05)


@pytest.mark.parametrize(("length", "least"), [(1.0, 0.06), (2.0, 0.15), (3.0, 0.25)])
def test_small_shifts_stretch_the_stars_of_the_total(tmp_path, sky, length, least):
    shifts = {"f606w": (0, 0), "f814w": (length, 0)}
    assert measure_evidence(visit(tmp_path, sky, shifts)).columns["ellipticity"] > least


def test_large_shifts_show_pairs_in_the_total(tmp_path, sky):
    evidence = measure_evidence(visit(tmp_path, sky, {"f606w": (0, 0), "f814w": (-15, 20)}))
    assert evidence.columns["pair_excess"] > 0.4
    assert evidence.findings.pair_px == pytest.approx((-15, 20), abs=0.2)


def test_of_three_filters_the_odd_one_is_named(tmp_path, sky):
    shifts = {"f275w": (3.0, 1.0), "f606w": (0, 0), "f814w": (0.1, 0)}
    evidence = measure_evidence(visit(tmp_path, sky, shifts))
    worst = max(evidence.findings.filters.offsets, key=lambda o: o.largest_px)
    assert worst.filter == "f275w"
    assert all(o.largest_px < 0.2 for o in evidence.findings.filters.offsets if o is not worst)
    assert evidence.columns["offset_px"] == pytest.approx(math.hypot(3, 1), abs=0.12)


def test_of_exposures_the_odd_one_is_named(tmp_path, sky):
    shifts = {"f606w": (0, 0), "f606w aa": (0, 0), "f606w ab": (0, 0.05), "f606w ac": (0, 2.0)}
    evidence = measure_evidence(visit(tmp_path, sky, shifts))
    assert evidence.columns["exposure_offset_px"] == pytest.approx(2, abs=0.1)
    worst = max(evidence.findings.exposures.offsets, key=lambda o: o.largest_px)
    assert (worst.filter, worst.exposure) == ("f606w", "ac")
    assert math.isnan(evidence.columns["offset_px"])
    assert any("two filter products" in reason for reason in evidence.findings.reasons)


@pytest.mark.parametrize("count", [15, 1])
def test_hot_pixels_of_dithered_exposures_are_not_taken_for_the_sky(tmp_path, count):
    """They match at the dither, and there are more of them than of stars.

    The total shows them too where rejection had nothing to compare with.
    """
    rng = np.random.default_rng(21)
    stars, flux = scatter(rng, count, SHAPE, 40), np.full(count, 3000.0)
    hot, heat = scatter(rng, 150, SHAPE, 40), np.full(150, 400.0)
    whole = np.zeros(SHAPE, np.float32)
    whole[20:-20, 20:-20] = 1
    total = image(rng, stars, flux, SHAPE)
    for dither in ((0, 0), (12, -7)):
        total += image(None, hot + np.array(dither), heat, SHAPE, 0.5)
    products = [write_product(tmp_path, "total", total, whole)]
    for letters, dither, shift in (("aa", (0, 0), (0, 0)), ("ab", (12, -7), (0, 0.6))):
        pixels = image(rng, stars + np.array(shift), flux, SHAPE)
        pixels += image(None, hot + np.array(dither), heat, SHAPE, 0.5)
        wht = np.roll(whole, dither[::-1], axis=(0, 1))
        products.append(write_product(tmp_path, f"f606w {letters}", pixels, wht, exposures=1))
    offsets = measure_evidence(mosaic(tmp_path, *products)).findings.exposures.offsets
    assert len(offsets) == (1 if count > 1 else 0)
    for offset in offsets:
        assert (offset.dx_px, offset.dy_px) == pytest.approx((0, 0.6), abs=0.1)


@pytest.mark.parametrize(("count", "found"), [(5, 0), (12, 1)])
def test_few_stars_at_the_dither_are_what_persists_in_the_detector(tmp_path, count, found):
    """Stars of an earlier exposure stay where they were; many say that there was no dither."""
    rng = np.random.default_rng(8)
    stars, flux = scatter(rng, count, SHAPE, 40), np.full(count, 900.0)
    whole = np.zeros(SHAPE, np.float32)
    whole[20:-20, 20:-20] = 1
    products = [write_product(tmp_path, "total", image(rng, stars[:0], flux[:0], SHAPE), whole)]
    for letters, dither in (("aa", (0, 0)), ("ab", (2, -3))):
        pixels = image(rng, stars + np.array(dither), flux, SHAPE)
        wht = np.roll(whole, dither[::-1], axis=(0, 1))
        products.append(write_product(tmp_path, f"f606w {letters}", pixels, wht, exposures=1))
    findings = measure_evidence(mosaic(tmp_path, *products)).findings
    assert len(findings.exposures.offsets if findings.exposures else ()) == found


def test_an_exposure_whose_stars_were_rejected_is_found_all_the_same(tmp_path):
    """The total shows none of the stars: rejection took all for cosmic rays, not the hot pixels."""
    rng = np.random.default_rng(5)
    stars, flux = scatter(rng, 40, SHAPE, 40), np.full(40, 1500.0)
    hot, heat = scatter(rng, 60, SHAPE, 40), np.full(60, 400.0)
    whole = np.zeros(SHAPE, np.float32)
    whole[20:-20, 20:-20] = 1
    exposures = {"aa": ((0, 0), (0, 0)), "ab": ((9, 5), (0.1, 0)), "ac": ((4, -7), (18.0, -11.3))}
    total = image(rng, np.zeros((0, 2)), np.zeros(0), SHAPE)
    for dither, _ in exposures.values():
        total += image(None, hot + np.array(dither), heat / 3, SHAPE, 0.5)
    products = [write_product(tmp_path, "total", total)]
    for letters, (dither, shift) in exposures.items():
        pixels = image(rng, stars + np.array(shift), flux, SHAPE)
        pixels += image(None, hot + np.array(dither), heat, SHAPE, 0.5)
        pixels = cosmic_rays(rng, pixels, 150)
        wht = np.roll(whole, dither[::-1], axis=(0, 1))
        products.append(write_product(tmp_path, f"f606w {letters}", pixels, wht, exposures=1))
    offsets = measure_evidence(mosaic(tmp_path, *products)).findings.exposures.offsets
    found = {o.exposure: o for o in offsets}
    assert (found["ac"].dx_px, found["ac"].dy_px) == pytest.approx((18.0, -11.3), abs=0.15)
    assert found["ac"].sources >= 20
    assert len(found) == 2
    assert min(o.length_px for o in offsets) < 0.25


def test_a_planet_that_moves_is_no_error(tmp_path):
    """Its spots agree at a shift; the stars say that there is none."""
    rng = np.random.default_rng(6)
    stars, flux = scatter(rng, 9, SHAPE, 20), np.full(9, 1000.0)
    spots = np.array([110.0, 100]) + rng.uniform(-25, 25, (40, 2))
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = np.hypot(stars[:, 0] - 110, stars[:, 1] - 100)
    products = []
    for which, shift in (("total", 0.0), ("f606w", 0.0), ("f814w", 4.0)):
        sky = image(rng, stars[away > 60], flux[away > 60], SHAPE)
        disc = 200.0 * (np.hypot(x - 110 - shift, y - 100) < 40)
        disc += image(None, spots + np.array([shift, 0]), np.full(40, 900.0), SHAPE)
        products.append(write_product(tmp_path, which, (sky + disc).astype(np.float32)))
    assert measure_evidence(mosaic(tmp_path, *products)).columns["offset_px"] == pytest.approx(
        4, abs=0.1
    )
    for product in products:
        fits.setval(product.drizzled, "MTFLAG", value="T")
    evidence = measure_evidence(mosaic(tmp_path, *products))
    assert evidence.columns["moving"] == 1
    assert evidence.columns["offset_px"] < 0.1
    # stars trail: how wide they are, and where they lack weight, says nothing
    for name in ("star_width", "filter_star_width", "width_contrast_px2", "lost_turned"):
        assert math.isnan(evidence.columns[name])


def test_the_reference_is_the_one_with_most_exposure_time(tmp_path, sky):
    first = view(sky, 1), view(sky, 2, (2.0, 0))
    for times, reference in (((1000, 3000), "f814w"), ((3000, 1000), "f606w"), ((1, 1), "f606w")):
        products = [write_product(tmp_path, "total", first[0])]
        for name, pixels, seconds in zip(("f606w", "f814w"), first, times, strict=True):
            products.append(write_product(tmp_path, name, pixels, exptime_s=seconds))
        findings = measure_evidence(mosaic(tmp_path, *products)).findings
        assert findings.filters.reference == reference
        (offset,) = findings.filters.offsets
        assert offset.dx_px == pytest.approx(2 if reference == "f606w" else -2, abs=0.05)
        assert offset.dx_mas == pytest.approx(40 * offset.dx_px)


def test_a_turned_filter_is_quoted_at_the_centre_and_is_largest_at_the_edge(tmp_path):
    rng = np.random.default_rng(23)
    stars, flux = scatter(rng, 150, SHAPE), brightness(rng, 150, 300)
    centre = np.array([(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2])
    angle = np.radians(0.4)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = (stars - centre) @ turn + centre + np.array([1.0, 0.0])
    views = [image(np.random.default_rng(k), p, flux, SHAPE) for k, p in enumerate((stars, turned))]
    products = [
        write_product(tmp_path, n, v) for n, v in zip(("f606w", "f814w"), views, strict=True)
    ]
    found = mosaic(tmp_path, write_product(tmp_path, "total", views[0]), *products)
    (offset,) = measure_evidence(found).findings.filters.offsets
    assert (offset.dx_px, offset.dy_px) == pytest.approx((1, 0), abs=0.05)
    assert offset.roll_deg == pytest.approx(0.4, abs=0.02)
    assert offset.largest_px == pytest.approx(0.4 * np.pi / 180 * 275, abs=0.9)


def test_the_shift_against_the_catalog_is_reported_and_is_no_evidence(tmp_path, sky):
    frame = wcs(SHAPE)
    ra, dec = frame.wcs_pix2world(sky[0][:25] - np.array([3.0, -2.0]), 0).T
    found = visit(tmp_path, sky, {"f606w": (0, 0), "f814w": (0, 0)})
    evidence = measure_evidence(found, ReferenceCatalog(ra, dec))
    absolute = evidence.findings.absolute
    assert (absolute.dx_mas, absolute.dy_mas) == pytest.approx((120, -80), abs=4)
    assert absolute.sources >= 20
    assert (evidence.columns["absolute_dx_mas"], evidence.columns["absolute_sources"]) == (
        absolute.dx_mas,
        absolute.sources,
    )
    assert evidence.columns["offset_px"] < 0.05
    assert not {c.name for c in REPORTED} & set(COLUMNS)
    assert measure_evidence(found, ReferenceCatalog(ra[:2], dec[:2])).findings.absolute is None


def test_a_part_that_is_off_is_found_beside_the_rest(tmp_path):
    """One of two chips is displaced in one exposure."""
    rng = np.random.default_rng(31)
    stars, flux = scatter(rng, 90, SHAPE), np.full(90, 2000.0)
    moved = stars + np.where(stars[:, 1:] > SHAPE[0] / 2, [2.0, -3.0], [0.0, 0.0])
    names = {"total": stars, "f606w aa": stars, "f606w ab": stars, "f606w ac": moved}
    products = [
        write_product(tmp_path, name, image(np.random.default_rng(k), place, flux, SHAPE))
        for k, (name, place) in enumerate(names.items())
    ]
    offsets = measure_evidence(mosaic(tmp_path, *products)).findings.exposures.offsets
    parts = {o.exposure: (o.part_dx_px, o.part_dy_px) for o in offsets if o.part_sources}
    assert list(parts) == ["ac"]
    shift = next(o for o in offsets if o.exposure == "ac")
    both = sorted([parts["ac"], (shift.dx_px, shift.dy_px)])
    assert both[0] == pytest.approx((0, 0), abs=0.1)
    assert both[1] == pytest.approx((2, -3), abs=0.1)


def test_what_is_left_of_cosmic_rays_is_no_star_that_lost_weight(tmp_path, sky):
    """Each filter has its own; what the other shows too is real."""
    rng = np.random.default_rng(25)
    products = [write_product(tmp_path, "total", view(sky, 1))]
    for name, seed in (("f606w", 2), ("f814w", 3)):
        left = scatter(rng, 150, SHAPE)
        pixels = view(sky, seed) + image(None, left, np.full(150, 900.0), SHAPE)
        wht = np.full(SHAPE, 100.0)
        for x, y in np.rint(left).astype(int):
            wht[y - 1 : y + 2, x - 1 : x + 2] = 60
        products.append(write_product(tmp_path, name, pixels, wht))
    assert measure_evidence(mosaic(tmp_path, *products)).columns["weight_deficit"] < 0.02


def test_stamps_are_cut_from_the_total(tmp_path, sky):
    found = visit(tmp_path, sky, {"f606w": (0, 0), "f814w": (4, 0)})
    assert len(measure_evidence(found).stamps) > 10
    without = dataclasses.replace(found, total=Product(found.total.name))
    assert measure_evidence(without).stamps is None


def test_stars_taken_for_cosmic_rays_leave_a_deficit(tmp_path, sky):
    wht = np.full(SHAPE, 100.0)
    for x, y in np.rint(sky[0]).astype(int):
        wht[y - 1 : y + 2, x - 1 : x + 2] = 60
    pixels = view(sky, 1)
    evidence = measure_evidence(
        mosaic(
            tmp_path,
            write_product(tmp_path, "total", pixels),
            write_product(tmp_path, "f606w", pixels, wht),
        )
    )
    assert evidence.columns["weight_deficit"] == pytest.approx(0.4, abs=0.05)


def test_random_holes_are_no_deficit(tmp_path, sky):
    rng = np.random.default_rng(3)
    wht = np.where(rng.uniform(size=SHAPE) < 0.03, 50, 100).astype(np.float32)
    total = write_product(tmp_path, "total", view(sky, 1), wht)
    assert measure_evidence(mosaic(tmp_path, total)).columns["weight_deficit"] < 0.01


def test_a_product_on_another_grid_is_compared_on_the_sky(tmp_path, sky):
    cut = view(sky, 2, (1.5, 0))[20:, 35:]
    frame = wcs(SHAPE)
    frame.wcs.crpix = frame.wcs.crpix - [35, 20]
    evidence = measure_evidence(
        mosaic(
            tmp_path,
            write_product(tmp_path, "total", view(sky, 1)),
            write_product(tmp_path, "f606w", view(sky, 1)),
            write_product(tmp_path, "f814w", cut, frame=frame),
        )
    )
    assert evidence.columns["offset_px"] == pytest.approx(1.5, abs=0.05)


def test_a_wcs_that_points_elsewhere_is_said(tmp_path, sky):
    frame = wcs(SHAPE)
    frame.wcs.crval = [10.0, -70.0]
    evidence = measure_evidence(
        mosaic(
            tmp_path,
            write_product(tmp_path, "total", view(sky, 1)),
            write_product(tmp_path, "f606w", view(sky, 1)),
            write_product(tmp_path, "f814w", view(sky, 2), frame=frame),
        )
    )
    assert math.isnan(evidence.columns["offset_px"])
    assert any("f814w" in r and "WCS" in r for r in evidence.findings.reasons)


def test_products_that_are_broken_or_missing_are_said(tmp_path, sky):
    good = visit(tmp_path, sky, {"f606w": (0, 0), "f814w": (1, 0)})
    broken = good.filters[0].drizzled
    broken.write_bytes(broken.read_bytes()[:30_000])
    without = Product(dataclasses.replace(good.filters[0].name, filter="f275w"))
    evidence = measure_evidence(dataclasses.replace(good, filters=(*good.filters, without)))
    assert evidence.columns["filters"] == 3
    assert math.isnan(evidence.columns["offset_px"])
    assert any(str(broken) in r for r in evidence.findings.reasons)
    assert any("f275w" in r and "no drizzled image" in r for r in evidence.findings.reasons)
    assert evidence.columns["ellipticity"] > 0


def test_without_a_total_filters_are_still_compared(tmp_path, sky):
    good = visit(tmp_path, sky, {"f606w": (0, 0), "f814w": (2, 0)})
    evidence = measure_evidence(dataclasses.replace(good, total=Product(good.total.name)))
    assert evidence.columns["offset_px"] == pytest.approx(2, abs=0.05)
    assert math.isnan(evidence.columns["ellipticity"])


def test_different_skies_are_unmatched_and_cosmic_rays_are_not(tmp_path):
    rng = np.random.default_rng(4)
    a, b = ((scatter(rng, 80, SHAPE), brightness(rng, 80, 100)) for _ in range(2))
    products = [write_product(tmp_path, n, view(s, 1)) for n, s in (("f606w", a), ("f814w", b))]
    total = write_product(tmp_path, "total", view(a, 1))
    evidence = measure_evidence(mosaic(tmp_path, total, *products))
    assert evidence.columns["unmatched"] == 1
    assert math.isnan(evidence.columns["offset_px"])
    noise = np.zeros((0, 2)), np.zeros(0)
    struck = [cosmic_rays(rng, view(noise, seed), 1000) for seed in (1, 2)]
    products = [
        write_product(tmp_path, n, p, exposures=1)
        for n, p in zip(("f606w", "f814w"), struck, strict=True)
    ]
    evidence = measure_evidence(mosaic(tmp_path, total, *products))
    assert evidence.columns["unmatched"] == 0
    assert math.isnan(evidence.columns["offset_px"])
    assert any("cosmic rays" in r for r in evidence.findings.reasons)


def strip(folder, middles, shifts):
    """Write exposures side by side along a strip of sky, and their total."""
    shape, rng = (260, 1500), np.random.default_rng(8)
    places, flux = scatter(rng, 260, shape), brightness(rng, 260, 100)
    products, sum_, weights = [], np.zeros(shape), np.zeros(shape)
    for number, (middle, shift) in enumerate(zip(middles, shifts, strict=True)):
        wht = np.zeros(shape)
        wht[:, middle - 150 : middle + 150] = 1
        seen = image(np.random.default_rng(number), places + np.array(shift), flux, shape) * wht
        products.append(write_product(folder, f"f160w a{'abcdefg'[number]}", seen, wht))
        sum_, weights = sum_ + seen, weights + wht
    total = np.divide(sum_, weights, out=np.zeros(shape), where=weights > 0)
    return mosaic(folder, write_product(folder, "total", total, weights), *products)


def test_a_strip_of_pointings_is_compared_from_one_to_the_next(tmp_path):
    shifts = [(0, 0)] * 6 + [(2.0, -1.0)]
    evidence = measure_evidence(strip(tmp_path, range(180, 1381, 200), shifts))
    group = evidence.findings.exposures
    assert not group.unmatched
    assert not group.untold
    assert len(group.offsets) == 6
    off = {o.title: (o.dx_px, o.dy_px) for o in group.offsets if o.length_px > 0.2}
    assert off == {"f160w ag": (pytest.approx(2.0, abs=0.1), pytest.approx(-1.0, abs=0.1))}


def test_products_without_common_sky_are_not_said_to_disagree(tmp_path):
    evidence = measure_evidence(strip(tmp_path, (180, 1380), [(0, 0), (0, 0)]))
    assert evidence.findings.exposures.unmatched == ()
    assert evidence.findings.exposures.untold == ("f160w ab",)
    assert evidence.columns["exposures_unmatched"] == 0


@pytest.mark.parametrize(
    "pixels",
    [np.full(SHAPE, np.nan), np.zeros(SHAPE), np.ones((1, 1)), None],
    ids=["nan", "zero", "one", "noise"],
)
def test_an_empty_mosaic_gives_reasons_and_no_numbers(tmp_path, pixels):
    if pixels is None:
        pixels = np.random.default_rng(5).normal(0, 1, SHAPE)
    products = [write_product(tmp_path, n, pixels) for n in ("f606w", "f814w")]
    evidence = measure_evidence(
        mosaic(tmp_path, write_product(tmp_path, "total", pixels), *products)
    )
    assert evidence.columns["filters"] == 2
    assert math.isnan(evidence.columns["offset_px"])
    assert math.isnan(evidence.columns["ellipticity"])
    assert math.isnan(evidence.columns["weight_deficit"])
    assert evidence.findings.reasons


TOLERANCE_PX = {"iza301": 0.1, "iza401": 0.2}
ALIGNED = {"iza101", "iza501", "iza601", "iza801"}


def test_genuine_products_agree_with_the_truth(hap):
    mosaics, _ = find_mosaics(hap / "visits")
    assert mosaics
    for found in mosaics:
        name = found.folder.name
        truth = json.loads((hap / "truth" / f"{name}.json").read_text())
        true = {band.lower(): np.array(f["dxdy_px"]) for band, f in truth["filters"].items()}
        evidence = measure_evidence(found)
        assert len(evidence.findings.filters.offsets) == len(true) - 1, name
        for offset in evidence.findings.filters.offsets:
            expected = true[offset.filter] - true[offset.reference]
            error = np.hypot(*(expected - (offset.dx_px, offset.dy_px)))
            # where a filter's own exposures disagree its stars have no one place
            assert error < TOLERANCE_PX.get(name, 0.05), (name, offset)
        if name in ALIGNED:
            assert evidence.columns["offset_px"] < 0.15
            assert evidence.columns["ellipticity"] < 0.05
            assert evidence.columns["weight_deficit"] < 0.02
            assert evidence.columns["pair_excess"] == 0
        else:
            assert evidence.columns["offset_px"] > 0.4, name


def test_genuine_exposures_agree_with_the_truth(hap):
    truth = json.loads((hap / "truth" / "iza301.json").read_text())
    true = {e["file"][6:8]: np.array(e["dxdy_px"]) for e in truth["exposures"]}
    (found,), _ = find_mosaics(hap / "visits" / "iza301")
    evidence = measure_evidence(found)
    assert evidence.columns["exposure_offset_px"] == pytest.approx(truth["offset_px"], abs=0.05)
    assert len(evidence.findings.exposures.offsets) == 5
    for offset in evidence.findings.exposures.offsets:
        expected = true[offset.exposure] - true[offset.reference.split()[1]]
        assert np.hypot(*(expected - (offset.dx_px, offset.dy_px))) < 0.05


def test_of_too_many_exposures_some_of_every_filter_are_looked_at():
    names = [("f606w", k) for k in range(60)] + [("f814w", k) for k in range(4)]
    start = "hst_16901_01_wfc3_uvis"
    products = [
        Product(
            split_file_name(f"{start}_{band}_iza101{k:02d}_drz.fits")[0], drizzled=Path("x.fits")
        )
        for band, k in names
    ]
    notes = Notes([], {})
    chosen = _chosen(products, notes)
    assert len(chosen) == 48
    assert sum(p.name.filter == "f814w" for p in chosen) == 4
    assert "16 of 64 exposure products were not looked at" in notes.reasons
    assert _chosen(products[:9], notes) == products[:9]
