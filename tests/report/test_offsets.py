from __future__ import annotations

import json
from pathlib import Path

import pytest

from spacekit.errors import TableError
from spacekit.report.offsets import NO_MATCH, read_offsets

from .runs import OFFSETS


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_is_there_is_read_and_what_is_strange_is_left_out(tmp_path: Path) -> None:
    good = {"filter": "f160w", "exposure": "ac", "dx_px": 3, "dy_px": -0.5, "n_sources": 41}
    odd = {"filter": "f814w", "dx_px": "3", "dy_px": True, "sigma_px": 1e30, "n_sources": -2}
    content = {"reference": "F110W\u202e", "products": [good, odd, {"dx_px": 1}, 7], "more": {}}
    found = read_offsets(write(tmp_path / "o.json", content))
    (group,) = found.groups
    assert group.reference == "F110W"
    assert [p.filter for p in group.products] == ["f160w", "f814w"]
    first, second = group.products
    assert (first.dx_px, first.dy_px, first.n_sources, first.exposure) == (3.0, -0.5, 41, "ac")
    assert first.dx_mas is None
    assert (second.dx_px, second.dy_px, second.sigma_px, second.n_sources) == (None,) * 4


def test_groups_and_products_that_match_nowhere(tmp_path: Path) -> None:
    found = read_offsets(write(tmp_path / "o.json", OFFSETS))
    filters, exposures = found.groups
    assert (filters.reference, exposures.reference) == ("f110w", "f110w aa")
    assert [p.method for p in filters.products] == ["sources", "", NO_MATCH]
    assert filters.products[0].n_sources == 41
    assert exposures.products[0].exposure == "ac"
    assert (found.absolute_mas, found.absolute_sources) == ((12.3, -3.0), 19)
    empty = {"reference": "", "offsets": [], "unmatched": []}
    nothing = read_offsets(
        write(tmp_path / "o.json", {"filters": empty, "exposures": empty, "absolute": None})
    )
    assert nothing.groups == ()
    assert nothing.absolute_mas is None


@pytest.mark.parametrize(
    "content",
    [
        *(
            "",
            "{",
            "[]",
            "7",
            "{}",
            '{"products": 3}',
            '{"filters": {"offsets": 3}}',
            "[" * 50_000,
            " " * 1_100_000,
        ),
        json.dumps({"products": [{"filter": "f"}] * 201}),
    ],
    ids=[
        "empty",
        "cut",
        "list",
        "number",
        "nothing",
        "no list",
        "no group",
        "deep",
        "large",
        "many",
    ],
)
def test_what_are_no_offsets(tmp_path: Path, content: str) -> None:
    with pytest.raises(TableError, match=r"o\.json"):
        read_offsets(write(tmp_path / "o.json", content))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TableError):
        read_offsets(tmp_path / "absent.json")
