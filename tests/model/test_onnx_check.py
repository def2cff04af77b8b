"""Model files of strangers: what protobuf reads otherwise than we do, and what takes too much."""

from __future__ import annotations

import json
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from benchmarks.fuzz.mutate import mutate

from spacekit.errors import ModelFileError
from spacekit.model import artifact
from spacekit.model.artifact import load_artifact
from spacekit.model.onnx_check import check_onnx

BUNDLED = resources.files("spacekit.model") / "bundled" / "svm.onnx"


def varint(number: int, longer: int = 0) -> bytes:
    parts = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    parts += [0] * longer
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


def part(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def hidden(field: int, content: bytes, bit: int = 32) -> bytes:
    return varint(field << 3 | 2 | 1 << bit) + varint(len(content)) + content


def model(node: bytes = b"", graph: bytes = b"", top: bytes = b"") -> bytes:
    plain = part(4, b"Abs") + part(1, b"x") + part(2, b"logit")
    return number(1, 8) + part(7, part(1, plain + node) + graph) + top


def tensor(*, dims: bytes = number(1, 3), kind: int = 1, data: bytes = bytes(12)) -> bytes:
    return part(5, dims + number(2, kind) + part(9, data))


def test_what_is_plain_is_let_through() -> None:
    check_onnx(BUNDLED.read_bytes(), "f")
    check_onnx(model(), "f")
    check_onnx(model(graph=tensor(), node=part(7, b"ai.onnx"), top=part(8, number(2, 18))), "f")
    check_onnx(model(node=part(5, part(1, b"a") + number(3, 2**64 - 1))), "f")


ODD = {
    "hidden operator": (model(node=hidden(4, b"Loop")), "ONNX"),
    "hidden attribute": (model(node=hidden(5, part(6, b""))), "ONNX"),
    "hidden weights": (model(graph=hidden(5, part(13, b""))), "ONNX"),
    "hidden node": (model(graph=hidden(1, part(4, b"Loop"))), "ONNX"),
    "hidden functions": (model(top=hidden(25, b"")), "ONNX"),
    **{f"bit {bit}": (model(top=hidden(8, b"", bit)), "ONNX") for bit in (33, 34, 40, 63, 68)},
    "long key": (model(top=varint(8 << 3 | 2, longer=1) + b"\0"), "ONNX"),
    "long length": (model(top=varint(8 << 3 | 2) + varint(0, longer=1)), "ONNX"),
    "long number": (model(graph=part(5, varint(1 << 3) + varint(0, longer=1))), "ONNX"),
    "number of 65 bits": (model(graph=part(5, number(1, 2**64))), "ONNX"),
    "length of 32 bits": (model(top=varint(8 << 3 | 2) + varint(2**31)), "ONNX"),
    "endless": (model(top=b"\xff" * 30), "ONNX"),
    "nothing": (model(top=b"\0"), "ONNX"),
    "number 0": (model(top=part(0, b"x")), "field 0"),
    "group": (model(node=varint(4 << 3 | 3) + varint(4 << 3 | 4)), "ONNX"),
    "end of a group": (model(node=varint(4 << 3 | 4)), "ONNX"),
    "eight bytes": (model(node=varint(4 << 3 | 1) + bytes(8)), "ONNX"),
    "wire type 6": (model(node=varint(4 << 3 | 6)), "ONNX"),
    "wire type 7": (model(node=varint(4 << 3 | 7)), "ONNX"),
    "operator as number": (model(node=number(4, 1)), "field 4 of NodeProto"),
    "unknown field": (model(graph=part(99, b"x")), "field 99 of GraphProto"),
    "operator twice": (model(node=part(4, b"Add")), "twice"),
    "graph twice": (model(top=part(7, b"")), "twice"),
    "attribute twice": (model(node=part(5, part(5, b"") * 2)), "twice"),
    "type twice": (model(graph=part(11, part(2, b"") * 2)), "twice"),
    "packed": (model(graph=tensor(dims=part(1, b"\3"))), "field 1 of TensorProto"),
    "no graph": (number(1, 8), "no graph"),
    "no operator": (number(1, 8) + part(7, part(1, part(2, b"x"))), "operator ''"),
    "too large": (model(graph=tensor(dims=number(1, 10**9))), "size"),
    "too large by two": (model(graph=tensor(dims=number(1, 2**33) + number(1, 2**33))), "size"),
    "negative": (model(graph=tensor(dims=number(1, 2**64 - 3))), "size"),
    "too small": (model(graph=tensor(data=b"")), "size"),
    "words": (model(graph=tensor(kind=8)), "type"),
    "type of 33 bits": (model(graph=tensor(kind=2**32 + 1)), "type"),
    "other data": (model(graph=part(5, number(1, 3) + part(4, bytes(12)))), "field 4 of Tensor"),
    "many parts": (model(graph=part(2, b"x") + part(5, number(1, 1) * 20_000)), "too many"),
}


@pytest.mark.parametrize("case", ODD)
def test_what_our_writer_does_not_write_is_refused(case: str) -> None:
    content, said = ODD[case]
    with pytest.raises(ModelFileError, match=rf"m\.onnx: .*{said}.*; use a model file"):
        check_onnx(content, "m.onnx")


@pytest.mark.parametrize("name", ["Expand", "MatMul", "Tile", "Pad", "Resize", "Range"])
def test_operators_that_no_model_of_ours_has_are_refused(name: str) -> None:
    content = part(7, part(1, part(4, name.encode())))
    with pytest.raises(ModelFileError, match=f"operator '{name}'"):
        check_onnx(content, "m.onnx")


def test_protobuf_reads_what_we_read() -> None:
    onnx = pytest.importorskip("onnx")
    whole = onnx.load_from_string(BUNDLED.read_bytes())
    for weights in whole.graph.initializer:  # small, so that changes hit something else
        weights.CopyFrom(onnx.numpy_helper.from_array(np.zeros(1, np.float32), weights.name))
    content = whole.SerializeToString()
    accepted = 0
    for seed in range(300):
        changed = mutate(content, "onnx", np.random.default_rng(seed))
        try:
            check_onnx(changed, "f")
        except ModelFileError:
            continue
        accepted += 1
        # Anything merged, skipped or cut would be missing here.
        assert len(onnx.load_from_string(changed).SerializeToString()) == len(changed)
    assert accepted > 20


def grown(*nodes: Any, **weights: Any) -> bytes:
    """Add nodes to the bundled model, whose array "big" adds nothing to the logit."""
    onnx = pytest.importorskip("onnx")
    whole = onnx.load_from_string(BUNDLED.read_bytes())
    whole.graph.node[-1].output[0] = "before"
    last = (
        ("ReduceMax", ["big"], ["most"], {"keepdims": 0}),
        ("Mul", ["most", "zero"], ["nothing"], {}),
        ("Add", ["before", "nothing"], ["logit"], {}),
    )
    for operator, inputs, outputs, attributes in (*nodes, *last):
        whole.graph.node.add().CopyFrom(
            onnx.helper.make_node(operator, inputs, outputs, **attributes)
        )
    for name, values in {**weights, "zero": np.float32(0)}.items():
        array = np.asarray(values)
        whole.graph.initializer.add().CopyFrom(onnx.numpy_helper.from_array(array, name))
    return bytes(whole.SerializeToString())


_LONG = np.zeros((1, 50_000), np.float32)
_PIXEL = np.zeros((1, 1, 1, 1), np.float32)
_PADS = {"pads": [30_000] * 4}
_SHAPE = ("Shape", ["numeric"], ["told"], {})
#: Nodes, and weights: 10 GB and more, of a few bytes or what the weights have.
BOMBS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "shape": ([("ConstantOfShape", ["a"], ["big"], {})], {"a": np.array([10**10])}),
    "shape of an input": (
        [_SHAPE, ("Mul", ["told", "a"], ["b"], {}), ("ConstantOfShape", ["b"], ["big"], {})],
        {"a": np.array([10**6, 10**6])},
    ),
    "outer sum": ([("Add", ["a", "b"], ["big"], {})], {"a": _LONG, "b": _LONG.T}),
    "outer product": ([("Gemm", ["b", "a"], ["big"], {})], {"a": _LONG, "b": _LONG.T}),
    "padding": ([("Conv", ["a", "b"], ["big"], _PADS)], {"a": _PIXEL, "b": _PIXEL}),
    "itself beside itself": (
        [
            ("Concat", ["stamps"] * 100, ["c"], {"axis": 1}),
            ("Concat", ["c"] * 400, ["d"], {"axis": 0}),
            ("Cast", ["d"], ["big"], {"to": 1}),
        ],
        {},
    ),
}


