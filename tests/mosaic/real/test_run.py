"""What the door does with a child process, with one that stands in for drizzlepac's."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from spacekit.errors import PipelineError, ProductError
from spacekit.mosaic.real.run import (
    LOG_NAME,
    DrizzlepacSettings,
    check_interpreter,
    run_drizzlepac,
)

STEM = "hst_1_01_wfc3_ir_total_ia1a01"
#: An interpreter: it tells versions when asked (-c), else does what is told instead of child.py.
STAND_IN = """#!{python}
import os, sys, time, urllib.request
from pathlib import Path
if "-c" in sys.argv:
    print({versions!r})
    sys.exit({versions!r} == "")
print("begun with", sys.argv[3:])
{behaviour}
"""
GOOD = f"""
Path("{STEM}_drz.fits").write_bytes(b"pixels")
Path("{STEM}_svm_num_sources.json").write_text(os.environ["SVM_QUALITY_TESTING"])
query = "/vo/CatalogSearch.aspx?RA=10&DEC=0&SR=1&CAT=GAIAeDR3"
with urllib.request.urlopen(os.environ["ASTROMETRIC_CATALOG_URL"] + query) as reply:
    Path("{STEM}_trl.txt").write_bytes(reply.read())
Path("wfc3_a1a_01_manifest.txt").write_text("what there is")
Path("astrodrizzle.log").write_text("litter")
Path("ia1a01aaq_flt.fits").write_bytes(b"spoiled")
"""


@pytest.fixture
def visit(tmp_path: Path) -> Path:
    folder = tmp_path / "visit"
    folder.mkdir()
    primary = fits.PrimaryHDU()
    primary.header["EXPSTART"] = 57388.0  # 2016.0
    fits.HDUList([primary, fits.ImageHDU(np.zeros((4, 4)), name="SCI")]).writeto(
        folder / "ia1a01aaq_flt.fits"
    )
    (folder / "wfc3_a1a_01_input.out").write_text(
        "ia1a01aaq_flt.fits,1,A1A,01,9.0,F160W,IR,/x/ia1a01aaq_flt.fits\n"
    )
    (folder / "reference_catalog.csv").write_text("objID,ra,dec,mag\n5,10.0,0.5,18.0\n")
    return folder


@pytest.fixture
def stand_in(tmp_path: Path):
    def make(behaviour: str, versions: str = "3.11.0 2.3.0") -> DrizzlepacSettings:
        path = tmp_path / "python"
        path.write_text(
            STAND_IN.format(python=sys.executable, versions=versions, behaviour=behaviour)
        )
        path.chmod(0o755)
        return DrizzlepacSettings(path, time_limit_s=60)

    return make


def inputs(folder: Path) -> dict[str, bytes]:
    return {
        name: (folder / name).read_bytes()
        for name in ("ia1a01aaq_flt.fits", "wfc3_a1a_01_input.out", "reference_catalog.csv")
    }


def test_products_come_and_litter_does_not(visit, stand_in) -> None:
    before = inputs(visit)
    (visit / f"{STEM}_svm_gaia_sources.json").write_text("of an earlier run")
    (visit / "hst_1_02_wfc3_ir_total_ia1a02_drz.fits").write_text("of another visit")
    (visit / ".drizzlepac-killed").mkdir()
    taken = run_drizzlepac(visit, stand_in(GOOD))
    assert inputs(visit) == before
    assert {p.name for p in taken} == {
        f"{STEM}_drz.fits",
        f"{STEM}_svm_num_sources.json",
        f"{STEM}_trl.txt",
        "wfc3_a1a_01_manifest.txt",
        "ref_cat.ecsv",
    }
    assert {p.name for p in visit.iterdir()} == {p.name for p in taken} | set(before) | {
        LOG_NAME,
        "hst_1_02_wfc3_ir_total_ia1a02_drz.fits",
    }
    assert (visit / f"{STEM}_svm_num_sources.json").read_text() == "on"
    assert "5,10.0" in (visit / f"{STEM}_trl.txt").read_text()
    assert "wfc3_a1a_01_input.out" in (visit / LOG_NAME).read_text()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("raise ValueError('no such grism')", "exit status 1.*ends with: ValueError: no such gr"),
        ("sys.exit('out of order')", "exit status 1.*ends with: out of order"),
        ("os.kill(os.getpid(), 9)", "signal 9"),
        ("Path('astrodrizzle.log').write_text('x')", "made no total product"),
    ],
)
def test_a_failed_run_says_where_its_log_is_and_leaves_nothing(
    visit, stand_in, behaviour, said
) -> None:
    before = inputs(visit)
    with pytest.raises(PipelineError, match=said) as failed:
        run_drizzlepac(visit, stand_in(behaviour))
    assert str(visit / LOG_NAME) in str(failed.value)
    assert inputs(visit) == before
    assert {p.name for p in visit.iterdir()} == set(before) | {LOG_NAME}


def test_a_run_that_hangs_is_ended_with_all_it_started(visit, stand_in, tmp_path) -> None:
    grandchild = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path({str(tmp_path / "pid")!r}).write_text(str(child.pid))
time.sleep(600)
"""
    settings = DrizzlepacSettings(stand_in(grandchild).python, time_limit_s=5)
    with pytest.raises(PipelineError, match="more than 5 s"):
        run_drizzlepac(visit, settings)
    state = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    assert not state.exists() or ") Z " in state.read_text()


def test_an_interpreter_that_is_missing_is_told_how_to_make(visit, tmp_path) -> None:
    with pytest.raises(PipelineError, match=r"make drizzlepac-env.*--drizzlepac-python"):
        check_interpreter(tmp_path / "none")
    with pytest.raises(PipelineError, match="make drizzlepac-env"):
        run_drizzlepac(visit, DrizzlepacSettings(tmp_path / "none"))


def test_an_interpreter_is_checked(stand_in) -> None:
    assert check_interpreter(stand_in("").python) == "3.11.0"
    with pytest.raises(PipelineError, match=r"photutils 3\.0\.1, which .* breaks on"):
        check_interpreter(stand_in("", "3.11.0 3.0.1").python)
    with pytest.raises(PipelineError, match="has no drizzlepac"):
        check_interpreter(stand_in("", "").python)
    with pytest.raises(PipelineError, match="has no drizzlepac"):
        check_interpreter(Path(sys.executable))


def test_a_folder_without_exposures_is_refused(visit, stand_in) -> None:
    (visit / "wfc3_a1a_01_input.out").write_text("\n")
    with pytest.raises(ProductError, match="names no exposure"):
        run_drizzlepac(visit, stand_in(GOOD))
    (visit / "wfc3_a1a_01_input.out").unlink()
    with pytest.raises(ProductError, match="no poller file"):
        run_drizzlepac(visit, stand_in(GOOD))
