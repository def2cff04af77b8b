"""How the files of a mosaic are called and where they lie; who looks for them needs nothing else.

A mosaic's frames, stamps, pictures to blink and findings lie in one folder. The image folder may
be a stranger's: nothing outside of it is looked at, through links neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from spacekit.errors import FrameError
from spacekit.visit.names import is_plain_name

__all__ = [
    "BLINK_KINDS",
    "FRAME_KINDS",
    "blink_path",
    "find_blinks",
    "findings_path",
    "frame_paths",
    "leads_out",
    "mosaic_folder",
    "stamps_path",
]

#: The three frames of a mosaic, in the order of the stack, and the suffixes of their names.
FRAME_KINDS: Final = ("plain", "source", "gaia")
_SUFFIXES: Final = ("", "_source", "_gaia")

#: Between a mosaic's name and a product's in the names of the pictures that are blinked.
BLINK_KINDS: Final = ("blink", "blinkfield")


def mosaic_folder(images: Path, index: str, label: int | None = None) -> Path | None:
    """Find a mosaic's folder: ``<images>/<index>/``, or ``0/<index>/`` or ``1/<index>/`` there.

    Frames, findings and pictures are all taken from it, so that they are of one measurement.

    Parameters
    ----------
    images : Path
        The image folder.
    index : str
        The mosaic's name, a stranger's.
    label : int, optional
        Below which of ``0/`` and ``1/`` to look first.

    Returns
    -------
    Path or None
        The first that is there.

    Raises
    ------
    FrameError
        If the index is no name, or the folder is a link that leads out.
    """
    if not is_plain_name(index):
        raise FrameError(f"{index[:60]!r} is no mosaic's name; its frames were not looked for")
    places = [index, f"0/{index}", f"1/{index}"]
    if label is not None:
        places.insert(0, f"{label}/{index}")
    folder = next((images / place for place in places if (images / place).is_dir()), None)
    if folder is not None and _leads_out(folder, images):
        raise FrameError(f"{folder}: leads out of {images}; put the folder itself there")
    return folder


def leads_out(path: Path, images: Path) -> bool:
    """Whether a file of a mosaic's folder (`mosaic_folder`) is a link that leads out of `images`.

    So does a link that leads round in a circle: nowhere.
    """
    return path.is_symlink() and _leads_out(path, images)  # resolving takes a hundred times longer


def _leads_out(path: Path, images: Path) -> bool:
    """Whether a path below the image folder is, or goes through, such a link."""
    try:
        return not path.resolve().is_relative_to(images.resolve())
    except (OSError, RuntimeError):  # RuntimeError: a link loop, on Python 3.11 and 3.12
        return True


def frame_paths(folder: Path, index: str) -> tuple[Path, Path, Path]:
    """Name the three PNG files of a mosaic below the image folder: ``<index>/<index>....png``."""
    plain, source, gaia = (folder / index / f"{index}{name}.png" for name in _SUFFIXES)
    return plain, source, gaia


def stamps_path(folder: Path, index: str) -> Path:
    """Name the sheet of a mosaic below the image folder: ``<index>/<index>_stamps.png``."""
    return folder / index / f"{index}_stamps.png"


def findings_path(folder: Path, index: str) -> Path:
    """Name the file of a mosaic below the image folder: ``<index>/<index>_offsets.json``."""
    return folder / index / f"{index}_offsets.json"


def blink_path(folder: Path, index: str, kind: str, product: str) -> Path:
    """Name one of `BLINK_KINDS` of a product: ``<index>/<index>_blink_<product>.jpg``."""
    return folder / index / f"{index}_{kind}_{product}.jpg"


def find_blinks(folder: Path, index: str) -> dict[str, dict[str, Path]]:
    """Find the pictures to blink that are there: those of each of `BLINK_KINDS`, by product."""
    try:
        names = sorted(path.name for path in (folder / index).iterdir())
    except OSError:  # gone meanwhile
        names = []
    found: dict[str, dict[str, Path]] = {}
    for kind in BLINK_KINDS:
        start = f"{index}_{kind}_"
        files = [n for n in names if n.startswith(start) and n.endswith(".jpg")]
        found[kind] = {n[len(start) : -len(".jpg")]: folder / index / n for n in files}
    return found
