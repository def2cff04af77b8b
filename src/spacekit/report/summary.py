"""The whole at a glance: counts, by detector, the distribution of the probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from spacekit.report.nouns import Entry, Summary
from spacekit.visit.nouns import Problem

__all__ = ["BINS", "summarise"]

BINS: Final = 20
#: The page lists so many; problems.csv has them all.
_MOST_PROBLEMS: Final = 200


def summarise(entries: Sequence[Entry], problems: Sequence[Problem]) -> Summary:
    """Count verdicts, detectors and probabilities; the fatal problems come first."""
    verdicts = pd.DataFrame(
        {
            "detector": [entry.detector for entry in entries],
            "suspicious": [entry.verdict == 1 for entry in entries],
            "aligned": [entry.verdict == 0 for entry in entries],
            "unanswered": [entry.verdict is None for entry in entries],
        }
    )
    grouped = verdicts.groupby("detector")
    by_detector = grouped.sum().astype(int)
    by_detector.insert(0, "mosaics", grouped.size())
    probabilities = [e.probability for e in entries if e.probability is not None]
    counts, _ = np.histogram(probabilities, bins=BINS, range=(0, 1))
    ordered = sorted(problems, key=lambda problem: not problem.fatal)
    return Summary(
        mosaics=len(entries),
        suspicious=int(verdicts["suspicious"].sum()),
        aligned=int(verdicts["aligned"].sum()),
        unanswered=int(verdicts["unanswered"].sum()),
        by_detector=by_detector.reset_index(),
        histogram=tuple(int(count) for count in counts),
        problems=tuple(ordered[:_MOST_PROBLEMS]),
        problems_total=len(problems),
    )
