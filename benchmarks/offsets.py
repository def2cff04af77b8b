"""How well offsets are measured and culprits named, on visits whose truth is known.

    spacekit svm simulate VISITS --visits 120 --seed 78 --exposure-products
    python -m benchmarks.offsets VISITS [--out OUT]

VISITS is a folder of visits with truth.json in each (the simulator's), or with a folder of
``<ipppss>.json`` given by ``--truth``. Each visit is measured three times: with its exposure and
filter products, with filters only, and with the total alone. Tables go to the screen; ``--out``
also gets them as offsets.md, and every offset and verdict as CSV.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tables import markdown
from spacekit.measure.evidence import measure_evidence
from spacekit.measure.findings import Findings, Offset
from spacekit.measure.summary import Evidence
from spacekit.measure.verdict import judge
from spacekit.visit.discovery import find_mosaics
from spacekit.visit.nouns import Mosaic
from spacekit.visit.truth import ALIGNED_PX, MISALIGNED_PX, of_mosaic, read_truth

#: With so many usable sources a culprit should be named.
ENOUGH_SOURCES = 10
#: An aligned visit should show no offset beyond this.
FALSE_PX = 0.2
REGIMES = ("exposures", "filters", "total")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("visits", type=Path)
    parser.add_argument("--truth", type=Path, help="folder of <ipppss>.json")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    offsets, verdicts = measure(args.visits, args.truth)
    text = "\n\n".join(tables(offsets, verdicts))
    print(text)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "offsets.md").write_text(text + "\n", encoding="utf-8")
        offsets.to_csv(args.out / "offsets.csv", index=False)
        verdicts.to_csv(args.out / "verdicts.csv", index=False)


def measure(visits: Path, truth: Path | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every visit: a row an offset, and a row a visit and regime."""
    offsets: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for mosaic in find_mosaics(visits)[0]:
        true = truth_of(mosaic, truth)
        if true is None:
            continue
        for regime in REGIMES:
            start = time.process_time()
            evidence = measure_evidence(limited(mosaic, regime))
            row = {
                "index": mosaic.index,
                "detector": mosaic.total.name.detector,
                "mode": true["mode"],
                "label": true["label"],
                "offset_px": true["offset_px"],
                "regime": regime,
                "cpu_s": time.process_time() - start,
            }
            verdicts.append(row | judged(evidence, true))
            if regime == "exposures":
                offsets += [row | compared for compared in against_truth(evidence.findings, true)]
    return pd.DataFrame(offsets), pd.DataFrame(verdicts)


def truth_of(mosaic: Mosaic, folder: Path | None) -> dict[str, Any] | None:
    """Read the truth of one mosaic; names of filters in lower case."""
    ipppss = mosaic.total.name.ipppss
    path = folder / f"{ipppss}.json" if folder else mosaic.folder / "truth.json"
    if not path.is_file():
        return None
    true = of_mosaic(str(mosaic.total.name), read_truth(path).mosaics)
    return by_title(true.entry, {p.name.filter for p in mosaic.filters}) if true else None


