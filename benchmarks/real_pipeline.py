"""The real pipeline against the embedded one, on the same simulated exposures.

    python -m benchmarks.real_pipeline WORK --visits 36 --drizzlepac-python PATH

Simulates small visits of known error in every mode, all with many reference stars and the fit
switched on, processes each with both engines, and tells of each whether a fit was accepted and
how far the exposures disagree afterwards. WORK keeps everything: exposures in `simulated/`,
products in `drizzlepac/` and `embedded/`, the table in `real_pipeline.csv`. An interrupted run
goes on where it was; the embedded pipeline, which takes seconds, is run anew each time. With
`--stored` the visits that WORK has are processed, whatever the present simulator would draw.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spacekit.errors import SpacekitError
from spacekit.files import write_csv, write_json
from spacekit.mosaic.engines import Engine, drizzlepac_engine, embedded_engine
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.real.run import LOG_NAME, DrizzlepacSettings, check_interpreter
from spacekit.simulate.draw import DrawSettings, draw_spec
from spacekit.simulate.pointing import MODES
from spacekit.simulate.reprocess import process_simulated
from spacekit.simulate.scene import write_visit
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_visit
from spacekit.visit.truth import read_truth

#: Detectors in turn: mostly the one whose fields have the most stars in 512 px.
DETECTORS = ("ir", "uvis", "ir", "wfc", "ir", "hrc", "ir", "sbc")
#: Scenes with stars enough to fit now and then.
SCENES = ("stars", "crowded", "cluster")
#: An error of one chip wants two.
WAYS = ("aligned", *(mode for mode in MODES if mode != "chip"))
STORY = re.compile(r"with method '(\w+)' using fit geometry '(\w+)' was (NOT )?satisfactory")
SETTINGS = SimulationSettings(
    pipeline=PipelineSettings(filter_products=False, catalogs=False, qa=False), exposures=True
)


def specs(visits: int, seed: int) -> Iterator[VisitSpec]:
    """Give visits of each mode in turn; detectors change from one round of modes to the next."""
    number = 0
    for k in range(visits):
        mode = WAYS[k % len(WAYS)]
        detector = DETECTORS[(k + k // len(WAYS)) % len(DETECTORS)]
        draw = DrawSettings({detector: 1.0}, {512: 1.0}, () if mode == "aligned" else (mode,))
        while True:
            spec = draw_spec(seed, number, draw)
            number += 1
            if spec.scene in SCENES and spec.plan.n > 1 and mode in {spec.mode, "aligned"}:
                break
        spec = replace(spec, gaia="many", fit_enabled=True)
        yield replace(spec, mode="aligned", offset_px=0.0) if mode == "aligned" else spec


def simulate(work: Path, spec: VisitSpec) -> Path:
    """Simulate a visit with its exposures, unless it is there."""
    folder = work / "simulated" / spec.ipppss(True)
    if not (folder / "truth.json").is_file():
        visit = simulate_visit(spec, np.random.default_rng([spec.seed, spec.number, 1]))
        write_visit(visit, work / "simulated", SETTINGS)
    return folder


def process(visit: Path, work: Path, engine: Engine, name: str) -> dict[str, Any]:
    """Process a visit with an engine; what went wrong is a row too."""
    out, start = work / name / visit.name, time.monotonic()
    shutil.rmtree(out, ignore_errors=True)
    try:
        ((solution, truth),) = process_simulated(visit, out, engine, name)
    except SpacekitError as error:
        return {"accepted": None, "reason": str(error)}
    fit = solution.fit
    return {
        "accepted": fit.accepted,
        "reason": story(out) if name == "drizzlepac" else fit.reason,
        "rms_ra_mas": round(fit.rms_ra_mas, 2) if fit.accepted else None,
        "rms_dec_mas": round(fit.rms_dec_mas, 2) if fit.accepted else None,
        "nmatches": fit.nmatches,
        "offset_px": round(truth.offset_px, 3),
        "label": truth.label,
        "seconds": round(time.monotonic() - start, 1),
    }


def story(folder: Path) -> str:
    """Tell from the log which ways of fitting were tried, and what came of them."""
    log = (folder / LOG_NAME).read_text(encoding="utf-8", errors="replace")
    return "; ".join(f"{m[1]} {m[2]} {'no' if m[3] else 'yes'}" for m in STORY.finditer(log))


def compare(work: Path, visits: Iterable[Path], python: Path) -> pd.DataFrame:
    """Run both engines on every visit; the table grows visit by visit."""
    real = drizzlepac_engine(DrizzlepacSettings(python, time_limit_s=1800))
    rows = []
    for visit in visits:
        told = work / "drizzlepac" / f"{visit.name}.json"
        if not told.is_file():
            write_json(told, process(visit, work, real, "drizzlepac"))
        found = {
            "drizzlepac": json.loads(told.read_text(encoding="utf-8")),
            "embedded": process(visit, work, embedded_engine(), "embedded"),
        }
        spec = read_truth(visit / "truth.json").spec
        rows.append(
            {
                "visit": visit.name,
                **{key: spec[key] for key in ("detector", "mode", "scene", "prior")},
                "exposures": sum(spec["counts"]),
                "injected_px": round(spec["offset_px"], 3),
                **{f"{name}_{key}": v for name, row in found.items() for key, v in row.items()},
            }
        )
        write_csv(work / "real_pipeline.csv", pd.DataFrame(rows))
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def main() -> None:
    """Parse the command line, compare, and sum up by mode."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--visits", type=int, default=36)
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument(
        "--drizzlepac-python", type=Path, default=Path(".venv-drizzlepac/bin/python")
    )
    asked = parser.parse_args()
    check_interpreter(asked.drizzlepac_python)
    visits: Iterable[Path] = (simulate(asked.work, s) for s in specs(asked.visits, asked.seed))
    if asked.stored:
        visits = sorted((asked.work / "simulated").iterdir())
    table = compare(asked.work, visits, asked.drizzlepac_python)
    columns = [c for c in table if str(c).endswith(("accepted", "offset_px", "label"))]
    print(table[["visit", "detector", "mode", "injected_px", *columns]].to_string(index=False))


if __name__ == "__main__":
    main()
