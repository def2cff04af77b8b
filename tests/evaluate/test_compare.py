from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from spacekit.cli import app
from spacekit.errors import TableError
from spacekit.evaluate.compare import common_rows, read_runs, scores_table
from spacekit.evaluate.results import Result, write_result
from spacekit.skopes.hst.svm.compare import compare_runs

pytest.importorskip("sklearn")


def result(seed: int, skill: float, rows: range = range(80)) -> Result:
    rng = np.random.default_rng(seed)
    true = np.array([row % 2 for row in rows], float)
    proba = 1 / (1 + np.exp(-rng.normal(skill * (2 * true - 1), 1)))
    history = {"loss": [0.7, 0.4], "val_loss": [0.6, 0.5], "accuracy": [0.5, 0.8]}
    history["val_accuracy"] = [0.6, 0.7]
    offset = np.where(true == 1, rng.uniform(0.5, 30, len(true)), 0.1)
    names = tuple(f"m{row}" for row in rows)
    return Result(
        "test", names, true, proba, (proba >= 0.5).astype(float), history, true_offset_px=offset
    )


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three trainings, the last scored on other mosaics."""
    made = []
    for name, skill, rows in (
        ("a", 2.0, range(80)),
        ("b", 0.5, range(80)),
        ("c", 1.0, range(40, 99)),
    ):
        write_result(result(1, skill, rows), tmp_path / name / "results" / "test")
        made.append(tmp_path / name)
    return made


def test_scores_side_by_side(runs: list[Path]) -> None:
    found = read_runs(runs)
    assert list(found.results) == ["a", "b", "c"]
    scores = scores_table(found.results)
    assert scores.loc["ROC-AUC", "a"] > scores.loc["ROC-AUC", "b"]
    assert scores.loc["mosaics"].tolist() == [80, 80, 59]
    common = common_rows(found.results)
    assert scores_table(common).loc["mosaics"].tolist() == [40] * 3
    assert len({r.index for r in common.values()}) == 1
    assert all(
        r.true_offset_px is not None and len(r.true_offset_px) == 40 for r in common.values()
    )


def test_any_folder_of_a_run_will_do(runs: list[Path]) -> None:
    wanted = read_runs(runs[:1]).results["a"].metrics
    for place in ("results", "results/test"):
        (found,) = read_runs([runs[0] / place]).results.values()
        assert found.metrics == wanted


def test_names_tell_runs_apart(tmp_path: Path) -> None:
    paths = [tmp_path / side / "out" for side in ("x", "y")]
    for path in paths:
        write_result(result(1, 1.0), path)
    assert list(read_runs(paths).results) == ["x/out", "y/out"]
    assert len(read_runs([paths[0], paths[0]]).results) == 2


def test_what_cannot_be_read_is_told_and_the_rest_compared(
    runs: list[Path], tmp_path: Path
) -> None:
    found = read_runs([*runs, tmp_path / "absent"])
    assert len(found.results) == 3
    assert "absent" in found.problems[0]
    with pytest.raises(TableError, match="absent"):
        read_runs([tmp_path / "absent"])
    with pytest.raises(TableError, match="at once"):
        read_runs([tmp_path] * 7)
    other = replace(found.results["a"], index=tuple(f"z{n}" for n in range(80)))
    with pytest.raises(TableError, match="in common"):
        common_rows({"a": found.results["a"], "o": other})


def test_the_call(runs: list[Path], tmp_path: Path) -> None:
    made = compare_runs([*runs, tmp_path / "absent"], tmp_path / "out", plots=False)
    assert not made.on_same_mosaics
    assert list(made.results) == list(made.scores.columns) == ["a", "b", "c"]
    assert "absent" in made.problems[0]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scores.csv"]
    common = compare_runs(runs, tmp_path / "out", common=True, plots=False)
    assert common.on_same_mosaics
    shared = set.intersection(*(set(result.index) for result in made.results.values()))
    assert set(common.results["a"].index) == shared
    assert not common.problems
    written = pd.read_csv(tmp_path / "out" / "scores.csv", index_col="score")
    assert written.loc["mosaics"].tolist() == [len(shared)] * 3


def test_the_command(runs: list[Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "comparison"
    args = ["svm", "compare", *map(str, runs), str(tmp_path / "absent"), "-o", str(out)]
    done = CliRunner().invoke(app, args, standalone_mode=False)
    assert done.return_value == 1
    assert "ROC-AUC" in done.stdout
    assert "different mosaics" in done.stderr
    assert "not read" in done.stderr
    assert list(pd.read_csv(out / "scores.csv").columns) == ["score", "a", "b", "c"]
    names = ["roc", "precision_recall", "reliability", "recall_by_offset", "accuracy", "loss"]
    plots = {f"{name}{suffix}" for name in names for suffix in (".png", ".svg")}
    assert {path.name for path in out.iterdir()} == {"scores.csv", *plots}
    for run in ("a", "b", "c"):
        assert f"{run}: area" in (out / "roc.svg").read_text()