def by_title(true: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    """Key filters and exposures of a truth by their titles, as findings call them."""
    filters = {hap_filter(k, names): v for k, v in true["filters"].items()}
    exposures = {f"{hap_filter(e['filter'], names)} {e['file'][6:8]}": e for e in true["exposures"]}
    return {**true, "filters": filters, "exposures": exposures}


def hap_filter(name: str, known: set[str]) -> str:
    """Give a filter's name in products: "F814W" is "f814w" or "f814w-clear2l"."""
    return next((k for k in sorted(known) if name.lower() in k), name.lower())


def limited(mosaic: Mosaic, regime: str) -> Mosaic:
    """Take away what a regime doesn't have."""
    if regime == "total":
        return replace(mosaic, filters=(), exposures=())
    return mosaic if regime == "exposures" else replace(mosaic, exposures=())


def judged(evidence: Evidence, true: dict[str, Any]) -> dict[str, Any]:
    """Compare the verdict with the truth."""
    verdict = judge(evidence.findings)
    off = products_off(true)
    return {
        "sources": true.get("usable_sources", evidence.columns["ellipticity_sources"]),
        "named": bool(verdict.culprits),
        "right": bool(set(verdict.culprits) & off),
        "wrong": sum(c not in off for c in verdict.culprits),
        "measured_px": np.fmax(
            evidence.columns["offset_px"], evidence.columns["exposure_offset_px"]
        ),
        "ellipticity": evidence.columns["ellipticity"],
        "total_deficit": evidence.columns["total_deficit"],
        "pair_excess": evidence.columns["pair_excess"],
        "reason": verdict.reason,
    }


def products_off(true: dict[str, Any]) -> set[str]:
    """Name what may rightly be called a culprit.

    An exposure that is off, a filter that has one, or whose exposures disagree; of two sides
    of equal weight either is.
    """
    off = {k for k, e in true["exposures"].items() if e["residual_px"] >= MISALIGNED_PX}
    off |= {title.split()[0] for title in off}
    return off | {k for k, f in true["filters"].items() if f["spread_px"] > ALIGNED_PX}


def against_truth(findings: Findings, true: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the error of each measured offset."""
    filters, exposures = findings.filters, findings.exposures
    for kind, group, truths in (
        ("filter", filters, true["filters"]),
        ("exposure", exposures, true["exposures"]),
    ):
        for offset in group.offsets:
            own, reference = truths[offset.title], truths[group.reference]
            yield {
                "kind": kind,
                "product": offset.title,
                "reference": group.reference,
                "error_px": error_px(offset, own, reference),
                "sigma_px": offset.sigma_px,
                "matched": offset.sources,
                "method": offset.method,
                "spread_px": max(own.get("spread_px", 0.0), reference.get("spread_px", 0.0)),
            }


def error_px(offset: Offset, own: dict[str, Any], reference: dict[str, Any]) -> float:
    """Length of the difference between a measured and a true vector."""
    true = np.subtract(own["dxdy_px"], reference["dxdy_px"])
    return float(np.hypot(*(np.array([offset.dx_px, offset.dy_px]) - true)))


def tables(offsets: pd.DataFrame, verdicts: pd.DataFrame) -> list[str]:
    """Write what there is to say."""
    firm = offsets[offsets["spread_px"] <= ALIGNED_PX]
    bands = pd.cut(firm["matched"], [-1, 9, 29, 99, 1e9], labels=["0-9", "10-29", "30-99", "100+"])
    return [
        "## Error of the vectors, px (filters with a spread up to 0.25 px, all exposures)",
        errors(firm, ["kind"]),
        errors(firm, ["kind", "detector"]),
        errors(firm.assign(matched=bands), ["kind", "matched"]),
        errors(firm, ["kind", "mode"]),
        errors(firm, ["method"]),
        "## Right product named among misaligned visits, "
        f"those with {ENOUGH_SOURCES} usable sources and more",
        *naming(verdicts),
        "## Aligned visits",
        false_offsets(verdicts),
        f"Core-seconds a visit: {cost(verdicts)}",
    ]


def errors(rows: pd.DataFrame, by: list[str]) -> str:
    """Tell number, median, 90th percentile, and the median in units of sigma."""
    out = []
    for key, some in rows.groupby(by, observed=True):
        error, pull = some["error_px"], some["error_px"] / some["sigma_px"]
        out.append(
            [*key, len(some), f"{error.median():.3f}", f"{error.quantile(0.9):.3f}",
             f"{(error <= 0.05).mean():.0%}", f"{pull.median():.2f}"]
        )  # fmt: skip
    return markdown([*by, "n", "median", "90%", "within 0.05", "median / sigma"], out)


def naming(verdicts: pd.DataFrame) -> Iterator[str]:
    """Tell how often the right product is named, by regime, mode and detector."""
    bad = verdicts[(verdicts["label"] == 1) & (verdicts["regime"] != "total")]
    bad = bad[bad["sources"] >= ENOUGH_SOURCES]
    for by in (["regime"], ["regime", "mode"], ["regime", "detector"]):
        rows = [
            [*key, len(some), f"{some['right'].mean():.1%}", f"{(~some['named']).mean():.1%}"]
            for key, some in bad.groupby(by)
        ]
        yield markdown([*by, "visits", "right", "none named"], rows)


def false_offsets(verdicts: pd.DataFrame) -> str:
    """Tell how often an aligned visit shows an offset or gets a culprit."""
    good = verdicts[verdicts["label"] == 0]
    rows = []
    for regime, some in good.groupby("regime"):
        largest = some["measured_px"]
        rows.append(
            [regime, len(some), int((largest > FALSE_PX + ALIGNED_PX).sum()),
             f"{(largest - some['offset_px']).max():.2f}", int(some["named"].sum())]
        )  # fmt: skip
    return markdown(
        ["regime", "visits", "offset over 0.45 px", "largest excess, px", "culprit named"], rows
    )


def cost(verdicts: pd.DataFrame) -> str:
    """Tell the mean time a visit by regime."""
    means = verdicts.groupby("regime")["cpu_s"].mean()
    return ", ".join(f"{regime} {seconds:.2f}" for regime, seconds in means.items())


if __name__ == "__main__":
    main()
