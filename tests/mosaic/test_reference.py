"""Reference catalogs beside exposures."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.table import Table

from spacekit.errors import ProductError
from spacekit.mosaic.align import at_epoch
from spacekit.mosaic.reference import read_reference_stars, write_reference_stars

STARS = Table(
    {
        "objID": [5_000_000_000_001],
        "RA": [359.9999999999],
        "RA_error": [0.1],
        "DEC": [-89.5],
        "DEC_error": [0.1],
        "pmra": [10.0],
        "pmdec": [10.0],
        "mag": [18.5],
        "epoch": [2016.0],
    }
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = write_reference_stars(tmp_path, STARS)
    assert path.read_text().startswith("objID,ra,ra_error,dec,dec_error,pmra,pmdec,mag,epoch\n")
    found = read_reference_stars(tmp_path)
    assert found.colnames == STARS.colnames
    for name in STARS.colnames:
        assert found[name][0] == pytest.approx(STARS[name][0], abs=1e-10)


def test_stars_that_a_run_left_are_not_moved_again(tmp_path: Path) -> None:
    STARS.write(tmp_path / "hst_1_01_wfc3_ir_ia1_metawcs_all_GAIAeDR3_ref_cat.ecsv")
    found = read_reference_stars(tmp_path)
    assert at_epoch(found, 2006.0)["DEC"][0] == STARS["DEC"][0]
    assert at_epoch(STARS, 2006.0)["DEC"][0] != STARS["DEC"][0]


def test_other_tables_are_passed_over_and_broken_ones_named(tmp_path: Path) -> None:
    assert read_reference_stars(tmp_path) is None
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    assert read_reference_stars(tmp_path) is None
    (tmp_path / "notes.csv").write_text("a,b\n1,2,3\n")
    with pytest.raises(ProductError, match=r"notes\.csv"):
        read_reference_stars(tmp_path)
