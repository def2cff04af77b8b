from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spacekit.errors import FrameError, ModelFileError, OptionError, TableError
from spacekit.evaluate.predictions import joined, report_text
from spacekit.evaluate.tally import tally_of
from spacekit.measure.file_names import findings_path
from spacekit.measure.findings import Findings, Group, Offset
from spacekit.measure.findings_file import write_findings
from spacekit.measure.schema import PUBLISHED
from spacekit.model.infer import BATCH, Model
from spacekit.report.write import ReportFolder, ReportSource, write_report
from spacekit.skopes.hst.svm import predict
from spacekit.skopes.hst.svm.predict import classify


@pytest.fixture(scope="module")
def model_file(trained: Path) -> Path:
    return trained / "models" / "svm_align.onnx"


def test_files_and_columns(toy: Path, model_file: Path, tmp_path: Path) -> None:
    verdicts = classify(toy / "svm_data.csv", toy / "img", model_file, tmp_path)
    folder = tmp_path / "predictions"
    assert {p.name for p in folder.iterdir()} == {
        *("predictions.csv", "compromised.txt", "clf_report.txt"),
    }
    table = pd.read_csv(toy / "svm_data.csv")
    written = pd.read_csv(folder / "predictions.csv")
    inputs = [c for c in table.columns if c != "index"]
    ours = [
        "rests_on",
        "unfamiliar",
        "culprit",
        "culprit_dx_px",
        "culprit_dy_px",
        "culprit_mas",
        "reason",
    ]
    assert written.columns.tolist() == [*inputs, "y_pred", "y_proba", "index", *ours]
    assert written["reason"].str.startswith("no offsets beside the frames").all()
    assert written.columns.tolist()[:10] == [c.name for c in PUBLISHED]
    pd.testing.assert_frame_equal(written[table.columns.tolist()], table)
    assert set(written["y_pred"]) == {0.0, 1.0}
    flagged = written.loc[written["y_pred"] == 1, "index"].tolist()
    assert (folder / "compromised.txt").read_text().splitlines() == flagged
    assert np.allclose(verdicts.predictions["y_proba"], written["y_proba"])
    assert verdicts.report == tmp_path / "report" / "index.html"
    assert table["index"][0] in verdicts.report.read_text()
    pictures = {p.name for p in (tmp_path / "report" / "media" / table["index"][0]).iterdir()}
    assert pictures == {"plain.jpg", "source.jpg", "gaia.jpg"}
    report = (folder / "clf_report.txt").read_text()
    wanted = ("date", "time", "group", "Mean", "Standard Deviation", "0.0=aligned")
    assert all(word in report for word in (*wanted, "1.0=suspicious", "ir"))


