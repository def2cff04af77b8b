"""How the files of a mosaic are called; whoever only looks for them needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = ["BLINK_KINDS", "findings_path", "frame_paths"]

#: Suffixes of the three frames of a mosaic, in the order of the stack.
_SUFFIXES: Final = ("", "_source", "_gaia")

#: Between a mosaic's name and a product's in the names of the pictures that are blinked.
BLINK_KINDS: Final = ("blink", "blinkfield")


def frame_paths(folder: Path, index: str) -> tuple[Path, Path, Path]:
    """Name the three PNG files of a mosaic below the image folder: ``<index>/<index>....png``."""
    plain, source, gaia = (folder / index / f"{index}{name}.png" for name in _SUFFIXES)
    return plain, source, gaia


def findings_path(folder: Path, index: str) -> Path:
    """Name the file of a mosaic below the image folder: ``<index>/<index>_offsets.json``."""
    return folder / index / f"{index}_offsets.json"
