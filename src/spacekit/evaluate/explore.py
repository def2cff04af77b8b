"""A look at a table before it is trained on: distributions, correlation, outliers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from spacekit.errors import TableError
from spacekit.evaluate.metrics import CLASSES
from spacekit.measure.missing import measured_values
from spacekit.measure.robust import robust_sigma
from spacekit.measure.schema import COLUMNS, DETECTORS, INDEX, LABEL, Kind
from spacekit.visit.tables import numbers_in

__all__ = ["UNLABELLED", "Exploration", "explore", "scaled", "unit_of"]

#: Robust standard deviations from the median beyond which a value is an outlier.
_FAR_SIGMA: Final = 5.0
#: What a row's class is called where its label is empty.
UNLABELLED: Final = "no label"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exploration:
    """What a table holds.

    Parameters
    ----------
    values : DataFrame
        Numeric features, NaN where missing; one row a mosaic, indexed by name.
    classes : Series of str
        "aligned", "misaligned" or "no label", of each row.
    detectors : Series of str
        Of each row.
    summary : DataFrame
        A row a feature: known, missing, median, median_aligned, median_misaligned, auc (of the
        feature alone, for misaligned being larger; NaN with one class only).
    outliers : DataFrame
        index, feature, value, sigma (robust, on the feature's drawn scale), the farthest first.
    notes : tuple of str
        What could not be used.
    """

    values: pd.DataFrame
    classes: pd.Series
    detectors: pd.Series
    summary: pd.DataFrame
    outliers: pd.DataFrame
    notes: tuple[str, ...]


def explore(table: pd.DataFrame) -> Exploration:
    """Summarise a table of mosaics.

    Parameters
    ----------
    table : DataFrame
        ``svm_data.csv``, labelled or not.

    Raises
    ------
    TableError
        If no column of it is a known feature.
    """
    names = [c.name for c in COLUMNS.values() if c.kind is not Kind.CATEGORY]
    names = [name for name in names if name in table.columns]
    if not names:
        raise TableError("the table has no column that is known as a feature: give svm_data.csv")
    values, impossible = measured_values(table, names)
    notes = [
        f"{name}: {count} cells are no numbers that can be, taken as missing"
        for name, count in impossible.sum().items()
        if count
    ]
    values.index = pd.Index(table[INDEX].astype(str), name=INDEX)
    classes = _classes(table, notes)
    classes.index = values.index
    return Exploration(
        values,
        classes,
        _detectors(table).set_axis(values.index),
        _summary(values, classes),
        _outliers(values),
        tuple(notes),
    )


def _classes(table: pd.DataFrame, notes: list[str]) -> pd.Series:
    if LABEL not in table.columns:
        notes.append("the table has no labels: classes can't be told apart")
        return pd.Series(UNLABELLED, index=table.index)
    labels = pd.Series(numbers_in(table, LABEL), index=table.index)
    names = labels.map(dict(enumerate(CLASSES))).fillna(UNLABELLED)
    if names.nunique() == 1:
        notes.append(f"all rows are of one class: {names.iloc[0]}")
    return names


def _detectors(table: pd.DataFrame) -> pd.Series:
    numbers = pd.Series(numbers_in(table, "det"), index=table.index)
    return numbers.map(DETECTORS).fillna("unknown")


def _summary(values: pd.DataFrame, classes: pd.Series) -> pd.DataFrame:
    rows = []
    for name in values:
        column = values[name]
        parts = [column[classes == kind].dropna() for kind in CLASSES]
        medians = [part.median() if len(part) else math.nan for part in parts]
        rows.append(
            {
                "feature": name,
                "known": int(column.notna().sum()),
                "missing": int(column.isna().sum()),
                "median": column.median() if column.notna().any() else math.nan,
                **{f"median_{kind}": m for kind, m in zip(CLASSES, medians, strict=True)},
                "auc": _auc(*parts),
            }
        )
    return pd.DataFrame(rows)


def _auc(aligned: pd.Series, misaligned: pd.Series) -> float:
    """Give the chance that a misaligned mosaic's value is the larger one (ties count half)."""
    if aligned.empty or misaligned.empty:
        return math.nan
    statistic = mannwhitneyu(misaligned, aligned, method="asymptotic").statistic
    return float(statistic / (len(aligned) * len(misaligned)))


def _outliers(values: pd.DataFrame) -> pd.DataFrame:
    """Values far from their feature's median on the scale it is drawn on."""
    rows = []
    for name in values:
        drawn = pd.Series(scaled(values[name].to_numpy(), str(name)), index=values.index)
        sigma = (drawn - drawn.median()) / _spread(drawn.dropna().to_numpy(np.float64))
        far = sigma.abs() > _FAR_SIGMA
        rows += [
            (i, name, v, s)
            for i, v, s in zip(values.index[far], values[name][far], sigma[far], strict=True)
        ]
    table = pd.DataFrame(rows, columns=[INDEX, "feature", "value", "sigma"])
    return table.sort_values("sigma", key=np.abs, ascending=False, ignore_index=True)


def _spread(values: NDArray[np.floating[Any]]) -> float:
    """Robust standard deviation; the plain one where more than half are alike; NaN of nothing."""
    if not len(values):
        return math.nan
    spread = robust_sigma(values - np.median(values))
    return spread or float(np.std(values)) or math.nan


def scaled(values: Floats, name: str) -> Floats:
    """Put counts and amounts, which are heavy-tailed, on a logarithmic scale.

    Parameters
    ----------
    values : ndarray, shape (N,), float
        Of one feature, NaN where missing.
    name : str
        The feature.

    Returns
    -------
    ndarray, shape (N,), float
        sign(v) log10(1 + abs(v) / unit) with the unit of `unit_of`; flags as they are.
    """
    if COLUMNS[name].kind is Kind.FLAG:
        return values
    scaled: Floats = np.sign(values) * np.log10(1 + np.abs(values) / unit_of(values))
    return scaled


def unit_of(values: Floats) -> float:
    """Give where the logarithmic scale begins: 1, less where all values are small."""
    largest = np.nanmax(np.abs(values)) if np.isfinite(values).any() else 1.0
    return min(1.0, float(largest) / 100) or 1.0
