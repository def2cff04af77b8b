"""Grid and pixel maps, cosmic rays, exposure files, cross-matching, epochs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from spacekit.errors import ProductError
from spacekit.mosaic.align import at_epoch
from spacekit.mosaic.crossmatch import crossmatch
from spacekit.mosaic.drizzle import Layer, combine, drizzle_layers, mosaic_grid, pixel_map
from spacekit.mosaic.exposure_io import filter_token, read_exposure, write_exposure
from spacekit.mosaic.median import median_image
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.pipeline import process_visit
from spacekit.mosaic.recipe import ALL_BITS, Recipe, recipe_for, total_recipe
from spacekit.mosaic.reject import cosmic_rays, sky_offsets


def grid(visit):
    return mosaic_grid(visit.exposures, [[c.wcs for c in e.chips] for e in visit.exposures])


def test_pixel_map_is_exact_to_a_hundredth_of_a_pixel(tiny):
    visit = tiny(each=1, filters=("f160w",))
    wcs, _ = grid(visit)
    chip = visit.exposures[0].chips[0]
    mapped = pixel_map(chip.wcs, wcs, chip.sci.shape).grid()
    y, x = np.mgrid[0:256:5, 0:256:5]
    exact = wcs.wcs_world2pix(*chip.wcs.all_pix2world(x.ravel(), y.ravel(), 0), 0)
    assert np.abs(mapped[y.ravel(), x.ravel()] - np.column_stack(exact)).max() < 0.01


def test_grid_is_north_up_and_holds_all_pixels(tiny):
    visit = tiny()
    wcs, (ny, nx) = grid(visit)
    assert wcs.wcs.cd[0, 0] < 0 < wcs.wcs.cd[1, 1]
    assert wcs.wcs.cd[0, 1] == wcs.wcs.cd[1, 0] == 0
    for exposure in visit.exposures:
        mapped = pixel_map(exposure.chips[0].wcs, wcs, (256, 256)).grid()
        assert mapped.min() > -1
        assert mapped[..., 0].max() < nx
        assert mapped[..., 1].max() < ny


def test_drizzling_keeps_light_and_adds_up(tiny):
    visit = tiny(each=1, filters=("f110w", "f160w"))
    wcs, shape = grid(visit)
    layers = []
    for exposure in visit.exposures:
        chip = exposure.chips[0]
        sci = np.zeros((256, 256), np.float32)
        sci[100:110, 120:130] = 3.0
        weight = np.full(sci.shape, 600, np.float32)
        layers.append(Layer(sci, weight, pixel_map(chip.wcs, wcs, sci.shape), 600.0))
    single = [drizzle_layers([layer], shape) for layer in layers]
    assert single[0].sci.sum() == pytest.approx(300, rel=0.02)
    both = drizzle_layers(layers, shape)
    added = combine(single, [1, 1])
    assert np.allclose(both.sci, added.sci, atol=1e-3)
    assert np.allclose(both.wht, added.wht, rtol=1e-4)
    assert np.array_equal(both.ctx, added.ctx)


def test_cosmic_ray_is_found_and_a_star_is_not():
    yy, xx = np.mgrid[0:40, 0:40]
    star = 5000 * np.exp(-((xx - 20) ** 2 + (yy - 20) ** 2) / 3) + 100
    hit = star.copy()
    hit[8, 9] += 800
    found = cosmic_rays(hit.astype("f4"), star.astype("f4"), 12.0, recipe_for("uvis", 2))
    assert found[8, 9]
    assert found.sum() == 1


def test_shifted_star_core_is_taken_for_a_cosmic_ray():
    yy, xx = np.mgrid[0:40, 0:40]
    stars = [5000 * np.exp(-((xx - c) ** 2 + (yy - 20) ** 2) / 2) + 100 for c in (20, 23)]
    rates = np.stack(stars).astype("f4") / 600
    model = median_image(rates, np.full(rates.shape, 600, np.float32), 12.0, minimum=True)
    found = cosmic_rays(stars[1].astype("f4"), model * 600, 12.0, recipe_for("ir", 2))
    assert found[20, 23]
    assert not found[20, 20]


def test_median_takes_the_minimum_where_two_images_disagree():
    images = np.full((2, 6, 6), 1.0, np.float32)
    images[1, 2, 2] = 50.0
    weights = np.full((2, 6, 6), 600, np.float32)
    weights[0, 5, 5] = 0
    images[1, 5, 5] = 7.0
    out = median_image(images, weights, 10.0, minimum=True)
    assert out[2, 2] == 1.0
    assert out[5, 5] == 7.0
    plain = median_image(images, weights, 10.0, minimum=False)
    assert plain[2, 2] == pytest.approx(25.5)


def test_median_of_four_leaves_the_highest_out():
    images = np.array([1, 2, 3, 90], np.float32)[:, None, None] * np.ones((4, 3, 3), np.float32)
    out = median_image(images, np.full(images.shape, 600, np.float32), 10.0, minimum=False)
    assert np.all(out == 2)


def test_skies_are_measured_to_the_lowest():
    base = np.random.default_rng(3).normal(0, 0.1, (60, 60)).astype("f4")
    weight = np.ones((60, 60), np.float32)
    skies = sky_offsets([base + 5, base + 2, base + 3], [weight] * 3)
    assert skies == pytest.approx([5, 2, 3], abs=0.02)


def test_recipes_are_the_pipelines():
    assert recipe_for("ir", 2) == Recipe(True, 528, 65535, True, (5.0, 4.0), (3.0, 2.4))
    assert not recipe_for("ir", 5).minimum
    assert recipe_for("wfc", 6).pixfrac == 0.8
    assert not recipe_for("uvis", 1).reject
    assert not recipe_for("sbc", 4).reject


@pytest.mark.parametrize(
    ("detector", "filters", "alone", "total"),
    [
        ("ir", 528, 528, 528),
        ("uvis", 336, ALL_BITS, 336),
        ("wfc", 336, ALL_BITS, 336),
        ("hrc", 64, ALL_BITS, 96),
        ("sbc", 0, ALL_BITS, 0),
    ],
)
def test_good_bits_are_those_of_the_parameter_files(detector, filters, alone, total):
    assert [recipe_for(detector, n).good_bits for n in (2, 6)] == [filters] * 2
    assert recipe_for(detector, 1).good_bits == alone
    assert not recipe_for(detector, 1).sky
    assert total_recipe(detector, 1) == recipe_for(detector, 1)
    whole = total_recipe(detector, 6)
    assert (whole.good_bits, whole.pixfrac, whole.reject) == (total, 1.0, False)
    assert whole.sky == (detector != "sbc")


def test_bits_of_uvis_changed_in_2012():
    before, after = 56239.1244, 56239.1245
    assert [recipe_for("uvis", 2, mjd).good_bits for mjd in (before, after)] == [352, 336]
    assert [total_recipe("uvis", 4, mjd).good_bits for mjd in (before, after)] == [96, 336]
    assert recipe_for("uvis", 6, before).single_bits == 352
    assert recipe_for("uvis", 1, before).good_bits == ALL_BITS
    assert total_recipe("wfc", 4, before).good_bits == 336


def faint(rng, *stars):
    """Stars among the noise that a detection at three sigma brings."""
    return np.concatenate([*stars, rng.uniform(0, 500, (300, 2))])


def test_crossmatch_of_fields_apart_finds_nothing():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 100, (30, 2))
    ours, theirs = crossmatch(places, np.add(places, (400.0, 0.0)))
    assert len(ours) == len(theirs) == 0


def test_crossmatch_finds_a_small_offset_and_trusts_no_large_one():
    rng = np.random.default_rng(5)
    stars = rng.uniform(0, 500, (80, 2))
    moved = stars + rng.normal((1.2, -0.5), 0.05, (80, 2))
    ours, theirs = crossmatch(faint(rng, stars), faint(rng, moved))
    assert np.count_nonzero((ours == theirs) & (ours < 80)) > 70
    assert len(ours) < 90
    assert len(crossmatch(faint(rng, stars), faint(rng, np.add(moved, (-8, 20))))[0]) == 0


def test_crossmatch_refuses_chance_and_doubled_stars():
    rng = np.random.default_rng(5)
    stars = rng.uniform(0, 500, (80, 2))
    assert len(crossmatch(faint(rng, stars), faint(rng))[0]) == 0
    assert len(crossmatch(stars, np.empty((0, 2)))[0]) == 0
    doubled = faint(rng, np.add(stars, (1, 0)), np.add(stars, (4, 2)))
    assert len(crossmatch(faint(rng, stars), doubled)[0]) == 0


def test_proper_motion_moves_reference_stars():
    stars = Table(
        {"RA": [10.0], "DEC": [60.0], "pmra": [3600.0], "pmdec": [-36.0], "epoch": [2016.0]}
    )
    moved = at_epoch(stars, 2014.0)
    assert (moved["RA"][0] - 10.0) * 3600 * 0.5 == pytest.approx(-7.2, rel=1e-6)
    assert (moved["DEC"][0] - 60.0) * 3600 == pytest.approx(0.072, rel=1e-4)


def test_exposure_survives_a_round_trip(tiny, tmp_path):
    exposure = tiny(each=1, filters=("f160w",)).exposures[0]
    again = read_exposure(write_exposure(exposure, tmp_path))
    assert (again.filename, again.filter, again.detector) == (exposure.filename, "f160w", "ir")
    assert np.array_equal(again.chips[0].sci, exposure.chips[0].sci)
    point = [[3.0, 250.0]]
    before, after = (e.chips[0].wcs.all_pix2world(point, 0) for e in (exposure, again))
    assert np.abs(before - after).max() < 1e-10
    with fits.open(tmp_path / exposure.filename) as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "SCI", "ERR", "DQ", "SAMP", "TIME"]
        assert hdus[0].header["NEXTEND"] == 5


def test_processing_leaves_the_exposures_as_they_were(tiny, tmp_path):
    visit = tiny(each=1)
    before = copy.deepcopy(visit.exposures)
    process_visit(visit.exposures, None, tmp_path, PipelineSettings(align=False))
    for old, new in zip(before, visit.exposures, strict=True):
        assert old.header.tostring() == new.header.tostring()
        assert old.chips[0].header.tostring() == new.chips[0].header.tostring()
        assert np.array_equal(old.chips[0].sci, new.chips[0].sci)


@pytest.mark.parametrize(
    ("wheels", "token"),
    [
        ({"FILTER": "F160W  "}, "f160w"),
        ({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}, "f606w"),
        ({"FILTER1": "CLEAR1S", "FILTER2": "F435W"}, "f435w"),
        ({"FILTER1": "POL0V", "FILTER2": "F435W"}, "pol0v-f435w"),
    ],
)
def test_filter_tokens(wheels, token):
    assert filter_token(fits.Header(wheels)) == token


def test_bad_exposure_files_are_refused_by_name(tiny, tmp_path):
    exposure = tiny(each=1, filters=("f160w",)).exposures[0]
    path = write_exposure(exposure, tmp_path)
    whole = path.read_bytes()
    bad = tmp_path / "izt101abq_flt.fits"
    for content in (b"", b"no FITS", whole[: len(whole) // 3]):
        bad.write_bytes(content)
        with pytest.raises(ProductError, match="izt101abq_flt"):
            read_exposure(bad)
    with pytest.raises(ProductError, match="izt101acq_flt"):
        read_exposure(tmp_path / "izt101acq_flt.fits")
    fits.HDUList([fits.PrimaryHDU(header=exposure.header)]).writeto(bad, overwrite=True)
    with pytest.raises(ProductError, match="no SCI"):
        read_exposure(bad)
