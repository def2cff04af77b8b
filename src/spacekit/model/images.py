"""Read the pictures of a mosaic: frames and stamps in folders, or frames in an ``.npz``."""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spacekit.errors import FrameError
from spacekit.measure.file_names import (
    FRAME_KINDS,
    frame_paths,
    leads_out,
    mosaic_folder,
    stamps_path,
)
from spacekit.measure.sheet import COUNT, SIDE_PX, read_stamps
from spacekit.model.levels import Picture, normalise_stack
from spacekit.parallel import usable_cores
from spacekit.visit.pictures import LARGEST_SIDE_PX, is_copy, read_png
from spacekit.visit.values import MALFORMED, is_ours

__all__ = [
    "NO_STAMPS",
    "ArrayFrames",
    "FolderFrames",
    "FrameSource",
    "Frames",
    "OnDecoded",
    "load_many",
    "open_frames",
]

#: Called with a mosaic's name and those of its frames that could be read, by kind; in threads.
OnDecoded: TypeAlias = Callable[[str, Mapping[str, Image.Image]], None]

#: Stacks of frames that are loaded ahead.
_AT_ONCE = 16

#: Uncompressed size up to which an array file is unpacked, bytes.
LARGEST_ARRAYS = 64_000_000_000

#: The same for its names: a million of the longest, bytes.
LARGEST_INDEX = 400_000_000

#: What any array file may unpack to, bytes.
UNPACKED_FREELY = 1_000_000_000

#: How many times its size it may unpack to beyond that: frames hold noise, which packs badly.
MOST_TIMES = 200

#: Float frames whose largest value is no larger hold shares of white, from 0 to 1: interpolation
#: overshoots, and frames of 0 to 255 would be all but black.
_BRIGHTEST_SHARE = 2.0

#: Values of an array that are looked at together.
_BLOCK_VALUES = 10_000_000

