"""What is measured of this package, each job in a process of its own.

    python -m benchmarks.speed.ours JOB ARGUMENTS RESULT

ARGUMENTS is JSON. RESULT is written as JSON: lists of CPU seconds, one value a repetition.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")
Lists = dict[str, list[float]]


def visit(folder: str, size: int | None, seed: int) -> dict[str, str]:
    """Simulate a visit."""
    from benchmarks.speed.inputs import make_visit

    return {"folder": str(make_visit(Path(folder), size, seed))}


def rows(made: str, folder: str, count: int, **more: Any) -> dict[str, str]:
    """Repeat rows and frames."""
    from benchmarks.speed.inputs import repeat_rows

    return {"table": str(repeat_rows(Path(made), Path(folder), count, **more))}


def stages(path: str, out: str, reps: int) -> Lists:
    """Do the stages of prep one by one."""
    from spacekit.measure.blink import render_blinks, save_blinks
    from spacekit.measure.evidence import measure_evidence
    from spacekit.measure.features import measure_features, read_catalogs
    from spacekit.measure.frames import render_frames, save_frames
    from spacekit.measure.sheet import write_stamps
    from spacekit.visit.discovery import find_mosaics
    from spacekit.visit.drizzled import read_drizzled

    laps: Lists = {}
    folder = Path(out)
    for _ in range(reps):
        mosaic = _lap(laps, "find", find_mosaics, Path(path))[0][0]
        image = _lap(laps, "headers", read_drizzled, mosaic.total.drizzled)
        _lap(laps, "footprint", lambda image=image: image.footprint)
        catalogs, _ = _lap(laps, "catalogs", read_catalogs, mosaic)
        _lap(laps, "features", measure_features, mosaic, image, catalogs)
        drawn = _lap(laps, "render", render_frames, image, catalogs)
        _lap(laps, "png", save_frames, drawn, folder, mosaic.index)
        found = _lap(laps, "evidence", measure_evidence, mosaic, catalogs.reference)
        blinks = _lap(laps, "blink", render_blinks, mosaic)
        _lap(laps, "jpeg", save_blinks, blinks, folder, mosaic.index)
        _lap(laps, "stamps", write_stamps, found.stamps, folder, mosaic.index)
    return laps


def prep(path: str, out: str, reps: int) -> Lists:
    """Call prep on one visit: table and frames alone, and everything."""
    from spacekit.skopes.hst.svm.prep import run_preprocessing

    laps: Lists = {}
    for _ in range(reps):
        for name, more in (("frames", False), ("whole", True)):
            shutil.rmtree(out, ignore_errors=True)
            given = {"output_path": out, "workers": 1, "evidence": more, "blink": more}
            _lap(laps, name, run_preprocessing, path, **given)
    return laps


def frames(path: str, reps: int) -> Lists:
    """Render the frames of one mosaic, from opening the file on; without writing PNG."""
    from benchmarks.present import present
    from benchmarks.speed.floor import read_pass
    from spacekit.measure.features import read_catalogs
    from spacekit.measure.frames import render_frames
    from spacekit.visit.discovery import find_mosaics
    from spacekit.visit.drizzled import read_drizzled

    mosaic = find_mosaics(Path(path))[0][0]
    catalogs = read_catalogs(mosaic)[0]
    file = present(mosaic.total.drizzled)
    laps: Lists = {}
    for _ in range(reps + 1):
        image = _lap(laps, "open", read_drizzled, file)
        _lap(laps, "render", render_frames, image, catalogs)
    memory = _peak_mb()
    floor = [read_pass(file) for _ in range(reps + 1)]
    # the first of each fills caches
    both = [sum(pair) for pair in zip(laps["open"], laps["render"], strict=True)]
    return {"frames": both[1:], "floor": floor[1:], "rss_mb": [memory]}


class _Timed:
    """A session that notes the CPU time of its runs, and the shapes they were given."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.clear()

    def clear(self) -> None:
        """Forget earlier runs."""
        self.seconds = 0.0
        self.shapes: list[dict[str, tuple[int, ...]]] = []

    def run(self, outputs: Any, feeds: dict[str, Any]) -> Any:
        """Answer as the session does."""
        start = time.process_time()
        answer = self._session.run(outputs, feeds)
        self.seconds += time.process_time() - start
        self.shapes.append({name: value.shape for name, value in feeds.items()})
        return answer


