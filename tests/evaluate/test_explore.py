from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from spacekit.cli import app
from spacekit.errors import TableError
from spacekit.evaluate.explore import explore
from spacekit.skopes.hst.svm.explore import explore_table


def table(rows: int = 200) -> pd.DataFrame:
    """A made-up table in which offset_px tells the classes apart and point doesn't."""
    rng = np.random.default_rng(1)
    label = np.arange(rows) % 2.0
    return pd.DataFrame(
        {
            "numexp": rng.integers(2, 9, rows),
            "rms_ra": np.where(rng.random(rows) < 0.3, -1.0, rng.uniform(3, 20, rows)),
            "point": np.exp(rng.normal(4, 1, rows)).round(),
            "segment": 7,
            "det": rng.integers(0, 5, rows),
            "wcs": 1,
            "label": np.where(np.arange(rows) < 10, np.nan, label),
            "index": [f"m{row}" for row in range(rows)],
            "fit_fresh": rng.integers(0, 2, rows),
            "offset_px": np.where(label == 1, rng.uniform(0.5, 9, rows), rng.uniform(0, 0.2, rows)),
            "ellipticity": np.nan,
            "true_offset_px": label,
        }
    )


def test_a_summary_by_class() -> None:
    found = explore(table())
    summary = found.summary.set_index("feature")
    assert summary.loc["offset_px", "auc"] == 1.0
    assert 0.35 < summary.loc["point", "auc"] < 0.65
    assert (
        summary.loc["offset_px", "median_misaligned"] > summary.loc["offset_px", "median_aligned"]
    )
    assert summary.loc["ellipticity", "known"] == 0
    assert summary.loc["rms_ra", "missing"] == int((table()["rms_ra"] < 0).sum())
    assert "true_offset_px" not in summary.index
    assert found.classes.value_counts().to_dict() == {
        "aligned": 95,
        "misaligned": 95,
        "no label": 10,
    }
    assert set(found.detectors) == {"hrc", "ir", "sbc", "uvis", "wfc"}


def test_outliers_are_named() -> None:
    strange = table()
    strange.loc[3, "point"] = 1e7
    strange.loc[4, "numexp"] = 4000
    found = explore(strange).outliers
    named = dict(zip(found["index"], found["feature"], strict=True))
    assert named["m3"] == "point"
    assert named["m4"] == "numexp"
    assert (np.diff(found["sigma"].abs()) <= 0).all()


def test_strange_cells_and_one_class_are_told() -> None:
    strange = table().astype({"point": object}).assign(label=1)
    strange.loc[0, "point"] = "<b>"
    strange.loc[1, "point"] = np.inf
    notes = explore(strange).notes
    assert "point: 2 cells are no numbers that can be, taken as missing" in notes
    assert "all rows are of one class: misaligned" in notes
    assert explore(strange).summary["auc"].isna().all()
    with pytest.raises(TableError, match="known as a feature"):
        explore(pd.DataFrame({"index": ["a"], "colour": [1]}))


def test_a_fit_that_was_not_made_is_missing_as_a_whole() -> None:
    found = explore(table().assign(rms_dec=8.0, nmatches=20))
    none = table()["rms_ra"] < 0
    for name in ("rms_ra", "rms_dec", "nmatches"):
        assert found.values[name].isna().tolist() == none.tolist()
    assert found.notes == ()


def test_the_call(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "svm_data.csv", index=False)
    found = explore_table(str(tmp_path / "svm_data.csv"), tmp_path / "out", plots=False)
    pd.testing.assert_frame_equal(found.summary, explore(table()).summary)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"summary.csv", "outliers.csv"}
    assert len(pd.read_csv(tmp_path / "out" / "summary.csv")) == len(found.summary)
    with pytest.raises(TableError, match=r"absent\.csv"):
        explore_table(tmp_path / "absent.csv", tmp_path / "none", plots=False)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["labelled", "unlabelled", "one row", "nothing measured"])
def test_the_command(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    given = table()
    if kind == "unlabelled":
        given = given.drop(columns=["label", "det"])
    elif kind == "one row":
        given = given[:1]
    elif kind == "nothing measured":
        given = given[["index", "label"]].assign(point=np.nan, offset_px=np.nan)
    given.to_csv(tmp_path / "svm_data.csv", index=False)
    out = tmp_path / "out"
    args = ["svm", "explore", str(tmp_path / "svm_data.csv"), "-o", str(out)]
    done = CliRunner().invoke(app, args, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "offset_px" in done.stdout
    names = ["distributions", "by_detector", "scatter", "correlation"]
    plots = {f"{name}{suffix}" for name in names for suffix in (".png", ".svg")}
    assert {p.name for p in out.iterdir()} == {"summary.csv", "outliers.csv", *plots}
