"""What the benchmark runs on: visits of our simulator, and rows and frames repeated.

Heavy libraries are imported where they are used: the process that starts all others must stay
small, since Linux counts its memory into that of its children.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

__all__ = ["SMALL_PX", "make_visit", "name_of", "repeat_rows", "repeat_visit"]

#: Subarray that a mosaic of 1200 px comes of; None, the full format, gives one of 4500 px.
SMALL_PX = 1024
#: Turned so far that the mosaic has the wanted size, degrees.
_TURNED = {SMALL_PX: 10.0, None: 5.5}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def make_visit(folder: Path, size: int | None, seed: int) -> Path:
    """Simulate an aligned WFC3/UVIS visit of four exposures in two filters; once.

    Parameters
    ----------
    folder : Path
        Where the visit's own folder goes.
    size : int or None
        Side of the subarray, px; None is the full format.
    seed : int
        Of the scene.

    Returns
    -------
    Path
        The visit's folder.
    """
    from spacekit.simulate.draw import draw_spec
    from spacekit.simulate.scene import write_scene
    from spacekit.simulate.settings import SimulationSettings

    spec = replace(
        draw_spec(seed, 0 if size else 1),
        detector="uvis",
        filters=("F606W", "F814W"),
        counts=(2, 2),
        exptimes_s=(500.0, 500.0),
        size=size,
        across_gap=False,
        scene="stars",
        orient_deg=_TURNED[size],
        mode="aligned",
        offset_px=0.0,
        trail_share=0.0,
    )
    return write_scene(folder, spec, SimulationSettings())[0]


def name_of(number: int) -> str:
    """Name a mosaic by a number of up to five digits: one proposal each."""
    program = "".join(_DIGITS[number // 36**k % 36] for k in (2, 1, 0))
    return f"hst_{number:05d}_01_wfc3_uvis_total_i{program}01"


def repeat_visit(visit: Path, folder: Path, count: int) -> Path:
    """Link a visit's files under the names of `count` others; gives the folder of all."""
    old_name = next(visit.glob("*_total_*_dr?.fits")).name
    _, proposal, _, _, _, _, ipppss = old_name.split("_")[:7]
    for number in range(1, count + 1):
        new = name_of(number).split("_")
        target = folder / new[6]
        target.mkdir(parents=True, exist_ok=True)
        for path in visit.iterdir():
            name = path.name.replace(f"hst_{proposal}_", f"hst_{new[1]}_")
            _link(path, target / name.replace(f"_{ipppss}", f"_{new[6]}"))
    return folder


def repeat_rows(
    made: Path,
    folder: Path,
    count: int,
    *,
    labelled: bool = False,
    images: Path | str | None = None,
) -> Path:
    """Make a table of `count` rows, and frames to them, of the one that prep made.

    Parameters
    ----------
    made : Path
        A folder with ``svm_data.csv`` and ``img/``.
    folder : Path
        Where table and frames (links) go.
    count : int
        Rows.
    labelled : bool
        Label every other row 1, with frames in ``img/0/`` and ``img/1/``.
    images : Path or str, optional
        The folder of the frames, ``made / "img"`` if not given; "" for none.

    Returns
    -------
    Path
        The table; beside it lies ``published.csv``, without the columns of our own.
    """
    import numpy as np
    import pandas as pd

    from spacekit.measure.schema import PUBLISHED

    table = pd.read_csv(made / "svm_data.csv")
    old = str(table.loc[0, "index"])
    rows = table.iloc[np.zeros(count, int)].reset_index(drop=True)
    rows["index"] = [name_of(n) for n in range(1, count + 1)]
    # no two visits have the same counts
    spread = np.random.default_rng(0).integers(-60, 60, (count, 2))
    rows[["point", "segment"]] += spread
    if labelled:
        rows.insert(list(rows.columns).index("index"), "label", np.arange(count) % 2)
    pictures = made / "img" if images is None else images
    for number, name in enumerate(rows["index"] if pictures else ()):
        place = folder / "img" / (str(number % 2) if labelled else "") / name
        place.mkdir(parents=True, exist_ok=True)
        for path in (Path(pictures) / old).iterdir():
            _link(path, place / path.name.replace(old, name))
    rows.to_csv(folder / "svm_data.csv", index=False)
    # the original takes no other columns in training
    published = {*(c.name for c in PUBLISHED), "label", "index"}
    rows[[name for name in rows.columns if name in published]].to_csv(
        folder / "published.csv", index=False
    )
    return folder / "svm_data.csv"


def _link(path: Path, target: Path) -> None:
    if not target.exists():
        os.link(path, target)
