"""What a logit is worth: likelihood ratios, probabilities at a prevalence, thresholds.

A network trained on half bad mosaics doesn't know how rare they are. Its logit is turned into a
log-likelihood ratio (how much more often bad mosaics give such an answer than good ones), by a
straight line for each regime of evidence; a probability is that ratio applied to a prevalence.
What the good mosaics of a regime hardly ever reach is its threshold: where exposures were
compared the good ones stay far lower than where the total alone is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from spacekit.errors import OptionError
from spacekit.model.regimes import REGIMES

__all__ = [
    "ALONE",
    "FALSE_POSITIVE_RATE",
    "PREVALENCE",
    "Calibration",
    "Line",
    "ceiling",
    "choose_threshold",
    "fit_line",
    "log_ratio",
    "probability",
]

#: Share of mosaics in the archive that are misaligned: the order of what regression runs of the
#: pipeline showed (5 of some 1,000 grossly, more by a pixel or so).
PREVALENCE: Final = 0.02

#: The share of good mosaics that may be flagged, where there are enough to tell.
FALSE_POSITIVE_RATE: Final = 0.005

#: Log-likelihood ratios stay within: no calibration set shows that an answer is worth more.
LARGEST_LOG_RATIO: Final = 10.0

#: Fewest rows that a line is fitted on, and how steep it may be.
FEWEST_TO_CALIBRATE: Final = 20
_STEEPEST: Final = 4.0
#: Rows of each class that a fit believes it has seen beyond those it has. Platt takes one; held
#: against rows left out, that makes what is certain look doubtful.
_UNSEEN: Final = 0.1

#: The log-likelihood ratio of a mosaic of one exposure. No other one is there that it could
#: disagree with; how many went into a mosaic is a header's word, so it is not taken for certain.
ALONE: Final = -5.0

#: A threshold lies between: below, such an answer is not three times as frequent among the bad.
_LOWEST, _HIGHEST = math.log(3), 8.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A straight line from logit to log-likelihood ratio.

    Parameters
    ----------
    slope, intercept : float
        log ratio = slope * logit + intercept.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def log_ratio(self, logits: Floats) -> Floats:
        """Give log-likelihood ratios, within `LARGEST_LOG_RATIO`."""
        ratio = self.slope * np.asarray(logits, float) + self.intercept
        return np.clip(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)


@dataclass(frozen=True)
class Calibration:
    """How logits become verdicts.

    Parameters
    ----------
    lines : tuple of Line
        One for each of `REGIMES`.
    thresholds : tuple of float
        Log-likelihood ratio from which on a mosaic is suspicious, whatever the prevalence; one
        for each of `REGIMES`.
    prevalence : float
        Share of misaligned mosaics that probabilities are given for.
    """

    lines: tuple[Line, ...] = (Line(),) * len(REGIMES)
    thresholds: tuple[float, ...] = (0.0,) * len(REGIMES)
    prevalence: float = PREVALENCE

    def __post_init__(self) -> None:
        values = [*self.thresholds, *(v for k in self.lines for v in (k.slope, k.intercept))]
        counts = {len(self.lines), len(self.thresholds)}
        if counts != {len(REGIMES)} or not np.isfinite(values).all():
            raise ValueError(f"calibration needs {len(REGIMES)} lines and finite thresholds")
        if any(not 0 <= line.slope <= _STEEPEST for line in self.lines):
            raise ValueError("calibration turns answers around")
        if not 0 < self.prevalence < 1:
            raise ValueError(f"prevalence is {self.prevalence!r}, not between 0 and 1")

    def log_ratio(self, logits: Floats, regimes: NDArray[np.int64]) -> Floats:
        """Give the log-likelihood ratio of each row, by its regime."""
        return np.choose(regimes, [line.log_ratio(logits) for line in self.lines])

    def suspicious(self, ratios: Floats, regimes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Say which log-likelihood ratios reach the threshold of their regime."""
        return np.asarray(ratios >= np.array(self.thresholds)[regimes])

    def asked_prevalence(self, prevalence: float | None) -> float:
        """Give the prevalence that a person asks for, the stored one where they don't.

        Raises
        ------
        OptionError
            If it is none.
        """
        if prevalence is None:
            return self.prevalence
        if not 0 < prevalence < 1:
            raise OptionError(f"prevalence is {prevalence:g}; give a share between 0 and 1")
        return prevalence

    def probability_thresholds(self, prevalence: float | None = None) -> dict[str, float]:
        """Give thresholds by regime, as probabilities at a prevalence; the stored one by default.

        None for mosaics of a single exposure, which never reach one.

        Raises
        ------
        OptionError
            If the prevalence is none.
        """
        values = probability(np.array(self.thresholds), self.asked_prevalence(prevalence))
        told = dict(zip(REGIMES, values.tolist(), strict=True))
        return {name: value for name, value in told.items() if name != "single"}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Calibration:
        """Read back what ``dataclasses.asdict`` gave."""
        lines = tuple(Line(float(c["slope"]), float(c["intercept"])) for c in content["lines"])
        thresholds = tuple(float(value) for value in content["thresholds"])
        return cls(lines, thresholds, float(content["prevalence"]))


