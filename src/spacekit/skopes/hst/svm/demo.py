"""Six visits to try things on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from spacekit.extras import require
from spacekit.files import ensure_folder
from spacekit.simulate.dataset import SimulationSettings, write_scene
from spacekit.simulate.visit import VisitSpec

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
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(write_scene, folder, spec, SimulationSettings()) for spec in specs]
        for done, job in enumerate(as_completed(jobs), start=1):
            job.result()
            if progress:
                progress(done, len(jobs))
    return folder


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
