"""Geometric truth, against hand-made cases and against the genuine visits'."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from spacekit.simulate.aperture import Aperture, WcsError
from spacekit.simulate.detectors import DETECTORS
from spacekit.simulate.truth import Witness, compute_truth, truth_json
from spacekit.simulate.wcs import detector_wcs, erroneous
from spacekit.visit.truth import label_of

VISITS = [*(f"iza{n}01" for n in (1, 2, 3, 4, 5, 6, 8, 9)), "jza701"]
IR = DETECTORS["ir"]


def _mosaic(scale_arcsec=IR.scale_arcsec, size=700):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [40.0, 60.0]
    wcs.wcs.crpix = [(size + 1) / 2, (size + 1) / 2]
    wcs.wcs.cd = np.diag([-1, 1]) * scale_arcsec / 3600
    wcs.wcs.set()
    return wcs, (size, size)


def _witness(name, band, error=None, exptime=100.0, size=512):
    true = detector_wcs(IR, 40.0, 60.0, 20.0, Aperture(size))
    final = erroneous(true, error or WcsError(), IR.scale_arcsec)
    return Witness(name, band, exptime, true, final, ((size, size),))


def test_header_too_far_east_is_a_product_too_far_left():
    witnesses = [_witness("a", "x"), _witness("b", "x"), _witness("c", "y", WcsError(2.0, -1.0))]
    truth = compute_truth(witnesses, *_mosaic())
    assert truth.label == 1
    assert truth.reference == "a"
    assert truth.offset_px == pytest.approx(np.hypot(2, 1), abs=2e-3)
    assert (truth.filters["y"].dx_px, truth.filters["y"].dy_px) == pytest.approx(
        (-2.0, -1.0), abs=2e-3
    )


def test_visit_that_is_off_as_a_whole_is_aligned():
    shift = WcsError(30.0, 12.0, roll_deg=0.05)
    truth = compute_truth([_witness(n, "x", shift) for n in "abc"], *_mosaic())
    assert truth.label == 0
    assert truth.offset_px < 1e-4


def test_roll_is_measured_at_the_corner_and_as_an_angle():
    turn = WcsError(roll_deg=0.1)
    truth = compute_truth(
        [_witness("a", "x"), _witness("b", "x"), _witness("c", "x", turn)], *_mosaic()
    )
    corner = np.hypot(256, 256) * np.radians(0.1)
    assert truth.offset_px == pytest.approx(corner, rel=0.08)
    assert abs(truth.exposures[2].roll_deg) == pytest.approx(0.1, rel=1e-3)


def test_medoid_follows_exposure_time():
    off = WcsError(1.0, 0.0)
    light = [_witness("a", "x"), _witness("b", "x", off, exptime=900.0), _witness("c", "x")]
    assert compute_truth(light, *_mosaic()).reference == "b"
    assert compute_truth([replace(w, exptime_s=100.0) for w in light], *_mosaic()).reference == "a"


def test_two_exposures_that_disagree_are_named_as_a_pair():
    truth = compute_truth([_witness("a", "x"), _witness("b", "x", WcsError(0.0, 4.0))], *_mosaic())
    assert truth.pair
    assert truth.reference == "a"


def test_two_equal_halves_that_disagree_are_named_as_a_pair():
    off = WcsError(5.0, 0.0)
    halves = [_witness("a", "x"), _witness("b", "x"), _witness("c", "y", off)]
    halves.append(_witness("d", "y", WcsError(5.1, 0.0)))
    assert compute_truth(halves, *_mosaic()).pair
    longer = [*halves[:3], replace(halves[3], exptime_s=150.0)]
    assert not compute_truth(longer, *_mosaic()).pair
    apart = [*halves[:3], _witness("d", "y", WcsError(0.0, 5.0))]
    assert not compute_truth(apart, *_mosaic()).pair
    aligned = [replace(w, final=w.true) for w in halves]
    assert not compute_truth(aligned, *_mosaic()).pair


@pytest.mark.parametrize(
    ("offset", "trail", "label"),
    [(0.25, 0.0, 0), (0.26, 0.0, None), (0.49, 3.0, None), (0.5, 0.0, 1), (0.1, 0.5, None)],
)
def test_labels(offset, trail, label):
    assert label_of(offset, trail) == label


def test_truth_json_is_plain():
    witnesses = [_witness("a", "x"), _witness("b", "y", WcsError(0.4, 0.0))]
    entry = truth_json(compute_truth(witnesses, *_mosaic()), witnesses, "one-filter")
    again = json.loads(json.dumps(entry, allow_nan=False))
    assert again["label"] is None
    assert again["offset_mas"] == pytest.approx(again["offset_px"] * 128.25, abs=0.01)
    assert [e["file"] for e in again["exposures"]] == ["a", "b"]


def _genuine(hap, visit):
    """Witnesses of a genuine visit: its true WCS, and the final ones the product records."""
    told = json.loads((hap / "truth" / f"{visit}.json").read_text())
    total = next((hap / "visits" / visit).glob("*_total_*_dr?.fits"))
    with fits.open(total) as product:
        detector = product[0].header["DETECTOR"].lower()
        mosaic, shape = WCS(product["SCI"].header), product["SCI"].shape
        rows = {row["ROOTNAME"]: row for row in product["HDRTAB"].data}
    like = "iza101/iza101aaq_flt.fits" if detector == "ir" else "iza601/iza601aaq_flc.fits"
    header = fits.getheader(hap / "exposures" / like, 1)
    size = header["NAXIS1"]

    def wcs(row):
        one = WCS(header)
        one.wcs.crval = [row["CRVAL1"], row["CRVAL2"]]
        one.wcs.cd = [[row["CD1_1"], row["CD1_2"]], [row["CD2_1"], row["CD2_2"]]]
        one.wcs.set()
        return (one,)

    witnesses = []
    for row in told["exposures"]:
        final = rows[row["file"][:9]]
        witnesses.append(
            Witness(
                row["file"],
                row["filter"],
                float(final["EXPTIME"]),
                wcs(row["true_wcs"]),
                wcs(final),
                ((size, size),),
            )
        )
    return told, compute_truth(witnesses, mosaic, shape)


@pytest.mark.parametrize("visit", VISITS)
def test_agrees_with_the_truth_of_genuine_visits(hap, visit):
    told, truth = _genuine(hap, visit)
    assert truth.label == told["label"]
    assert truth.reference == told["reference"]
    assert truth.offset_px == pytest.approx(told["offset_px"], abs=0.002)
    for row, found in zip(told["exposures"], truth.exposures, strict=True):
        assert found.residual_px == pytest.approx(row["residual_px"], abs=0.002)
        assert (found.dx_px, found.dy_px) == pytest.approx(row["dxdy_px"], abs=0.002)
    for name, row in told["filters"].items():
        found = truth.filters[name]
        assert (found.dx_px, found.dy_px) == pytest.approx(row["dxdy_px"], abs=0.002)
