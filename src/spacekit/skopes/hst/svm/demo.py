"""Six visits to try things on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from spacekit.errors import SimulationError
from spacekit.extras import require
from spacekit.files import ensure_folder
from spacekit.parallel import run_jobs, usable_cores
from spacekit.simulate.scene import write_scene
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec

__all__ = ["simulate_demo"]

#: Three matched pairs: the same sky with an error and without. Too few reference stars for the
#: pipeline to repair it, as it is where errors survive.
_SCENES: Final[tuple[dict[str, Any], ...]] = (
    {"detector": "ir", "filters": ("F110W", "F160W"), "mode": "one-filter", "offset_px": 3.0},
    {"detector": "uvis", "filters": ("F606W", "F814W"), "mode": "one-exposure", "offset_px": 6.0},
    {"detector": "wfc", "filters": ("F606W", "F814W"), "mode": "scatter", "offset_px": 2.5},
)


def simulate_demo(
    out: Path,
    seed: int,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Simulate three pairs of visits below `out`, of each pair one misaligned.

    What is there already is kept.

    Returns
    -------
    Path
        The folder that holds the visits.

    Raises
    ------
    MissingExtraError
        If the simulate extra isn't installed.
    OutputError
        If it can't be written.
    """
    require("simulate", "The demo")
    folder = ensure_folder(out / f"seed-{seed}")
    specs = [_spec(seed, number) for number in range(len(_SCENES))]
    jobs = [(folder, spec, SimulationSettings()) for spec in specs]
    results = run_jobs(write_scene, jobs, workers or usable_cores(), _died)
    for done, _ in enumerate(results, start=1):
        if progress:
            progress(done, len(jobs))
    return folder


def _died(job: tuple[Path, VisitSpec, SimulationSettings]) -> tuple[Path, ...]:
    raise SimulationError(
        f"the process that simulated scene {job[1].number} died (out of memory?); run it again"
    )


def _spec(seed: int, number: int) -> VisitSpec:
    rng = np.random.default_rng([seed, number])
    return VisitSpec(
        number=number,
        seed=seed,
        counts=(2, 3),
        gaia="few",
        ra_deg=float(rng.uniform(0, 360)),
        dec_deg=float(rng.uniform(-70, 70)),
        orient_deg=float(rng.uniform(0, 360)),
        bad_first=bool(rng.random() < 0.5),
        **_SCENES[number],
    )
