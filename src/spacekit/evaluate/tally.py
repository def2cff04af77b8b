"""Count verdicts part by part: the one way for files, page and screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacekit.measure.schema import CATEGORIES, DETECTORS
from spacekit.visit.nouns import Problem
from spacekit.visit.tables import numbers_in

__all__ = [
    "BINS",
    "MOST_SHOWN",
    "WORDS",
    "Tally",
    "foremost",
    "is_blind",
    "tally_of",
    "verdict_word",
    "verdicts_of",
]

#: What people are told of a mosaic, in a word.
WORDS: Final = ("suspicious", "aligned", "can't tell", "no answer")
_SUSPICIOUS, _ALIGNED, _CANT_TELL, _NO_ANSWER = WORDS

#: Bins of the probability.
BINS: Final = 20
#: So many mosaics are kept to be shown; predictions.csv has them all.
MOST_SHOWN: Final = 2000
#: So many problems are kept to be shown; problems.csv has them all.
_MOST_PROBLEMS: Final = 200

_COUNTS: Final = ("mosaics", *WORDS)


def verdicts_of(predictions: pd.DataFrame) -> pd.DataFrame:
    """Take detector, verdict and probability from a table that may be a stranger's.

    Parameters
    ----------
    predictions : DataFrame
        As in predictions.csv; what it lacks is unknown.

    Returns
    -------
    DataFrame
        Rows as those of the table: ``detector`` ("ir", ..., "unknown"), ``probability`` (of
        misalignment, 0 to 1, NaN where there is none) and ``verdict``, one of `WORDS`: there is
        no answer without a probability either.
    """
    probability = numbers_in(predictions, "y_proba")
    probability[~((probability >= 0) & (probability <= 1))] = np.nan
    verdict = numbers_in(predictions, "y_pred")
    verdict[~np.isin(verdict, (0, 1)) | np.isnan(probability)] = np.nan
    # numbers in tables that are ready, words in raw ones
    words = predictions["det"] if "det" in predictions.columns else [None] * len(predictions)
    detectors = [
        DETECTORS.get(number, word if word in CATEGORIES["det"] else "unknown")
        for number, word in zip(numbers_in(predictions, "det"), words, strict=True)
    ]
    rests_on = [""] * len(predictions)
    if "rests_on" in predictions.columns:
        column = predictions["rests_on"].tolist()
        rests_on = [text if isinstance(text, str) else "" for text in column]
    found = [verdict_word(*row) for row in zip(verdict, rests_on, strict=True)]
    return pd.DataFrame(
        {"detector": detectors, "verdict": found, "probability": probability},
        index=predictions.index,
    )


def foremost(predictions: pd.DataFrame, most: int = MOST_SHOWN) -> pd.DataFrame:
    """Choose the `most` mosaics with the highest probability, in the order of the table.

    Those without an answer are chosen last, of equals the first.
    """
    if len(predictions) <= most:
        return predictions
    probability = verdicts_of(predictions)["probability"].fillna(-1.0).to_numpy()
    chosen = np.argsort(-probability, kind="stable")[:most]
    return predictions.iloc[np.sort(chosen)]


def is_blind(rests_on: str) -> bool:
    """Say whether an answer rests on no measurement of the pixels, by what it rests on.

    False where that isn't known: tables of an older version don't tell, with an empty text.
    """
    return bool(rests_on) and "pixels" not in rests_on and "one exposure" not in rests_on


def verdict_word(verdict: float, rests_on: str) -> str:
    """Give the word for a mosaic, which all that people look at shows and counts.

    "Aligned" would say that somebody looked: a blind 0 is told as "can't tell".

    Parameters
    ----------
    verdict : float
        As y_pred: 1.0, 0.0, or NaN where there is no answer.
    rests_on : str
        What the answer rests on; empty where that isn't known.

    Returns
    -------
    str
        One of `WORDS`.
    """
    if verdict == 1:
        return _SUSPICIOUS
    if verdict == 0:
        return _CANT_TELL if is_blind(rests_on) else _ALIGNED
    return _NO_ANSWER


class Tally:
    """Verdicts and problems counted, and as many of them kept as can be looked at.

    Attributes
    ----------
    unfamiliar : int
        Mosaics unlike any in training.
    histogram : ndarray, shape (BINS,), int64
        Mosaics in equal bins of the probability from 0 to 1.
    foremost : DataFrame
        The `MOST_SHOWN` mosaics with the highest probability, as in predictions.csv.
    problems : tuple of Problem
        The first 200, the fatal ones before the others.
    problems_total, lost : int
        How many there are in all, and how many of them are fatal.
    """

    def __init__(self) -> None:
        self.unfamiliar = 0
        self.histogram: NDArray[np.int64] = np.zeros(BINS, np.int64)
        self.foremost = pd.DataFrame()
        self.problems: tuple[Problem, ...] = ()
        self.problems_total = 0
        self.lost = 0
        self._detectors = pd.DataFrame(columns=list(_COUNTS), dtype=np.int64)
        self._powers = np.zeros(3)  # sums of the probability to the power of 0, 1, 2

    def add(self, predictions: pd.DataFrame) -> None:
        """Count a part of predictions.csv, which follows the parts before."""
        found = verdicts_of(predictions)
        known = found["probability"].dropna().to_numpy()
        words = {word: found["verdict"] == word for word in WORDS}
        counts = pd.DataFrame({"mosaics": 1, **words}, found.index)
        counts = counts.astype(np.int64).groupby(found["detector"]).sum()
        self._detectors = self._detectors.add(counts, fill_value=0).astype(np.int64)
        self._powers += [len(known), known.sum(), (known**2).sum()]
        self.histogram += np.histogram(known, bins=BINS, range=(0, 1))[0]
        if "unfamiliar" in predictions.columns:
            self.unfamiliar += int((predictions["unfamiliar"].fillna("") != "").sum())
        both = [table for table in (self.foremost, predictions) if len(table)]
        self.foremost = foremost(pd.concat(both) if both else predictions)

    def add_problems(self, problems: Sequence[Problem]) -> None:
        """Count problems."""
        self.problems_total += len(problems)
        self.lost += sum(problem.fatal for problem in problems)
        ordered = sorted((*self.problems, *problems), key=lambda problem: not problem.fatal)
        self.problems = tuple(ordered[:_MOST_PROBLEMS])

    @property
    def by_detector(self) -> pd.DataFrame:
        """Columns detector, mosaics and `WORDS`, by name of detector."""
        return self._detectors.rename_axis("detector").sort_index().reset_index()

    @property
    def mosaics(self) -> int:
        """How many were counted."""
        return int(self._detectors["mosaics"].sum())

    @property
    def suspicious(self) -> int:
        """Those called so, as they are with the others of `WORDS`."""
        return self._count(_SUSPICIOUS)

    @property
    def aligned(self) -> int:
        """Those found aligned on their pixels."""
        return self._count(_ALIGNED)

    @property
    def untold(self) -> int:
        """Those that can't be told: a verdict of 0 with nothing measured on the pixels."""
        return self._count(_CANT_TELL)

    @property
    def unanswered(self) -> int:
        """Those without a verdict."""
        return self._count(_NO_ANSWER)

    def _count(self, word: str) -> int:
        return int(self._detectors[word].sum())

    @property
    def mean(self) -> float:
        """Mean probability, NaN where there is none."""
        number, total, _ = self._powers
        return float(total / number) if number else math.nan

    @property
    def deviation(self) -> float:
        """Standard deviation of the probability (of the whole), NaN where there is none."""
        number, _, squares = self._powers
        return math.sqrt(max(0.0, squares / number - self.mean**2)) if number else math.nan


def tally_of(predictions: pd.DataFrame, problems: Sequence[Problem] = ()) -> Tally:
    """Count a whole table."""
    tally = Tally()
    tally.add(predictions)
    tally.add_problems(problems)
    return tally
