"""Corrupt: copies of visits with wrong pointings, processed and drawn where asked for."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spacekit.errors import SpacekitError
from spacekit.extras import require
from spacekit.files import ensure_folder
from spacekit.simulate.corrupt import (
    CorruptionSettings,
    find_exposure_folders,
    make_copy,
    plan_copies,
    read_poller,
)
from spacekit.simulate.reprocess import reprocess_copy
from spacekit.skopes.hst.svm.prep import PrepResult, run_preprocessing
from spacekit.visit.nouns import Problem

__all__ = ["Corrupted", "run_corruption"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Corrupted:
    """What was made.

    Parameters
    ----------
    copies : tuple of Path
        Folders of the corrupted copies, each with corruption.txt.
    problems : tuple of Problem
        Visits and copies that could not be done, with the reason.
    prepared : PrepResult or None
        Tables and frames, where drawing was asked for.
    """

    copies: tuple[Path, ...]
    problems: tuple[Problem, ...]
    prepared: PrepResult | None = None


def run_corruption(
    source: Path | str,
    outputs: Path | str = "synthetic",
    settings: CorruptionSettings | None = None,
    *,
    search_pattern: str = "*",
    workflow: str = "block",
    crpt: int = 1,
    runsvm: int = 0,
    draw: int = 0,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Corrupted:
    """Copy visits, corrupt the pointing of chosen exposures, process and draw the copies.

    Parameters
    ----------
    source : Path or str
        Folder of visits' folders, each with exposures (flt, flc) and poller file; never changed.
    outputs : Path or str
        Where the copies go. A copy that is there already is kept.
    settings : CorruptionSettings, optional
        What to corrupt, and how far.
    search_pattern : str
        Which folders below `source`, as a shell pattern.
    workflow : {"block", "pipe"}
        All visits through one stage after the other, or each visit through all stages; the
        results are the same. Drawing comes last in both, for all copies together.
    crpt, runsvm, draw : {0, 1}
        Which stages to do: corrupt; single-visit processing of the copies with the embedded
        pipeline; tables and frames beside `outputs`.
    seed : int, optional
        Makes the choices repeatable.
    progress : callable (done, total), optional
        Called as visits (block: of each stage) are done.

    Raises
    ------
    VisitError
        If there is nothing to corrupt.
    MissingExtraError
        If processing was asked for without the simulate extra.
    OutputError
        If `outputs` can't be written.
    """
    if runsvm:
        require("simulate", "Single-visit processing")
    settings = settings or CorruptionSettings()
    folder = ensure_folder(Path(outputs))
    visits = find_exposure_folders(Path(source), search_pattern)
    stages = [name for name, wanted in (("crpt", crpt), ("runsvm", runsvm)) if wanted]
    jobs = [(stage, number) for stage in stages for number in range(len(visits))]
    if workflow == "pipe":
        jobs.sort(key=lambda job: (job[1], stages.index(job[0])))
    copies: dict[int, list[Path]] = {}
    problems: list[Problem] = []
    for done, (stage, number) in enumerate(jobs, start=1):
        visit = visits[number]
        if stage == "crpt":
            rng = np.random.default_rng(None if seed is None else [seed, number])
            copies[number] = _corrupt(visit, folder, settings, rng, problems)
        else:
            _process(copies.get(number, _present(folder, visit)), visit, problems)
        if progress:
            progress(done, len(jobs))
    made = [path for number in sorted(copies) for path in copies[number]]
    prepared = _draw(folder) if draw else None
    return Corrupted(tuple(made), tuple(problems), prepared)


def _corrupt(
    visit: Path,
    outputs: Path,
    settings: CorruptionSettings,
    rng: np.random.Generator,
    problems: list[Problem],
) -> list[Path]:
    """Make the copies of one visit; what fails is a problem and the rest goes on."""
    made: list[Path] = []
    try:
        plan = plan_copies(visit.name, read_poller(visit), settings, rng)
    except (SpacekitError, OSError) as error:
        problems.append(Problem("", str(visit), str(error)))
        return made
    for copy in plan:
        target = outputs / copy.name
        if (target / "corruption.txt").is_file():
            made.append(target)
            continue
        shutil.rmtree(target, ignore_errors=True)
        try:
            made.append(make_copy(visit, copy, outputs, settings, rng))
        except (SpacekitError, OSError) as error:
            problems.append(Problem("", str(target), str(error)))
    return made


def _present(outputs: Path, visit: Path) -> list[Path]:
    """List the copies of a visit that an earlier run made."""
    return sorted(p.parent for p in outputs.glob(f"{visit.name}_*/corruption.txt"))


def _process(copies: Sequence[Path], visit: Path, problems: list[Problem]) -> None:
    for copy in copies:
        try:
            reprocess_copy(copy, visit)
        except Exception as error:  # noqa: BLE001  one copy must not end the batch
            _log.exception("%s: single-visit processing failed", copy)
            problems.append(Problem("", str(copy), f"{type(error).__name__}: {error}"))


def _draw(outputs: Path) -> PrepResult:
    return run_preprocessing(outputs, output_path=outputs.resolve().parent, crpt=1)


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.corrupt import corrupt

    launch(corrupt)
