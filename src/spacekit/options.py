"""Values of the published calls, as people write them."""

from __future__ import annotations

from spacekit.errors import OptionError

__all__ = ["switch", "whole_number"]


def switch(name: str, value: object) -> bool:
    """Read a published switch.

    Parameters
    ----------
    name : str
        What it is called, for the error.
    value : object
        0 or 1, or the same as a truth value or in words ("0", "1").

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if value in (0, 1):
        return bool(value)
    if value in ("0", "1"):
        return value == "1"
    raise OptionError(f"{name} is {value!a}; give 0 or 1")


def whole_number(name: str, value: object, least: int, most: int) -> int:
    """Read a whole number, or one in words.

    Raises
    ------
    OptionError
        If it is none, or lies outside of `least` to `most`.
    """
    try:
        number = int(str(value))
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        raise OptionError(f"{name} is {value!a}; give a whole number from {least} to {most}")
    return number
