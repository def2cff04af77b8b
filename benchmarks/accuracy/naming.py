"""Whether the right product is named, and how well offsets are measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.score import share
from benchmarks.accuracy.sets import read_parts
from benchmarks.accuracy.truths import MANY_SOURCES, read_truth
from benchmarks.offsets import against_truth, by_title, products_off
from benchmarks.tables import markdown
from spacekit.measure.file_names import findings_path
from spacekit.measure.findings import Findings, Group
from spacekit.measure.findings_file import read_findings
from spacekit.measure.verdict import judge
from spacekit.visit.truth import ALIGNED_PX

__all__ = ["naming_tables", "read_naming"]


def read_naming(work: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judge the findings on every visit of a set.

    Returns
    -------
    verdicts : DataFrame
        A row a visit and regime ("exposures", "filters"): visit, regime, named, right.
    offsets : DataFrame
        A row a measured offset, as of `benchmarks.offsets.against_truth`, with its visit.
    """
    verdicts: list[dict[str, Any]] = []
    offsets: list[dict[str, Any]] = []
    for table, part in read_parts(work, name):
        for index in table["index"]:
            findings = read_findings(findings_path(part / "img", index))
            if findings is None:
                continue
            visit = f"{part.name}/{index}"  # parts count their visits from 0, each by itself
            names = {s.title for s in findings.shapes} | _filters(findings)
            true = by_title(read_truth(part, index), names - {"total"})
            off = products_off(true)
            views = {"exposures": findings, "filters": _without_exposures(findings)}
            for regime, seen in views.items():
                culprits = set(judge(seen).culprits)
                verdicts.append(
                    {"visit": visit, "regime": regime, "named": bool(culprits),
                     "right": bool(culprits & off)}
                )  # fmt: skip
            offsets += [{"visit": visit, **row} for row in against_truth(findings, true)]
    return pd.DataFrame(verdicts), pd.DataFrame(offsets)


def _filters(findings: Findings) -> set[str]:
    titles = [o.title for g in (findings.filters, findings.exposures) for o in g.offsets]
    titles += [findings.filters.reference, findings.exposures.reference]
    return {title.split()[0] for title in titles if title}


def _without_exposures(findings: Findings) -> Findings:
    shapes = tuple(replace(s, spread_px=np.nan) for s in findings.shapes)
    return replace(findings, exposures=Group(), shapes=shapes)


def naming_tables(verdicts: pd.DataFrame, offsets: pd.DataFrame, truth: pd.DataFrame) -> list[str]:
    """Lay out how often the right product is named, and errors of offsets.

    Parameters
    ----------
    verdicts, offsets : DataFrame
        From `read_naming`.
    truth : DataFrame
        From `benchmarks.accuracy.truths.read_truths`.
    """
    truth = truth.assign(visit=truth["part"] + "/" + truth["index"])
    seen = verdicts.merge(truth, on="visit", validate="many_to_one")
    with_exposures = set(offsets.loc[offsets["kind"] == "exposure", "visit"])
    bad = seen[(seen["label"] == 1) & (seen["usable"] >= MANY_SOURCES)]
    good = seen[seen["label"] == 0]
    rows = []
    for regime, words in (("exposures", "exposure products"), ("filters", "filter products alone")):
        of = (bad["regime"] == regime) & ((regime == "filters") | bad["visit"].isin(with_exposures))
        aligned = good[good["regime"] == regime]
        several = bad[of & (bad["filters"] > 1)]
        rows.append(
            [words, share(bad.loc[of, "right"]), share(several["right"]), share(aligned["named"])]
        )
    firm = offsets[offsets["spread_px"] <= ALIGNED_PX].merge(truth, on="visit")
    firm = firm[firm["usable"] >= MANY_SOURCES]
    errors = []
    for kind, some in firm.groupby("kind"):
        error = some["error_px"]
        within = share(error <= 0.05)
        errors.append(
            [kind, len(some), f"{error.median():.3f}", f"{error.quantile(0.9):.3f}", within]
        )
    return [
        markdown(
            ["with", "right product named", "of visits with two filters and more",
             "aligned visits that name one"], rows),
        markdown(["offsets of", "n", "median error, px", "90%", "within 0.05 px"], errors),
    ]  # fmt: skip
