"""Read the catalogs beside a mosaic: its own sources, and the reference (Gaia) catalog."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from astropy.io.ascii import get_reader
from astropy.io.ascii.ecsv import ECSV_DATATYPES, Ecsv, EcsvHeader
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning
from numpy.typing import NDArray

from spacekit.errors import ProductError
from spacekit.visit.values import MALFORMED

__all__ = [
    "ECSV_FAULTS",
    "UNKNOWN_FLAG",
    "ReferenceCatalog",
    "Sources",
    "read_csv_catalog",
    "read_ecsv",
    "read_reference",
    "read_sources",
]

#: Flag given to a source that has none in any filter: neither good nor fair.
UNKNOWN_FLAG: Final = 9999

#: A crowded full-format field has 50,000 sources in 20 MB.
_LARGEST_BYTES: Final = 300_000_000

#: Position columns (0-based px) in point and in segment catalogs.
_POSITIONS: Final = (("X-Center", "Y-Center"), ("X-Centroid", "Y-Centroid"))

#: What astropy raises on a table that is cut off, scrambled or something else.
ECSV_FAULTS: Final = (*MALFORMED, ImportError, yaml.YAMLError)


@dataclass(frozen=True)
class Sources:
    """Sources of a point or segment catalog, in the pixels of the mosaic.

    Parameters
    ----------
    x_px, y_px : ndarray, shape (n,), float64
        Position, 0-based; NaN where the catalog has none.
    flag : ndarray, shape (n,), int64
        The smallest flag over the filters: up to 1 good, 2 to 5 fair, `UNKNOWN_FLAG` unknown.
    """

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    flag: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x_px)


@dataclass(frozen=True)
class ReferenceCatalog:
    """Stars of the reference catalog, which covers more sky than the mosaic.

    Parameters
    ----------
    ra_deg, dec_deg : ndarray, shape (n,), float64
        ICRS position; rows without one are left out.
    """

    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ra_deg)


def read_sources(path: Path) -> Sources:
    """Read a point or segment catalog, of a total or of a filter.

    Parameters
    ----------
    path : Path
        An ECSV file.

    Returns
    -------
    Sources
        One for each row; none is a catalog too.

    Raises
    ------
    ProductError
        If the file can't be read or has no position columns.
    """
    table = read_ecsv(path)
    for x_name, y_name in _POSITIONS:
        if x_name in table.colnames and y_name in table.colnames:
            flags = [n for n in table.colnames if n == "Flags" or n.startswith("Flags_")]
            return Sources(
                _floats(path, table, x_name), _floats(path, table, y_name), _smallest(table, flags)
            )
    raise ProductError(
        f"{path}: no columns X-Center, Y-Center or X-Centroid, Y-Centroid; is it a source catalog?"
    )


def read_reference(path: Path) -> ReferenceCatalog:
    """Read a reference catalog (columns RA and DEC, degrees).

    Raises
    ------
    ProductError
        If the file can't be read or has no such columns, or several of one name.
    """
    table = read_ecsv(path)
    ra = _floats(path, table, _column(path, table, "RA"))
    dec = _floats(path, table, _column(path, table, "DEC"))
    real = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90) & (np.abs(ra) <= 360)
    return ReferenceCatalog(ra[real], dec[real])


def read_ecsv(path: Path) -> Table:
    """Read a table of columns of single values; formats for printing are left out.

    Raises
    ------
    ProductError
        If the file can't be read, or is no such table.
    """
    with _refusing(path, "ECSV"):
        # an empty cell is masked, with a 0 below the mask
        return get_reader(_PlainEcsv, fill_values=[("", "0")]).read(_lines(path))


def read_csv_catalog(path: Path) -> Table:
    """Read a catalog of comma-separated values, as the services of reference catalogs answer.

    Raises
    ------
    ProductError
        If the file can't be read, or is no such table.
    """
    with _refusing(path, "CSV"):
        return Table.read(_lines(path), format="ascii.csv")


def _lines(path: Path) -> list[str]:
    """Read a catalog's lines: given a path, astropy would unpack an archive or fetch a URL."""
    size = path.stat().st_size
    if size > _LARGEST_BYTES:
        raise ProductError(f"{path}: catalog of {size} bytes is too large to be genuine")
    return path.read_text(encoding="utf-8").splitlines()


@contextmanager
def _refusing(path: Path, kind: str) -> Iterator[None]:
    """Say in one way what can't be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            yield
    except ProductError:
        raise
    except ECSV_FAULTS as error:
        detail = ascii(str(error)[:160])[1:-1]
        raise ProductError(f"{path}: broken or no {kind} catalog ({detail})") from error


class _PlainHeader(EcsvHeader):  # type: ignore[misc]  # astropy has no types
    """A header that can't ask for more than its columns hold.

    A format is tried on a value when it is set, and may ask for a text of gigabytes; so may a
    type that isn't ECSV's own ("U999999999"), and the shape of an array in each cell.
    """

    def get_cols(self, lines: list[str]) -> None:
        super().get_cols(lines)
        for column in self.cols:
            column.format = None
            if column.dtype not in (*ECSV_DATATYPES, "str") or column.subtype:
                raise ValueError(f"column {column.name} is of type {column.dtype}, no ECSV number")


class _PlainEcsv(Ecsv):  # type: ignore[misc]
    _format_name = None  # not to be registered with astropy
    header_class = _PlainHeader


def _column(path: Path, table: Table, name: str) -> str:
    """Find a column by its exact name, else by the one that differs in case only."""
    if f"{name}_1" in table.colnames:  # astropy's name for the second of two
        raise ProductError(f"{path}: several columns {name}; is it a reference catalog?")
    if name in table.colnames:
        return name
    found = [str(n) for n in table.colnames if n.upper() == name]
    if len(found) != 1:
        said = "no column" if not found else f"{len(found)} columns"
        raise ProductError(f"{path}: {said} {name}; is it a reference catalog?")
    return found[0]


def _floats(path: Path, table: Table, name: str) -> NDArray[np.float64]:
    """Give a column as floats, masked and infinite values as NaN."""
    try:
        values: Any = np.ma.asarray(table[name], dtype=np.float64)
    except (TypeError, ValueError, AttributeError) as error:
        raise ProductError(f"{path}: column {name} doesn't hold numbers") from error
    if values.ndim != 1:
        raise ProductError(f"{path}: column {name} holds {values.ndim - 1}-d values, not numbers")
    result: NDArray[np.float64] = np.array(values.filled(np.nan))
    result[~np.isfinite(result)] = np.nan
    return result


def _smallest(table: Table, names: list[str]) -> NDArray[np.int64]:
    """Give the smallest flag of each row, over filters where it was measured (0 and up)."""
    smallest = np.full(len(table), UNKNOWN_FLAG, dtype=np.int64)
    for name in names:
        values: Any = np.ma.asarray(table[name])
        if values.ndim != 1 or values.dtype.kind not in "iuf":
            continue
        numbers = np.array(values.astype(np.float64).filled(np.nan))
        known = np.isfinite(numbers) & (numbers >= 0) & (numbers <= UNKNOWN_FLAG)
        smallest[known] = np.minimum(smallest[known], numbers[known].astype(np.int64))
    return smallest
