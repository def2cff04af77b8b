"""The comparison of verdicts on products of two pipelines, without either."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks import real_verdicts, real_visits
from spacekit.errors import PipelineError


def told(
    engine: str, view: str, index: str, label: float | None, ratio: float
) -> dict[str, object]:
    return {
        "engine": engine, "view": view, "index": index, "label": label,
        "log_ratio": ratio, "y_pred": float(ratio > 3),
    }  # fmt: skip


def test_summary_counts_verdicts_and_agreement() -> None:
    rows = []
    for view in ("exposures", "filters", "total"):
        for engine, shift in (("drizzlepac", 0.5), ("embedded", 0.0)):
            rows += [
                told(engine, view, "bad", 1.0, 5.0 + shift),
                told(engine, view, "unsure", None, 1.0),
                told(engine, view, "edge", 0.0, 2.8 + shift),
            ]
    lines = real_verdicts.summary(pd.DataFrame(rows)).splitlines()
    assert len(lines) == 5
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[1:] == ["1 of 1", "1 of 1", "1 of 1", "0 of 1", "2 of 3", "0.50"]


def pipelines(
    monkeypatch: pytest.MonkeyPatch, visit: Path, failing: str | None = None
) -> list[str]:
    """Put pipelines in place that write a truth, but for one that fails; give who was called."""
    calls: list[str] = []

    def processed(visit: Path, out: Path, engine: object, name: str) -> None:
        calls.append(name)
        out.mkdir(parents=True)
        if name == failing:
            raise PipelineError("no product")
        (out / "truth.json").touch()

    monkeypatch.setattr(real_visits, "write_scene", lambda *_: [visit])
    monkeypatch.setattr(real_visits, "process_simulated", processed)
    return calls


def test_a_visit_that_one_pipeline_cannot_process_is_left_out_of_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = pipelines(monkeypatch, tmp_path / "simulated" / "i00001", failing="drizzlepac")
    for _ in range(2):
        (words,) = real_visits.process_scenes(tmp_path, 1, Path("python"), workers=1)
        assert "drizzlepac: no product" in words
    assert calls == ["embedded", "drizzlepac"]
    assert not (tmp_path / "embedded" / "i00001").exists()
    assert "no product" in (tmp_path / "failed" / "i00001").read_text()


def test_a_visit_that_both_pipelines_have_processed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = pipelines(monkeypatch, tmp_path / "i00001")
    for _ in range(2):
        (words,) = real_visits.process_scenes(tmp_path, 1, Path("python"), workers=1)
        assert words.endswith("processed")
    assert calls == ["embedded", "drizzlepac"]
