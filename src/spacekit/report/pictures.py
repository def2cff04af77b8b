"""Bring a mosaic's pictures beside the page: decoded, reduced, within a budget of bytes.

Nothing of a stranger's file reaches the page as it is: each picture is decoded and written anew.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from PIL import Image

from spacekit.errors import FrameError
from spacekit.files import replacing
from spacekit.measure.file_names import (
    BLINK_KINDS,
    FRAME_KINDS,
    find_blinks,
    frame_paths,
    leads_out,
    mosaic_folder,
    stamps_path,
)
from spacekit.report.nouns import Pictures
from spacekit.visit.pictures import is_copy, open_picture, read_png

__all__ = ["BUDGET_BYTES", "MEDIA", "bring_pictures"]

#: The folder of the pictures, beside the page.
MEDIA: Final = "media"
#: All pictures of a mosaic together; the page has another 2 kB on it.
BUDGET_BYTES: Final = 190_000
#: JPEG qualities and long sides, finest first. The usual one fits most often; where its pictures
#: take less than a share of the budget, the finest may (26 mosaics, genuine and simulated).
_STEPS: Final = ((75, 512), (60, 512), (45, 512), (32, 512), (22, 512), (20, 384), (20, 256))
#: Bytes that a step takes, of the usual one's: frames of 75 mosaics, to 0.05.
_SHARES: Final = (1.35, 1.0, 0.8, 0.6, 0.47, 0.25, 0.12)
_USUAL: Final = 1
_ROOM_FOR_FINEST: Final = 0.75
#: Blinking shows what changes: these are worth more quality.
_BLINK_BONUS: Final = 12
#: A contact sheet holds many small pictures.
_SHEET_SIDE: Final = 2
_MOST_BLINKS: Final = 6
_PRODUCT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")
_NOTHING: Final[Mapping[str, Image.Image]] = MappingProxyType({})


def bring_pictures(
    img: Path, index: str, report: Path, decoded: Mapping[str, Image.Image] = _NOTHING
) -> Pictures:
    """Write a mosaic's pictures to ``<report>/media/<index>/``, unless they are there already.

    Parameters
    ----------
    img : Path
        The folder of frames; a mosaic's are in ``<index>/``, ``0/<index>/`` or ``1/<index>/``.
    index : str
        The mosaic.
    report : Path
        The page's folder.
    decoded : mapping of str to PIL.Image.Image
        Frames that somebody has just read, by kind: they are not read again.

    Returns
    -------
    Pictures
        What is there now. A picture that is missing or can't be read is told in its notes.

    Raises
    ------
    OutputError
        If they can't be written.
    """
    try:
        folder = mosaic_folder(img, index)
    except FrameError as error:
        return Pictures((), (f"no pictures: {str(error).replace(str(img), img.name)}",))
    if folder is None:
        return Pictures((), (f"no pictures: there is no folder {index} in {img.name}",))
    sources = _sources(folder, index, img)
    target = report / MEDIA / index
    if _is_current(sources, target):
        return Pictures(tuple(sources), _absent(sources))
    pictures = {kind: decoded[kind] for kind in sources if kind in decoded}
    notes: list[str] = []
    for kind in [kind for kind in sources if kind not in pictures]:
        source = sources[kind]
        try:
            again = "plain" in pictures and is_copy(source, sources["plain"])
            pictures[kind] = pictures["plain"] if again else _read(source)
        except FrameError as error:
            notes.append(str(error).replace(str(source), source.name))
    _clear(target)
    for kind, encoded in _within_budget(pictures).items():
        path = target / f"{kind}.jpg"
        with replacing(path) as part:
            part.write_bytes(encoded)
            os.utime(part, ns=(_mtime(sources[kind]),) * 2)
    return Pictures(tuple(pictures), (*notes, *_absent(sources)))


def _sources(folder: Path, index: str, img: Path) -> dict[str, Path]:
    """Name the pictures that are there by kind: frames, stamps, then what blinks."""
    files = dict(zip(FRAME_KINDS, frame_paths(folder.parent, index), strict=True))
    files["stamps"] = stamps_path(folder.parent, index)
    for kind, products in find_blinks(folder.parent, index).items():
        for name in [name for name in products if _PRODUCT.fullmatch(name)][:_MOST_BLINKS]:
            files[f"{kind}_{name}"] = products[name]
    return {k: p for k, p in files.items() if p.is_file() and not leads_out(p, img)}


def _absent(sources: dict[str, Path]) -> tuple[str, ...]:
    """Say what there might be and isn't."""
    words = {"plain": "frame", "source": "frame with sources", "gaia": "frame with Gaia stars"}
    lacking = [words[kind] for kind in words if kind not in sources]
    lacking += [] if "stamps" in sources else ["stamps"]
    lacking += [] if any(kind.startswith("blink_") for kind in sources) else ["pictures to blink"]
    return (f"not there: {', '.join(lacking)}",) if lacking else ()


