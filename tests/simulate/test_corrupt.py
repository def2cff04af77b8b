"""Copies are corrupted as published; the source is never touched."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from spacekit.errors import OptionError, ProductError, VisitError
from spacekit.simulate.corrupt import (
    THRESHOLDS_PX,
    CorruptionSettings,
    find_exposure_folders,
    make_copy,
    plan_copies,
)
from spacekit.visit.poller import PollerLine, read_poller

SCALE_DEG = 0.04 / 3600
FILTERS = {"ia1a01aaq": "F606W", "ia1a01abq": "F606W", "ia1a01acq": "F814W"}
LINES = [PollerLine(f"{r}_flc.fits", f.lower(), "uvis") for r, f in FILTERS.items()]


def chip(extver: int) -> fits.ImageHDU:
    hdu = fits.ImageHDU(np.zeros((8, 8), np.float32), name="SCI", ver=extver)
    hdu.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 4.0, "CRPIX2": 4.0})
    hdu.header.update({"CRVAL1": 359.99999, "CRVAL2": 60.0 + extver / 100})
    hdu.header.update({"CD1_1": -SCALE_DEG, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": SCALE_DEG})
    return hdu


@pytest.fixture
def visit(tmp_path: Path) -> Path:
    folder = tmp_path / "visits" / "ia1a01"
    folder.mkdir(parents=True)
    for root in FILTERS:
        hdus = fits.HDUList([fits.PrimaryHDU(), chip(1), chip(2)])
        hdus.writeto(folder / f"{root}_flc.fits")
    (folder / "hst_1_01_wfc3_uvis_total_ia1a01_drc.fits").write_bytes(b"a product")
    (folder / "wfc3_a1a_01_input.out").write_text(
        "".join(f"{r}_flc.fits,1,A1A,01,9.0,{f},UVIS,/x/{r}\n" for r, f in FILTERS.items())
    )
    return folder


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"palette": "Rex"}, r"no palette called Rex; take one of rex, rfi, mfi, multi"),
        ({"expos": "some"}, r"no expos called some; take one of all, sub"),
        ({"mode": "static"}, r"no mode called static; take one of stat, stoc"),
        ({"threshold": "huge"}, r"no threshold called huge; take one of major, standard"),
    ],
)
def test_unknown_settings_are_refused_by_name(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        CorruptionSettings(**wrong)


def test_folders_and_poller_are_read(visit: Path) -> None:
    assert find_exposure_folders(visit.parent) == [visit]
    assert find_exposure_folders(visit) == [visit]
    assert read_poller(visit) == LINES
    (visit / "nohup.out").write_text("runsinglehap said this\n")
    assert read_poller(visit) == LINES
    with pytest.raises(VisitError, match="no folder"):
        find_exposure_folders(visit.parent, "none*")


@pytest.mark.parametrize("name", ["../ia1a01aaq_flc.fits", "absent_flc.fits", "/etc/passwd"])
def test_a_poller_that_names_files_elsewhere_is_refused(visit: Path, name: str) -> None:
    (visit / "wfc3_a1a_01_input.out").write_text(f"{name},1,A1A,01,9.0,F606W,UVIS,/x\n")
    with pytest.raises(ProductError, match="isn't in its folder"):
        read_poller(visit)


@pytest.mark.parametrize(
    ("palette", "names"),
    [
        ("rex", {"v_rex_sub_stoc"}),
        ("mfi", {"v_f606w_all_stoc", "v_f814w_all_stoc"}),
        (
            "multi",
            {f"v_{f}_all_{m}" for f in ("f606w", "f814w") for m in ("stat", "stoc")}
            | {"v_f606w_sub_stat", "v_f606w_sub_stoc"},
        ),
    ],
)
def test_palettes_plan_the_copies_they_promise(palette: str, names: set[str]) -> None:
    plan = plan_copies("v", LINES, CorruptionSettings(palette), np.random.default_rng(1))
    assert {copy.name for copy in plan} == names
    for copy in plan:
        of_filter = [x.filename for x in LINES if copy.filter in (x.filter, "rex")]
        assert set(copy.filenames) <= set(of_filter)
        assert len(set(copy.filenames)) == len(copy.filenames)
        assert (len(copy.filenames) == len(of_filter)) == (copy.expos == "all")


def test_rfi_takes_all_of_one_filter_chosen_at_random() -> None:
    chosen = {
        plan_copies("v", LINES, CorruptionSettings("rfi"), np.random.default_rng(seed))[0].filter
        for seed in range(20)
    }
    assert chosen == {"f606w", "f814w"}


def test_a_subset_of_one_exposure_is_refused() -> None:
    settings = CorruptionSettings("mfi", expos="sub")
    with pytest.raises(VisitError, match="only one"):
        plan_copies("v", LINES[2:], settings, np.random.default_rng(1))


@pytest.mark.parametrize("threshold", THRESHOLDS_PX)
@pytest.mark.parametrize("mode", ["stat", "stoc"])
def test_every_chip_moves_on_the_sky_by_the_offset_it_says(
    visit: Path, tmp_path: Path, threshold: str, mode: str
) -> None:
    settings = CorruptionSettings("mfi", mode=mode, threshold=threshold)
    rng = np.random.default_rng(7)
    copy = plan_copies(visit.name, read_poller(visit), settings, rng)[0]
    before = {path.name: path.read_bytes() for path in visit.iterdir()}
    folder = make_copy(visit, copy, tmp_path, settings, rng)
    assert {path.name: path.read_bytes() for path in visit.iterdir()} == before
    low_px, high_px = THRESHOLDS_PX[threshold]
    moved = {}
    for path in sorted(folder.glob("*.fits")):
        for ext in (1, 2):
            old, new = (fits.getheader(p / path.name, ext) for p in (visit, folder))
            at = [SkyCoord(h["CRVAL1"], h["CRVAL2"], unit="deg") for h in (old, new)]
            moved.setdefault(path.name, []).append(at[0].separation(at[1]).deg / SCALE_DEG)
            assert 0 <= new["CRVAL1"] < 360
    said = (folder / "corruption.txt").read_text()
    for name, (first_px, second_px) in moved.items():
        assert first_px == pytest.approx(second_px, rel=1e-3)
        if name in copy.filenames:
            assert low_px - 1e-6 <= first_px <= high_px + 1e-6
            (written,) = re.findall(rf"exposure: {name} .* offset_px=([0-9.]+)", said)
            assert float(written) == pytest.approx(first_px, rel=1e-3)
        else:
            assert first_px == 0
    offsets = [moved[n][0] for n in copy.filenames]
    assert (np.ptp(offsets) < 1e-3) == (mode == "stat")


def test_products_of_the_source_are_not_copied(visit: Path, tmp_path: Path) -> None:
    settings = CorruptionSettings("rex")
    rng = np.random.default_rng(3)
    (copy,) = plan_copies(visit.name, LINES, settings, rng)
    folder = make_copy(visit, copy, tmp_path, settings, rng)
    assert not list(folder.glob("*_drc.fits"))
    assert not list(tmp_path.glob(".part*"))


def test_an_exposure_without_wcs_leaves_no_copy(visit: Path, tmp_path: Path) -> None:
    for root in FILTERS:
        fits.HDUList([fits.PrimaryHDU()]).writeto(visit / f"{root}_flc.fits", overwrite=True)
    settings = CorruptionSettings("rex")
    rng = np.random.default_rng(3)
    (copy,) = plan_copies(visit.name, LINES, settings, rng)
    with pytest.raises(ProductError, match="no SCI extension"):
        make_copy(visit, copy, tmp_path / "visits", settings, rng)
    assert [p.name for p in (tmp_path / "visits").iterdir()] == [visit.name]


@pytest.mark.parametrize(
    "where", [(0.00001, 0.0), (359.99999, -60.0), (120.0, 89.999), (5.0, -90.0)]
)
def test_both_chips_move_alike_at_the_poles_and_across_ra_0(
    visit: Path, tmp_path: Path, where: tuple[float, float]
) -> None:
    for path in visit.glob("*_flc.fits"):
        with fits.open(path, mode="update") as hdus:
            for hdu in hdus[1:]:
                hdu.header["CRVAL1"], hdu.header["CRVAL2"] = where
    settings = CorruptionSettings("mfi", threshold="major")
    rng = np.random.default_rng(7)
    copy = plan_copies("ia1a01", read_poller(visit), settings, rng)[0]
    folder = make_copy(visit, copy, tmp_path, settings, rng)
    said = (folder / "corruption.txt").read_text()
    for name in copy.filenames:
        found = re.search(
            rf"{name} east_mas=(\S+) north_mas=(\S+) offset_px=(\S+) largest_px=(\S+)", said
        )
        assert found
        east, north, offset_px, largest_px = map(float, found.groups())
        assert np.hypot(east, north) / 3.6e6 / SCALE_DEG == pytest.approx(offset_px, rel=1e-3)
        old = SkyCoord(*where, unit="deg")
        for ext in (1, 2):
            header = fits.getheader(folder / name, ext)
            new = SkyCoord(header["CRVAL1"], header["CRVAL2"], unit="deg")
            assert 0 <= header["CRVAL1"] < 360
            assert old.separation(new).deg / SCALE_DEG == pytest.approx(offset_px, rel=1e-3)
        # north turns under a field at the pole: its corners move by more or less
        if abs(where[1]) < 80:
            assert largest_px == pytest.approx(offset_px, rel=1e-3)
        else:
            assert largest_px > offset_px + 0.1
