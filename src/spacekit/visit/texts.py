"""Read strangers' files of text and JSON, of a sensible size or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from spacekit.errors import ProductError

__all__ = ["read_json", "read_text"]


def read_text(path: Path, largest_bytes: int) -> str:
    """Read a file of text.

    Parameters
    ----------
    path : Path
        The file.
    largest_bytes : int
        No genuine one is larger.

    Raises
    ------
    ProductError
        If it can't be read, is larger, or is no text.
    """
    try:
        size = path.stat().st_size
        if size > largest_bytes:
            raise ProductError(f"{path}: {size} bytes, too large to be genuine")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProductError(f"{path}: broken, not text") from error
    except OSError as error:
        raise ProductError(f"{path}: can't be read ({error.strerror})") from error


def read_json(path: Path, largest_bytes: int, advice: str = "") -> Any:
    """Read a file of JSON; what it holds is unchecked.

    Parameters
    ----------
    path, largest_bytes
        As of `read_text`.
    advice : str
        What to do where it is broken.

    Raises
    ------
    ProductError
        If it can't be read, is larger, or is no JSON.
    """
    text, more = read_text(path, largest_bytes), f"; {advice}" if advice else ""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ProductError(f"{path}: JSON is nested too deep to be genuine{more}") from error
    except ValueError as error:
        raise ProductError(f"{path}: broken or cut short, not JSON ({error}){more}") from error
