"""What is true of a visit after the pipeline: how far its exposures disagree, by geometry alone.

An exposure's *displacement* is where its pixels land in the mosaic less where their sky really
is, as an affine function of position in the mosaic, one a chip. The *residual* of an exposure is
the largest difference of its displacement from the reference's over its own footprint. The
reference is the medoid: the exposure with the smallest exposure-time-weighted sum of residuals
of the others against it, ties to the earliest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from spacekit.errors import SimulationError
from spacekit.files import write_json
from spacekit.visit.truth import ALIGNED_PX, label_of

__all__ = [
    "ExposureTruth",
    "FilterTruth",
    "Truth",
    "Witness",
    "compute_truth",
    "truth_json",
    "write_truth",
]

#: Sums of residuals that differ by less are ties.
_TIE_PX: Final = 1e-6
#: Two sides whose exposure times differ by less than this share are equal halves.
_EVEN: Final = 0.1
_GRID: Final = 5


@dataclass(frozen=True)
class Witness:
    """One exposure, as far as truth needs it.

    Parameters
    ----------
    filename, filter : str
        Its file and filter.
    exptime_s : float
        Its weight.
    true, final : tuple of WCS
        Where each chip really points, and what the mosaic was drizzled with.
    shapes : tuple of (int, int)
        (ny, nx) of each chip.
    trail_px : float
        Length of a drift within the exposure.
    """

    filename: str
    filter: str
    exptime_s: float
    true: tuple[WCS, ...]
    final: tuple[WCS, ...]
    shapes: tuple[tuple[int, int], ...]
    trail_px: float = 0.0


@dataclass(frozen=True)
class ExposureTruth:
    """An exposure against the reference.

    Parameters
    ----------
    filename, filter : str
        Which.
    residual_px : float
        Largest over its footprint, pixels of the mosaic.
    dx_px, dy_px : float
        At the centre of the mosaic, in its axes, this less the reference.
    roll_deg : float
        The same for the rotation, from x to y.
    trail_px : float
        Length of a drift within the exposure.
    """

    filename: str
    filter: str
    residual_px: float
    dx_px: float
    dy_px: float
    roll_deg: float
    trail_px: float


@dataclass(frozen=True)
class FilterTruth:
    """A filter against the reference: exposure-time-weighted mean, and spread about it.

    Parameters
    ----------
    dx_px, dy_px, roll_deg : float
        As of an exposure.
    max_px : float
        Largest length of the mean vector over the filter's footprint.
    spread_px : float
        Largest residual of its exposures against that mean.
    """

    dx_px: float
    dy_px: float
    roll_deg: float
    max_px: float
    spread_px: float


@dataclass(frozen=True)
class Truth:
    """What is true of a mosaic.

    Parameters
    ----------
    label : int or None
        1 misaligned, 0 aligned, None ambiguous.
    offset_px : float
        Largest residual, pixels of the mosaic.
    scale_arcsec : float
        Pixel of the mosaic.
    reference : str
        File name of the medoid.
    pair : bool
        Whether two exposures, or two halves of as much exposure time, disagree: neither is the
        culprit.
    exposures : tuple of ExposureTruth
        In order of time.
    filters : dict of str to FilterTruth
        By filter.
    """

    label: int | None
    offset_px: float
    scale_arcsec: float
    reference: str
    pair: bool
    exposures: tuple[ExposureTruth, ...]
    filters: dict[str, FilterTruth]


@dataclass(frozen=True)
class _Chip:
    """Displacement of a chip: at its footprint's grid and as an affine of mosaic position."""

    place: NDArray[np.float64]  # (k, 2) px of the mosaic, about its centre
    shift: NDArray[np.float64]  # (k, 2) px
    affine: NDArray[np.float64]  # (3, 2): of (x, y, 1)

    def at(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement at (k, 2) places by the affine."""
        return np.asarray(_design(place) @ self.affine)


def _design(place: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([place, np.ones(len(place))])


def _chip(true: WCS, final: WCS, shape: tuple[int, int], mosaic: WCS, centre: Any) -> _Chip:
    y, x = np.meshgrid(
        np.linspace(0, shape[0] - 1, _GRID), np.linspace(0, shape[1] - 1, _GRID), indexing="ij"
    )
    lands = []
    for wcs in (true, final):
        sky = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
        lands.append(np.column_stack(mosaic.all_world2pix(*sky, 0)) - centre)
    place, shift = lands[0], lands[1] - lands[0]
    affine = np.linalg.lstsq(_design(place), shift, rcond=None)[0]
    return _Chip(place, shift, affine)


def _residual(chips: Sequence[_Chip], reference: Sequence[_Chip]) -> float:
    """Largest distance over the footprint of `chips`, chip against like chip."""
    worst = 0.0
    for chip, other in zip(chips, reference, strict=True):
        apart = chip.shift - other.at(chip.place)
        worst = max(worst, float(np.hypot(*apart.T).max()))
    return worst


def _mean_affine(chips: Sequence[_Chip]) -> NDArray[np.float64]:
    return np.asarray(np.mean([c.affine for c in chips], axis=0))


def _roll_deg(affine: NDArray[np.float64]) -> float:
    """Rotation of a small affine displacement, from x to y."""
    return float(np.degrees(0.5 * (affine[0, 1] - affine[1, 0])))


def _medoid(exposures: Sequence[Witness], chips: Sequence[Sequence[_Chip]]) -> int:
    sums = [
        sum(w.exptime_s * _residual(c, candidate) for w, c in zip(exposures, chips, strict=True))
        for candidate in chips
    ]
    best = min(sums)
    tie = _TIE_PX * sum(w.exptime_s for w in exposures)
    return next(i for i, total in enumerate(sums) if total <= best + tie)


def compute_truth(
    exposures: Sequence[Witness], mosaic: WCS, mosaic_shape: tuple[int, int]
) -> Truth:
    """Compare exposures with one another in a mosaic.

    Parameters
    ----------
    exposures : sequence of Witness
        All exposures of the mosaic, in order of time.
    mosaic : WCS
        Of the total product.
    mosaic_shape : tuple of int
        Its (ny, nx); vectors are given at its centre.

    Raises
    ------
    SimulationError
        If there are no exposures, or they differ in the number of chips.
    """
    if not exposures or len({len(w.true) for w in exposures}) != 1:
        raise SimulationError("truth needs exposures, all with the same number of chips")
    centre = np.array([(mosaic_shape[1] - 1) / 2, (mosaic_shape[0] - 1) / 2])
    chips = [
        [_chip(t, f, s, mosaic, centre) for t, f, s in zip(w.true, w.final, w.shapes, strict=True)]
        for w in exposures
    ]
    best = _medoid(exposures, chips)
    zero = _mean_affine(chips[best])
    found = tuple(_against(w, c, chips[best], zero) for w, c in zip(exposures, chips, strict=True))
    offset = max(e.residual_px for e in found)
    return Truth(
        label=label_of(offset, max(w.trail_px for w in exposures)),
        offset_px=offset,
        scale_arcsec=float(np.sqrt(abs(np.linalg.det(mosaic.pixel_scale_matrix))) * 3600),
        reference=exposures[best].filename,
        pair=offset > ALIGNED_PX and _are_halves(exposures, chips, best),
        exposures=found,
        filters=_filters(exposures, chips, chips[best], zero),
    )


def _are_halves(exposures: Sequence[Witness], chips: Sequence[Sequence[_Chip]], best: int) -> bool:
    """Say whether exposures are two sides that agree within themselves, none the larger."""
    if len(exposures) == 2:
        return True
    apart = [_residual(c, chips[best]) > ALIGNED_PX for c in chips]
    times = [
        sum(w.exptime_s for w, a in zip(exposures, apart, strict=True) if a is k)
        for k in (False, True)
    ]
    if abs(times[1] - times[0]) > _EVEN * times[0]:
        return False
    first = chips[apart.index(True)]
    return all(_residual(c, first) <= ALIGNED_PX for c, a in zip(chips, apart, strict=True) if a)


def _against(
    exposure: Witness,
    chips: Sequence[_Chip],
    reference: Sequence[_Chip],
    zero: NDArray[np.float64],
) -> ExposureTruth:
    affine = _mean_affine(chips) - zero
    same = chips is reference
    return ExposureTruth(
        exposure.filename,
        exposure.filter,
        0.0 if same else _residual(chips, reference),
        float(affine[2, 0]),
        float(affine[2, 1]),
        _roll_deg(affine),
        exposure.trail_px,
    )


def _filters(
    exposures: Sequence[Witness],
    chips: Sequence[Sequence[_Chip]],
    reference: Sequence[_Chip],
    zero: NDArray[np.float64],
) -> dict[str, FilterTruth]:
    out = {}
    for name in dict.fromkeys(w.filter for w in exposures):
        mine = [i for i, w in enumerate(exposures) if w.filter == name]
        weights = [exposures[i].exptime_s for i in mine]
        mean = []
        for k in range(len(reference)):
            affine = np.average([chips[i][k].affine for i in mine], axis=0, weights=weights)
            place = np.vstack([chips[i][k].place for i in mine])
            mean.append(_Chip(place, np.asarray(_design(place) @ affine), np.asarray(affine)))
        spread = max(_residual(chips[i], mean) for i in mine) if len(mine) > 1 else 0.0
        affine = _mean_affine(mean) - zero
        out[name] = FilterTruth(
            float(affine[2, 0]),
            float(affine[2, 1]),
            _roll_deg(affine),
            _residual(mean, reference),
            spread,
        )
    return out


def _vector(truth: ExposureTruth | FilterTruth, mas: float) -> dict[str, Any]:
    return {
        "dxdy_px": [round(truth.dx_px, 4), round(truth.dy_px, 4)],
        "dxdy_mas": [round(truth.dx_px * mas, 2), round(truth.dy_px * mas, 2)],
        "roll_deg": round(truth.roll_deg, 6),
    }


def _linear(wcs: Sequence[WCS]) -> list[dict[str, float]]:
    return [
        {
            "CRVAL1": float(w.wcs.crval[0]),
            "CRVAL2": float(w.wcs.crval[1]),
            **{
                f"CD{i + 1}_{j + 1}": float(w.pixel_scale_matrix[i, j])
                for i in (0, 1)
                for j in (0, 1)
            },
        }
        for w in wcs
    ]


def truth_json(truth: Truth, exposures: Sequence[Witness], mode: str) -> dict[str, Any]:
    """Lay the truth of one mosaic out for truth.json.

    Parameters
    ----------
    truth : Truth
        From `compute_truth`.
    exposures : sequence of Witness
        The same that it was computed from: their true and final WCS are recorded.
    mode : str
        What the headers got wrong.
    """
    mas = truth.scale_arcsec * 1000
    return {
        "label": truth.label,
        "offset_px": round(truth.offset_px, 4),
        "offset_mas": round(truth.offset_px * mas, 2),
        "mode": mode,
        "reference": truth.reference,
        "pair": truth.pair,
        "mosaic_scale_arcsec": round(truth.scale_arcsec, 6),
        "filters": {
            name: {
                **_vector(row, mas),
                "max_px": round(row.max_px, 4),
                "spread_px": round(row.spread_px, 4),
            }
            for name, row in truth.filters.items()
        },
        "exposures": [
            {
                "file": row.filename,
                "filter": row.filter,
                "residual_px": round(row.residual_px, 4),
                **_vector(row, mas),
                "trail_px": round(row.trail_px, 3),
                "true_wcs": _linear(witness.true),
                "final_wcs": _linear(witness.final),
            }
            for row, witness in zip(truth.exposures, exposures, strict=True)
        ],
    }


def write_truth(folder: Path, mosaics: Mapping[str, Mapping[str, Any]], **more: Any) -> Path:
    """Write truth.json beside a visit's products.

    Parameters
    ----------
    folder : Path
        The visit's.
    mosaics : mapping of str to mapping
        A total product's name to its entry from `truth_json`.
    **more
        What else to record (seed, spec).
    """
    path = folder / "truth.json"
    write_json(path, {"mosaics": dict(mosaics), **more})
    return path
