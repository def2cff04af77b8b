from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
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
    threshold=0.5,
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


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_broken_results(tmp_path: Path, content: str) -> None:
    write_result(RESULT, tmp_path)
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(TableError, match="no result"):
        read_result(tmp_path)
    with pytest.raises(TableError):
        read_result(tmp_path / "absent")


@pytest.mark.parametrize(
    "result",
    [RESULT, replace(RESULT, y_true=np.zeros(5)), replace(RESULT, history={})],
    ids=["whole", "one class", "no history"],
)
def test_plots(tmp_path: Path, result: Result) -> None:
    pytest.importorskip("matplotlib")
    written = write_result(result, tmp_path)
    paths = written.draw_plots()
    names = ["accuracy", "loss", "roc", "precision_recall", "confusion_matrix"]
    assert [p.name for p in paths] == [f"{name}.png" for name in names]
    for path in paths:
        assert path.parent == tmp_path
        with Image.open(path) as image:
            assert len(image.convert("L").getcolors()) > 20  # something is drawn
