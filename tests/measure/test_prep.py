"""Prep as a whole: good visits and bad ones, again and again."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PosixPath

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spacekit.errors import OptionError, OutputError, ProductError, TableError, VisitError
from spacekit.files import exclusive
from spacekit.measure.batch import measure_all
from spacekit.measure.prep import measure_mosaic
from spacekit.measure.settings import PrepSettings
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.discovery import find_mosaics

NAMES = [f"hst_16901_01_wfc3_ir_total_iza1{n:02d}" for n in (1, 2, 3)]
QUICK = {"workers": 1, "size": 64, "evidence": False}


@pytest.fixture
def visits(tmp_path: Path, make_visit) -> Path:
    """Three visits that prep has nothing to say about."""
    root = tmp_path / "visits"
    for name in NAMES:
        make_visit(root / name[-6:], name=name)
    return root


def stamps(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*.*") if p.is_file()}


def test_tables_and_frames(visits: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "out"
    result = run_preprocessing(visits, output_path=out, progress=lambda *n: seen.append(n), **QUICK)
    assert result.problems == ()
    assert seen == [(1, 3), (2, 3), (3, 3)]
    table = pd.read_csv(out / "svm_data.csv")
    assert table["index"].tolist() == NAMES
    assert list(table)[:11] == [
        *("numexp", "rms_ra", "rms_dec", "nmatches", "point", "segment"),
        *("gaia", "det", "wcs", "cat", "index"),
    ]
    assert "label" not in table
    assert table.iloc[0, :10].tolist() == [4, 9.5, 8.5, 20, 7, 9, 0, 1, 0, 7]
    raw = pd.read_csv(out / "raw_svm_data.csv", keep_default_na=False)
    assert raw["wcs"].tolist() == ["a posteriori"] * 3
    assert raw["numexp_from"].tolist() == ["qa"] * 3
    for name in NAMES:
        for suffix in ("", "_source", "_gaia"):
            with Image.open(out / "img" / name / f"{name}{suffix}.png") as frame:
                assert max(frame.size) == 64
    assert {p.name for p in out.iterdir() if p.name[0] != "."} == {
        *("svm_data.csv", "raw_svm_data.csv", "svm_data.h5", "img")
    }


@pytest.mark.parametrize("fname", ["my.csv", "my", "some/where/my.csv"])
def test_the_name_of_the_table(visits: Path, tmp_path: Path, fname: str, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_preprocessing(str(visits), fname=fname, draw=0, **QUICK)
    assert result.csv_path == tmp_path / "my.csv"
    assert sorted(p.name for p in tmp_path.glob("*my*")) == ["my.csv", "my.h5", "raw_my.csv"]
    assert not (tmp_path / "img").exists()


def test_a_second_run_does_nothing_and_a_changed_visit_is_done_again(
    visits: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_preprocessing(visits, output_path=out, **QUICK)
    before = stamps(out / "img") | stamps(out / ".spacekit")
    run_preprocessing(visits, output_path=out, **QUICK)
    assert stamps(out / "img") | stamps(out / ".spacekit") == before

    qa = visits / "iza102" / f"{NAMES[1]}_svm_num_sources.json"
    content = json.loads(qa.read_text())
    content["data"]["number_of_sources"]["data"]["point"] = 1234
    qa.write_text(json.dumps(content))
    lost = out / "img" / NAMES[2] / f"{NAMES[2]}_gaia.png"
    lost.unlink()
    result = run_preprocessing(visits, output_path=out, **QUICK)
    assert result.table["point"].tolist() == [7, 1234, 7]
    assert lost.is_file()
    after = stamps(out / "img") | stamps(out / ".spacekit")
    changed = {p for p in after if after[p] != before.get(p)}
    assert changed
    assert not any(NAMES[0] in p for p in changed)


def test_nothing_of_an_earlier_measurement_stays_beside_another(visits, tmp_path) -> None:
    out = tmp_path / "out"
    frames = out / "img" / NAMES[1]
    run_preprocessing(visits, output_path=out, **QUICK)
    assert frames.joinpath(f"{NAMES[1]}.png").is_file()
    frames.joinpath(f"{NAMES[1]}_offsets.json").write_text("{}")
    catalog = visits / NAMES[1][-6:] / f"{NAMES[1]}_point-cat.ecsv"
    os.utime(catalog, ns=(0, 0))
    run_preprocessing(visits, output_path=out, draw=0, **QUICK)
    assert not list(frames.iterdir())
    assert list((out / "img" / NAMES[0]).iterdir())
    run_preprocessing(visits, output_path=out, **QUICK)
    assert {p.suffix for p in frames.iterdir()} >= {".png"}


def test_other_settings_are_other_frames(visits: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_preprocessing(visits, output_path=out, **QUICK)
    run_preprocessing(visits, output_path=out, **(QUICK | {"size": 32}))
    with Image.open(out / "img" / NAMES[0] / f"{NAMES[0]}.png") as frame:
        assert max(frame.size) == 32


def test_records_of_visits_that_are_gone_do_not_count(visits: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_preprocessing(visits, output_path=out, **QUICK)
    (visits / "iza102" / f"{NAMES[1]}_drz.fits").unlink()
    result = run_preprocessing(visits, output_path=out, **QUICK)
    assert result.table["index"].tolist() == [NAMES[0], NAMES[2]]
    assert [p.index for p in result.problems] == [NAMES[1]]


def test_a_broken_record_is_made_again(visits: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_preprocessing(visits, output_path=out, **QUICK)
    path = out / ".spacekit" / f"{NAMES[0]}.json"
    whole = json.loads(path.read_text())
    for broken in ('{"finger', json.dumps({**whole, "row": {"numexp": [1]}})):
        path.write_text(broken)
        result = run_preprocessing(visits, output_path=out, **QUICK)
        assert len(result.table) == 3
        assert json.loads(path.read_text()) == whole


def test_what_a_killed_run_left_is_cleared(visits: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    left = [out / ".part-1.csv", out / "img" / "x" / ".part-2.png", out / ".spacekit" / ".part-3"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run_preprocessing(visits, output_path=out, **QUICK)
    assert not [path for path in left if path.exists()]


def break_visit(folder: Path, name: str, how: str) -> None:
    """Make a visit bad in one way."""
    image = folder / f"{name}_drz.fits"
    whole = image.read_bytes()
    if how == "truncated":
        image.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        image.write_bytes(b"")
    elif how == "missing":
        image.unlink()
    elif how == "text":
        image.write_text("SIMPLE  = no" * 1000)
    elif how == "other name":
        image.rename(folder / "my_total_drz.fits")


@pytest.mark.parametrize("how", ["truncated", "empty", "missing", "text", "other name"])
def test_a_broken_visit_is_reported_and_the_rest_is_done(
    visits: Path, tmp_path: Path, how: str
) -> None:
    break_visit(visits / "iza102", NAMES[1], how)
    out = tmp_path / "out"
    result = run_preprocessing(visits, output_path=out, **QUICK)
    assert result.table["index"].tolist() == [NAMES[0], NAMES[2]]
    assert result.problems
    assert all("iza102" in p.file for p in result.problems)
    listed = pd.read_csv(out / "problems.csv")
    assert listed["fatal"].tolist() == [1] * len(listed)
    assert not (out / "img" / NAMES[1]).exists()
    assert not list(out.rglob(".part-*"))


def test_a_mosaic_without_an_exposed_pixel(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path / "v", sci=np.full((20, 20), np.nan, dtype=np.float32))
    with pytest.raises(VisitError, match=r"no mosaic could be measured.*problems\.csv"):
        run_preprocessing(tmp_path / "v", output_path=tmp_path / "out", **QUICK)
    listed = pd.read_csv(tmp_path / "out" / "problems.csv")
    assert "no pixel is exposed" in listed.loc[0, "reason"]
    assert not (tmp_path / "out" / "svm_data.csv").exists()


@pytest.mark.parametrize("shape", [(1, 1), (8, 8)])
def test_a_flat_mosaic_gets_black_frames_and_a_word(tmp_path, make_visit, shape) -> None:
    make_visit(tmp_path, sci=np.ones(shape, dtype=np.float32))
    [mosaic], _ = find_mosaics(tmp_path)
    measured = measure_mosaic(mosaic, PrepSettings(evidence=False))
    assert measured.row is not None
    assert not measured.frames.plain.any()
    assert ["black" in p.reason for p in measured.problems] == [True]


def test_problems_that_are_not_fatal_survive_a_second_run(visits: Path, tmp_path: Path) -> None:
    (visits / "iza101" / f"{NAMES[0]}_point-cat.ecsv").write_text("nothing")
    out = tmp_path / "out"
    first = run_preprocessing(visits, output_path=out, **QUICK)
    again = run_preprocessing(visits, output_path=out, **QUICK)
    assert first.problems == again.problems
    assert [p.fatal for p in again.problems] == [False]
    assert len(again.table) == 3


def test_an_unforeseen_failure_costs_one_mosaic(visits, tmp_path, monkeypatch, caplog) -> None:
    def fail(mosaic, *_):
        if mosaic.index == NAMES[1]:
            raise ZeroDivisionError("oh")
        return original(mosaic, *_)

    from spacekit.measure import prep

    original = prep.measure_features
    monkeypatch.setattr(prep, "measure_features", fail)
    result = run_preprocessing(visits, output_path=tmp_path / "out", **QUICK)
    assert result.table["index"].tolist() == [NAMES[0], NAMES[2]]
    assert "ZeroDivisionError: oh" in result.problems[0].reason
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("work", ["measure_evidence", "render_blinks"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ProductError("bad filter product"), "(bad filter product)"),
        (ZeroDivisionError("oh"), "unexpected ZeroDivisionError: oh; please report it"),
    ],
)
def test_what_fails_beside_the_row_loses_no_row(  # noqa: PLR0917
    visits, tmp_path, monkeypatch, work, error, told
) -> None:
    from spacekit.measure import prep

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(prep, work, fail)
    settings = QUICK | {"evidence": work == "measure_evidence"}
    result = run_preprocessing(visits, output_path=tmp_path / "out", **settings)
    assert len(result.table) == 3
    assert result.table["offset_px"].isna().all()
    assert [p.fatal for p in result.problems] == [False] * 3
    assert all(told in p.reason for p in result.problems)


def test_no_visits_at_all(tmp_path: Path) -> None:
    with pytest.raises(VisitError, match="no single-visit mosaic"):
        run_preprocessing(tmp_path, output_path=tmp_path / "out", **QUICK)
    with pytest.raises(VisitError, match="no such folder"):
        run_preprocessing(tmp_path / "none", output_path=tmp_path / "out", **QUICK)


def test_an_output_that_is_no_folder(visits: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        run_preprocessing(visits, output_path=tmp_path / "file", **QUICK)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "img").touch()
    with pytest.raises(OutputError, match="img"):
        run_preprocessing(visits, output_path=tmp_path / "out", **QUICK)


def test_two_runs_do_not_share_an_output(visits: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with exclusive(tmp_path / "out"), pytest.raises(OutputError, match="another run"):
        run_preprocessing(visits, output_path=tmp_path / "out", **QUICK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 3},
        {"size": 10**6},
        {"crpt": 2},
        {"draw": "no"},
        {"fname": ""},
        {"fname": ".csv"},
        {"fname": "some/.."},
    ],
)
def test_impossible_settings(visits: Path, tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(OptionError, match=r"size is|crpt is|draw is|no name"):
        run_preprocessing(visits, output_path=tmp_path / "out", **(QUICK | wrong))
    assert not (tmp_path / "out").exists()  # nothing was measured


def test_classes_from_a_file(visits: Path, tmp_path: Path) -> None:
    (tmp_path / "targets.csv").write_text("TARGNAME,class\nsim-1,STAR;G V\n")
    out = tmp_path / "out"
    run_preprocessing(visits, output_path=out, **QUICK)
    result = run_preprocessing(visits, output_path=out, targets=tmp_path / "targets.csv", **QUICK)
    assert result.table["cat"].tolist() == [4, 4, 4]
    assert result.raw["cat_from"].tolist() == ["targets"] * 3
    again = run_preprocessing(visits, output_path=out, **QUICK)
    assert again.table["cat"].tolist() == [7, 7, 7]


def test_from_a_scraped_table(visits: Path, tmp_path: Path) -> None:
    first = run_preprocessing(visits, output_path=tmp_path / "a", draw=0, **QUICK)
    out = tmp_path / "b"
    second = run_preprocessing(visits, h5=first.h5_path, output_path=out, **QUICK)
    pd.testing.assert_frame_equal(second.table, first.table)
    assert second.raw_path.read_bytes() == first.raw_path.read_bytes()
    assert len(list((out / "img").glob("*/*.png"))) == 9
    folder = out / "img" / NAMES[0]
    stale = folder / f"{NAMES[0]}_stamps.png"
    stale.touch()  # stands for what an earlier run measured: starting from a table keeps it
    run_preprocessing(visits, h5=first.h5_path, output_path=out, **QUICK)
    assert stale.exists()
    third = run_preprocessing("nowhere", h5=first.h5_path, output_path=out, draw=0, **QUICK)
    pd.testing.assert_frame_equal(third.table, first.table)
    for path in (visits / "iza103").iterdir():
        path.unlink()
    less = run_preprocessing(visits, h5=first.h5_path, output_path=tmp_path / "c", **QUICK)
    assert [p.index for p in less.problems] == [NAMES[2]]
    assert len(less.table) == 3
    with pytest.raises(TableError, match="no such file"):
        run_preprocessing(visits, h5=tmp_path / "none.h5", output_path=out, **QUICK)


def copy_record(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)


def truth(**record) -> str:
    return json.dumps({"mosaics": {NAMES[0]: record}})


@pytest.mark.parametrize(
    ("files", "label"),
    [
        ({}, 1),
        ({"corruption_txt": "visit: iza101\nlabel: 0\nfinal_offset_px: 9\n"}, 0),
        ({"corruption_txt": "label:\n"}, None),
        ({"corruption_txt": "final_offset_px: 0.25\n"}, 0),
        ({"corruption_txt": "final_offset_px: 0.3\n"}, None),
        ({"corruption_txt": "final_offset_px: 0.5\n"}, 1),
        ({"corruption_txt": "injected_offset_px: 0.1\n"}, 1),
        ({"corruption_txt": "visit: x\n", "truth_json": truth(label=0)}, 0),
        ({"truth_json": truth(label=None, offset_px=9)}, None),
        ({"truth_json": truth(offset_px=0.1)}, 0),
        ({"truth_json": '{"mosaics": {"other": {"label": 0}}}'}, 1),
    ],
)
def test_copies_are_labelled_by_what_became_of_them(tmp_path, make_visit, files, label) -> None:
    folder = tmp_path / "v" / "iza101_f160w_all_stat"
    make_visit(folder, name=NAMES[0])
    copy_record(folder, **files)
    result = run_preprocessing(tmp_path / "v", output_path=tmp_path / "out", crpt=1, **QUICK)
    assert result.problems == ()
    assert result.table["index"].tolist() == [f"{NAMES[0]}_f160w_all_stat"]
    assert list(result.table)[10:12] == ["label", "index"]
    found = result.table["label"][0]
    assert found == label if label is not None else pd.isna(found)


@pytest.mark.parametrize(
    "files",
    [
        {"corruption_txt": "label: bad\n"},
        {"corruption_txt": "final_offset_px: wide\n"},
        {"corruption_txt": "final_offset_px: nan\n"},
        {"truth_json": '{"mosaics'},
        {"truth_json": "[" * 100_000},
        {"truth_json": truth(label=7)},
        {"truth_json": truth(offset_px="x")},
    ],
)
def test_a_label_that_makes_no_sense_is_empty_and_said(tmp_path, make_visit, files) -> None:
    folder = tmp_path / "v" / "iza101_f160w_all_stat"
    make_visit(folder, name=NAMES[0])
    copy_record(folder, **files)
    result = run_preprocessing(tmp_path / "v", output_path=tmp_path / "out", crpt=1, **QUICK)
    assert result.table["label"].isna().tolist() == [True]
    assert "label" in result.problems[0].reason


def test_truth_is_not_read_otherwise(tmp_path: Path, make_visit) -> None:
    make_visit(tmp_path / "v", name=NAMES[0])
    copy_record(tmp_path / "v", truth_json='{"mosaics', corruption_txt="label: bad")
    result = run_preprocessing(tmp_path / "v", output_path=tmp_path / "out", **QUICK)
    assert result.problems == ()
    assert "label" not in result.table


class Deadly(PosixPath):
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (9,)


def test_a_worker_that_dies_costs_its_mosaic(visits: Path, tmp_path: Path) -> None:
    mosaics, _ = find_mosaics(visits)
    mosaics[0] = replace(mosaics[0], folder=Deadly(mosaics[0].folder))
    settings = PrepSettings(evidence=False, draw=False)
    records = measure_all(mosaics, settings, tmp_path / "out", workers=2)
    assert [r.row is not None for r in records] == [False, True, True]
    assert "process that measured it died" in records[0].problems[0].reason
    assert not multiprocessing.active_children()


def test_a_script_without_main_guard_may_call_prep(visits: Path, tmp_path: Path) -> None:
    """Published ones have none; and workers give what one process gives."""
    script = tmp_path / "script.py"
    call = f"run_preprocessing({str(visits)!r}, size=64, workers=2, evidence=False)"
    line = "from spacekit.skopes.hst.svm.prep import run_preprocessing"
    script.write_text(f"{line}\nprint('once')\n{call}\n")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "once\n"
    run_preprocessing(visits, output_path=tmp_path / "alone", **QUICK)
    frame = Path("img") / NAMES[2] / f"{NAMES[2]}_source.png"
    for made in ("svm_data.csv", "raw_svm_data.csv", frame):
        assert (tmp_path / made).read_bytes() == (tmp_path / "alone" / made).read_bytes()


def command(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "spacekit.skopes.hst.svm.prep", *map(str, words)]
    return subprocess.run(run, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_command_and_its_exit_status(
    visits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from spacekit.cli import launch
    from spacekit.cli.prep import prep

    break_visit(visits / "iza102", NAMES[1], "truncated")
    done = command(visits, "-f=mine.csv", "-d=0", "--workers", 1, cwd=tmp_path)
    assert done.returncode == 1
    assert not (tmp_path / "img").exists()
    assert len(pd.read_csv(tmp_path / "mine.csv")) == 2
    assert "mine.csv" in done.stderr
    assert NAMES[1] in done.stderr
    monkeypatch.setattr("sys.argv", ["prep", str(tmp_path / "none"), "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as exit_:
        launch(prep)
    assert exit_.value.code == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_filter_product_that_cannot_be_read_is_named(visits, tmp_path) -> None:
    index = run_preprocessing(visits, output_path=tmp_path / "first", **QUICK).table["index"][0]
    total = next(visits.rglob(f"{index}_dr?.fits"))
    broken = total.with_name(total.name.replace("_total_", "_f999w_"))
    broken.write_bytes(b"")
    settings = QUICK | {"evidence": True}
    result = run_preprocessing(visits, output_path=tmp_path / "out", **settings)
    (problem,) = (p for p in result.problems if p.file == str(broken))
    assert problem.index == index
    assert not problem.fatal
    assert "empty" in problem.reason
    assert "measured without this product" in problem.reason
