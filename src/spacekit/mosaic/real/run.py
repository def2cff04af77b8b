"""Run drizzlepac's single-visit pipeline on a folder of exposures, offline, in a child process."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy.table import Table

from spacekit.errors import NameFormatError, OutputError, PipelineError
from spacekit.mosaic.align import at_epoch, julian_year
from spacekit.mosaic.ecsv import write_ecsv
from spacekit.mosaic.real.service import CATALOG, catalog_service
from spacekit.mosaic.reference import read_reference_stars
from spacekit.visit.fits_files import open_fits
from spacekit.visit.names import split_file_name
from spacekit.visit.poller import find_pollers, read_poller
from spacekit.visit.values import card

__all__ = ["LOG_NAME", "DrizzlepacSettings", "check_interpreter", "run_drizzlepac"]

_log = logging.getLogger(__name__)

#: What the pipeline said, kept in the visit's folder whatever came of it.
LOG_NAME: Final = "drizzlepac.log"
_CHILD: Final = Path(__file__).with_name("child.py")
_WORK: Final = ".drizzlepac-"
_ADVICE: Final = (
    "make one with `make drizzlepac-env` and name it with --drizzlepac-python "
    ".venv-drizzlepac/bin/python"
)
_VERSIONS: Final = (
    "from importlib.metadata import version as v; print(v('drizzlepac'), v('photutils'))"
)
#: Lines of a log that tell why a run failed: an exception, or that nothing could be processed.
_TELLING: Final = re.compile(
    r"(\w+\.)*\w*(Error|Exception|Interrupt|Exit)\b|.* No viable images in", re.ASCII
)
_LOG_TAIL_BYTES: Final = 200_000


@dataclass(frozen=True)
class DrizzlepacSettings:
    """How the real pipeline is run.

    Parameters
    ----------
    python : Path
        An interpreter that has drizzlepac 3.11 and photutils 2.
    time_limit_s : float
        After which a run is ended. Four full-format CCD exposures take 15 to 20 minutes.
    memory_limit_gib : float
        Above which a run is refused memory. Four full-format CCD exposures take 8 to 10.
    """

    python: Path
    time_limit_s: float = 7200.0
    memory_limit_gib: float = 14.0


def check_interpreter(python: Path) -> str:
    """Check that an interpreter can run the pipeline, without importing it.

    Returns
    -------
    str
        The version of its drizzlepac.

    Raises
    ------
    PipelineError
        If it isn't there, or has no drizzlepac, or a photutils that drizzlepac breaks on.
    """
    try:
        found = subprocess.run(  # noqa: S603 - the user's own interpreter
            [_executable(python), "-I", "-c", _VERSIONS],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PipelineError(f"{python}: no such Python interpreter ({error}); {_ADVICE}") from error
    if found.returncode:
        raise PipelineError(f"{python}: has no drizzlepac (and photutils); {_ADVICE}")
    drizzlepac, photutils = found.stdout.split()
    if int(photutils.split(".")[0]) > 2:
        raise PipelineError(
            f"{python}: has photutils {photutils}, which drizzlepac {drizzlepac} breaks on; "
            f"it wants 2.3; {_ADVICE}"
        )
    return drizzlepac


def _executable(python: Path) -> str:
    """Give an absolute path, links not followed: an interpreter is its environment by its path."""
    found = shutil.which(python)
    if found is None:
        raise PipelineError(f"{python}: no such Python interpreter; {_ADVICE}")
    return str(Path(found).absolute())


def run_drizzlepac(folder: Path, settings: DrizzlepacSettings) -> tuple[Path, ...]:
    """Process the exposures of a folder; its products end there.

    The run works on copies of the exposures, in a temporary folder; the exposures themselves and
    whatever else is there stay as they are, but for products of an earlier run of the same visit,
    which give way. The reference catalog beside the exposures is what the pipeline gets from its
    catalog service, which is ours, on 127.0.0.1. What the pipeline says goes to `LOG_NAME`.

    Parameters
    ----------
    folder : Path
        With flt or flc exposures, the poller file that names them and, where there is one, the
        reference catalog (`reference_catalog.csv`).
    settings : DrizzlepacSettings
        Which interpreter, and limits.

    Returns
    -------
    tuple of Path
        The products: drizzled images, processed exposures, headerlets, catalogs, QA JSON,
        trailers, and `ref_cat.ecsv`, which the pipeline itself keeps in diagnostic runs only.

    Raises
    ------
    ProductError
        If poller file or reference catalog can't be read.
    PipelineError
        If the interpreter can't run the pipeline, or the run failed or was too slow.
    OutputError
        If the folder can't be written.
    """
    names = [line.filename for line in read_poller(folder)]
    found = read_reference_stars(folder)
    stars = Table(names=("objID", "RA", "DEC", "mag")) if found is None else found
    log = folder / LOG_NAME
    for left in folder.glob(f"{_WORK}*"):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=_WORK) as name:
            work = Path(name)
            pollers = find_pollers(folder)
            for path in (*pollers, *(folder / n for n in names)):
                shutil.copyfile(path, work / path.name)
            with catalog_service(stars) as url, log.open("wb") as said:
                for poller in pollers:
                    _run(work, poller.name, url, said.fileno(), log, settings)
            products = _products(work)
            if not any("_total_" in p.name and p.suffix == ".fits" for p in products):
                raise PipelineError(_complaint("drizzlepac made no total product", log))
            return _take_over(folder, products, at_epoch(stars, _year(folder / names[0])))
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: can't be worked in ({error.strerror or error})") from error


def _year(exposure: Path) -> float:
    with open_fits(exposure) as hdus:
        return julian_year(card(hdus[0].header, "EXPSTART"))


def _run(  # noqa: PLR0913, PLR0917
    work: Path, poller: str, url: str, said: int, log: Path, settings: DrizzlepacSettings
) -> None:
    """Run the pipeline on one poller file, and see that nothing of it is left running."""
    limit = int(settings.memory_limit_gib * 2**30)
    command = [_executable(settings.python), "-I", str(_CHILD), poller, str(limit)]
    child = subprocess.Popen(  # noqa: S603 - the user's own interpreter
        command,
        cwd=work,
        env=_environment(url),
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        status = child.wait(settings.time_limit_s)
    except subprocess.TimeoutExpired:
        slow = f"drizzlepac took more than {settings.time_limit_s:.0f} s and was ended"
        raise PipelineError(_complaint(slow, log)) from None
    finally:
        _end(child)
    if status:
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        raise PipelineError(_complaint(f"drizzlepac failed ({how})", log))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _environment(url: str) -> dict[str, str]:
    return {
        **os.environ,
        "SVM_QUALITY_TESTING": "on",
        "ASTROMETRY_STEP_CONTROL": "off",
        "ASTROMETRIC_CATALOG_URL": url,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "MPLBACKEND": "Agg",
    }


def _complaint(what: str, log: Path) -> str:
    """Say what went wrong, where the log is, and its last exception or else its last line."""
    with log.open("rb") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        lines = [x.strip() for x in handle.read().decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    telling = [line for line in lines if _TELLING.match(line)] or lines
    last = ascii(telling[-1][:200])[1:-1] if telling else "nothing"
    return f"{log.parent}: {what}; its log is {log}, which ends with: {last}"


def _products(work: Path) -> list[Path]:
    """Name what is a product; the rest is what the pipeline left lying about."""
    return [path for path in sorted(work.iterdir()) if path.is_file() and _is_product(path.name)]


def _is_product(name: str) -> bool:
    return name.endswith("_manifest.txt") or _visit(name) is not None


def _visit(name: str) -> str | None:
    """Name the visit that a product is of; None for what is no product."""
    try:
        return split_file_name(name)[0].ipppss
    except NameFormatError:
        return None


def _take_over(folder: Path, products: Sequence[Path], stars: Table) -> tuple[Path, ...]:
    """Move products into the visit's folder in place of those of an earlier run."""
    visits = {_visit(path.name) for path in products} - {None}
    for path in folder.iterdir():
        if path.is_file() and _visit(path.name) in visits:
            path.unlink()
    taken = [path.replace(folder / path.name) for path in products]
    if len(stars):
        meta = {"catalog": CATALOG, "gaia_only": True, "converted": True}
        kept = [name for name in ("RA", "DEC", "mag", "objID") if name in stars.colnames]
        columns = {name: np.ma.asarray(stars[name]) for name in kept}
        taken.append(write_ecsv(folder / "ref_cat.ecsv", columns, meta))
    return tuple(taken)
