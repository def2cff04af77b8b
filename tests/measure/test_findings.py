"""The file of offsets: written, read back, and not believed."""

from __future__ import annotations

import json
import math

import pytest

from spacekit.errors import ProductError
from spacekit.measure.findings import (
    Absolute,
    Contrast,
    Findings,
    Group,
    Offset,
    ProductShape,
    Repeat,
)
from spacekit.measure.findings_file import (
    find_findings,
    findings_path,
    read_findings,
    write_findings,
)

NAME = "hst_16901_01_wfc3_ir_total_iza101"


def offset(title: str = "f814w", **more) -> Offset:
    """An offset of 3 px, unless told otherwise."""
    band, _, exposure = title.partition(" ")
    fields = {
        "filter": band,
        "exposure": exposure,
        "reference": "f606w",
        "exptime_s": 500.0,
        "dx_px": 3.1,
        "dy_px": -0.4,
        "dx_mas": 124.0,
        "dy_mas": -16.0,
        "sigma_px": 0.02,
        "sources": 41,
        "largest_px": 3.126,
        "largest_sigma_px": 0.03,
        "roll_deg": 0.0,
        "scatter_px": 0.1,
        "method": "sources",
    }
    return Offset(**(fields | more))


WHOLE = Findings(
    filters=Group("f606w", 1000.0, (offset(),), ("f275w",)),
    exposures=Group("f606w aa", 500.0, (offset("f814w ac", reference="f606w aa"),)),
    shapes=(ProductShape("total", 0.1, 30.0, 0.01, 50, 0.0, 0.2),),
    repeats=(Repeat("f814w ab", 23.5, 1.5, -2.5, 11), Repeat("exposure aa", 0.0, 0.0, 0.0, 0)),
    contrast=Contrast("f814w", "f606w", 0.25, 0.01, 30),
    pair_share=0.5,
    pair_px=(3.0, 1.0),
    absolute=Absolute(10.0, -5.0, 2.0, 12),
    scale_mas=40.0,
    reasons=("a reason",),
)


def test_what_is_written_is_read_back(tmp_path):
    path = write_findings(WHOLE, tmp_path, NAME)
    assert path == findings_path(tmp_path, NAME)
    assert read_findings(path) == WHOLE


def test_a_visit_of_very_many_exposures_is_read_back(tmp_path):
    many = Findings(repeats=tuple(Repeat("f814w ab", 0.0, 0.0, 0.0, 0) for _ in range(900)))
    assert read_findings(write_findings(many, tmp_path, NAME)) == many


def test_a_roll_is_no_surer_than_at_the_corner_where_it_counts():
    assert offset(largest_px=3.126, sigma_px=0.01, largest_sigma_px=0.4).sure_px == (
        pytest.approx(2.326)
    )
    part = {"part_dx_px": 3.0, "part_dy_px": 4.0, "part_sources": 9, "exposure": "ab"}
    assert offset(sigma_px=0.01, largest_sigma_px=0.4, **part).sure_px == pytest.approx(4.98)


def test_nothing_measured_is_null_and_comes_back_as_nan(tmp_path):
    path = write_findings(Findings(), tmp_path, NAME)
    assert "NaN" not in path.read_text()
    back = read_findings(path)
    assert math.isnan(back.pair_share)
    assert back.filters.offsets == ()
    assert back.absolute is None


def test_a_missing_file_is_none(tmp_path):
    assert read_findings(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("format",), 99),
        (("filters", "offsets"), "many"),
        (("filters", "offsets"), [{}] * 1000),
        (("filters", "offsets", 0, "dx_px"), "3"),
        (("filters", "offsets", 0, "dx_px"), 1e300),
        (("filters", "offsets", 0, "sources"), -1),
        (("filters", "offsets", 0, "filter"), "<script>"),
        (("filters", "offsets", 0, "method"), "guess"),
        (("filters", "reference"), "../../etc"),
        (("filters", "unmatched"), [7]),
        (("shapes", 0, "title"), None),
        (("repeats", 0, "title"), "<b>"),
        (("repeats", 0, "sources"), -1),
        (("repeats", 0, "surprise"), "inf"),
        (("pair_sources",), 1.5),
        (("pair_px",), [1]),
        (("contrast",), None),
        (("contrast", "wider"), ""),
        (("contrast", "narrower"), "<i>"),
        (("contrast", "px2"), None),
        (("contrast", "sources"), -3),
        (("absolute",), []),
        (("absolute", "dx_mas"), None),
        (("absolute", "sigma_mas"), None),
        (("reasons",), "x"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, place, value):
    path = write_findings(WHOLE, tmp_path, NAME)
    content = json.loads(path.read_text())
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(ProductError, match="run prep again"):
        read_findings(path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"format": 1}'])
def test_a_broken_file_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ProductError, match="run prep again"):
        read_findings(path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(" " * 2_000_000)
    with pytest.raises(ProductError, match="too large"):
        read_findings(path)


def test_a_file_is_found_by_label_too_and_never_outside(tmp_path):
    images = tmp_path / "img"
    write_findings(WHOLE, images / "1", NAME)
    found = find_findings(images, NAME)
    assert found == images / "1" / NAME / f"{NAME}_offsets.json"
    assert find_findings(images, "../img/1") is None
    write_findings(WHOLE, tmp_path / "other", "name")
    (images / "name").symlink_to(tmp_path / "other" / "name")
    assert find_findings(images, "name") is None
