"""Which of a mosaic's files are missed, so that it is measured again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spacekit.skopes.hst.svm.prep import run_preprocessing

from .fields import brightness, image, scatter, write_product

INDEX = "hst_99999_01_wfc3_uvis_total_iz9901"
SHAPE = (200, 210)
SIZE = {"workers": 1, "size": 64}


@pytest.fixture
def visit(tmp_path: Path) -> Path:
    """A total and two filter products of thirty stars, of which all is drawn."""
    rng = np.random.default_rng(4)
    stars, fluxes = scatter(rng, 30, SHAPE), brightness(rng, 30, 100)
    (tmp_path / "visit").mkdir()
    for title in ("total", "f606w", "f814w"):
        write_product(tmp_path / "visit", title, image(rng, stars, fluxes, SHAPE))
    return tmp_path / "visit"


def prep(visit: Path, **more: Any) -> Path:
    """Prepare the visit beside it; the folder of the mosaic's files."""
    output = visit.parent / "out"
    run_preprocessing(visit, output_path=output, **(SIZE | more))
    return output / "img" / INDEX


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def record_of(folder: Path) -> Path:
    return folder.parents[1] / ".spacekit" / f"{INDEX}.json"


def test_whatever_is_lost_is_made_again(visit: Path) -> None:
    whole = files(prep(visit))
    kinds = ("", "_source", "_gaia", "_stamps")
    blinks = {f"{INDEX}_{k}_{f}.jpg" for k in ("blink", "blinkfield") for f in ("f606w", "f814w")}
    assert set(whole) == {*(f"{INDEX}{k}.png" for k in kinds), f"{INDEX}_offsets.json", *blinks}
    assert files(prep(visit)) == whole
    for name in whole:
        folder = prep(visit)
        (folder / name).unlink()
        prep(visit, draw=0)
        assert name not in files(folder)  # it isn't wanted
        made = files(prep(visit))
        assert {n: content for n, (_, content) in made.items()} == {
            n: content for n, (_, content) in whole.items()
        }


def test_what_could_not_be_drawn_is_not_missed(
    visit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("spacekit.measure.prep.measure_evidence", fail)
    first = files(prep(visit))
    assert not any("offsets" in name or "stamps" in name for name in first)
    assert files(prep(visit)) == first


def test_frames_are_drawn_where_a_run_drew_none(visit: Path) -> None:
    folder = prep(visit, draw=0)
    assert not folder.exists()
    assert json.loads(record_of(folder).read_text())["files"] == []
    assert len(files(prep(visit))) == 9


@pytest.mark.parametrize("names", [None, "all", ["x"], [7], {}, ["../../visit"], ["\0"]])
def test_a_record_with_other_names_does_not_hold(visit: Path, names: Any) -> None:
    path = record_of(prep(visit))
    whole = json.loads(path.read_text())
    changed = {key: value for key, value in whole.items() if key != "files"}  # an older version's
    if isinstance(names, list):
        changed["files"] = [*whole["files"], *names]
    elif names is not None:
        changed["files"] = names
    path.write_text(json.dumps(changed))
    prep(visit)
    assert json.loads(path.read_text()) == whole
