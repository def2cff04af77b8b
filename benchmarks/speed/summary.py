"""Repetitions in short, ratios, and what is shown of them: a table and a plot."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown

__all__ = ["Row", "Spread", "draw_plot", "format_table"]


@dataclass(frozen=True)
class Spread:
    """Repetitions of one measurement: median, lowest, highest, number."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float], scale: float = 1.0) -> Spread:
        """Sum values up, each times `scale`.

        Raises
        ------
        ValueError
            If there are none.
        """
        if not values:
            raise ValueError("no repetition to sum up")
        scaled = [scale * value for value in values]
        return cls(statistics.median(scaled), min(scaled), max(scaled), len(scaled))

    def over(self, other: Spread) -> Spread:
        """Divide; low and high are the ratio's extremes. The counts' smaller one is kept."""
        return Spread(
            self.median / other.median,
            self.low / other.high,
            self.high / other.low,
            min(self.count, other.count),
        )


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    what, unit : str
        What was measured, in what.
    ours : Spread
        Of this package.
    other : Spread, optional
        Of what it is held against; None where that can't run or there is nothing.
    against : {"original", "floor", "one worker", ""}
        What `other` is of. Ratios say how many times less ours is; of the floor how many times
        more.
    goal : float, optional
        Smallest ratio to reach; against the floor the largest. Without `other` the largest value
        of ours.
    note : str
        What a reader must know.
    """

    what: str
    unit: str
    ours: Spread
    other: Spread | None = None
    against: str = ""
    goal: float | None = None
    note: str = ""

    @property
    def ratio(self) -> Spread | None:
        """How many times faster or smaller (against the floor: slower); None of nothing."""
        if self.other is None:
            return None
        if self.against == "floor":
            return self.ours.over(self.other)
        return self.other.over(self.ours)

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the goal; None without a goal or something to hold against."""
        if self.goal is None or (self.against and self.ratio is None):
            return None
        if self.ratio is None:
            return self.ours.median <= self.goal
        if self.against == "floor":
            return self.ratio.median <= self.goal
        return self.ratio.median >= self.goal

    def as_json(self) -> dict[str, Any]:
        """Give everything, with the ratio and whether the goal is reached."""
        ratio = None if self.ratio is None else asdict(self.ratio)
        return {**asdict(self), "ratio": ratio, "reached": self.reached}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Row:
        """Read back what `as_json` gave."""
        given = {name: content[name] for name in cls.__dataclass_fields__}
        spreads = {n: given[n] and Spread(**given[n]) for n in ("ours", "other")}
        return cls(**{**given, **spreads})


def number(value: float) -> str:
    """Write a number with three digits that count, without exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def _spread(value: Spread) -> str:
    if value.count == 1 or number(value.low) == number(value.high):
        return number(value.median)
    return f"{number(value.median)} ({number(value.low)} to {number(value.high)})"


def _goal(row: Row) -> str:
    if row.goal is None:
        return ""
    if not row.against:
        wanted = f"at most {number(row.goal)}"
    elif row.against == "floor":
        wanted = f"at most {row.goal:g}x"
    else:
        wanted = f"{row.goal:g}x"
    return wanted + {True: ", reached", False: ", **missed**", None: ""}[row.reached]


def format_table(rows: Sequence[Row]) -> str:
    """Write rows as a Markdown table: medians with the lowest and highest repetition."""
    cells = []
    for row in rows:
        other = f"{row.against}: {_spread(row.other)}" if row.other else ""
        if row.against and row.other is None:
            other = f"{row.against}: can't run"
        ratio = _spread(row.ratio) if row.ratio else ""
        cells.append([row.what, row.unit, _spread(row.ours), other, ratio, _goal(row)])
    table = markdown(["what", "unit", "ours", "held against", "ratio", "goal"], cells)
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([table, "", *notes]) + "\n"


def draw_plot(rows: Sequence[Row], path: Path) -> None:
    """Draw the ratios as bars on a logarithmic axis, with their extremes and the goals."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [(row, row.ratio) for row in rows if row.ratio is not None][::-1]
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.34 * len(shown)), layout="constrained")
    for place, (row, ratio) in enumerate(shown):
        colour = "#0072B2" if row.against == "original" else "#E69F00"
        reach = [[ratio.median - ratio.low], [ratio.high - ratio.median]]
        axes.barh(place, ratio.median, color=colour, xerr=reach, ecolor="#444444")
        if row.goal is not None:
            axes.plot([row.goal] * 2, [place - 0.4, place + 0.4], color="black", lw=2)
    axes.set_yticks(range(len(shown)), [row.what for row, _ in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
    axes.axvline(1, color="#888888", lw=0.8)
    axes.set_xlabel(
        "blue: how many times less than the original\n"
        "orange: times the floor, or one worker over two; black: goal",
        fontsize=8,
    )
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=130)
    plt.close(figure)
