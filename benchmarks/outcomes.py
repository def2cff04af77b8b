"""What the embedded pipeline makes of one visit's error; workers import this by its name."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spacekit.mosaic.nouns import PipelineSettings
from spacekit.mosaic.pipeline import process_visit
from spacekit.simulate.draw import draw_spec
from spacekit.simulate.scene import visit_truth
from spacekit.simulate.visit import simulate_pair
from spacekit.visit.truth import ALIGNED_PX

__all__ = ["outcome_of"]

#: Half-repaired: less than this share is left. Worse: more than that.
REPAIRED_SHARE, WORSE_SHARE = 0.7, 1.3


def outcome_of(seed: int, k: int) -> dict[str, Any]:
    """Simulate the member of a scene that has the error; tell what is left of it."""
    # As drawn the fit is switched off in most visits, so that errors survive.
    spec = replace(draw_spec(seed, k), fit_enabled=True, gaia="many")
    bad = simulate_pair(spec, np.random.default_rng([seed, k, 1]))[0]
    settings = PipelineSettings(
        align=bad.fit_enabled, filter_products=False, catalogs=False, qa=False
    )
    with tempfile.TemporaryDirectory() as name:
        done = process_visit(bad.exposures, bad.reference, Path(name), settings)
    truth, entry = visit_truth(bad, done)
    before, after = float(entry["prior_offset_px"]), truth.offset_px
    if after <= ALIGNED_PX:
        outcome = "repaired"
    elif after < REPAIRED_SHARE * before:
        outcome = "half-repaired"
    else:
        outcome = "worse" if after > WORSE_SHARE * before else "unrepaired"
    return {
        "scene": k,
        "mode": spec.mode,
        "detector": spec.detector,
        "tried": bad.fit_enabled and len(bad.reference) >= 12,
        "method": done.fit.method,
        "refused": done.fit.reason,
        "prior_px": before,
        "final_px": after,
        "outcome": outcome,
    }
