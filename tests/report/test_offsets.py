"""Offsets as the page shows them; what may be wrong with their file is tested where it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacekit.errors import ProductError
from spacekit.measure.findings import Findings
from spacekit.measure.findings_file import write_findings
from spacekit.report.offsets import NO_MATCH, read_offsets

from .runs import FINDINGS


def test_groups_and_products_that_match_nowhere(tmp_path: Path) -> None:
    found = read_offsets(write_findings(FINDINGS, tmp_path, "one"))
    assert found is not None
    filters, exposures = found.groups
    assert (filters.reference, exposures.reference) == ("f110w", "f110w aa")
    assert [p.method for p in filters.products] == ["sources", NO_MATCH]
    first = filters.products[0]
    assert (first.dx_px, first.dy_px, first.n_sources) == (3.1, -1.4, 41)
    assert exposures.products[0].exposure == "ac"
    assert (found.absolute_mas, found.absolute_sources) == ((12.3, -3.0), 19)


def test_groups_in_which_nothing_was_compared_are_left_out(tmp_path: Path) -> None:
    found = read_offsets(write_findings(Findings(), tmp_path, "one"))
    assert found is not None
    assert found.groups == ()
    assert found.absolute_mas is None


def test_a_broken_file_and_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "o.json"
    assert read_offsets(path) is None
    path.write_text("{")
    with pytest.raises(ProductError, match="run prep again"):
        read_offsets(path)
