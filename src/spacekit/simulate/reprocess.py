"""Process a corrupted copy with the embedded pipeline, and record what came of the error."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from astropy.table import Table

from spacekit.errors import ProductError
from spacekit.files import write_text
from spacekit.mosaic.exposure import Exposure
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.pipeline import PipelineSettings, process_visit
from spacekit.simulate.corrupt import read_poller
from spacekit.simulate.truth import Truth, Witness, compute_truth, truth_json, write_truth

__all__ = ["reprocess_copy"]


def reprocess_copy(copy: Path, source: Path, settings: PipelineSettings | None = None) -> None:
    """Run single-visit processing on a corrupted copy, in its folder.

    The pipeline may repair the error, or not: the final offsets are measured by geometry against
    the pointings of the source's exposures, which are taken to be right, and recorded with the
    label in `corruption.txt` and `truth.json`. A copy that has them is left alone.

    Parameters
    ----------
    copy : Path
        Folder of the copy.
    source : Path
        Folder of the visit it was made from.
    settings : PipelineSettings, optional
        What to write.

    Raises
    ------
    ProductError
        If an exposure or the reference catalog can't be read.
    SimulationError
        If the exposures make no visit.
    """
    if (copy / "truth.json").is_file():
        return
    groups: dict[str, list[Exposure]] = defaultdict(list)
    for line in read_poller(copy):
        exposure = read_exposure(copy / line.filename)
        groups[exposure.detector].append(exposure)
    reference = _reference(copy)
    entries, truths = {}, []
    for detector, exposures in sorted(groups.items()):
        done = process_visit(exposures, reference, copy, settings or PipelineSettings())
        witnesses = [_witness(e, source, done.final_wcs) for e in exposures]
        truth = compute_truth(witnesses, *done.mosaic_wcs[detector])
        truths.append(truth)
        total = next(p for p in done.products if "_total_" in p.name and p.suffix == ".fits")
        entries[total.stem.rpartition("_")[0]] = truth_json(truth, witnesses, "corrupted")
    _record(copy / "corruption.txt", max(truths, key=lambda t: t.offset_px))
    write_truth(copy, entries)


def _witness(exposure: Exposure, source: Path, final: dict[str, tuple[object, ...]]) -> Witness:
    right = read_exposure(source / exposure.filename)
    return Witness(
        exposure.filename,
        exposure.filter,
        exposure.exptime_s,
        true=tuple(chip.wcs for chip in right.chips),
        final=final[exposure.filename],
        shapes=tuple((chip.sci.shape[0], chip.sci.shape[1]) for chip in exposure.chips),
    )


def _reference(folder: Path) -> Table | None:
    """Read the reference catalog of a folder, as the pipeline or the service left it."""
    for path in (*sorted(folder.glob("*metawcs*ref_cat.ecsv")), *sorted(folder.glob("*.csv"))):
        kind = "ascii.ecsv" if path.suffix == ".ecsv" else "ascii.csv"
        try:
            table = Table.read(path, format=kind)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ProductError(f"{path}: no reference catalog ({error})") from error
        for name in ("ra", "dec"):
            if name in table.colnames:
                table.rename_column(name, name.upper())
        if {"RA", "DEC"} <= set(table.colnames):
            return table
    return None


def _record(path: Path, truth: Truth) -> None:
    kept = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("final_offset_px:", "label:"))
    ]
    label = "" if truth.label is None else truth.label
    kept += [f"final_offset_px: {truth.offset_px:.4f}", f"label: {label}"]
    write_text(path, "\n".join(kept) + "\n")
