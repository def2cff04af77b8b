"""Environments that the benchmark makes: the original's, and our own default installation."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.children import run

__all__ = ["ORIGINAL", "REPAIRS", "Environment", "make_environment"]

ROOT = Path(__file__).resolve().parents[2]

#: The original, with what its drawing and its prep need.
ORIGINAL = "spacekit[x]==1.1.4"

#: What had to be done from outside so that the original runs, and what was tried first.
REPAIRS = (
    "prep: it ends with KeyError 'category' where the archive can't be reached, so it is given an "
    "answer for the archive",
    "train: its command ends with AttributeError (it reads an option it doesn't define), so its "
    "calls are used",
)

#: They came with the environment.
_NOT_COUNTED = ("pip", "setuptools")


@dataclass(frozen=True)
class Environment:
    """An environment and what it weighs.

    Parameters
    ----------
    python : Path
        Its interpreter.
    size_mb : float
        Of its packages, without pip and setuptools, 10^6 bytes.
    packages : int
        How many there are.
    """

    python: Path
    size_mb: float
    packages: int


def make_environment(folder: Path, requirement: str) -> Environment:
    """Install a requirement into a new environment; once.

    Raises
    ------
    FailedError
        If pip can't.
    """
    python = folder / "venv/bin/python"
    done = folder / "installed"
    if not done.is_file():
        run([sys.executable, "-m", "venv", folder / "venv"], folder)
        run([python, "-m", "pip", "install", "--no-input", requirement], folder)
        done.touch()
    packages = next((folder / "venv/lib").glob("python*/site-packages"))
    names = {path.name.split("-")[0] for path in packages.glob("*.dist-info")}
    counted = [path for path in packages.iterdir() if path.name.split("-")[0] not in _NOT_COUNTED]
    size = sum(_size(path) for path in counted)
    return Environment(python, size / 1e6, len(names.difference(_NOT_COUNTED)))


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    return path.lstat().st_size