def warm(table: str, img: str, reps: int) -> Lists:
    """Answer a table with the model loaded; and what of that is the network's, per visit."""
    from importlib import resources

    import onnx

    from benchmarks.speed.floor import multiply_adds
    from spacekit.model.artifact import load_artifact
    from spacekit.model.features import read_table
    from spacekit.model.images import open_frames
    from spacekit.model.infer import Model

    laps: Lists = {}
    file = Path(str(resources.files("spacekit.model") / "bundled" / "svm.onnx"))
    session, manifest = _lap(laps, "load", load_artifact, file, threads=1)
    timed = _Timed(session)
    model = Model(timed, manifest)
    mosaics = read_table(Path(table))
    with open_frames(Path(img)) as source:
        for _ in range(reps + 1):
            timed.clear()
            _lap(laps, "png", model.predict_table, mosaics, source)
            laps.setdefault("forward", []).append(timed.seconds)
    # the first takes memory
    found = {name: [v / len(mosaics) for v in laps[name][1:]] for name in ("png", "forward")}
    graph = onnx.load(file)
    operations = sum(multiply_adds(graph, shapes) for shapes in timed.shapes) / len(mosaics)
    return {**found, "load": laps["load"], "multiply_adds": [operations]}


def train(table: str, img: str, out: str, epochs: list[int], batch: int) -> Lists:
    """Train for few epochs and for more; the difference is what a sample of an epoch costs.

    The first number of epochs is a warm-up.
    """
    from spacekit.model.infer import load_model
    from spacekit.model.settings import TrainingSettings
    from spacekit.skopes.hst.svm.train import run_training

    laps: Lists = {}
    for number in epochs:
        params = {"batch_size": batch, "epochs": number, "early_stopping": None}
        given = {"params": params, "output_path": out, "settings": TrainingSettings(threads=1)}
        _lap(laps, "run", run_training, table, img, **given)
    model = load_model(next((Path(out) / "models").glob("*.onnx")))
    samples = int(model.manifest.provenance["rows"]["train"])
    more = (laps["run"][2] - laps["run"][1]) / (epochs[2] - epochs[1]) / samples
    return {"sample": [more], "samples": [samples]}


def train_theirs(table: str, img: str, out: str, epochs: list[int]) -> Lists:
    """Train the original's network in our code, as `train` does."""
    import torch

    from benchmarks.accuracy.original import FRAME_PX, train_original
    from spacekit.model.dataset import build_dataset
    from spacekit.model.features import read_table
    from spacekit.model.images import open_frames

    torch.set_num_threads(1)
    folder = Path(out)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open_frames(Path(img)) as source:
        data = build_dataset(read_table(Path(table)), source, FRAME_PX, folder)
    laps: Lists = {}
    for number in epochs:
        _lap(laps, "run", train_original, data, data, number, 1)
    more = (laps["run"][2] - laps["run"][1]) / (epochs[2] - epochs[1]) / len(data)
    return {"sample": [more]}


def floor(reps: int) -> Lists:
    """Measure the BLAS rate."""
    from benchmarks.speed.floor import gflops

    gflops()  # the first fills caches
    return {"gflops": [gflops() for _ in range(reps)]}


def _lap(laps: Lists, name: str, work: Callable[..., _T], *args: Any, **more: Any) -> _T:
    """Do some work and note its CPU time."""
    start = time.process_time()
    answer = work(*args, **more)
    laps.setdefault(name, []).append(time.process_time() - start)
    return answer


def _peak_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Do the job that the command line names."""
    known: dict[str, Callable[..., Any]] = {
        work.__name__: work
        for work in (visit, rows, stages, prep, frames, warm, train, train_theirs, floor)
    }
    name, arguments, result = sys.argv[1:]
    found = known[name](**json.loads(arguments))
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
