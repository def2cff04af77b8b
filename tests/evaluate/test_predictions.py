from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from spacekit.errors import TableError
from spacekit.evaluate.predictions import read_predictions


def predictions(count: int) -> pd.DataFrame:
    """Make a table as predict writes it."""
    names = [f"m{number}" for number in range(count)]
    return pd.DataFrame({"det": 1, "y_pred": 0.0, "y_proba": 0.1, "index": names, "reason": None})


def test_tables_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    predictions(3).drop(columns="y_proba").to_csv(path, index=False)
    table, notes = read_predictions(path)
    assert table["y_proba"].isna().all()
    assert notes == ("predictions.csv has no column y_proba: not shown",)
    pd.DataFrame({"a": [1]}).to_csv(path, index=False)
    with pytest.raises(TableError, match="index"):
        read_predictions(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError):
        read_predictions(path)
    with pytest.raises(TableError):
        read_predictions(tmp_path / "absent.csv")


def test_a_table_without_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    predictions(0).to_csv(path, index=False)
    assert len(read_predictions(path)[0]) == 0


def test_words_that_are_missing_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    predictions(2).to_csv(path, index=False)
    table, notes = read_predictions(path)
    assert table["reason"].tolist() == ["", ""]
    assert notes == ()
