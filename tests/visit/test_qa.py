"""Reading QA JSON, good and broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spacekit.errors import ProductError
from spacekit.visit.qa import read_gaia_count, read_qa, read_source_counts


def write(path: Path, section: str, data: Any) -> Path:
    content = {"header": {"NUMEXP": 4}, "data": {section: {"data": data}}}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_counts(tmp_path: Path) -> None:
    data = {"detector": "ir", "point": 201, "segment": 211}
    report = read_qa(write(tmp_path / "a.json", "number_of_sources", data))
    assert report.header["NUMEXP"] == 4
    assert read_source_counts(report) == (201, 211)
    title = "Number of GAIA sources"
    assert read_gaia_count(read_qa(write(tmp_path / "b.json", title, {title: 19}))) == 19


@pytest.mark.parametrize("value", [-1, 1.5, "7", None, True, [1], float("nan"), 1e300])
def test_counts_that_are_none(tmp_path: Path, value: Any) -> None:
    data = {"point": value, "segment": 3}
    report = read_qa(write(tmp_path / "a.json", "number_of_sources", data))
    with pytest.raises(ProductError, match=r"a\.json: no counts"):
        read_source_counts(report)
    with pytest.raises(ProductError, match="no count"):
        read_gaia_count(report)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"header": {"NUMEXP": 4}, "da',
        "[" * 100_000,
        '{"a":' * 100_000,
        "[]",
        "5",
        '{"header": 3, "data": {}}',
        '{"header": {}}',
        '{"n": ' + "9" * 5000 + "}",
        "\udcff",
    ],
)
def test_broken_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ProductError, match=r"bad\.json"):
        read_qa(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match=r"none\.json"):
        read_qa(tmp_path / "none.json")
