"""What is measured, against what, and what is to be reached."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.speed.children import FailedError, Run, job, pinned, run
from benchmarks.speed.environments import ROOT, Environment
from benchmarks.speed.inputs import repeat_visit
from benchmarks.speed.summary import Row, Spread

__all__ = ["Bench", "forward", "frames_of", "install", "predict", "prep", "stream", "training",
           "workers"]  # fmt: skip

_T = TypeVar("_T")
_OURS = (sys.executable, "-m", "benchmarks.speed.ours")
_PATH = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
_PREDICT = ("-m", "spacekit.skopes.hst.svm.predict")


@dataclass
class Bench:
    """Where and how it is measured.

    Parameters
    ----------
    work : Path
        Folder of everything.
    original : Environment or None
        The original's; None leaves it out.
    core : int
        The core that everything but the run with several workers is pinned to.
    reps : int
        Repetitions of ours; the original's are at most three.
    quick : bool
        Small inputs.
    failures : list of str
        What could not be measured, and why.
    """

    work: Path
    original: Environment | None
    core: int
    reps: int
    quick: bool
    failures: list[str] = field(default_factory=list)

    @property
    def slow_reps(self) -> int:
        """Repetitions of what takes long."""
        return min(self.reps, 3)

    def ours(self, name: str, **arguments: Any) -> tuple[Run, dict[str, Any]]:
        """Do one of our jobs, pinned."""
        with pinned(self.core):
            return job(_OURS, name, arguments, self.work / "jobs" / name, _PATH)

    def table(self, made: Path, name: str, count: int, **more: Any) -> Path:
        """Make a table of `count` rows, see `benchmarks.speed.inputs.repeat_rows`."""
        folder = self.work / "tables" / name
        folder.mkdir(parents=True, exist_ok=True)
        given = {"made": str(made), "folder": str(folder), "count": count, **more}
        return Path(self.ours("rows", **given)[1]["table"])

    def theirs(self, name: str, **arguments: Any) -> tuple[Run, dict[str, Any]] | None:
        """Do one of the original's jobs, pinned; None where it can't run, with the reason kept."""
        if self.original is None:
            return None
        script = Path(__file__).with_name("drive_original.py")
        command = (self.original.python, "-I", script)
        return self.attempt(
            f"original, {name}",
            lambda: job(command, name, arguments, self.work / "jobs" / f"original-{name}"),
        )

    def attempt(self, what: str, measure: Callable[[], _T]) -> _T | None:
        """Measure, pinned; None where it fails, with the reason kept."""
        try:
            with pinned(self.core):
                return measure()
        except FailedError as error:
            self.failures.append(f"{what}: {error}")
            return None


def prep(bench: Bench, visit: Path, size: str) -> list[Row]:
    """Measure prep of one visit: with the stages, against the original's drawing."""
    reps = bench.reps if "1200" in size else bench.slow_reps
    out = str(bench.work / "prep")
    used, found = bench.ours("prep", path=str(visit), out=out, reps=reps)
    _, laps = bench.ours("stages", path=str(visit), out=out, reps=reps)
    there = bench.theirs(
        "prep", path=str(visit.parent), out=str(bench.work / "prep-original"), reps=bench.slow_reps
    )
    drawn = Spread.of(there[1]["draw"]) if there else None
    small = "1200" in size
    held = partial(Row, unit="s", other=drawn, against="original")
    rows = [
        held(f"prep, table and frames, {size}", ours=Spread.of(found["frames"]),
             goal=20.0 if small else None, note="against the original's drawing alone"),
        held(f"prep, everything, {size}", ours=Spread.of(found["whole"]), goal=5.0 if small else
             None, note="with offsets and stamps of the total and two filters, which the original "
             "hasn't; against its drawing alone"),
        Row(f"prep, memory, {size}", "MB", Spread.of([used.rss_mb]),
            Spread.of([there[0].rss_mb]) if there else None, "original"),
    ]  # fmt: skip
    if there:
        rows.append(Row(f"prep, table alone of the original, {size}", "s",
                        Spread.of(there[1]["table"]), note="for completeness"))  # fmt: skip
    rows += [Row(f"stage: {name}, {size}", "s", Spread.of(laps[name])) for name in laps]
    return rows


def frames_of(bench: Bench, visit: Path, size: str) -> list[Row]:
    """Measure the frames of one mosaic against one pass over its file."""
    _, found = bench.ours("frames", path=str(visit), reps=bench.reps)
    floor = Spread.of(found["floor"])
    return [
        Row(f"frames, {size}, without PNG encoding", "s", Spread.of(found["frames"]), floor,
            "floor", None if "1200" in size else 3.0,
            "floor: summing SCI and WHT, newly mapped, pages in memory"),
        Row(f"frames, memory, {size}", "MB", Spread.of(found["rss_mb"]), goal=400.0),
    ]  # fmt: skip


