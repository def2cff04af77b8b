"""Measure the simulator: what a visit costs, and what becomes of the errors.

    python -m benchmarks.simulator cost WORK
    python -m benchmarks.simulator outcomes WORK --visits 200

`cost` simulates matched pairs of four exposures in two filters with each detector and format,
with total and filter products, catalogs and QA JSON, in a process of its own each, and tells
core-seconds per visit and the largest memory. `outcomes` simulates visits with errors and tells,
by mode, what the pipeline made of them. Both write a CSV below WORK and a table to `docs/tables/`.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.outcomes import outcome_of
from benchmarks.tables import markdown
from spacekit.parallel import run_jobs, usable_cores
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.draw import ALIGNED, draw_spec
from spacekit.simulate.pointing import MODES
from spacekit.simulate.scene import write_visit
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_pair

#: Where the documentation takes its tables from.
TABLES = Path(__file__).resolve().parents[1] / "docs" / "tables"
FORMATS: tuple[int | None, ...] = (512, 1024, None)
#: Scenes drawn for each detector and format; full formats cost a minute each.
SCENES = {512: 8, 1024: 4, None: 1}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("cost", "outcomes"))
    parser.add_argument("work", type=Path)
    parser.add_argument("--visits", type=int, default=200, help="with errors, for outcomes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=usable_cores())
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.what == "cost":
        rows, table = cost(args.seed)
    else:
        rows, table = outcomes(args.visits, args.seed, args.workers)
    rows.to_csv(args.work / f"{args.what}.csv", index=False)
    TABLES.mkdir(exist_ok=True)
    (TABLES / f"{args.what}.md").write_text(table, encoding="utf-8")
    print(table)


def cost(seed: int) -> tuple[pd.DataFrame, str]:
    """Measure core-seconds and memory by detector and format."""
    jobs = [(d, f, seed) for d in DETECTORS for f in FORMATS if _has(d, f)]
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        rows = pd.DataFrame([pool.apply(_cost_of, job) for job in jobs])
    cells = [
        [
            r["detector"],
            r["format"],
            f"{r['draw_s']:.2f}",
            f"{r['median_s']:.2f} ({r['low_s']:.2f} to {r['high_s']:.2f})",
            f"{r['rss_mb']:.0f} MB",
        ]
        for _, r in rows.iterrows()
    ]
    lines = [markdown(["detector", "format", "drawing", "whole visit", "memory"], cells)]
    lines += ["", "Core-seconds per visit: median (lowest to highest) over scenes drawn at random."]
    return rows, "\n".join(lines) + "\n"


def _has(detector: str, size: int | None) -> bool:
    return size is None or size < min(DETECTORS[detector].chip_shape)


def _cost_of(detector: str, size: int | None, seed: int) -> dict[str, object]:
    """Simulate a few pairs; the first, which fills caches, is not counted."""
    drawn, whole = [], []
    for k in range(SCENES[size] + 1):
        spec = _four_exposures(detector, size if k else 128, seed, k)
        with tempfile.TemporaryDirectory() as name:
            start = time.process_time()
            members = simulate_pair(spec, np.random.default_rng([seed, k, 1]), Path(name))
            middle = time.process_time()
            for visit in members:
                write_visit(visit, Path(name), SimulationSettings())
        if k:
            drawn.append((middle - start) / len(members))
            whole.append((time.process_time() - start) / len(members))
    ny, nx = DETECTORS[detector].chip_shape
    chips = DETECTORS[detector].n_chips
    return {
        "detector": detector,
        "format": f"{size}x{size}" if size else f"{nx}x{ny}" + f" x{chips}" * (chips > 1),
        "draw_s": float(np.median(drawn)),
        "median_s": float(np.median(whole)),
        "low_s": min(whole),
        "high_s": max(whole),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _four_exposures(detector: str, size: int | None, seed: int, k: int) -> VisitSpec:
    """Draw a scene and give it two filters with two exposures each."""
    spec = draw_spec(seed, k)
    names = tuple(f.name for f in DETECTORS[detector].filters[-2:])
    return replace(
        spec,
        detector=detector,
        filters=names,
        counts=(2, 2),
        exptimes_s=(500.0, 500.0),
        size=size,
        across_gap=False,
        mode="one-filter",
        offset_px=2.0,
        trail_share=0.0,
    )


def outcomes(visits: int, seed: int, workers: int) -> tuple[pd.DataFrame, str]:
    """Tell by mode what the pipeline made of errors of half a pixel and more."""
    numbers = (k for k in range(20 * visits) if draw_spec(seed, k).mode != ALIGNED)
    jobs = [(seed, k) for k, _ in zip(numbers, range(8 * visits // 5), strict=False)]
    found = [row for _, row in run_jobs(outcome_of, jobs, workers, _died)]
    rows = pd.DataFrame([r for r in found if r["prior_px"] >= 0.5])
    rows = rows.sort_values("scene").head(visits)
    names = ["repaired", "half-repaired", "unrepaired", "worse"]
    tried = rows[rows["tried"]]
    counts = pd.crosstab(tried["mode"], tried["outcome"]).reindex(columns=names, fill_value=0)
    left = rows[~rows["tried"]].groupby("mode").size()
    present = [mode for mode in MODES if mode in set(rows["mode"])]
    counts = counts.reindex(present, fill_value=0)
    cells = [[mode, left.get(mode, 0), *counts.loc[mode]] for mode in present]
    lines = [
        markdown(["mode", "no fit tried", *names], cells),
        "",
        f"{len(rows)} visits whose headers were off by 0.5 px and more (seed {seed}), with many "
        "reference stars and the fit switched on, so that the pipeline may repair them. No fit is "
        "tried where the target moves or the scene has fewer than 12 stars. Repaired: at most "
        "0.25 px is left; half-repaired: less than 70%; worse: more than 130%.",
    ]
    return rows, "\n".join(lines) + "\n"


def _died(job: tuple[int, int]) -> dict[str, Any]:
    raise SystemExit(f"the process of scene {job[1]} died (out of memory?)")


if __name__ == "__main__":
    main()
