"""ECSV and JSON that we write ourselves read as if astropy and json had written them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from spacekit.mosaic.catalogs import typed, units_of
from spacekit.mosaic.ecsv import write_ecsv
from spacekit.mosaic.qa import indented, interfilter_crossmatch

COLUMNS = {
    "ID": np.array([1, 2, 3]),
    "X-Center": np.array([1.5, 1e-7, -9999.0]),
    "name": np.array(["plain", "two words", 'a "quote"']),
    "pmra": np.ma.MaskedArray([0.5, 1.0, 2.0], mask=[False, True, False]),
    "good": np.array([True, False, True]),
}
META = {
    "Proposal ID": "00042",
    "tiny": 1e-05,
    "huge": 1e22,
    "number": 7,
    "known": True,
    "nothing": None,
    "odd: text": "a 'b' \"c\" {d}, #e: ü",
}


def test_ecsv_reads_like_astropys_own(tmp_path):
    units, formats = {"X-Center": "pix", "pmra": "mas / yr"}, {"X-Center": "10.3f"}
    write_ecsv(tmp_path / "ours.ecsv", COLUMNS, META, units=units, formats=formats)
    table = Table(COLUMNS, meta=META)
    for name, unit in units.items():
        table[name].unit = unit
    table["X-Center"].format = "10.3f"
    table.write(tmp_path / "theirs.ecsv", format="ascii.ecsv")
    ours, theirs = (Table.read(tmp_path / f"{n}.ecsv") for n in ("ours", "theirs"))
    assert ours.colnames == theirs.colnames
    assert dict(ours.meta) == dict(theirs.meta) == META
    for name in ours.colnames:
        assert ours[name].dtype == theirs[name].dtype
        assert (ours[name].unit, ours[name].format) == (theirs[name].unit, theirs[name].format)
        assert np.ma.allequal(ours[name], theirs[name])
        assert np.array_equal(np.ma.getmaskarray(ours[name]), np.ma.getmaskarray(theirs[name]))


def test_empty_ecsv_keeps_its_columns(tmp_path):
    write_ecsv(tmp_path / "e.ecsv", {n: v[:0] for n, v in COLUMNS.items()}, {})
    table = Table.read(tmp_path / "e.ecsv")
    assert table.colnames == list(COLUMNS)
    assert len(table) == 0


@pytest.mark.parametrize(("kind", "number"), [("point", "int64"), ("segment", "int32")])
def test_columns_have_the_pipelines_types_and_units(kind, number):
    columns = {n: np.arange(3) for n in ("ID", "Flags", "Flags_f160w", "Xmin")}
    columns |= {n: np.arange(3.0) for n in ("Bck", "CI", "MagAP2_f160w")}
    types = {n: v.dtype.name for n, v in typed(kind, columns).items()}
    assert types["ID"] == types["Flags"] == types["Flags_f160w"] == number
    assert types["Bck"] == ("float64" if kind == "point" else "float32")
    assert types["Xmin"] == "int64"
    assert types["CI"] == types["MagAP2_f160w"] == "float64"
    units = {"X-Center": "pix", "Xmin": "pix", "Ymax": "pix", "X2": "pix2", "CXY": "1 / pix2"}
    units |= {"Theta": "rad", "Elongation": "", "ID": "", "MSkyAp2": "electron / (pix s)"}
    assert units_of(units) == units


def test_separations_are_described_as_the_pipeline_does():
    primary = fits.Header({"INSTRUME": "WFC3", "DETECTOR": "IR", "D001SCAL": 0.1283})
    primary["FILENAME"] = "hst_1_01_wfc3_ir_f160w_iza101_drz.fits"
    xy = np.random.default_rng(1).uniform(0, 99, (9, 2))
    pairs = (np.arange(9), np.arange(9))
    data = interfilter_crossmatch(primary, "reference.fits", xy, xy + 0.1, pairs)["data"]
    separations = data["Interfilter cross-matched comparison - reference separations"]
    assert list(separations["data"]) == ["delta_xcentroid_ref", "delta_ycentroid_ref"]
    assert list(separations["descriptions"]) == list(separations["units"]) == ["delta_x", "delta_y"]
    name = "Interfilter cross-matched xcentroid_ref comparison - reference separation statistics"
    assert data[name]["data"]["Reference image platescale"] == 0.1283
    assert data[name]["units"]["Reference image platescale"] == "arcseconds/pixel"
    assert data[name]["descriptions"]["Non-clipped mean"] == "Non-clipped mean difference"


def test_json_is_indented_as_the_standard_library_does():
    value = {"a": {"b": [1.5, 2, None], "c": [], "d": {}}, 'e"': "ü", "f": [True], "g": [{"h": 1}]}
    simple = {k: v for k, v in value.items() if k != "g"}
    assert indented(simple) == json.dumps(simple, indent=4)
    assert json.loads(indented(value)) == value
    with pytest.raises(ValueError, match="JSON"):
        indented({"a": [float("nan")]})
