"""Files of text and JSON that strangers give."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacekit.errors import ProductError
from spacekit.visit.texts import read_json, read_text


def test_what_is_well_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"offset": [1, null], "wo": "süd"}', encoding="utf-8")
    assert read_json(path, 100) == {"offset": [1, None], "wo": "süd"}
    assert read_text(path, 100).startswith("{")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"offset": ', "cut short"),
        (b"\xff\xfe\x00", "not text"),
        (b"[" * 100_000, "nested too deep"),
        (b"0" * 200_001, "too large"),
    ],
)
def test_what_is_not_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ProductError, match=rf"a\.json.*{said}"):
        read_json(path, 200_000)


def test_what_to_do_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(ProductError, match=r"not JSON .*; fetch it again$"):
        read_json(path, 100, "fetch it again")


def test_what_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProductError, match="can't be read") as caught:
        read_text(tmp_path / "gone.txt", 100)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
