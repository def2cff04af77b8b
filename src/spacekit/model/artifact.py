"""The model file: one ONNX with everything that has to travel with the weights.

The graph takes the table as it stands (NaN where missing), frames and stamps as bytes, and
answers with a logit. What is no arithmetic (which features in which order, the frames' size, what
a logit is worth, the threshold, what it was trained on) is JSON in the file's metadata under the
key "spacekit".
"""

from __future__ import annotations

import io
import json
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from spacekit.errors import MissingExtraError, ModelFileError, TableError
from spacekit.files import replacing
from spacekit.measure.schema import CATEGORIES
from spacekit.measure.sheet import COUNT, SIDE_PX
from spacekit.model.calibrate import Calibration
from spacekit.model.features import check_features
from spacekit.model.limits import Limits
from spacekit.model.onnx_check import check_onnx
from spacekit.visit.values import MALFORMED

if TYPE_CHECKING:
    from spacekit.model.network import Ensemble

__all__ = [
    "INPUTS",
    "RUNTIME_ERRORS",
    "Manifest",
    "load_artifact",
    "said_of",
    "save_artifact",
]

#: What this version writes and reads; another number is refused.
SCHEMA = 2

#: A model of ours has half a megabyte.
LARGEST_BYTES = 50_000_000

#: Memory for the arrays of all graphs of a process: a few bytes of a file can ask for any amount,
#: in many ways. Ours takes 1.4 GB for 16 mosaics with the largest frames (1024 px).
LARGEST_ARRAYS_BYTES = 2_000_000_000

#: After this a graph's first, blank row is given up between two operators; ours takes 10 ms.
LONGEST_S = 10.0

#: Of the ONNX operators; fixed, so that a file made today runs on runtimes of 2023.
OPSET = 18

#: Names of the graph's inputs.
INPUTS = ("numeric", "categories", "frames", "has_frames", "stamps")

_KEY = "spacekit"
_TYPES = ("tensor(float)", "tensor(int64)", "tensor(uint8)", "tensor(float)", "tensor(uint8)")
RUNTIME_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


@dataclass(frozen=True)
class Manifest:
    """What a model file says about itself.

    Parameters
    ----------
    numeric, categorical : tuple of str
        Features in the order of the graph's inputs.
    classes : dict
        Class names to numbers, for each category.
    frame_size : int
        Side of the frames, px.
    calibration : Calibration
        What a logit is worth, from where on a mosaic is suspicious, and the prevalence.
    limits : Limits
        How far training reached.
    frames_count : bool
        Whether frames count in the answer. They don't where training found no weight for them.
    provenance : dict
        Version, date, command, seed, fingerprint of the training table, counts, scores.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    classes: dict[str, dict[str, int]]
    frame_size: int
    calibration: Calibration = field(default_factory=Calibration)
    limits: Limits = field(default_factory=Limits)
    frames_count: bool = True
    provenance: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """As text for the file."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, file: str) -> Manifest:
        """Read and check the text of a file.

        Raises
        ------
        ModelFileError
            If it is of another schema or makes no sense.
        """
        try:
            content = json.loads(text)
            if content.pop("schema") != SCHEMA:
                raise ModelFileError(f"{file}: is of another schema; get the model of this version")
            manifest = cls(
                **content
                | {"numeric": tuple(content["numeric"])}
                | {"categorical": tuple(content["categorical"])}
                | {"calibration": Calibration.from_dict(content["calibration"])}
                | {"limits": Limits.from_dict(content["limits"])}
            )
            manifest.check()
        except ModelFileError:
            raise
        except MALFORMED as error:
            raise ModelFileError(f"{file}: its description makes no sense ({error})") from error
        return manifest

    def check(self) -> None:
        """Raise TypeError or ValueError where a value can't be."""
        check_features([*self.numeric, *self.categorical])
        if self.classes != {name: CATEGORIES[name] for name in self.categorical}:
            raise TableError("its categories are encoded otherwise than in this version")
        size = self.frame_size
        if not isinstance(size, int) or not 32 <= size <= 1024 or size % 32:
            raise ValueError(f"frame_size is {size!r}, not a multiple of 32 up to 1024")
        if not isinstance(self.frames_count, bool):
            raise TypeError("frames_count is neither true nor false")
        if not isinstance(self.provenance, Mapping):
            raise TypeError("provenance is no mapping")


