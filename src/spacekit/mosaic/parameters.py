"""What the pipeline's catalogs are made with, by detector and filter.

Source: the `catalog_generation` and `quality_control` parameter files of drizzlepac 3.11
(`svm_parameters`) and its table of concentration indices (`ci_ap_cor_table_ap_20_2016.txt`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

__all__ = ["DetectionSettings", "settings_for"]


@dataclass(frozen=True)
class DetectionSettings:
    """How to find and measure sources on one detector's products.

    Parameters
    ----------
    detector : str
        Lower case.
    fwhm_arcsec : float
        Width of the detection kernel.
    apertures_arcsec : (float, float)
        Radii of the two apertures.
    stellar_ci : (float, float)
        Concentration index (mag) of stars: below the first a source is a hot pixel or a
        cosmic ray, above the second it is extended.
    box_px : int
        Background boxes.
    nsigma_point, nsigma_segment : float
        Thresholds, in units of the background's rms.
    nsigma_crowded : float
        The same for segments where the field is crowded and the kernel a wavelet.
    wavelet_px : int
        Side of that wavelet.
    biggest, fraction : float
        A field is crowded where one segment covers more than the first of the exposed pixels or
        all segments cover more than the second.
    clip : (float, int)
        Sigmas and rounds of clipping of the background.
    depth_step : float
        Regions are split where the weight falls by this factor.
    star_fwhm_px : float
        Of the drizzled library PSF that centroids are fitted with: the width with which
        positions in genuine catalogs are reproduced.
    """

    detector: str
    fwhm_arcsec: float
    apertures_arcsec: tuple[float, float]
    stellar_ci: tuple[float, float]
    box_px: int = 13
    nsigma_point: float = 5.0
    nsigma_segment: float = 3.0
    nsigma_crowded: float = 2.0
    wavelet_px: int = 15
    biggest: float = 0.045
    fraction: float = 0.15
    clip: tuple[float, int] = (3.0, 3)
    depth_step: float = 1.5
    star_fwhm_px: float = 2.1

    @property
    def cosmic_rays(self) -> bool:
        """Whether single exposures of the detector are full of cosmic rays."""
        return self.detector not in ("ir", "sbc")

    def for_chips(self, chips: int) -> DetectionSettings:
        """Give the settings for a product of so many chips: with more, regions are coarser."""
        return replace(self, depth_step=max(self.depth_step, (chips - 1) / 2))


_IR: Final = DetectionSettings(
    "ir",
    0.14,
    (0.15, 0.45),
    (0.25, 0.55),
    nsigma_segment=5.0,
    wavelet_px=11,
    star_fwhm_px=1.9,
)
_UVIS: Final = DetectionSettings(
    "uvis", 0.076, (0.05, 0.15), (0.75, 1.0), box_px=27, biggest=0.015, fraction=0.075
)
_WFC: Final = replace(_UVIS, detector="wfc", stellar_ci=(0.9, 1.23))
_HRC: Final = DetectionSettings("hrc", 0.073, (0.03, 0.125), (0.9, 1.6))
_SBC: Final = DetectionSettings(
    "sbc",
    0.065,
    (0.07, 0.125),
    (0.15, 0.45),
    nsigma_point=6.0,
    nsigma_segment=10.0,
    nsigma_crowded=10.0,
    wavelet_px=23,
    clip=(6.0, 1),
    depth_step=100.0,
)
_SETTINGS: Final = {s.detector: s for s in (_IR, _UVIS, _WFC, _HRC, _SBC)}

_STELLAR_CI_TEXT: Final = """
ir    0.41 0.70  f098m f105w f110w f125w
ir    0.42 0.71  f126n f127m
ir    0.43 0.73  f128n f130n f132n
ir    0.44 0.75  f139m
ir    0.46 0.78  f140w
ir    0.47 0.80  f153m
ir    0.50 0.84  f160w
ir    0.53 0.89  f164n
ir    0.55 0.92  f167n
uvis  0.70 0.99  f218w f225w f275w f280n f300x f336w f343n f373n f390m f390w f395n
uvis  0.72 1.00  f410m f438w f467m
uvis  0.72 1.01  f475w f475x f487n f502n f547m f555w
uvis  0.73 1.01  f469n
uvis  0.73 1.02  f606w f621m f625w f631n f645n f656n f657n f658n f665n f673n f680n f689m f763m
uvis  0.74 1.03  f775w
uvis  0.75 1.04  f200lp f350lp f600lp f814w
uvis  0.77 1.06  f845m
uvis  0.80 1.11  f850lp
uvis  0.82 1.14  f953n
wfc   0.85 1.25  f435w f475w f502n f550m f555w
wfc   0.87 1.25  f606w
wfc   0.90 1.25  f625w f658n f660n f775w f814w
wfc   0.95 1.35  f850lp
hrc   0.88 1.23  f220w
hrc   0.89 1.24  f250w
hrc   0.90 1.25  f330w
hrc   0.91 1.26  f435w
hrc   0.92 1.28  f475w
hrc   0.92 1.29  f502n
hrc   0.94 1.31  f550m
hrc   0.95 1.32  f555w
hrc   1.02 1.42  f606w
hrc   0.99 1.38  f625w
hrc   1.00 1.39  f658n f660n
hrc   1.08 1.51  f775w
hrc   1.13 1.57  f814w
hrc   1.18 1.65  f850lp f892n
"""


def _read_stellar_ci(text: str) -> dict[tuple[str, str], tuple[float, float]]:
    rows = (line.split() for line in text.strip().splitlines())
    return {
        (detector, name): (float(low), float(high))
        for detector, low, high, *names in rows
        for name in names
    }


_STELLAR_CI: Final = _read_stellar_ci(_STELLAR_CI_TEXT)


def settings_for(detector: str, filter_name: str = "") -> DetectionSettings:
    """Give a detector's settings, with the limits of stars in one of its filters.

    Parameters
    ----------
    detector, filter_name : str
        Lower case, as in product names. A filter that the pipeline's table doesn't have gets
        the detector's own limits, an unknown detector the settings of ACS/WFC.
    """
    settings = _SETTINGS.get(detector, _WFC)
    limits = _STELLAR_CI.get((detector, filter_name), settings.stellar_ci)
    return replace(settings, stellar_ci=limits)