def test_pictures_of_the_page_are_those_of_the_files(
    toy: Path, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written while the network reads frames; a page made later decodes them itself."""
    verdicts = classify(toy / "svm_data.csv", toy / "img", model_file, tmp_path)
    media = tmp_path / "report" / "media"
    early = {path.relative_to(media): path.read_bytes() for path in media.rglob("*.jpg")}
    assert {path.parent.name for path in early} == set(verdicts.predictions["index"])
    source = ReportSource(verdicts.predictions, toy / "img", "later")
    media = write_report(source, tmp_path / "later").parent / "media"
    assert early == {path.relative_to(media): path.read_bytes() for path in media.rglob("*.jpg")}
    # of more mosaics than a page shows it is known at the end which they are
    monkeypatch.setattr(predict, "MOST_SHOWN", 3)
    monkeypatch.setattr(ReportFolder, "take", lambda *_: pytest.fail("taken too early"))
    classify(toy / "svm_data.csv", toy / "img", model_file, tmp_path / "many")
    assert len(list((tmp_path / "many").rglob("*.jpg"))) == len(early)


def test_the_reason_comes_from_the_offsets_beside_the_frames(
    toy: Path, model_file: Path, tmp_path: Path
) -> None:
    images = tmp_path / "img"
    shutil.copytree(toy / "img", images)
    first, second = pd.read_csv(toy / "svm_data.csv")["index"][:2]
    off = Offset(
        "f814w",
        "",
        "f606w",
        500.0,
        3.1,
        -0.4,
        124.0,
        -16.0,
        0.02,
        41,
        3.13,
        0.02,
        0.0,
        0.1,
        "sources",
    )
    write_findings(Findings(Group("f606w", 1000.0, (off,)), scale_mas=40.0), images, first)
    findings_path(images, second).write_text('{"format": 1}')
    verdicts = classify(toy / "svm_data.csv", images, model_file, tmp_path)
    row = pd.read_csv(verdicts.folder / "predictions.csv").iloc[0]
    assert row["culprit"] == "f814w"
    assert row["culprit_mas"] == pytest.approx(125.2)
    assert row["reason"] == "F814W is off by (3.1, -0.4) px = 125 mas from F606W (41 sources)"
    assert [p.index for p in verdicts.problems] == [second]
    assert "run prep again" in verdicts.problems[0].reason


def test_predictions_can_be_predicted_again(toy: Path, model_file: Path, tmp_path: Path) -> None:
    first = classify(toy / "svm_data.csv", toy / "img", model_file, tmp_path)
    again = classify(first.folder / "predictions.csv", toy / "img", model_file, tmp_path / "again")
    pd.testing.assert_frame_equal(first.predictions, again.predictions)


def test_columns_of_others_go_through_as_they_stand(
    toy: Path, model_file: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(toy / "svm_data.csv")
    marks = [["09433", "NA", "1.50", "", "TRUE"][k % 5] for k in range(len(table))]
    table.assign(mark=marks).to_csv(tmp_path / "t.csv", index=False)
    verdicts = classify(tmp_path / "t.csv", toy / "img", model_file, tmp_path, report=False)
    path = verdicts.folder / "predictions.csv"
    assert pd.read_csv(path, dtype=str, keep_default_na=False)["mark"].tolist() == marks


def test_default_output_is_the_working_directory(
    toy: Path, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    classify(str(toy / "svm_data.csv"), str(toy / "img"), str(model_file), size=48)
    assert (tmp_path / "predictions" / "predictions.csv").is_file()


def test_problems_are_reported_and_go_when_mended(
    toy: Path, model_file: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(toy / "svm_data.csv")
    whole = tmp_path / "t.csv"
    table.assign(index=["../../x", "nowhere", *table["index"][2:]]).to_csv(whole, index=False)
    verdicts = classify(whole, toy / "img", model_file, tmp_path)
    problems = pd.read_csv(tmp_path / "predictions" / "problems.csv")
    assert problems["index"].tolist() == ["../../x", "nowhere"]
    assert len(verdicts.predictions) == len(table)
    classify(toy / "svm_data.csv", toy / "img", model_file, tmp_path)
    assert not (tmp_path / "predictions" / "problems.csv").exists()


def test_what_cannot_be_used_leaves_nothing(toy: Path, model_file: Path, tmp_path: Path) -> None:
    csv, img = toy / "svm_data.csv", toy / "img"
    with pytest.raises(TableError):
        classify(tmp_path / "absent.csv", img, model_file, tmp_path / "o")
    with pytest.raises(FrameError):
        classify(csv, tmp_path / "absent", model_file, tmp_path / "o")
    with pytest.raises(OptionError, match="size"):
        classify(csv, img, model_file, tmp_path / "o", size=1)
    for prevalence in (-3.0, 0.0, 1.0):
        with pytest.raises(OptionError, match="share between 0 and 1"):
            classify(csv, img, model_file, tmp_path / "o", prevalence=prevalence)
    with pytest.raises(ModelFileError):
        classify(csv, img, csv, tmp_path / "o")
    assert not (tmp_path / "o").exists()


@pytest.fixture
def troubled(toy: Path, tmp_path: Path) -> Path:
    """Write a table with columns of all kinds, names without frames, and a row of nothing."""
    table = pd.read_csv(toy / "svm_data.csv").astype({"index": object})
    table["note"] = ["", "1", "02"] * 19 + ["x, y", "2", ""]
    table["seen"] = [True] * 30 + [np.nan] * 30
    table.loc[[3, 40, 41], "index"] = ["nowhere", "../../x", np.nan]
    table.loc[41, [n for n in table.columns if n not in ("index", "note")]] = np.nan
    table.loc[50, "point"] = -5
    path = tmp_path / "troubled.csv"
    table.to_csv(path, index=False)
    return path


def test_parts_give_the_files_of_the_whole(
    toy: Path, model_file: Path, troubled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = classify(troubled, toy / "img", model_file, tmp_path / "whole")
    # whole batches: the last digit of an answer may depend on what it is computed beside
    monkeypatch.setattr(predict, "PART_ROWS", BATCH)
    told: list[tuple[int, int]] = []
    parts = classify(
        troubled,
        toy / "img",
        model_file,
        tmp_path / "parts",
        progress=lambda *both: told.append(both),
    )
    assert told == [(16, 60), (32, 60), (48, 60), (60, 60)]
    for name in ("predictions.csv", "compromised.txt", "problems.csv"):
        assert (parts.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    reports = [v.folder.joinpath("clf_report.txt").read_text() for v in (whole, parts)]
    assert reports[0].splitlines()[2:] == reports[1].splitlines()[2:]
    assert "row 42 has neither" in (whole.folder / "problems.csv").read_text()
    problems = pd.read_csv(whole.folder / "problems.csv", keep_default_na=False)
    assert problems["index"].drop_duplicates().tolist()[:3] == ["nowhere", "../../x", ""]
    pages = [v.report.read_text().splitlines() for v in (whole, parts) if v.report]
    assert [line for line in pages[0] if 'class="made"' not in line] == [
        line for line in pages[1] if 'class="made"' not in line
    ]
    assert parts.tally.problems_total == len(parts.problems) == len(problems)


def test_rows_of_any_part_are_numbered_as_in_the_file(
    toy: Path, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "PART_ROWS", 7)
    table = pd.read_csv(toy / "svm_data.csv").astype({"gaia": object})
    table.loc[58, "gaia"] = "many"
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(TableError, match="'many' in row 59, not a number"):
        classify(tmp_path / "t.csv", toy / "img", model_file, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_part_that_fails_leaves_what_was_there(
    toy: Path, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "PART_ROWS", 7)
    answer = Model.predict_table

    def failing(model: Model, table: pd.DataFrame, *args: object, **options: object) -> object:
        if table.index[0] == 56:
            raise TableError("changed meanwhile")
        return answer(model, table, *args, **options)

    inputs = (toy / "svm_data.csv", toy / "img", model_file)
    monkeypatch.setattr(Model, "predict_table", failing)
    with pytest.raises(TableError, match="meanwhile"):
        classify(*inputs, tmp_path)
    folder = tmp_path / "predictions"
    assert list(folder.iterdir()) == []
    (folder / "predictions.csv").write_text("of old")
    with pytest.raises(TableError, match="meanwhile"):
        classify(*inputs, tmp_path)
    assert [(p.name, p.read_text()) for p in folder.iterdir()] == [("predictions.csv", "of old")]


def test_report_of_nothing_answered() -> None:
    table = pd.DataFrame({"det": [1, 9], "index": ["a", "b"]})
    answers = pd.DataFrame({"y_pred": [np.nan] * 2, "y_proba": np.nan, "rests_on": "nothing"})
    tally = tally_of(joined(table, answers))
    text = report_text(tally, "night", datetime(2026, 1, 2, 3, 4, 5))
    assert "no answer: 2" in text
    assert "can't tell" not in text
    assert "date: 2026-01-02" in text
    assert "group: night" in text
    assert "unknown" in text


def test_report_counts_by_detector() -> None:
    table = pd.DataFrame({"det": [1, 1, 4, 4], "index": list("abcd")})
    answers = pd.DataFrame({"y_pred": [0, 1, 1, 1.0], "y_proba": [0.1, 0.9, 0.9, 0.7]})
    tally = tally_of(joined(table, answers.assign(rests_on="")))
    text = report_text(tally, "g", datetime(2026, 1, 2))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "ir 1 of 2" in lines
    assert "wfc 2 of 2" in lines
    assert "1.0=suspicious 3 75.0" in lines
    assert "Mean Probability Score: 0.6500" in lines


def test_the_published_counts_hold_what_cant_be_told() -> None:
    table = pd.DataFrame({"det": [1, 1, 4, 4], "index": list("abcd")})
    answers = pd.DataFrame({"y_pred": [0, 0, 0, 1.0], "y_proba": [0.1, 0.2, 0.3, 0.7]})
    answers["rests_on"] = ["table", "table + pixels", "table + frames", "table"]
    text = report_text(tally_of(joined(table, answers)), "g", datetime(2026, 1, 2))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "0.0=aligned 3 75.0" in lines
    assert "1.0=suspicious 1 25.0" in lines
    assert "no answer: 0" not in lines
    assert lines[-1] == "can't tell (0.0, but nothing measured on the pixels): 2"


def test_as_a_module(toy: Path, model_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spacekit.skopes.hst.svm.predict"]
    inputs = [str(toy / "svm_data.csv"), str(toy / "img")]
    options = ["-m", str(model_file), f"-o={tmp_path}", "-s", "64", "-n", "0", "-g", "mine"]
    done = subprocess.run(
        [*command, *inputs, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "predictions" / "predictions.csv")
    assert "group: mine" in (tmp_path / "predictions" / "clf_report.txt").read_text()
    broken = subprocess.run(
        [*command, "absent.csv", inputs[1]], capture_output=True, text=True, check=False
    )
    assert broken.returncode == 2
    assert "absent.csv" in broken.stderr or "bundled" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_npz(toy: Path, model_file: Path, tmp_path: Path) -> None:
    from PIL import Image

    table = pd.read_csv(toy / "svm_data.csv")
    images = np.stack(
        [
            [
                np.asarray(Image.open(toy / "img" / n / f"{n}{s}.png").resize((128, 128)))
                for s in ("", "_source", "_gaia")
            ]
            for n in table["index"][:9]
        ]
    )
    path = tmp_path / "frames.npz"
    np.savez(path, index=table["index"][:9].to_numpy(str), images=images)
    verdicts = classify(toy / "svm_data.csv", path, model_file, tmp_path)
    rests_on = verdicts.predictions["rests_on"].tolist()
    assert (
        rests_on == ["table + products + pixels + frames"] * 9 + ["table + products + pixels"] * 51
    )
    assert len(verdicts.problems) == 51
