"""truth.json: read, checked, and not believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacekit.errors import ProductError
from spacekit.visit.truth import Pointing, label_of, of_mosaic, read_truth

NAME = "hst_16901_01_wfc3_ir_total_iza101"
WCS = {"CRVAL1": 10.0, "CRVAL2": -5.0, "CD1_1": 1e-5, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 2e-5}
POINTING = Pointing((10.0, -5.0), ((1e-5, 0.0), (0.0, 2e-5)))


def written(folder: Path, content: Any) -> Path:
    path = folder / "truth.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_visits_truth_is_read(tmp_path: Path) -> None:
    exposure = {"file": "a_flc.fits", "true_wcs": [WCS, WCS], "trail_px": 1.5}
    entry = {"label": None, "offset_px": 0.3, "mosaic_scale_arcsec": 0.04, "mode": "drift"}
    content = {"mosaics": {NAME: entry | {"exposures": [exposure]}}, "engine": "embedded"}
    told = read_truth(written(tmp_path, content | {"spec": {"scene": "stars"}}))
    truth = told.mosaics[NAME]
    assert (truth.label, truth.offset_px, truth.offset_mas) == (None, 0.3, 12.0)
    assert (truth.mode, told.engine, told.spec) == ("drift", "embedded", {"scene": "stars"})
    assert truth.exposures["a_flc.fits"].chips == (POINTING, POINTING)
    assert truth.exposures["a_flc.fits"].trail_px == 1.5


def test_a_file_of_one_visit_goes_by_the_end_of_the_name(tmp_path: Path) -> None:
    exposure = {"file": "a_flt.fits", "true_wcs": WCS}
    path = written(tmp_path, {"visit": "iza101", "label": 1, "exposures": [exposure]})
    truth = of_mosaic(NAME, read_truth(path).mosaics)
    assert truth is not None
    assert truth.label == 1
    assert truth.exposures["a_flt.fits"].chips == (POINTING,)
    assert of_mosaic(NAME.replace("iza101", "iza201"), read_truth(path).mosaics) is None


@pytest.mark.parametrize(
    ("entry", "label"),
    [
        ({"label": 0, "offset_px": 9.0}, 0),
        ({"offset_px": 0.25}, 0),
        ({"offset_px": 0.3}, None),
        ({"offset_px": 0.5}, 1),
    ],
)
def test_where_no_label_is_recorded_the_offset_gives_it(tmp_path, entry, label) -> None:
    assert read_truth(written(tmp_path, {"mosaics": {NAME: entry}})).mosaics[NAME].label == label


def test_a_mosaic_of_which_neither_is_told_is_left_out(tmp_path: Path) -> None:
    content = {"mosaics": {NAME: {"mode": "pair"}, "other": {"label": 0}}}
    assert list(read_truth(written(tmp_path, content)).mosaics) == ["other"]


@pytest.mark.parametrize(("offset_px", "trail_px"), [(0.1, 0.5), (0.3, 0.0), (float("nan"), 0.0)])
def test_what_can_not_be_told_is_ambiguous(offset_px: float, trail_px: float) -> None:
    assert label_of(offset_px, trail_px) is None


BROKEN_WCS = [None, 7, [[]], WCS | {"CRVAL1": "x"}, WCS | {"CD2_2": None}, {"CRVAL1": 1.0}]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[" * 100_000,
        '{"mosaics": {"a": {"label": 0, "offset_px": ' + "9" * 5000 + "}}}",
        {"mosaics": {NAME: 3}},
        {"mosaics": {NAME: {"label": 2}}},
        {"mosaics": {NAME: {"label": True}}},
        {"mosaics": {NAME: {"label": [0]}}},
        {"mosaics": {NAME: {"offset_px": -1}}},
        {"mosaics": {NAME: {"offset_px": "wide"}}},
    ],
)
def test_what_makes_no_sense_is_refused_and_others_stay(tmp_path: Path, content: Any) -> None:
    if isinstance(content, dict):
        content["mosaics"]["other"] = {"label": 0}
        told = read_truth(written(tmp_path, content))
        assert list(told.mosaics) == ["other"]
        assert "truth.json" in told.faults[NAME]
        return
    with pytest.raises(ProductError, match=r"truth\.json"):
        read_truth(written(tmp_path, content))


@pytest.mark.parametrize(
    "rows", [1, None, ["a"], *([{"file": "a", "true_wcs": wcs}] for wcs in BROKEN_WCS)]
)
def test_a_label_is_read_whatever_is_said_of_exposures(tmp_path: Path, rows: Any) -> None:
    entry = {"label": 0, "exposures": rows}
    truth = read_truth(written(tmp_path, {"mosaics": {NAME: entry}})).mosaics[NAME]
    assert truth.label == 0
    with pytest.raises(ProductError, match="exposure"):
        _ = truth.exposures


@pytest.mark.parametrize("content", ["[]", "3", {"mosaics": 3}, {"visit": 7}])
def test_what_is_no_record_tells_of_no_mosaic(tmp_path: Path, content: Any) -> None:
    told = read_truth(written(tmp_path, content))
    assert not told.mosaics
    assert not told.faults


def test_what_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="can't be read"):
        read_truth(tmp_path / "truth.json")
    with (tmp_path / "truth.json").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(ProductError, match="too large"):
        read_truth(tmp_path / "truth.json")