def predict(bench: Bench, visit: Path, made: Path, count: int, goal: float) -> list[Row]:
    """Measure the predict command, cold, on `count` visits with frames.

    Both answer for the same visits, each from the frames that its own prep drew of them; then
    both from ours, and both from the original's.
    """
    table = bench.table(made, str(count), count)
    page, answer = _cold(bench, table), _cold(bench, table, "--no-report")
    what = f"predict, cold, {count} visits"
    drawn = _drawn_by_original(bench, visit)
    if drawn is None:
        return [
            *_of_runs(f"{what}, with the page", page, None, goal),
            *_of_runs(f"{what}, without the page", answer, None, goal),
        ]
    large = bench.table(made, f"{count}-original", count, images=str(drawn))
    theirs = _cold_original(bench, large)
    return [
        *_of_runs(f"{what}, with the page", page, theirs, goal),
        *_of_runs(f"{what}, without the page", answer, theirs, goal),
        *_of_runs(f"{what}, both from our frames", answer, _cold_original(bench, table)),
        *_of_runs(f"{what}, both from the original's frames",
                  _cold(bench, large, "--no-report"), theirs),
    ]  # fmt: skip


def _drawn_by_original(bench: Bench, visit: Path) -> Path | None:
    """Let the original draw the visit's frames; gives their folder."""
    out = bench.work / "drawn-original"
    if not (out / "img").is_dir():
        bench.theirs("prep", path=str(visit.parent), out=str(out), reps=1)
    return out / "img" if (out / "img").is_dir() else None


def _cold(bench: Bench, table: Path, *more: str) -> list[Run]:
    """Run our command, in an empty folder: pictures that still hold would be kept."""
    folder = bench.work / "predict"
    runs = []
    for _ in range(bench.reps):
        shutil.rmtree(folder, ignore_errors=True)
        with pinned(bench.core):
            runs.append(run((sys.executable, *_answer(table), *more), folder, _PATH))
    return runs


def _cold_original(bench: Bench, table: Path) -> list[Run] | None:
    """Run the original's command."""
    if bench.original is None:
        return None
    command = (bench.original.python, *_answer(table))
    folder = bench.work / "predict-original"
    found: list[Run] | None = bench.attempt(
        f"original, {table.parent.name}",
        lambda: [run(command, folder) for _ in range(bench.slow_reps)],
    )
    return found


def _answer(table: Path) -> tuple[Any, ...]:
    return (*_PREDICT, table, table.parent / "img")


def _of_runs(
    what: str, ours: list[Run], theirs: list[Run] | None, goal: float | None = None
) -> list[Row]:
    other = {
        name: Spread.of([getattr(r, name) for r in theirs]) if theirs else None
        for name in ("cpu_s", "rss_mb")
    }
    return [
        Row(what, "s", Spread.of([r.cpu_s for r in ours]), other["cpu_s"], "original", goal),
        Row(f"{what}, memory", "MB", Spread.of([r.rss_mb for r in ours]), other["rss_mb"],
            "original"),
    ]  # fmt: skip


def forward(bench: Bench, made: Path) -> list[Row]:
    """Measure answers with the model loaded, per visit; the network alone against its floor."""
    count = 16 if bench.quick else 48
    table = bench.table(made, f"warm-{count}", count)
    given = {"table": str(table), "img": str(table.parent / "img")}
    _, ours = bench.ours("warm", **given, reps=bench.reps)
    there = bench.theirs("warm", **given, reps=bench.slow_reps)
    _, floor = bench.ours("floor", reps=bench.reps)
    rate = Spread.of(floor["gflops"])
    operations = 2 * ours["multiply_adds"][0] / 1e9
    least = Spread.of([operations / value for value in floor["gflops"]], 1000)
    other: Mapping[str, Any] = there[1] if there else {}
    note = (
        f"floor: {operations / 2:.3f} thousand million multiply-adds at {rate.median:.0f} "
        "thousand million operations a second, measured with sgemm"
    )
    if other:
        note += f"; the original's network has {other['multiply_adds'][0] / 1e9:.3f}"

    def spread(name: str) -> Spread | None:
        return Spread.of(other[name], 1000) if other else None

    mine = {name: Spread.of(ours[name], 1000) for name in ("png", "forward", "load")}
    return [
        Row("predict, warm, both from our frames", "ms a visit", mine["png"], spread("png"),
            "original"),
        Row("network alone", "ms a visit", mine["forward"], spread("forward"), "original", 10.0),
        Row("network alone, against its floor", "ms a visit", mine["forward"], least, "floor",
            note=note),
        Row("loading the model", "ms", mine["load"], spread("load"), "original"),
    ]  # fmt: skip


