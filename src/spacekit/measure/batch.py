"""Measure many mosaics, in several processes, going on where an earlier run stopped."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spacekit.measure.file_names import frame_paths
from spacekit.measure.records import Record, fingerprint, read_record, write_record
from spacekit.measure.settings import PrepSettings
from spacekit.parallel import run_jobs, usable_cores
from spacekit.visit.nouns import Mosaic, Problem

if TYPE_CHECKING:  # what measures is loaded where it is needed, see `_work`
    from spacekit.measure.prep import Measurement

__all__ = ["IMAGES", "Progress", "measure_all"]

#: The folder of the frames, below the output folder.
IMAGES: Final = "img"

#: Called with the number of mosaics done and of all, after each.
Progress = Callable[[int, int], None]


def measure_all(
    mosaics: Sequence[Mosaic],
    settings: PrepSettings,
    output: Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Measure mosaics and write their frames and records; keep what still holds.

    Parameters
    ----------
    mosaics : sequence of Mosaic
        Each with an index of its own.
    settings : PrepSettings
        What to measure.
    output : Path
        Frames go to ``img/``, records to ``.spacekit/`` below it.
    workers : int, optional
        Processes; by default one a core. With 1 it all happens in this process. A worker that
        dies (out of memory) costs its mosaic, which gets a problem, and is replaced.
    progress : callable, optional
        Called in this process as mosaics get done.

    Returns
    -------
    list of Record
        One a mosaic, in their order.

    Raises
    ------
    OutputError
        If the output folder can't be written (any more).
    """
    marks = [fingerprint(mosaic, settings) for mosaic in mosaics]
    kept = [_kept(m, mark, settings, output) for m, mark in zip(mosaics, marks, strict=True)]
    missing = [n for n, record in enumerate(kept) if record is None]
    done = len(mosaics) - len(missing)
    if progress and done:
        progress(done, len(mosaics))
    jobs = [(mosaics[n], settings, output, marks[n]) for n in missing]
    for place, record in run_jobs(_work, jobs, workers or usable_cores(), _died):
        kept[missing[place]] = record
        done += 1
        if progress:
            progress(done, len(mosaics))
    return [record for record in kept if record is not None]


_Job = tuple[Mosaic, PrepSettings, Path, str]


def _kept(mosaic: Mosaic, mark: str, settings: PrepSettings, output: Path) -> Record | None:
    """Give the record of an earlier run, where it holds and its files are there if wanted."""
    record = read_record(output, mosaic.index, mark)
    if record is None or not settings.draw:
        return record
    # a run that drew nothing wrote none
    frames = {path.name for path in frame_paths(output / IMAGES, mosaic.index)}
    there = _names_of_files(output / IMAGES / mosaic.index)
    return record if frames <= set(record.files) <= there else None


def _names_of_files(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if path.is_file()}
    except OSError:  # no folder
        return set()


def _work(mosaic: Mosaic, settings: PrepSettings, output: Path, mark: str) -> Record:
    """Measure one mosaic and write what comes of it; runs in a worker.

    What measures is loaded here: over a second, that a process which only hands out work would
    take before its workers could start to load the same.
    """
    from spacekit.measure.prep import measure_mosaic

    measured = measure_mosaic(mosaic, settings)
    if measured.row is None:
        return Record(measured.index, None, measured.problems)
    _clear(output / IMAGES / mosaic.index)
    files = _write_files(measured, output / IMAGES)
    record = Record(measured.index, measured.row, measured.problems, files)
    write_record(output, record, mark)
    return record


def _write_files(measured: Measurement, images: Path) -> tuple[str, ...]:
    """Write the pictures and findings of a mosaic that there are, and give their names."""
    from spacekit.measure.blink import save_blinks
    from spacekit.measure.findings_file import write_findings
    from spacekit.measure.frames import save_frames
    from spacekit.measure.sheet import write_stamps

    index = measured.index
    paths: list[Path] = []
    if measured.frames is not None:
        paths += save_frames(measured.frames, images, index)
    paths += save_blinks(measured.blinks, images, index)
    if measured.stamps is not None:
        paths.append(write_stamps(measured.stamps, images, index))
    if measured.findings is not None:
        paths.append(write_findings(measured.findings, images, index))
    return tuple(path.name for path in paths)


def _clear(folder: Path) -> None:
    """Delete what an earlier measurement of a mosaic left: it would pass for this one's.

    The record is written last, so that what a killed run has deleted is missed and made again.
    """
    for kind in ("png", "jpg", "json"):
        for path in folder.glob(f"{glob.escape(folder.name)}*.{kind}"):
            path.unlink(missing_ok=True)


def _died(job: _Job) -> Record:
    """Give the record of a mosaic whose worker died."""
    mosaic = job[0]
    reason = "the process that measured it died (out of memory?); try fewer workers"
    place = str(mosaic.total.drizzled or mosaic.folder)
    return Record(mosaic.index, None, (Problem(mosaic.index, place, reason),))
