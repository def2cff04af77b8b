"""Truth joins the table by index, and only there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from spacekit.errors import TableError
from spacekit.measure.truths import label_table, read_truths

BAD = "hst_20001_01_wfc3_ir_total_iaa101"
GOOD = "hst_20001_02_wfc3_ir_total_iaa102"
UNSURE = "hst_20002_01_wfc3_ir_total_iaa201"


def entry(label: int | None, offset_px: float) -> dict[str, object]:
    return {"label": label, "offset_px": offset_px, "offset_mas": 128.0, "mode": "pair"}


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    for name, label, offset_px in ((BAD, 1, 1.0), (GOOD, 0, 0.1), (UNSURE, None, 0.3)):
        folder = tmp_path / name[-6:]
        folder.mkdir()
        (folder / "truth.json").write_text(json.dumps({"mosaics": {name: entry(label, offset_px)}}))
    return tmp_path


def test_labels_and_offsets_join_by_index(visits: Path) -> None:
    table = pd.DataFrame({"numexp": [4, 4, 4, 2], "index": [UNSURE, BAD, GOOD, "hst_other"]})
    labelled = label_table(table, read_truths(visits))
    assert list(labelled["label"].fillna(-1)) == [-1, 1, 0, -1]
    assert list(labelled["true_offset_px"].fillna(-1)) == [0.3, 1.0, 0.1, -1]
    assert list(labelled.columns)[:3] == ["numexp", "label", "index"]


def test_what_a_set_says_of_itself_is_no_truth(visits: Path) -> None:
    (visits / "simulation.json").write_text('{"seed": 1}')
    assert read_truths(visits).skipped == ()


def test_an_unreadable_truth_is_skipped_and_said(visits: Path) -> None:
    (visits / "iaa101" / "truth.json").write_text('{"mosaics": {')
    truths = read_truths(visits)
    assert BAD not in truths.rows
    assert GOOD in truths.rows
    assert "iaa101" in truths.skipped[0]


def test_two_truths_of_one_mosaic_are_refused(visits: Path) -> None:
    twin = visits / "twin"
    twin.mkdir()
    (twin / "truth.json").write_text(json.dumps({"mosaics": {BAD: entry(0, 0.1)}}))
    with pytest.raises(TableError, match="another truth"):
        read_truths(visits)


def test_a_table_of_other_visits_is_refused(visits: Path) -> None:
    with pytest.raises(TableError, match="none of the table's mosaics"):
        label_table(pd.DataFrame({"index": ["hst_other"]}), read_truths(visits))


def test_truth_of_the_genuine_visits_is_read(hap: Path) -> None:
    table = pd.DataFrame({"index": ["hst_16902_01_wfc3_ir_total_iza201"]})
    labelled = label_table(table, read_truths(hap / "truth"))
    assert labelled["label"].tolist() == [1]
    assert labelled["true_offset_px"].iloc[0] == pytest.approx(3.0306)
    assert labelled["true_offset_mas"].iloc[0] == pytest.approx(388.67, abs=0.02)
