"""Corrupt as people call it: whole visits, both engines, bad input."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from spacekit.errors import OptionError, OutputError, PipelineError, VisitError
from spacekit.simulate.corrupt import CorruptionSettings
from spacekit.skopes.hst.svm.corrupt import run_corruption

ONE = CorruptionSettings("mfi", threshold="standard")


@pytest.fixture
def visits(simulated: Path, tmp_path: Path) -> Path:
    """Two simulated visits as `simulate --exposures` lays them out."""
    folder = tmp_path / "visits"
    for path in sorted(simulated.iterdir())[:2]:
        shutil.copytree(path, folder / path.name)
    return folder


def checksums(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def said(copy: Path) -> dict[str, str]:
    lines = (copy / "corruption.txt").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_simulated_visits_are_found_and_copies_named_after_them(visits, tmp_path) -> None:
    before = checksums(visits)
    made = run_corruption(visits, tmp_path / "out", ONE, seed=1)
    assert checksums(visits) == before
    assert not made.problems
    names = [v.name for v in sorted(visits.iterdir())]
    assert [c.name for c in made.copies] == [
        f"{name}_{f}_all_stoc" for name in names for f in ("f110w", "f160w")
    ]
    assert said(made.copies[0])["visit"] == names[0]
    assert (made.copies[0] / "reference_catalog.csv").is_file()


def test_the_outcome_is_recorded_with_its_engine_and_kept(visits, tmp_path) -> None:
    before = checksums(visits)
    made = run_corruption(visits / "i00001", tmp_path / "out", ONE, seed=1, runsvm=1)
    assert not made.problems
    for copy in made.copies:
        record, truth = said(copy), json.loads((copy / "truth.json").read_text())
        (mosaic,) = truth["mosaics"].values()
        assert record["engine"] == truth["engine"] == "embedded"
        assert float(record["final_offset_px"]) == mosaic["offset_px"]
        assert record["label"] == str(mosaic["label"])
        # too few reference stars for a fit: what was put in is what came out
        assert mosaic["offset_px"] == pytest.approx(float(record["injected_offset_px"]), rel=0.1)
    mine = tmp_path / "svm_data.csv"
    mine.write_text("a table of my own")
    again = run_corruption(visits / "i00001", tmp_path / "out", ONE, seed=1, runsvm=1, draw=1)
    assert mine.read_text() == "a table of my own"
    assert len(pd.read_csv(tmp_path / "svm_synth.csv")) == len(made.copies)
    assert again.copies == made.copies
    assert not again.problems
    assert checksums(visits) == before


def test_a_copy_of_other_settings_is_no_answer(visits, tmp_path) -> None:
    made = run_corruption(visits / "i00001", tmp_path / "out", ONE, seed=1)
    record = said(made.copies[0])
    other = CorruptionSettings("mfi", threshold="major")
    again = run_corruption(visits / "i00001", tmp_path / "out", other, seed=1, runsvm=1)
    assert again.copies == ()
    assert all("another threshold than major" in p.reason for p in again.problems)
    assert said(made.copies[0]) == record


def test_a_copy_of_another_engine_is_not_processed_again(visits, tmp_path) -> None:
    made = run_corruption(visits / "i00001", tmp_path / "out", ONE, seed=1)
    for copy in made.copies:
        (copy / "truth.json").write_text('{"mosaics": {}, "engine": "drizzlepac"}')
    again = run_corruption(visits / "i00001", tmp_path / "out", ONE, seed=1, runsvm=1)
    assert len(again.problems) == len(made.copies)
    assert "drizzlepac engine; take another output folder" in again.problems[0].reason


def test_a_missing_interpreter_ends_it_before_anything_is_made(visits, tmp_path) -> None:
    with pytest.raises(PipelineError, match=r"make drizzlepac-env.*--drizzlepac-python"):
        run_corruption(
            visits,
            tmp_path / "out",
            runsvm=1,
            engine="drizzlepac",
            drizzlepac_python=tmp_path / "none",
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workflow": "pip"}, "no workflow called pip; take one of block, pipe"),
        ({"engine": "real", "runsvm": 1}, "no engine called real; take one of embedded, drizzle"),
    ],
)
def test_a_wrong_option_ends_it_before_anything_is_made(visits, tmp_path, wrong, said) -> None:
    with pytest.raises(OptionError, match=said):
        run_corruption(visits, tmp_path / "out", ONE, **wrong)
    assert not (tmp_path / "out").exists()


def test_drawing_what_was_not_processed_loses_no_copy(visits, tmp_path) -> None:
    made = run_corruption(visits, tmp_path / "out", ONE, draw=1, seed=1)
    assert len(made.copies) == 4
    assert made.prepared is None
    assert "-r 1" in made.problems[0].reason


@pytest.mark.parametrize("pattern", ["", "/x*"])
def test_patterns_that_are_none_are_refused(visits, tmp_path, pattern) -> None:
    with pytest.raises(OptionError, match="search pattern"):
        run_corruption(visits, tmp_path / "out", ONE, search_pattern=pattern)


def test_a_bad_visit_is_told_and_the_rest_goes_on(visits, tmp_path) -> None:
    first, second = sorted(visits.iterdir())
    (poller,) = (first / "exposures").glob("*.out")
    poller.write_text("\n")
    made = run_corruption(visits, tmp_path / "out", ONE, seed=1)
    assert [c.name[:6] for c in made.copies] == [second.name] * 2
    assert [p.file for p in made.problems] == [str(first / "exposures")]
    assert "names no exposure" in made.problems[0].reason


def test_no_exposures_and_a_subset_of_one_are_refused(visits, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(VisitError, match="no folder matching"):
        run_corruption(tmp_path / "empty", tmp_path / "out")
    first = sorted(visits.iterdir())[0] / "exposures"
    (poller,) = first.glob("*.out")
    poller.write_text(poller.read_text().splitlines()[0] + "\n")
    made = run_corruption(first, tmp_path / "out", CorruptionSettings("rex"))
    assert not made.copies
    assert "there is only one" in made.problems[0].reason


def test_an_output_that_cannot_be_written_is_refused(visits, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another output folder"):
        run_corruption(visits, tmp_path / "file", ONE)


def test_an_interrupted_copy_leaves_nothing_half_made(visits, tmp_path, monkeypatch) -> None:
    out, count = tmp_path / "out", 0

    def copy(source: Path, target: Path, real=shutil.copyfile) -> None:
        nonlocal count
        count += 1
        if count == 9:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy)
    with pytest.raises(KeyboardInterrupt):
        run_corruption(visits, out, ONE, seed=1)
    monkeypatch.undo()
    left = list(out.glob("[!.]*"))
    assert all((path / "corruption.txt").is_file() for path in left)
    assert 0 < len(left) < 4
    (out / ".part-killed").mkdir()
    made = run_corruption(visits, out, ONE, seed=1)
    assert len(made.copies) == 4
    assert sorted(out.glob("[!.]*")) == sorted(made.copies)


def test_folders_of_others_are_left_alone(visits, tmp_path) -> None:
    mine = tmp_path / "out" / "i00001_f110w_all_stoc"
    mine.mkdir(parents=True)
    (mine / "notes").write_text("keep")
    made = run_corruption(visits / "i00001", tmp_path / "out", ONE, seed=1)
    assert [c.name for c in made.copies] == ["i00001_f160w_all_stoc"]
    assert "no corrupted copy" in made.problems[0].reason
    assert (mine / "notes").read_text() == "keep"


def test_copies_are_not_corrupted_again_nor_a_visit_twice(visits, tmp_path) -> None:
    run_corruption(visits / "i00001", visits, ONE, seed=1)
    shutil.copytree(visits / "i00001", visits / "i00001 again")
    made = run_corruption(visits, tmp_path / "out", ONE, seed=1)
    assert {c.name[:6] for c in made.copies} == {"i00001", "i00002"}
    assert [Path(p.file).parent.name for p in made.problems] == ["i00001 again"]
