"""Large images in strips of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["THIN_ROWS", "strips"]

#: Rows that are looked at together.
_STRIP_ROWS: Final = 512
#: The same where there are copies of several images at once.
THIN_ROWS: Final = 256


def strips(rows: int, margin: int = 0, height: int = _STRIP_ROWS) -> Iterator[tuple[slice, slice]]:
    """Cut an image into strips of rows.

    Parameters
    ----------
    rows : int
        Height of the image.
    margin : int
        Rows that a strip needs beyond its own on either side, where the image has them.
    height : int
        Rows of a strip.

    Yields
    ------
    with_margin, own : slice
        Rows of the image; and of these the strip's own, counted from the first of the former.
    """
    for first in range(0, rows, height):
        low = max(first - margin, 0)
        last = min(first + height, rows)
        yield slice(low, min(last + margin, rows)), slice(first - low, last - low)
