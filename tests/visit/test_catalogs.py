"""Reading source and reference catalogs, good and hostile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from spacekit.errors import ProductError
from spacekit.visit.catalogs import UNKNOWN_FLAG, read_reference, read_sources

TOP = "# %ECSV 1.0\n# ---\n# datatype:\n"


def write(path: Path, table: Table) -> Path:
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path


def test_the_smallest_flag_over_filters_counts(tmp_path: Path) -> None:
    columns = {
        "X-Center": [1.5, 2.0, 3.0, 4.0],
        "Y-Center": [0.0, 1.0, 2.0, np.nan],
        "Flags_f110w": MaskedColumn([4, 0, 7, -9999], mask=[False, False, True, False]),
        "Flags_f160w": MaskedColumn([1, 5, 7, 7], mask=[False, False, True, True]),
    }
    sources = read_sources(write(tmp_path / "point.ecsv", Table(columns)))
    assert len(sources) == 4
    assert sources.flag.tolist() == [1, 0, UNKNOWN_FLAG, UNKNOWN_FLAG]
    assert sources.x_px.tolist() == [1.5, 2.0, 3.0, 4.0]
    assert np.isnan(sources.y_px[3])


def test_segment_and_filter_catalogs(tmp_path: Path) -> None:
    table = Table({"X-Centroid": [1.0], "Y-Centroid": [2.0], "Flags": [3]})
    sources = read_sources(write(tmp_path / "segment.ecsv", table))
    assert (sources.x_px[0], sources.y_px[0], sources.flag[0]) == (1.0, 2.0, 3)


def test_no_rows_are_no_sources(tmp_path: Path) -> None:
    table = Table({"X-Center": [1.0], "Y-Center": [2.0]})[:0]
    assert len(read_sources(write(tmp_path / "a.ecsv", table))) == 0
    table = Table({"RA": [1.0], "DEC": [2.0]})[:0]
    assert len(read_reference(write(tmp_path / "b.ecsv", table))) == 0


def test_a_reference_catalog_keeps_rows_with_a_position(tmp_path: Path) -> None:
    columns = {"RA": [10.0, np.nan, 20.0, 30.0], "DEC": [5.0, 5.0, 95.0, -5.0]}
    reference = read_reference(write(tmp_path / "a.ecsv", Table(columns)))
    assert reference.ra_deg.tolist() == [10.0, 30.0]
    assert reference.dec_deg.tolist() == [5.0, -5.0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\x01\x02",
        "X-Center Y-Center\n1 2\n",
        TOP + "# - {name: X-Center, datatype: float64}\n",
        TOP + "# - {name: X-Center, datatype: float64}\nX-Center\n1\n",
        TOP
        + "# - {name: X-Center, datatype: string}\n# - {name: Y-Center, datatype: string}\n"
        + "X-Center Y-Center\na b\n",
        TOP
        + "# - {name: X-Center, datatype: string, subtype: 'float64[null]'}\n"
        + "# - {name: Y-Center, datatype: float64}\nX-Center Y-Center\n[1,2] 2\n",
        TOP
        + "# - {name: X-Center, datatype: float64}\n# - {name: Y-Center, datatype: float64}\n"
        + "X-Center Y-Center\n1 2 3\n",
        "# %ECSV 1.0\n# ---\n# datatype: !!python/object/apply:os.system ['exit 1']\nX\n1\n",
        "# %ECSV 1.0\n# ---\n# datatype: {{{\nX\n1\n",
        "# %ECSV 1.0\n# ---\n# datatype: 5\nX\n1\n",
    ],
)
def test_hostile_catalogs_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.ecsv"
    path.write_text(text, encoding="utf-8")
    for read in (read_sources, read_reference):
        with pytest.raises(ProductError, match=r"bad\.ecsv"):
            read(path)


def test_a_missing_catalog(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"none\.ecsv"):
        read_sources(tmp_path / "none.ecsv")


def test_duplicate_columns_of_a_reference_catalog(tmp_path: Path) -> None:
    path = tmp_path / "twice.ecsv"
    columns = "".join(f"# - {{name: {n}, datatype: float64}}\n" for n in ("RA", "DEC", "RA"))
    path.write_text(TOP + columns + "RA DEC RA\n1 2 3\n", encoding="utf-8")
    with pytest.raises(ProductError, match=r"twice\.ecsv"):
        read_reference(path)
    path = write(tmp_path / "case.ecsv", Table({"ra": [1.0], "Ra": [2.0], "dec": [3.0]}))
    with pytest.raises(ProductError, match="2 columns RA"):
        read_reference(path)
    path = write(tmp_path / "lower.ecsv", Table({"ra": [1.0], "dec": [3.0]}))
    assert read_reference(path).dec_deg.tolist() == [3.0]
