"""Ask the bundled model about the test set, and write what came of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.accuracy.answers import ask, plain_match
from benchmarks.accuracy.bounds import MOST, bounds_table
from benchmarks.accuracy.framing import framing_table
from benchmarks.accuracy.naming import naming_tables, read_naming
from benchmarks.accuracy.results import Results, read_results
from benchmarks.accuracy.score import by_disagreement, by_group, share, summary, threshold_at
from benchmarks.accuracy.sets import SETS, load_set
from benchmarks.accuracy.truths import MANY_SOURCES, read_truths
from benchmarks.tables import markdown
from spacekit.files import write_csv, write_text
from spacekit.model.artifact import Manifest
from spacekit.model.calibrate import Calibration
from spacekit.model.dataset import Dataset
from spacekit.model.features import NUMERIC
from spacekit.model.infer import Model, load_model
from spacekit.model.regimes import VIEWS
from spacekit.visit.truth import ALIGNED_PX, MISALIGNED_PX

__all__ = ["test_model", "write_card"]


def test_model(work: Path, model: Model) -> dict[str, pd.DataFrame]:
    """Answer the test set in every regime; answers go to ``work/answers/`` too.

    Returns
    -------
    dict of str to DataFrame
        By regime: truth and answer, a row a visit. "folder" is what a visit's folder holds:
        exposure products in three scenes of ten, filter products in all.
    """
    scratch = work / "scratch-test"
    shutil.rmtree(scratch, ignore_errors=True)
    data = load_set(work, "test", model.manifest.frame_size, scratch, ambiguous=True)
    truth = read_truths(work, "test")
    if list(truth["index"]) != list(data.index):
        raise SystemExit(f"{work}: table and truth of the test set don't belong together")
    answers = _regimes(model, data, truth)
    for name, found in answers.items():
        write_csv(work / "answers" / f"{name}.csv", found)
    shutil.rmtree(scratch)
    return answers


def _regimes(model: Model, data: Dataset, truth: pd.DataFrame) -> dict[str, pd.DataFrame]:
    told = {
        view: pd.concat([truth, ask(model, data, view).drop(columns="index")], axis="columns")
        for view in VIEWS
    }
    kept = truth["folder_exposures"]
    folder = pd.concat([told["exposures"][kept], told["filters"][~kept]]).sort_index()
    ten = ask(model, data, "table", frames=False).drop(columns="index")
    return {
        "folder": folder.assign(plain=plain_match(data)),
        "exposures": told["exposures"],
        "filters": told["filters"],
        "total": told["total"],
        "table": told["table"],
        "ten": pd.concat([truth, ten], axis="columns"),
    }


#: What the regimes are called in the card.
_WORDS = {
    "folder": "products as in a visit's folder",
    "exposures": "filter and exposure products",
    "filters": "filter products, no exposure products",
    "total": "total only",
    "table": "published columns and frames",
    "ten": "ten published columns alone",
}


def write_card(work: Path, model_file: Path, card: Path) -> None:
    """Test a model and write its card."""
    model = load_model(model_file)
    answers = test_model(work, model)
    manifest = model.manifest
    prevalence = manifest.calibration.prevalence
    truth = read_truths(work, "test")
    scores = {name: summary(found, prevalence) for name, found in answers.items()}
    names = list(scores["folder"])
    table = markdown(
        ["", *(_WORDS[name] for name in scores)],
        [[row, *(one[row] for one in scores.values())] for row in names],
    )
    lines = [
        *_head(manifest),
        *_test_set(truth),
        "",
        *_thresholds(manifest.calibration),
        "",
        table,
        "",
        *_plain(answers["folder"]),
    ]
    for regime in ("folder", "total"):
        for title, rows in by_group(answers[regime]):
            lines += ["", f"### By {title}, {_WORDS[regime]}", "", rows]
    lines += _with_exposures(answers["exposures"])
    lines += _within_filters(answers["filters"])
    lines += _within_total(answers["total"])
    lines += _bounds(read_results(work / "bounds.json", model_file))
    lines += ["", "## Which product is off, and by how much", ""]
    for one in naming_tables(*read_naming(work, "test"), truth):
        lines += [one, ""]
    lines += framing_table(work, model)
    lines += _ablation(read_results(work / "ablation.json", model_file))
    write_text(card, "\n".join([*lines, *_LIMITS]) + "\n")


def _thresholds(calibration: Calibration) -> list[str]:
    told = calibration.probability_thresholds()
    limits = zip(told.items(), calibration.thresholds, strict=False)
    return [
        "A mosaic is called suspicious above a threshold that hardly any good mosaic of the same",
        "regime reaches: here as log-likelihood ratios, and as probabilities where",
        f"{calibration.prevalence:.0%} of the mosaics are bad.",
        "",
        markdown(
            ["compared or looked at", "log-likelihood ratio", "probability"],
            [[name, f"{limit:.2f}", f"{proba:.3f}"] for (name, proba), limit in limits],
        ),
    ]


_FRAMES_IDLE = (
    "**Frames count for nothing in this model**: weighed on visits that none learned from, what "
    "they\nsay got the weight 0, so that no answer rests on them. Its pictures are the stamps."
)


def _head(manifest: Manifest) -> list[str]:
    made = manifest.provenance
    rows, seeds = made["rows"], made["seeds"]
    learned = rows["train"] + rows["tune"] + rows["calibrate"]
    return [
        "# Model card: the bundled SVM ensemble",
        "",
        "Tells which single-visit mosaics are misaligned (0.5 px of the mosaic and more between",
        "exposures). An MLP on the table, a 3D CNN on the three frames and one on the stamps,",
        "whose logits are added up; the sum becomes a likelihood ratio by a line for each regime",
        f"of evidence. Made with spacekit {made['spacekit']} on {made['date']} by",
        "",
        "    python -m benchmarks.accuracy simulate WORK",
        f"    {made['command']}",
        "    python -m benchmarks.accuracy card WORK",
        "",
        "The last wrote this card; figures below are its own, or of a command that they name.",
        "",
        *([] if manifest.frames_count else [_FRAMES_IDLE, ""]),
        "## Trained on",
        "",
        f"{learned} simulated visits with a hard label: {rows['train']} to learn from "
        f"({made['misaligned']} misaligned),",
        f"{rows['tune']} to choose the best epoch by, {rows['calibrate']} to calibrate and to "
        f"choose thresholds by ({made['calibrate_good']} good).",
        f"{made['ambiguous']} more, with an offset of 0.25 to 0.5 px, were left out. "
        f"Seeds {seeds['train']} and {seeds['calibrate']};",
        f"{made['epochs_run']} epochs. No real visit was trained on. "
        f"It sees {len(manifest.numeric)} numbers and {len(manifest.categorical)} categories of "
        "the table.",
        *_older(manifest),
        *[f"Note: {note}." for note in made["notes"]],
    ]


def _older(manifest: Manifest) -> list[str]:
    """Say where the model has learned from other visits than the benchmark would now make."""
    seeds = manifest.provenance["seeds"]
    present = {name: SETS[name].seed for name in ("train", "calibrate")}
    unseen = len(set(NUMERIC) - set(manifest.numeric))
    if not unseen and all(seeds[name] == seed for name, seed in present.items()):
        return []
    return [
        "",
        "Since then the simulator or what is measured was changed: the sets would be others now",
        f"(seeds {present['train']} and {present['calibrate']}), and {unseen} columns of the table "
        "are newer than this model.",
    ]


#: What the tables' words mean.
_TERMS: Final = (
    "*As in a visit's folder*: three visits in ten with exposure products, the others with",
    "filter products. A *usable source* is a star or knot with a signal-to-noise ratio of 20",
    "and more, not saturated, in exposures of two filters (or two exposures of the only one).",
    "FPR: share of the good mosaics that are flagged. ECE: mean distance between",
    "probabilities and what came true. Modes are explained in *Simulate visits*; where it",
    "says *aligned*, no error was put in: the pipeline's fit moved an exposure, mostly.",
)


def _test_set(truth: pd.DataFrame) -> list[str]:
    label = truth["label"]
    good = truth[label == 0]
    seeds = ", ".join(str(seed) for _, seed, *_ in SETS["test"].parts)
    return [
        "",
        "## How well it does on visits it has not seen",
        "",
        f"{len(truth)} simulated visits of other scenes (seeds {seeds}): "
        f"{int((label == 1).sum())} misaligned,",
        f"{len(good)} good ({good['hard'].mean():.0%} of them hard negatives: crowded, clusters, "
        "nebulae, planets, big galaxies, blank,",
        "one exposure, fewer than 12 reference stars, or off as a whole by more than 0.3 arcsec),",
        f"{int(label.isna().sum())} ambiguous. In brackets: 95% Clopper-Pearson interval and "
        "number of visits.",
        "",
        *_TERMS,
        *_missing(len(truth)),
    ]


def _missing(visits: int) -> list[str]:
    """Say where the set is not whole yet."""
    planned = sum(count for _, _, count, _ in SETS["test"].parts)
    if visits >= planned:
        return []
    return ["", f"**The test set is not whole yet: {visits} of {planned} visits.**"]


def _plain(folder: pd.DataFrame) -> list[str]:
    hard = folder[folder["label"].notna()]
    bad, good = hard[hard["label"] == 1], hard[hard["label"] == 0]
    many = bad[bad["usable"] >= MANY_SOURCES]
    limit = threshold_at(hard, float(good["plain"].mean()))
    ours = [share(some["log_ratio"] > limit) for some in (bad, many)]
    return [
        "A plain match of stars between filter products with a threshold of 0.4 px, no learning:",
        f"recall {share(bad['plain'])}, with {MANY_SOURCES} usable sources and more "
        f"{share(many['plain'])},",
        f"false-positive rate {share(good['plain'])}. At that rate on these visits, the model's "
        f"recall is {ours[0]},",
        f"with {MANY_SOURCES} usable sources and more {ours[1]}.",
    ]


def _with_exposures(exposures: pd.DataFrame) -> list[str]:
    """Say how large the errors are that are missed where every exposure is seen."""
    return [
        "",
        "### What bounds the answers with exposure products",
        "",
        "By the largest true shift anywhere on the mosaic (a turn's is at the edge, where few "
        "sources are);",
        f"visits with {MANY_SOURCES} usable sources and more:",
        "",
        by_disagreement(exposures, "offset_px", "exposures disagree by", (1, np.inf)),
    ]


def _within_filters(filters: pd.DataFrame) -> list[str]:
    """Say how what filter products show of an error bounds what is found of it."""
    bad = filters[(filters["label"] == 1) & (filters["usable"] >= MANY_SOURCES)]
    blind = bad["filters_offset_px"] < MISALIGNED_PX
    return [
        "",
        "### What bounds the answers to filter products without exposure products",
        "",
        f"Of the misaligned visits with {MANY_SOURCES} usable sources and more {share(blind)}",
        f"have filter products that lie less than {MISALIGNED_PX} px apart in the middle of the "
        "mosaic (or one filter):",
        "there it is the exposures of a filter that disagree, which its shapes and weights tell "
        "only in part.",
        "",
        by_disagreement(
            filters, "filters_offset_px", "filter products apart by", (MISALIGNED_PX, np.inf)
        ),
    ]


def _within_total(total: pd.DataFrame) -> list[str]:
    """Say what the total alone can show, and how much of that is found."""
    bad = total[total["label"] == 1]
    blind = bad["total_offset_px"] <= ALIGNED_PX
    return [
        "",
        "### What bounds the answers to the total alone",
        "",
        "The pipeline leaves filters of a single exposure out of the total, unless all are such. "
        f"Of the {len(bad)} misaligned visits",
        f"{share(blind)} have a total whose own exposures agree to {ALIGNED_PX} px: nothing in its "
        "pixels can tell.",
        f"By what is in the total, visits with {MANY_SOURCES} usable sources and more:",
        "",
        by_disagreement(total, "total_offset_px", "exposures disagree by", (2, 10)),
    ]


def _age(found: Results) -> list[str]:
    """Say so where a step that takes hours was not repeated since the model was trained anew."""
    told = "**This table is of a model before this one**, which learned from other sets."
    return [] if found.current else [told, ""]


def _bounds(found: Results | None) -> list[str]:
    """Tell what hides the errors that are missed, where that was tried."""
    if found is None:
        return []
    return [
        "",
        "### What hides the errors that are missed",
        "",
        f"Misaligned visits with {MANY_SOURCES} usable sources and more that are not flagged (at "
        f"most {MOST} of a kind), simulated again with one thing changed: the share of them "
        "that is flagged then, of those that are still misaligned "
        "(`python -m benchmarks.accuracy bound WORK`).",
        "",
        *_age(found),
        bounds_table(found.rows),
    ]


def _ablation(found: Results | None) -> list[str]:
    """Take over the ablation's table, where it was run."""
    if found is None:
        return []
    head = ["model", "regime", *found.rows[0]["scores"]]
    cells = [[r["model"], r["regime"], *r["scores"].values()] for r in found.rows]
    return [
        "## What each branch is worth",
        "",
        "Each branch of the bundled model by itself: they are trained so, and their words are "
        "added up (what frames say is told whatever it weighs there). Beside them, once it is "
        "trained, the original's network, on the same visits. All are asked about the visits that "
        "calibrate, from which none of them learned, those of one exposure left out "
        "(`python -m benchmarks.accuracy ablate WORK`). Recall is at the false-positive rate that "
        "each has on these.",
        "",
        *_age(found),
        markdown(head, cells),
        "",
    ]


_LIMITS = """
## Limits

- Simulated visits only: the sky, the detectors and the embedded pipeline are ours. Where they
  differ from the archive, the figures above do not hold.
- The ten published columns describe the fit to the reference catalog, not whether exposures
  agree; the table shows how far they go alone.
- With fewer than ten usable sources there is little to see, for an eye as well.
""".strip().splitlines()
