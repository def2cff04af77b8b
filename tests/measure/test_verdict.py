"""Findings in words."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from spacekit.measure.findings import Contrast, Findings, Group, Offset, ProductShape, Repeat
from spacekit.measure.verdict import judge


def offset(title: str, dx: float, dy: float, reference: str = "f606w", **more) -> Offset:
    """An offset in a mosaic of 40 mas pixels."""
    band, _, exposure = title.partition(" ")
    length = math.hypot(dx, dy)
    fields = {"exptime_s": 500.0, "sigma_px": 0.02, "sources": 41, "largest_px": length}
    fields |= {"largest_sigma_px": more.get("sigma_px", 0.02)}
    fields |= {"roll_deg": 0.0, "scatter_px": 0.05, "method": "sources"} | more
    shift = {"dx_px": dx, "dy_px": dy, "dx_mas": 40 * dx, "dy_mas": 40 * dy}
    return Offset(filter=band, exposure=exposure, reference=reference, **shift, **fields)


def filters(*offsets: Offset, exptime_s: float = 1000.0, **more) -> Findings:
    return Findings(Group("f606w", exptime_s, offsets), scale_mas=40.0, **more)


def exposures(*offsets: Offset, exptime_s: float = 500.0) -> Findings:
    group = Group("f606w aa", exptime_s, offsets)
    return Findings(exposures=group, scale_mas=40.0)


def shape(title: str, ellipticity: float = 0.03, deficit: float = 0.0) -> ProductShape:
    return ProductShape(title, ellipticity, 40.0, 0.01, 62, deficit, math.nan)


def test_a_filter_that_is_off():
    verdict = judge(filters(offset("f814w", 3.1, -0.4)))
    assert verdict.reason == "F814W is off by (3.1, -0.4) px = 125 mas from F606W (41 sources)"
    assert verdict.culprits == ("f814w",)
    assert (verdict.dx_px, verdict.dy_px) == (3.1, -0.4)
    assert verdict.offset_mas == pytest.approx(125.03, abs=0.01)


def test_of_two_equal_sides_neither_is_the_culprit():
    verdict = judge(filters(offset("f814w", 3.1, -0.4), exptime_s=500.0))
    assert verdict.culprits == ("f814w", "f606w")
    assert verdict.reason.endswith("; either of the two may be at fault")
    pair = judge(exposures(offset("f606w ab", 0.7, 0.0, "f606w aa")))
    assert pair.culprits == ("f606w ab", "f606w aa")
    assert "exposure ab of F606W is off by (0.70, 0.00) px = 28 mas" in pair.reason
    assert "either of the two" in pair.reason


def test_one_exposure_of_several():
    verdict = judge(
        exposures(
            offset("f606w ab", 0.05, 0.0, "f606w aa"),
            offset("f814w ac", 0.0, 5.0, "f606w aa"),
            offset("f814w ad", 0.1, 0.0, "f606w aa"),
        )
    )
    assert verdict.culprits == ("f814w ac",)
    assert verdict.reason == (
        "exposure ac of F814W is off by (0.0, 5.0) px = 200 mas "
        "from exposure aa of F606W (41 sources)"
    )


def test_a_filter_whose_exposures_are_all_off_is_named_as_a_whole():
    verdict = judge(
        exposures(
            offset("f606w ab", 0.05, 0.0, "f606w aa"),
            offset("f606w ac", 0.05, 0.0, "f606w aa"),
            offset("f814w ad", 0.0, 5.0, "f606w aa"),
            offset("f814w ae", 0.0, 5.1, "f606w aa"),
        )
    )
    assert verdict.culprits == ("f814w",)


def test_a_filter_of_which_an_exposure_was_not_compared_is_not_named_as_a_whole():
    off = (offset("f606w ab", 0.05, 0.0, "f606w aa"), offset("f814w ad", 0.0, 5.0, "f606w aa"))
    whole = Group("f606w aa", 500.0, off)
    assert judge(Findings(exposures=whole)).culprits == ("f814w",)
    for lost in ({"unmatched": ("f814w ae",)}, {"untold": ("f814w ae",)}):
        verdict = judge(Findings(exposures=replace(whole, **lost)))
        assert verdict.culprits == ("f814w ad",)


def test_a_filter_is_named_beside_exposures_of_others():
    between = filters(offset("f814w", 0.9, 0.0), offset("f275w", 3.0, 4.0), offset("f336w", 0, 0))
    apart = exposures(
        offset("f606w ab", 0.05, 0.0, "f606w aa"),
        offset("f814w ac", 0.05, 0.0, "f606w aa"),
        offset("f814w ad", 0.9, 0.0, "f606w aa"),
    )
    verdict = judge(replace(between, exposures=apart.exposures))
    assert verdict.culprits == ("f814w ad", "f275w")
    assert verdict.offset_mas == pytest.approx(200.0)
    assert "F275W is off by (3.0, 4.0) px = 200 mas from F606W" in verdict.reason
    assert "; F814W is off" not in verdict.reason  # its exposure is


def test_who_could_not_be_compared_is_told():
    pair = Group(
        "f606w aa", 500.0, (offset("f606w ab", 0.03, 0.0, "f606w aa"),), untold=("f814w ac",)
    )
    assert judge(Findings(exposures=pair)).reason == (
        "exposure ab of F606W lies within 0.03 px of exposure aa of F606W (41 sources), "
        "but exposure ac of F814W could not be compared"
    )
    many = replace(pair, untold=tuple(f"f814w a{n}" for n in range(5)))
    assert judge(Findings(exposures=many)).reason.endswith("but 5 others could not be compared")
    # then what its filter's stars say counts
    lost = Findings(exposures=pair, shapes=(shape("total"), shape("f814w", deficit=0.35)))
    assert judge(lost).culprits == ("f814w",)


def test_a_part_of_an_exposure_that_is_off():
    part = {"part_dx_px": 2.0, "part_dy_px": -3.0, "part_sources": 22}
    verdict = judge(
        exposures(
            offset("f606w ab", 0.05, 0.0, "f606w aa"),
            offset("f606w ac", 0.02, 0.0, "f606w aa", **part),
        )
    )
    assert verdict.culprits == ("f606w ac",)
    assert "is off by (2.0, -3.0) px in a part with 22 sources" in verdict.reason
    assert (verdict.dx_px, verdict.dy_px) == (2.0, -3.0)
    assert verdict.offset_mas == pytest.approx(40 * math.hypot(2, 3))


def test_exposures_that_were_not_compared_are_told_of_by_what_rejection_took():
    pair = exposures(offset("f606w ab", 0.03, 0.0, "f606w aa"))
    struck = (repeat("f814w ak"), *nothing("f814w al", "f814w am"))
    found = judge(replace(pair, repeats=struck))
    assert found.culprits == ("f814w ak",)
    some = exposures(offset("f814w ab", 0.03, 0.0, "f814w aa"))
    third = (repeat("f814w ac"), *nothing("f814w aa", "f814w ab"))
    assert judge(replace(some, repeats=third)).culprits == ("f814w ac",)
    bare = replace(pair, shapes=(shape("total"), shape("f814w", deficit=0.25)))
    assert judge(bare).culprits == ("f814w",)


def test_what_lies_near_its_star_tells_no_size():
    near = Repeat("f814w ac", 40.0, 1.8, 2.9, 20)
    found = judge(Findings(repeats=(near, *nothing("f814w ad", "f814w ae")), scale_mas=40.0))
    assert found.culprits == ("f814w ac",)
    assert math.isnan(found.offset_mas)


def test_a_measured_shift_is_worth_more_than_what_rejection_took():
    off = replace(filters(offset("f814w", 3.1, -0.4)), repeats=(repeat("f606w aa"),))
    assert judge(off).offset_mas == pytest.approx(125.03, abs=0.01)


def test_products_that_agree_are_told_before_what_the_total_shows():
    fine = filters(offset("f814w", 0.07, 0.0), shapes=(shape("total", deficit=0.05),))
    assert judge(fine).reason.startswith("F814W lies within 0.07 px of F606W (41 sources); star")


def test_a_roll_is_told_at_the_edge():
    turned = offset("f814w", 0.1, 0.0, roll_deg=0.12, largest_px=2.4)
    verdict = judge(filters(turned, offset("f275w", 0.0, 0.0)))
    assert "(turned by 0.12 deg, 2.4 px at the edge)" in verdict.reason
    assert verdict.culprits == ("f814w",)


def test_an_offset_that_is_not_certain_is_none():
    verdict = judge(filters(offset("f814w", 0.45, 0.0, sigma_px=0.11)))
    assert verdict.culprits == ()
    assert verdict.reason == "F814W lies within 0.45 px of F606W (41 sources)"


def test_exposures_that_disagree_show_in_the_weight_map():
    findings = filters(
        offset("f160w", 0.1, 0.0), shapes=(shape("total"), shape("f160w", deficit=0.2))
    )
    verdict = judge(findings)
    assert verdict.culprits == ("f160w",)
    assert verdict.reason == (
        "exposures of F160W disagree: star cores are missing from its weight map "
        "(20% of the weight)"
    )


def test_a_filter_longer_than_the_others_is_named():
    shapes = (shape("total", 0.1), shape("f110w", 0.03), shape("f160w", 0.14))
    assert judge(filters(offset("f160w", 0.1, 0.0), shapes=shapes)).culprits == ("f160w",)
    alike = (shape("total", 0.09), shape("f110w", 0.12), shape("f160w", 0.14))
    assert judge(filters(offset("f160w", 0.1, 0.0), shapes=alike)).culprits == ()


def test_the_total_alone():
    long = judge(Findings(shapes=(shape("total", 0.18),)))
    assert long.reason == "stars share an elongation of 0.18 at 40 deg (62 stars)"
    assert long.culprits == ()
    pairs = judge(Findings(pair_share=0.4, pair_px=(12.0, 3.0)))
    assert pairs.reason == "40% of the total's sources come in pairs (12.0, 3.0) px apart"
    holes = judge(Findings(shapes=(shape("total", deficit=0.2),)))
    assert "missing from the total's weight map (20%" in holes.reason


def test_a_second_image_of_every_source():
    image = {"twin_dx_px": 5.0, "twin_dy_px": -3.0, "twin_sources": 80}
    total = replace(shape("total"), twin_turned=6.0, **image)
    told = judge(Findings(shapes=(total,)))
    assert told.reason == "the total's sources have a second image (5, -3) px away (80 stacked)"
    assert told.culprits == ()
    band = replace(shape("f814w"), twin_turned=1.0, twin_crossed=19.0, **image)
    named = judge(filters(offset("f814w", 0.1, 0.0), shapes=(total, shape("f606w"), band)))
    assert named.culprits == ("f814w",)
    assert "exposures of F814W disagree: its sources have a second image (5, -3)" in named.reason
    calm = replace(shape("total"), twin_turned=3.0, twin_crossed=9.0, twin_near=18.0, **image)
    assert "image" not in judge(Findings(shapes=(calm,))).reason


def test_weight_that_stars_lack_on_one_side():
    total = replace(shape("total"), lost_turned=7.4, lost_crossed=5.2, lost_sources=40)
    told = judge(Findings(shapes=(total,)))
    assert told.reason == "stars lack weight on one side (7 sigma, 40 stacked)"
    band = replace(shape("f814w"), lost_turned=2.0, lost_crossed=9.0, lost_sources=30)
    named = judge(filters(offset("f814w", 0.1, 0.0), shapes=(total, shape("f606w"), band)))
    assert named.culprits == ("f814w",)
    assert "its stars lack weight on two sides (9 sigma, 30 stacked)" in named.reason
    calm = replace(shape("total"), lost_turned=3.0, lost_crossed=3.0, lost_sources=40)
    assert "lack" not in judge(Findings(shapes=(calm,))).reason


def test_a_filter_whose_sources_are_wider_than_in_another():
    shapes = (shape("total"), shape("f606w"), shape("f814w"))
    between = offset("f814w", 0.1, 0.0)
    wide = judge(
        filters(between, shapes=shapes, contrast=Contrast("f814w", "f606w", 0.6, 0.04, 80))
    )
    assert wide.culprits == ("f814w",)
    assert "wider than in F606W by 0.60 px^2 in mean square (80 sources)" in wide.reason
    for unsure in (
        Contrast("f814w", "f606w", 0.6, 0.3, 80),
        Contrast("f814w", "f606w", 0.6, 0.04, 7),
    ):
        assert judge(filters(between, shapes=shapes, contrast=unsure)).culprits == ()


def test_stars_that_are_wider_than_one_should_be():
    wide = replace(shape("total"), width=1.31, width_share=0.62, width_sources=88)
    told = judge(Findings(shapes=(wide,)))
    assert told.reason == "stars are 1.31 times as wide as one should be (88 sources)"
    for calm in (
        replace(wide, width_share=0.4),  # galaxies
        replace(wide, width_sources=6),
        replace(wide, width=1.05),
    ):
        assert "wide" not in judge(Findings(shapes=(calm,))).reason


def test_a_filter_that_matches_nowhere():
    findings = filters(offset("f814w", 0.1, 0.0))
    lost = replace(findings, filters=replace(findings.filters, unmatched=("f275w",)))
    assert judge(lost).culprits == ()
    assert judge(lost).reason == "sources of F275W match F606W at no shift"


def test_nothing_to_go_by():
    assert judge(Findings()).reason == "no sources to compare"
    assert math.isnan(judge(Findings()).dx_px)


def test_images_that_were_correlated_say_so():
    blurred = offset("f814w", 3.1, -0.4, sources=0, method="correlation", scatter_px=math.nan)
    assert judge(filters(blurred)).reason.endswith("(from correlating the images)")


def repeat(title: str, surprise: float = 40.0, sources: int = 20) -> Repeat:
    return Repeat(title, surprise, 5.0, -3.0, sources)


def nothing(*titles: str) -> tuple[Repeat, ...]:
    return tuple(Repeat(title, 0.0, 0.0, 0.0, 0) for title in titles)


def test_the_exposure_whose_stars_rejection_took():
    repeats = (repeat("f814w ac"), *nothing("f814w ad", "f814w ae", "f606w aa"))
    verdict = judge(Findings(repeats=repeats, scale_mas=40.0))
    assert verdict.culprits == ("f814w ac",)
    assert (verdict.dx_px, verdict.dy_px) == (5.0, -3.0)
    assert verdict.offset_mas == pytest.approx(40 * math.hypot(5, 3))
    assert verdict.reason == (
        "rejection took stars of exposure ac of F814W for cosmic rays: 20 patches it took from "
        "exposure ac of F814W repeat others (5.0, -3.0) px away"
    )


def test_of_a_filters_two_exposures_neither_can_be_told_by_what_rejection_took():
    two = (repeat("f814w ac"), *nothing("f814w ad", "f606w aa", "f606w ab"))
    assert judge(Findings(repeats=two)).culprits == ("f814w",)
    both = (repeat("f814w ac"), repeat("f814w ad", sources=11), *nothing("f814w ae"))
    assert judge(Findings(repeats=both)).culprits == ("f814w",)


def test_an_exposure_without_a_known_filter_is_named_by_its_letters():
    found = judge(Findings(repeats=(repeat("exposure ab"), *nothing("exposure aa"))))
    assert found.culprits == ("exposure ab",)
    assert found.reason.startswith("rejection took stars of exposure ab for cosmic rays")


def test_what_rejection_took_comes_before_filters_and_after_exposures():
    off = filters(offset("f814w", 0.9, 0.0))
    both = judge(replace(off, repeats=(repeat("f606w aa"), *nothing("f606w ab", "f606w ac"))))
    assert both.culprits == ("f606w aa", "f814w")
    assert "; F814W is off by (0.90, 0.00) px" in both.reason
    measured = exposures(offset("f606w ab", 0.05, 0.0, "f606w aa"))
    assert judge(replace(measured, repeats=(repeat("f606w aa"),))).culprits == ()


def test_what_rejection_took_makes_the_weight_map_no_news():
    shapes = (shape("total"), shape("f814w", deficit=0.3), shape("f606w", deficit=0.2))
    told = (repeat("f814w ac"), repeat("f814w ad"), *nothing("f606w aa", "f606w ab"))
    reason = judge(Findings(shapes=shapes, repeats=told)).reason
    assert "exposures of F814W disagree" not in reason
    assert "exposures of F606W disagree: star cores are missing" in reason


def test_what_rejection_took_tells_which_of_two_filters_is_at_fault():
    off = filters(offset("f814w", 3.1, -0.4), exptime_s=500.0)
    told = (repeat("f606w aa"), *nothing("f606w ab", "f814w ac", "f814w ad"))
    verdict = judge(replace(off, repeats=told))
    assert verdict.culprits == ("f606w",)
    assert "either of the two" not in verdict.reason
    assert (verdict.dx_px, verdict.dy_px) == (-3.1, 0.4)


def test_few_patches_at_a_shift_are_no_news():
    for few in (repeat("f814w ac", sources=3), repeat("f814w ac", surprise=1.0)):
        assert judge(Findings(repeats=(few, *nothing("f814w ad")))).culprits == ()


@pytest.mark.parametrize(
    ("outward", "around", "words"),
    [
        (0.3, 4.0, "others turned by 0.76 deg about the middle (4.0 px at 300 px from it)"),
        (-4.0, 0.0, "others at another scale about the middle (4.0 px at 300 px from it)"),
    ],
)
def test_an_exposure_that_is_turned_is_named_by_what_rejection_took(outward, around, words):
    one = replace(
        repeat("f814w ac", 0.0, 0),
        dx_px=0.0,
        dy_px=0.0,
        turned_surprise=30.0,
        outward_px=outward,
        round_px=around,
        radius_px=300.0,
        turned_sources=14,
    )
    verdict = judge(Findings(repeats=(*nothing("f814w ad", "f814w ae"), one), scale_mas=40.0))
    assert verdict.culprits == ("f814w ac",)
    assert "14 patches" in verdict.reason
    assert verdict.reason.endswith(words)
    assert math.isnan(verdict.dx_px)
    both = judge(Findings(repeats=(replace(one, dx_px=5.5, dy_px=-23.3),), scale_mas=40.0))
    assert "others (5.5, -23.3) px away, " in both.reason


@pytest.mark.parametrize(
    ("ellipticity", "sigmas", "stars", "told"),
    [
        (0.2, 6.5, 60, 1),
        (0.2, 5.0, 60, 0),
        (0.2, 9.0, 14, 0),
        (0.2, 30.0, 14, 1),
        (0.022, 9, 60, 0),
    ],
)
def test_stars_elongated_as_by_a_turn(ellipticity: float, sigmas: float, stars: int, told: int):
    total = replace(
        shape("total"), turned_ellipticity=ellipticity, turned_sigmas=sigmas, stars=stars
    )
    reason = judge(Findings(shapes=(total,))).reason
    assert reason.count("elongated as by a turn") == told
