from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from spacekit.errors import TableError
from spacekit.visit.tables import csv_parts, read_csv, survey_csv

COLUMNS = {
    "whole": ["1", "2", "3", "4", "5"],
    "holes": ["1", "2", "3", "4", ""],
    "late": ["1", "2", "3", "4", "5.5"],
    "text": ["1", "02", "3", "4", "x"],
    "flags": ["True", "False", "", "", "True"],
    "mixed": ["True", "False", "1", "2", "3"],
    "empty": [""] * 5,
    "begun": ["", "", "1", "2", "3"],
    "index": ["007", "b", "", "NA", '"c\nd"'],
}


def write(path: Path) -> Path:
    rows = [",".join(COLUMNS), *map(",".join, zip(*COLUMNS.values(), strict=True))]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_parts_have_the_types_of_the_whole(tmp_path: Path, rows: int) -> None:
    path = write(tmp_path / "t.csv")
    seen: list[int] = []
    columns = dict.fromkeys(COLUMNS) | {"index": "str", "nowhere": None}
    table = survey_csv(path, "give one", rows, columns=columns, check=lambda p: seen.append(len(p)))
    assert table.rows == sum(seen) == 5
    parts = list(table.parts())
    whole = read_csv(path, "give one", dtype={"index": "str"})
    written = "".join(p.to_csv(index=False, header=n == 0) for n, p in enumerate(parts))
    assert written == whole.to_csv(index=False)
    assert [number for part in parts for number in part.index] == [0, 1, 2, 3, 4]


def test_columns_of_others_stay_as_they_stand(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv")
    table = survey_csv(path, "give one", 2, columns={"index": "str"}, check=pd.DataFrame.head)
    (whole,) = replace(table, part_rows=9).parts()
    for name, values in COLUMNS.items():
        if name != "index":
            assert whole[name].tolist() == values


def test_a_part_that_is_broken_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3,4\n5,6,7\n")
    parts = csv_parts(path, "give one", 1)
    assert next(parts)["a"].tolist() == [1]
    with pytest.raises(TableError, match="give one"):
        list(parts)
    with pytest.raises(TableError, match="too large"):
        next(csv_parts(path, "give one", largest_bytes=10))
    with pytest.raises(TableError, match="give one"):
        next(csv_parts(tmp_path / "absent.csv", "give one"))


def test_a_header_alone_is_a_part_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    assert [list(part.columns) for part in csv_parts(path, "give one")] == [["a", "b"]]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="write it to a file"):
        survey_csv(tmp_path / "pipe", "give one", 9, columns={}, check=pd.DataFrame.info)
