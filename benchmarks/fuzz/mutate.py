"""Break valid files: blindly, byte by byte, and knowingly, in ways their format lets through.

A blind change mostly ends at a checksum or a parser's first line. The changes that know the
format keep FITS blocks, PNG and zip checksums, JSON and protobuf well-formed, so that what is
wrong gets further in.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

__all__ = ["KINDS", "mutate"]

Rng = np.random.Generator
_T = TypeVar("_T")

#: Numbers that are too large, too small, none, or not what they look like.
_NUMBERS: Final = (
    *(b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483648", b"4294967295", b"-2147483649"),
    *(b"9223372036854775808", b"99999999999999999999", b"1e400", b"-1e308", b"1e-400", b"nan"),
    *(b"inf", b"-inf", b"0x10", b"1_000", b"1e5", b"0.5", b"", b"'x'", b"T", b"1" * 5000),
)
_WORDS: Final = (
    *("", " ", "\0", "\n", "..", "../../etc/passwd", "/etc/passwd", "a" * 4000),
    *("\ud800", "é", "🔭", "=cmd|' /C calc'!A0"),
    *("<script>alert(1)</script>", "%s%n", "{0.__class__}", "nan", "True"),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, -1e308, 5e-324, 0.1),
    *(float("nan"), float("inf"), [], {}, [[]], {"a": {}}, [None] * 300, list(range(50))),
    *_WORDS,
)
_INTEGERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

_NUMBER: Final = re.compile(rb"-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_CARD: Final = 80


def mutate(content: bytes, kind: str, rng: Rng) -> bytes:
    """Break a valid file.

    Parameters
    ----------
    content : bytes
        The file.
    kind : str
        A key of `KINDS`: what format it is of.
    rng : numpy.random.Generator
        Where the choices come from.

    Returns
    -------
    bytes
        The file with one to four changes, in three of four cases such as keep the format.
    """
    for _ in range(min(4, int(rng.geometric(0.6)))):
        change = KINDS[kind] if rng.random() < 0.75 else _blindly
        content = change(content, rng)
    return content


def _place(content: bytes, rng: Rng) -> int:
    """Choose a place: anywhere, or near the start or the end, where formats say what they are."""
    length = max(1, len(content))
    near = min(length, 2048)
    where = (rng.integers(length), rng.integers(near), length - 1 - rng.integers(near))
    return int(where[rng.integers(3)])


def _blindly(content: bytes, rng: Rng) -> bytes:  # noqa: PLR0911  # one for each way
    at, size = _place(content, rng), int(2 ** rng.uniform(0, 12))
    head, tail = content[:at], content[at:]
    match rng.integers(8):
        case 0:
            byte = bytes([content[at] ^ (1 << int(rng.integers(8)))]) if content else b"\0"
            return head + byte + tail[1:]
        case 1:
            return head
        case 2:
            return head + tail[size:]
        case 3:
            other = _place(content, rng)
            return head + content[other : other + size] + tail
        case 4:
            return head + rng.bytes(size) + tail[size:]
        case 5:
            order = ("<I", ">I", "<Q", ">Q", "<H", ">H")[rng.integers(6)]
            number = int(rng.choice(_INTEGERS)) & (2 ** (8 * struct.calcsize(order)) - 1)
            packed = struct.pack(order, number)
            return head + packed + tail[len(packed) :]
        case 6:
            return content + rng.bytes(size)
        case _:
            return _numbers(content, rng)


def _numbers(content: bytes, rng: Rng) -> bytes:
    """Put another number in the place of one that is written in digits."""
    start = _place(content, rng)
    found = _NUMBER.search(content, start, start + 4096) or _NUMBER.search(content, 0, 4096)
    if found is None:
        return content
    return content[: found.start()] + _pick(_NUMBERS, rng) + content[found.end() :]


def _pick(choices: tuple[_T, ...], rng: Rng) -> _T:
    return choices[int(rng.integers(len(choices)))]


def _fits(content: bytes, rng: Rng) -> bytes:
    """Change a card; the blocks stay where they are."""
    starts = [k for k in range(0, len(content) - _CARD, _CARD) if _is_card(content[k : k + _CARD])]
    if not starts:
        return _blindly(content, rng)
    start, other = _pick(tuple(starts), rng), _pick(tuple(starts), rng)
    card = content[start : start + _CARD]
    key = card[:8]
    match rng.integers(7):
        case 0:
            new = key + b"= " + _pick(_NUMBERS, rng).rjust(20)
        case 1:
            new = key + b"= '" + _pick(_WORDS, rng).encode("utf-8", "replace")[:60] + b"'"
        case 2:
            new = content[other : other + _CARD]
        case 3:
            new = content[other : other + 8] + card[8:]
        case 4:
            new = b""
        case 5:
            new = _pick((b"CONTINUE  'x&'", b"HIERARCH a.b = 1", key + b"= (1,2)", key), rng)
        case _:
            at = int(rng.integers(_CARD))
            new = card[:at] + rng.bytes(1) + card[at + 1 :]
    return content[:start] + new[:_CARD].ljust(_CARD) + content[start + _CARD :]


def _is_card(card: bytes) -> bool:
    return card[8:10] == b"= " and card[:8].strip().isascii() and card[:1].isalpha()


def _json(content: bytes, rng: Rng) -> bytes:
    """Put another value, or key, somewhere into the tree."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return _blindly(content, rng)
    places: list[tuple[Any, Any]] = []
    if isinstance(tree, dict | list):
        _walk(tree, places)
    if not places or rng.random() < 0.02:
        return _pick((b"[" * 100_000, b"{}", b"[]", b"null", b'"x"', b"1" * 5000), rng)
    holder, key = places[int(rng.integers(len(places)))]
    match rng.integers(4):
        case 0 if isinstance(holder, dict):
            holder[str(_pick(_WORDS, rng))] = holder.pop(key)
        case 1 if isinstance(holder, dict):
            del holder[key]
        case 2:
            holder[key] = places[int(rng.integers(len(places)))][0]
        case _:
            holder[key] = _pick(_VALUES, rng)
    try:
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):  # it now holds itself
        return content


