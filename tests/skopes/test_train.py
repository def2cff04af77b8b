from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from spacekit.errors import OutputError, SpacekitError, TableError, TrainingError
from spacekit.evaluate.results import read_result
from spacekit.files import PART, exclusive
from spacekit.model.artifact import load_artifact
from spacekit.model.settings import TrainingSettings
from spacekit.skopes.hst.svm.train import run_training

pytest.importorskip("torch")

QUICK = TrainingSettings(epochs=1, batch_size=8, image_size=64, threads=1)


def test_what_is_written(trained: Path, toy: Path) -> None:
    files = {str(p.relative_to(trained)) for p in trained.rglob("*") if p.is_file()}
    parts = ["metrics.json", "predictions.csv", "history.csv", "calibration.csv"]
    parts.append("classification_report.txt")
    assert files == {
        "models/svm_align.onnx",
        *(f"results/{part}/{name}" for part in ("test", "val") for name in parts),
    }
    table = pd.read_csv(toy / "svm_data.csv")
    com, val = (read_result(trained / "results" / part) for part in ("test", "val"))
    proposals = [{name.split("_")[1] for name in result.index} for result in (com, val)]
    assert not proposals[0] & proposals[1]
    assert table["index"].iloc[-1] not in (*com.index, *val.index)
    assert any("1 rows with an empty label" in note for note in com.notes)
    assert com.roc_auc > 0.8  # the toy is easy
    _, manifest = load_artifact(trained / "models" / "svm_align.onnx")
    limit = manifest.calibration.probability_thresholds()["filters"]
    assert np.array_equal(com.y_pred, com.y_proba >= limit)
    assert com.prevalence == manifest.calibration.prevalence
    assert manifest.provenance["rows"]["test"] == len(com.index)
    assert manifest.provenance["ambiguous"] == 1
    assert len(manifest.provenance["table_sha256"]) == 64
    assert manifest.provenance["command"] == "spacekit svm train, from svm_data.csv, img"


