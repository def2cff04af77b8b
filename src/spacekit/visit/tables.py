"""Read strangers' tables of comma-separated values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from spacekit.errors import TableError
from spacekit.visit.values import MALFORMED

__all__ = ["read_csv"]


def read_csv(
    path: Path, wanted: str, *, largest_bytes: int = 500_000_000, **options: Any
) -> pd.DataFrame:
    """Read a CSV table, UTF-8, never unpacking: a small archive may hold any amount.

    Parameters
    ----------
    path : Path
        The file.
    wanted : str
        What to give instead, for the message ("give the svm_data.csv of prep").
    largest_bytes : int
        A larger file is refused. A million mosaics have some 300 MB.
    **options
        For `pandas.read_csv`.

    Raises
    ------
    TableError
        If it can't be read as a table.
    """
    try:
        size = path.stat().st_size
        if size > largest_bytes:
            raise TableError(f"{path}: {size / 1e6:.0f} MB are too large for this table; {wanted}")
        table: pd.DataFrame = pd.read_csv(
            path, encoding="utf-8-sig", compression=None, low_memory=False, **options
        )
    except TableError:
        raise
    except MALFORMED as error:
        raise TableError(
            f"{path}: can't be read as a CSV table ({str(error)[:160].strip()}); {wanted}"
        ) from error
    return table
