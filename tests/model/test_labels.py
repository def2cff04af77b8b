from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spacekit.errors import TableError
from spacekit.model.labels import read_label_file, with_labels


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_words_and_numbers_are_labels(tmp_path: Path) -> None:
    text = "\ufeffindex,label,time\na,aligned,t\nb,Misaligned ,t\nc,unsure,\n007,1,\na,0,\n"
    found = read_label_file(write(tmp_path / "l.csv", text))
    assert list(found) == ["a", "b", "c", "007"]
    assert (found["a"], found["b"], found["007"]) == (0, 1, 1)
    assert math.isnan(found["c"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "CSV"),
        (b"\xff\xfe\x00\x01", "CSV"),
        ("index,label\n", "no labels"),
        ("name,label\na,1\n", "lacks the columns"),
        ("index,label\na,2\n", "line 2 has the label '2'"),
        ("index,label\na,<script>\n", "known: aligned"),
        ("index,label\na,\n", "label ''"),
        ("index,label\na,1\nb,0\na,unsure\n", "line 4 labels 'a' anew"),
        ('index,label\n"a,1\n', "CSV"),
    ],
)
def test_what_are_no_labels(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(TableError, match=why):
        read_label_file(write(tmp_path / "l.csv", text))
    with pytest.raises(TableError):
        read_label_file(tmp_path / "absent.csv")


def test_people_overrule_the_table() -> None:
    table = pd.DataFrame({"index": ["a", "b", "c", "d"], "label": [0, 0, 1, np.nan]})
    labelled, problems = with_labels(table, {"b": 1.0, "c": math.nan, "d": 0.0, "x": 1.0})
    assert labelled["label"].fillna(-1).tolist() == [0, 1, -1, 0]
    assert [(p.index, p.fatal) for p in problems] == [("x", False)]
    assert table["label"].tolist()[:3] == [0, 0, 1]


def test_a_table_without_labels_gets_some() -> None:
    labelled, problems = with_labels(pd.DataFrame({"index": ["a", "b"]}), {"a": 1.0})
    assert labelled["label"].fillna(-1).tolist() == [1, -1]
    assert problems == ()
    with pytest.raises(TableError, match="another run"):
        with_labels(pd.DataFrame({"index": ["a"]}), {"x": 1.0})
