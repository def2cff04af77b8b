"""Small visits of known error through the real pipeline and the embedded one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.real_pipeline import SETTINGS
from spacekit.errors import SpacekitError
from spacekit.mosaic.engines import Engine, drizzlepac_engine, embedded_engine
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.real.run import DrizzlepacSettings
from spacekit.parallel import run_jobs
from spacekit.simulate.draw import DrawSettings, draw_spec
from spacekit.simulate.reprocess import process_simulated
from spacekit.simulate.scene import write_scene
from spacekit.simulate.spec import VisitSpec

__all__ = ["ENGINES", "process_scenes"]

#: The folders of the products, in the order in which the pipelines run.
ENGINES: Final = ("embedded", "drizzlepac")

#: The real pipeline takes a minute for an IR subarray and several for a CCD's.
_DRAW: Final = DrawSettings({"ir": 0.7, "uvis": 0.15, "wfc": 0.15}, {512: 1.0})
_SEED: Final = 4001


def process_scenes(work: Path, scenes: int, python: Path, workers: int) -> Iterator[str]:
    """Simulate scenes, matched pairs, none of which has reference stars enough for a fit.

    Parameters
    ----------
    work : Path
        Exposures go to ``simulated/``, products to ``embedded/`` and ``drizzlepac/``, what a
        pipeline said that could not process a visit to ``failed/``. What is there is kept.
    scenes : int
        How many.
    python : Path
        The interpreter that has drizzlepac.
    workers : int
        Processes.

    Yields
    ------
    str
        What became of a scene, as they get done.
    """
    specs = (draw_spec(_SEED, number, _DRAW) for number in range(scenes))
    jobs = [(work, replace(spec, gaia="few"), python) for spec in specs]
    for _, told in run_jobs(_scene, jobs, workers, _died):
        yield told


def _scene(work: Path, spec: VisitSpec, python: Path) -> str:
    """Simulate a scene and run both pipelines on its visits; runs in a worker."""
    engines = {
        "embedded": embedded_engine(PipelineSettings(exposure_products=True)),
        "drizzlepac": drizzlepac_engine(DrizzlepacSettings(python, time_limit_s=1800)),
    }
    told = []
    for visit in write_scene(work / "simulated", spec, SETTINGS):
        failed = work / "failed" / visit.name
        if not failed.is_file():
            _process(work, visit, engines)
        told.append(failed.read_text(encoding="utf-8") if failed.is_file() else "processed")
    return f"scene {spec.number}, {spec.detector}, {spec.mode}: {'; '.join(told)}"


def _process(work: Path, visit: Path, engines: dict[str, Engine]) -> None:
    """Run each engine on a visit's exposures; a visit that one can't process is left out."""
    for name in ENGINES:
        out = work / name / visit.name
        if (out / "truth.json").is_file():
            continue
        shutil.rmtree(out, ignore_errors=True)
        try:
            process_simulated(visit, out, engines[name], name)
        except SpacekitError as error:
            (work / "failed").mkdir(exist_ok=True)
            (work / "failed" / visit.name).write_text(f"{name}: {error}", encoding="utf-8")
            for made in ENGINES:
                shutil.rmtree(work / made / visit.name, ignore_errors=True)
            return


def _died(job: tuple[Path, VisitSpec, Path]) -> str:
    return f"scene {job[1].number}: its process died; run again"
