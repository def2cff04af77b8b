"""Measure many mosaics, in several processes, going on where an earlier run stopped."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import ModuleType
from typing import Final

from spacekit.measure.frames import frame_paths, save_frames
from spacekit.measure.prep import PrepSettings, measure_mosaic
from spacekit.measure.records import Record, fingerprint, read_record, write_record
from spacekit.visit.nouns import Mosaic, Problem

__all__ = ["IMAGES", "Progress", "measure_all"]

#: The folder of the frames, below the output folder.
IMAGES: Final = "img"

#: Called with the number of mosaics done and of all, after each.
Progress = Callable[[int, int], None]

_starting: Final = threading.Lock()


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
    for place, record in _run(jobs, min(workers or os.cpu_count() or 1, len(jobs))):
        kept[missing[place]] = record
        done += 1
        if progress:
            progress(done, len(mosaics))
    return [record for record in kept if record is not None]


_Job = tuple[Mosaic, PrepSettings, Path, str]


def _kept(mosaic: Mosaic, mark: str, settings: PrepSettings, output: Path) -> Record | None:
    """Give the record of an earlier run, where it holds and its frames are there if wanted."""
    record = read_record(output, mosaic.index, mark)
    if record is None or not settings.draw:
        return record
    paths = frame_paths(output / IMAGES, mosaic.index)
    return record if all(path.is_file() for path in paths) else None


def _work(mosaic: Mosaic, settings: PrepSettings, output: Path, mark: str) -> Record:
    """Measure one mosaic and write what comes of it; runs in a worker."""
    measured = measure_mosaic(mosaic, settings)
    record = Record(measured.index, measured.row, measured.problems)
    if measured.frames is not None:
        save_frames(measured.frames, output / IMAGES, mosaic.index)
    if record.row is not None:
        write_record(output, record, mark)
    return record


def _run(jobs: Sequence[_Job], workers: int) -> Iterator[tuple[int, Record]]:
    """Give the number of each job and its record, as they get done."""
    if workers <= 1:
        for number, job in enumerate(jobs):
            yield number, _work(*job)
        return
    lanes: queue.SimpleQueue[_Lane] = queue.SimpleQueue()
    started = [_Lane() for _ in range(workers)]
    for lane in started:
        lanes.put(lane)

    def take(job: _Job) -> Record:
        lane = lanes.get()
        try:
            return lane.run(job)
        finally:
            lanes.put(lane)

    threads = ThreadPoolExecutor(workers)
    try:
        futures: dict[Future[Record], int] = {
            threads.submit(take, j): n for n, j in enumerate(jobs)
        }
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        for lane in started:
            lane.stop()


class _Lane:
    """One worker process, replaced when it dies, so that a death is known to be whose."""

    def __init__(self) -> None:
        self._pool = _start()

    def run(self, job: _Job) -> Record:
        try:
            return self._pool.submit(_work, *job).result()
        except BrokenProcessPool:
            self.stop()
            self._pool = _start()
        mosaic = job[0]
        reason = "the process that measured it died (out of memory?); try fewer workers"
        place = str(mosaic.total.drizzled or mosaic.folder)
        return Record(mosaic.index, None, (Problem(mosaic.index, place, reason),))

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _start() -> ProcessPoolExecutor:
    """Start a worker in a fresh interpreter: forking is unsafe beside threads."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_settle)
    with _main_hidden():
        pool.submit(os.getpid)  # the process starts with the first task
    return pool


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep multiprocessing from running the caller's script again in each worker.

    The worker needs nothing of it, and a script that calls prep at its top level, as published
    ones do, would call it again there.
    """
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def _settle() -> None:
    """Make a worker leave interrupts to its parent, and end when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
