"""Exposures of every detector; sky and noise against the genuine exposures."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from spacekit.mosaic.exposure_io import read_exposure, write_exposure
from spacekit.simulate.conditions import Conditions
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_visit


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_makes_an_exposure(name):
    row = DETECTORS[name]
    spec = VisitSpec(
        number=1,
        seed=1,
        detector=name,
        filters=(row.filters[0].name,),
        counts=(1,),
        exptimes_s=(300.0,),
        size=96,
        scene="nebula",
    )
    visit = simulate_visit(spec, np.random.default_rng(1))
    (exposure,) = visit.exposures
    (chip,) = exposure.chips
    assert chip.sci.shape == chip.dq.shape == (96, 96)
    assert (chip.sci.dtype, chip.dq.dtype) == (np.float32, np.int16)
    assert np.isfinite(chip.sci).all()
    assert exposure.filename == f"{row.letter}00102aaq_{row.suffix}.fits"
    assert ("FILTER1" in exposure.header) == (row.instrument == "acs")
    assert visit.poller_lines[0].count(",") == 7


def test_infrared_pixels_are_less_noisy_than_their_header_says(tmp_path):
    """Cosmic-ray rejection goes by the header: 20 electrons, where a ramp's fit leaves 12."""
    spec = VisitSpec(
        number=1,
        seed=1,
        filters=("F098M",),
        counts=(1,),
        exptimes_s=(100.0,),
        size=128,
        scene="blank",
    )
    exposure = simulate_visit(spec, np.random.default_rng(1)).exposures[0]
    assert [exposure.header[f"READNSE{amp}"] for amp in "ABCD"] == [20.0] * 4
    chip = read_exposure(write_exposure(exposure, tmp_path)).chips[0]
    good = (chip.dq == 0) & (np.abs(chip.sci - np.median(chip.sci)) < 1.0)
    assert chip.sci[good].std() * 100 == pytest.approx(np.hypot(12.0, np.sqrt(60.0)), rel=0.1)
    assert np.median(chip.err) * 100 == pytest.approx(np.hypot(12.0, np.sqrt(60.0)), rel=0.1)


@pytest.mark.parametrize(
    ("visit", "name", "bands", "exptime", "size"),
    [
        ("iza101/iza101aaq_flt.fits", "ir", ("F110W",), 599.232361, 512),
        ("iza601/iza601acq_flc.fits", "uvis", ("F814W",), 500.0, 512),
    ],
)
def test_sky_noise_and_errors_are_those_of_genuine_exposures(  # noqa: PLR0917
    hap, tmp_path, visit, name, bands, exptime, size
):
    with fits.open(hap / "exposures" / visit) as genuine:
        real_sci, real_err = genuine["SCI"].data, genuine["ERR"].data
        real_dq = genuine["DQ"].data
        real_header = genuine[0].header
    spec = VisitSpec(
        number=1,
        seed=1,
        detector=name,
        filters=bands,
        counts=(1,),
        exptimes_s=(exptime,),
        size=size,
        scene="blank",
        conditions=Conditions(1.0, 0.15, 1),
    )
    exposure = simulate_visit(spec, np.random.default_rng(3)).exposures[0]
    chip = read_exposure(write_exposure(exposure, tmp_path)).chips[0]

    def spread(image):
        return 1.4826 * np.median(np.abs(image - np.median(image)))

    assert np.median(chip.sci) == pytest.approx(np.median(real_sci), rel=0.03)
    assert np.median(chip.err) == pytest.approx(np.median(real_err), rel=0.02)
    assert spread(chip.sci) == pytest.approx(spread(real_sci), rel=0.08)
    noises = [
        np.mean([header[f"READNSE{amp}"] for amp in "ABCD"])
        for header in (exposure.header, real_header)
    ]
    assert noises[0] == pytest.approx(noises[1], rel=0.03)
    for bit in (4, 16):
        assert ((chip.dq & bit) > 0).mean() == pytest.approx(((real_dq & bit) > 0).mean(), rel=0.3)