@pytest.mark.parametrize("case", BOMBS)
def test_a_small_file_takes_little_memory(tmp_path: Path, case: str) -> None:
    nodes, weights = BOMBS[case]
    path = tmp_path / "m.onnx"
    path.write_bytes(grown(*nodes, **weights))
    assert path.stat().st_size < 2_000_000
    with pytest.raises(ModelFileError, match=r"m\.onnx: .*asks for more than 2 GB of memory"):
        load_artifact(path)


def test_a_graph_that_runs_for_long_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifact, "LONGEST_S", 0.05)
    names = ["square", *map(str, range(300)), "big"]
    steps = [("Gemm", [old, "square"], [new], {}) for old, new in pairwise(names)]
    row = np.zeros((1, 1000), np.float32)
    path = tmp_path / "m.onnx"
    path.write_bytes(grown(("Add", ["a", "b"], ["square"], {}), *steps, a=row, b=row.T))
    with pytest.raises(ModelFileError, match=r"takes it more than 0\.05 s"):
        load_artifact(path)


def test_a_good_model_is_none_the_worse_for_bad_ones(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(grown(("Neg", ["numeric"], ["big"], {})))
    with pytest.raises(ModelFileError, match="a number a row"):  # NaN
        load_artifact(path)
    path.write_bytes(grown(("Neg", ["has_frames"], ["big"], {})))
    session, manifest = load_artifact(path)
    assert json.loads(manifest.to_json())["schema"] == artifact.SCHEMA
    assert [output.name for output in session.get_outputs()] == ["logit"]


def test_an_allocator_that_is_there_already_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("has already been registered for sharing")

    monkeypatch.setattr(onnxruntime, "create_and_register_allocator", refuse)
    artifact._limit_memory.__wrapped__()
