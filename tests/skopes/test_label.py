"""Label as a call: truth of simulated visits beside their measurements."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from spacekit.skopes.hst.svm.label import label_simulated

NAMES = [f"hst_20001_0{n}_wfc3_ir_total_iaa10{n}" for n in range(1, 6)]


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """Three misaligned, aligned and ambiguous mosaics; two more have no truth."""
    truths = {
        name: {"label": label, "offset_px": offset_px, "mode": "pair"}
        for name, label, offset_px in zip(NAMES, (1, 0, None), (3.0, 0.01, 0.3), strict=False)
    }
    folder = tmp_path / "visits" / "iaa101"
    folder.mkdir(parents=True)
    (folder / "truth.json").write_text(json.dumps({"mosaics": truths}))
    return folder.parent


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "svm_data.csv"
    pd.DataFrame({"numexp": range(5), "index": NAMES}).to_csv(path, index=False)
    return path


def test_the_table_is_written_beside_the_other_and_counted(visits: Path, table: Path) -> None:
    made = label_simulated(str(table), str(visits))
    assert made.path == table.with_name("svm_data_labelled.csv")
    assert (made.misaligned, made.aligned, made.ambiguous, made.unknown) == (1, 1, 1, 2)
    written = pd.read_csv(made.path)
    assert written["index"].tolist() == NAMES
    assert written["label"].fillna(-1).tolist() == [1, 0, -1, -1, -1]
    assert written["numexp"].tolist() == [0, 1, 2, 3, 4]
    assert "label" not in pd.read_csv(table)


def test_a_truth_without_an_offset_is_one(visits: Path, table: Path) -> None:
    told = {"mosaics": {NAMES[3]: {"label": 1}, NAMES[4]: {"label": None}}}
    (visits / "truth.json").write_text(json.dumps(told))
    made = label_simulated(table, visits)
    assert (made.misaligned, made.aligned, made.ambiguous, made.unknown) == (2, 1, 2, 0)


def test_it_is_written_where_it_is_asked_for_and_what_is_broken_is_told(
    visits: Path, table: Path, tmp_path: Path
) -> None:
    (visits / "truth.json").write_text("{")
    made = label_simulated(table, visits, tmp_path / "other" / "x.csv")
    assert made.path == tmp_path / "other" / "x.csv"
    assert made.path.is_file()
    assert [reason.split(":")[0] for reason in made.skipped] == [str(visits / "truth.json")]