def _walk(tree: Any, places: list[tuple[Any, Any]]) -> None:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        places.append((tree, key))
        if isinstance(value, dict | list):
            _walk(value, places)


def _text(content: bytes, rng: Rng) -> bytes:
    """Change a cell, or a line, of a table or a list of ``key: value``."""
    lines = content.split(b"\n")
    at = int(rng.integers(min(len(lines), 40) if rng.random() < 0.5 else len(lines)))
    mark = next((m for m in (b",", b" ", b":") if m in lines[at]), b" ")
    cells = lines[at].split(mark)
    cell = int(rng.integers(len(cells)))
    match rng.integers(6):
        case 0:
            cells[cell] = _pick(_NUMBERS, rng)
        case 1:
            cells[cell] = _pick(_WORDS, rng).encode("utf-8", "surrogatepass")
        case 2:
            del cells[cell]
        case 3:
            cells.insert(cell, _pick((b'"', b"'", b"{", b"- !!python/object:os.x", b"\0"), rng))
        case 4:
            return b"\n".join([*lines[:at], lines[int(rng.integers(len(lines)))], *lines[at:]])
        case _:
            return _numbers(content, rng)
    lines[at] = mark.join(cells)
    return b"\n".join(lines)


def _png(content: bytes, rng: Rng) -> bytes:
    """Change a chunk and give it the right checksum."""
    chunks = _chunks(content)
    if not chunks:
        return _blindly(content, rng)
    at = int(rng.integers(len(chunks)))
    name, data = chunks[at]
    match rng.integers(5):
        case 0:
            size = struct.pack(">I", int(rng.choice([0, 1, 4096, 7999, 20_000, 2**31 - 1])))
            start = 4 * int(rng.integers(2))
            head = chunks[0][1]
            chunks[0] = (chunks[0][0], head[:start] + size + head[start + 4 :])
        case 1:
            chunks[0] = (chunks[0][0], chunks[0][1][:8] + rng.bytes(5))
        case 2:
            chunks[at] = (name, _blindly(data, rng))
        case 3:
            chunks.insert(at, chunks[int(rng.integers(len(chunks)))])
        case _:
            bomb = zlib.compress(b"\0" * 2**24)
            extra = (
                *((b"zTXt", b"a\0\0" + bomb), (b"iCCP", b"a\0\0" + bomb), (b"tRNS", b"\0" * 6)),
                *((b"acTL", b"\0\0\xff\xff" * 2), (b"PLTE", rng.bytes(30)), (b"sBIT", b"")),
            )
            chunks.insert(min(1, at), _pick(extra, rng))
    made = (
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks
    )
    return content[:8] + b"".join(made)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _zip(content: bytes, rng: Rng) -> bytes:
    """Break a member and pack it anew, as any of the ways to pack."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = {name: packed.read(name) for name in packed.namelist()}
    except Exception:  # noqa: BLE001  # whatever an earlier change leads to
        return _blindly(content, rng)
    name = _pick(tuple(members), rng)
    head, rest = members[name][:128], members[name][128:]
    members[name] = (_text(head, rng) if rng.random() < 0.5 else _blindly(head, rng)) + rest
    if rng.random() < 0.1:
        members[str(_pick(("../x.npy", "/x.npy", "labels.npy", "index.npy/x"), rng))] = b"x"
    made = io.BytesIO()
    way = int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
    with zipfile.ZipFile(made, "w", way) as packed:
        for member, data in members.items():
            packed.writestr(member, data)
    return made.getvalue()


def _onnx(content: bytes, rng: Rng) -> bytes:
    """Change an operator, a shape, or the description of a model, or how it is written."""
    if rng.random() < 0.4:
        return _protobuf(content, rng)
    import onnx  # of the train extra

    try:
        model = onnx.load_from_string(content)
    except Exception:  # noqa: BLE001  # whatever protobuf says of an earlier change
        return _blindly(content, rng)
    if not model.graph.node or not model.graph.initializer or not model.metadata_props:
        return _blindly(content, rng)
    node = _pick(tuple(model.graph.node), rng)
    weights = _pick(tuple(model.graph.initializer), rng)
    match rng.integers(8):
        case 0:
            node.op_type = _pick(("If", "Loop", "Expand", "ConstantOfShape", "Concat", ""), rng)
        case 1:
            node.domain = _pick(("com.evil", "ai.onnx.ml", "com.microsoft"), rng)
        case 2 if node.input:
            node.input[0] = _pick((*node.output, "", "numeric", weights.name), rng)
        case 3:
            weights.dims.append(int(rng.choice([0, -1, 2, 2**31, 2**62])))
        case 4:
            place = weights.external_data.add()
            place.key, place.value = "location", "/etc/passwd"
            weights.data_location = int(rng.integers(2))
        case 5:
            whole = np.frombuffer(weights.raw_data, np.uint8).copy()
            weights.raw_data = whole[: int(rng.integers(len(whole) + 1))].tobytes()
        case 6:
            _reshape(model.graph, rng)
        case _:
            entry = model.metadata_props[0]
            text = entry.value if isinstance(entry.value, bytes) else entry.value.encode()
            entry.value = _json(text, rng).decode("utf-8", "replace")
    return bytes(model.SerializeToString())


def _reshape(graph: Any, rng: Rng) -> None:
    """Put another number into a weight of whole numbers: mostly a shape or an axis."""
    shapes = [
        t
        for t in (*graph.initializer, *(a.t for n in graph.node for a in n.attribute))
        if t.data_type == 7 and t.raw_data
    ]
    if shapes:
        chosen = shapes[int(rng.integers(len(shapes)))]
        values = np.frombuffer(chosen.raw_data, np.int64).copy()
        values[rng.integers(len(values))] = int(rng.choice([-1, 0, 3, 10**5, 2**31, 2**40, 2**62]))
        chosen.raw_data = values.tobytes()


def _protobuf(content: bytes, rng: Rng) -> bytes:
    """Write a field, of a message or of one inside it, oddly; the lengths around it fit."""
    fields = _fields(content)
    if not fields:
        return _blindly(content, rng)
    at = int(rng.integers(len(fields)))
    key, value = fields[at]
    written = [_written(*one) for one in fields]
    if key & 7 == 2 and rng.random() < 0.8 and _fields(value):
        written[at] = _written(key, _protobuf(value, rng))
    else:
        written[at] = _oddly(key, value, rng)
    return b"".join(written)


def _oddly(key: int, value: bytes, rng: Rng) -> bytes:
    """Write a field so that readers differ in what they make of it."""
    head = _varint(key)
    body = _written(key, value)[len(head) :]
    longer = int(rng.integers(1, 6))
    numbers = (*_INTEGERS, 2**32 + 1, 2**63, 2**64 - 1, int(rng.integers(300)))
    ways = (
        _varint(key | 1 << int(rng.integers(32, 70))) + body,  # the same when cut to 32 bits
        _varint(key, longer) + body,
        head + _varint(len(value), longer) + value,
        head + _varint(_pick(numbers, rng)) + value,
        _varint(key ^ 1 << int(rng.integers(8))) + body,  # another field, another type
        _varint(_pick(numbers, rng)) + rng.bytes(1) + head + body,  # one that nobody knows
        (head + body) * 2,
    )
    return _pick(ways, rng)


def _fields(content: bytes) -> list[tuple[int, bytes]]:
    """Split a protobuf message into keys and values; nothing if it's none."""
    found, at = [], 0
    while at < len(content):
        key, at = _number(content, at)
        kind = key & 7
        size = {0: _number(content, at)[1] - at, 1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            size, at = _number(content, at)
        if key < 8 or kind not in (0, 1, 2, 5) or at + size > len(content):
            return []
        found.append((key, content[at : at + size]))
        at += size
    return found


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Read a protobuf integer, and where it ends."""
    end = next((k for k in range(at, len(content)) if content[k] < 0x80), len(content))
    return sum((b & 0x7F) << 7 * k for k, b in enumerate(content[at : end + 1])), end + 1


def _written(key: int, value: bytes) -> bytes:
    return _varint(key) + (_varint(len(value)) if key & 7 == 2 else b"") + value


def _varint(number: int, longer: int = 0) -> bytes:
    """Write a protobuf integer, with zeros that nobody needs."""
    parts = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    parts += [0] * longer
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


#: How files of a format are changed so that they stay of it.
KINDS: Final[dict[str, Callable[[bytes, Rng], bytes]]] = {
    "bytes": _blindly,
    "fits": _fits,
    "json": _json,
    "onnx": _onnx,
    "png": _png,
    "text": _text,
    "zip": _zip,
}
