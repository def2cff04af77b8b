"""Look through an ONNX file before any runtime follows what it says.

A model file may come from a stranger. The runtime would open files that the model names
(external data), load custom operators and run loops; this module reads the protobuf fields
itself (onnx.proto of ONNX 1.18, wire format of protobuf 3) and refuses those. It needs no onnx
package, which the default install doesn't have.

Two readers of one file may see two models: protobuf cuts the number of a field to 32 bits, merges
what stands twice and skips what it doesn't know. So only what our own writer writes is let
through: fields of `_FIELDS`, each number as short as it can be, single fields once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Final, NamedTuple, NoReturn

from spacekit.errors import ModelFileError

__all__ = ["check_onnx"]

#: What the ensemble is made of, whatever its settings; torch writes Identity where two of its
#: weights are alike. Anything else is not a model of ours.
_OPERATORS: Final[frozenset[str]] = frozenset(
    {
        *("Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat"),
        *("Constant", "ConstantOfShape", "Conv", "Div", "Equal", "Exp", "Gather", "Gemm"),
        *("Greater", "GreaterOrEqual", "Identity", "IsNaN", "Less", "Log", "Mul", "Neg"),
        *("ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape", "Slice", "Sqrt"),
        *("Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"),
    }
)

#: Bytes of a number of each type that weights may have: float, uint8, int32, int64, bool, double.
_ITEM_BYTES: Final = {1: 4, 2: 1, 6: 4, 7: 8, 9: 1, 11: 8}

#: Most fields that are looked at; ours have two thousand.
_MOST_FIELDS: Final = 20_000

_VARINT, _BYTES, _FIXED32 = 0, 2, 5


class _Field(NamedTuple):
    """How a field is written, whether often, and which message it holds."""

    wire: int
    many: bool = False
    inside: str = ""


_NUMBER, _TEXT = _Field(_VARINT), _Field(_BYTES)
_NUMBERS, _TEXTS = _Field(_VARINT, many=True), _Field(_BYTES, many=True)


def _one(message: str) -> _Field:
    return _Field(_BYTES, inside=message)


def _any(message: str) -> _Field:
    return _Field(_BYTES, many=True, inside=message)


#: Each message's fields by number: those that our files have, and three that only repeat what
#: holds without them (domains, the place of weights).
_FIELDS: Final[dict[str, dict[int, _Field]]] = {
    "ModelProto": {
        **{1: _NUMBER, 2: _TEXT, 3: _TEXT, 7: _one("GraphProto")},
        **{8: _any("OperatorSetIdProto"), 14: _any("StringStringEntryProto")},
    },
    "OperatorSetIdProto": {1: _TEXT, 2: _NUMBER},
    "StringStringEntryProto": {1: _TEXT, 2: _TEXT},
    "GraphProto": {
        **{1: _any("NodeProto"), 2: _TEXT, 5: _any("TensorProto")},
        **{11: _any("ValueInfoProto"), 12: _any("ValueInfoProto")},
    },
    "NodeProto": {
        **{1: _TEXTS, 2: _TEXTS, 3: _TEXT, 4: _TEXT},
        **{5: _any("AttributeProto"), 7: _TEXT},
    },
    "AttributeProto": {
        **{1: _TEXT, 2: _Field(_FIXED32), 3: _NUMBER, 5: _one("TensorProto")},
        **{8: _NUMBERS, 20: _NUMBER},
    },
    "TensorProto": {1: _NUMBERS, 2: _NUMBER, 8: _TEXT, 9: _TEXT, 14: _NUMBER},
    "ValueInfoProto": {1: _TEXT, 2: _one("TypeProto")},
    "TypeProto": {1: _one("TypeProto.Tensor")},
    "TypeProto.Tensor": {1: _NUMBER, 2: _one("TensorShapeProto")},
    "TensorShapeProto": {1: _any("TensorShapeProto.Dimension")},
    "TensorShapeProto.Dimension": {1: _NUMBER, 2: _TEXT},
}

_CONTROL_FLOW: Final = "holds control flow or sparse values"
_ELSEWHERE: Final = "refers to weights in another file; save it with its weights inside"

#: Fields that are refused with more than their number.
_REASONS: Final = {
    ("ModelProto", 20): "holds training steps or functions",
    ("ModelProto", 25): "holds training steps or functions",
    ("GraphProto", 15): "holds sparse weights",
    ("TensorProto", 13): _ELSEWHERE,
    **{("AttributeProto", number): _CONTROL_FLOW for number in (6, 11, 22, 23)},
}


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
        If it can't be parsed, isn't written as our writer does, refers to other files, or holds
        custom or unexpected operators, functions, or control flow.
    """
    _check(_Walk(file), "ModelProto", memoryview(content))


