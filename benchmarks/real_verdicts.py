"""Verdicts on products of the real pipeline and of the embedded one, from the same exposures.

    make drizzlepac-env
    python -m benchmarks.real_verdicts WORK --docs

The model has learned from products of the embedded pipeline alone. Here small visits of known error
(matched pairs, seeds of their own, too few reference stars for a fit, so that errors survive) go
through both pipelines, and the bundled model answers both, with all products and with less. WORK
keeps everything: exposures in `simulated/`, products in `drizzlepac/` and `embedded/`, measurements
in `drizzlepac-out/` and `embedded-out/`, the answers in `answers.csv`. An interrupted run goes on
where it was. ``--docs`` writes `docs/tables/real-verdicts.md` and `docs/img/real-verdicts.png`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.accuracy.answers import ask
from benchmarks.real_visits import ENGINES, process_scenes
from benchmarks.tables import markdown
from spacekit.files import write_csv
from spacekit.measure.schema import INDEX, LABEL
from spacekit.measure.truths import label_table, read_truths
from spacekit.model.dataset import build_dataset
from spacekit.model.features import read_table
from spacekit.model.images import open_frames
from spacekit.model.infer import Model, load_model
from spacekit.model.regimes import VIEWS
from spacekit.mosaic.real.run import check_interpreter
from spacekit.parallel import usable_cores
from spacekit.skopes.hst.svm.prep import run_preprocessing

_DOCS: Final = Path(__file__).parents[1] / "docs"
_SHOWN: Final = ("exposures", "filters", "total")
_COLOURS: Final = {0.0: "tab:blue", 1.0: "tab:red"}


def answers(work: Path, name: str, model: Model) -> pd.DataFrame:
    """Measure an engine's products and ask the model, once for each view."""
    prepared = run_preprocessing(work / name, output_path=work / f"{name}-out", blink=False)
    truths = read_truths(work / name)
    table = label_table(read_table(prepared.csv_path), truths)
    kept = table.fillna({LABEL: 1})  # ambiguous ones are answered too
    with tempfile.TemporaryDirectory() as folder, open_frames(prepared.img_path) as frames:
        data = build_dataset(kept, frames, model.manifest.frame_size, Path(folder))
        told = [ask(model, data, view).assign(view=view) for view in _SHOWN]
    true = table[[INDEX, LABEL, "true_offset_px", "true_mode"]]
    return pd.concat(told).merge(true, on=INDEX).assign(engine=name)


def summary(table: pd.DataFrame) -> str:
    """Count verdicts by pipeline and view, and say how far the two agree."""
    rows = []
    for view in _SHOWN:
        some = table[table["view"] == view]
        cells = []
        for engine in ("drizzlepac", "embedded"):
            ours = some[some["engine"] == engine]
            for label in (1, 0):
                there = ours[ours[LABEL] == label]
                cells.append(f"{int((there['y_pred'] == 1).sum())} of {len(there)}")
        both = some.pivot_table(index=INDEX, columns="engine", values=["y_pred", "log_ratio"])
        same = int((both["y_pred"]["drizzlepac"] == both["y_pred"]["embedded"]).sum())
        apart = (both["log_ratio"]["drizzlepac"] - both["log_ratio"]["embedded"]).abs().median()
        rows.append([VIEWS[view].meaning, *cells, f"{same} of {len(both)}", f"{apart:.2f}"])
    head = ["what there is", "real: bad flagged", "good flagged", "embedded: bad flagged"]
    return markdown([*head, "good flagged", "same verdict", "median difference, log ratio"], rows)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw the evidence from the one pipeline's products against the other's."""
    figure = Figure(figsize=(10.5, 3.6), layout="constrained")
    for axes, view in zip(figure.subplots(1, len(_SHOWN)), _SHOWN, strict=True):
        some = table[table["view"] == view]
        both = some.pivot_table(index=INDEX, columns="engine", values="log_ratio")
        labels = some.drop_duplicates(INDEX).set_index(INDEX)[LABEL].reindex(both.index)
        colours = [_COLOURS.get(label, "0.6") for label in labels]
        axes.axline((0, 0), slope=1, color="0.8", linewidth=1)
        axes.scatter(both["embedded"], both["drizzlepac"], s=16, c=colours)
        axes.set_title(VIEWS[view].meaning, fontsize=10)
        axes.set_xlabel("log likelihood ratio, embedded pipeline")
    figure.axes[0].set_ylabel("real pipeline")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Parse the command line, process, answer, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--scenes", type=int, default=55, help="55 take about an hour")
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--docs", action="store_true")
    parser.add_argument(
        "--drizzlepac-python", type=Path, default=Path(".venv-drizzlepac/bin/python")
    )
    asked = parser.parse_args()
    check_interpreter(asked.drizzlepac_python)
    for told in process_scenes(asked.work, asked.scenes, asked.drizzlepac_python, asked.workers):
        print(told, flush=True)
    model = load_model()
    table = pd.concat([answers(asked.work, name, model) for name in ENGINES])
    write_csv(asked.work / "answers.csv", table)
    print(text := summary(table))
    if asked.docs:
        (_DOCS / "tables" / "real-verdicts.md").write_text(text + "\n", encoding="utf-8")
        draw(table, _DOCS / "img" / "real-verdicts.png")


if __name__ == "__main__":
    main()
