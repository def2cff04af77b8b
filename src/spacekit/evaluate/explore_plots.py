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
#: Labels of ticks nearer than this share of an axis run into one another.
_LEAST_GAP: Final = 0.16
#: The first class's boxes are filled, so that classes differ without colour.
_FILL: Final = "#a9cfe8"

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
    """Write plain numbers on a scaled axis, without changing what it shows."""
    if COLUMNS[name].kind is Kind.FLAG or not np.isfinite(values).any():
        return
    unit = unit_of(values)
    low, high = sorted(axis.get_view_interval())
    powers = 10.0 ** np.arange(math.floor(math.log10(unit)), 10)
    kept: dict[float, str] = {}
    for place in (0.0, *powers, *(3 * powers)):
        tick = math.log10(1 + place / unit)
        inside = low <= tick <= high
        if inside and all(abs(tick - other) >= _LEAST_GAP * (high - low) for other in kept):
            kept[tick] = f"{place:g}"
    axis.set_ticks(list(kept), list(kept.values()))


def _draw_distributions(found: Exploration, figure: Any) -> None:
    """Cumulative distributions of each feature by class: no bins, readable with few rows."""
    axes = _grid(figure, found.values.shape[1])
    for ax, name in zip(axes, found.values.columns, strict=True):
        values = found.values[name].to_numpy()
        drawn = scaled(values, name)
        known = np.isfinite(drawn)
        ax.set_title(_named(name), fontsize=10)
        if not known.any():
            say(ax, "not measured")
            continue
        for number, kind in enumerate(_kinds(found)):
            part = drawn[known & (found.classes == kind).to_numpy()]
            if len(part):
                ax.ecdf(part, color=COLOURS[number], ls=DASHES[number], lw=1.6)
        _ticks(ax.xaxis, values, name)
        ax.set_ylabel("share up to here", fontsize=9)
        ax.grid(alpha=0.25)
    lines = [_line(number) for number in range(len(_kinds(found)))]
    _legend(figure, lines, _kinds(found))


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
    _legend(figure, [_key(number) for number in range(len(kinds))], kinds)


def _boxes(ax: Any, parts: Sequence[pd.Series], places: Floats, number: int) -> None:
    colour = COLOURS[number]
    ax.boxplot(
        [part.to_numpy() for part in parts],
        positions=places,
        widths=0.22,
        whis=(5, 95),
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": "white" if number else _FILL, "edgecolor": colour},
        medianprops={"color": colour, "lw": 2},
        whiskerprops={"color": colour},
        capprops={"color": colour},
        flierprops={"marker": ".", "ms": 2, "mec": colour, "alpha": 0.5},
    )


def _legend(figure: Any, keys: list[Any], kinds: list[str]) -> None:
    figure.legend(keys, kinds, loc="outside lower center", ncols=len(kinds), frameon=False)


def _line(number: int) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=COLOURS[number], ls=DASHES[number], lw=1.6)


def _key(number: int) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor="white" if number else _FILL, edgecolor=COLOURS[number])


def _draw_scatter(found: Exploration, figure: Any) -> None:
    """Draw the features that tell the classes apart best against one another."""
    names = _telling(found)
    if len(names) < 2:
        say(figure.add_subplot(), "fewer than two features were measured")
        return
    across, down = names[:-1], names[1:]
    figure.set_size_inches(2.4 * len(across) + 0.6, 2.4 * len(down) + 0.6)
    axes = figure.subplots(len(down), len(across), squeeze=False)
    step = max(1, len(found.values) // _MOST_POINTS)
    for row, y in enumerate(down):
        for column, x in enumerate(across):
            ax = axes[row, column]
            if column > row:
                ax.set_axis_off()
                continue
            _scatter(ax, found, (x, y), step)
            ax.set_xlabel(_named(x) if row == len(down) - 1 else "", fontsize=9)
            ax.set_ylabel(_named(y) if column == 0 else "", fontsize=9)
            ax.tick_params(labelsize=7)
    figure.legend(
        *axes[-1, 0].get_legend_handles_labels(),
        loc="outside upper right",
        ncols=3,
        frameon=False,
        markerscale=2,
    )


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
        text = f"{value:.1f}".replace("-0.0", "0.0")
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=7)
    ax.set_xticks(range(len(varied)), varied, rotation=60, ha="right", fontsize=8)
    ax.set_yticks(range(len(varied)), varied, fontsize=8)
    ax.set_facecolor("#dddddd")
    ax.set_title("Rank correlation (gray: too few mosaics have both)", fontsize=10)
    figure.colorbar(image, shrink=0.8)


def _named(name: str) -> str:
    unit = COLUMNS[name].unit
    return f"{name}, {unit}" if unit and not name.endswith(f"_{unit}") else name
