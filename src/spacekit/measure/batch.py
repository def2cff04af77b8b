"""Measure many mosaics, in several processes, going on where an earlier run stopped."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from spacekit.measure.file_names import findings_path, frame_paths
from spacekit.measure.records import Record, fingerprint, read_record, write_record
from spacekit.measure.settings import PrepSettings
from spacekit.parallel import run_jobs, usable_cores
from spacekit.visit.nouns import Mosaic, Problem

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
    """Give the record of an earlier run, where it holds and its frames are there if wanted."""
    record = read_record(output, mosaic.index, mark)
    if record is None:
        return None
    images, index = output / IMAGES, mosaic.index
    paths = list(frame_paths(images, index)) if settings.draw else []
    # where measuring failed before, there is no file of offsets, and no use in trying again
    if settings.draw and settings.evidence and not record.problems:
        paths.append(findings_path(images, index))
    return record if all(path.is_file() for path in paths) else None


def _work(mosaic: Mosaic, settings: PrepSettings, output: Path, mark: str) -> Record:
    """Measure one mosaic and write what comes of it; runs in a worker.

    What measures is loaded here: over a second, that a process which only hands out work would
    take before its workers could start to load the same.
    """
    from spacekit.measure.blink import save_blinks
    from spacekit.measure.findings_file import write_findings
    from spacekit.measure.frames import save_frames
    from spacekit.measure.prep import measure_mosaic
    from spacekit.measure.sheet import write_stamps

    measured = measure_mosaic(mosaic, settings)
    record = Record(measured.index, measured.row, measured.problems)
    if record.row is not None:
        _clear(output / IMAGES / mosaic.index)
    if measured.frames is not None:
        save_frames(measured.frames, output / IMAGES, mosaic.index)
    save_blinks(measured.blinks, output / IMAGES, mosaic.index)
    if measured.stamps is not None:
        write_stamps(measured.stamps, output / IMAGES, mosaic.index)
    if measured.findings is not None:
        write_findings(measured.findings, output / IMAGES, mosaic.index)
    if record.row is not None:
        write_record(output, record, mark)
    return record


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
