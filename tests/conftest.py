"""What the tests share: where the genuine data lies, if it is here at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def hap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Genuine pipeline products: a folder with visits/, exposures/ and truth/."""
    ready = os.environ.get("SPACEKIT_HAP")
    if ready:
        return Path(ready)
    packed = SHARED / "hap"
    if not (packed / "unpack").is_file():
        pytest.skip(f"genuine pipeline products are not here ({packed})")
    folder = tmp_path_factory.mktemp("hap")
    subprocess.run(["bash", str(packed / "unpack"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def real() -> Path:
    """Real labelled mosaics: labelled.csv and img/."""
    folder = SHARED / "real"
    if not (folder / "labelled.csv").is_file():
        pytest.skip(f"real labelled mosaics are not here ({folder})")
    return folder
