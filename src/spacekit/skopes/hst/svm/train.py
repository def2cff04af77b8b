"""Train and evaluate a model on labelled mosaics: ``python -m spacekit.skopes.hst.svm.train``."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spacekit.errors import OptionError, TableError
from spacekit.evaluate.results import Result, remove_result, write_result
from spacekit.extras import require
from spacekit.files import ensure_folder, exclusive
from spacekit.measure.schema import INDEX, LABEL, TRUE_OFFSET
from spacekit.model.artifact import Manifest, save_artifact
from spacekit.model.dataset import Dataset, build_dataset
from spacekit.model.features import fingerprint, names_of, read_table
from spacekit.model.images import open_frames
from spacekit.model.labels import read_label_file, with_labels
from spacekit.model.settings import TrainingSettings
from spacekit.model.train import Trained, describe, train_model
from spacekit.options import switch
from spacekit.visit.nouns import Problem
from spacekit.visit.problems import write_problems
from spacekit.visit.tables import numbers_of

__all__ = ["Watch", "model_path", "run_training"]

_log = logging.getLogger(__name__)

#: The model file's name where none is given.
_DEFAULT_NAME = "svm_align"


@dataclass(frozen=True)
class Watch:
    """Who wants to know how far training is.

    Parameters
    ----------
    frames : callable (done, total), optional
        Called as frames are read.
    epoch : callable (epoch, values), optional
        Called after each epoch with loss, accuracy, val_loss, val_accuracy, lr and seconds.
    """

    frames: Callable[[int, int], None] | None = None
    epoch: Callable[[int, dict[str, float]], None] | None = None


def run_training(  # noqa: PLR0917 (the published call)
    training_data: Path | str,
    img_path: Path | str,
    synth_data: Path | str | None = None,
    norm: int = 0,
    model_name: str | None = None,
    params: Mapping[str, Any] | None = None,
    output_path: Path | str | None = None,
    *,
    labels: Path | str | None = None,
    settings: TrainingSettings | None = None,
    validate: bool = True,
    watch: Watch | None = None,
) -> tuple[Result, Result]:
    """Train a model and evaluate it on mosaics it has not seen.

    Writes ``models/<model_name>.onnx``, ``results/test`` and ``results/val`` below
    `output_path`, and ``results/problems.csv`` where mosaics had something missing. While it
    trains, ``models/<model_name>.part.npz`` holds the state after the last epoch: the same
    call goes on from there.

    Parameters
    ----------
    training_data : Path or str
        Labelled table; rows with an empty label (ambiguous) are left out.
    img_path : Path or str
        Folder of frames (``<name>/``, ``0/<name>/`` or ``1/<name>/``), or an ``.npz``.
    synth_data : Path or str, optional
        A second labelled table, of corrupted visits, to add; frames lie in `img_path` too.
    norm : {0, 1}
        1 fits a power transform on the training rows, 0 takes logarithms; both standardise.
    model_name : str, optional
        The model file's name without suffix; "svm_align" by default.
    params : mapping, optional
        batch_size, epochs, lr, decay, early_stopping, verbose; see `TrainingSettings`. The
        ``ensemble=True`` of scripts for the original changes nothing.
    output_path : Path or str, optional
        The working directory by default.
    labels : Path or str, optional
        ``labels.csv`` of the report page: labels that people gave go over those of the tables
        (which then need none), "unsure" leaves a mosaic out.
    settings : TrainingSettings, optional
        What `params` doesn't say (image_size, seed, threads).
    validate : bool
        Whether to write ``results/val``.
    watch : Watch, optional
        Who wants to know how far it is.

    Returns
    -------
    com : Result
        The test set: neither the weights nor the calibration have seen it.
    val : Result
        The set on which calibration and thresholds were found.

    Raises
    ------
    OptionError, TableError, FrameError, TrainingError, OutputError, MissingExtraError
        If it can't be trained on, or nothing can be written.
    """
    require("train", "Training")
    settings = (settings or TrainingSettings()).with_params(params)
    settings = replace(settings, power_transform=switch("norm", norm) or settings.power_transform)
    watch = watch or Watch(epoch=_log_epoch if settings.verbose else None)
    out = Path(output_path or ".").resolve()  # results know their folder, wherever one goes
    model_file = model_path(out, model_name)
    table, unused = _tables(training_data, synth_data, labels)
    # names alone: a model file goes to strangers, folders are nobody's business
    read = [Path(p).name for p in (training_data, img_path, synth_data, labels) if p is not None]
    with exclusive(ensure_folder(out), model_file.parent.name, "results", "results/*"):
        data, trained = _train(table, Path(img_path), model_file, settings, watch)
        offsets = _true_offsets(table)
        com, val = (_result(name, data, trained, offsets) for name in ("test", "val"))
        manifest = _manifest(table, data, trained, com)
        manifest.provenance["command"] = f"spacekit svm train, from {', '.join(read)}"
        save_artifact(model_file, trained.network, manifest)
        com = write_result(com, out / "results" / "test")
        val_folder = out / "results" / "val"
        if validate:
            val = write_result(val, val_folder)
        else:  # an earlier training's would pass for this one's
            remove_result(val_folder)
            val = replace(val, folder=val_folder)
        write_problems(out / "results" / "problems.csv", (*unused, *data.problems))
        _checkpoint_of(model_file).unlink(missing_ok=True)  # not before all that it led to is there
    return com, val


def _train(
    table: pd.DataFrame, img_path: Path, model_file: Path, settings: TrainingSettings, watch: Watch
) -> tuple[Dataset, Trained]:
    """Read the frames and train, from the last finished epoch on where there is one.

    What is given back can be read after the pictures' scratch folder is gone.
    """
    with (
        tempfile.TemporaryDirectory(prefix="spacekit-") as scratch,
        open_frames(img_path) as frames,
    ):
        data = build_dataset(
            table, frames, settings.image_size, Path(scratch), progress=watch.frames
        )
        checkpoint = _checkpoint_of(model_file)
        return data, train_model(data, settings, checkpoint=checkpoint, progress=watch.epoch)


def _checkpoint_of(model_file: Path) -> Path:
    return model_file.with_suffix(".part.npz")


def model_path(output: Path, name: str | None = None) -> Path:
    """Say where a training writes its model.

    Raises
    ------
    OptionError
        If the name is no plain file name.
    """
    name = name or _DEFAULT_NAME
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}", name):
        raise OptionError(f"model_name {name!r}: use letters, digits, dots and dashes")
    return output / "models" / f"{name.removesuffix('.onnx')}.onnx"


def _log_epoch(epoch: int, values: dict[str, float]) -> None:
    """Log an epoch, for callers who don't watch."""
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    _log.info("epoch %d: %s", epoch, told)


