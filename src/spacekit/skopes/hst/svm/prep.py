"""Prep: from visits to the tables and frames that a model takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from spacekit.errors import OptionError, TableError, VisitError
from spacekit.files import ensure_folder, exclusive, write_csv
from spacekit.measure.batch import IMAGES, Progress, measure_all
from spacekit.measure.records import Record
from spacekit.measure.schema import INDEX, column_order
from spacekit.measure.settings import FrameSettings, PrepSettings
from spacekit.measure.store import read_store, write_store
from spacekit.measure.table import raw_table, ready_table, with_classes
from spacekit.measure.targets import ask_archive, read_targets
from spacekit.options import switch, whole_number
from spacekit.visit.discovery import JSON_PATTERN, find_mosaics
from spacekit.visit.nouns import Mosaic, Problem
from spacekit.visit.pictures import LARGEST_SIDE_PX
from spacekit.visit.problems import write_problems

__all__ = ["PrepResult", "run_preprocessing"]


@dataclass(frozen=True)
class PrepResult:
    """What prep made, and where it lies.

    Parameters
    ----------
    table, raw : pandas.DataFrame
        The table for the model, and the scraped one.
    problems : tuple of Problem
        What went wrong, mosaic by mosaic.
    csv_path, raw_path, h5_path, img_path : Path
        The files, and the folder of the frames (absent where none were drawn).
    problems_path : Path or None
        ``problems.csv``, None when all went well.
    """

    table: pd.DataFrame
    raw: pd.DataFrame
    problems: tuple[Problem, ...]
    csv_path: Path
    raw_path: Path
    h5_path: Path
    img_path: Path
    problems_path: Path | None


def run_preprocessing(  # noqa: PLR0917  # the published signature
    input_path: str | Path,
    h5: str | Path | None = None,
    fname: str = "svm_data",
    output_path: str | Path | None = None,
    json_pattern: str = JSON_PATTERN,
    crpt: int = 0,
    *,
    draw: int = 1,
    targets: str | Path | None = None,
    archive: bool = False,
    workers: int | None = None,
    size: int = 512,
    evidence: bool = True,
    blink: bool = True,
    progress: Progress | None = None,
) -> PrepResult:
    """Scrape every visit below a folder into tables, and draw its frames.

    Running it again does only what is missing or has changed.

    Parameters
    ----------
    input_path : str or Path
        The folder that holds the visits, at any depth.
    h5 : str or Path, optional
        A scraped table to start from: rows are taken from it as they are, and of the visits
        only pictures and offsets are kept.
    fname : str
        Name of the table, with or without ``.csv``.
    output_path : str or Path, optional
        Where everything goes; by default the working directory.
    json_pattern : str
        Which QA JSON of the totals is read; several patterns with commas between.
    crpt : {0, 1}
        1: the visits are corrupted copies; their index has the folder's suffix, and they are
        labelled.
    draw : {0, 1}
        0: no frames.
    targets : str or Path, optional
        A file that tells the class of each target: columns TARGNAME and class.
    archive : bool
        Ask the archive for classes that `targets` doesn't tell.
    workers : int, optional
        Processes; by default one a core.
    size : int
        Long side of the frames, 16 to 4096 px.
    evidence : bool
        Whether to measure our own columns from the pixels.
    blink : bool
        Whether to draw the filter products for blinking, beside the frames.
    progress : callable (done, total), optional
        Called after each mosaic.

    Returns
    -------
    PrepResult
        The tables, the problems, and where they lie.

    Raises
    ------
    OptionError
        If the name is none, frames can't have that size, or a switch is neither 0 nor 1;
        nothing is measured then.
    VisitError
        If there is no mosaic, or none that could be measured (``problems.csv`` says why).
    TableError
        If `h5` or `targets` can't be read.
    OutputError
        If the output folder can't be written or another run is at it.
    """
    stem = _stem(fname)
    classes = {} if targets is None else read_targets(Path(targets))
    scraped = None if h5 is None else read_store(Path(h5))
    settings = PrepSettings(
        draw=switch("draw", draw),
        evidence=evidence,
        blink=blink,
        labelled=switch("crpt", crpt),
        frames=replace(FrameSettings(), size_px=whole_number("size", size, 16, LARGEST_SIDE_PX)),
    )
    mosaics, problems = _find(Path(input_path), scraped, settings, json_pattern)
    output = ensure_folder(Path(output_path) if output_path is not None else Path.cwd())
    with exclusive(output, f"{IMAGES}/*"):
        records = measure_all(mosaics, settings, output, workers=workers, progress=progress)
        problems += [problem for record in records for problem in record.problems]
        return _write(output, stem, _raw(scraped, records, classes, archive), problems)


def _stem(fname: str) -> str:
    """Take the table's name from what was typed: ``svm_data``, ``svm_data.csv``."""
    stem = re.sub(r"\.(csv|h5)$", "", Path(fname).name, flags=re.IGNORECASE)
    if not stem or stem.startswith("."):
        raise OptionError(f"{fname!r} is no name for a table; give one such as svm_data")
    return stem


