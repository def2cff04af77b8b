"""What the tests share: where the genuine data lies, if it is here at all."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

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


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled table and frames drawn with numpy: a folder with svm_data.csv and img/.

    Thirty proposals with a good and a bad mosaic each; the bad have doubled stars and a large
    ``offset_px``. The last row is ambiguous: its label is empty.
    """
    folder = tmp_path_factory.mktemp("toy")
    rng = np.random.default_rng(7)
    rows = []
    for k in range(60):
        bad = k % 2
        name = f"hst_{20000 + k // 2}_01_wfc3_ir_total_i{k // 2:03d}01"
        name += "_f160w_sub_stat" if bad else ""
        draw_frames(folder / "img" / name, name, rng, doubled=bool(bad))
        fit = (-1.0, -1.0, 0) if k % 3 == 0 else (8.0 + rng.normal(), 9.0, 20)
        counts = rng.integers(20, 400, size=3).tolist()
        offset = rng.uniform(0.8, 5) if bad else rng.uniform(0.02, 0.15)
        rows.append((4, *fit, *counts, 1, k % 4, k % 8, float(bad), name, 1, 2, offset, 30))
    columns = "numexp rms_ra rms_dec nmatches point segment gaia det wcs cat label index "
    columns += "fit_fresh filters offset_px offset_sources"
    table = pd.DataFrame(rows, columns=columns.split())
    table.loc[len(table) - 1, "label"] = np.nan
    table.to_csv(folder / "svm_data.csv", index=False)
    return folder


def draw_frames(folder: Path, name: str, rng: np.random.Generator, *, doubled: bool) -> None:
    """Write three frames of 96 px with stars, a few circles' worth of colour, no margin."""
    y, x = np.mgrid[:96, :96]
    sky = 30 + rng.normal(0, 4, (96, 96))
    stars = rng.uniform(8, 88, size=(12, 2))
    for y0, x0 in [*stars, *np.add(stars, (0, 5))] if doubled else stars:
        sky += 200 * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 3)
    plain = np.repeat(sky.clip(3, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    folder.mkdir(parents=True)
    for suffix, colour in (("", None), ("_source", (255, 0, 0)), ("_gaia", (0, 255, 255))):
        frame = plain.copy()
        for y0, x0 in stars.astype(int) if colour else ():
            frame[y0 - 3 : y0 + 4, x0 - 3] = colour
        Image.fromarray(frame).save(folder / f"{name}{suffix}.png")


@pytest.fixture(scope="session")
def trained(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder of run_training on the toy: models/, results/. Skips without torch."""
    pytest.importorskip("torch")
    from spacekit.model.settings import TrainingSettings
    from spacekit.skopes.hst.svm.train import run_training

    out = tmp_path_factory.mktemp("trained")
    run_training(
        toy / "svm_data.csv",
        toy / "img",
        params={"epochs": 8, "batch_size": 8, "lr": 5e-3},
        output_path=out,
        settings=TrainingSettings(image_size=64, threads=1),
    )
    return out


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three matched pairs of small simulated visits, with truth.json and exposures/."""
    from spacekit.simulate.scene import write_visit
    from spacekit.simulate.settings import SimulationSettings
    from spacekit.simulate.spec import VisitSpec
    from spacekit.simulate.visit import simulate_pair

    folder = tmp_path_factory.mktemp("simulated")
    ways = (("ir", "one-filter", 4.0), ("ir", "scatter", 2.5), ("wfc", "one-filter", 8.0))
    for number, (detector, mode, offset_px) in enumerate(ways):
        filters = ("F110W", "F160W") if detector == "ir" else ("F606W", "F814W")
        spec = VisitSpec(
            number,
            seed=3,
            detector=detector,
            filters=filters,
            size=200,
            gaia="few",
            ra_deg=80.0 * number,
            orient_deg=30.0 * number,
            mode=mode,
            offset_px=offset_px,
        )
        for visit in simulate_pair(spec, np.random.default_rng(number)):
            write_visit(visit, folder, SimulationSettings(exposures=True))
    return folder