def _tables(
    training_data: Path | str, synth_data: Path | str | None, labels: Path | str | None
) -> tuple[pd.DataFrame, tuple[Problem, ...]]:
    """Read the labelled table, the synthetic one below it; people's labels go over theirs."""
    paths = [Path(p) for p in (training_data, synth_data) if p is not None]
    tables = [read_table(path) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        if labels is None and LABEL not in table.columns:
            raise TableError(f"{path}: has no column '{LABEL}' (0, 1); give a labelled table")
    both = pd.concat(tables, ignore_index=True)
    again = both[INDEX].duplicated()
    reason = "is in the tables more than once; the first row counts"
    unused = tuple(Problem(str(n), "table", reason, False) for n in both[INDEX][again])
    table = both[~again].reset_index(drop=True)
    if labels is None:
        return table, unused
    labelled, left_out = with_labels(table, read_label_file(Path(labels)))
    return labelled, (*unused, *left_out)


def _true_offsets(table: pd.DataFrame) -> dict[str, float]:
    """Take true offsets by name, px, where the table has them; for evaluation alone."""
    if TRUE_OFFSET not in table.columns:
        return {}
    offsets = numbers_of(table[TRUE_OFFSET]).tolist()
    return dict(zip(names_of(table), offsets, strict=True))


def _result(name: str, data: Dataset, trained: Trained, offsets: Mapping[str, float]) -> Result:
    """Take the evaluation of one part."""
    part = {"test": "test", "val": "calibrate"}[name]
    rows = getattr(trained.split, part)
    notes = list(trained.notes)
    if data.ambiguous:
        notes.append(f"{data.ambiguous} rows with an empty label (ambiguous) were left out")
    if name == "val":
        notes.append("calibration and thresholds were found on these rows")
    names = tuple(data.index[row] for row in rows)
    return Result(
        name,
        names,
        data.labels[rows].astype(np.float64),
        trained.probabilities[part],
        trained.verdicts[part],
        trained.history,
        tuple(notes),
        true_offset_px=np.array([offsets[n] for n in names], float) if offsets else None,
        prevalence=trained.calibration.prevalence,
    )


def _manifest(table: pd.DataFrame, data: Dataset, trained: Trained, com: Result) -> Manifest:
    """Write what goes into the model file beside the graph."""
    scores = {"accuracy": com.accuracy, "roc_auc": com.roc_auc, "pr_auc": com.pr_auc}
    return describe(
        data,
        trained,
        table_sha256=fingerprint(table),
        test={k: v for k, v in scores.items() if np.isfinite(v)},
    )


if __name__ == "__main__":
    from spacekit.cli import launch
    from spacekit.cli.train import train

    launch(train)