#: What zipfile and numpy raise on a file that is cut off, encrypted or something else.
_BROKEN_ARCHIVE = (
    *MALFORMED,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


#: What stands for the stamps of a mosaic that has none.
NO_STAMPS: Picture = np.zeros((COUNT, 2, SIDE_PX, SIDE_PX), np.uint8)


@dataclass(frozen=True)
class Frames:
    """What was found for a mosaic.

    Parameters
    ----------
    pixels : ndarray, shape (3, size, size, 3), uint8, or None
        Plain, source, gaia in RGB, ready for the network; None where there is no frame.
    notes : tuple of str
        What was missing or wrong, in sentences.
    stamps : ndarray, shape (32, 2, 32, 32), uint8, or None
        Image and weight of each stamp, 0 where there is none; None where there is no sheet.
    """

    pixels: Picture | None
    notes: tuple[str, ...] = ()
    stamps: Picture | None = None


class FrameSource(Protocol):
    """Where frames come from."""

    def load(self, index: str, size: int, label: int | None = None) -> Frames:
        """Frames of mosaic `index` at `size` px; `label` says in which folder to look first."""


def load_many(
    source: FrameSource, names: Sequence[str], size: int, labels: Sequence[int] | None = None
) -> Iterator[Frames]:
    """Load the frames of many mosaics in their order, a few at a time in threads.

    Decoding releases the interpreter, so threads help; memory holds those few.
    """
    with ThreadPoolExecutor(max_workers=min(4, usable_cores())) as pool:
        for start in range(0, len(names), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            hints = [None] * len(names[some]) if labels is None else labels[some]
            yield from pool.map(lambda n, h: source.load(n, size, h), names[some], hints)


@contextmanager
def open_frames(
    path: Path, *, reduce_to: int | None = None, on_decoded: OnDecoded | None = None
) -> Iterator[FrameSource]:
    """Open a folder of frames or an ``.npz`` of arrays.

    Parameters
    ----------
    path : Path
        ``img`` folder, or array file.
    reduce_to : int, optional
        Reduce frames to this many px first, as an array file of that size would hold them.
    on_decoded : callable (name, frames), optional
        Who else wants a folder's frames while they are in memory.

    Raises
    ------
    FrameError
        If it is neither.
    """
    path = Path(path)
    if path.is_dir():
        yield FolderFrames(path, reduce_to, on_decoded)
    elif path.suffix == ".npz" and path.is_file():
        with tempfile.TemporaryDirectory(prefix="spacekit-") as folder:
            yield ArrayFrames.unpack(path, Path(folder), reduce_to)
    else:
        raise FrameError(f"{path}: is no folder of frames and no .npz file")


class FolderFrames:
    """Frames in ``<root>/<name>/``, ``<root>/0/<name>/`` or ``<root>/1/<name>/``."""

    def __init__(
        self, root: Path, reduce_to: int | None = None, on_decoded: OnDecoded | None = None
    ) -> None:
        self.root = Path(root)
        self.reduce_to = reduce_to
        self._on_decoded = on_decoded

    def load(self, index: str, size: int, label: int | None = None) -> Frames:
        """Read the frames of a mosaic; nothing outside the root is opened."""
        try:
            folder = mosaic_folder(self.root, index, label)
        except FrameError as error:
            return Frames(None, (str(error),))
        if folder is None:
            return Frames(None, (f"no frames in {self.root / index}",))
        pictures: list[Image.Image | None] = []
        notes: list[str] = []
        paths = frame_paths(folder.parent, index)
        for path in paths:
            if pictures and pictures[0] is not None and not os.path.lexists(path):
                pictures.append(None)  # overlays may be missing: that is no news
                continue
            try:
                self._inside(path)
                again = pictures and pictures[0] is not None and is_copy(path, paths[0])
                pictures.append(pictures[0] if again else read_png(path))
            except FrameError as error:
                pictures.append(None)
                notes.append(str(error))
        if self._on_decoded is not None:
            found = zip(FRAME_KINDS, pictures, strict=True)
            self._on_decoded(index, {kind: p for kind, p in found if p is not None})
        stamps = self._stamps(stamps_path(folder.parent, index), notes)
        return replace(_stack(pictures, notes, size, self.reduce_to), stamps=stamps)

    def _stamps(self, path: Path, notes: list[str]) -> Picture | None:
        """Read the contact sheet; tables of other tools have none, so that is no news."""
        try:
            self._inside(path)
            stamps = read_stamps(path)
        except FrameError as error:
            notes.append(str(error))
            return None
        return None if stamps is None or not stamps[:, 1].any() else stamps

    def _inside(self, path: Path) -> None:
        """Refuse a link that leads out of the root."""
        if leads_out(path, self.root):
            raise FrameError(f"{path}: leads out of {self.root}; put the file itself there")


class ArrayFrames:
    """Frames in arrays ``index`` and ``images`` of an ``.npz``, kept on disk while in use."""

    def __init__(
        self, index: Sequence[str], images: NDArray[np.generic], reduce_to: int | None = None
    ) -> None:
        self._rows = {name: row for row, name in reversed(list(enumerate(index)))}
        self._images = images
        self._brightest = _brightest(images)
        self.reduce_to = reduce_to

    @classmethod
    def unpack(cls, path: Path, folder: Path, reduce_to: int | None = None) -> ArrayFrames:
        """Unpack an ``.npz`` to `folder` and map its arrays into memory.

        Raises
        ------
        FrameError
            If it is truncated, holds objects, or arrays of other shapes than documented.
        """
        try:
            with zipfile.ZipFile(path) as packed:
                _check_sizes(path, packed, folder)
                for name in ("index.npy", "images.npy"):
                    packed.extract(name, folder)
            index = np.load(folder / "index.npy", allow_pickle=False)
            images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
            _check_arrays(path, index, images)
        except _BROKEN_ARCHIVE as error:
            if is_ours(error):
                raise
            if isinstance(error, KeyError):
                raise FrameError(f"{path}: needs the arrays index and images") from error
            raise FrameError(f"{path}: can't be read as arrays ({error})") from error
        return cls(_names(path, index), images, reduce_to)

    def load(self, index: str, size: int, label: int | None = None) -> Frames:
        """Take the frames of a mosaic by name."""
        row = self._rows.get(index)
        if row is None:
            return Frames(None, (f"no frames of {index[:60]} in the array file",))
        image = np.asarray(self._images[row])
        if image.ndim == 3:  # (S, S, 9): plain RGB, source RGB, gaia RGB
            image = np.stack(np.split(image, 3, axis=2))
        if image.dtype != np.uint8:
            factor = 255.0 if self._brightest <= _BRIGHTEST_SHARE else 1.0
            image = np.nan_to_num(image.astype(np.float32) * factor, nan=0.0)
            image = np.rint(image.clip(0, 255)).astype(np.uint8)
        return _stack([Image.fromarray(part) for part in image], [], size, self.reduce_to)


def _check_sizes(path: Path, packed: zipfile.ZipFile, folder: Path) -> None:
    """Refuse what unpacks to more than there is room for, or is worth."""
    sizes = {name: packed.getinfo(name).file_size for name in ("index.npy", "images.npy")}
    total = sum(sizes.values())
    if sizes["index.npy"] > LARGEST_INDEX:
        raise FrameError(f"{path}: its index unpacks to more than {LARGEST_INDEX / 1e6:.0f} MB")
    if total > LARGEST_ARRAYS or total > max(UNPACKED_FREELY, MOST_TIMES * path.stat().st_size):
        raise FrameError(f"{path}: unpacks to {total / 1e9:.0f} GB, more than frames would")
    free = shutil.disk_usage(folder).free
    if total > free:
        raise FrameError(
            f"{path}: unpacks to {total / 1e9:.1f} GB, but {folder.parent} has {free / 1e9:.1f} GB "
            "free; make room or set TMPDIR"
        )


def _brightest(images: NDArray[np.generic]) -> float:
    """Largest value of float frames, to tell 0..1 from 0..255; a few rows at a time."""
    if images.dtype == np.uint8:
        return 255.0
    step = max(1, _BLOCK_VALUES * len(images) // max(1, images.size))
    blocks = (np.asarray(images[i : i + step]) for i in range(0, len(images), step))
    return max((float(np.nan_to_num(block, posinf=0).max()) for block in blocks), default=0.0)


def _names(path: Path, index: NDArray[np.generic]) -> list[str]:
    """Mosaics' names, which may be stored as bytes."""
    try:
        names: list[str] = index.astype(str).tolist()
    except ValueError as error:
        raise FrameError(f"{path}: index holds what are no names ({error})") from error
    return names


def _check_arrays(path: Path, index: Any, images: Any) -> None:
    """Shapes and kinds as documented; numpy opens what is an archive itself as no array."""
    if not (isinstance(index, np.ndarray) and isinstance(images, np.ndarray)):
        raise FrameError(f"{path}: index or images is no array")
    counts = (index.shape[:1], images.shape[:1])
    if index.ndim != 1 or index.dtype.kind not in "US" or counts[0] != counts[1]:
        raise FrameError(f"{path}: index must name each of the images")
    shape = images.shape[1:]
    stacked = len(shape) == 4 and shape[0] == 3 and shape[3] == 3 and shape[1] == shape[2]
    channels = len(shape) == 3 and shape[2] == 9 and shape[0] == shape[1]
    if not (stacked or channels) or not 8 <= shape[1] <= LARGEST_SIDE_PX:
        raise FrameError(
            f"{path}: images have shape {images.shape}; it should be (N, 3, 128, 128, 3) "
            "or (N, 128, 128, 9)"
        )
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise FrameError(f"{path}: images are {images.dtype}; uint8 or float is read")


def _stack(
    pictures: Sequence[Image.Image | None],
    notes: Sequence[str],
    size: int,
    reduce_to: int | None,
) -> Frames:
    """Three pictures to a ready stack; a missing one is the plain one again."""
    plain = next((p for p in pictures if p is not None), None)
    if plain is None:
        return Frames(None, tuple(notes))
    full = [plain if p is None else p for p in pictures]
    return Frames(normalise_stack(full, size, reduce_to), tuple(notes))
