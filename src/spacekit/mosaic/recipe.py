"""AstroDrizzle's parameters for the products of a visit (drizzlepac 3.11, `svm_parameters`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["ALL_BITS", "Recipe", "recipe_for", "total_recipe"]

#: Good bits that leave no pixel out.
ALL_BITS: Final = 65535

#: DQ bits that don't spoil a pixel in a filter's final drizzle, by detector.
_GOOD_BITS: Final[dict[str, int]] = {"ir": 528, "uvis": 336, "wfc": 336, "hrc": 64, "sbc": 0}

#: The same in the total's, where they are others.
_TOTAL_BITS: Final[dict[str, int]] = {"hrc": 96}

#: The same for UVIS before this date (2012-11-08T02:59:15, drizzlepac's config_utils), MJD.
_UVIS_CHANGE_MJD: Final = 56239.124479
_EARLY_BITS: Final = 352
_EARLY_TOTAL_BITS: Final = 96


@dataclass(frozen=True)
class Recipe:
    """AstroDrizzle's parameters for one product.

    Parameters
    ----------
    reject : bool
        Whether cosmic rays are looked for.
    good_bits : int
        DQ bits that don't spoil a pixel in the final drizzle.
    single_bits : int
        The same for single drizzles.
    minimum : bool
        Whether the median gives way to the minimum where it is much higher (`minmed`).
    snr : (float, float)
        Thresholds in units of the noise, for a pixel alone and near others.
    scale : (float, float)
        Tolerances in units of the blotted image's derivative.
    pixfrac : float
        Of the final drizzle.
    sky : bool
        Whether skies are matched and subtracted.
    """

    reject: bool
    good_bits: int
    single_bits: int
    minimum: bool = True
    snr: tuple[float, float] = (3.5, 3.0)
    scale: tuple[float, float] = (1.5, 1.2)
    pixfrac: float = 1.0
    sky: bool = True

    def drizzles_as(self, other: Recipe) -> bool:
        """Tell whether both drop the same light of the same pixels."""
        mine, theirs = ((r.good_bits, r.pixfrac, r.sky) for r in (self, other))
        return mine == theirs


def recipe_for(detector: str, exposures: int, start_mjd: float | None = None) -> Recipe:
    """Give the parameters for a filter of so many exposures.

    Parameters
    ----------
    detector : str
        "ir", "uvis", "wfc", "hrc" or "sbc".
    exposures : int
        Of the filter.
    start_mjd : float or None
        When the first began, MJD; None: lately.
    """
    bits = _EARLY_BITS if _early(detector, start_mjd) else _GOOD_BITS.get(detector, 336)
    if exposures == 1:
        alone = bits if detector == "ir" else ALL_BITS
        return Recipe(reject=False, good_bits=alone, single_bits=bits, sky=False)
    if detector == "sbc":
        return Recipe(reject=False, good_bits=bits, single_bits=bits, sky=False)
    if detector == "ir":
        many = exposures >= 4
        return Recipe(True, bits, bits if many else ALL_BITS, not many, (5.0, 4.0), (3.0, 2.4))
    if exposures >= 6:
        return Recipe(True, bits, bits, False, scale=(1.2, 0.7), pixfrac=0.8)
    return Recipe(True, bits, bits)


def total_recipe(detector: str, exposures: int, start_mjd: float | None = None) -> Recipe:
    """Give the parameters for the total: it looks for no cosmic rays, but keeps those known out.

    Parameters
    ----------
    detector, start_mjd
        As for `recipe_for`.
    exposures : int
        Of the detector in the visit, those that the total leaves out among them.
    """
    if exposures == 1:
        return recipe_for(detector, 1, start_mjd)
    bits = _TOTAL_BITS.get(detector, _GOOD_BITS.get(detector, 336))
    if _early(detector, start_mjd):
        bits = _EARLY_TOTAL_BITS
    single = 0 if detector == "sbc" else 528
    return Recipe(reject=False, good_bits=bits, single_bits=single, sky=detector != "sbc")


def _early(detector: str, start_mjd: float | None) -> bool:
    return detector == "uvis" and start_mjd is not None and start_mjd < _UVIS_CHANGE_MJD
