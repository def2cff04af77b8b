"""Our products against those the real pipeline made of the same exposures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.pipeline import process_visit

CASES = {"iza101": ("f160w", True), "iza201": ("f160w", False), "iza401": ("f110w", False)}


@pytest.fixture(scope="module")
def processed(hap, tmp_path_factory):
    out = {}
    for visit in CASES:
        folder = hap / "exposures" / visit
        reference = Table.read(folder / "reference_catalog.csv", format="ascii.csv")
        for name in ("ra", "dec"):
            reference.rename_column(name, name.upper())
        exposures = [read_exposure(p) for p in sorted(folder.glob("*_fl?.fits"))]
        to = tmp_path_factory.mktemp(visit)
        out[visit] = (to, process_visit(exposures, reference, to))
    return out


def same_file(hap, processed, visit, pattern):
    return [next(f.glob(pattern)) for f in (hap / "visits" / visit, processed[visit][0])]


def robust(values):
    return 1.4826 * np.median(np.abs(values - np.median(values)))


@pytest.mark.parametrize("visit", CASES)
def test_pixels(hap, processed, visit):
    name = CASES[visit][0]
    paths = same_file(hap, processed, visit, f"*_{name}_{visit}_dr?.fits")
    sci, wht, headers = [], [], []
    for path in paths:
        with fits.open(path) as hdus:
            sci.append(hdus["SCI"].data.astype("f4"))
            wht.append(hdus["WHT"].data.astype("f4"))
            headers.append(hdus["SCI"].header)
    exposed = [w > 0 for w in wht]
    noise = [robust(s[e]) for s, e in zip(sci, exposed, strict=True)]
    assert noise[1] == pytest.approx(noise[0], rel=0.02)
    medians = [np.median(w[e]) for w, e in zip(wht, exposed, strict=True)]
    assert medians[1] == pytest.approx(medians[0], rel=0.005)
    lost = [np.mean(w[e] < 0.75 * m) for w, e, m in zip(wht, exposed, medians, strict=True)]
    assert lost[1] == pytest.approx(lost[0], rel=0.12)
    assert np.abs(np.subtract(*[s.shape for s in sci])).max() <= 1
    assert headers[0]["WCSNAME"] == headers[1]["WCSNAME"]
    assert headers[0]["WCSTYPE"] == headers[1]["WCSTYPE"]
    if not CASES[visit][1]:  # no fit: the same WCS goes in, the same pixels come out
        both = exposed[0] & exposed[1]
        assert robust((sci[1] - sci[0])[both]) < 0.1 * noise[0]
        assert np.mean(np.abs(wht[1] - wht[0])[both] < 0.05 * medians[0]) > 0.98
        for key in ("CRPIX1", "CRPIX2"):
            assert headers[1][key] == pytest.approx(headers[0][key], abs=0.01)


@pytest.mark.parametrize("visit", CASES)
def test_counts(hap, processed, visit):
    paths = same_file(hap, processed, visit, "*_total_*_svm_num_sources.json")
    theirs, ours = (json.loads(p.read_text())["data"]["number_of_sources"]["data"] for p in paths)
    for kind in ("point", "segment"):
        assert ours[kind] == pytest.approx(theirs[kind], rel=0.2)
    paths = same_file(hap, processed, visit, "*_total_*_svm_gaia_sources.json")
    gaia = [json.loads(p.read_text())["data"]["Number of GAIA sources"]["data"] for p in paths]
    assert gaia[0] == gaia[1]


def test_fit_is_as_good_as_theirs(processed):
    fit = processed["iza101"][1].fit
    assert fit.accepted
    assert 15 <= fit.nmatches <= 22
    assert 5 < np.hypot(fit.rms_ra_mas, fit.rms_dec_mas) < 40


def test_stale_rms_is_theirs(hap, processed):
    headers = [
        fits.getheader(p, 1) for p in same_file(hap, processed, "iza401", "*_total_*_drz.fits")
    ]
    for key in ("RMS_RA", "RMS_DEC", "NMATCHES", "FITGEOM"):
        assert headers[0][key] == headers[1][key]


def test_same_columns_and_cards(hap, processed):
    for name in ("total", "f160w"):
        for kind in ("point", "segment"):
            paths = same_file(hap, processed, "iza101", f"*_{name}_iza101_{kind}-cat.ecsv")
            theirs, ours = (Table.read(p) for p in paths)
            assert theirs.colnames == ours.colnames
    paths = same_file(hap, processed, "iza101", "*_total_*_drz.fits")
    theirs, ours = (set(fits.getheader(p)) for p in paths)
    needed = {"NUMEXP", "NDRIZIM", "D001SCAL", "TARGNAME", "RA_TARG", "EXPTIME", "PROD_VER"}
    assert needed <= theirs & ours
