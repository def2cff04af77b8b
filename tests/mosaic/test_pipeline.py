"""A visit end to end, and what can be odd about one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy import ndimage

from spacekit.errors import VisitError
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.pipeline import _ordered, process_visit

from .conftest import SCALE_DEG

STEM = "hst_99001_01_wfc3_ir"
PRIOR = PipelineSettings(align=False)


def counts(folder):
    path = folder / f"{STEM}_total_izt101_svm_num_sources.json"
    return json.loads(path.read_text())["data"]["number_of_sources"]["data"]


def test_aligned_visit_writes_what_the_pipeline_writes(tiny, tmp_path):
    visit = tiny()
    done = process_visit(visit.exposures, visit.reference, tmp_path)
    assert done.fit.accepted
    assert done.fit.nmatches >= 12
    assert done.fit.rms_ra_mas < 20
    names = {p.name for p in done.products}
    assert names == {p.name for p in tmp_path.iterdir()}
    for product in ("total", "f110w", "f160w"):
        stem = f"{STEM}_{product}_izt101"
        for kind in ("drz.fits", "point-cat.ecsv", "segment-cat.ecsv", "svm_gaia_sources.json"):
            assert f"{stem}_{kind}" in names
    assert sum("interfilter" in n for n in names) == 1
    assert f"{STEM}_izt_metawcs_all_GAIAeDR3_ref_cat.ecsv" in names
    assert "ref_cat.ecsv" in names


def test_total_headers(tiny, tmp_path):
    visit = tiny()
    done = process_visit(visit.exposures, visit.reference, tmp_path)
    with fits.open(tmp_path / f"{STEM}_total_izt101_drz.fits") as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "SCI", "WHT", "CTX", "HDRTAB"]
        primary, sci = hdus[0].header, hdus["SCI"].header
        assert (primary["NUMEXP"], primary["NDRIZIM"]) == (4, 4)
        assert primary["FILTER"] == "detection"
        assert primary["EXPTIME"] == pytest.approx(2400)
        assert primary["D001SCAL"] == pytest.approx(0.12825, abs=1e-7)
        assert primary["PROD_VER"].startswith("spacekit")
        assert sci["WCSNAME"] == "IDC_abc-FIT_SVM_GAIAeDR3"
        assert sci["RMS_RA"] == pytest.approx(done.fit.rms_ra_mas)
        assert sci["NMATCHES"] == done.fit.nmatches
        assert len(hdus["HDRTAB"].data) == 4
        weight, image = hdus["WHT"].data, hdus["SCI"].data
        assert np.median(weight[weight > 0]) == pytest.approx(2400, rel=0.02)
        assert np.all(image[weight == 0] == 0)
        assert abs(np.median(image[weight > 0])) < 0.01
        assert hdus["CTX"].data.max() == 0b1111
    with fits.open(tmp_path / f"{STEM}_f160w_izt101_drz.fits") as hdus:
        assert np.array_equal(np.isnan(hdus["SCI"].data), hdus["WHT"].data == 0)


def test_catalog_positions_are_zero_based_and_on_the_stars(tiny, tmp_path):
    visit = tiny()
    done = process_visit(visit.exposures, visit.reference, tmp_path)
    wcs, shape = done.mosaic_wcs["ir"]
    table = Table.read(tmp_path / f"{STEM}_total_izt101_point-cat.ecsv")
    x, y = wcs.wcs_world2pix(visit.reference["RA"], visit.reference["DEC"], 0)
    found = np.column_stack([table["X-Center"], table["Y-Center"]])
    nearest = [np.hypot(*(found - [a, b]).T).min() for a, b in zip(x, y, strict=True)]
    assert np.median(nearest) < 0.25
    assert np.all(found < shape[::-1])
    assert {"MagAP2_f160w", "CI_f160w", "Flags_f160w"} <= set(table.colnames)


def test_fit_repairs_a_wrong_pointing(tiny, tmp_path):
    visit = tiny(shift_px={"izt101adq_flt.fits": (6.0, -4.0)})
    done = process_visit(visit.exposures, visit.reference, tmp_path)
    assert done.fit.accepted
    corner = np.array([[0.0, 0.0], [255.0, 255.0]])
    for name, (wcs,) in done.final_wcs.items():
        offset = wcs.all_pix2world(corner, 0) - visit.true_wcs[name][0].all_pix2world(corner, 0)
        assert np.abs(offset * 3600 / 0.12825).max() < 0.25


def test_stars_weigh_in_the_fit_as_they_are_known(tiny, tmp_path):
    visit = tiny()
    wrong = visit.reference.copy()
    far = np.arange(len(wrong)) % 2 == 0
    wrong["DEC"] = np.where(far, wrong["DEC"] + 0.6 * SCALE_DEG, wrong["DEC"])

    settings = PipelineSettings(catalogs=False, qa=False)

    def moved_px(stars):
        done = process_visit(visit.exposures, stars, tmp_path / str(len(stars.colnames)), settings)
        assert done.fit.accepted
        name, right = next(iter(visit.true_wcs.items()))
        middle = [w.pixel_to_world(128, 128) for w in (done.final_wcs[name][0], right[0])]
        return middle[0].separation(middle[1]).deg / SCALE_DEG

    alike = moved_px(wrong)
    wrong["RA_error"] = wrong["DEC_error"] = np.where(far, 5.0, 0.1)
    assert alike > 0.2
    assert moved_px(wrong) < 0.06


@pytest.mark.parametrize(
    ("seconds", "flam", "expected"),
    [
        ({}, {}, "cdab"),  # the insensitive filter first
        ({"f110w": 300.0}, {}, "abcd"),
        ({"b": 50.0}, {}, "bacd"),  # its filter comes first, and in it the short one
        ({}, {"f110w": 3e-20}, "abcd"),
    ],
)
def test_exposures_are_taken_in_the_order_of_the_pipeline(tiny, seconds, flam, expected):
    exposures = []
    for exposure in tiny().exposures:
        letter = exposure.rootname[7]
        time = seconds.get(letter, seconds.get(exposure.filter, exposure.exptime_s))
        header = exposure.chips[0].header.copy()
        header["PHOTFLAM"] = flam.get(exposure.filter, header["PHOTFLAM"])
        chip = replace(exposure.chips[0], header=header)
        exposures.append(replace(exposure, exptime_s=time, chips=(chip,)))
    assert "".join(e.rootname[7] for e in _ordered(exposures[::-1])) == expected


def test_without_fit_the_wrong_pointing_and_its_marks_stay(tiny, tmp_path):
    good, bad = tiny(), tiny(shift_px={"izt101adq_flt.fits": (2.5, 0.0)})
    core = {}
    for name, visit in (("good", good), ("bad", bad)):
        done = process_visit(visit.exposures, visit.reference, tmp_path / name, PRIOR)
        assert not done.fit.accepted
        with fits.open(tmp_path / name / f"{STEM}_f160w_izt101_drz.fits") as hdus:
            assert "RMS_RA" not in hdus[1].header
            assert "a priori" in hdus[1].header["WCSTYPE"]
            wcs, _ = done.mosaic_wcs["ir"]
            stars = visit.reference[:20]
            x, y = (np.rint(v).astype(int) for v in wcs.wcs_world2pix(stars["RA"], stars["DEC"], 0))
            core[name] = np.median([hdus["WHT"].data[b, a] for a, b in zip(x, y, strict=True)])
    assert core["good"] == pytest.approx(1200, rel=0.03)
    assert core["bad"] < 0.8 * core["good"]


def test_stale_solution_survives(tiny, tmp_path):
    visit = tiny()
    for exposure in visit.exposures:
        exposure.chips[0].header.update({"RMS_RA": 9.62, "RMS_DEC": 10.2, "NMATCHES": 41})
        exposure.chips[0].header["WCSNAME"] = "IDC_abc-FIT_REL_GAIAeDR3"
    done = process_visit(visit.exposures, visit.reference[:8], tmp_path)
    assert not done.fit.accepted
    assert "8 stars" in done.fit.reason
    header = fits.getheader(tmp_path / f"{STEM}_total_izt101_drz.fits", 1)
    assert (header["RMS_RA"], header["NMATCHES"]) == (9.62, 41)
    assert header["WCSNAME"] == "IDC_abc-FIT_REL_GAIAeDR3"


def test_no_reference_star_inside_means_no_gaia_json(tiny, tmp_path):
    visit = tiny()
    far = visit.reference.copy()
    far["DEC"] += 1
    process_visit(visit.exposures, far, tmp_path)
    assert not list(tmp_path.glob("*gaia_sources.json"))


def test_rerun_removes_json_that_no_longer_holds(tiny, tmp_path):
    visit = tiny()
    process_visit(visit.exposures, visit.reference, tmp_path)
    process_visit(visit.exposures, None, tmp_path)
    assert not list(tmp_path.glob("*gaia_sources.json"))
    assert list(tmp_path.glob("*num_sources.json"))


@pytest.mark.parametrize(
    "odd", [{"filters": ("f160w",), "each": 1}, {"sources": 0}, {"each": 4, "filters": ("f110w",)}]
)
def test_odd_visits(tiny, tmp_path, odd):
    visit = tiny(**odd)
    done = process_visit(visit.exposures, visit.reference if odd.get("sources") else None, tmp_path)
    assert not done.fit.accepted
    found = counts(tmp_path)
    assert (found["point"] == 0) == (odd.get("sources") == 0)
    table = Table.read(tmp_path / f"{STEM}_total_izt101_segment-cat.ecsv")
    assert len(table) == found["segment"]


def test_two_chips_of_a_ccd(tiny, tmp_path):
    visit = tiny(chips=2, detector="uvis", filters=("f606w",), each=2)
    done = process_visit(visit.exposures, None, tmp_path)
    path = next(tmp_path.glob("*total*drc.fits"))
    with fits.open(path) as hdus:
        assert (hdus[0].header["NUMEXP"], hdus[0].header["NDRIZIM"]) == (2, 4)
        assert len(hdus["HDRTAB"].data) == 4
        assert hdus["SCI"].header["BUNIT"] == "ELECTRONS/S"
    assert [len(w) for w in done.final_wcs.values()] == [2, 2]


def test_exposure_products(tiny, tmp_path):
    visit = tiny()
    settings = PipelineSettings(align=False, exposure_products=True)
    process_visit(visit.exposures, visit.reference, tmp_path, settings)
    with fits.open(tmp_path / f"{STEM}_f110w_izt101aa_drz.fits") as hdus:
        assert hdus[0].header["NUMEXP"] == 1
        weight = hdus["WHT"].data
        assert np.median(weight[weight > 0]) == pytest.approx(600, rel=0.02)


def test_an_exposure_product_keeps_what_rejection_takes_from_its_filter(tiny, tmp_path):
    visit = tiny()
    visit.exposures[0].chips[0].sci[60:63, 60:63] = 5000.0
    settings = PipelineSettings(align=False, exposure_products=True)
    process_visit(visit.exposures, visit.reference, tmp_path, settings)
    letters = visit.exposures[0].rootname[6:8]
    band = visit.exposures[0].filter
    brightest = {}
    for product in ("", letters):
        with fits.open(tmp_path / f"{STEM}_{band}_izt101{product}_drz.fits") as hdus:
            brightest[product] = np.nanmax(hdus["SCI"].data)
    assert brightest[""] < 2500
    assert brightest[letters] > 4000


def planes(folder, product):
    """Give SCI and WHT of a product."""
    with fits.open(next(folder.glob(f"*_{product}_izt101_dr?.fits"))) as hdus:
        return hdus["SCI"].data, hdus["WHT"].data


def least_inside(weight):
    """Give the lowest weight well inside what is exposed, over the median."""
    inside = ndimage.binary_erosion(ndimage.binary_fill_holes(weight > 0), iterations=60)
    assert np.count_nonzero(inside) > 1000
    return weight[inside].min() / np.median(weight[inside])


def test_total_of_shrunk_pixels_is_drizzled_of_whole_ones(tiny, tmp_path):
    visit = tiny(filters=("f606w",), each=6, detector="uvis")
    process_visit(visit.exposures, None, tmp_path, PRIOR)
    shrunk, whole = (planes(tmp_path, name)[1] for name in ("f606w", "total"))
    assert np.count_nonzero(whole) > np.count_nonzero(shrunk)
    middle = np.s_[500:700, 500:700]
    assert whole[middle].std() < 0.8 * shrunk[middle].std()
    assert whole[middle].mean() == pytest.approx(shrunk[middle].mean(), rel=0.01)


def marked(visit, bit):
    """Set a bit in a square of each exposure's data quality."""
    for exposure in visit.exposures:
        exposure.chips[0].dq[100:140, 100:140] = bit
    return visit


