"""The benchmark of the page makes pages of as many mosaics as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.report_page import repeated

from spacekit.report.write import write_report


def test_a_run_is_repeated_under_new_names(tmp_path: Path) -> None:
    names = [f"hst_{30000 + k}_01_wfc3_ir_total_i0{k}001" for k in range(2)]
    run = tmp_path / "run"
    for name in names:
        (run / "img" / name).mkdir(parents=True)
        (run / "img" / name / f"{name}_offsets.json").write_text("{}")
    table = pd.DataFrame({"det": 1, "y_pred": 1.0, "y_proba": np.array([0.9, 0.4]), "index": names})
    (run / "predictions").mkdir()
    table.to_csv(run / "predictions" / "predictions.csv", index=False)
    source = repeated(run, tmp_path / "work", 5)
    repeats = list(source.predictions["index"])
    assert len(set(repeats)) == 5
    for name in repeats:
        assert [p.name for p in (source.img / name).iterdir()] == [f"{name}_offsets.json"]
    page = write_report(source, tmp_path / "page").read_text(encoding="utf-8")
    assert all(name in page for name in repeats)
