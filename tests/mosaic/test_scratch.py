"""Large arrays are kept in files, looked at in strips, and change nothing in what comes out."""

from __future__ import annotations

import errno
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from spacekit.errors import OutputError
from spacekit.mosaic import crossmatch, scratch, strips
from spacekit.mosaic.background import depth_of
from spacekit.mosaic.crossmatch import crossmatch as matched
from spacekit.mosaic.detect import detect
from spacekit.mosaic.drizzle import Layer, Stack, drizzle_layers, mosaic_grid, pixel_map
from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.parameters import settings_for
from spacekit.mosaic.pipeline import process_visit
from spacekit.mosaic.products import sci_header
from spacekit.mosaic.scratch import keep, release, zeros

MAPS = Path("/proc/self/smaps")

needs_maps = pytest.mark.skipif(not MAPS.is_file(), reason="only Linux tells what is in memory")


@pytest.fixture
def everything(monkeypatch):
    """Keep even the smallest arrays in files."""
    monkeypatch.setattr(scratch, "_LEAST_BYTES", 0)


def in_memory(array: np.ndarray) -> int:
    """Give the bytes in memory of the mappings that hold an array."""
    first = array.__array_interface__["data"][0]
    inside, total = False, 0
    for line in MAPS.read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            low, high = (int(b, 16) for b in bounds.groups())
            inside = low < first + array.nbytes and high > first
        elif inside and line.startswith("Rss:"):
            total += 1024 * int(line.split()[1])
    return total


def test_kept_array_is_the_same_and_its_file_has_no_name(tmp_path):
    array = np.arange(3_000_000, dtype=np.float32).reshape(1500, 2000)
    kept = keep(array, tmp_path)
    assert kept is not array
    assert (kept.dtype, kept.shape) == (array.dtype, array.shape)
    assert not kept.flags.writeable
    assert list(tmp_path.iterdir()) == []
    release(kept, kept[3:9])
    assert np.array_equal(kept, array)
    assert np.array_equal(keep(array[::2, ::-1], tmp_path), array[::2, ::-1])


def test_small_arrays_and_those_without_a_folder_stay_in_memory(tmp_path):
    large, small = np.zeros((1500, 2000)), np.zeros((500, 500))
    assert keep(large, None) is large
    assert keep(small, tmp_path) is small
    release(large, small)
    assert not large.any()


@needs_maps
def test_only_what_is_looked_at_is_in_memory(tmp_path):
    kept = keep(np.ones((2000, 2000), np.float32), tmp_path)
    assert in_memory(kept) == 0
    assert kept[:1000].sum() == 2e6
    assert kept.nbytes / 2 <= in_memory(kept) < 0.6 * kept.nbytes
    release(kept[5])  # of a part: the whole
    assert in_memory(kept) == 0


@needs_maps
def test_zeros_take_memory_where_they_are_written_to():
    image = zeros((4000, 4000), np.float32)
    before = in_memory(image)
    image[100, :1000] = 1
    assert not image[3000:].any()
    assert in_memory(image) - before < image.nbytes / 10
    release(image)  # is in no file: nothing to drop
    assert image.sum() == 1000


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OutputError, match="No space left on device"):
        keep(np.zeros((1500, 2000)), tmp_path)


