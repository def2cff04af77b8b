"""Plots of a table: distributions by class and detector, scatter, correlation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacekit.evaluate.explore import UNLABELLED, Exploration, scaled, unit_of
from spacekit.evaluate.metrics import CLASSES
from spacekit.evaluate.style import COLOURS, DASHES, MARKERS, save_figures, say
from spacekit.measure.schema import COLUMNS, Kind

__all__ = ["draw_exploration"]

#: Features that are drawn against one another.
_MOST_SCATTERED: Final = 5
#: More points in a scatter plot hide one another.
_MOST_POINTS: Final = 3000

Floats = NDArray[np.float64]


def draw_exploration(found: Exploration, folder: Path) -> list[Path]:
    """Draw distributions by class and by detector, scatter and correlation, as PNG and SVG."""
    return save_figures(
        {
            "distributions": partial(_draw_distributions, found),
            "by_detector": partial(_draw_by_detector, found),
            "scatter": partial(_draw_scatter, found),
            "correlation": partial(_draw_correlation, found),
        },
        folder,
    )


def _kinds(found: Exploration) -> list[str]:
    """Classes that occur, in the order of their colours."""
    return [kind for kind in (*CLASSES, UNLABELLED) if (found.classes == kind).any()]


def _grid(figure: Any, count: int, columns: int = 4) -> list[Any]:
    """Axes for so many small plots."""
    rows = math.ceil(count / columns)
    figure.set_size_inches(3.1 * columns, 2.3 * rows + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    chosen: list[Any] = axes[:count]
    return chosen


def _ticks(axis: Any, values: Floats, name: str) -> None:
    """Write plain numbers on a scaled axis."""
    known = values[np.isfinite(values)]
    if COLUMNS[name].kind is Kind.FLAG or not len(known):
        return
    top = float(np.abs(known).max())
    powers = 10.0 ** np.arange(math.floor(math.log10(unit_of(values))), 10)
    places = [0.0, *(p for p in powers if p <= top * 1.5)]
    axis.set_ticks(_scaled_like(places, values), [f"{p:g}" for p in places])


def _scaled_like(places: Sequence[float], values: Floats) -> Floats:
    scaled: Floats = np.log10(1 + np.asarray(places) / unit_of(values))
    return scaled


def _draw_distributions(found: Exploration, figure: Any) -> None:
    """Histograms of each feature by class, each class of area one."""
    axes = _grid(figure, found.values.shape[1])
    for ax, name in zip(axes, found.values.columns, strict=True):
        values = found.values[name].to_numpy()
        drawn = scaled(values, name)
        known = np.isfinite(drawn)
        ax.set_title(_named(name), fontsize=10)
        if not known.any():
            say(ax, "not measured")
            continue
        edges = np.linspace(drawn[known].min(), drawn[known].max() + 1e-9, 25)
        for number, kind in enumerate(_kinds(found)):
            part = drawn[known & (found.classes == kind).to_numpy()]
            if len(part):
                weights = np.full(len(part), 1 / len(part))
                style = {"color": COLOURS[number], "ls": DASHES[number], "lw": 1.6}
                label = f"{kind} ({len(part)})"
                ax.hist(part, edges, weights=weights, histtype="step", label=label, **style)
        _ticks(ax.xaxis, values, name)
        ax.set_ylabel("share", fontsize=9)
        ax.legend(frameon=False, fontsize=7)


def _draw_by_detector(found: Exploration, figure: Any) -> None:
    """Boxes (quartiles, whiskers from 5 to 95%) of each feature by detector and class."""
    axes = _grid(figure, found.values.shape[1])
    detectors = sorted(set(found.detectors))
    kinds = _kinds(found)
    for ax, name in zip(axes, found.values.columns, strict=True):
        values = found.values[name].to_numpy()
        ax.set_title(_named(name), fontsize=10)
        if not np.isfinite(values).any():
            say(ax, "not measured")
            continue
        drawn = pd.Series(scaled(values, name), index=found.values.index)
        for number, kind in enumerate(kinds):
            parts = [
                drawn[((found.detectors == d) & (found.classes == kind)).to_numpy()].dropna()
                for d in detectors
            ]
            places = (
                np.arange(len(detectors), dtype=np.float64) + (number - (len(kinds) - 1) / 2) * 0.26
            )
            _boxes(ax, parts, places, number)
        ax.set_xticks(range(len(detectors)), detectors)
        _ticks(ax.yaxis, values, name)
    figure.legend(
        [_key(number) for number in range(len(kinds))],
        kinds,
        loc="outside lower center",
        ncols=len(kinds),
        frameon=False,
    )


def _boxes(ax: Any, parts: Sequence[pd.Series], places: Floats, number: int) -> None:
    colour = COLOURS[number]
    ax.boxplot(
        [part.to_numpy() for part in parts],
        positions=places,
        widths=0.22,
        whis=(5, 95),
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": "white" if number else colour, "edgecolor": colour},
        medianprops={"color": colour if number else "white", "lw": 1.6},
        whiskerprops={"color": colour},
        capprops={"color": colour},
        flierprops={"marker": ".", "ms": 2, "mec": colour, "alpha": 0.5},
    )


def _key(number: int) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor="white" if number else COLOURS[number], edgecolor=COLOURS[number])


def _draw_scatter(found: Exploration, figure: Any) -> None:
    """Draw the features that tell the classes apart best against one another."""
    names = _telling(found)
    if len(names) < 2:
        say(figure.add_subplot(), "fewer than two features were measured")
        return
    figure.set_size_inches(2.2 * len(names), 2.2 * len(names))
    axes = figure.subplots(len(names), len(names), squeeze=False)
    step = max(1, len(found.values) // _MOST_POINTS)
    for row, y in enumerate(names):
        for column, x in enumerate(names):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            _scatter(ax, found, (x, y), step)
            ax.set_xlabel(_named(x) if row == len(names) - 1 else "", fontsize=9)
            ax.set_ylabel(_named(y) if column == 0 else "", fontsize=9)
            ax.tick_params(labelsize=7)
    handles, names = axes[-1, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="upper right", frameon=False, markerscale=2)


def _scatter(ax: Any, found: Exploration, pair: tuple[str, str], step: int) -> None:
    x, y = (found.values[name].to_numpy() for name in pair)
    for number, kind in enumerate(_kinds(found)):
        chosen = np.flatnonzero((found.classes == kind).to_numpy())[::step]
        style = {"color": COLOURS[number], "marker": MARKERS[number], "label": kind}
        ax.scatter(scaled(x, pair[0])[chosen], scaled(y, pair[1])[chosen], s=7, alpha=0.5, **style)
    _ticks(ax.xaxis, x, pair[0])
    _ticks(ax.yaxis, y, pair[1])


def _telling(found: Exploration) -> list[str]:
    """Name the features with the AUC farthest from a half; those most often known without."""
    summary = found.summary[found.summary["known"] > 1]
    order = (summary["auc"] - 0.5).abs().fillna(-1)
    ranked = summary.assign(order=order).sort_values(["order", "known"], ascending=False)
    return [str(name) for name in ranked["feature"].head(_MOST_SCATTERED)]


def _draw_correlation(found: Exploration, figure: Any) -> None:
    """Rank correlation (Spearman) of each pair of features."""
    varied = [n for n in found.values if found.values[n].nunique() > 1]
    if len(varied) < 2:
        say(figure.add_subplot(), "fewer than two features vary")
        return
    matrix = found.values[varied].corr(method="spearman", min_periods=10).to_numpy()
    side = 0.52 * len(varied) + 2.4
    figure.set_size_inches(side + 0.8, side)
    ax = figure.add_subplot()
    image = ax.imshow(np.ma.masked_invalid(matrix), cmap="RdBu_r", vmin=-1, vmax=1)
    for row, column in np.argwhere(np.isfinite(matrix)):
        value = matrix[row, column]
        colour = "white" if abs(value) > 0.6 else "black"
        ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=colour, fontsize=7)
    ax.set_xticks(range(len(varied)), varied, rotation=60, ha="right", fontsize=8)
    ax.set_yticks(range(len(varied)), varied, fontsize=8)
    ax.set_facecolor("#dddddd")
    ax.set_title("Rank correlation (gray: too few mosaics have both)", fontsize=10)
    figure.colorbar(image, shrink=0.8)


def _named(name: str) -> str:
    unit = COLUMNS[name].unit
    return f"{name}, {unit}" if unit and not name.endswith(f"_{unit}") else name
