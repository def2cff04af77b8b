"""Values of strangers' files, and whose fault an exception is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from spacekit.errors import FrameError, OutputError, ProductError
from spacekit.visit import drizzled
from spacekit.visit.drizzled import read_drizzled
from spacekit.visit.fits_files import open_fits
from spacekit.visit.pictures import open_picture
from spacekit.visit.values import is_ours


def image(path: Path) -> Path:
    planes = [fits.ImageHDU(np.ones((40, 40), np.float32), name=n) for n in ("SCI", "WHT")]
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(path)
    return path


def run_in(module: str, line: str, **names: Any) -> None:
    """Run a line as if it stood in a module."""
    exec(compile(line, module, "exec"), {"__name__": module, **names})  # noqa: S102


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("{}['EXPTIME']", KeyError),
        ("[][0]", IndexError),
        ("None.header", AttributeError),
        ("int('x')", ValueError),
        ("assert False", AssertionError),
    ],
)
def test_a_mistake_of_ours_is_not_the_files_fault(
    tmp_path: Path, line: str, kind: type[Exception]
) -> None:
    path = image(tmp_path / "x_drz.fits")
    with pytest.raises(kind), open_fits(path):
        run_in("spacekit.measure.typo", line)
    with pytest.raises(ProductError, match=r"x_drz\.fits: broken or cut short"), open_fits(path):
        run_in("astropy.io.fits.hdu", line)


def test_a_mistake_of_ours_in_a_picture_is_not_the_files_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("L", (8, 8)).save(path)
    with pytest.raises(KeyError), open_picture(path, "PNG"):
        run_in("spacekit.measure.typo", "{}['x']")
    with pytest.raises(FrameError, match="can't be read"), open_picture(path, "PNG"):
        run_in("PIL.PngImagePlugin", "{}['x']")


def test_a_mistake_in_a_reader_of_ours_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drizzled, "_MOST_HDUS", None)
    with pytest.raises(TypeError):
        read_drizzled(image(tmp_path / "x_drz.fits"))


def test_cards_that_are_missing_are_the_files_fault(tmp_path: Path) -> None:
    path = image(tmp_path / "x_drz.fits")
    with pytest.raises(ProductError, match=r"KeyError.*EXPTIME"), open_fits(path) as hdus:
        assert hdus[0].header["EXPTIME"]


def test_what_needs_too_much_memory_is_named_whoever_asked(tmp_path: Path) -> None:
    path = image(tmp_path / "x_drz.fits")
    for module in ("numpy", "spacekit.visit.drizzled"):
        with pytest.raises(ProductError, match=r"x_drz\.fits: .*memory"), open_fits(path):
            run_in(module, "raise MemoryError")


def test_errors_that_say_what_is_wrong_are_let_out(tmp_path: Path) -> None:
    path = image(tmp_path / "x_drz.fits")
    with pytest.raises(OutputError, match=r"^full$"), open_fits(path):
        raise OutputError("full")
    assert not is_ours(OSError("the disk fails"))
