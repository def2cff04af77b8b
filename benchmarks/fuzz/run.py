"""Give a reader many broken files, one after the other, and judge what it does with each."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import signal
import sys
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np

from benchmarks.fuzz.hostile import remove
from benchmarks.fuzz.readers import READERS
from spacekit.errors import SpacekitError

__all__ = ["Finding", "Tally", "Task", "fuzz", "fuzz_apart", "fuzz_side_by_side"]

#: Processor time for one small file; and real time after which a process is taken to hang.
SLOW_S: Final = 5.0
_HANGS_S: Final = 120.0
#: Memory for one small file, bytes, and address space for the whole process.
LARGE_BYTES: Final = 1_000_000_000
_ADDRESS_SPACE: Final = 12_000_000_000
_LARGEST_FILE: Final = 4_000_000_000


@dataclass(frozen=True)
class Finding:
    """An input with which a reader did what it may not.

    Parameters
    ----------
    number : int
        Of the input: with reader and seed it makes the same again.
    what : str
        What came out, and where from.
    """

    number: int
    what: str


@dataclass
class Tally:
    """What became of a reader's inputs."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    findings: list[Finding] = field(default_factory=list)


class _TooSlowError(BaseException):
    """Not an Exception, so that no reader takes it for a broken file."""


@dataclass(frozen=True)
class Task:
    """What is fuzzed, with what.

    Parameters
    ----------
    reader : str
        A key of `READERS`.
    material : Path
        As `make_material` wrote it.
    scratch : Path
        Where the broken files go.
    seed : int
        Of the whole run.
    """

    reader: str
    material: Path
    scratch: Path
    seed: int


def fuzz(task: Task, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Give a reader broken files in this process.

    Parameters
    ----------
    task : Task
        The reader, and where its files lie.
    numbers : sequence of int
        Which inputs; each depends on its number, the reader and the seed alone.

    Yields
    ------
    number : int
        Of the input.
    outcome : str
        "accepted", "refused", or what was found.
    """
    name = task.reader
    case = task.scratch / name / "case"
    reader = READERS[name]
    reader.prepare(task.material, case)
    for number in numbers:
        rng = np.random.default_rng([task.seed, zlib.crc32(name.encode()), number])
        mend = reader.vary(task.material, case, rng)
        yield number, _outcome(name, case)
        mend()
    remove(task.scratch / name)


def _outcome(name: str, case: Path) -> str:
    _reset_peak()
    before = _memory("VmRSS")
    try:
        with _in_time(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[name].read(case)
        outcome = "accepted"
    except SpacekitError as error:
        outcome = "refused" if str(error).isprintable() else f"unprintable: {str(error)!a}"
    except _TooSlowError:
        outcome = f"took more than {SLOW_S:.0f} s {_origin()}"
    except Exception as error:  # noqa: BLE001  # this is what is looked for
        outcome = f"{type(error).__name__}: {str(error)[:100]!a} {_origin()}"
    used = _memory("VmHWM") - before
    if used > LARGE_BYTES:
        outcome = f"took {used / 1e9:.1f} GB ({outcome})"
    return outcome


def _origin() -> str:
    """Tell the innermost place in spacekit that the exception on the way came through."""
    stack = traceback.extract_tb(sys.exc_info()[2])
    ours = [f for f in stack if f"{os.sep}spacekit{os.sep}" in f.filename] or list(stack)
    return f"[{Path(ours[-1].filename).name}:{ours[-1].lineno}]"


@contextmanager
def _in_time() -> Iterator[None]:
    """Interrupt what takes too much processor time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooSlowError

    previous = signal.signal(signal.SIGPROF, stop)
    # again and again: a library may swallow the first
    signal.setitimer(signal.ITIMER_PROF, SLOW_S, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _reset_peak() -> None:
    """Forget the highest memory so far (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory(entry: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(entry):
            return int(line.split()[1]) * 1024
    return 0


def fuzz_side_by_side(
    task: Task, count: int, workers: int = 1, progress: Callable[[], object] | None = None
) -> Tally:
    """Share a reader's inputs out among processes; what comes of each does not depend on that.

    Parameters
    ----------
    task : Task
        As for `fuzz`.
    count : int
        How many inputs, from number 0 on.
    workers : int
        How many processes work at a time.
    progress : callable, optional
        Called after each input.
    """
    edges = np.linspace(0, count, workers + 1).astype(int).tolist()
    shares = [range(first, end) for first, end in itertools.pairwise(edges)]

    def work(share: range) -> Tally:
        own = replace(task, scratch=task.scratch / f"from_{share.start}")
        return fuzz_apart(own, share, progress)

    with ThreadPoolExecutor(workers) as pool:
        tallies = list(pool.map(work, shares))
    return Tally(
        sum(tally.inputs for tally in tallies),
        sum(tally.accepted for tally in tallies),
        sum(tally.refused for tally in tallies),
        [finding for tally in tallies for finding in tally.findings],
    )


def fuzz_apart(task: Task, numbers: range, progress: Callable[[], object] | None = None) -> Tally:
    """Give a reader broken files in a process of their own, with limits; a crash ends nothing.

    Parameters
    ----------
    task, numbers
        As for `fuzz`.
    progress : callable, optional
        Called after each input.
    """
    context = multiprocessing.get_context("spawn")
    tally = Tally()
    while tally.inputs < len(numbers):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(task, numbers[tally.inputs :], sender))
        child.start()
        sender.close()
        end = _collect(receiver, tally, progress or (lambda: None))
        child.join(None if not end else 0)
        child.kill()
        child.join()
        if tally.inputs < len(numbers):
            how = end or f"the process died ({child.exitcode})"
            tally.findings.append(Finding(numbers[tally.inputs], how))
            tally.inputs += 1
    return tally


def _collect(receiver: Any, tally: Tally, progress: Callable[[], object]) -> str:
    """Count outcomes until the process is done or gone; say so if it hangs."""
    while True:
        try:
            if not receiver.poll(_HANGS_S):
                return f"hung for {_HANGS_S:.0f} s"
            number, outcome = receiver.recv()
        except EOFError:
            return ""
        if number < 0:
            raise RuntimeError(f"the fuzzer itself broke:\n{outcome}")
        tally.inputs += 1
        progress()
        if outcome in {"accepted", "refused"}:
            setattr(tally, outcome, getattr(tally, outcome) + 1)
        else:
            tally.findings.append(Finding(number, outcome))


def _work(task: Task, numbers: range, sender: Any) -> None:
    """Fuzz within limits, in a process of its own."""
    limits = (
        (resource.RLIMIT_AS, _ADDRESS_SPACE),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, most in limits:
        resource.setrlimit(kind, (most, most))
    # what libraries print of broken files would bury the table
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        for told in fuzz(task, numbers):
            sender.send(told)
    except Exception:  # noqa: BLE001  # told where it can be seen
        sender.send((-1, traceback.format_exc()))
