"""The contact sheet of a mosaic's stamps, and how it is read back.

An 8-bit gray PNG of 4 rows of 8 cells. A cell is the image on the left and the weight on the
right, each 32 x 32 px, with a line of 1 px after it to the right and below; the first source is at
the top left, FITS +y is up. An empty cell is black, its weight too. Reading one needs none of what
cutting stamps out takes (`spacekit.measure.stamps`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spacekit.errors import FrameError
from spacekit.files import replacing
from spacekit.measure.file_names import stamps_path
from spacekit.visit.pictures import open_picture

__all__ = ["COUNT", "SIDE_PX", "Stamps", "read_stamps", "write_stamps"]

#: Side of a stamp, and how many there are on a sheet.
SIDE_PX: Final = 32
COLUMNS: Final = 8
ROWS: Final = 4
COUNT: Final = COLUMNS * ROWS

_PITCH: Final = (SIDE_PX + 1, 2 * SIDE_PX + 1)
_SHEET: Final = (ROWS * _PITCH[0], COLUMNS * _PITCH[1])
_LINE_GRAY: Final = 60


@dataclass(frozen=True)
class Stamps:
    """Cutouts of one mosaic.

    Parameters
    ----------
    pixels : ndarray, shape (32, 2, 32, 32), float32
        Image and weight of each, 0 to 1 as on the sheet (see `encode_image`), first row lowest.
    present : ndarray, shape (32,), bool
        Which there are; the others are 0.
    """

    pixels: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.present.sum())


def write_stamps(stamps: Stamps, folder: Path, index: str) -> Path:
    """Write the contact sheet of a mosaic, whole or not at all.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    sheet = np.full(_SHEET, _LINE_GRAY, np.uint8)
    for number, stamp in enumerate(np.rint(stamps.pixels * 255).astype(np.uint8)):
        for channel, view in zip(_cell(number), stamp, strict=True):
            sheet[channel] = view[::-1]
    path = stamps_path(folder, index)
    with replacing(path) as part:
        Image.fromarray(sheet).save(part, compress_level=6)
    return path


def read_stamps(path: Path) -> NDArray[np.uint8] | None:
    """Read a contact sheet back; None where there is none.

    Returns
    -------
    ndarray, shape (32, 2, 32, 32), uint8, or None
        Image and weight of each stamp as `Stamps.pixels`, but 0 to 255; 0 where there is none.

    Raises
    ------
    FrameError
        If it is no such sheet.
    """
    if not path.exists():
        return None
    try:
        with open_picture(path, "PNG") as image:
            if image.mode != "L" or image.size != _SHEET[::-1]:
                wanted = f"{_SHEET[1]} x {_SHEET[0]} gray pixels"
                raise FrameError(f"{path}: is no contact sheet of {wanted}")
            sheet = np.asarray(image)
    except FrameError as error:
        raise FrameError(f"{error}; run prep again") from error
    cells = sheet.reshape(ROWS, _PITCH[0], COLUMNS, _PITCH[1])[:, :SIDE_PX, :, : 2 * SIDE_PX]
    halves = cells[:, ::-1].reshape(ROWS, SIDE_PX, COLUMNS, 2, SIDE_PX)
    return halves.transpose(0, 2, 3, 1, 4).reshape(COUNT, 2, SIDE_PX, SIDE_PX)


def _cell(number: int) -> list[tuple[slice, slice]]:
    """Where the image and the weight of a stamp lie on the sheet."""
    row, column = divmod(number, COLUMNS)
    top, left = row * _PITCH[0], column * _PITCH[1]
    rows = slice(top, top + SIDE_PX)
    return [(rows, slice(left + k * SIDE_PX, left + (k + 1) * SIDE_PX)) for k in (0, 1)]
