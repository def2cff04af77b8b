"""Process exposures of known pointing with either engine, and record what came of their errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from astropy.wcs import WCS

from spacekit.errors import OutputError, ProductError
from spacekit.files import ensure_folder, write_text
from spacekit.mosaic.engines import Engine, Solution
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.simulate.corrupt import EXPOSURES, exposure_inputs
from spacekit.simulate.truth import Truth, Witness, compute_truth, truth_json, write_truth
from spacekit.visit.truth import MosaicTruth, TrueExposure, read_truth

__all__ = ["process_simulated", "reprocess_copy"]

_RECORDED: Final = ("engine:", "final_offset_px:", "label:", "mosaic:")
_MakeWitness = Callable[[str, tuple[WCS, ...]], Witness]


def reprocess_copy(copy: Path, source: Path, engine: Engine, engine_name: str) -> None:
    """Run single-visit processing on a corrupted copy, in its folder.

    The pipeline may repair the error, or not: the final offsets are measured by geometry against
    the pointings of the source's exposures, which are taken to be right, and recorded with the
    label in `corruption.txt` and `truth.json`. A copy that has them of this engine is left alone.

    Parameters
    ----------
    copy : Path
        Folder of the copy.
    source : Path
        Folder of the exposures it was made from.
    engine : Engine
        What processes it.
    engine_name : str
        What the records call it.

    Raises
    ------
    ProductError
        If an exposure or the reference catalog can't be read.
    PipelineError
        If the real pipeline can't be run, or failed.
    VisitError
        If the exposures make no visit.
    OutputError
        If another engine has processed the copy.
    """
    if (copy / "truth.json").is_file():
        earlier = read_truth(copy / "truth.json").engine
        if earlier not in {"", engine_name}:
            raise OutputError(
                f"{copy}: was processed by the {earlier} engine; take another output folder"
            )
        return
    solutions = engine(copy)
    truths, entries = _measure(solutions, partial(_source_witness, source), "corrupted")
    _record(copy / "corruption.txt", engine_name, truths)
    write_truth(copy, entries, engine=engine_name)


def process_simulated(
    visit: Path, out: Path, engine: Engine, engine_name: str
) -> list[tuple[Solution, Truth]]:
    """Process the exposures of a simulated visit, and measure what came of its error.

    Parameters
    ----------
    visit : Path
        Folder of a simulated visit with its exposures (``simulate --exposures``).
    out : Path
        Folder for copies of the exposures, the products and their truth.json.
    engine : Engine
        What processes them.
    engine_name : str
        What truth.json calls it.

    Returns
    -------
    list of (Solution, Truth)
        One for each detector.

    Raises
    ------
    ProductError
        If the visit's truth, exposures or reference catalog can't be read.
    PipelineError
        If the real pipeline can't be run, or failed.
    """
    exposures, mosaic = visit / EXPOSURES, _only_mosaic(visit / "truth.json")
    ensure_folder(out)
    for path in exposure_inputs(exposures):
        shutil.copyfile(path, out / path.name)
    solutions = engine(out)
    witness = partial(_simulated_witness, exposures, mosaic.exposures)
    truths, entries = _measure(solutions, witness, mosaic.mode)
    write_truth(out, entries, engine=engine_name)
    return list(zip(solutions, truths.values(), strict=True))


def _measure(
    solutions: Sequence[Solution], witness: _MakeWitness, mode: str
) -> tuple[dict[str, Truth], dict[str, Any]]:
    """Compute the truth of each total product, and its entry for truth.json."""
    truths, entries = {}, {}
    for solution in solutions:
        witnesses = [witness(name, final) for name, final in sorted(solution.final_wcs.items())]
        truth = compute_truth(witnesses, solution.mosaic, solution.shape)
        truths[solution.total] = truth
        entries[solution.total] = truth_json(truth, witnesses, mode)
    return truths, entries


def _source_witness(folder: Path, name: str, final: tuple[WCS, ...]) -> Witness:
    """Take the pointing of an exposure's header for the truth."""
    right = read_exposure(folder / name)
    true = tuple(chip.wcs for chip in right.chips)
    return Witness(name, right.filter, right.exptime_s, true, final, _shapes(right))


def _simulated_witness(
    folder: Path, told: Mapping[str, TrueExposure], name: str, final: tuple[WCS, ...]
) -> Witness:
    """Put the recorded pointing into the WCS of an exposure's header."""
    exposure, row = read_exposure(folder / name), told.get(name)
    if row is None or len(row.chips) != len(exposure.chips):
        raise ProductError(
            f"{folder.parent / 'truth.json'}: doesn't tell where the chips of {name} truly point; "
            "simulate the visit again"
        )
    true = []
    for chip, pointing in zip(exposure.chips, row.chips, strict=True):
        wcs = chip.wcs.deepcopy()
        wcs.wcs.crval = pointing.crval_deg
        wcs.wcs.cd = pointing.cd_deg
        wcs.wcs.set()
        true.append(wcs)
    return Witness(
        name,
        exposure.filter,
        exposure.exptime_s,
        tuple(true),
        final,
        _shapes(exposure),
        row.trail_px,
    )


def _shapes(exposure: Exposure) -> tuple[tuple[int, int], ...]:
    return tuple((chip.sci.shape[0], chip.sci.shape[1]) for chip in exposure.chips)


def _only_mosaic(path: Path) -> MosaicTruth:
    mosaics = tuple(read_truth(path).mosaics.values())
    if len(mosaics) != 1:
        raise ProductError(f"{path}: tells of {len(mosaics)} mosaics, a simulated visit has one")
    return mosaics[0]


def _record(path: Path, engine_name: str, truths: Mapping[str, Truth]) -> None:
    """Add the outcome to corruption.txt; of several mosaics each has a line of its own."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(_RECORDED)]
    kept.append(f"engine: {engine_name}")
    for total, truth in truths.items():
        offset, label = f"{truth.offset_px:.4f}", "" if truth.label is None else truth.label
        if len(truths) == 1:
            kept += [f"final_offset_px: {offset}", f"label: {label}"]
        else:  # prep then takes each mosaic's label from truth.json
            kept.append(f"mosaic: {total} final_offset_px={offset} label={label}")
    write_text(path, "\n".join(kept) + "\n")
