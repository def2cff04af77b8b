"""Drive the original spacekit; run by the interpreter of its own environment, never imported.

    venv/bin/python -I drive_original.py JOB ARGUMENTS RESULT

It goes through the original's published calls. Two repairs are made from outside, named in
`benchmarks.speed.environments.REPAIRS`.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

Lists = dict[str, list[float]]


def prep(path: str, out: str, reps: int) -> Lists:
    """Call its prep without drawing, then its drawing, which prep would call."""
    from spacekit.extractor.radio import HstSvmRadio
    from spacekit.generator.draw import DrawMosaics

    from spacekit.skopes.hst.svm.prep import run_preprocessing

    # repair 1: answer for the archive
    HstSvmRadio.scrape_mast = lambda self: self.df.assign(category="UNIDENTIFIED")
    laps: Lists = {"table": [], "draw": []}
    for _ in range(reps):
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        _, table = run_preprocessing(path, fname="svm_data.csv", output_path=out, draw=0)
        laps["table"].append(time.process_time() - start)
        start = time.process_time()
        DrawMosaics(path, output_path=f"{out}/img", fname=table).generate_total_images()
        laps["draw"].append(time.process_time() - start)
    return laps


def warm(table: str, img: str, reps: int) -> Lists:
    """Read frames and answer with the model loaded; and the network alone."""
    from spacekit.builder.architect import BuilderEnsemble

    from spacekit.skopes.hst.svm.predict import load_mixed_inputs

    builder = BuilderEnsemble()
    start = time.process_time()
    builder.load_saved_model(arch="svm_align")
    laps: Lists = {"load": [time.process_time() - start], "png": [], "forward": []}
    for number in range(reps + 1):
        start = time.process_time()
        inputs = load_mixed_inputs(table, img)
        middle = time.process_time()
        builder.model.predict(inputs)
        end = time.process_time()
        if number:  # the first builds the graph
            rows = len(inputs[0])
            laps["png"].append((end - start) / rows)
            laps["forward"].append((end - middle) / rows)
    laps["multiply_adds"] = [_multiply_adds(builder.model)]
    return laps


def _multiply_adds(model: Any) -> float:
    """Each kernel's size, as often as there are places in the layer's output."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            size = 1
            for side in (*kernel.shape, *layer.output.shape[1:-1]):
                size *= int(side)
            total += size
    return float(total)


def train(table: str, img: str, out: str, epochs: list[int], batch: int) -> Lists:
    """Train for few epochs and for more; the difference is what a sample of an epoch costs.

    The first number of epochs is a warm-up.
    """
    from spacekit.skopes.hst.svm.train import load_ensemble_data, train_ensemble

    data = load_ensemble_data(table, img)
    used = []
    for number in epochs:
        # repair 2: its command reads an option it doesn't define, so its calls are used
        params = {
            "batch_size": batch,
            "epochs": number,
            "lr": 1e-4,
            "decay": [100000, 0.96],
            "early_stopping": None,
            "verbose": 2,
            "ensemble": True,
        }
        start = time.process_time()
        train_ensemble(*data[1:5], params=params, output_path=out)
        used.append(time.process_time() - start)
    samples = len(data[1][0]) // batch * batch
    return {
        "sample": [(used[2] - used[1]) / (epochs[2] - epochs[1]) / samples],
        "samples": [float(samples)],
    }


def main() -> None:
    """Do the job that the command line names."""
    name, arguments, result = sys.argv[1:]
    found = {"prep": prep, "warm": warm, "train": train}[name](**json.loads(arguments))
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
