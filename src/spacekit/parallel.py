"""One function over many jobs in several processes, none of which can spoil another."""

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
from types import ModuleType
from typing import Any, Final, Generic, TypeVar

__all__ = ["run_jobs", "usable_cores"]

_Result = TypeVar("_Result")
_Job = tuple[Any, ...]

_starting: Final = threading.Lock()


def usable_cores() -> int:
    """Give the number of cores that this process may use, where the system tells; else of all."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    work: Callable[..., _Result],
    jobs: Sequence[_Job],
    workers: int,
    died: Callable[[Any], _Result],
) -> Iterator[tuple[int, _Result]]:
    """Do jobs in worker processes; give the number of each and its result, as they get done.

    Parameters
    ----------
    work : callable
        Importable function; called with the members of a job.
    jobs : sequence of tuple
        Arguments, picklable.
    workers : int
        Processes. With 1 (or one job) it all happens in this process.
    died : callable
        Given a job whose worker died (killed, out of memory); its answer is the job's result.
        The worker is replaced and the others go on.

    Raises
    ------
    Exception
        What `work` raises ends the run.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        for number, job in enumerate(jobs):
            yield number, work(*job)
        return
    lanes: queue.SimpleQueue[_Lane[_Result]] = queue.SimpleQueue()
    started = [_Lane(work, died) for _ in range(workers)]
    for lane in started:
        lanes.put(lane)

    def take(job: _Job) -> _Result:
        lane = lanes.get()
        try:
            return lane.run(job)
        finally:
            lanes.put(lane)

    threads = ThreadPoolExecutor(workers)
    try:
        futures: dict[Future[_Result], int] = {
            threads.submit(take, job): number for number, job in enumerate(jobs)
        }
        for future in as_completed(futures):
            yield futures.pop(future), future.result()
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        for lane in started:
            lane.stop()


class _Lane(Generic[_Result]):
    """One worker process, replaced when it dies, so that a death is known to be whose."""

    def __init__(self, work: Callable[..., _Result], died: Callable[[Any], _Result]) -> None:
        self._work, self._died = work, died
        self._pool = _start()

    def run(self, job: _Job) -> _Result:
        try:
            self._pool.submit(os.getpid).result()
        except BrokenProcessPool:  # while it waited: that is no job's doing
            self._renew()
        try:
            return self._pool.submit(self._work, *job).result()
        except BrokenProcessPool:
            self._renew()
        return self._died(job)

    def _renew(self) -> None:
        self.stop()
        self._pool = _start()

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
