"""What scenes are drawn: modes and detectors balanced, and only what can be."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from astropy.time import Time

from spacekit.errors import SimulationError
from spacekit.simulate.aperture import Aperture
from spacekit.simulate.detectors import DETECTORS, detectors_with
from spacekit.simulate.draw import ALIGNED, DrawSettings, draw_spec
from spacekit.simulate.pointing import MODES, dither_px
from spacekit.simulate.wcs import detector_wcs


@pytest.fixture(scope="module")
def drawn():
    return [draw_spec(11, k) for k in range(3000)]


@pytest.mark.parametrize(
    ("what", "names"), [("mode", tuple(MODES)), ("detector", tuple(DETECTORS))], ids=str
)
def test_balanced(drawn, what, names):
    seen = Counter(getattr(s, what) for s in drawn if s.mode != ALIGNED)
    assert set(seen) == set(names)
    expected = seen.total() / len(names)
    assert all(abs(n - expected) < 4.5 * np.sqrt(expected) for n in seen.values())


@pytest.mark.parametrize(
    ("names", "spans"),
    [
        (("ir", "uvis"), [("2009-05-14", "2023-02-25")]),
        (("wfc",), [("2002-03-07", "2007-01-27"), ("2009-05-16", "2023-02-25")]),
        (("hrc",), [("2002-03-07", "2007-01-27")]),
        (("sbc",), [("2002-03-07", "2023-02-25")]),
    ],
)
def test_visits_are_of_dates_on_which_the_detector_observed(drawn, names, spans):
    dates = np.array([s.start_mjd for s in drawn if s.detector in names])
    ends = [Time(list(span)).mjd for span in spans]
    inside = [(dates >= first) & (dates <= last) for first, last in ends]
    assert np.any(inside, axis=0).all()
    days = [last - first for first, last in ends]
    for hit, share in zip(inside, np.array(days) / sum(days), strict=True):
        assert hit.mean() == pytest.approx(share, abs=0.08)


def test_errors_are_log_uniform_from_a_fifth_of_a_pixel(drawn):
    logs = np.log([s.offset_px for s in drawn if s.mode in {"one-exposure", "one-filter", "pair"}])
    assert logs.min() > np.log(0.2)
    assert logs.max() < np.log(20)
    assert np.histogram(logs, 4)[0] == pytest.approx(np.full(4, logs.size / 4), rel=0.25)
    assert max(s.offset_px for s in drawn if s.mode == "group") > 60


def test_aligned_scenes_are_single_visits_of_one_exposure_or_more(drawn):
    counts = [sum(s.counts) for s in drawn if s.mode == ALIGNED]
    assert 1 in counts
    assert max(counts) > 1


def test_what_was_asked_for_is_drawn():
    settings = DrawSettings(
        detectors={"uvis": 1.0},
        sizes={256: 1.0},
        modes=("one-filter", ALIGNED),
        filters=("f606w", "F814W"),
        dithers=3,
        offset_px=(2.0, 2.5),
    )
    specs = [draw_spec(1, k, settings) for k in range(60)]
    assert {s.mode for s in specs} == {"one-filter", ALIGNED}
    assert {s.filters for s in specs} == {("F606W", "F814W")}
    assert {s.counts for s in specs} == {(3, 3)}
    assert all(2 <= s.offset_px <= 2.5 for s in specs if s.mode != ALIGNED)


def test_a_mode_of_two_chips_takes_detectors_that_have_them():
    specs = [draw_spec(1, k, DrawSettings(modes=("chip",))) for k in range(30)]
    assert {s.detector for s in specs} == {"uvis", "wfc"}
    assert all(s.plan.n_chips == 2 for s in specs)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"modes": ("asleep",)}, "no mode called asleep"),
        ({"modes": ("chip",), "detectors": {"ir": 1.0}}, "takes two chips"),
        (
            {"modes": ("one-filter",), "filters": ("F606W",), "detectors": {"wfc": 1.0}},
            "one-filter can't happen",
        ),
        ({"dithers": 0}, "ask for one or more"),
        ({"filters": ("F999W",)}, "no filter F999W"),
        ({"offset_px": (3.0, 1.0)}, "smaller one first"),
        ({"offset_px": (0.0, 1.0)}, "above 0"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(asked, sentence):
    with pytest.raises(SimulationError, match=sentence):
        draw_spec(1, 1, DrawSettings(**asked))


def test_filters_choose_the_detectors():
    assert detectors_with(("f110w",)) == ["ir"]
    assert set(detectors_with(("F606W", "F814W"))) == {"uvis", "wfc", "hrc"}
    with pytest.raises(SimulationError, match="no detector has"):
        detectors_with(("F110W", "F606W"))


def test_a_window_across_the_gap_shows_both_chips_and_the_gap():
    row, aperture = DETECTORS["wfc"], Aperture(512, across_gap=True)
    assert aperture.shapes(row) == ((256, 512), (256, 512))
    lower, upper = detector_wcs(row, 10.0, 40.0, 0.0, aperture)
    top = lower.all_pix2world([[256.0, 255.5]], 0)[0]
    bottom = upper.all_pix2world([[256.0, -0.5]], 0)[0]
    gap_px = np.hypot((bottom[0] - top[0]) * np.cos(np.radians(40)), bottom[1] - top[1])
    assert gap_px * 3600 / 0.0503 == pytest.approx(row.gap_px, rel=0.02)


def test_dithers_stay_where_they_overlap():
    rng = np.random.default_rng(3)
    patterns = [dither_px(4, 512, rng) for _ in range(300)]
    assert all(np.array_equal(p[0], [0, 0]) for p in patterns)
    assert max(np.abs(p).max() for p in patterns) < 0.5 * 512
    assert any(np.abs(p).max() > 0.15 * 512 for p in patterns)


def test_conditions_are_as_hst_has_them(drawn):
    """Up to eight exposures, cosmic rays by the handbook."""
    counts = Counter(n for s in drawn for n in s.counts)
    assert set(counts) == {1, 2, 3, 4, 6, 8}
    assert 0.02 < (counts[6] + counts[8]) / counts.total() < 0.12
    shorts = [
        share for s in drawn for share, n in zip(s.short_shares, s.counts, strict=True) if n > 1
    ]
    assert np.mean(np.array(shorts) < 1) == pytest.approx(0.12, abs=0.03)
    assert min(shorts) >= 0.03
    assert all(s.short_shares[0] == 1 for s in drawn if s.counts[0] == 1)
    rays = np.array([s.conditions.cosmic_rays for s in drawn])
    assert 0.1 <= rays.min() < 0.2
    assert 1.6 < rays.max() <= 1.8
    assert np.mean(rays >= 0.7) == pytest.approx(0.85, abs=0.03)
    fitted = [np.mean([s.fit_enabled for s in drawn if (s.mode == ALIGNED) == k]) for k in (0, 1)]
    assert 0.3 < fitted[0] < 0.6
    assert fitted[1] == pytest.approx(fitted[0], abs=0.15)  # a fit is no sign of a good visit