def probability(ratios: Floats, prevalence: float) -> Floats:
    """Apply likelihood ratios to a prevalence (Bayes)."""
    logit = np.asarray(ratios, float) + math.log(prevalence / (1 - prevalence))
    return np.asarray(np.exp(-np.logaddexp(0, -logit)))


def log_ratio(proba: Floats, prevalence: float) -> Floats:
    """Give the log-likelihood ratios that probabilities at a prevalence stand for."""
    return np.log(proba / (1 - proba)) - math.log(prevalence / (1 - prevalence))


def fit_line(logits: Floats, labels: NDArray[np.float32]) -> tuple[Line, str]:
    """Fit the line that makes logits log-likelihood ratios.

    Platt's (1999) scaling with targets like his, which keep it finite where the classes don't
    overlap; both classes weigh alike, so that what is fitted is a ratio, not the odds of the
    rows at hand.

    Returns
    -------
    Line
        The identity where there are too few rows to fit it.
    str
        A note where it was not fitted, else empty.
    """
    from scipy.optimize import minimize  # a tenth of a second that predict doesn't need

    bad = labels == 1
    if len(labels) < FEWEST_TO_CALIBRATE or not 0 < bad.sum() < len(bad):
        return Line(), f"not calibrated: {len(labels)} rows to calibrate on"
    counts = float(bad.sum()), float((~bad).sum())
    shares = [_UNSEEN / (count + 2 * _UNSEEN) for count in counts]
    target = np.where(bad, 1 - shares[0], shares[1])
    weight = np.where(bad, 0.5 / counts[0], 0.5 / counts[1])

    def cost(line: Floats) -> float:
        z = line[0] * logits + line[1]
        return float(np.sum(weight * (np.logaddexp(0, z) - target * z)))

    best = minimize(cost, (1.0, 0.0), bounds=((0.05, _STEEPEST), (-10, 10)), method="L-BFGS-B")
    return Line(float(best.x[0]), float(best.x[1])), ""


def ceiling(good: Floats, fpr: float = FALSE_POSITIVE_RATE) -> float:
    """Give the answer above which at most floor(fpr n) of the n good mosaics lie."""
    return float(np.sort(good)[::-1][int(fpr * len(good))])


def choose_threshold(ratios: Floats, labels: NDArray[np.float32]) -> tuple[float, str]:
    """Threshold at which at most 0.5% of a regime's good mosaics are flagged.

    With n good mosaics floor(0.005 n) may be flagged: none below 200, and then the rate is only
    known to be below about 3/n. The threshold lies halfway between the first good mosaic that
    must not be flagged and the next bad one above it, and within log 3 and 8.

    Returns
    -------
    float
        The threshold, a log-likelihood ratio.
    str
        A note where there were too few good mosaics to measure the rate.
    """
    good = ratios[labels == 0]
    if not len(good):
        return _LOWEST, "threshold not chosen: no good mosaic to calibrate on"
    highest = ceiling(good)
    above = ratios[(labels == 1) & (ratios > highest)]
    top = min(above.min(), highest + 1.0) if len(above) else highest + 1.0
    threshold = float(np.clip((highest + top) / 2, _LOWEST, _HIGHEST))
    few = len(good) < 1 / FALSE_POSITIVE_RATE
    said = f"threshold chosen on {len(good)} good mosaics: fewer than 200 can't show a rate of 0.5%"
    return threshold, said if few else ""
