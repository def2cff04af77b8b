"""Open strangers' pictures: of one format, of bounded size, decoded only then."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from spacekit.errors import FrameError
from spacekit.visit.values import MALFORMED, is_ours

__all__ = ["LARGEST_SIDE_PX", "is_copy", "open_picture", "read_png"]

#: Side of the largest frame. Pictures of more pixels than a square of it are refused before they
#: are decoded (a figure of ours has 0.3 Mpx).
LARGEST_SIDE_PX: Final = 4096

#: Bytes of files that are compared (a figure of the original's has 3 million).
_MOST_COMPARED: Final = 64_000_000

#: From this opacity on, of 255, a pixel is its colour; below, it is a figure's margin.
_OPAQUE: Final = 128

_TOO_LARGE: Final = f"too large for a frame (at most {LARGEST_SIDE_PX} x {LARGEST_SIDE_PX} px)"

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
        Of at most 4096 x 4096 px, valid inside the block.

    Raises
    ------
    FrameError
        If the file is missing, something else, cut off, or unreasonably large. What the block's
        own lines raise comes out as it is.
    """
    if path.exists() and not path.is_file():
        raise FrameError(f"{path}: is no file")  # a pipe would be waited for without end
    try:
        with path.open("rb") as file, Image.open(file, formats=(_FORMATS[kind],)) as image:
            if image.width * image.height > LARGEST_SIDE_PX**2:
                raise FrameError(f"{path}: {image.width} x {image.height} px, {_TOO_LARGE}")
            yield image
    except FileNotFoundError as error:
        raise FrameError(f"{path}: is missing") from error
    except UnidentifiedImageError as error:
        raise FrameError(f"{path}: is no {kind}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FrameError(f"{path}: {_TOO_LARGE}") from error
    except _PICTURE_FAULTS as error:
        if is_ours(error):
            raise
        detail = ascii(str(error)[:100])[1:-1]
        raise FrameError(f"{path}: can't be read as {kind} ({detail})") from error


def read_png(path: Path) -> Image.Image:
    """Read a PNG as RGB or 8-bit gray, transparent pixels white (as a figure's margin).

    Returns
    -------
    PIL.Image.Image
        Mode RGB, or L where the file is gray or its palette is, as far as it is used.

    Raises
    ------
    FrameError
        If it is missing, no PNG, cut off, or unreasonably large.
    """
    with open_picture(path, "PNG") as image:
        return _opaque(image)


def is_copy(path: Path, other: Path) -> bool:
    """Whether a picture is another's copy, as frames with nothing to overlay are.

    False where either can't be read (opening it tells what is wrong), or is larger than frames are.
    """
    try:
        sizes = {path.stat().st_size, other.stat().st_size}
        alike = len(sizes) == 1 and max(sizes) <= _MOST_COMPARED and path.is_file()
        return alike and other.is_file() and path.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _opaque(image: Image.Image) -> Image.Image:
    """Any mode to RGB or gray bytes."""
    if image.mode in ("I", "I;16", "I;16B", "F"):
        deep = np.asarray(image, dtype=np.float32)
        return Image.fromarray((deep / 257).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("L", "1") or _is_gray(image) else "RGB")
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    rgb, opacity = rgba.convert("RGB"), rgba.getchannel("A")
    if opacity.getextrema()[0] < _OPAQUE:
        rgb.paste((255, 255, 255), mask=opacity.point([255 * (a < _OPAQUE) for a in range(256)]))
    return rgb


def _is_gray(image: Image.Image) -> bool:
    """Whether a palette image shows no colours: a third of the bytes to work on, for all after."""
    if image.mode != "P":
        return False
    palette = np.asarray(image.getpalette(), np.int16).reshape(-1, 3)
    shown = np.asarray(image.histogram()[: len(palette)]) > 0
    return not np.ptp(palette[shown], axis=1).any()
