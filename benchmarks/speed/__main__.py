"""Measure speed, memory and size beside the original spacekit and beside what the machine allows.

    python -m benchmarks.speed WORK [--quick] [--no-original] [--reps 5] [--docs]

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
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.speed import measures
from benchmarks.speed.children import ONE_THREAD, FailedError
from benchmarks.speed.environments import ORIGINAL, REPAIRS, ROOT, Environment, make_environment
from benchmarks.speed.inputs import SMALL_PX
from benchmarks.speed.measures import Bench
from benchmarks.speed.summary import Row, draw_plot, format_table

DOCS = ROOT / "docs"


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--quick", action="store_true", help="small inputs, two repetitions")
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
    before = os.getloadavg()
    rows = measure(bench, args.seed)
    facts = _facts(bench, before)
    (work / "speed.json").write_text(
        json.dumps({"facts": facts, "rows": [r.as_json() for r in rows]}, indent=1),
        encoding="utf-8",
    )
    text = format_table(rows) + "\n" + _prose(facts)
    (work / "speed.md").write_text(text, encoding="utf-8")
    draw_plot(rows, work / "speed.png")
    if args.docs:
        (DOCS / "tables/speed.md").write_text(text, encoding="utf-8")
        draw_plot(rows, DOCS / "img/speed.png")
    print(text)


def _environment(folder: Path, requirement: str, failures: list[str]) -> Environment | None:
    try:
        return make_environment(folder, requirement)
    except FailedError as error:
        failures.append(f"{requirement} can't be installed: {error}")
        return None


def measure(bench: Bench, seed: int) -> list[Row]:
    """Make the inputs and measure everything, telling what is being done."""
    small = _visit(bench, SMALL_PX, seed)
    made = bench.work / "made"
    bench.ours("prep", path=str(small), out=str(made), reps=1)
    parts: dict[str, Callable[[], list[Row]]] = {
        "prep 1200": partial(measures.prep, bench, small, "1200 px"),
        "frames 1200": partial(measures.frames_of, bench, small, "1200 px"),
        "predict 2": partial(measures.predict, bench, made, 2, 8.0),
        "predict 100": partial(measures.predict, bench, made, 20 if bench.quick else 100, 15.0),
        "forward": partial(measures.forward, bench, made),
        "training": partial(measures.training, bench, made),
        "stream": partial(measures.stream, bench, made),
        "workers": partial(measures.workers, bench, small),
    }
    if not bench.quick:
        large = _visit(bench, None, seed)
        parts["frames 4500"] = partial(measures.frames_of, bench, large, "4500 px")
        parts["prep 4500"] = partial(measures.prep, bench, large, "4500 px")
        default = _environment(bench.work / "default", str(ROOT), bench.failures)
        if default is not None:
            parts["install"] = partial(measures.install, bench, default)
    rows: list[Row] = []
    for name, part in parts.items():
        print(f"{datetime.now(UTC):%H:%M:%S} {name}", file=sys.stderr, flush=True)
        try:
            rows += part()
        except FailedError as error:
            bench.failures.append(f"{name}: {error}")
    return rows


def _visit(bench: Bench, size: int | None, seed: int) -> Path:
    """Simulate a visit, alone in a folder of its own, which the original wants."""
    folder = bench.work / "visits" / f"of-{size or 'full'}"
    return Path(bench.ours("visit", folder=str(folder), size=size, seed=seed)[1]["folder"])


def _facts(bench: Bench, before: tuple[float, float, float]) -> dict[str, object]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "repetitions": bench.reps,
        "load_before": round(before[0], 1),
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


def _prose(facts: dict[str, object]) -> str:
    lines = [
        f"Measured on {facts['date']}, {facts['processor']}, one core and one thread but for the "
        f"rows on workers, Python {facts['python']}; load average {facts['load_before']} before "
        f"and {facts['load_after']} after, of which this run is 1. Median of up to "
        f"{facts['repetitions']} repetitions (lowest to highest); s and ms are CPU time.",
        "",
        f"The original is {facts['original']}.",
    ]
    lines += [f"- Repaired from outside: {repair}." for repair in facts["repairs"]]  # type: ignore[attr-defined]
    lines += [f"- Not measured: {reason}" for reason in facts["not_measured"]]  # type: ignore[attr-defined]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
