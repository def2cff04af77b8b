"""Large arrays that take little memory: a full-format visit fits 1 GB so.

What nobody looks at is kept in files without names, which vanish with the last array that looks
into them, or with the process.
"""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from spacekit.errors import OutputError

__all__ = ["keep", "release", "zeros"]

#: A smaller array costs more as a file than it saves.
_LEAST_BYTES: Final = 4_000_000

#: What isn't POSIX can't drop pages; there everything works, in more memory.
_POSIX: Final = hasattr(mmap.mmap, "madvise")

_Any = TypeVar("_Any", bound=np.generic)


def keep(array: NDArray[_Any], folder: Path | None) -> NDArray[_Any]:
    """Move an array into a file; its pixels are read from there as they are looked at.

    What was looked at stays in memory until it is released, see `release`.

    Parameters
    ----------
    array : ndarray
        Left as it is, to be forgotten by the caller.
    folder : Path or None
        Where there is room on disk; None: the array stays in memory.

    Returns
    -------
    ndarray
        The same values, read-only; a small array is given back itself.

    Raises
    ------
    OutputError
        If the folder doesn't take it.
    """
    if folder is None or array.nbytes < _LEAST_BYTES:
        return array
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            # written, not mapped for writing: a full disk is then an error, not a dead process
            file.write(np.ascontiguousarray(array).data)
            file.flush()
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise OutputError(
            f"{folder}: can't keep pixels there ({error.strerror}); choose another output folder"
        ) from error
    return np.frombuffer(pages, dtype=array.dtype).reshape(array.shape)


def release(*arrays: NDArray[Any]) -> None:
    """Drop from memory what was looked at of kept arrays; other arrays stay as they are."""
    for array in arrays:
        base: Any = array
        while isinstance(base, np.ndarray):
            base = base.base
        pages = base.obj if isinstance(base, memoryview) and base.readonly else None
        if _POSIX and isinstance(pages, mmap.mmap):  # not of `zeros`, whose pages would be lost
            pages.madvise(mmap.MADV_DONTNEED)


def zeros(shape: tuple[int, ...], dtype: type[_Any]) -> NDArray[_Any]:
    """Give an array that takes memory only where something is written to it.

    numpy's own are handed out in pieces of 2 MB, dozens of rows: the wide empty corners of a
    mosaic that is turned count as written there.
    """
    if not _POSIX:
        return np.zeros(shape, dtype)
    size = max(1, int(np.prod(shape)) * np.dtype(dtype).itemsize)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=dtype, count=int(np.prod(shape))).reshape(shape)
