"""A page that is written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from spacekit.report.write import write_report

from .runs import write_run


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run of 12 mosaics."""
    folder = tmp_path_factory.mktemp("run")
    return write_report(write_run(folder, 12), folder / "report")
