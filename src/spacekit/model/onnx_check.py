"""Look through an ONNX file before any runtime follows what it says.

A model file may come from a stranger. The runtime would open files that the model names
(external data), load custom operators and run loops; this module reads the protobuf fields
itself (onnx.proto of ONNX 1.18, wire format of protobuf 3) and refuses those. It needs no onnx
package, which the default install doesn't have.
"""

from __future__ import annotations

from collections.abc import Iterator

from spacekit.errors import ModelFileError

__all__ = ["check_onnx"]

#: What the ensemble is made of. Anything else is not a model of ours.
_OPERATORS: frozenset[str] = frozenset(
    {
        *("Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat"),
        *("Constant", "ConstantOfShape", "Conv", "Div", "Equal", "Exp", "Expand", "Gather"),
        *("Gemm", "Greater", "GreaterOrEqual", "Identity", "IsNaN", "Less", "Log", "MatMul"),
        *("Mul", "Neg", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape"),
        *("Sigmoid", "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"),
    }
)

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: Most fields that are looked at; ours have a few thousand.
_MOST_FIELDS = 200_000

_Field = tuple[int, int, memoryview, int]


def check_onnx(content: bytes, file: str) -> None:
    """Refuse an ONNX model that is not plain.

    Parameters
    ----------
    content : bytes
        The file.
    file : str
        Its name, for the message.

    Raises
    ------
    ModelFileError
        If it can't be parsed, refers to other files, or holds custom or unexpected operators,
        functions, or control flow.
    """
    walk = _Walk(file)
    graphs = 0
    for number, wire, value, _ in walk.fields(memoryview(content)):
        if number == 7 and wire == _BYTES:
            graphs += 1
            _check_graph(walk, value)
        elif number == 8:
            _check_opset(walk, value)
        elif number in (20, 25):
            walk.refuse("holds training steps or functions")
    if graphs != 1:
        walk.refuse(f"holds {graphs} graphs instead of one")


def _check_opset(walk: _Walk, opset: memoryview) -> None:
    """Only the standard operators may be imported."""
    for number, wire, value, _ in walk.fields(opset):
        if number == 1 and wire == _BYTES and bytes(value) not in (b"", b"ai.onnx"):
            walk.refuse("uses operators of a domain of its own")


def _check_graph(walk: _Walk, graph: memoryview) -> None:
    """Nodes and weights of a graph."""
    for number, _, value, _ in walk.fields(graph):
        if number == 1:
            _check_node(walk, value)
        elif number == 5:
            _check_tensor(walk, value)
        elif number == 15:
            walk.refuse("holds sparse weights")


def _check_node(walk: _Walk, node: memoryview) -> None:
    """One operator: known, standard, no graph in an attribute."""
    for number, _, value, _ in walk.fields(node):
        if number == 4 and (name := bytes(value).decode("ascii", "replace")) not in _OPERATORS:
            walk.refuse(f"uses the operator {name[:40]!r}, which no model of ours has")
        elif number == 7 and bytes(value) not in (b"", b"ai.onnx"):
            walk.refuse("uses operators of a domain of its own")
        elif number == 5:
            for inner, _, content, _ in walk.fields(value):
                if inner in (6, 11, 22, 23):
                    walk.refuse("holds control flow or sparse values")
                elif inner in (5, 10):
                    _check_tensor(walk, content)


def _check_tensor(walk: _Walk, tensor: memoryview) -> None:
    """One array: in the file, not beside it."""
    for number, _, _, integer in walk.fields(tensor):
        if number == 13 or (number == 14 and integer != 0):
            walk.refuse("refers to weights in another file; save it with its weights inside")


class _Walk:
    """Reads protobuf fields, counting them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.seen = 0

    def refuse(self, why: str) -> None:
        """Raise the error of this file."""
        raise ModelFileError(f"{self.file}: {why}; use a model file that spacekit wrote")

    def fields(self, message: memoryview) -> Iterator[_Field]:
        """Yield number, wire type, bytes and integer of each field of a message."""
        at = 0
        while at < len(message):
            self.seen += 1
            if self.seen > _MOST_FIELDS:
                self.refuse("has too many parts")
            key, at = self._varint(message, at)
            number, wire = key >> 3, key & 7
            value, integer = message[0:0], 0
            if wire == _VARINT:
                integer, at = self._varint(message, at)
            elif wire in (_BYTES, _FIXED64, _FIXED32):
                length = {_FIXED64: 8, _FIXED32: 4}.get(wire, 0)
                if wire == _BYTES:
                    length, at = self._varint(message, at)
                if at + length > len(message):
                    self.refuse("is cut off or is no ONNX file")
                value, at = message[at : at + length], at + length
            else:
                self.refuse("is no ONNX file")
            yield number, wire, value, integer

    def _varint(self, message: memoryview, at: int) -> tuple[int, int]:
        """Read an integer of seven bits a byte, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= len(message):
                break
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        self.refuse("is cut off or is no ONNX file")
        raise AssertionError("unreachable")
