"""Classes of targets: encodings, the file, the archive."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from spacekit.errors import TableError
from spacekit.measure import targets
from spacekit.measure.targets import ask_archive, encode_class, read_targets
from spacekit.skopes.hst.svm.prep import run_preprocessing


@pytest.mark.parametrize(
    ("said", "letter"),
    [
        ("CALIBRATION;DARK", "C"),
        ("GALAXY;SPIRAL;FACE ON", "G"),
        ("CLUSTER OF GALAXIES", "GC"),
        ("ISM;HII REGION", "I"),
        ("EXT-MEDIUM", "I"),
        ("STAR;F0-F2", "S"),
        ("EXT-STAR", "S"),
        ("stellar cluster ; GLOBULAR", "SC"),
        ("EXT-CLUSTER", "SC"),
        ("SOLAR SYSTEM;PLANET", "SS"),
        ("UNIDENTIFIED;BLANK SKY", "U"),
        ("GC", "GC"),
        ("nonsense", "U"),
        ("", "U"),
        (None, "U"),
    ],
)
def test_classes(said: object, letter: str) -> None:
    assert encode_class(said) == letter


def test_a_file_of_targets(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text("targname, Class\nM31, GALAXY;SPIRAL\nNA,S\nM31,S\n")
    assert read_targets(path) == {"M31": "G", "NA": "S"}


def test_a_row_without_a_name_names_no_target(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text("TARGNAME,class\n,S\n  ,S\nM31,G\n")
    assert read_targets(path) == {"M31": "G"}


def test_a_target_without_a_name_gets_no_class(tmp_path: Path, make_visit, monkeypatch) -> None:
    for number, target in enumerate(("M31", None, "X")):
        name = f"hst_16901_01_wfc3_ir_total_iza1{number:02d}"
        make_visit(tmp_path / "v", name=name, qa=False, TARGNAME=target)
    (tmp_path / "targets.csv").write_text("TARGNAME,class\n,STAR\nX,STAR\n")
    asked = []

    def ask(names, _):
        asked.append(names)
        return {"M31": "G"}

    monkeypatch.setattr("spacekit.skopes.hst.svm.prep.ask_archive", ask)
    given = {"targets": tmp_path / "targets.csv", "archive": True, "draw": 0, "evidence": False}
    result = run_preprocessing(tmp_path / "v", output_path=tmp_path / "out", workers=1, **given)
    assert result.raw["cat"].tolist() == ["G", "U", "S"]
    assert asked == [{"M31"}]


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="can't be read"):
        read_targets(tmp_path / "none.csv")
    for content in (b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b'TARGNAME,class\n"a\n'):
        path = tmp_path / "x.csv"
        path.write_bytes(content)
        with pytest.raises(TableError, match=r"x\.csv"):
            read_targets(path)


def pretend_archive(monkeypatch: pytest.MonkeyPatch, query) -> None:
    mast = ModuleType("astroquery.mast")
    mast.Observations = SimpleNamespace(query_criteria=query)
    package = ModuleType("astroquery")
    package.mast = mast
    monkeypatch.setitem(sys.modules, "astroquery", package)
    monkeypatch.setitem(sys.modules, "astroquery.mast", mast)


def test_the_archive_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def query(**criteria):
        asked.append(criteria)
        return [
            {"target_name": "M31", "target_classification": ""},
            {"target_name": "M31", "target_classification": "GALAXY;SPIRAL"},
            {"target_name": "X", "target_classification": None},
        ]

    pretend_archive(monkeypatch, query)
    assert ask_archive(["X", "M31"], ["2", "1", "2"]) == {"M31": "G", "X": "U"}
    assert asked == [
        {"obs_collection": "HST", "target_name": ["M31", "X"], "proposal_id": ["1", "2"]}
    ]
    assert ask_archive([], ["1"]) == {}
    assert len(asked) == 1


def test_an_archive_that_fails_is_one_warning(monkeypatch, caplog) -> None:
    def query(**_):
        raise ConnectionError("no route")

    pretend_archive(monkeypatch, query)
    with caplog.at_level(logging.WARNING):
        assert ask_archive(["M31"], ["1"]) == {}
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "no route" in caplog.text


def test_an_archive_that_is_silent_is_left(monkeypatch, caplog) -> None:
    never = threading.Event()
    pretend_archive(monkeypatch, lambda **_: never.wait())
    monkeypatch.setattr(targets, "TIMEOUT_S", 0.05)
    assert ask_archive(["M31"], ["1"]) == {}
    assert "no answer within" in caplog.text
    never.set()


def test_without_astroquery_one_warning_names_the_extra(monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "astroquery", None)
    assert ask_archive(["M31"], ["1"]) == {}
    assert caplog.text.count("'.[archive]'") == 1
