"""The readers of strangers' files, each with the files it is given and how they are broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.fuzz.hostile import lay_out, remove
from benchmarks.fuzz.mutate import Rng, mutate
from spacekit.evaluate.compare import common_rows, scores_table
from spacekit.evaluate.predictions import read_predictions
from spacekit.evaluate.results import read_result
from spacekit.measure.findings_file import read_findings
from spacekit.measure.prep import measure_mosaic
from spacekit.measure.records import read_record
from spacekit.measure.rejected import find_holes
from spacekit.measure.sheet import read_stamps
from spacekit.measure.store import read_store
from spacekit.measure.table import ready_table
from spacekit.measure.targets import read_targets
from spacekit.measure.truths import label_table, read_truths
from spacekit.measure.verdict import reasons_of
from spacekit.model.artifact import load_artifact
from spacekit.model.features import feature_arrays, read_labels, read_table
from spacekit.model.images import open_frames
from spacekit.model.labels import read_label_file
from spacekit.mosaic.exposure_io import read_exposure
from spacekit.mosaic.reference import read_reference_stars
from spacekit.report.entries import entries_of, read_scraped
from spacekit.report.offsets import offsets_json
from spacekit.report.pictures import bring_pictures
from spacekit.simulate.corrupt import CorruptionSettings
from spacekit.skopes.hst.svm.corrupt import run_corruption
from spacekit.visit.catalogs import read_reference, read_sources
from spacekit.visit.corruption import label_of_copy
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.names import is_plain_name
from spacekit.visit.nouns import Mosaic
from spacekit.visit.poller import read_poller
from spacekit.visit.problems import read_problems
from spacekit.visit.qa import read_gaia_count, read_qa, read_source_counts

__all__ = ["READERS", "Reader"]

_Read = Callable[[Path], object]


@dataclass(frozen=True)
class Reader:
    """One reader, or a chain of them as a command calls it.

    Parameters
    ----------
    read : callable
        Given the folder of the case; returns, or raises one of spacekit's errors.
    needs : str
        What of the material it wants: a file or a folder.
    breaks : str
        Which files there are broken, as a shell pattern; one at a time.
    kind : str
        Their format, a key of `benchmarks.fuzz.mutate.KINDS`; "layout" for the names of a visit.
    """

    read: _Read
    needs: str
    breaks: str
    kind: str

    def prepare(self, material: Path, case: Path) -> None:
        """Lay the valid files out."""
        remove(case)
        source = material / self.needs
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        case.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            case.mkdir()
            case = case / source.name
        copy(source, case)

    def vary(self, material: Path, case: Path, rng: Rng) -> Callable[[], None]:
        """Break one file; returns what mends it again."""
        if self.kind == "layout":
            lay_out(material / self.needs, case, rng)
            return lambda: None
        found = sorted(path for path in case.rglob(self.breaks) if path.is_file())
        chosen = found[int(rng.integers(len(found)))]
        whole = chosen.read_bytes()
        chosen.write_bytes(mutate(whole, self.kind, rng))
        return lambda: _write(chosen, whole)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _one(case: Path, pattern: str) -> Path:
    return next(iter(sorted(case.rglob(pattern))))


def _mosaic(case: Path) -> Mosaic:
    return find_mosaics(case)[0][0]


def _drizzled(case: Path) -> object:
    image = read_drizzled(_one(case, "*_total_*_dr?.fits"))
    find_holes(image)
    return image.sci, image.footprint, image.window(slice(0, 9), slice(0, 9))


def _whole_mosaic(case: Path) -> None:
    """Measure it as prep does; a failure that nobody foresaw is told among the problems."""
    for problem in measure_mosaic(_mosaic(case)).problems:
        if "unexpected" in problem.reason:
            raise AssertionError(problem.reason)


def _qa(case: Path) -> object:
    counts, gaia = (
        read_qa(_one(case, f"*_total_*_svm_{test}.json"))
        for test in ("num_sources", "gaia_sources")
    )
    return read_source_counts(counts), read_gaia_count(gaia)


def _table(case: Path) -> object:
    table = read_table(case / "labelled.csv")
    return feature_arrays(table), read_labels(table)


def _store(case: Path) -> object:
    return ready_table(read_store(case / "svm_data.h5"))


def _frames(case: Path) -> object:
    with open_frames(case) as frames:
        return [frames.load(path.name, 64) for path in case.iterdir()]


def _arrays(case: Path) -> object:
    with open_frames(case / "frames.npz", reduce_to=64) as frames:
        return frames.load("x", 64), [frames.load(n, 64) for n in getattr(frames, "_rows", ())]


def _stamps(case: Path) -> object:
    return read_stamps(_one(case, "*_stamps.png"))


def _offsets(case: Path) -> object:
    path = _one(case, "*_offsets.json")
    found = read_findings(path)
    # as the page writes them, whose JSON takes no NaN
    shown = found and json.dumps(offsets_json(found), allow_nan=False)
    return reasons_of([path.parent.name], case), shown


def _result(case: Path) -> object:
    result = read_result(case)
    scores_table({"a": result, "b": result}), common_rows({"a": result})
    return result.metrics, result.calibration, result.recall_by_offset, result.report


def _truths(case: Path) -> object:
    table = read_table_of(_mosaic(case).index)
    return label_table(table, read_truths(case))


def read_table_of(name: str) -> Any:
    """Make a table of one mosaic that needs a label."""
    import pandas as pd

    return pd.DataFrame({"index": [name]})


def _corrupted(case: Path) -> None:
    """Corrupt a visit; like every batch it names problems and goes on."""
    outputs = case.with_name("copies")
    remove(outputs)
    run_corruption(case, outputs, CorruptionSettings("mfi"), seed=1)


def _page(case: Path) -> object:
    table, _ = read_predictions(case / "predictions" / "predictions.csv")
    raw = read_scraped(case / "raw_svm_data.csv")
    return entries_of(table, raw, read_problems(case / "problems.csv"))


def _pictures(case: Path) -> object:
    (index,) = (path.name for path in case.iterdir())
    page = case.with_name("page")
    remove(page)
    return bring_pictures(case, index, page)


def _record(case: Path) -> object:
    import json

    path = _one(case / ".spacekit", "*.json")
    try:
        mark = str(json.loads(path.read_bytes())["fingerprint"])
    except (ValueError, LookupError, TypeError, RecursionError):
        mark = ""
    return read_record(case, path.stem, mark)


def _found(case: Path) -> None:
    """Look for mosaics, and check that none is named after, or lies, where it may not."""
    for corrupted in (False, True):
        mosaics, _ = find_mosaics(case, corrupted=corrupted)
        for mosaic in mosaics:
            if not is_plain_name(mosaic.index):
                raise AssertionError(f"index {mosaic.index!r}")
            if not mosaic.folder.resolve().is_relative_to(case.resolve()):
                raise AssertionError(f"outside: {mosaic.folder}")


#: By name; those that read pixels, binary files or run a parser of C come first.
READERS: Final[dict[str, Reader]] = {
    "model": Reader(lambda c: load_artifact(c / "model.onnx"), "model.onnx", "*.onnx", "onnx"),
    "exposure": Reader(
        lambda c: read_exposure(_one(c, "*_fl?.fits")), "visit/exposures", "*_fl?.fits", "fits"
    ),
    "corrupt": Reader(_corrupted, "visit/exposures", "*_fl?.fits", "fits"),
    "drizzled": Reader(_drizzled, "visit", "*_total_*_dr?.fits", "fits"),
    "mosaic": Reader(_whole_mosaic, "visit", "*_dr?.fits", "fits"),
    "arrays": Reader(_arrays, "frames.npz", "*.npz", "zip"),
    "frames": Reader(_frames, "out/img", "*[a-z0-9].png", "png"),
    "stamps": Reader(_stamps, "out/img", "*_stamps.png", "png"),
    "pictures": Reader(_pictures, "out/img", "*_blink_*.jpg", "bytes"),
    "store": Reader(_store, "out", "svm_data.h5", "bytes"),
    "catalog": Reader(
        lambda c: read_sources(_one(c, "*_total_*_point-cat.ecsv")),
        "visit",
        "*_total_*_point-cat.ecsv",
        "text",
    ),
    "reference": Reader(
        lambda c: read_reference(_one(c, "*ref_cat.ecsv")), "visit", "*ref_cat.ecsv", "text"
    ),
    "stars": Reader(read_reference_stars, "visit/exposures", "*.csv", "text"),
    "poller": Reader(read_poller, "visit/exposures", "*.out", "text"),
    "qa": Reader(_qa, "visit", "*_total_*_svm_*.json", "json"),
    "corruption": Reader(lambda c: label_of_copy(_mosaic(c)), "copy", "corruption.txt", "text"),
    "truth": Reader(_truths, "visit", "truth.json", "json"),
    "offsets": Reader(_offsets, "out/img", "*_offsets.json", "json"),
    "record": Reader(_record, "out", "hst_*[a-z0-9].json", "json"),
    "table": Reader(_table, "labelled.csv", "*.csv", "text"),
    "labels": Reader(lambda c: read_label_file(c / "labels.csv"), "labels.csv", "*.csv", "text"),
    "targets": Reader(lambda c: read_targets(c / "targets.csv"), "targets.csv", "*.csv", "text"),
    "page": Reader(_page, "out", "*.csv", "text"),
    "result": Reader(_result, "result", "*.*", "json"),
    "visit": Reader(_found, "visit", "", "layout"),
}
