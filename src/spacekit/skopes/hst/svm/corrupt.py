"""Corrupt: copies of visits with wrong pointings, processed and drawn where asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from spacekit.errors import OptionError, OutputError, SpacekitError, VisitError
from spacekit.extras import require
from spacekit.files import ensure_folder, exclusive
from spacekit.options import switch
from spacekit.simulate.corrupt import (
    CorruptionSettings,
    find_exposure_folders,
    make_copy,
    plan_copies,
    visit_name,
)
from spacekit.skopes.hst.svm.prep import PrepResult, run_preprocessing
from spacekit.visit.corruption import corruption_entries
from spacekit.visit.nouns import Problem
from spacekit.visit.poller import read_poller

if TYPE_CHECKING:
    from spacekit.mosaic.engines import Engine

__all__ = ["ENGINES", "Corrupted", "run_corruption"]

_log = logging.getLogger(__name__)

ENGINES: Final = ("embedded", "drizzlepac")
_WORKFLOWS: Final = ("block", "pipe")
#: What `make drizzlepac-env` makes.
_DRIZZLEPAC_PYTHON: Final = Path(".venv-drizzlepac/bin/python")


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
    engine: str = "embedded",
    drizzlepac_python: Path | str | None = None,
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
        Which stages to do: corrupt; single-visit processing of the copies; tables and frames
        beside `outputs`.
    seed : int, optional
        Makes the choices repeatable.
    engine : {"embedded", "drizzlepac"}
        Which pipeline processes: the embedded one, or the real one of another interpreter.
    drizzlepac_python : Path or str, optional
        That interpreter, which has drizzlepac; default the one that ``make drizzlepac-env`` makes.
    progress : callable (done, total), optional
        Called as visits (block: of each stage) are done.

    Raises
    ------
    OptionError
        If there is no such workflow or engine, or a switch is neither 0 nor 1.
    VisitError
        If there is nothing to corrupt.
    MissingExtraError
        If processing was asked for without the simulate extra.
    PipelineError
        If the real pipeline was asked for and the interpreter can't run it.
    OutputError
        If `outputs` can't be written.
    """
    if workflow not in _WORKFLOWS:
        raise OptionError(f"no workflow called {workflow}; take one of {', '.join(_WORKFLOWS)}")
    given = {"crpt": crpt, "runsvm": runsvm, "draw": draw}
    wanted = {name: switch(name, value) for name, value in given.items()}
    process = _engine(engine, drizzlepac_python) if wanted["runsvm"] else None
    settings = settings or CorruptionSettings()
    folder = ensure_folder(Path(outputs))
    problems: list[Problem] = []
    visits = _distinct(find_exposure_folders(Path(source), search_pattern), problems)
    stages = [name for name in ("crpt", "runsvm") if wanted[name]]
    jobs = [(stage, number) for stage in stages for number in range(len(visits))]
    if workflow == "pipe":
        jobs.sort(key=lambda job: (job[1], stages.index(job[0])))
    copies: dict[int, list[Path]] = {}
    with exclusive(folder, "*"):
        for done, (stage, number) in enumerate(jobs, start=1):
            visit = visits[number]
            if stage == "crpt":
                rng = np.random.default_rng(None if seed is None else [seed, number])
                copies[number] = _corrupt(visit, folder, settings, rng, problems)
            elif process:
                _process(copies.get(number, _present(folder, visit)), visit, process, problems)
            if progress:
                progress(done, len(jobs))
    made = [path for number in sorted(copies) for path in copies[number]]
    prepared = _draw(folder, problems) if wanted["draw"] else None
    return Corrupted(tuple(made), tuple(problems), prepared)


def _distinct(folders: Sequence[Path], problems: list[Problem]) -> list[Path]:
    """Keep the first folder of each visit; copies of the others would have the same names."""
    first: dict[str, Path] = {}
    for path in folders:
        try:
            holder = first.setdefault(visit_name(path), path)
        except VisitError as error:
            problems.append(Problem("", str(path), str(error)))
            continue
        if holder is not path:
            reason = f"is of the same visit as {holder}; corrupt it into another output folder"
            problems.append(Problem("", str(path), reason))
    return list(first.values())


def _engine(name: str, python: Path | str | None) -> tuple[Engine, str]:
    """Give the engine of a name, and the name, once it is sure that it can work."""
    require("simulate", "Single-visit processing")
    from spacekit.mosaic.engines import drizzlepac_engine, embedded_engine
    from spacekit.mosaic.real.run import DrizzlepacSettings, check_interpreter

    if name not in ENGINES:
        raise OptionError(f"no engine called {name}; take one of {', '.join(ENGINES)}")
    if name == "embedded":
        return embedded_engine(), name
    settings = DrizzlepacSettings(Path(python or _DRIZZLEPAC_PYTHON))
    check_interpreter(settings.python)
    return drizzlepac_engine(settings), name


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
        plan = plan_copies(visit_name(visit), read_poller(visit), settings, rng)
    except (SpacekitError, OSError) as error:
        problems.append(Problem("", str(visit), str(error)))
        return made
    # a generator for each copy: one that is kept must not change the next
    for copy, own in zip(plan, rng.spawn(len(plan)), strict=True):
        target = outputs / copy.name
        try:
            if (target / "corruption.txt").is_file():
                _check_settings(target, settings)
                made.append(target)
                continue
            if target.exists():
                raise OutputError("is there and is no corrupted copy; move it elsewhere")
            made.append(make_copy(visit, copy, outputs, settings, own))
        except (SpacekitError, OSError) as error:
            problems.append(Problem("", str(target), str(error)))
    return made


def _check_settings(copy: Path, settings: CorruptionSettings) -> None:
    """Refuse a copy of another palette or threshold than asked for: its name doesn't tell them."""
    said = corruption_entries(copy / "corruption.txt")
    for name, wanted in (("palette", settings.palette), ("threshold", settings.threshold)):
        if said.get(name) != wanted:
            raise OutputError(
                f"is there already, with another {name} than {wanted}; "
                "move it elsewhere, or choose another folder with -o"
            )


def _present(outputs: Path, visit: Path) -> list[Path]:
    """List the copies of a visit that an earlier run made."""
    return sorted(p.parent for p in outputs.glob(f"{visit_name(visit)}_*/corruption.txt"))


def _process(
    copies: Sequence[Path], visit: Path, engine: tuple[Engine, str], problems: list[Problem]
) -> None:
    from spacekit.simulate.reprocess import reprocess_copy

    for copy in copies:
        try:
            reprocess_copy(copy, visit, *engine)
        except SpacekitError as error:
            problems.append(Problem("", str(copy), str(error)))
        except Exception as error:  # noqa: BLE001  one copy must not end the batch
            _log.exception("%s: single-visit processing failed", copy)
            problems.append(Problem("", str(copy), f"{type(error).__name__}: {error}"))


def _draw(outputs: Path, problems: list[Problem]) -> PrepResult | None:
    """Measure all copies, into a table of their own beside that of the visits."""
    beside = outputs.resolve().parent
    try:
        return run_preprocessing(outputs, output_path=beside, fname="svm_synth", crpt=1)
    except VisitError as error:
        reason = f"nothing to draw ({error}); copies have mosaics once -r 1 has processed them"
        problems.append(Problem("", str(outputs), reason))
        return None


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.corrupt import corrupt

    launch(corrupt)
