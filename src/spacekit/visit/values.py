"""Check values from strangers' headers and JSON before anything uses them."""

from __future__ import annotations

import math
import traceback
from typing import TYPE_CHECKING, Any, Final

from spacekit.errors import SpacekitError

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["MALFORMED", "as_count", "as_number", "as_text", "card", "is_ours"]

#: What libraries that read files raise, by experience, where these are cut, scrambled or made up.
#: Mistakes of ours are of the same types: where a block holds lines of ours, ask `is_ours`.
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


def is_ours(error: BaseException) -> bool:
    """Whether an exception that came while a file was read says nothing about the file.

    Readers give a file's fault a name, and let the rest out as it is: an error of spacekit's,
    which says what it has to, and whatever a line of spacekit raised itself. A library that
    raises was given a file that it can't read. So our lines check a stranger's values before
    they reckon with them.

    Parameters
    ----------
    error : BaseException
        As it was caught. Where the system or memory fails it isn't ours, whoever asked.
    """
    if isinstance(error, SpacekitError):
        return True
    if isinstance(error, OSError | MemoryError):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised_in = str(frames[-1].f_globals.get("__name__", "")) if frames else ""
    return raised_in.partition(".")[0] == "spacekit"


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
