"""How far margins, padding and scale of the frames move a model's probability."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.accuracy.sets import read_parts
from benchmarks.tables import markdown
from spacekit.measure.file_names import frame_paths, stamps_path
from spacekit.measure.schema import INDEX
from spacekit.model.images import open_frames
from spacekit.model.infer import Model
from spacekit.visit.pictures import read_png

__all__ = ["framing_table"]

_VISITS: Final = 150


def _scaled(factor: float) -> Callable[[Image.Image], Image.Image]:
    def scale(picture: Image.Image) -> Image.Image:
        width, height = (max(1, round(n * factor)) for n in picture.size)
        return picture.resize((width, height), Image.Resampling.BICUBIC)

    return scale


#: What is done to the three frames of a mosaic, all alike.
_CHANGES: Final[dict[str, Callable[[Image.Image], Image.Image]]] = {
    "black border of 40 px": lambda p: ImageOps.expand(p, 40, "black"),
    "white margin of 100 px": lambda p: ImageOps.expand(p, 100, "white"),
    "black below and right, 200 px": lambda p: ImageOps.expand(p, (0, 0, 200, 200), "black"),
    "scaled by 0.6": _scaled(0.6),
    "scaled by 1.7": _scaled(1.7),
}


def framing_table(work: Path, model: Model) -> list[str]:
    """Answer some visits of the test set with their frames changed; lines of the card.

    Parameters
    ----------
    work : Path
        Where the sets are.
    model : Model
        Whom to ask.
    """
    table, part = read_parts(work, "test")[0]
    chosen = table.iloc[:: max(1, len(table) // _VISITS)].reset_index(drop=True)
    before = _answers(model, chosen, part / "img")
    scratch = work / "scratch-framing"
    rows = []
    for words, change in _CHANGES.items():
        shutil.rmtree(scratch, ignore_errors=True)
        for name in chosen[INDEX]:
            _redraw(part / "img" / name, scratch / name, change)
        moved = np.abs(_answers(model, chosen, scratch) - before)
        rows.append([words, f"{np.median(moved):.4f}", f"{moved.max():.4f}"])
    shutil.rmtree(scratch, ignore_errors=True)
    return [
        "## Whether the frames' size says anything",
        "",
        f"{len(chosen)} visits of the test set, each with its frames padded or rescaled"
        f"{'' if model.manifest.frames_count else ' (no answer rests on them)'}:",
        "",
        markdown(["frames", "median change of the probability", "largest"], rows),
        "",
    ]


def _answers(model: Model, table: pd.DataFrame, images: Path) -> NDArray[np.float64]:
    with open_frames(images) as source:
        return model.predict_table(table, source).table["y_proba"].to_numpy(np.float64)


def _redraw(folder: Path, target: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    """Copy a mosaic's pictures with its frames changed."""
    target.mkdir(parents=True)
    for path in frame_paths(folder.parent, folder.name):
        change(read_png(path)).save(target / path.name, compress_level=1)
    sheet = stamps_path(folder.parent, folder.name)
    if sheet.is_file():
        shutil.copyfile(sheet, target / sheet.name)
