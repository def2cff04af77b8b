"""A model's answers to the visits of a set, with more and less to go by."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spacekit.model.calibrate import log_ratio
from spacekit.model.dataset import Dataset, batches
from spacekit.model.features import NUMERIC, Features
from spacekit.model.infer import Model
from spacekit.model.regimes import VIEWS

__all__ = ["ask", "logits_of", "plain_match"]

#: What a plain match of stars between filter products is called misaligned from.
_PLAIN_PX: Final = 0.4


def ask(model: Model, data: Dataset, view: str, *, frames: bool = True) -> pd.DataFrame:
    """Ask a model about every visit of a set.

    Parameters
    ----------
    model : Model
        Whom.
    data : Dataset
        The visits, frames at the model's size.
    view : str
        What is left of them, a key of `spacekit.model.regimes.VIEWS`.
    frames : bool
        Whether it sees frames.

    Returns
    -------
    DataFrame
        index, log_ratio, y_proba, y_pred; a row a visit.
    """
    logits = logits_of(model, data, view, frames=frames)
    data = data.seen_as(VIEWS[view])
    features = replace(data.features, notes={})
    seen = np.column_stack(
        [data.stamps[:, 0, 1].reshape(len(data), -1).any(axis=1), data.has_frames > 0]
    )
    prevalence = model.manifest.calibration.prevalence
    answers = model.answers(features, logits, seen, prevalence)
    ratios = log_ratio(answers["y_proba"].to_numpy(), prevalence)
    return answers.assign(index=data.index, log_ratio=ratios)


def logits_of(
    model: Model, data: Dataset, view: str, *, frames: bool = True
) -> NDArray[np.float64]:
    """Give the logits of every visit of a set; parameters as of `ask`."""
    data = data.seen_as(VIEWS[view])
    logits = np.zeros(len(data))
    for batch in batches(data, np.arange(len(data)), 32):
        some = Features(batch.numeric, batch.categories, {})
        logits[batch.rows] = model.logits(some, batch.frames if frames else None, batch.stamps)
    return logits


def plain_match(data: Dataset) -> NDArray[np.bool_]:
    """Answer without learning: filter products that lie 0.4 px and more apart."""
    shift = data.features.numeric[:, NUMERIC.index("offset_px")]
    return np.nan_to_num(shift) > _PLAIN_PX
