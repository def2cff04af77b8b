"""The ten features: values, encodings, and where each came from."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from spacekit.errors import ProductError
from spacekit.measure.features import (
    inside_footprint,
    measure_features,
    read_catalogs,
    sky_to_pixels,
    wcs_class,
)
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.nouns import Problem
from spacekit.visit.qa import read_gaia_count, read_qa


def measured(folder: Path):
    """Measure the only mosaic of a folder."""
    [mosaic], found = find_mosaics(folder)
    image = read_drizzled(mosaic.total.drizzled)
    catalogs, problems = read_catalogs(mosaic)
    features, more = measure_features(mosaic, image, catalogs)
    return features, [*found, *problems, *more]


def reasons(problems: list[Problem]) -> str:
    assert not any(p.fatal for p in problems)
    return " | ".join(p.reason for p in problems)


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("undistorted a posteriori solution aligned by visit to GAIAEDR3", "a posteriori"),
        ("undistorted a posteriori solution relatively aligned to GAIAEDR3", "a posteriori"),
        ("undistorted a priori solution based on GSC240", "a priori"),
        ("pipeline default a priori solution based on GSC240", "pipeline default"),
        ("pipeline default not aligned", "pipeline default"),
        ("Pipeline default a posteriori solution", "a posteriori"),
        ("undistorted not aligned", "not aligned"),
        ("user-defined", "not aligned"),
        ("", "not aligned"),
    ],
)
def test_wcs_classes_are_the_first_that_holds(sentence: str, kind: str) -> None:
    assert wcs_class(sentence) == kind


def test_everything_there(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path)
    features, problems = measured(tmp_path)
    assert problems == []
    assert features.values == {
        "numexp": 4,
        "rms_ra": 9.5,
        "rms_dec": 8.5,
        "nmatches": 20,
        "point": 7,
        "segment": 9,
        "gaia": 0,
        "det": "ir",
        "wcs": "a posteriori",
        "fit_fresh": 1,
    }
    assert features.origin == {
        "numexp": "qa",
        "rms_ra": "header",
        "rms_dec": "header",
        "nmatches": "header",
        "point": "qa",
        "segment": "qa",
        "gaia": "default",
        "det": "header",
        "wcs": "header",
    }
    assert features.target["targname"] == "SIM-1"
    assert features.target["proposal"] == "16901"


def test_without_json_catalogs_and_headers_answer(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path, qa=False, reference=True)
    features, problems = measured(tmp_path)
    assert problems == []
    assert [features.values[n] for n in ("numexp", "point", "segment", "gaia")] == [4, 3, 2, 2]
    assert features.origin["numexp"] == "header"
    assert {features.origin[n] for n in ("point", "segment", "gaia")} == {"catalog"}


def test_what_is_nowhere_is_said(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path, qa=False, catalogs=False, NUMEXP=None, WCSTYPE=None, DETECTOR=None)
    features, problems = measured(tmp_path)
    assert all(math.isnan(features.values[n]) for n in ("numexp", "point", "segment"))
    assert features.values["wcs"] == "not aligned"
    assert features.values["det"] == "ir"
    assert {features.origin[n] for n in ("numexp", "point", "gaia", "wcs", "det")} == {"default"}
    said = reasons(problems)
    for word in ("point catalog is missing", "segment catalog is missing", "NUMEXP"):
        assert word in said


@pytest.mark.parametrize(
    "cards",
    [
        {"RMS_RA": None, "RMS_DEC": None, "NMATCHES": None},
        {"RMS_RA": 0.0, "RMS_DEC": 0.0, "NMATCHES": 0},
        {"RMS_RA": -1.0, "RMS_DEC": -1.0},
        {"NMATCHES": 0},
    ],
)
def test_no_fit_has_one_spelling(tmp_path: Path, make_visit, cards: dict) -> None:
    make_visit(tmp_path, **cards)
    features, problems = measured(tmp_path)
    assert problems == []
    assert [features.values[n] for n in ("rms_ra", "rms_dec", "nmatches")] == [-1, -1, 0]
    assert math.isnan(features.values["fit_fresh"])
    assert features.origin["rms_ra"] == "default"


@pytest.mark.parametrize("cards", [{"RMS_RA": "tiny"}, {"NMATCHES": -3}, {"RMS_DEC": None}])
def test_a_fit_that_makes_no_sense_is_none_and_said(tmp_path: Path, make_visit, cards) -> None:
    make_visit(tmp_path, **cards)
    features, problems = measured(tmp_path)
    assert features.values["rms_ra"] == -1
    assert "no fit" in reasons(problems)


def test_a_fit_left_over_is_kept_but_not_fresh(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path, WCSNAME="IDC_x-FIT_REL_GAIAeDR3")
    features, _ = measured(tmp_path)
    assert features.values["rms_ra"] == 9.5
    assert features.values["fit_fresh"] == 0


def test_broken_json_and_catalogs_are_said_and_replaced(tmp_path: Path, make_visit) -> None:
    name = make_visit(tmp_path)
    path = tmp_path / f"{name}_svm_num_sources.json"
    path.write_text(path.read_text()[:80])
    (tmp_path / f"{name}_segment-cat.ecsv").write_text("nothing")
    (tmp_path / "ref_cat.ecsv").write_text("nothing")
    features, problems = measured(tmp_path)
    assert features.values["point"] == 3
    assert math.isnan(features.values["segment"])
    assert len(problems) == 3
    assert "cut short" in reasons(problems)


def test_json_of_wrong_types_falls_back(tmp_path: Path, make_visit) -> None:
    name = make_visit(tmp_path)
    content = {
        "header": {"NUMEXP": "four"},
        "data": {"number_of_sources": {"data": {"point": None}}},
    }
    (tmp_path / f"{name}_svm_num_sources.json").write_text(json.dumps(content))
    gaia = {"header": {}, "data": {"Number of GAIA sources": {"data": [1]}}}
    (tmp_path / f"{name}_svm_gaia_sources.json").write_text(json.dumps(gaia))
    features, problems = measured(tmp_path)
    assert (features.values["point"], features.origin["point"]) == (3, "catalog")
    assert (features.values["numexp"], features.origin["numexp"]) == (4, "header")
    assert (features.values["gaia"], features.origin["gaia"]) == (0, "default")
    assert len(problems) == 2


def test_a_detector_of_another_mission_is_refused(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path, name="hst_16901_01_wfpc2_pc_total_uza101", DETECTOR="PC")
    with pytest.raises(ProductError, match="detector pc is none of hrc, ir"):
        measured(tmp_path)


def test_header_and_name_disagree_on_the_detector(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path, DETECTOR="UVIS")
    features, problems = measured(tmp_path)
    assert features.values["det"] == "uvis"
    assert "taken as uvis" in reasons(problems)


def test_inside_is_on_an_exposed_pixel() -> None:
    footprint = np.ones((3, 4), dtype=bool)
    footprint[1, 2] = False
    x = np.array([-0.5, -0.51, 3.49, 3.5, 2.2, 2.2, np.nan, np.inf, -1e300])
    y = np.array([0.0, 0.0, 2.49, 0.0, 1.4, 1.6, 0.0, 0.0, 0.0])
    expected = [True, False, True, False, False, True, False, False, False]
    assert inside_footprint(x, y, footprint).tolist() == expected


GENUINE = {  # numexp, nmatches, point, segment, gaia, det, wcs, fit_fresh
    "iza101": (4, 18, 201, 211, 19, "ir", "a posteriori", 1),
    "iza201": (4, 0, 177, 171, 8, "ir", "a priori", None),
    "iza301": (6, 0, 138, 151, 8, "ir", "a priori", None),
    "iza401": (6, 41, 233, 235, 8, "ir", "a posteriori", 0),
    "iza501": (4, 44, 299, 329, 45, "ir", "a posteriori", 1),
    "iza601": (4, 21, 122, 138, 22, "uvis", "a posteriori", 1),
    "iza801": (4, 0, 166, 182, 8, "ir", "a priori", None),
    "iza901": (4, 0, 171, 175, 21, "ir", "a priori", None),
    "jza701": (4, 0, 228, 154, 8, "wfc", "a priori", None),
}


def test_genuine_products(hap: Path) -> None:
    mosaics, problems = find_mosaics(hap / "visits")
    assert problems == []
    assert {m.total.name.ipppss for m in mosaics} == set(GENUINE)
    for mosaic in mosaics:
        features, problems = measured(mosaic.folder)
        assert problems == []
        values = features.values
        fresh = None if math.isnan(values["fit_fresh"]) else values["fit_fresh"]
        counts = [values[n] for n in ("numexp", "nmatches", "point", "segment", "gaia")]
        found = (*counts, values["det"], values["wcs"], fresh)
        assert found == GENUINE[mosaic.total.name.ipppss]
        if mosaic.total.name.ipppss == "iza101":
            assert values["rms_ra"] == pytest.approx(16.43, abs=0.005)
            assert values["rms_dec"] == pytest.approx(14.33, abs=0.005)


def test_stars_in_the_footprint_are_as_many_as_the_gaia_json_says(hap: Path) -> None:
    for mosaic in find_mosaics(hap / "visits")[0]:
        image = read_drizzled(mosaic.total.drizzled)
        catalogs, _ = read_catalogs(mosaic)
        x, y = sky_to_pixels(image.wcs, catalogs.reference)
        counted = inside_footprint(x, y, image.footprint).sum()
        assert counted == read_gaia_count(read_qa(mosaic.total.qa["gaia_sources"]))
