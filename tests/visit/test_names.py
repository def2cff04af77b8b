"""HAP names: parts, and back."""

from __future__ import annotations

import pytest

from spacekit.errors import NameFormatError
from spacekit.visit.names import (
    CorruptedSuffix,
    parse_corrupted_folder,
    parse_corrupted_suffix,
    split_file_name,
)
from spacekit.visit.nouns import ProductName

TOTAL = ProductName("16901", "01", "wfc3", "ir", "total", "iza101")


@pytest.mark.parametrize(
    ("stem", "parts"),
    [
        ("hst_16901_01_wfc3_ir_total_iza101", TOTAL),
        (
            "hst_16903_0a_acs_wfc_f606w-clear2l_jza3b1ad",
            ProductName("16903", "0a", "acs", "wfc", "f606w-clear2l", "jza3b1", "ad"),
        ),
    ],
)
def test_a_name_has_parts_and_they_give_the_name(stem: str, parts: ProductName) -> None:
    assert split_file_name(f"{stem}_drz.fits") == (parts, "drz.fits")
    assert str(parts) == stem


@pytest.mark.parametrize(
    "stem",
    [
        "",
        "iza101010",
        "HST_16901_01_WFC3_IR_TOTAL_IZA101",
        "hst_16901_01_wfc3_ir_total_iza10",
        "hst_16901_01_wfc3_ir_total_iza101a",
        "hst_16901_01_wfc3_ir_clear1s_f250w_iza101",
        "hst_skycell-p0889x07y19_wfc3_ir_f160w_all",
        "hst_16901_01_wfc3_ir_total_iza101\n",
        "\nhst_16901_01_wfc3_ir_total_iza101",
        "hst_16901_01_wfc3_ir_../x_iza101",
    ],
)
def test_other_names_are_refused(stem: str) -> None:
    with pytest.raises(NameFormatError, match="not a HAP file name"):
        split_file_name(f"{stem}_drz.fits")


def test_a_file_name_splits_into_product_and_kind() -> None:
    name, kind = split_file_name("hst_16901_01_wfc3_ir_total_iza101_svm_num_sources.json")
    assert (name, kind) == (TOTAL, "svm_num_sources.json")
    name, kind = split_file_name("hst_16901_01_wfc3_ir_f110w_iza101ad_drz.fits")
    assert (name.exposure, kind) == ("ad", "drz.fits")
    with pytest.raises(NameFormatError):
        split_file_name("iza101aaq_flt.fits")


def test_the_suffix_of_a_copy_is_parsed_from_the_right() -> None:
    assert parse_corrupted_suffix("clear1s_f250w_sub_stoc") == CorruptedSuffix(
        "clear1s_f250w", "sub", "stoc"
    )
    assert parse_corrupted_suffix("rex_sub_stat") == CorruptedSuffix("rex", "sub", "stat")
    folder = parse_corrupted_folder("iza101_all_sub_all_stat")
    assert folder == ("iza101", CorruptedSuffix("all_sub", "all", "stat"))
    for wrong in ("f160w_all", "f160w_some_stat", "_all_stat", ""):
        with pytest.raises(NameFormatError):
            parse_corrupted_suffix(wrong)
    with pytest.raises(NameFormatError, match="folder of a corrupted copy"):
        parse_corrupted_folder("iza101")
