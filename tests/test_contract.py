"""The documented interface, word by word: each command, call, default, output and column.

The commands run as a user types them, in a child process, in an empty working directory.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import click
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

TEN = ["numexp", "rms_ra", "rms_dec", "nmatches", "point", "segment", "gaia", "det", "wcs", "cat"]


def python_m(module: str, *args: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prepped(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory in which the published prep command was run."""
    cwd = tmp_path_factory.mktemp("prepped")
    done = python_m("spacekit.skopes.hst.svm.prep", simulated, "-f=svm_data.csv", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return cwd


def test_prep_writes_the_published_files(prepped: Path) -> None:
    assert {p.name for p in prepped.iterdir() if not p.name.startswith(".")} == {
        "svm_data.csv",
        "raw_svm_data.csv",
        "svm_data.h5",
        "img",
    }
    table = pd.read_csv(prepped / "svm_data.csv")
    assert list(table.columns[:11]) == [*TEN, "index"]
    assert table[TEN].notna().all().all()
    for name in table["index"]:
        frames = {p.name for p in (prepped / "img" / name).glob("*.png")}
        pictures = {"", "_source", "_gaia", "_stamps"}
        assert frames == {f"{name}{end}.png" for end in pictures}
        assert (prepped / "img" / name / f"{name}_offsets.json").is_file()
        with Image.open(prepped / "img" / name / f"{name}.png") as frame:
            assert max(frame.size) == 512


def test_the_h5_opens_as_published_and_without_pickle(prepped: Path) -> None:
    stored = pd.read_hdf(prepped / "svm_data.h5", "mydata")
    raw = pd.read_csv(prepped / "raw_svm_data.csv")
    assert list(stored.index) == list(raw["index"])
    assert stored["numexp"].tolist() == raw["numexp"].tolist()
    with h5py.File(prepped / "svm_data.h5") as file:
        fields = file["mydata/table"].dtype.fields
        assert set(raw.columns) <= set(fields)


def test_run_preprocessing_has_the_published_signature() -> None:
    from spacekit.skopes.hst.svm.prep import run_preprocessing

    published = {
        "input_path": inspect.Parameter.empty,
        "h5": None,
        "fname": "svm_data",
        "output_path": None,
        "json_pattern": "*_total*_svm_*.json",
        "crpt": 0,
    }
    parameters = list(inspect.signature(run_preprocessing).parameters.values())
    assert {p.name: p.default for p in parameters[:6]} == published


def test_prep_starts_from_an_h5_table(prepped: Path, simulated: Path, tmp_path: Path) -> None:
    from spacekit.skopes.hst.svm.prep import run_preprocessing

    run_preprocessing(str(simulated), h5=str(prepped / "svm_data.h5"), output_path=tmp_path, draw=0)
    again, first = (pd.read_csv(p / "svm_data.csv")[TEN] for p in (tmp_path, prepped))
    pd.testing.assert_frame_equal(again, first)


def test_predict_writes_the_published_files(prepped: Path) -> None:
    done = python_m("spacekit.skopes.hst.svm.predict", "svm_data.csv", "img", cwd=prepped)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(prepped / "svm_data.csv")
    found = pd.read_csv(prepped / "predictions" / "predictions.csv")
    columns = list(found.columns)
    assert columns[:10] == TEN
    assert columns.index("y_pred") + 1 == columns.index("y_proba")
    assert columns.index("y_proba") + 1 == columns.index("index")
    assert sorted(found["index"]) == sorted(table["index"])
    assert found["y_proba"].between(0, 1).all()
    assert set(found["y_pred"]) <= {0.0, 1.0}
    listed = (prepped / "predictions" / "compromised.txt").read_text().split()
    assert sorted(listed) == sorted(found.loc[found["y_pred"] == 1, "index"])
    report = (prepped / "predictions" / "clf_report.txt").read_text()
    for part in ("date", "time", "0.0=aligned", "1.0=suspicious", "Standard Deviation", "wfc"):
        assert part in report


def test_predict_alignment_has_the_published_signature_and_returns_the_rows(
    prepped: Path, tmp_path: Path
) -> None:
    from spacekit.skopes.hst.svm.predict import predict_alignment

    parameters = list(inspect.signature(predict_alignment).parameters.values())
    assert [(p.name, p.default) for p in parameters[2:5]] == [
        ("model_path", None),
        ("output_path", None),
        ("size", None),
    ]
    assert [p.name for p in parameters[:2]] == ["data_file", "img_path"]
    found = predict_alignment(
        str(prepped / "svm_data.csv"), str(prepped / "img"), output_path=str(tmp_path)
    )
    written = pd.read_csv(tmp_path / "predictions" / "predictions.csv")
    assert isinstance(found, pd.DataFrame)
    np.testing.assert_allclose(found["y_proba"], written["y_proba"])


def test_train_writes_a_model_and_the_results_of_both_sets(toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    table, img = toy / "svm_data.csv", toy / "img"
    done = python_m("spacekit.skopes.hst.svm.train", table, img, "-e", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p.suffix for p in (tmp_path / "models").iterdir()] == [".onnx"]
    for part in ("test", "val"):
        kinds = {p.suffix for p in (tmp_path / "results" / part).iterdir()}
        assert {".json", ".csv"} <= kinds
        assert ".pkl" not in kinds


def test_run_training_has_the_published_signature_and_returns_com_and_val(
    toy: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    from spacekit.skopes.hst.svm.train import run_training

    published = {
        "training_data": inspect.Parameter.empty,
        "img_path": inspect.Parameter.empty,
        "synth_data": None,
        "norm": 0,
        "model_name": None,
        "params": None,
        "output_path": None,
    }
    parameters = list(inspect.signature(run_training).parameters.values())
    assert {p.name: p.default for p in parameters[:7]} == published
    com, val = run_training(
        str(toy / "svm_data.csv"),
        str(toy / "img"),
        norm=1,
        params={"batch_size": 8, "epochs": 1, "lr": 1e-3, "early_stopping": None, "verbose": 0},
        output_path=str(tmp_path),
    )
    for result in (com, val):
        assert 0 <= result.accuracy <= 1
        result.draw_plots()


OPTIONS = {
    "prep": "-o/--output_path --h5 -f/--fname -j/--json_pattern -c/--crpt -d/--draw",
    "predict": "-m/--model_path -o/--output_path -s/--size -n/--normalization -g/--group",
    "train": "-s/--image_size -m/--model_name -o/--output_path -n/--normalize -b/--batchsize "
    "-e/--epochs -y/--early_stopping -v/--validate -p/--plots",
    "corrupt": "-o/--outputs -p/--palette -s/--search_pattern -e/--expos -m/--mode -t/--threshold "
    "-w/--workflow -c/--crpt -r/--runsvm -d/--draw",
}
CHOICES = {
    ("train", "--early_stopping"): {"val_accuracy", "val_loss"},
    ("corrupt", "--palette"): {"rex", "rfi", "mfi", "multi"},
    ("corrupt", "--expos"): {"all", "sub"},
    ("corrupt", "--mode"): {"stat", "stoc"},
    ("corrupt", "--threshold"): {"major", "standard", "minor", "any"},
    ("corrupt", "--workflow"): {"block", "pipe"},
}


def command(name: str) -> click.Command:
    import importlib

    found = getattr(importlib.import_module(f"spacekit.cli.{name}"), name)
    assert isinstance(found, click.Command)
    return found


@pytest.mark.parametrize("name", OPTIONS)
def test_options_keep_their_letters(name: str) -> None:
    spelled = {frozenset(p.opts) for p in command(name).params if isinstance(p, click.Option)}
    for option in OPTIONS[name].split():
        assert frozenset(option.split("/")) in spelled, option


@pytest.mark.parametrize(("name", "option"), CHOICES)
def test_options_keep_their_choices(name: str, option: str) -> None:
    (found,) = (p for p in command(name).params if option in p.opts)
    assert isinstance(found.type, click.Choice)
    assert set(found.type.choices) == CHOICES[name, option]


def test_corrupt_runs_with_every_option_at_its_default(simulated: Path, tmp_path: Path) -> None:
    source = tmp_path / "visits"
    source.mkdir()
    visit = sorted(p.parent for p in simulated.glob("*/exposures"))[0]
    (source / visit.name).symlink_to(visit / "exposures")
    done = python_m("spacekit.skopes.hst.svm.corrupt", "visits", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    copies = {p.name for p in (tmp_path / "synthetic").iterdir()}
    assert copies == {
        f"{visit.name}_{f}_{e}_{m}"
        for f in ("f110w", "f160w")
        for e in ("all", "sub")
        for m in ("stat", "stoc")
    }
    for copy in (tmp_path / "synthetic").iterdir():
        assert "injected_offset_px" in (copy / "corruption.txt").read_text()


def test_a_corrupted_copy_is_processed_drawn_and_labelled(simulated: Path, tmp_path: Path) -> None:
    source = tmp_path / "visits"
    source.mkdir()
    visit = sorted(p.parent for p in simulated.glob("*/exposures"))[0]
    (source / visit.name).symlink_to(visit / "exposures")
    args = ["visits", "-p", "rex", "-t", "major", "-m", "stat", "-r", "1", "-d", "1", "--seed", "1"]
    done = python_m("spacekit.skopes.hst.svm.corrupt", *args, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "svm_synth.csv")
    assert list(table.columns[:12]) == [*TEN, "label", "index"]
    (name,) = table["index"]
    assert name.endswith("_rex_sub_stat")
    assert (tmp_path / "img" / name / f"{name}.png").is_file()
    said = (tmp_path / "synthetic" / f"{visit.name}_rex_sub_stat" / "corruption.txt").read_text()
    assert f"label: {int(table['label'].iloc[0])}" in said
    assert "final_offset_px: " in said