@dataclass
class _Message:
    """Numbers and bytes of a message's fields, by the fields' numbers."""

    numbers: dict[int, list[int]] = field(default_factory=dict)
    parts: dict[int, list[memoryview]] = field(default_factory=dict)


def _check(walk: _Walk, kind: str, content: memoryview) -> None:
    """Check a message and those inside it."""
    message = walk.read(kind, content)
    if kind in _RULES:
        _RULES[kind](walk, message)
    for number, parts in message.parts.items():
        if inside := _FIELDS[kind][number].inside:
            for part in parts:
                _check(walk, inside, part)


def _check_model(walk: _Walk, model: _Message) -> None:
    """One graph."""
    if 7 not in model.parts:
        walk.refuse("holds no graph")


def _check_opset(walk: _Walk, opset: _Message) -> None:
    """Only the standard operators may be imported."""
    if any(bytes(name) not in (b"", b"ai.onnx") for name in opset.parts.get(1, ())):
        walk.refuse("uses operators of a domain of its own")


def _check_node(walk: _Walk, node: _Message) -> None:
    """One operator, known and standard."""
    name = b"".join(node.parts.get(4, ())).decode("ascii", "replace")
    if name not in _OPERATORS:
        walk.refuse(f"uses the operator {name[:40]!r}, which no model of ours has")
    if any(bytes(domain) not in (b"", b"ai.onnx") for domain in node.parts.get(7, ())):
        walk.refuse("uses operators of a domain of its own")


def _check_tensor(walk: _Walk, tensor: _Message) -> None:
    """One array: in the file, not beside it, and of the size that it says."""
    if tensor.numbers.get(14, [0]) != [0]:
        walk.refuse(_ELSEWHERE)
    (kind,) = tensor.numbers.get(2, [0])
    if kind not in _ITEM_BYTES:
        walk.refuse("holds weights of a type that no model of ours has")
    there = sum(len(data) for data in tensor.parts.get(9, ()))
    if prod(tensor.numbers.get(1, [])) * _ITEM_BYTES[kind] != there:
        walk.refuse("holds weights that are of another size than it says")


_RULES: Final[dict[str, Callable[[_Walk, _Message], None]]] = {
    "ModelProto": _check_model,
    "OperatorSetIdProto": _check_opset,
    "NodeProto": _check_node,
    "TensorProto": _check_tensor,
}


class _Walk:
    """Reads protobuf messages, counting their fields."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.seen = 0

    def refuse(self, why: str) -> NoReturn:
        """Raise the error of this file."""
        raise ModelFileError(f"{self.file}: {why}; use a model file that spacekit wrote")

    def read(self, kind: str, content: memoryview) -> _Message:
        """Read the fields of a message, none but those it may have."""
        message = _Message()
        seen: set[int] = set()
        for number, wire, integer, part in self._fields(content):
            if (kind, number) in _REASONS:
                self.refuse(_REASONS[kind, number])
            known = _FIELDS[kind].get(number)
            if known is None or known.wire != wire:
                self.refuse(f"holds what no model of ours does (field {number} of {kind})")
            if number in seen and not known.many:
                self.refuse(f"says twice what may be said once (field {number} of {kind})")
            seen.add(number)
            if wire == _VARINT:
                message.numbers.setdefault(number, []).append(integer)
            else:
                message.parts.setdefault(number, []).append(part)
        return message

    def _fields(self, message: memoryview) -> Iterator[tuple[int, int, int, memoryview]]:
        """Yield number, wire type, integer and bytes of each field of a message."""
        at = 0
        while at < len(message):
            self.seen += 1
            if self.seen > _MOST_FIELDS:
                self.refuse("has too many parts")
            key, at = self._varint(message, at, bits=32)
            wire = key & 7
            integer = length = 0
            if wire == _VARINT:
                integer, at = self._varint(message, at, bits=64)
            elif wire == _BYTES:
                length, at = self._varint(message, at, bits=31)
            elif wire == _FIXED32:
                length = 4
            else:  # groups and numbers of 8 bytes, which no field of ours has, or nothing at all
                self.refuse("is no ONNX file")
            if at + length > len(message):
                self.refuse("is cut off or is no ONNX file")
            yield key >> 3, wire, integer, message[at : at + length]
            at += length

    def _varint(self, message: memoryview, at: int, *, bits: int) -> tuple[int, int]:
        """Read an integer of seven bits a byte, as short as it can be, and where it ends."""
        value = 0
        for shift in range(0, bits, 7):
            if at >= len(message):
                break
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> bits or (byte == 0 and shift):
                    break  # protobuf would drop bits, or write it shorter
                return value, at
        self.refuse("is cut off or is no ONNX file")
