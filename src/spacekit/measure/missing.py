"""What counts as a missing value in a table's columns; decided here and nowhere else.

* rms and matches of a fit that was not made: ``rms <= 0`` (published tables write both -1 and
  0.0) or ``nmatches <= 0`` masks ``rms_ra``, ``rms_dec`` and ``nmatches`` together;
* an empty cell, and a column that the table lacks, is missing;
* so is what can't be: text, infinite, beyond 1e9, a negative count. Who asks may refuse it, or
  tell of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from spacekit.measure.schema import COLUMNS, Kind
from spacekit.visit.tables import numbers_in

__all__ = ["FIT", "measured_values"]

#: Columns that stand and fall together: no fit, none of the three.
FIT: Final = ("rms_ra", "rms_dec", "nmatches")

#: No count, rms or offset of a mosaic comes near; float32 and the transforms stay exact enough.
_LARGEST: Final = 1e9


def measured_values(table: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give columns of a table of mosaics as numbers, NaN where there is none.

    Parameters
    ----------
    table : DataFrame
        May lack columns, and be a stranger's.
    names : sequence of str
        Columns of the schema.

    Returns
    -------
    values : DataFrame, float64
        A column a name, rows as those of the table.
    impossible : DataFrame, bool
        Cells that hold something that can't be.
    """
    numbers = {name: numbers_in(table, name) for name in names}
    impossible = {}
    for name, column in numbers.items():
        wrong = np.abs(column) > _LARGEST
        if COLUMNS[name].kind is Kind.COUNT and name not in FIT:
            wrong |= column < 0
        if name in table.columns:
            wrong |= np.isnan(column) & table[name].notna().to_numpy()
        column[wrong] = np.nan
        impossible[name] = wrong
    fit = [name for name in FIT if name in numbers and name in table.columns]
    if fit:
        no_fit = np.any([~(numbers[name] > 0) for name in fit], axis=0)
        for name in fit:
            numbers[name][no_fit] = np.nan
    return pd.DataFrame(numbers, table.index), pd.DataFrame(impossible, table.index)
