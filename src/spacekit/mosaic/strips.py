"""Large images in strips of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["strips"]

#: Rows that are looked at together.
_STRIP_ROWS: Final = 512


def strips(rows: int, margin: int = 0) -> Iterator[tuple[slice, slice]]:
    """Cut an image into strips of rows.

    Parameters
    ----------
    rows : int
        Height of the image.
    margin : int
        Rows that a strip needs beyond its own on either side, where the image has them.

    Yields
    ------
    with_margin, own : slice
        Rows of the image; and of these the strip's own, counted from the first of the former.
    """
    for first in range(0, rows, _STRIP_ROWS):
        low = max(first - margin, 0)
        last = min(first + _STRIP_ROWS, rows)
        yield slice(low, min(last + margin, rows)), slice(first - low, last - low)