def _find(
    root: Path, scraped: pd.DataFrame | None, settings: PrepSettings, json_pattern: str
) -> tuple[list[Mosaic], list[Problem]]:
    """Find what is to be measured; with a scraped table, what is to be drawn."""
    if scraped is not None and not settings.draw:
        return [], []
    mosaics, problems = find_mosaics(root, corrupted=settings.labelled, json_pattern=json_pattern)
    if scraped is None:
        if not mosaics and not problems:
            raise VisitError(
                f"{root}: no single-visit mosaic below it (hst_*_total_*_drz.fits or drc.fits)"
            )
        return mosaics, problems
    wanted = set(scraped[INDEX])
    found = {mosaic.index for mosaic in mosaics}
    problems += [
        Problem(
            index, str(root), "in the scraped table but not below this folder: not drawn", False
        )
        for index in sorted(wanted - found)
    ]
    return [mosaic for mosaic in mosaics if mosaic.index in wanted], problems


def _raw(
    scraped: pd.DataFrame | None,
    records: Sequence[Record],
    classes: dict[str, str],
    archive: bool,
) -> pd.DataFrame | None:
    """Make the scraped table with the targets' classes; None without a row."""
    rows = [record.row for record in records if record.row is not None]
    if scraped is None and not rows:
        return None
    raw = raw_table(rows) if scraped is None else scraped[column_order(scraped.columns)]
    if not classes and not archive:
        return raw
    if not {"targname", "cat_from", "proposal"} <= set(raw.columns):
        raise TableError("the scraped table has no targname, cat_from and proposal to tell classes")
    raw = with_classes(raw, classes, "targets")
    if archive:
        named = raw["targname"].astype(str).str.strip() != ""
        open_rows = raw[named & (raw["cat_from"] == "default")]
        asked = ask_archive(set(open_rows["targname"]), set(open_rows["proposal"]))
        raw = with_classes(raw, asked, "archive")
    return raw


def _write(
    output: Path, stem: str, raw: pd.DataFrame | None, problems: list[Problem]
) -> PrepResult:
    problems_path = write_problems(output / "problems.csv", problems)
    if raw is None:
        raise VisitError(f"no mosaic could be measured; {problems_path} tells why for each")
    table = ready_table(raw)
    result = PrepResult(
        table=table,
        raw=raw,
        problems=tuple(problems),
        csv_path=output / f"{stem}.csv",
        raw_path=output / f"raw_{stem}.csv",
        h5_path=output / f"{stem}.h5",
        img_path=output / IMAGES,
        problems_path=problems_path,
    )
    write_csv(result.csv_path, result.table)
    write_csv(result.raw_path, result.raw)
    write_store(result.h5_path, result.raw)
    return result


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.prep import prep

    launch(prep)
