"""Plots of one result, or of several side by side.

What can't be drawn (no history, one class only, no true offsets) is said in the plot's place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from spacekit.evaluate.calibration import OFFSET_EDGES_PX
from spacekit.evaluate.metrics import CLASSES, pr_curve, roc_curve
from spacekit.evaluate.style import COLOURS, DASHES, GRAY, MARKERS, save_figures, say

if TYPE_CHECKING:
    from spacekit.evaluate.results import Result

__all__ = ["PLOTS", "draw_comparison", "draw_plots"]

#: Results by the name they have in the legend; one result has no name.
Runs = Mapping[str, "Result"]


#: What `draw_plots` draws.
PLOTS: Final = (
    *("accuracy", "loss", "roc", "precision_recall"),
    *("confusion_matrix", "reliability", "recall_by_offset"),
)


def draw_plots(result: Result, folder: Path) -> list[Path]:
    """Draw the plots of a result as PNG and SVG; show them where a display is.

    Returns
    -------
    list of Path
        `PLOTS`, each .png and .svg.
    """
    runs = {"": result}
    drawers = (
        partial(_accuracy, runs),
        partial(_loss, runs),
        partial(_roc, runs),
        partial(_precision_recall, runs),
        partial(_confusion, result),
        partial(_reliability, runs),
        partial(_recall_by_offset, runs),
    )
    figures = {name: _on_axes(draw) for name, draw in zip(PLOTS, drawers, strict=True)}
    return save_figures(figures, folder)


def draw_comparison(runs: Runs, folder: Path) -> list[Path]:
    """Draw several results over one another, up to six.

    Returns
    -------
    list of Path
        roc, precision_recall, reliability, recall_by_offset, accuracy and loss, each .png and
        .svg.
    """
    drawers = {
        "roc": partial(_roc, runs),
        "precision_recall": partial(_precision_recall, runs),
        "reliability": partial(_reliability, runs),
        "recall_by_offset": partial(_recall_by_offset, runs),
        "accuracy": partial(_accuracy, runs),
        "loss": partial(_loss, runs),
    }
    return save_figures({name: _on_axes(draw) for name, draw in drawers.items()}, folder)


def _on_axes(draw: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda figure: draw(figure.add_subplot())


def _title(runs: Runs, text: str) -> str:
    """Name the set where there is one result."""
    return f"{text}, {runs[''].name} set" if "" in runs else text


def _accuracy(runs: Runs, axes: Any) -> None:
    """Accuracy by epoch."""
    _by_epoch(runs, axes, "accuracy")
    axes.set(title="Accuracy by epoch", ylabel="accuracy", ylim=(0, 1.03))


def _loss(runs: Runs, axes: Any) -> None:
    """Loss by epoch."""
    _by_epoch(runs, axes, "loss")
    axes.set(title="Loss by epoch", ylabel="binary cross-entropy")
    axes.set_ylim(bottom=0)


def _by_epoch(runs: Runs, axes: Any, name: str) -> None:
    """Lines over epochs: training rows and tuning rows; of several runs the tuning rows."""
    from matplotlib.ticker import MaxNLocator

    lines: dict[str, list[float]] = {}
    for run, result in runs.items():
        if run:
            lines[run] = result.history.get(f"val_{name}", [])
        else:
            lines["training (augmented)"] = result.history.get(name, [])
            lines["tuning (as they are)"] = result.history.get(f"val_{name}", [])
    lines = {label: values for label, values in lines.items() if values}
    if not lines:
        say(axes, "no history was kept")
        return
    for number, (label, values) in enumerate(lines.items()):
        epochs = range(1, len(values) + 1)
        axes.plot(epochs, values, label=label, ms=4, **_look(number, marked=True))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    _legend(axes)


def _roc(runs: Runs, axes: Any) -> None:
    """Draw true against false positive rate."""
    axes.set(title=_title(runs, "ROC"))
    curves = {run: roc_curve(r.y_true, r.y_proba) for run, r in runs.items()}
    if not any(curves.values()):
        say(axes, "one class only: no curve")
        return
    axes.plot([0, 1], [0, 1], ":", color=GRAY, lw=1, label="chance")
    for number, (run, curve) in enumerate(curves.items()):
        if curve is not None:
            label = _label(run, f"area {runs[run].roc_auc:.3f}")
            axes.plot(*curve, label=label, **_look(number))
    axes.set(xlabel="aligned flagged (false positive rate)", ylabel="misaligned found (recall)")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _legend(axes, loc="lower right")


def _precision_recall(runs: Runs, axes: Any) -> None:
    """Precision against recall, of the share of misaligned that probabilities are meant for."""
    axes.set(title=_title(runs, "Precision and recall"))
    curves = {run: pr_curve(r.y_true, r.y_proba, r.prevalence) for run, r in runs.items()}
    if not any(curves.values()):
        say(axes, "one class only: no curve")
        return
    for number, (run, curve) in enumerate(curves.items()):
        if curve is None:
            continue
        metrics, look = runs[run].metrics, _look(number)
        label = _label(run, f"average precision {metrics.pr_auc:.3f}")
        axes.step(*curve, where="post", label=label, **look)
        own, prevalence = metrics.misaligned / metrics.count, runs[run].prevalence
        share = own if prevalence is None else prevalence
        chance = f"chance ({share:.2f} are misaligned)" if not run else None
        axes.axhline(share, ls=":", lw=1, color=GRAY if not run else look["color"], label=chance)
    axes.set(xlabel="misaligned found (recall)", ylabel="flagged and misaligned (precision)")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.05))
    _legend(axes, loc="lower left")


def _confusion(result: Result, axes: Any) -> None:
    """Draw counts and shares of right and wrong verdicts."""
    shares = result.confusion_matrix_normalised
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, counts in enumerate(result.confusion_matrix.tolist()):
        for column, count in enumerate(counts):
            share = shares[row, column]
            text = f"{count}\n({share:.1%})" if count else "0"
            colour = "white" if share > 0.5 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=12)
    axes.set(title=f"Verdicts, {result.name} set")
    axes.set(xticks=(0, 1), xticklabels=CLASSES, yticks=(0, 1))
    axes.set_yticklabels(CLASSES, rotation=90, va="center")
    axes.set(xlabel="verdict", ylabel="truth")


def _reliability(runs: Runs, axes: Any) -> None:
    """Draw the share that is misaligned against the probability, one run with 95% intervals."""
    axes.set(title=_title(runs, "Reliability"))
    curves = {run: result.calibration for run, result in runs.items()}
    if not any(len(curve.mean) for curve in curves.values()):
        say(axes, "no row has label and probability")
        return
    axes.plot([0, 1], [0, 1], ":", color=GRAY, lw=1, label="as it should be")
    for number, (run, curve) in enumerate(curves.items()):
        # several runs' intervals would hide one another
        reach = None if run else np.abs([curve.share - curve.low, curve.high - curve.share])
        label = _label(run, f"calibration error {curve.ece:.3f}")
        shown = _look(number, marked=True)
        axes.errorbar(curve.mean, curve.share, reach, ms=5, capsize=2, lw=1, label=label, **shown)
    axes.set(xlabel="probability (bins of equal count)", ylabel="share that is misaligned")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    _legend(axes, loc="upper left")


def _recall_by_offset(runs: Runs, axes: Any) -> None:
    """Draw recall in bins of the true offset, with 95% intervals."""
    axes.set(title=_title(runs, "Recall by true offset"))
    tables = {run: result.recall_by_offset for run, result in runs.items()}
    tables = {run: table for run, table in tables.items() if len(table)}
    if not tables:
        say(axes, "no true offset is known")
        return
    edges = list(OFFSET_EDGES_PX)
    for number, (run, table) in enumerate(tables.items()):
        # runs stand beside one another in a bin
        place = np.array([edges.index(edge) for edge in table["from_px"]])
        place = place + (number - (len(tables) - 1) / 2) * 0.12
        reach = np.abs([table["recall"] - table["low"], table["high"] - table["recall"]])
        axes.errorbar(
            place, table["recall"], reach, ms=6, capsize=3, label=run or None, **_point(number)
        )
        for x, y, n in zip(place, table["high"], table["count"], strict=True):
            if not run:
                axes.annotate(f"n = {n}", (x, y), (0, 3), textcoords="offset points", ha="center")
    names = [f"{a:g} to {b:g}" for a, b in itertools.pairwise(edges[:-1])]
    axes.set(xticks=range(len(edges) - 1), xticklabels=[*names, f"over {edges[-2]:g}"])
    axes.set(xlabel="true offset, px", ylabel="misaligned found (recall)")
    axes.set(xlim=(-0.5, len(edges) - 1.5), ylim=(-0.02, 1.14))
    _legend(axes, loc="lower right")


def _look(number: int, *, marked: bool = False) -> dict[str, Any]:
    """Colour and dashes of a run, and its marker."""
    place = number % len(COLOURS)
    look: dict[str, Any] = {"color": COLOURS[place], "ls": DASHES[place]}
    return look | ({"marker": MARKERS[place]} if marked else {})


def _point(number: int) -> dict[str, Any]:
    """Colour and marker of a run, without a line."""
    return _look(number, marked=True) | {"ls": "none"}


def _label(run: str, text: str) -> str:
    return f"{run}: {text}" if run else text


def _legend(axes: Any, **where: Any) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=9, **where)
    axes.grid(alpha=0.25)
