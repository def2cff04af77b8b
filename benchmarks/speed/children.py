"""Run one thing in a process of its own and tell what it cost."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ONE_THREAD", "FailedError", "Run", "job", "pinned", "run"]

#: Libraries that would start threads of their own are told not to.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MPLBACKEND": "Agg",
}


class FailedError(Exception):
    """A process that ended badly; its message is the last that it said."""


@dataclass(frozen=True)
class Run:
    """What a process cost.

    Parameters
    ----------
    cpu_s : float
        User and system time of it and of the processes it waited for.
    wall_s : float
        From start to end.
    rss_mb : float
        Largest resident memory of one process of it; pages of mapped files count.
    """

    cpu_s: float
    wall_s: float
    rss_mb: float


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep this process, and those it starts, on one core; None leaves them all."""
    before = os.sched_getaffinity(0)
    try:
        if core is not None:
            os.sched_setaffinity(0, {core})
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(command: Sequence[str | Path], folder: Path, more: Mapping[str, str] | None = None) -> Run:
    """Run a command in a folder and wait for it.

    Its output goes to ``output.txt`` there.

    Raises
    ------
    FailedError
        If it ends with a status above 1 (1: some of the input had problems) or by a signal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "output.txt"
    # a search path of this process would lead the original to our package
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(c) for c in command],
            cwd=folder,
            env={**inherited, **ONE_THREAD, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode not in (0, 1) or "Traceback (most recent" in text:
        said = [line for line in text.splitlines() if line.strip()] or ["nothing"]
        raise FailedError(f"{said[-1].strip()[:200]} (status {process.returncode}, {log})")
    return Run(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)


def job(
    interpreter: Sequence[str | Path],
    name: str,
    arguments: Mapping[str, Any],
    folder: Path,
    more: Mapping[str, str] | None = None,
) -> tuple[Run, dict[str, Any]]:
    """Run one job of `ours.py` or `drive_original.py` and read what it found.

    Parameters
    ----------
    interpreter : sequence
        The command up to the job's name.
    name : str
        Of the job.
    arguments : mapping
        For it, as JSON.
    folder : Path
        Where it runs.
    more : mapping, optional
        Environment.

    Raises
    ------
    FailedError
        If it ends badly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    result = folder / f"{name}.json"
    result.unlink(missing_ok=True)
    used = run([*interpreter, name, json.dumps(arguments), result.resolve()], folder, more)
    if not result.is_file():
        raise FailedError(f"{name} ended without a result ({folder / 'output.txt'})")
    return used, json.loads(result.read_text(encoding="utf-8"))
