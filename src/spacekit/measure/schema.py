"""The one table: which columns a row of it has, in which order, and what they mean.

Everything that reads or writes `svm_data.csv` refers to this module: prep (which writes it),
the model (which takes features from it), the label command (which adds truth to it).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

__all__ = [
    "CATEGORIES",
    "COLUMNS",
    "DETECTORS",
    "EVIDENCE",
    "INDEX",
    "LABEL",
    "PUBLISHED",
    "REPORTED",
    "TRUE_MODE",
    "TRUE_OFFSET",
    "TRUE_TOTAL",
    "TRUTH_PREFIX",
    "Column",
    "Kind",
    "Row",
    "column_order",
    "truth_columns",
]


class Kind(Enum):
    """How a column may be used by a model."""

    COUNT = "count"  # a number of things, 0 and up; heavy-tailed
    AMOUNT = "amount"  # a positive quantity with a unit; heavy-tailed
    CATEGORY = "category"  # a label written as a number
    FLAG = "flag"  # 0, 1, or empty where unknown
    VECTOR = "vector"  # a component of a vector, of either sign


@dataclass(frozen=True)
class Column:
    """One feature column of the table.

    Parameters
    ----------
    name : str
        Its header in the CSV.
    kind : Kind
        How it may be used.
    unit : str
        Its unit, empty where it has none.
    meaning : str
        What it is, in a sentence.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str


#: Encodings of the published labelled tables: class label to its number.
CATEGORIES: Final[dict[str, dict[str, int]]] = {
    "det": {"hrc": 0, "ir": 1, "sbc": 2, "uvis": 3, "wfc": 4},
    "wcs": {"a posteriori": 0, "a priori": 1, "pipeline default": 2, "not aligned": 3},
    "cat": {"C": 0, "G": 1, "GC": 2, "I": 3, "S": 4, "SC": 5, "SS": 6, "U": 7},
}

#: The detector of each number.
DETECTORS: Final[dict[int, str]] = {number: name for name, number in CATEGORIES["det"].items()}

#: The published features, in the published order.
PUBLISHED: Final[tuple[Column, ...]] = (
    Column("numexp", Kind.COUNT, "", "exposures in the mosaic"),
    Column("rms_ra", Kind.AMOUNT, "mas", "rms in RA of the fit to the reference, -1: no fit"),
    Column("rms_dec", Kind.AMOUNT, "mas", "the same in Dec"),
    Column("nmatches", Kind.COUNT, "", "sources matched in that fit, 0: no fit"),
    Column("point", Kind.COUNT, "", "sources in the point catalog of the total"),
    Column("segment", Kind.COUNT, "", "sources in the segment catalog of the total"),
    Column("gaia", Kind.COUNT, "", "reference catalog sources inside the footprint"),
    Column("det", Kind.CATEGORY, "", "detector"),
    Column("wcs", Kind.CATEGORY, "", "kind of WCS, from WCSTYPE"),
    Column("cat", Kind.CATEGORY, "", "class of the target"),
)

#: One row of the scraped table: numbers (NaN where unknown) and words.
Row = dict[str, float | str]

INDEX: Final = "index"
LABEL: Final = "label"

