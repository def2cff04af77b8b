"""Write files whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spacekit.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PART",
    "ensure_folder",
    "exclusive",
    "is_marked",
    "replacing",
    "write_csv",
    "write_json",
    "write_text",
]

#: Files and folders in the making start so; what is left of a killed run is cleared by the next.
PART: Final = ".part-"


def ensure_folder(folder: Path) -> Path:
    """Make `folder` (and its parents) and check that it can be written.

    Raises
    ------
    OutputError
        If it can't be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OutputError(
            f"{folder}: can't write there ({error.strerror}); choose another output folder"
        ) from error


@contextmanager
def exclusive(output: Path, *written: str) -> Iterator[None]:
    """Keep other runs out of an output folder, and clear what a killed run left half-written.

    Parameters
    ----------
    output : Path
        The folder; it is itself locked, so that no file is left in it.
    *written : str
        Folders below it that the run writes to, as shell patterns ("img/*").

    Raises
    ------
    OutputError
        If another run is writing there, or the folder can't be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        handle = os.open(output, os.O_RDONLY)
    except OSError as error:
        raise OutputError(
            f"{output}: can't be opened ({error.strerror}); choose another"
        ) from error
    try:
        if _lock(handle, output):  # else what looks left may be a live run's
            for folder in (".", ".spacekit", *written):
                for left in output.glob(f"{folder}/{PART}*"):
                    _remove(left)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, output: Path) -> bool:
    """Lock a folder for as long as it is open, and say whether the system could."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(f"{output}: another run is writing there; wait for it") from error
    except OSError:  # file systems without locks
        return False
    return True


def _remove(left: Path) -> None:
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it into place when the block ends well.

    The temporary file has the same suffix, so that writers which go by it (FITS, PNG) work.
    When the block raises, the temporary file is removed and what was at `path` stays.

    Raises
    ------
    OutputError
        If the folder can't be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: can't be made ({error.strerror})") from error
    part = path.with_name(f"{PART}{secrets.token_hex(8)}{path.suffix}")
    try:
        yield part
        part.replace(path)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: can't be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)


def is_marked(path: Path, mark: str) -> bool:
    """Whether a regular file's first kilobyte holds a mark, as what we wrote there does.

    Raises
    ------
    OutputError
        If it can't be read.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return mark.encode() in file.read(1024)
    except OSError as error:
        raise OutputError(f"{path}: can't be read ({error.strerror})") from error


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON to `path`; NaN is refused, use None."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write `table` without its row index to `path`, whole or not at all."""
    with replacing(path) as part:
        table.to_csv(part, index=False)
