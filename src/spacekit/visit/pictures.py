"""Open strangers' pictures: of one format, of bounded size, decoded only then."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from spacekit.errors import FrameError
from spacekit.visit.values import MALFORMED

__all__ = ["is_copy", "open_picture"]

#: Larger pictures are refused before they are decoded (a figure of ours has 0.3 Mpx).
_MOST_PIXELS: Final = 64_000_000

#: Bytes of files that are compared (a figure of the original's has 3 million).
_MOST_COMPARED: Final = 64_000_000

_TOO_LARGE: Final = "too large for a frame"

#: Asked by name for a format that isn't loaded, Pillow loads all of its forty.
_FORMATS: Final = {
    "PNG": PngImagePlugin.PngImageFile.format,
    "JPEG": JpegImagePlugin.JpegImageFile.format,
}

_PICTURE_FAULTS: Final = (*MALFORMED, struct.error, zlib.error)


@contextmanager
def open_picture(path: Path, kind: Literal["PNG", "JPEG"]) -> Iterator[Image.Image]:
    """Open a picture; its pixels are decoded inside the block.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"PNG", "JPEG"}
        The only format that is taken.

    Yields
    ------
    PIL.Image.Image
        Of at most 64 Mpx, valid inside the block.

    Raises
    ------
    FrameError
        If the file is missing, something else, cut off, or unreasonably large.
    """
    try:
        with path.open("rb") as file, Image.open(file, formats=(_FORMATS[kind],)) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise FrameError(f"{path}: {image.width} x {image.height} px, {_TOO_LARGE}")
            yield image
    except FileNotFoundError as error:
        raise FrameError(f"{path}: is missing") from error
    except UnidentifiedImageError as error:
        raise FrameError(f"{path}: is no {kind}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FrameError(f"{path}: {_TOO_LARGE}") from error
    except FrameError:
        raise
    except _PICTURE_FAULTS as error:
        detail = ascii(str(error)[:100])[1:-1]
        raise FrameError(f"{path}: can't be read as {kind} ({detail})") from error


def is_copy(path: Path, other: Path) -> bool:
    """Whether a picture is another's copy, as frames with nothing to overlay are.

    False where either can't be read (opening it tells what is wrong), or is larger than frames are.
    """
    try:
        sizes = {path.stat().st_size, other.stat().st_size}
        alike = len(sizes) == 1 and max(sizes) <= _MOST_COMPARED
        return alike and path.read_bytes() == other.read_bytes()
    except OSError:
        return False
