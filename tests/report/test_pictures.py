from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spacekit.measure.file_names import mosaic_folder
from spacekit.measure.findings_file import find_findings, write_findings
from spacekit.model.images import FolderFrames
from spacekit.report.pictures import BUDGET_BYTES, bring_pictures

from .runs import FINDINGS, draw_pictures

NAME = "hst_1_01_wfc3_ir_total_i00001"
ALL = ("plain", "source", "gaia", "stamps")
ALL += ("blink_f110w", "blink_f160w", "blinkfield_f110w", "blinkfield_f160w")


@pytest.fixture
def img(tmp_path: Path) -> Path:
    draw_pictures(tmp_path / "img", NAME, np.random.default_rng(1))
    return tmp_path / "img"


def made(report: Path) -> dict[str, int]:
    folder = report / "media" / NAME
    return {path.name: path.stat().st_ino for path in folder.glob("*")}


def test_pictures_are_brought_and_kept(img: Path, tmp_path: Path) -> None:
    found = bring_pictures(img, NAME, tmp_path)
    assert found.kinds == ALL
    assert found.notes == ()
    before = made(tmp_path)
    assert set(before) == {f"{kind}.jpg" for kind in ALL}
    assert bring_pictures(img, NAME, tmp_path) == found
    assert made(tmp_path) == before


def test_a_changed_or_vanished_picture_is_noticed(img: Path, tmp_path: Path) -> None:
    bring_pictures(img, NAME, tmp_path)
    before = made(tmp_path)
    changed = img / NAME / f"{NAME}_stamps.png"
    Image.new("RGB", (40, 30), "red").save(changed)
    os.utime(changed, (1, 1))
    (img / NAME / f"{NAME}_gaia.png").unlink()
    found = bring_pictures(img, NAME, tmp_path)
    assert "gaia.jpg" not in made(tmp_path)
    assert found.notes == ("not there: frame with Gaia stars",)
    with Image.open(tmp_path / "media" / NAME / "stamps.jpg") as image:
        assert image.size == (40, 30)
    assert before


def test_noise_stays_within_the_budget(tmp_path: Path) -> None:
    folder = tmp_path / "img" / NAME
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    for suffix in ("", "_source", "_gaia", "_stamps"):
        noise = rng.integers(0, 256, (1500, 1500, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{NAME}{suffix}.png", compress_level=0)
    bring_pictures(tmp_path / "img", NAME, tmp_path)
    files = list((tmp_path / "media" / NAME).iterdir())
    assert len(files) == 4
    assert BUDGET_BYTES / 2 < sum(path.stat().st_size for path in files) <= BUDGET_BYTES


def test_frames_below_a_label_are_found(img: Path, tmp_path: Path) -> None:
    (img / "1").mkdir()
    (img / NAME).rename(img / "1" / NAME)
    assert bring_pictures(img, NAME, tmp_path).kinds == ALL


def test_broken_pictures_are_told_and_the_rest_is_shown(img: Path, tmp_path: Path) -> None:
    (img / NAME / f"{NAME}.png").write_bytes(b"<svg onload=alert(1)>")
    (img / NAME / f"{NAME}_blink_f160w.jpg").write_bytes(b"\xff\xd8\xff\xe0..JFIF")
    found = bring_pictures(img, NAME, tmp_path)
    assert set(found.kinds) == set(ALL) - {"plain", "blink_f160w"}
    assert len(found.notes) == 2
    assert all(str(img) not in note for note in found.notes)


@pytest.mark.parametrize("name", ["../img", "", ".", "a/b", "<b>", "x" * 300])
def test_names_that_are_no_names_are_not_looked_for(img: Path, tmp_path: Path, name: str) -> None:
    assert bring_pictures(img, name, tmp_path).kinds == ()
    assert not (tmp_path / "media").exists()


def test_links_that_lead_out_are_not_followed(img: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    (img / NAME / f"{NAME}.png").rename(outside)
    (img / NAME / f"{NAME}.png").symlink_to(outside)
    assert "plain" not in bring_pictures(img, NAME, tmp_path).kinds


def test_a_folder_that_leads_out_is_refused_with_a_note(img: Path, tmp_path: Path) -> None:
    (img / NAME).rename(tmp_path / NAME)
    (img / NAME).symlink_to(tmp_path / NAME)
    found = bring_pictures(img, NAME, tmp_path)
    assert found.kinds == ()
    assert "leads out of img" in found.notes[0]
    assert str(tmp_path) not in found.notes[0]


def test_frames_findings_and_pictures_are_of_one_folder(img: Path, tmp_path: Path) -> None:
    stale = img / "1" / NAME
    draw_pictures(img / "1", NAME, np.random.default_rng(2))
    write_findings(FINDINGS, img / "1", NAME)
    for path in img.glob(f"{NAME}/{NAME}.png"):
        path.unlink()
    found = bring_pictures(img, NAME, tmp_path)
    assert "plain" not in found.kinds
    frames = FolderFrames(img).load(NAME, 64)
    assert any(f"{NAME}.png: is missing" in note for note in frames.notes)
    assert find_findings(img, NAME) is None
    # who knows the label, in training, takes its folder as a whole
    assert mosaic_folder(img, NAME) == img / NAME
    assert mosaic_folder(img, NAME, 1) == stale
    frames = FolderFrames(img).load(NAME, 64, 1)
    assert not any("is missing" in note for note in frames.notes)
