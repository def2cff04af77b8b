from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spacekit.errors import FrameError
from spacekit.model.images import FolderFrames, open_frames
from spacekit.model.levels import footprint_box, rarity
from spacekit.model.levels import normalise_stack as normalise_images
from spacekit.visit.pictures import read_png

NAME = "hst_1_01_wfc3_ir_total_iabc01"


@pytest.fixture
def sky() -> NDArray[np.uint8]:
    """A tilted footprint with stars: gray, black outside."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:200, :200]
    picture = 30 + rng.normal(0, 4, (200, 200))
    for y0, x0 in rng.uniform(60, 140, size=(9, 2)):
        picture += 200 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 6)
    picture[np.abs(x - 100) + np.abs(y - 100) > 95] = 0
    return np.repeat(picture.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def save(root: Path, picture: NDArray[np.uint8], suffix: str = "", name: str = NAME) -> None:
    (root / name).mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(root / name / f"{name}{suffix}.png")


def normalise_stack(pictures: list[NDArray[np.uint8]], side: int) -> NDArray[np.uint8]:
    return normalise_images([Image.fromarray(picture) for picture in pictures], side)


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def test_margins_are_no_evidence(sky: NDArray[np.uint8]) -> None:
    white = np.pad(sky, ((30, 20), (10, 60), (0, 0)), constant_values=255)
    black = np.pad(sky, ((7, 0), (0, 90), (0, 0)))
    reference = normalise_stack([sky] * 3, 128)
    for picture in (white, black):
        assert np.array_equal(normalise_stack([picture] * 3, 128), reference)


def test_monotone_stretch_is_no_evidence(sky: NDArray[np.uint8]) -> None:
    """A square-root stretch that keeps the levels apart gives the same picture."""
    gray = np.unique(sky[sky > 2])
    stretched = sky.copy()
    # Any increasing map of the levels that occur: here they are spread evenly.
    spread = dict(zip(gray.tolist(), np.linspace(10, 255, len(gray)).tolist(), strict=True))
    stretched[sky > 2] = [int(spread[v]) for v in sky[sky > 2]]
    side = 191  # the footprint's own size, so that nothing is resampled
    a, b = (normalise_stack([p] * 3, side) for p in (sky, stretched))
    assert np.array_equal(a, b)


def test_size_is_hardly_evidence(sky: NDArray[np.uint8]) -> None:
    larger = np.asarray(Image.fromarray(sky).resize((600, 600), Image.Resampling.NEAREST))
    a, b = (normalise_stack([p] * 3, 96) for p in (sky, larger))
    assert difference(a, b) < 6


def test_overlay_keeps_hue_at_full_strength(sky: NDArray[np.uint8]) -> None:
    source = sky.copy()
    source[95:105, 100] = (180, 60, 60)  # a faint red
    stack = normalise_stack([sky, source, sky], 191)
    assert (stack[1] == (255, 0, 0)).all(axis=2).sum() == 10
    assert not (stack[0] == (255, 0, 0)).all(axis=2).any()


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_flat_pictures_survive(level: int) -> None:
    flat = np.full((40, 50, 3), level, np.uint8)
    assert footprint_box(Image.fromarray(flat)) == (0, 0, 50, 40)
    assert normalise_stack([flat] * 3, 64).shape == (3, 64, 64, 3)


def test_rarity_rises_and_saturates() -> None:
    counts = np.zeros(256, int)
    counts[[0, 10, 20, 30]] = [10**6, 900, 90, 10]
    table = rarity(counts)
    assert table[[0, 2]].tolist() == [0, 0]
    assert table[10] == pytest.approx(255 / 4, abs=1)
    assert table[20] == pytest.approx(255 / 2, abs=1)
    assert table[30] == 255


def test_missing_overlay_is_the_plain_frame(tmp_path: Path, sky: NDArray[np.uint8]) -> None:
    save(tmp_path, sky)
    frames = FolderFrames(tmp_path).load(NAME, 64)
    assert frames.pixels is not None
    assert np.array_equal(frames.pixels[0], frames.pixels[2])
    assert frames.notes == ()


def test_a_broken_overlay_or_a_lost_plain_frame_is_news(
    tmp_path: Path, sky: NDArray[np.uint8]
) -> None:
    save(tmp_path, sky)
    (tmp_path / NAME / f"{NAME}_gaia.png").write_bytes(b"none")
    (note,) = FolderFrames(tmp_path).load(NAME, 64).notes
    assert "_gaia.png" in note
    (tmp_path / NAME / f"{NAME}.png").rename(tmp_path / NAME / f"{NAME}_source.png")
    (first, second) = FolderFrames(tmp_path).load(NAME, 64).notes
    assert f"{NAME}.png: is missing" in first
    assert "_gaia.png" in second


def test_a_frame_that_is_a_copy_is_read_once(
    tmp_path: Path, sky: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sky.copy()
    other[95:105, 100] = (255, 0, 0)
    for suffix, picture in (("", sky), ("_source", other), ("_gaia", sky)):
        save(tmp_path, picture, suffix)
    read = []
    monkeypatch.setattr(
        "spacekit.model.images.read_png", lambda path: read.append(path.name) or read_png(path)
    )
    frames = FolderFrames(tmp_path).load(NAME, 64)
    assert read == [f"{NAME}.png", f"{NAME}_source.png"]
    assert frames.pixels is not None
    assert np.array_equal(frames.pixels[0], frames.pixels[2])
    assert not np.array_equal(frames.pixels[0], frames.pixels[1])


def test_nothing_there_is_a_note(tmp_path: Path) -> None:
    frames = FolderFrames(tmp_path).load(NAME, 64)
    assert frames.pixels is None
    assert NAME in frames.notes[0]


@pytest.mark.parametrize("below", ["0", "1"])
def test_folders_by_label(tmp_path: Path, sky: NDArray[np.uint8], below: str) -> None:
    save(tmp_path / below, sky)
    assert FolderFrames(tmp_path).load(NAME, 64).pixels is not None


def test_label_says_which_of_two(tmp_path: Path, sky: NDArray[np.uint8]) -> None:
    save(tmp_path / "0", sky)
    save(tmp_path / "1", sky[::-1].copy())
    source = FolderFrames(tmp_path)
    zero, one = (source.load(NAME, 64, label).pixels for label in (0, 1))
    assert zero is not None
    assert one is not None
    assert not np.array_equal(zero, one)


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b", "..", "", "x\0y", "a" * 400, "..\\x"])
def test_hostile_names_never_leave_the_folder(
    tmp_path: Path, sky: NDArray[np.uint8], name: str
) -> None:
    save(tmp_path, sky, name="x")
    (tmp_path / "img").mkdir()
    frames = FolderFrames(tmp_path / "img").load(name, 64)
    assert frames.pixels is None
    assert "no mosaic's name" in frames.notes[0]


def test_links_out_of_the_folder_are_refused(tmp_path: Path, sky: NDArray[np.uint8]) -> None:
    save(tmp_path, sky)
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / NAME).symlink_to(tmp_path / NAME)
    frames = FolderFrames(tmp_path / "img").load(NAME, 64)
    assert frames.pixels is None
    assert "leads out" in frames.notes[0]


@pytest.mark.parametrize("name", ["_source", "_stamps"])
def test_links_in_a_circle_are_told(tmp_path: Path, sky: NDArray[np.uint8], name: str) -> None:
    save(tmp_path, sky)
    path = tmp_path / NAME / f"{NAME}{name}.png"
    path.symlink_to(path)
    frames = FolderFrames(tmp_path).load(NAME, 64)
    assert frames.pixels is not None
    assert any(path.name in note for note in frames.notes)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_all_modes_are_read(tmp_path: Path, sky: NDArray[np.uint8], mode: str) -> None:
    path = tmp_path / "a.png"
    image = Image.fromarray(sky)
    if mode == "I;16":
        image = Image.fromarray(sky[:, :, 0].astype(np.uint16) * 257)
    else:
        image = image.quantize(128) if mode == "P" else image.convert(mode)
    image.save(path)
    image = read_png(path)
    assert image.mode == ("L" if mode in ("L", "1", "I;16", "P") else "RGB")
    picture = np.asarray(image.convert("RGB"))
    assert picture.shape == (200, 200, 3)
    if mode != "1":
        assert difference(picture, sky) < 8


@pytest.mark.parametrize("drawn", [False, True])
def test_a_palette_counts_as_far_as_it_is_used(
    tmp_path: Path, sky: NDArray[np.uint8], drawn: bool
) -> None:
    coloured = sky.copy()
    coloured[90:95, 90:95] = (255, 40, 40) if drawn else 40
    image = Image.fromarray(coloured[:, :, 0] // 2)
    image.putpalette([level for k in range(128) for level in (2 * k,) * 3] + [255, 40, 40])
    if drawn:
        image.paste(128, (90, 90, 95, 95))
    image.save(tmp_path / "a.png")
    read = read_png(tmp_path / "a.png")
    assert read.mode == ("RGB" if drawn else "L")
    assert np.array_equal(np.asarray(read.convert("RGB"))[90:95, 90:95], coloured[90:95, 90:95])


def test_transparent_is_margin(tmp_path: Path, sky: NDArray[np.uint8]) -> None:
    rgba = np.zeros((240, 240, 4), np.uint8)
    rgba[20:220, 20:220, :3] = sky
    rgba[20:220, 20:220, 3] = 255
    Image.fromarray(rgba).save(tmp_path / "a.png")
    read = np.asarray(read_png(tmp_path / "a.png"))
    stacks = [normalise_stack([p] * 3, 64) for p in (read, sky)]
    assert np.array_equal(*stacks)


def test_broken_pngs(tmp_path: Path, sky: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(sky).save(path)
    whole = path.read_bytes()
    gif = tmp_path / "a.gif"
    Image.fromarray(sky).save(gif)
    for content in (b"", b"no picture", whole[: len(whole) // 2], whole[:40], gif.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(FrameError, match=r"a\.png"):
            read_png(path)


@pytest.mark.parametrize("side", [9000, 10500, 20000])
def test_bombs_are_refused_before_decoding(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = side.to_bytes(4, "big") * 2  # the header's width and height
    import zlib

    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(content))
    with pytest.raises(FrameError, match="too large"):
        read_png(path)


FORMS = {
    "stack, uint8": lambda a: a,
    "stack, float 0..255": lambda a: a.astype(np.float32),
    "stack, float 0..1": lambda a: a.astype(np.float64) / 255,
    "stack, float 0..1 that overshoots": lambda a: np.where(a == 255, 1.0000055, a / 255),
    "channels, uint8": lambda a: np.concatenate([a[:, 0], a[:, 1], a[:, 2]], axis=3),
    "channels, float 0..1": lambda a: np.concatenate([a[:, i] for i in range(3)], axis=3) / 255,
}


@pytest.mark.parametrize("form", FORMS)
def test_array_files(tmp_path: Path, sky: NDArray[np.uint8], form: str) -> None:
    small = np.asarray(Image.fromarray(sky).resize((128, 128)))
    red = small.copy()
    red[60:70, 60] = (255, 0, 0)
    images = np.stack([np.stack([small, red, small]), np.zeros((3, 128, 128, 3), np.uint8)])
    path = tmp_path / "frames.npz"
    np.savez(path, index=np.array([NAME, "other"]), images=FORMS[form](images))
    expected = normalise_stack(list(images[0]), 64)
    with open_frames(path) as source:
        pixels = source.load(NAME, 64).pixels
        assert pixels is not None
        assert np.array_equal(pixels, expected)
        assert source.load("absent", 64).pixels is None


def test_array_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    index, images = np.array([NAME]), np.zeros((1, 3, 16, 16, 3), np.uint8)
    np.savez(path, index=index, images=images)
    whole = path.read_bytes()
    wrong = [
        {"index": index},
        {"index": index.astype(object), "images": images},
        {"index": index, "images": images.astype(object)},
        {"index": np.array([1]), "images": images},
        {"index": np.array([NAME, "b"]), "images": images},
        {"index": index, "images": np.zeros((1, 3, 16, 18, 3), np.uint8)},
        {"index": index, "images": np.zeros((1, 16, 16, 3), np.uint8)},
        {"index": index, "images": images.astype(complex)},
    ]
    for arrays in wrong:
        np.savez(path, **arrays)
        with pytest.raises(FrameError, match=r"a\.npz"), open_frames(path):
            pass
    for content in (b"", whole[:200], b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(FrameError, match=r"a\.npz"), open_frames(path):
            pass


def test_member_names_of_an_archive_lead_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, index=np.array([NAME]), images=np.zeros((1, 3, 16, 16, 3), np.uint8))
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("../escaped.txt", "x")
    with open_frames(path) as source:
        assert source.load(NAME, 64).pixels is not None
    assert not (tmp_path / "escaped.txt").exists()


def test_neither_folder_nor_archive(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="no folder"), open_frames(tmp_path / "absent"):
        pass


def test_reduced_first(tmp_path: Path, sky: NDArray[np.uint8]) -> None:
    save(tmp_path, sky)
    with open_frames(tmp_path) as full, open_frames(tmp_path, reduce_to=48) as reduced:
        a, b = full.load(NAME, 96).pixels, reduced.load(NAME, 96).pixels
    assert a is not None
    assert b is not None
    assert a.shape == b.shape
    assert difference(a, b) > 1
