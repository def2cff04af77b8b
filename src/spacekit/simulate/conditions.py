"""What a scene may be and what it is taken under: kinds, classes, and how often each is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "FIELD_BINS",
    "FOCUS_BINS_NM",
    "GAIA_CLASSES",
    "MOVING_KINDS",
    "SCENE_KINDS",
    "Conditions",
]

#: Kinds of scene and how often each is drawn.
SCENE_KINDS: Final[dict[str, float]] = {
    "blank": 0.08,
    "stars": 0.32,
    "crowded": 0.10,
    "cluster": 0.11,
    "galaxies": 0.14,
    "galaxy-cluster": 0.06,
    "big-galaxy": 0.07,
    "nebula": 0.07,
    "planet": 0.025,
    "moving-target": 0.025,
}
#: Kinds whose target moves against the stars: MTFLAG is T.
MOVING_KINDS: Final = frozenset({"planet", "moving-target"})
#: Classes of how many reference stars fall on the field, and how often each is drawn. More than
#: half of the visits have fewer than 12, the least that the pipeline's fit wants.
GAIA_CLASSES: Final[dict[str, float]] = {"none": 0.12, "few": 0.43, "many": 0.45}
#: Where the focus may be as the telescope breathes: defocus, nm rms of the wavefront.
FOCUS_BINS_NM: Final = (-18.0, 0.0, 18.0)
#: Places in the field: the third of it with the least astigmatism, the middle one, the worst.
FIELD_BINS: Final = 3


@dataclass(frozen=True)
class Conditions:
    """What is the same for all exposures of a visit.

    Parameters
    ----------
    sky : float
        Factor on the filter's typical sky.
    cosmic_rays : float
        Factor on the detector's typical rate.
    focus_bin : int
        Index into `FOCUS_BINS_NM`.
    field_bin : int
        Where in the detector's field: up to `FIELD_BINS` - 1. For a window of 512 px and less the
        third of the field by astigmatism, for a larger one its place from left to right.
    """

    sky: float = 1.0
    cosmic_rays: float = 1.0
    focus_bin: int = 1
    field_bin: int = 1
