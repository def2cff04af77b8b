"""Scores of answers, with exact intervals, as rows of tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.accuracy.truths import MANY_SOURCES
from benchmarks.tables import markdown
from spacekit.evaluate.calibration import exact_interval
from spacekit.evaluate.metrics import measure
from spacekit.model.calibrate import FALSE_POSITIVE_RATE, ceiling
from spacekit.visit.truth import ALIGNED_PX, MISALIGNED_PX

__all__ = ["OFFSETS_PX", "by_disagreement", "by_group", "share", "summary", "threshold_at"]

OFFSETS_PX: Final = (0.5, 1, 2, 5, 10, 20, np.inf)

#: Times that visits are drawn anew to see what a threshold rests on, and the seed of it.
_REDRAWN, _SEED = 1000, 1


def share(hits: Any) -> str:
    """Tell a share with its 95% Clopper-Pearson interval and the number of visits."""
    found, count = int(np.sum(hits)), len(hits)
    if not count:
        return "-"
    low, high = exact_interval(found, count)
    return f"{found / count:.3f} ({low:.3f}-{high:.3f}, n={count})"


def threshold_at(answers: pd.DataFrame, fpr: float = FALSE_POSITIVE_RATE) -> float:
    """Give the log ratio above which at most a share `fpr` of the good lie."""
    return ceiling(answers.loc[answers["label"] == 0, "log_ratio"].to_numpy(), fpr)


def summary(answers: pd.DataFrame, prevalence: float) -> dict[str, str]:
    """Score one regime.

    Parameters
    ----------
    answers : DataFrame
        label, offset_px, usable, log_ratio, y_proba, y_pred (at the model's thresholds) of each
        visit; NaN labels are ambiguous.
    prevalence : float
        For precision, Brier score and calibration.
    """
    hard = answers[answers["label"].notna()]
    bad, good = hard[hard["label"] == 1], hard[hard["label"] == 0]
    many = bad[bad["usable"] >= MANY_SOURCES]
    several = good[good["exposures"] > 1]
    limit = threshold_at(hard)
    told = (hard[name].to_numpy(float) for name in ("label", "y_proba", "y_pred"))
    m = measure(*told, prevalence=prevalence)
    between = answers[answers["label"].isna()]
    between = between[between["offset_px"].between(ALIGNED_PX, MISALIGNED_PX)]
    return {
        "ROC-AUC": f"{m.roc_auc:.3f}",
        f"PR-AUC at {prevalence:.0%}": f"{m.pr_auc:.3f}",
        "false-positive rate at the stored thresholds": share(good["y_pred"] == 1),
        "the same, several exposures": share(several["y_pred"] == 1),
        "recall there": share(bad["y_pred"] == 1),
        f"recall there, {MANY_SOURCES} usable sources and more": share(many["y_pred"] == 1),
        "recall at a false-positive rate of 0.5%": share(bad["log_ratio"] > limit),
        f"the same, {MANY_SOURCES} usable sources and more": share(many["log_ratio"] > limit),
        "its 95% where the good ones are drawn anew too": _redrawn(good, many),
        f"precision at {prevalence:.0%}, stored thresholds": _precision(bad, good, prevalence),
        f"precision so, {MANY_SOURCES} usable sources and more": _precision(
            many, good[good["usable"] >= MANY_SOURCES], prevalence
        ),
        "flagged of those 0.25 to 0.5 px off": share(between["y_pred"] == 1),
        f"Brier score at {prevalence:.0%} / at 50%": f"{m.brier:.4f} / {m.brier_even:.3f}",
        f"ECE at {prevalence:.0%} / at 50%": f"{m.ece:.4f} / {m.ece_even:.3f}",
    }


def _redrawn(good: pd.DataFrame, bad: pd.DataFrame) -> str:
    """Give the 95% interval of recall at 0.5% by bootstrap: a few good visits make its limit."""
    rng = np.random.default_rng(_SEED)
    ratios = [some["log_ratio"].to_numpy(float) for some in (good, bad)]
    if not all(map(len, ratios)):
        return "-"
    recalls = []
    for _ in range(_REDRAWN):
        fair, off = (rng.choice(some, len(some)) for some in ratios)
        recalls.append(np.mean(off > ceiling(fair)))
    low, high = np.percentile(recalls, [2.5, 97.5])
    return f"{low:.3f}-{high:.3f}"


def _precision(bad: pd.DataFrame, good: pd.DataFrame, prevalence: float) -> str:
    """Give precision from recall and false-positive rate, and what the latter's interval allows."""
    recall = float((bad["y_pred"] == 1).mean())
    false = int((good["y_pred"] == 1).sum())
    if not recall and not false:
        return "none flagged"
    rates = [false / len(good), *exact_interval(false, len(good))]
    found = [prevalence * recall / (prevalence * recall + (1 - prevalence) * r) for r in rates]
    return f"{found[0]:.2f} ({found[2]:.2f}-{found[1]:.2f})"


def by_disagreement(
    answers: pd.DataFrame, column: str, what: str, marked: tuple[float, float]
) -> str:
    """Give a table of recall by how far those disagree that an answer rests on.

    Parameters
    ----------
    answers : DataFrame
        As `summary` takes them.
    column : str
        The true disagreement, px.
    what : str
        Heads it in the table.
    marked : tuple of float
        A span that gets a row of its own, px.
    """
    hard = answers[answers["label"].notna()]
    limit = threshold_at(hard)
    bad = hard[(hard["label"] == 1) & (hard["usable"] >= MANY_SOURCES)]
    edges = (0, ALIGNED_PX, *OFFSETS_PX[:-1], np.inf)
    words = [f"{low:g} to {high:g} px" for low, high in itertools.pairwise(edges[:-1])]
    groups = pd.cut(bad[column], edges, right=False, labels=[*words, "over 20 px"])
    spans = [(key, bad[groups == key]) for key in groups.cat.categories]
    low, high = marked
    name = f"{low:g} to {high:g} px" if high < np.inf else f"{low:g} px and more"
    spans.append((f"**{name}**", bad[bad[column].between(low, high)]))
    rows = [
        [key, share(some["y_pred"] == 1), share(some["log_ratio"] > limit)] for key, some in spans
    ]
    return markdown([what, "recall, stored thresholds", "recall at FPR 0.5%"], rows)


def by_group(answers: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Give a table of recall and false-positive rate for each way to group visits."""
    hard = answers[answers["label"].notna()]
    limit = threshold_at(hard)
    offsets = [
        f"{low:g} to {high:g} px" if high < np.inf else f"over {low:g} px"
        for low, high in itertools.pairwise(OFFSETS_PX)
    ]
    groups = {
        "true offset": pd.cut(hard["offset_px"], OFFSETS_PX, right=False, labels=offsets),
        "mode": hard["mode"],
        "detector": hard["detector"],
        "usable sources": pd.cut(
            hard["usable"],
            [-1, 9, 29, 99, np.inf],
            labels=["0-9", "10-29", "30-99", "100 and more"],
        ),
        "reference stars": pd.cut(
            hard["gaia"], [-1, 0, 11, np.inf], labels=["none", "1-11", "12 and more"]
        ),
        "WCS": hard["wcs"],
        "filters": hard["filters"],
        "format": hard["format"],
        "fit": hard["fit"],
    }
    for title, of in groups.items():
        rows = []
        for key, part in hard.groupby(of, observed=True):
            bad, good = part[part["label"] == 1], part[part["label"] == 0]
            rows.append(
                [key, share(bad["y_pred"] == 1), share(bad["log_ratio"] > limit),
                 share(good["y_pred"] == 1)]
            )  # fmt: skip
        head = [title, "recall, stored thresholds", "recall at FPR 0.5%", "false-positive rate"]
        yield title, markdown(head, rows)
