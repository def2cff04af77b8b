"""Our products against those the real pipeline made of the same exposures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.spatial import cKDTree

from spacekit.mosaic.background import measure_sky
from spacekit.mosaic.crossmatch import crossmatch, faint_sources
from spacekit.mosaic.detect import detect, edge_distance
from spacekit.mosaic.drizzle import PLATE_SCALES_ARCSEC, Stack
from spacekit.mosaic.exposure import Chip, Exposure
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.flags import photometric_flags
from spacekit.mosaic.parameters import settings_for
from spacekit.mosaic.photometry import Calibration, filled, photometry, place
from spacekit.mosaic.pipeline import _ordered, process_visit

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


def test_exposures_are_taken_in_their_order(hap):
    """The input files that a total names, by PHOTFLAM and exposure time of its filters."""
    totals = sorted(hap.glob("visits/*/*_total_*_dr?.fits"))
    assert len(totals) == 9
    for total in totals:
        cards = fits.getheader(total)["D0*DATA"].values()
        names = list(dict.fromkeys(str(card).split("_fl")[0] for card in cards))
        exposures = []
        for name in names:
            *_, instrument, detector, band, root = name.split("_")
            product = next(total.parent.glob(f"*_{band}_{root[:6]}_dr?.fits"))
            with fits.open(product) as hdus:
                header = hdus[0].header + hdus["SCI"].header
            time = header["EXPTIME"] / header["NUMEXP"]
            chip = Chip(None, None, None, header)
            exposures.append(
                Exposure(f"{root}_flt.fits", band, instrument, detector, time, (chip,), header)
            )
        found = [f"{e.filter}_{e.rootname}" for e in _ordered(exposures[::-1])]
        assert found == ["_".join(name.split("_")[-2:]) for name in names]


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


def test_columns_are_declared_alike(hap, processed):
    for product in ("total", "f110w", "f160w"):
        for kind in ("point", "segment"):
            pattern = f"*_{product}_iza101_{kind}-cat.ecsv"
            theirs, ours = (Table.read(p) for p in same_file(hap, processed, "iza101", pattern))
            declared = [
                {n: (str(t[n].unit or ""), t[n].dtype, t[n].format) for n in t.colnames}
                for t in (theirs, ours)
            ]
            assert declared[0] == declared[1]


def test_cross_match_is_told_alike(hap, processed):
    paths = same_file(hap, processed, "iza101", "*_f160w_iza101_svm_interfilter*.json")
    theirs, ours = (json.loads(p.read_text())["data"] for p in paths)
    assert list(theirs) == list(ours)
    for name, section in theirs.items():
        assert list(section["data"]) == list(ours[name]["data"])
        for part in ("original format", "description", "descriptions", "units"):
            assert section[part] == ours[name][part], (name, part)


@pytest.mark.parametrize("visit", CASES)
def test_counts(hap, processed, visit):
    paths = same_file(hap, processed, visit, "*_total_*_svm_num_sources.json")
    theirs, ours = (json.loads(p.read_text())["data"]["number_of_sources"]["data"] for p in paths)
    for kind in ("point", "segment"):
        assert ours[kind] == pytest.approx(theirs[kind], rel=0.15)
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


ALL = ("iza101", "iza201", "iza301", "iza401", "iza501", "iza601", "iza801", "iza901", "jza701")


def genuine_total(hap, visit):
    """A genuine total, and what its header says of depth."""
    with fits.open(next((hap / "visits" / visit).glob(f"*_total_{visit}_dr?.fits"))) as hdus:
        header = hdus[0].header
        pixels, weight = (hdus[n].data.astype("f4") for n in ("SCI", "WHT"))
    noise = max(header[k] for k in header if k.startswith("READNSE"))
    floor = np.sqrt(header["NUMEXP"]) * noise / header["EXPTIME"]
    stack = Stack(np.nan_to_num(pixels), weight, np.zeros((1, 1), np.int32))
    return stack, header, floor


def genuine_catalogs(hap, visit, kind):
    paths = sorted((hap / "visits" / visit).glob(f"*_{visit}_{kind}-cat.ecsv"))
    return {p.name.split("_")[5]: Table.read(p) for p in paths if "_total_" not in p.name}


@pytest.mark.parametrize("visit", ALL)
def test_same_sources_on_the_same_pixels(hap, visit):
    stack, header, floor = genuine_total(hap, visit)
    detector = header["DETECTOR"].lower()
    settings = settings_for(detector).for_chips(header["NDRIZIM"])
    scale = PLATE_SCALES_ARCSEC[detector]
    found = detect(stack, settings, scale, floor, header["EXPTIME"])
    shapes = found.shapes
    ours = {
        "point": found.point,
        "segment": np.column_stack([shapes["X-Centroid"], shapes["Y-Centroid"]]),
    }
    for kind, (least, most) in {"point": (0.85, 0.07), "segment": (0.95, 0.04)}.items():
        theirs = next(iter(genuine_catalogs(hap, visit, kind).values()))
        xy = np.column_stack([theirs.columns[0], theirs.columns[1]])
        distance, index = cKDTree(ours[kind]).query(xy)
        assert np.mean(distance < 1) > least
        assert len(ours[kind]) == pytest.approx(len(xy), rel=most)
        assert np.median(distance) < 0.01
    same = distance < 0.1
    for name in ("Area", "FWHM", "Elongation", "Theta", "Xmin"):
        median = np.median(shapes[name][index[same]] - np.asarray(theirs[name], float)[same])
        assert abs(median) < 1e-3


@pytest.mark.parametrize("visit", ["iza101", "iza601", "jza701"])
def test_same_photometry_at_the_same_positions(hap, visit):
    for kind in ("point", "segment"):
        for name, table in genuine_catalogs(hap, visit, kind).items():
            path = next((hap / "visits" / visit).glob(f"*_{name}_{visit}_dr?.fits"))
            with fits.open(path) as hdus:
                image, header = hdus["SCI"].data.astype("f4"), hdus["SCI"].header
                detector = hdus[0].header["DETECTOR"].lower()
            settings = settings_for(detector, name)
            xy = np.column_stack([table.columns[0], table.columns[1]])
            places = place(xy, settings.apertures_arcsec, PLATE_SCALES_ARCSEC[detector])
            calibration = Calibration(0.01, header["PHOTFLAM"], header["PHOTPLAM"], 1.0)
            exposed = np.isfinite(image)
            ours = filled(photometry(np.nan_to_num(image), exposed, places, calibration))
            for column in ("MagAp1", "MagAp2", "CI", "FluxAp2"):
                difference = np.abs(ours[column] - np.asarray(table[column]))
                assert np.percentile(difference, 95) < 1e-6
                assert difference.max() < 0.1  # where a sky pixel is just clipped or not
            if kind == "segment":
                continue
            flags = photometric_flags({n: table[n] for n in table.colnames}, settings)
            bits = np.asarray(table["Flags"]) & 25
            assert np.mean(flags == bits) > 0.99


@pytest.mark.parametrize("visit", ALL)
def test_same_filters_cross_match(hap, visit):
    found, scale = {}, 0.0
    for name in genuine_catalogs(hap, visit, "point"):
        path = next((hap / "visits" / visit).glob(f"*_{name}_{visit}_dr?.fits"))
        with fits.open(path) as hdus:
            image, weight = (hdus[n].data.astype("f4") for n in ("SCI", "WHT"))
            header = hdus[0].header
        image = np.nan_to_num(image)
        detector = header["DETECTOR"].lower()
        settings, scale = settings_for(detector), PLATE_SCALES_ARCSEC[detector]
        inside = edge_distance(weight) > 10
        noise = max(header[k] for k in header if k.startswith("READNSE"))
        floor = np.sqrt(header["NUMEXP"]) * noise / header["EXPTIME"]
        sky = measure_sky(image, inside, settings, floor, header["EXPTIME"])
        found[name] = faint_sources(image, inside, sky, settings.fwhm_arcsec / scale)
    best = max(found, key=lambda n: len(found[n]))
    for name, sources in found.items():
        files = list((hap / "visits" / visit).glob(f"*_{name}_{visit}_svm_interfilter*.json"))
        if name != best:
            ours, _ = crossmatch(found[best], sources)
            assert bool(len(ours)) == bool(files)
        if files:
            data = json.loads(files[0].read_text())["data"]
            details = data["Interfilter cross-match details"]["data"]
            assert details["reference image name"].split("_")[5] == best
            assert len(ours) == pytest.approx(details["number of cross-matches"], rel=0.05)
            counted = details["comparison catalog length"]
            assert len(sources) == pytest.approx(counted, rel=0.05)
