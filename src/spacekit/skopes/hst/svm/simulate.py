"""Simulate visits: as folders with every product, or straight to a labelled table and frames."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from spacekit.errors import OptionError, OutputError, SimulationError, SpacekitError
from spacekit.extras import require
from spacekit.files import PART, ensure_folder, exclusive, write_csv
from spacekit.measure.schema import LABEL, column_order
from spacekit.measure.truths import label_table, read_truths
from spacekit.parallel import run_jobs
from spacekit.simulate.dataset import claim_folder, longest_first, simulate_many
from spacekit.simulate.draw import DrawSettings, draw_spec
from spacekit.simulate.settings import SimulationSettings
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.tables import read_csv

__all__ = ["Simulated", "keeps_exposure_products", "run_simulation", "simulate_training_set"]

_log = logging.getLogger(__name__)

_SHARDS = "scenes"
_TRUTHS = "truth"
#: What to do with a scene's part of the table that can't be read.
_AGAIN = "delete it and simulate again: that scene is made anew"
#: Visits often keep no exposure products; a model must learn to do with and without.
_WITH_EXPOSURE_PRODUCTS = 0.3


@dataclass(frozen=True)
class Simulated:
    """What was made.

    Parameters
    ----------
    folder : Path
        Where it lies.
    visits : int
        How many there are now, those of an earlier run included.
    failures : tuple of str
        Scenes that could not be made, with the reason.
    table : Path or None
        The labelled table, where visits were measured.
    """

    folder: Path
    visits: int
    failures: tuple[str, ...]
    table: Path | None = None


def _scenes(visits: int, seed: int, draw: DrawSettings) -> Iterator[int]:
    """Give the numbers of scenes that make up so many visits; a matched pair is not split."""
    if visits < 1:
        raise OptionError(f"{visits} visits were asked for; ask for one or more")
    made = number = 0
    while made < visits:
        made += len(draw_spec(seed, number, draw).members)
        yield number
        number += 1


def run_simulation(
    out: Path,
    visits: int,
    seed: int,
    settings: SimulationSettings | None = None,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Simulate visits into folders below `out`, each with its products and truth.json.

    What is there of an earlier run is kept. Visits come in matched pairs (one with an error,
    one without, all else alike), so that there may be one more than asked for.

    Raises
    ------
    MissingExtraError
        If the simulate extra isn't installed.
    OptionError
        If no visit was asked for.
    SimulationError
        If what was asked for can't exist.
    OutputError
        If `out` can't be written.
    """
    require("simulate", "Simulating")
    settings = settings or SimulationSettings()
    numbers = list(_scenes(visits, seed, settings.draw))
    done = 0

    def tell(_: object) -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, len(numbers))

    with exclusive(ensure_folder(out)):
        results = simulate_many(out, numbers, seed, settings, workers, tell)
    failures = tuple(f"scene {r.number}: {r.reason}" for r in results if r.reason)
    return Simulated(out, sum(len(r.folders) for r in results), failures)


def simulate_training_set(
    out: Path,
    visits: int,
    seed: int,
    settings: SimulationSettings | None = None,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Simulated:
    """Simulate visits, measure them, and keep the measurements only.

    Writes `svm_data.csv` (labelled, with the true offsets in `true_` columns),
    `img/<name>/` and `truth/<ipppss>.json`. A scene's part of the table appears when its frames
    are there, so that an interrupted run goes on where it was.

    Raises
    ------
    OptionError
        If no visit was asked for.
    SimulationError
        If what was asked for can't exist, or nothing could be made.
    OutputError
        If `out` can't be written.
    """
    require("simulate", "Simulating")
    settings = settings or SimulationSettings()
    numbers = list(_scenes(visits, seed, settings.draw))
    with exclusive(ensure_folder(out), _SHARDS, _TRUTHS):
        claim_folder(out, seed, settings)
        shards = ensure_folder(out / _SHARDS)
        todo = [k for k in numbers if not _shard(shards, k).is_file()]
        failures = []
        jobs = [(out, k, seed, settings) for k in longest_first(todo, seed, settings.draw)]
        done = len(numbers) - len(todo)
        for _, reason in run_jobs(_measure_scene, jobs, workers, _died):
            failures += [reason] if reason else []
            done += 1
            if progress:
                progress(done, len(numbers))
        table = _joined([_shard(shards, k) for k in numbers], failures)
        write_csv(out / "svm_data.csv", table)
    return Simulated(out, len(table), tuple(failures), out / "svm_data.csv")


def _joined(shards: Sequence[Path], failures: Sequence[str]) -> pd.DataFrame:
    """Put the parts of the table together that there are."""
    parts = [read_csv(path, _AGAIN) for path in shards if path.is_file()]
    if not parts:
        raise SimulationError(f"no scene could be made; the first: {failures[0]}")
    table = pd.concat(parts, ignore_index=True)
    table[LABEL] = table[LABEL].astype("Int64")
    return table[column_order(table.columns)]


def _shard(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.csv"


def _died(job: tuple[Path, int, int, SimulationSettings]) -> str:
    return f"scene {job[1]}: its process died (out of memory?); try fewer workers"


def _measure_scene(out: Path, number: int, seed: int, settings: SimulationSettings) -> str:
    """Simulate and measure one scene; the reason why it failed is told, not raised."""
    from spacekit.simulate.scene import (
        simulate_to,  # here: who hands out scenes needn't wait for it
    )

    try:
        with tempfile.TemporaryDirectory(dir=out, prefix=PART) as name:
            scratch = Path(name)
            simulate_to(
                scratch / "visits", number, seed, _some_exposure_products(number, seed, settings)
            )
            made = run_preprocessing(
                scratch / "visits", output_path=scratch / "out", workers=1, blink=False
            )
            table = label_table(made.table, read_truths(scratch / "visits"))
            for frames in made.img_path.iterdir():
                target = out / "img" / frames.name
                shutil.rmtree(target, ignore_errors=True)
                ensure_folder(target.parent)
                frames.replace(target)
            truths = ensure_folder(out / _TRUTHS)
            for truth in (scratch / "visits").glob("*/truth.json"):
                truth.replace(truths / f"{truth.parent.name}.json")
        write_csv(_shard(out / _SHARDS, number), table)
    except OutputError:
        raise
    except SpacekitError as error:
        return f"scene {number}: {error}"
    except OSError as error:
        raise OutputError(f"{out}: can't be written ({error.strerror or error})") from error
    except Exception as error:  # noqa: BLE001  one scene must not end the set
        _log.exception("scene %d of seed %d failed", number, seed)
        return f"scene {number}: {type(error).__name__}: {error}"
    return ""


def keeps_exposure_products(number: int, seed: int) -> bool:
    """Say whether a scene of a training set has exposure products where none were asked for."""
    chance = np.random.default_rng([seed, number, 2]).random()
    return bool(chance < _WITH_EXPOSURE_PRODUCTS)


def _some_exposure_products(
    number: int, seed: int, settings: SimulationSettings
) -> SimulationSettings:
    """Drizzle the exposures of some scenes by themselves too, whatever is wrong with them."""
    keep = settings.pipeline.exposure_products or keeps_exposure_products(number, seed)
    return replace(settings, pipeline=replace(settings.pipeline, exposure_products=keep))