def save_artifact(path: Path, network: Ensemble, manifest: Manifest) -> None:
    """Write a trained network as one ONNX file.

    Parameters
    ----------
    path : Path
        Where to; replaced as a whole.
    network : Ensemble
        On the CPU.
    manifest : Manifest
        What goes with it.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("Writing a model file", "train") from error
    manifest.check()
    model = onnx.load_from_string(_export(network, manifest))
    entry = model.metadata_props.add()
    entry.key, entry.value = _KEY, manifest.to_json()
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    check_onnx(content, str(path))
    with replacing(Path(path)) as part:
        part.write_bytes(content)


def _export(network: Ensemble, manifest: Manifest) -> bytes:
    """Trace the graph to ONNX bytes, any number of rows, frames of any multiple of 32 px."""
    import torch

    # Two rows and 64 px trace the graph; both axes stay free.
    example = (
        torch.zeros(2, len(manifest.numeric)),
        torch.zeros(2, len(manifest.categorical), dtype=torch.int64),
        torch.zeros(2, 3, 64, 64, 3, dtype=torch.uint8),
        torch.ones(2, 1),
        torch.zeros(2, COUNT, 2, SIDE_PX, SIDE_PX, dtype=torch.uint8),
    )
    rows = {name: {0: "rows"} for name in (*INPUTS, "logit")}
    axes = rows | {"frames": {0: "rows", 2: "height", 3: "width"}}
    axes |= {"stamps": {0: "rows", 1: "stamps"}}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated but takes 0.3 s where the other takes 12, and writes
        # one stream, so that no weight can end up in a second file. torch is bounded for it.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network.eval(),
            example,
            buffer,
            dynamo=False,
            input_names=list(INPUTS),
            output_names=["logit"],
            dynamic_axes=axes,
            opset_version=OPSET,
        )
    return buffer.getvalue()


def load_artifact(path: Path, *, threads: int = 1) -> tuple[onnxruntime.InferenceSession, Manifest]:
    """Open a model file, trusting nothing in it.

    Raises
    ------
    ModelFileError
        If it is missing, too large, truncated, of another schema, refers to other files, or
        holds what no model of ours holds.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ModelFileError(f"{path}: is larger than any model of ours (50 MB)")
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: can't be read ({error.strerror})") from error
    check_onnx(content, str(path))
    session = _open(content, path, threads)
    try:
        text = session.get_modelmeta().custom_metadata_map.get(_KEY)
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: its description is no text") from error
    if text is None:
        raise ModelFileError(f"{path}: is no model of spacekit (it doesn't describe itself)")
    manifest = Manifest.from_json(text, str(path))
    _check_graph(path, session, manifest)
    return session, manifest


def _open(content: bytes, path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Give a checked file to the runtime, with an end to the memory it may take."""
    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # our own error says it
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            # It would run operators here, with memory that has no limit, and torch did it already.
            disabled_optimizers=["ConstantFolding"],
        )
    except (*RUNTIME_ERRORS, UnicodeDecodeError) as error:  # its message may quote the file
        raise ModelFileError(f"{path}: no model that runs ({str(error)[:200]})") from error


@cache
def _limit_memory() -> None:
    """Give the runtime an allocator that refuses to grow beyond `LARGEST_ARRAYS_BYTES`.

    There is one for each process, which only sessions use that ask for it.
    """
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    as_requested = 1  # not the next power of two, which would take more than is needed
    limits = {"max_mem": LARGEST_ARRAYS_BYTES, "arena_extend_strategy": as_requested}
    # Where the program around us has registered one, what it allows holds.
    with suppress(RuntimeError):
        onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(limits))


def _check_graph(path: Path, session: onnxruntime.InferenceSession, manifest: Manifest) -> None:
    """Check that inputs and output are those the manifest promises, and that it answers."""
    inputs = {i.name: i for i in session.get_inputs()}
    types = tuple(inputs[name].type for name in INPUTS if name in inputs)
    if set(inputs) != set(INPUTS) or types != _TYPES:
        raise ModelFileError(f"{path}: its graph has other inputs than a model of spacekit")
    # a stranger's graph may have inputs without a shape
    widths = [(inputs[name].shape or [None])[-1] for name in ("numeric", "categories")]
    if widths != [len(manifest.numeric), len(manifest.categorical)]:
        raise ModelFileError(f"{path}: its graph and its list of features don't fit together")
    blank = {
        "numeric": np.full((1, widths[0]), np.nan, np.float32),
        "categories": np.full((1, widths[1]), -1, np.int64),
        "frames": np.zeros((1, 3, 32, 32, 3), np.uint8),
        "has_frames": np.zeros((1, 1), np.float32),
        "stamps": np.zeros((1, COUNT, 2, SIDE_PX, SIDE_PX), np.uint8),
    }
    try:
        outputs = _run_once(session, blank)
    except RUNTIME_ERRORS as error:
        raise ModelFileError(f"{path}: its graph doesn't run ({said_of(error)})") from error
    if len(outputs) != 1 or outputs[0].shape != (1,) or not np.isfinite(outputs[0][0]):
        raise ModelFileError(f"{path}: its graph doesn't answer with a number a row")


def _run_once(session: onnxruntime.InferenceSession, inputs: dict[str, Any]) -> list[Any]:
    """Run a graph, but not for long."""
    options = onnxruntime.RunOptions()
    # What earlier graphs left is given back: it counts against the limit.
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    stop = threading.Timer(LONGEST_S, setattr, (options, "terminate", True))
    stop.daemon = True
    stop.start()
    try:
        outputs: list[Any] = session.run(None, inputs, options)
    finally:
        stop.cancel()
    return outputs


def said_of(error: Exception) -> str:
    """Say why a graph didn't run: in our words where it was stopped, else in the runtime's."""
    text = str(error)
    if "Available memory" in text or "Failed to allocate memory" in text:
        return f"it asks for more than {LARGEST_ARRAYS_BYTES / 1e9:g} GB of memory"
    if "terminate flag" in text:
        return f"one row takes it more than {LONGEST_S:g} s"
    return text[:200]