#: Columns of our own, after the published ones. Empty where they could not be measured.
EVIDENCE: Final[tuple[Column, ...]] = (
    Column("fit_fresh", Kind.FLAG, "", "1: rms and matches are of this run's fit, 0: left over"),
    Column("filters", Kind.COUNT, "", "filter products beside the total"),
    Column("offset_px", Kind.AMOUNT, "px", "largest shift between filter products, from pixels"),
    Column("offset_sources", Kind.COUNT, "", "sources matched for offset_px"),
    Column("offset_scatter_px", Kind.AMOUNT, "px", "scatter of single sources about that shift"),
    Column("unmatched", Kind.COUNT, "", "filter products with sources that match at no shift"),
    Column("ellipticity", Kind.AMOUNT, "", "coherent ellipticity of the stars in the total"),
    Column("ellipticity_sources", Kind.COUNT, "", "stars it was measured on"),
    Column("weight_deficit", Kind.AMOUNT, "", "1 - weight in the stars' cores over weight around"),
    Column("pair_excess", Kind.AMOUNT, "", "share of sources paired at one common separation"),
    Column("exposure_offset_px", Kind.AMOUNT, "px", "largest shift between exposure products"),
    Column("offset_sigma_px", Kind.AMOUNT, "px", "standard error of offset_px, per axis"),
    Column("ellipticity_sigma", Kind.AMOUNT, "", "standard error of ellipticity"),
    Column("total_deficit", Kind.AMOUNT, "", "weight_deficit of the total alone"),
    Column("filter_ellipticity", Kind.AMOUNT, "", "ellipticity, largest over the filter products"),
    Column("exposure_offset_sigma_px", Kind.AMOUNT, "px", "standard error of exposure_offset_px"),
    Column("exposure_offset_sources", Kind.COUNT, "", "sources matched for exposure_offset_px"),
    Column("exposures_unmatched", Kind.COUNT, "", "exposure products that match at no shift"),
    Column("part_share", Kind.AMOUNT, "", "largest share of a filter's sources at a second shift"),
    Column("exposure_part_share", Kind.AMOUNT, "", "the same of an exposure product's"),
    Column("sure_px", Kind.AMOUNT, "px", "largest shift of a filter less two standard errors"),
    Column("exposure_sure_px", Kind.AMOUNT, "px", "the same of an exposure or a part of one"),
    Column("ellipticity_contrast", Kind.AMOUNT, "", "largest difference of filters' ellipticities"),
    Column("pair_sources", Kind.COUNT, "", "sources in those pairs"),
    Column("rejected_surprise", Kind.AMOUNT, "", "how surely rejected pixels repeat the stars"),
    Column("rejected_px", Kind.AMOUNT, "px", "shift at which they do"),
    Column("rejected_sources", Kind.COUNT, "", "rejected patches at that shift"),
    Column("twin_turned", Kind.AMOUNT, "", "how surely the total's sources have a second image"),
    Column("twin_crossed", Kind.AMOUNT, "", "the same of an image as bright, 4 px off and more"),
    Column("twin_near", Kind.AMOUNT, "", "the same, from 2 to 4 px"),
    Column("twin_px", Kind.AMOUNT, "px", "how far that image lies"),
    Column("twin_sources", Kind.COUNT, "", "sources that were stacked for it"),
    Column("filter_twin_turned", Kind.AMOUNT, "", "twin_turned, largest over the filter products"),
    Column("filter_twin_crossed", Kind.AMOUNT, "", "twin_crossed, the same"),
    Column("filter_twin_near", Kind.AMOUNT, "", "twin_near, the same"),
    Column("turned_ellipticity", Kind.AMOUNT, "", "elongation of stars along a turn of the total"),
    Column("turned_sigmas", Kind.AMOUNT, "", "the same in standard errors"),
    Column("filter_turned_sigmas", Kind.AMOUNT, "", "the same, largest over the filter products"),
    Column("rejected_turned", Kind.AMOUNT, "", "rejected_surprise, of a turn or change of scale"),
    Column("rejected_turned_px", Kind.AMOUNT, "px", "shift halfway to the edge at which they do"),
    Column("rejected_turned_sources", Kind.COUNT, "", "rejected patches at that shift"),
    Column("moving", Kind.FLAG, "", "1: the target moves against the stars (MTFLAG)"),
    Column("star_width", Kind.AMOUNT, "", "width of the total's stars in units of a star's"),
    Column("star_width_share", Kind.AMOUNT, "", "share of its bright sources that are so wide"),
    Column("star_width_sources", Kind.COUNT, "", "how many these are"),
    Column("filter_star_width", Kind.AMOUNT, "", "star_width, largest over the filter products"),
    Column("filter_star_width_share", Kind.AMOUNT, "", "star_width_share of that filter"),
    Column("filter_star_width_sources", Kind.COUNT, "", "star_width_sources of that filter"),
    Column("width_contrast_px2", Kind.AMOUNT, "px^2", "how much wider a filter is than another"),
    Column("width_contrast_sigma_px2", Kind.AMOUNT, "px^2", "standard error of that"),
    Column("lost_turned", Kind.AMOUNT, "", "how surely stars lack weight on one side"),
    Column("lost_crossed", Kind.AMOUNT, "", "the same of two opposite sides"),
    Column("filter_lost_turned", Kind.AMOUNT, "", "lost_turned, largest over filter products"),
    Column("filter_lost_crossed", Kind.AMOUNT, "", "lost_crossed, the same"),
)

#: What is reported and no model may see: an error of the visit as a whole is no misalignment.
REPORTED: Final[tuple[Column, ...]] = (
    Column("absolute_dx_mas", Kind.VECTOR, "mas", "total minus reference catalog along x"),
    Column("absolute_dy_mas", Kind.VECTOR, "mas", "the same along y"),
    Column("absolute_sigma_mas", Kind.AMOUNT, "mas", "standard error of each"),
    Column("absolute_sources", Kind.COUNT, "", "reference catalog sources matched"),
)

#: Columns a model may see.
COLUMNS: Final[dict[str, Column]] = {c.name: c for c in (*PUBLISHED, *EVIDENCE)}

#: Columns that start so hold the simulator's truth: refused as features everywhere.
TRUTH_PREFIX: Final = "true_"

#: How far those exposures disagree that the total is made of, px. No feature either; training
#: takes it for what an answer to the total alone can know.
TRUE_TOTAL: Final = f"{TRUTH_PREFIX}total_offset_px"
#: The largest true offset between exposures, px, and what the headers got wrong.
TRUE_OFFSET: Final = f"{TRUTH_PREFIX}offset_px"
TRUE_MODE: Final = f"{TRUTH_PREFIX}mode"


def column_order(present: Iterable[str]) -> list[str]:
    """Put column names in the order of the table.

    Published features, label (where there is one), index, our own columns, then whatever
    else is there in the order it came.
    """
    present = list(present)
    own = [c.name for c in (*EVIDENCE, *REPORTED)]
    known = [c.name for c in PUBLISHED] + [LABEL, INDEX] + own
    return [n for n in known if n in present] + [n for n in present if n not in known]


def truth_columns(present: Iterable[str]) -> list[str]:
    """Name the columns that hold truth a model must never see."""
    return [name for name in present if name.startswith(TRUTH_PREFIX)]
