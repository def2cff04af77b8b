from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from spacekit.errors import TableError
from spacekit.evaluate.results import Result, read_result, write_result

pytest.importorskip("sklearn")

RESULT = Result(
    name="test",
    index=("a", "b", "007", "d", "e"),
    y_true=np.array([0, 0, 1, 1, 1.0]),
    y_proba=np.array([0.2, 0.8, 0.1, 0.9, np.nan]),
    y_pred=np.array([0, 1, 0, 1, np.nan]),
    history={"loss": [0.7, 0.4], "val_loss": [0.6, 0.5], "accuracy": [0.5, 0.8]}
    | {"val_accuracy": [0.6, 0.7]},
    notes=("few rows",),
)


def test_what_it_holds() -> None:
    assert RESULT.accuracy == 0.5
    assert RESULT.confusion_matrix.tolist() == [[1, 1], [1, 1]]
    assert RESULT.confusion_matrix_normalised.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert RESULT.false_negatives == ["007"]
    assert RESULT.false_positives == ["b"]
    assert RESULT.loss > 0
    assert RESULT.roc_auc == RESULT.metrics.roc_auc == 0.5
    assert np.isnan(RESULT.y_pred[4])


def test_written_and_read_again(tmp_path: Path) -> None:
    written = write_result(RESULT, tmp_path / "results" / "test")
    again = read_result(written.folder or tmp_path)
    assert again.index == RESULT.index
    assert np.array_equal(again.y_proba, RESULT.y_proba, equal_nan=True)
    assert again.history == RESULT.history
    assert again.notes == RESULT.notes
    assert again.metrics == RESULT.metrics
    content = json.loads((tmp_path / "results/test/metrics.json").read_text())
    assert content["false_negatives"] == ["007"]
    assert not list(tmp_path.rglob("*.pkl"))


def test_one_class_is_written_without_nan(tmp_path: Path) -> None:
    one = replace(RESULT, y_true=np.zeros(5))
    write_result(one, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text())["roc_auc"] is None
    assert np.isnan(read_result(tmp_path).roc_auc)


def test_calibration_and_true_offsets_are_kept(tmp_path: Path) -> None:
    result = replace(RESULT, true_offset_px=np.array([0.1, 0.2, 0.7, 3.0, np.nan]))
    write_result(result, tmp_path)
    again = read_result(tmp_path)
    assert np.array_equal(again.true_offset_px, result.true_offset_px, equal_nan=True)
    assert again.recall_by_offset["recall"].tolist() == [0.0, 1.0]
    bins = pd.read_csv(tmp_path / "calibration.csv")
    assert bins["count"].sum() == 4
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert content["ece"] == pytest.approx(result.calibration.ece)
    assert RESULT.recall_by_offset.empty


def test_results_of_an_older_version_are_read(tmp_path: Path) -> None:
    write_result(RESULT, tmp_path)
    (tmp_path / "history.csv").unlink()
    (tmp_path / "calibration.csv").unlink()
    (tmp_path / "metrics.json").write_text('{"threshold": 0.5}')
    old = read_result(tmp_path)
    assert old.metrics == RESULT.metrics
    assert old.name == tmp_path.name
    assert old.notes == ("the history of the training was not kept",)
    assert all(path.is_file() for path in old.draw_plots())


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_broken_results(tmp_path: Path, content: str) -> None:
    write_result(RESULT, tmp_path)
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(TableError, match="no result"):
        read_result(tmp_path)
    with pytest.raises(TableError):
        read_result(tmp_path / "absent")


@pytest.mark.parametrize(
    "result",
    [
        RESULT,
        replace(RESULT, true_offset_px=np.array([0.1, 0.2, 0.7, 3.0, np.nan])),
        replace(RESULT, y_true=np.zeros(5)),
        replace(RESULT, history={}),
        replace(RESULT, y_proba=np.full(5, np.nan), y_pred=np.full(5, np.nan)),
        replace(RESULT, index=(), y_true=np.empty(0), y_proba=np.empty(0), y_pred=np.empty(0)),
    ],
    ids=["whole", "true offsets", "one class", "no history", "no probability", "no row"],
)
def test_plots(tmp_path: Path, result: Result) -> None:
    pytest.importorskip("matplotlib")
    paths = write_result(result, tmp_path).draw_plots()
    names = ["accuracy", "loss", "roc", "precision_recall", "confusion_matrix"]
    names += ["reliability", "recall_by_offset"]
    assert [p.name for p in paths] == [f"{n}{s}" for n in names for s in (".png", ".svg")]
    for path in paths:
        assert path.parent == tmp_path
        if path.suffix == ".svg":
            assert path.read_text().endswith("</svg>\n")
            continue
        with Image.open(path) as image:
            assert len(image.convert("L").getcolors()) > 20  # something is drawn


def test_plots_of_an_earlier_result_go(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = write_result(RESULT, tmp_path).draw_plots()
    (tmp_path / "mine.png").write_bytes(b"")
    write_result(replace(RESULT, y_proba=RESULT.y_proba[::-1]), tmp_path)
    assert not any(path.exists() for path in paths)
    assert (tmp_path / "mine.png").exists()


def test_plots_say_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    empty = replace(RESULT, y_true=np.zeros(5), history={})
    empty.draw_plots(tmp_path)
    said = {"roc": "one class only", "loss": "no history", "recall_by_offset": "no true offset"}
    for name, words in said.items():
        assert words in (tmp_path / f"{name}.svg").read_text()


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = (RESULT.draw_plots(tmp_path / name) for name in ("a", "b"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


@pytest.mark.parametrize("prevalence", ["1e-320", "0", "1", "-0.2", "1e400", '"often"'])
def test_a_prevalence_that_is_none(tmp_path: Path, prevalence: str) -> None:
    write_result(RESULT, tmp_path)
    (tmp_path / "metrics.json").write_text(f'{{"prevalence": {prevalence}}}')
    with pytest.raises(TableError):
        read_result(tmp_path)
