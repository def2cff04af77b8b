"""What no program can beat: reading the bytes once, and the network's multiply-adds."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

__all__ = ["add_up", "find_planes", "gflops", "multiply_adds", "read_pass"]


def read_pass(path: Path) -> float:
    """Map the science and weight planes of a drizzled image into memory and add them up.

    They are big-endian float32, as FITS has it; the pages are in memory from an earlier pass.

    Returns
    -------
    float
        CPU seconds.
    """
    planes = find_planes(path)
    start = time.process_time()
    add_up(path, planes)
    return time.process_time() - start


def find_planes(path: Path) -> list[tuple[int, tuple[int, ...]]]:
    """Give offset (bytes) and shape of the science and the weight plane."""
    with fits.open(path) as hdus:
        return [(hdus[name].fileinfo()["datLoc"], hdus[name].shape) for name in ("SCI", "WHT")]


def add_up(path: Path, planes: Sequence[tuple[int, tuple[int, ...]]]) -> list[float]:
    """Give the sum of each plane's pixels."""
    return [
        float(np.memmap(path, dtype=">f4", mode="r", offset=offset, shape=shape).sum())
        for offset, shape in planes
    ]


def gflops(side: int = 1536) -> float:
    """Measure the rate of a product of two square float32 matrices, 10^9 operations a second.

    A multiply-add is two operations, as BLAS counts.
    """
    rng = np.random.default_rng(0)
    left, right = rng.random((2, side, side), dtype=np.float32)
    start = time.process_time()
    left @ right
    return 2 * side**3 / (time.process_time() - start) / 1e9


def multiply_adds(graph: Any, sizes: Mapping[str, Sequence[int]]) -> int:
    """Count the multiply-adds of an ONNX model's convolutions and matrix products.

    Parameters
    ----------
    graph : onnx.ModelProto
        A model of static shapes, once its inputs' are known.
    sizes : mapping of str to sequence of int
        Shape of each input.

    Returns
    -------
    int
        For one pass.

    Raises
    ------
    ValueError
        If a product's shape doesn't follow from the inputs'.
    """
    import onnx

    known = onnx.ModelProto()
    known.CopyFrom(graph)
    for value in known.graph.input:
        for axis, size in zip(value.type.tensor_type.shape.dim, sizes[value.name], strict=True):
            axis.Clear()
            axis.dim_value = size
    del known.graph.value_info[:]
    for value in known.graph.output:
        value.type.tensor_type.ClearField("shape")
    known = onnx.shape_inference.infer_shapes(known, data_prop=True).graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in known.initializer}
    for value in (*known.input, *known.value_info, *known.output):
        axes = value.type.tensor_type.shape.dim
        shapes[value.name] = tuple(axis.dim_value for axis in axes)
    return sum(_of_node(node, shapes) for node in known.node)


def _of_node(node: Any, shapes: Mapping[str, Sequence[int]]) -> int:
    """Give the size of a product's output times the length of the sums behind each value."""
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    made, weights = shapes.get(node.output[0], ()), shapes.get(node.input[1], ())
    if not made or 0 in made or not weights:
        raise ValueError(f"the shape of {node.output[0]} is unknown")
    if node.op_type == "Conv":
        return math.prod(made) * math.prod(weights[1:])
    turned = any(a.name == "transB" and a.i for a in node.attribute)
    return math.prod(made) * (weights[-1] if turned else weights[-2])
