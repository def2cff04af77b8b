"""The list of what went wrong, problems.csv: written, and read back as a stranger's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pandas as pd

from spacekit.errors import TableError
from spacekit.files import is_marked, write_csv
from spacekit.visit.nouns import Problem
from spacekit.visit.tables import csv_parts

__all__ = ["problems_table", "read_problems", "write_problems"]

_TEXT = ("index", "file", "reason")
_COLUMNS = (*_TEXT, "fatal")


def problems_table(problems: Sequence[Problem]) -> pd.DataFrame:
    """Problems as in problems.csv: index, file, reason, fatal (0 or 1)."""
    rows = [(p.index, p.file, p.reason, int(p.fatal)) for p in problems]
    return pd.DataFrame(rows, columns=_COLUMNS)


def write_problems(path: Path, problems: Sequence[Problem]) -> Path | None:
    """Write the problems as CSV (index, file, reason, fatal); without any, remove such a file.

    Returns
    -------
    Path or None
        The file, None when there was nothing to write.
    """
    if not problems:
        if is_marked(path, ",".join(_COLUMNS)):  # somebody else's stays
            path.unlink(missing_ok=True)
        return None
    write_csv(path, problems_table(problems))
    return path


def read_problems(path: Path, names: Collection[str] | None = None) -> list[Problem]:
    """Read problems.csv; what is missing or something else gives none.

    Parameters
    ----------
    path : Path
        The file.
    names : collection of str, optional
        Mosaics to read of; all by default.
    """
    text = dict.fromkeys(_TEXT, "str")
    parts = csv_parts(path, "give problems.csv", dtype=text, keep_default_na=False)
    chosen = None if names is None else list(names)
    try:
        return [problem for part in parts for problem in _problems(part, chosen)]
    except (TableError, KeyError):
        return []


def _problems(table: pd.DataFrame, names: list[str] | None) -> Iterator[Problem]:
    """Problems of the named mosaics; KeyError where a column is missing."""
    if names is not None:
        table = table[table["index"].isin(names)]
    fatal = (table["fatal"].astype(str) == "1").tolist()
    columns = (table[name].tolist() for name in _TEXT)
    return (Problem(*row) for row in zip(*columns, fatal, strict=True))
