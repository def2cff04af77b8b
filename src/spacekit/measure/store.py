"""The scraped table as HDF5, in the layout of pandas' table format.

Written by pandas, so that ``pandas.read_hdf("svm_data.h5", "mydata")`` opens it. Read back with
h5py from the plain fields of ``mydata/table``: pandas would unpickle attributes, which a
stranger's file may use to run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import pandas as pd

from spacekit.errors import OutputError, TableError
from spacekit.files import replacing
from spacekit.measure.schema import INDEX

__all__ = ["KEY", "read_store", "write_store"]

KEY: Final = "mydata"

_MOST_ROWS: Final = 10_000_000
_LARGEST_BYTES: Final = 4_000_000_000
#: A table may unpack to so much, or to so many times its file.
_UNPACKED_FREELY: Final = 100_000_000
_MOST_TIMES: Final = 200


def write_store(path: Path, table: pd.DataFrame) -> None:
    """Write the scraped table to `path`, whole or not at all.

    Parameters
    ----------
    path : Path
        The file, ``.h5``.
    table : pandas.DataFrame
        With a column index, which becomes the row labels of what pandas reads.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    indexed = table.set_index(INDEX)
    plain = pd.DataFrame({name: _plain(column) for name, column in indexed.items()})
    with replacing(path) as part:
        try:
            with pd.HDFStore(str(part), mode="w") as store:
                # an index of each column would be ten times the size of the table
                store.put(
                    KEY, plain, format="table", data_columns=True, index=False, track_times=False
                )
            read_store(part)  # where the disk is full nothing says so before
        except (TableError, RuntimeError) as error:
            raise OutputError(f"{path}: can't be written whole; is the disk full?") from error


def read_store(path: Path) -> pd.DataFrame:
    """Read a scraped table back; nothing in the file is unpickled.

    Returns
    -------
    pandas.DataFrame
        With the column index; numbers as int64 or float64, words as str.

    Raises
    ------
    TableError
        If the file can't be read, or wasn't written so.
    """
    try:
        with h5py.File(path, "r") as file:
            records = _records(path, file)
    except TableError:
        raise
    except FileNotFoundError as error:
        raise TableError(f"{path}: no such file") from error
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError) as error:
        raise TableError(f"{path}: can't be read as HDF5 ({str(error)[:160]})") from error
    return pd.DataFrame({name: _column(path, records[name], name) for name in records.dtype.names})


def _records(path: Path, file: Any) -> Any:
    """Give the rows of ``mydata/table`` as a structured array, after checking what they are."""
    made = f"{path}: no table that prep wrote ({KEY}/table with every column a field of its own)"
    # get(getlink=True) tells a link that leads into other files, which isn't followed
    for place in (KEY, f"{KEY}/table"):
        if not isinstance(file.get(place, getlink=True), h5py.HardLink):
            raise TableError(f"{made}; run prep again to make one")
    data = file[f"{KEY}/table"]
    if not isinstance(data, h5py.Dataset) or data.ndim != 1 or data.dtype.names is None:
        raise TableError(f"{made}; run prep again to make one")
    size = data.shape[0] * data.dtype.itemsize
    unpacked = max(_UNPACKED_FREELY, _MOST_TIMES * path.stat().st_size)
    if data.shape[0] > _MOST_ROWS or size > min(_LARGEST_BYTES, unpacked):
        raise TableError(f"{path}: table of {data.shape[0]} rows is too large")
    kinds = {name: data.dtype[name] for name in data.dtype.names}
    if INDEX not in kinds or any(t.shape or t.kind not in "iufSb" for t in kinds.values()):
        raise TableError(f"{made}; run prep again to make one")
    if data.is_virtual or data.external:
        raise TableError(f"{path}: table lies in other files, which aren't read")
    return data[:]


def _column(path: Path, values: Any, name: str) -> Any:
    if values.dtype.kind != "S":
        return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    try:
        return pd.Series([v.decode("utf-8") for v in values.tolist()], dtype=object)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: column {name} holds no text") from error


def _plain(column: pd.Series) -> pd.Series:
    """Give a column in a type that HDF5 has: int64, float64 or str."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_integer_dtype(column):
        return column.astype(np.float64) if column.isna().any() else column.astype(np.int64)
    if pd.api.types.is_float_dtype(column):
        return column.astype(np.float64)
    return column.fillna("").astype(str).astype(object)
