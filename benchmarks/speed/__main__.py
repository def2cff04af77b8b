"""Measure speed, memory and size beside the original spacekit and beside what the machine allows.

    python -m benchmarks.speed WORK [--quick] [--parts PART ...] [--no-original] [--docs]

WORK keeps inputs and environments (3 GB with the original's) for the next run; the original comes
from PyPI. Everything runs on one core with one thread, but for the rows on workers. Times are CPU
seconds (user and system), so that what else the machine does enters little; wall times of the
commands and the load are in WORK/speed.json. `--docs` writes table and plot into `docs/`, too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.speed import measures
from benchmarks.speed.children import ONE_THREAD, FailedError
from benchmarks.speed.environments import ORIGINAL, REPAIRS, ROOT, Environment, make_environment
from benchmarks.speed.inputs import SMALL_PX
from benchmarks.speed.measures import Bench
from benchmarks.speed.summary import Row, draw_plot, format_table

DOCS = ROOT / "docs"


#: In the order they are measured; the last four want time and, but for `workers`, no quick run.
PARTS = ("prep-1200", "frames-1200", "predict-2", "predict-100", "forward", "stream", "training",
         "workers", "frames-4500", "prep-4500", "install")  # fmt: skip


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--quick", action="store_true", help="small inputs, two repetitions")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="measure these, keep the others")
    parser.add_argument("--no-original", action="store_true", help="leave the original out")
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--seed", type=int, default=6, help="of the visits")
    parser.add_argument("--docs", action="store_true", help="write table and plot into docs/")
    args = parser.parse_args()
    os.environ.update(ONE_THREAD)
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    original = None
    if not args.no_original:
        original = _environment(work / "original", ORIGINAL, failures)
    core = max(os.sched_getaffinity(0))
    bench = Bench(work, original, core, 2 if args.quick else args.reps, args.quick, failures)
    wanted = args.parts or (PARTS[:-3] if args.quick else PARTS)
    load = os.getloadavg()[0]
    parts = _earlier(work) if args.parts else {}
    for name in wanted:
        print(f"{datetime.now(UTC):%H:%M:%S} {name}", file=sys.stderr, flush=True)
        try:
            parts[name] = _measure(bench, name, args.seed)
        except FailedError as error:
            failures.append(f"{name}: {error}")
        _write(work, parts, _facts(bench, load))  # so that an interruption loses one part
    rows = [row for name in PARTS for row in parts.get(name, [])]
    text = format_table(rows) + "\n" + _prose(_facts(bench, load))
    draw_plot(rows, work / "speed.png")
    if args.docs:
        (DOCS / "tables/speed.md").write_text(text, encoding="utf-8")
        draw_plot(rows, DOCS / "img/speed.png")
    print(text)


def _earlier(work: Path) -> dict[str, list[Row]]:
    """Take over the parts that were measured before in this folder."""
    path = work / "speed.json"
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"] if path.is_file() else {}
    return {name: [Row.from_json(row) for row in rows] for name, rows in parts.items()}


def _write(work: Path, parts: dict[str, list[Row]], facts: dict[str, Any]) -> None:
    """Write what there is so far as JSON."""
    told = {name: [row.as_json() for row in rows] for name, rows in parts.items()}
    content = {"facts": facts, "parts": told}
    (work / "speed.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def _environment(folder: Path, requirement: str, failures: list[str]) -> Environment | None:
    try:
        return make_environment(folder, requirement)
    except FailedError as error:
        failures.append(f"{requirement} can't be installed: {error}")
        return None


def _measure(bench: Bench, name: str, seed: int) -> list[Row]:
    """Measure one part, making the inputs that it needs."""
    kind, _, size = name.partition("-")
    if kind == "install":
        return measures.install(bench, make_environment(bench.work / "default", str(ROOT)))
    visit = _visit(bench, None if size == "4500" else SMALL_PX, seed)
    of_visit = {"prep": measures.prep, "frames": measures.frames_of}
    if kind in of_visit:
        return of_visit[kind](bench, visit, f"{size} px")
    if kind == "workers":
        return measures.workers(bench, visit)
    made = bench.work / "made"
    if not (made / "svm_data.csv").is_file():
        bench.ours("prep", path=str(visit), out=str(made), reps=1)
    if kind == "predict":
        few = size == "2"
        count = 20 if bench.quick and not few else int(size)
        return measures.predict(bench, visit, made, count, 8.0 if few else 15.0)
    rest = {"forward": measures.forward, "stream": measures.stream, "training": measures.training}
    return rest[kind](bench, made)


def _visit(bench: Bench, size: int | None, seed: int) -> Path:
    """Simulate a visit, alone in a folder of its own, which the original wants."""
    folder = bench.work / "visits" / f"of-{size or 'full'}"
    return Path(bench.ours("visit", folder=str(folder), size=size, seed=seed)[1]["folder"])


def _facts(bench: Bench, load: float) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "repetitions": bench.reps,
        "load_before": round(load, 1),
        "load_after": round(os.getloadavg()[0], 1),
        "original": ORIGINAL if bench.original else "left out",
        "repairs": REPAIRS if bench.original else (),
        "not_measured": bench.failures,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _prose(facts: dict[str, Any]) -> str:
    lines = [
        f"Measured on {facts['date']}, {facts['processor']}, one core and one thread but for the "
        f"rows on workers, Python {facts['python']}; load average {facts['load_before']} before "
        f"and {facts['load_after']} after, of which this run is 1. Median of up to "
        f"{facts['repetitions']} repetitions (lowest to highest); s and ms are CPU time.",
        "",
        f"The original is {facts['original']}.",
    ]
    lines += [f"- Repaired from outside: {repair}." for repair in facts["repairs"]]
    lines += [f"- Not measured: {reason}" for reason in facts["not_measured"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
