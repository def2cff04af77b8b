"""From a folder of visits to verdicts, good input and bad, in one go and again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from spacekit.cli import app
from spacekit.skopes.hst.svm.run import run_visits


def invoke(*args: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["svm", "run", *map(str, args)], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.return_value, done.stdout, done.stderr


@pytest.fixture(scope="module")
def visits(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four good folders and three broken in different ways, one of them nested."""
    folder = tmp_path_factory.mktemp("mixed")
    sources = sorted(p for p in simulated.iterdir() if p.is_dir())[:6]
    for number, source in enumerate(sources):
        target = folder / ("deeper" if number == 0 else ".") / source.name
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("exposures"))
    total = next((folder / sources[3].name).glob("*_total_*_dr?.fits"))
    total.write_bytes(total.read_bytes()[:20_000])
    counts = next((folder / sources[4].name).glob("*_svm_num_sources.json"))
    counts.write_text(counts.read_text()[:300])
    next((folder / sources[5].name).glob("*_total_*_dr?.fits")).write_bytes(b"")
    return folder


def test_verdicts_come_out_and_what_is_broken_is_named(visits: Path, tmp_path: Path) -> None:
    status, shown, said = invoke(visits, "-o", tmp_path)
    assert status == 1
    predictions = pd.read_csv(tmp_path / "predictions" / "predictions.csv")
    assert len(predictions) == 4
    for row in predictions.itertuples():
        assert f"{row.y_proba:.3f}" in shown
    problems = pd.read_csv(tmp_path / "problems.csv")
    assert problems["fatal"].sum() == 2
    assert any("num_sources.json" in file for file in problems["file"])
    assert "cut short" in said
    assert "empty" in said
    assert str(tmp_path / "predictions" / "predictions.csv") in said
    assert not list(tmp_path.rglob(".part*"))
    page = (tmp_path / "report" / "index.html").read_text()
    assert all(name in page for name in predictions["index"])
    assert "cut short" in page
    for name in predictions["index"]:
        media = list((tmp_path / "report" / "media" / name).iterdir())
        assert any(path.name.startswith("blink_") for path in media)
        assert sum(path.stat().st_size for path in media) < 200_000


def test_a_second_run_does_only_what_is_missing(visits: Path, tmp_path: Path) -> None:
    first = run_visits(visits, tmp_path, workers=1)
    frames = sorted(first.img_path.rglob("*.png"))
    made = {path: path.stat().st_mtime_ns for path in frames}
    frames[0].unlink()
    again = run_visits(visits, tmp_path, workers=1)
    pd.testing.assert_frame_equal(first.predictions, again.predictions)
    renewed = {path.parent for path in frames if path.stat().st_mtime_ns != made[path]}
    assert renewed == {frames[0].parent}


def test_genuine_visits_get_verdicts_without_a_problem(hap: Path, tmp_path: Path) -> None:
    result = run_visits(hap / "visits", tmp_path)
    assert result.problems == ()
    found = result.predictions.set_index("index")
    assert len(found) == 9
    bad = found[found.index.str.contains("iza201|iza301|iza401|iza901|jza701")]
    good = found.drop(bad.index)
    # Offsets of 1 px and more are found; the aligned ones look better than any of them.
    assert bad["y_proba"].min() > good["y_proba"].max()