def _is_current(sources: dict[str, Path], target: Path) -> bool:
    """Whether the pictures in `target` were made from these files as they are now."""
    made = {path.stem: _mtime(path) for path in target.glob("*.jpg")}
    return bool(sources) and made == {kind: _mtime(path) for kind, path in sources.items()}


def _mtime(path: Path) -> int:
    """Give the time of change in whole seconds, as ns: not every file system keeps more."""
    try:
        return path.stat().st_mtime_ns // 1_000_000_000 * 1_000_000_000
    except OSError:  # gone meanwhile
        return 0


def _clear(target: Path) -> None:
    for path in target.glob("*.jpg"):
        path.unlink(missing_ok=True)


def _read(path: Path) -> Image.Image:
    """Decode a PNG or JPEG of bounded size.

    Raises
    ------
    FrameError
        If it is something else, cut off, or unreasonably large.
    """
    if path.suffix == ".png":
        return read_png(path)
    with open_picture(path, "JPEG") as image:
        return image.convert("L")


def _within_budget(pictures: dict[str, Image.Image]) -> dict[str, bytes]:
    """Encode pictures so finely that their bytes fit together, at the largest one's expense."""
    encoded = _encode_all(pictures, _USUAL)
    if _bytes(encoded) <= _ROOM_FOR_FINEST * BUDGET_BYTES:
        finest = _encode_all(pictures, 0)
        return finest if _bytes(finest) <= BUDGET_BYTES else encoded
    steps = dict.fromkeys(pictures, _USUAL)
    while (over := _bytes(encoded) - BUDGET_BYTES) > 0 and steps:
        largest, *others = sorted(steps, key=lambda kind: -len(encoded[kind]))
        fitting = max(len(encoded[largest]) - over, *(len(encoded[kind]) for kind in others[:1]), 0)
        steps[largest] = _coarser(steps[largest], fitting / len(encoded[largest]))
        encoded[largest] = _encode(largest, pictures[largest], *_STEPS[steps[largest]])
        if steps[largest] == len(_STEPS) - 1:
            del steps[largest]
    return encoded


def _coarser(step: int, share: float) -> int:
    """Give the finest of the coarser steps that is likely to take this share of `step`'s bytes."""
    coarser = range(step + 1, len(_STEPS))
    return next((s for s in coarser if _SHARES[s] <= share * _SHARES[step]), coarser[-1])


def _bytes(encoded: dict[str, bytes]) -> int:
    return sum(map(len, encoded.values()))


def _encode_all(pictures: dict[str, Image.Image], step: int) -> dict[str, bytes]:
    """Encode pictures at a step; one that is there twice, once."""
    made: dict[int, bytes] = {}
    for kind, picture in pictures.items():
        if id(picture) not in made:
            made[id(picture)] = _encode(kind, picture, *_STEPS[step])
    return {kind: made[id(picture)] for kind, picture in pictures.items()}


def _encode(kind: str, picture: Image.Image, quality: int, side: int) -> bytes:
    longest = side * _SHEET_SIDE if kind == "stamps" else side
    if max(picture.size) > longest:
        picture = picture.copy()
        picture.thumbnail((longest, longest), Image.Resampling.BOX)
    buffer = io.BytesIO()
    # thin coloured circles need their colour at full resolution
    quality += _BLINK_BONUS if kind.startswith(BLINK_KINDS) else 0
    picture.save(buffer, format="JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
