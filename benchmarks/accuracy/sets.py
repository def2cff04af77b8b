"""The simulated visits that the bundled model is trained, calibrated and tested on.

Three sets with seeds of their own, so that no scene is in two of them. Matched pairs give the
bad visits, and a good one to each; single good visits are added where a rate of false alarms is
to be measured. Everything follows from the seeds: a set is made again by the same command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from spacekit.measure.schema import LABEL
from spacekit.model.dataset import Dataset, build_dataset
from spacekit.model.features import Features, read_table
from spacekit.model.images import open_frames
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.simulate.draw import ALIGNED, DrawSettings
from spacekit.simulate.settings import SimulationSettings
from spacekit.skopes.hst.svm.simulate import simulate_training_set

__all__ = ["SETS", "VisitSet", "join_datasets", "load_set", "read_parts", "simulate_set"]

#: Share of each side of a subarray; None is the full format, which costs forty times as much.
SIZES: Final[dict[int | None, float]] = {512: 0.92, 1024: 0.075, None: 0.005}


@dataclass(frozen=True)
class VisitSet:
    """Visits to simulate.

    Parameters
    ----------
    seed : int
        Of the pairs; the single good visits have the next one.
    paired, single : int
        Visits in matched pairs (and the few single ones among them), and single good ones.
    full : int
        Single good visits in full format, with the seed after that: so few are among the others
        that nothing could be said of them.
    exposures : bool
        Whether all have exposure products; else 30% of the scenes have.
    """

    seed: int
    paired: int
    single: int = 0
    full: int = 0
    exposures: bool = False

    @property
    def parts(self) -> tuple[tuple[str, int, int, SimulationSettings], ...]:
        """Folder, seed, number of visits and what they are made like, a part each."""
        drawn = {
            "pairs": (self.paired, DrawSettings(sizes=SIZES)),
            "single": (self.single, DrawSettings(sizes=SIZES, modes=(ALIGNED,))),
            "full": (self.full, DrawSettings(sizes={None: 1.0}, modes=(ALIGNED,))),
        }
        pipeline = PipelineSettings(exposure_products=self.exposures)
        return tuple(
            (name, self.seed + number, visits, SimulationSettings(draw, pipeline))
            for number, (name, (visits, draw)) in enumerate(drawn.items())
            if visits
        )


#: In the order in which they are made. The sets that calibrate and test get another seed once their
#: visits were looked at to mend what measures or trains: then they have taught something.
SETS: Final = {
    "calibrate": VisitSet(seed=3201, paired=560, single=660, exposures=True),
    "test": VisitSet(seed=3601, paired=1250, single=690, full=24, exposures=True),
    "train": VisitSet(seed=3001, paired=1800),
}


def simulate_set(
    work: Path, name: str, workers: int, progress: Callable[[int, int], None] | None = None
) -> None:
    """Simulate and measure a set into ``work/<name>/<part>/``; what is there is kept."""
    for part, seed, visits, settings in SETS[name].parts:
        folder = work / name / part
        made = simulate_training_set(
            folder, visits, seed, settings, workers=workers, progress=progress
        )
        for failure in made.failures:
            print(f"{name}/{part}: {failure}")


def read_parts(work: Path, name: str) -> list[tuple[pd.DataFrame, Path]]:
    """Give the table of each part of a set that is there, with its folder."""
    parts = [work / name / part for part, *_ in SETS[name].parts]
    tables = [(read_table(part / "svm_data.csv"), part) for part in parts if part.is_dir()]
    if not tables:
        raise SystemExit(f"{work / name}: not simulated yet; run the step simulate first")
    return tables


def load_set(work: Path, name: str, size: int, scratch: Path, *, ambiguous: bool) -> Dataset:
    """Read measurements and pictures of a set.

    Parameters
    ----------
    work : Path
        Where the sets are.
    name : str
        Which.
    size : int
        Side of the frames, px.
    scratch : Path
        Where arrays of pictures may lie.
    ambiguous : bool
        Keep ambiguous visits, as misaligned ones; else they are left out.
    """
    loaded = []
    for table, part in read_parts(work, name):
        folder = scratch / f"{name}-{part.name}"
        folder.mkdir(parents=True)
        labelled = table.fillna({LABEL: 1}) if ambiguous else table
        with open_frames(part / "img") as frames:
            loaded.append(build_dataset(labelled, frames, size, folder))
    return join_datasets(loaded, scratch)


def join_datasets(sets: Sequence[Dataset], folder: Path) -> Dataset:
    """Put data sets one after the other; pictures go to arrays in `folder`."""
    rows = sum(len(one) for one in sets)
    pictures = []
    for name in ("frames", "stamps"):
        arrays = [getattr(one, name) for one in sets]
        joined = np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.uint8, (rows, *arrays[0].shape[1:])
        )
        np.concatenate(arrays, out=joined)
        pictures.append(joined)
    features = Features(
        np.concatenate([one.features.numeric for one in sets]),
        np.concatenate([one.features.categories for one in sets]),
        {},
    )
    return Dataset(
        tuple(name for one in sets for name in one.index),
        features,
        np.concatenate([one.labels for one in sets]),
        pictures[0],
        np.concatenate([one.has_frames for one in sets]),
        pictures[1],
        sum(one.ambiguous for one in sets),
        tuple(problem for one in sets for problem in one.problems),
        np.concatenate([one.shown_by_total for one in sets]),
    )