def contents(folder):
    """Give pixels and catalogs by file name; JSON tells the time, and is left out."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".fits":
            with fits.open(path) as hdus:
                found |= {(path.name, h.name): h.data.tobytes() for h in hdus[1:4]}
                found[path.name, "header"] = hdus[1].header.tostring()
        elif path.suffix == ".ecsv":
            found[path.name, "text"] = path.read_bytes()
        else:
            found[path.name, "there"] = b""
    return found


@pytest.mark.parametrize("detector", ["ir", "uvis"])
def test_a_visit_on_disk_comes_out_as_one_in_memory(tiny, tmp_path, monkeypatch, detector):
    settings = PipelineSettings(exposure_products=True)
    odd = {"detector": detector, "chips": 1 if detector == "ir" else 2}
    visit = tiny(**odd)
    stars = visit.reference if detector == "ir" else None
    process_visit(visit.exposures, stars, tmp_path / "memory", settings)
    monkeypatch.setattr(scratch, "_LEAST_BYTES", 0)
    exposures = [e.kept(tmp_path) for e in visit.exposures]
    done = process_visit(exposures, stars, tmp_path / "disk", settings)
    assert {p.name for p in done.products} == {p.name for p in (tmp_path / "disk").iterdir()}
    assert contents(tmp_path / "disk") == contents(tmp_path / "memory")


@needs_maps
@pytest.mark.usefixtures("everything")
def test_exposures_and_products_are_dropped_from_memory_after_use(tiny, tmp_path, monkeypatch):
    kept = []

    def remember(array, folder):
        kept.append(keep(array, folder))
        return kept[-1]

    exposures = [e.kept(tmp_path) for e in tiny(detector="uvis").exposures]
    for module in ("drizzle", "reject", "visit_catalogs"):
        monkeypatch.setattr(f"spacekit.mosaic.{module}.keep", remember)
    process_visit(exposures, None, tmp_path / "out", PipelineSettings(exposure_products=True))
    planes = [p for e in exposures for c in e.chips for p in (c.sci, c.dq)]
    # of each exposure a single drizzle, that less its sky, its weight, its hits; of each product
    # three planes
    assert len(kept) == 4 * 4 + 3 * 3
    assert [in_memory(plane) for plane in planes + kept] == [0] * (len(planes) + len(kept))


def test_nothing_depends_on_the_height_of_strips(monkeypatch):
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:300, 0:260]
    weight = np.where((x + y > 60) & (x - y < 200), np.where(y < 150, 400, 1200), 0).astype("f4")
    image = rng.normal(0, 0.05, weight.shape) + 0.001 * x
    for at_y, at_x in rng.uniform(30, 230, (40, 2)):
        image += 3 * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / 3)
    total = Stack(np.where(weight > 0, image, 0).astype("f4"), weight, np.zeros((1, 1), np.int32))
    found = []
    for rows in (512, 37):
        monkeypatch.setattr(strips, "_STRIP_ROWS", rows)
        found.append(detect(total, settings_for("ir"), 0.12825, 0.01, 1200.0))
    one, two = found
    assert len(one.point) > 10
    assert np.array_equal(one.point, two.point)
    assert np.array_equal(one.labels, two.labels)
    assert np.array_equal(one.inside, two.inside)


def test_regions_of_like_weight_do_not_depend_on_it_either(monkeypatch):
    weight = np.random.default_rng(5).choice([100, 900], (150, 90), p=(0.99, 0.01)).astype("f4")
    inside = np.ones(weight.shape, dtype=bool)
    one = depth_of(weight, inside, 2.0)
    monkeypatch.setattr(strips, "_STRIP_ROWS", 20)
    two = depth_of(weight, inside, 2.0)
    assert len(one.factor) > 2
    assert np.array_equal(one.region, two.region)


def test_sources_are_matched_alike_in_parts(monkeypatch):
    rng = np.random.default_rng(4)
    reference = rng.uniform(0, 400, (300, 2))
    comparison = np.vstack([reference[:200] + np.array([7.4, -3.2]), rng.uniform(0, 400, (90, 2))])
    whole = matched(reference, comparison)
    monkeypatch.setattr(crossmatch, "_TOGETHER", 41)
    parts = matched(reference, comparison)
    assert len(whole[0]) > 150
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


@pytest.mark.parametrize("kernel", ["square", "turbo"])
def test_a_pixel_without_weight_leaves_no_light(tiny, kernel):
    visit = tiny(each=1, filters=("f160w",))
    chip = visit.exposures[0].chips[0]
    wcs, shape = mosaic_grid(visit.exposures, [[chip.wcs]])
    weight = np.full(chip.sci.shape, 600, np.float32)
    weight[100:110, 120:130] = 0
    layer = Layer(chip.sci, weight, pixel_map(chip.wcs, wcs, chip.sci.shape), 600.0)
    stack = drizzle_layers([layer], shape, kernel=kernel)
    dark = stack.wht == 0
    assert dark.sum() > 50
    assert not stack.sci[dark].any()
    assert np.array_equal(stack.ctx == 1, ~dark)


def test_footprint_goes_by_the_first_of_its_extreme_pixels(tiny):
    visit = tiny(each=1, filters=("f160w",))
    wcs, _ = mosaic_grid(visit.exposures, [[c.wcs for c in e.chips] for e in visit.exposures])
    weight = np.zeros((60, 50), np.float32)
    for y, x in ((10, 20), (10, 25), (30, 5), (33, 5), (28, 40), (44, 40), (50, 12), (50, 30)):
        weight[y, x] = 1
    stack = Stack(weight, weight, np.zeros((1, 1), np.int32))
    corners = [(5, 30), (20, 10), (40, 28), (12, 50), (5, 30)]
    ra, dec = wcs.wcs_pix2world(*np.transpose(corners), 0)
    numbers = " ".join(f"{v}" for pair in zip(ra, dec, strict=True) for v in pair)
    assert sci_header(visit.exposures, wcs, stack)["S_REGION"].strip() == f"POLYGON ICRS {numbers}"
    empty = Stack(0 * weight, 0 * weight, stack.ctx)
    assert sci_header(visit.exposures, wcs, empty)["S_REGION"] == ""
