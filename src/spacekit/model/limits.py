"""How far a model has seen: beyond that its answers are guesses, and are marked so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacekit.measure.schema import DETECTORS, EVIDENCE, PUBLISHED, Kind
from spacekit.model.features import CATEGORICAL, NUMERIC, Features

__all__ = ["Limits", "evidence_share", "find_limits"]

#: Values beyond so many times the largest of training are far outside.
_FAR: Final = 3.0

#: Counts of sources may be so many times larger again: sets to train on are mostly of subarrays,
#: and a full-format field has up to 64 times the area of one of 512 px.
_RICHER: Final = 64.0

#: Counts of exposures and products: these don't grow with the field.
_FEW: Final = ("numexp", "filters", "unmatched", "exposures_unmatched")

#: Shifts are looked for so far, whatever training had: a longer one than any there, but found, is
#: no less a sign. (130 px along either axis, and more for a turn; beyond that it is none.)
_SHIFTS: Final = frozenset(
    {
        *("offset_px", "sure_px", "exposure_offset_px", "exposure_sure_px"),
        *("rejected_px", "rejected_turned_px", "twin_px"),
    }
)
_SEARCHED_PX: Final = 200.0

#: An unfamiliar mosaic's log-likelihood ratio counts so much: it is told, but not boldly.
_UNFAMILIAR: Final = 0.5

_GROWS: Final = frozenset(
    c.name for c in (*PUBLISHED, *EVIDENCE) if c.kind is Kind.COUNT and c.name not in _FEW
)


@dataclass(frozen=True)
class Limits:
    """What a model was trained on.

    Parameters
    ----------
    largest : dict of str to float
        Largest value of each numeric feature that training rows had.
    detectors : tuple of int
        Codes of the detectors among them; empty: not known.
    """

    largest: Mapping[str, float] = field(default_factory=dict)
    detectors: tuple[int, ...] = ()

    def unfamiliar(self, features: Features) -> list[str]:
        """Say for each row what is far outside of that; empty where nothing is.

        Parameters
        ----------
        features : Features
            N rows, columns `NUMERIC` and `CATEGORICAL`.
        """
        told: list[list[str]] = [[] for _ in range(len(features))]
        for name, largest in self.largest.items():
            values = features.numeric[:, NUMERIC.index(name)]
            # what was 0 in all of training has no scale of its own
            far = _FAR * (largest or 1.0) * (_RICHER if name in _GROWS else 1)
            if name in _SHIFTS:
                far = max(far, _SEARCHED_PX)
            for row in np.flatnonzero(values > far):
                told[row].append(f"{name} {values[row]:.4g}, training had up to {largest:.4g}")
        codes = features.categories[:, CATEGORICAL.index("det")]
        for row in np.flatnonzero(~np.isin(codes, self.detectors)) if self.detectors else ():
            name = DETECTORS.get(int(codes[row]), "unknown")
            told[row].append(f"detector {name}, not in training")
        return ["; ".join(words) for words in told]

    def bounded(self, numeric: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy with no value above the largest of training: the network need not extrapolate.

        Parameters
        ----------
        numeric : ndarray, shape (N, K), float32
            Columns `NUMERIC`, NaN where missing.
        """
        largest = [self.largest.get(name, np.inf) for name in NUMERIC]
        return np.minimum(numeric, np.array(largest, np.float32))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Limits:
        """Read back what ``dataclasses.asdict`` gave.

        Raises
        ------
        ValueError, TypeError, KeyError
            If it is something else.
        """
        largest = {str(name): float(value) for name, value in content["largest"].items()}
        if not set(largest) <= set(NUMERIC) or not np.isfinite(list(largest.values())).all():
            raise ValueError("limits of features that aren't known, or no numbers")
        return cls(largest, tuple(int(code) for code in content["detectors"]))


def find_limits(features: Features, rows: NDArray[np.int64]) -> Limits:
    """Find what training rows had."""
    largest = {}
    for number, name in enumerate(NUMERIC):
        values = features.numeric[rows, number]
        values = values[np.isfinite(values)]
        if len(values) and values.max() >= 0:
            largest[name] = float(values.max())
    codes = np.unique(features.categories[rows, CATEGORICAL.index("det")])
    return Limits(largest, tuple(int(code) for code in codes if code >= 0))


def evidence_share(unfamiliar: Sequence[str]) -> NDArray[np.float64]:
    """Give how much of each mosaic's log-likelihood ratio counts, shape (N,).

    Parameters
    ----------
    unfamiliar : sequence of str
        As `Limits.unfamiliar` gives it.
    """
    return np.where([bool(words) for words in unfamiliar], _UNFAMILIAR, 1.0)