def test_total_of_single_exposures_loses_bad_pixels_and_sky(tiny, tmp_path):
    visit = marked(tiny(each=1, filters=("f606w", "f814w"), detector="uvis"), 4)
    process_visit(visit.exposures, None, tmp_path, PRIOR)
    filters, whole = (planes(tmp_path, name) for name in ("f606w", "total"))
    assert np.nanmedian(filters[0]) > 0.05  # a CCD's pixels are counts of electrons
    assert abs(np.median(whole[0][whole[1] > 0])) < 0.05 * np.nanmedian(filters[0])
    assert least_inside(filters[1]) > 0.5
    assert least_inside(whole[1]) == 0


def test_early_uvis_totals_leave_out_pixels_that_their_filters_take(tiny, tmp_path):
    visit = marked(tiny(filters=("f606w",), detector="uvis"), 256)
    for start, name in ((55000.0, "early"), (57000.0, "late")):
        for exposure in visit.exposures:
            exposure.header["EXPSTART"] = start
        process_visit(visit.exposures, None, tmp_path / name, PRIOR)
    least = {
        (when, what): least_inside(planes(tmp_path / when, what)[1])
        for when in ("early", "late")
        for what in ("f606w", "total")
    }
    assert least["early", "total"] == 0
    assert min(v for k, v in least.items() if k != ("early", "total")) > 0


def test_an_exposure_product_keeps_its_sky_and_bad_pixels(tiny, tmp_path):
    visit = marked(tiny(), 4)
    settings = PipelineSettings(align=False, exposure_products=True)
    process_visit(visit.exposures, None, tmp_path, settings)
    with fits.open(tmp_path / f"{STEM}_f110w_izt101aa_drz.fits") as hdus:
        alone, weight = hdus["SCI"].data, hdus["WHT"].data
    assert np.nanmedian(alone) == pytest.approx(1.0, abs=0.1)
    assert least_inside(weight) > 0.9
    filters = planes(tmp_path, "f110w")
    assert abs(np.nanmedian(filters[0])) < 0.05
    assert least_inside(filters[1]) < 0.9


def test_what_is_no_visit_is_refused(tiny, tmp_path):
    visit, ccd = tiny(), tiny(detector="uvis")
    with pytest.raises(VisitError, match="no exposure"):
        process_visit([], None, tmp_path)
    with pytest.raises(VisitError, match="several detectors"):
        process_visit([visit.exposures[0], ccd.exposures[0]], None, tmp_path)
    with pytest.raises(VisitError, match="same file name"):
        process_visit([visit.exposures[0]] * 2, None, tmp_path)
