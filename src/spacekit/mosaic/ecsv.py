"""Write ECSV catalogs that astropy reads as if they were its own.

Its own writer goes through YAML objects and a CSV row at a time: most of the cost of a small
visit's catalogs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacekit.files import write_text

__all__ = ["write_ecsv"]


def write_ecsv(
    path: Path,
    columns: Mapping[str, NDArray[Any]],
    meta: Mapping[str, Any],
    *,
    units: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> Path:
    """Write columns as ECSV 1.0, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    columns : mapping of str to ndarray, shape (n,)
        Numbers, booleans or text; what is masked stays so.
    meta : mapping of str to str, int, float, bool or None
        Read by astropy as the table's `meta`.
    units, formats : mapping of str to str, optional
        By column.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    described = []
    for name, values in columns.items():
        kind = "string" if values.dtype.kind in "UO" else values.dtype.name
        parts = {"name": name, "unit": (units or {}).get(name, "")}
        parts |= {"datatype": kind, "format": (formats or {}).get(name, "")}
        given = (f"{k}: {_scalar(v)}" for k, v in parts.items() if v)
        described.append(f"- {{{', '.join(given)}}}")
    head = ["%ECSV 1.0", "---", "datatype:", *described]
    if meta:
        head += ["meta: !!omap", *(f"- {{{_scalar(k)}: {_scalar(v)}}}" for k, v in meta.items())]
    head += ["schema: astropy-2.0"]
    lines = [f"# {line}" for line in head]
    lines.append(" ".join(map(_quoted, columns)))
    lines += map(" ".join, zip(*map(_cells, columns.values()), strict=True))
    write_text(path, "\n".join(lines) + "\n")
    return path


def _scalar(value: Any) -> str:
    """Spell a value in YAML."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=not value.isprintable())
    if value is None or isinstance(value, bool | np.bool_):
        return {None: "null", True: "true", False: "false"}[None if value is None else bool(value)]
    if isinstance(value, int | np.integer):
        return str(int(value))
    number = float(value)
    if not math.isfinite(number):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(number, ".nan")
    text = repr(number)
    return text if "." in text else text.replace("e", ".0e")  # YAML takes 1e-05 for text


def _quoted(text: str) -> str:
    plain = text and not any(c in text for c in ' "\n\r\t')
    return text if plain else '"' + text.replace('"', '""') + '"'


def _cells(values: NDArray[Any]) -> list[str]:
    """Spell a column's values; empty text stands for what is masked."""
    data = np.ma.getdata(values).tolist()
    text = values.dtype.kind in "UO"
    cells = [_quoted(str(v)) for v in data] if text else list(map(repr, data))
    if np.ma.is_masked(values):
        for k in np.flatnonzero(np.ma.getmaskarray(values)):
            cells[k] = '""'
    return cells