def test_published_call(toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second table of corrupted copies, the power transform, a name, the working directory."""
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(toy / "svm_data.csv")
    copies = table["index"].str.endswith("_stat")
    table[~copies].to_csv("svm_data.csv", index=False)
    table[copies].to_csv("synth.csv", index=False)
    params = {"batch_size": 8, "epochs": 1, "lr": 1e-3, "decay": None, "early_stopping": None}
    com, val = run_training(
        "svm_data.csv",
        toy / "img",
        synth_data="synth.csv",
        norm=1,
        model_name="mine",
        params=params | {"verbose": 0},
        output_path=None,
        settings=QUICK,
    )
    _, manifest = load_artifact(Path("models/mine.onnx"))
    assert manifest.provenance["settings"]["power_transform"] is True
    rows = manifest.provenance["rows"]
    assert sum(rows.values()) == len(table) - 1
    for result, name in ((com, "test"), (val, "val")):
        assert result.folder == tmp_path / "results" / name
        assert all(path.is_file() for path in result.draw_plots())
        assert set(result.index) <= set(table["index"])


def test_labels_that_people_gave(toy: Path, tmp_path: Path) -> None:
    """An unlabelled table with the report page's labels.csv, of the original's true offsets."""
    table = pd.read_csv(toy / "svm_data.csv")
    words = table["label"].map({0.0: "aligned", 1.0: "misaligned"}).fillna("unsure")
    labels = pd.DataFrame({"index": table["index"], "label": words, "time": "2026-01-01"})
    labels.loc[len(labels)] = ["hst_elsewhere", "aligned", ""]
    labels.to_csv(tmp_path / "labels.csv", index=False)
    unlabelled = table.drop(columns="label").assign(true_offset_px=table["offset_px"])
    unlabelled.to_csv(tmp_path / "svm_data.csv", index=False)
    com, val = run_training(
        tmp_path / "svm_data.csv",
        toy / "img",
        output_path=tmp_path,
        labels=tmp_path / "labels.csv",
        settings=QUICK,
    )
    truth = table.set_index("index")
    for result in (com, val):
        assert result.y_true.tolist() == truth["label"][list(result.index)].tolist()
        assert result.true_offset_px is not None
        assert result.true_offset_px.tolist() == truth["offset_px"][list(result.index)].tolist()
    problems = pd.read_csv(tmp_path / "results" / "problems.csv")
    assert problems["index"].tolist() == ["hst_elsewhere"]


def test_frames_below_the_label(toy: Path, tmp_path: Path) -> None:
    import shutil

    table = pd.read_csv(toy / "svm_data.csv")
    for name, label in zip(table["index"], table["label"], strict=True):
        if pd.notna(label):
            shutil.copytree(toy / "img" / name, tmp_path / "img" / str(int(label)) / name)
    run_training(toy / "svm_data.csv", tmp_path / "img", output_path=tmp_path, settings=QUICK)
    assert not (tmp_path / "results" / "problems.csv").exists()


def test_a_second_table_without_labels_is_refused(toy: Path, tmp_path: Path) -> None:
    pd.read_csv(toy / "svm_data.csv").drop(columns="label").to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(TableError, match=r"s\.csv: has no column 'label'"):
        run_training(
            toy / "svm_data.csv", toy / "img", tmp_path / "s.csv", output_path=tmp_path / "o"
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"params": {"ensemble": False}},
        {"norm": 2},
        {"model_name": "../escape"},
        {"synth_data": "absent.csv"},
        {"labels": "absent.csv"},
    ],
)
def test_wrong_calls_write_nothing(toy: Path, tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(SpacekitError):
        run_training(
            toy / "svm_data.csv",
            toy / "img",
            output_path=tmp_path / "o",
            settings=QUICK,
            **wrong,  # type: ignore[arg-type]
        )
    assert not (tmp_path / "o").exists()


def test_tables_without_labels_or_with_one_class(toy: Path, tmp_path: Path) -> None:
    table = pd.read_csv(toy / "svm_data.csv")
    path = tmp_path / "t.csv"
    table.drop(columns="label").to_csv(path, index=False)
    with pytest.raises(TableError, match="label"):
        run_training(path, toy / "img", output_path=tmp_path, settings=QUICK)
    table[:12].assign(label=1).to_csv(path, index=False)
    with pytest.raises(TrainingError, match="one class"):
        run_training(path, toy / "img", output_path=tmp_path, settings=QUICK)


def test_tiny_table_trains_and_says_what_it_is_worth(toy: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.read_csv(toy / "svm_data.csv")[:4].to_csv(path, index=False)
    com, _ = run_training(path, toy / "img", output_path=tmp_path, settings=QUICK)
    assert any("say nothing" in note for note in com.notes)


def test_one_training_at_a_time_writes_there(toy: Path, tmp_path: Path) -> None:
    """What a killed one left in the making is cleared by the next."""
    given = {"training_data": toy / "svm_data.csv", "img_path": toy / "img"}
    left = [tmp_path / folder / f"{PART}1.npz" for folder in ("models", "results/test")]
    for path in left:
        path.parent.mkdir(parents=True)
        path.write_text("half")
    with exclusive(tmp_path), pytest.raises(OutputError, match="another run"):
        run_training(**given, output_path=tmp_path, settings=QUICK)
    assert all(path.exists() for path in left)
    run_training(**given, output_path=tmp_path, settings=QUICK)
    assert not list(tmp_path.rglob(f"{PART}*"))


def test_as_a_module(toy: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "spacekit.skopes.hst.svm.train"]
    options = [
        *("-s", "64", "-m", "tiny.onnx", "-n", "1", "-b", "8", "-e", "1"),
        *("-y", "val_accuracy", "-v", "0", "-p", "1"),
    ]
    inputs = [str(toy / "svm_data.csv"), str(toy / "img"), "-o", str(tmp_path)]
    done = subprocess.run(
        [*command, *inputs, *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "models" / "tiny.onnx")
    assert (tmp_path / "models" / "tiny.onnx").is_file()
    assert "epoch   1" in done.stderr
    assert (tmp_path / "results" / "test" / "roc.png").is_file()
    assert not (tmp_path / "results" / "val" / "metrics.json").exists()


def test_what_is_stale_or_there_twice(toy: Path, tmp_path: Path) -> None:
    """Results of an earlier training go; a row of a name that was there before is told of."""
    table = toy / "svm_data.csv"
    val = tmp_path / "results" / "val"
    val.mkdir(parents=True)
    for name in ("metrics.json", "roc.svg", "notes.txt"):
        (val / name).touch()
    run_training(table, toy / "img", table, output_path=tmp_path, settings=QUICK, validate=False)
    assert [path.name for path in val.iterdir()] == ["notes.txt"]
    problems = pd.read_csv(tmp_path / "results" / "problems.csv")
    told = problems[problems["reason"].str.contains("more than once")]
    assert sorted(told["index"]) == sorted(pd.read_csv(table)["index"])
