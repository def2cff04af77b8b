"""Check values from strangers' headers and JSON before anything uses them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["MALFORMED", "as_count", "as_number", "as_text", "card"]

#: What readers of astropy raise, by experience, on files that are cut, scrambled or made up.
MALFORMED: Final = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    SyntaxError,
)

#: More of anything than a mosaic can hold means that the number is broken.
_MOST: Final = 1_000_000_000


def as_count(value: Any) -> int | None:
    """Give a number of things as int (0 and up), None where `value` is no such number."""
    number = as_number(value)
    if number is None or number < 0 or number > _MOST or number != int(number):
        return None
    return int(number)


def as_number(value: Any) -> float | None:
    """Give a finite number as float, None where `value` is none; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_text(value: Any, longest: int = 200) -> str | None:
    """Give a stripped, printable, non-empty string, None where `value` is none."""
    if not isinstance(value, str):
        return None
    text = "".join(c for c in value[:longest] if c.isprintable()).strip()
    return text or None


def card(header: fits.Header, key: str) -> Any:
    """Give the value of a header card, None where it is absent, undefined or unparsable."""
    from astropy.io import fits  # here: prediction, which reads no FITS, needn't wait for it

    try:
        value = header.get(key)
    except (fits.VerifyError, ValueError, TypeError):
        return None
    return None if isinstance(value, fits.card.Undefined) else value