def training(bench: Bench, made: Path) -> list[Row]:
    """Measure training, per sample and epoch."""
    count = 60 if bench.quick else 96
    table = bench.table(made, f"labelled-{count}", count, labelled=True)
    given = {"img": str(table.parent / "img"), "batch": 32}
    given |= {"epochs": [1, 1, 2 if bench.quick else 4]}
    many = given | {"epochs": [1, 1, 11 if bench.quick else 41]}  # they take half a second each
    used, ours = bench.ours("train", table=str(table), **many, out=str(bench.work / "trained"))
    there = bench.theirs(
        "train",
        table=str(table.with_name("published.csv")),
        **given,
        out=str(bench.work / "trained-original"),
    )
    folder = str(bench.work / "trained-theirs")
    mine = {"table": str(table), "img": given["img"], "epochs": given["epochs"]}
    _, same = bench.ours("train_theirs", **mine, out=folder)
    sample = Spread.of(there[1]["sample"], 1000) if there else None
    what = "training, shipped network"
    return [
        Row(what, "ms a sample and epoch", Spread.of(ours["sample"], 1000), sample, "original",
            10.0, "time of the later epochs over their samples, with augmentation and validation"),
        Row("training, the original's network in our code", "ms a sample and epoch",
            Spread.of(same["sample"], 1000), sample, "original", 2.0,
            "the same layers in torch, bfloat16 with float32 weights where the processor has it"),
        Row(f"{what}, memory", "MB", Spread.of([used.rss_mb]),
            Spread.of([there[0].rss_mb]) if there else None, "original"),
    ]  # fmt: skip


def install(bench: Bench, ours: Environment) -> list[Row]:
    """Tell what the installations weigh."""
    there = bench.original
    return [
        Row("installed, default", "MB", Spread.of([ours.size_mb]), goal=600.0),
        Row("installed, default, against the original", "MB", Spread.of([ours.size_mb]),
            Spread.of([there.size_mb]) if there else None, "original"),
        Row("installed packages", "", Spread.of([ours.packages]),
            Spread.of([there.packages]) if there else None, "original"),
    ]  # fmt: skip


def workers(bench: Bench, visit: Path) -> list[Row]:
    """Measure prep and simulate with one worker and with two, not pinned, by the clock.

    How well two processes get on with each other is the machine's matter: two runs of one
    worker, side by side, with half of the visits each, tell what it gives.
    """
    count = 4 if bench.quick else 24
    folders = {
        n: repeat_visit(visit, bench.work / "visits" / str(n), n) for n in (count // 2, count)
    }
    command = (sys.executable, "-m", "spacekit", "svm")

    def prep_of(out: Path, n: int) -> tuple[Any, ...]:
        return (*command, "prep", folders[n], "-o", out)

    def simulation_of(out: Path, n: int) -> tuple[Any, ...]:
        return (*command, "simulate", out, "--visits", str(n), "--size", "512")

    return [
        _on_two_workers(bench, f"prep, {count} visits, two workers", prep_of, count),
        _on_two_workers(bench, f"simulate, {count} visits, two workers", simulation_of, count),
    ]


_Command = Callable[[Path, int], tuple[Any, ...]]


def _on_two_workers(bench: Bench, what: str, build: _Command, visits: int) -> Row:
    folder = bench.work / "parallel"
    reps = range(bench.slow_reps)
    one = Spread.of([_fresh(folder, build, visits, 1).wall_s for _ in reps])
    runs = [_fresh(folder, build, visits, 2) for _ in reps]
    apart = Spread.of([_side_by_side(folder, build, visits) for _ in reps])
    note = (
        f"largest process {max(r.rss_mb for r in runs):.0f} MB; two runs of one worker side by "
        f"side, half of the visits each: {apart.median:.1f} s"
    )
    two = Spread.of([r.wall_s for r in runs])
    return Row(what, "s of wall time", two, one, "one worker", 1.7, note)


def _side_by_side(folder: Path, build: _Command, visits: int) -> float:
    """Time two processes that have nothing to do with each other."""
    with ThreadPoolExecutor(2) as pool:
        halves = [pool.submit(_fresh, folder / name, build, visits // 2, 1) for name in ("a", "b")]
        return max(half.result().wall_s for half in halves)


def _fresh(folder: Path, build: _Command, visits: int, workers: int) -> Run:
    shutil.rmtree(folder / "out", ignore_errors=True)
    return run((*build(folder / "out", visits), "--workers", str(workers)), folder, _PATH)


def stream(bench: Bench, made: Path) -> list[Row]:
    """Measure the memory of the predict command on tables that grow tenfold, without frames."""
    counts = (500, 5000) if bench.quick else (5000, 50_000)
    runs = []
    for count in counts:
        table = bench.table(made, f"stream-{count}", count, images="")
        (table.parent / "none").mkdir(exist_ok=True)
        command = (sys.executable, *_PREDICT, table, table.parent / "none", "--no-report")
        with pinned(bench.core):
            runs.append(run(command, bench.work / "stream", _PATH))
    small, large = (Spread.of([r.rss_mb]) for r in runs)
    per_row = (runs[1].cpu_s - runs[0].cpu_s) / (counts[1] - counts[0])
    return [
        Row(f"predict, memory, {counts[1]} rows without frames", "MB", large, small, "floor", 1.1,
            f"floor: the same of {counts[0]} rows; a row more takes {1e6 * per_row:.0f} us"),
    ]  # fmt: skip
