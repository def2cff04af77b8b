"""The page that says how close the embedded pipeline comes to the real one."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.genuine.measures import (
    Image,
    Magnitudes,
    compare_magnitudes,
    detect_on,
    measure_image,
)
from benchmarks.genuine.prose import CLOSING, INTRODUCTION, REASONS, SECTIONS
from benchmarks.genuine.runs import Run, true_of
from benchmarks.present import present
from benchmarks.tables import markdown
from spacekit.files import write_text
from spacekit.measure.evidence import measure_evidence
from spacekit.measure.prep import measure_mosaic
from spacekit.measure.schema import PUBLISHED
from spacekit.measure.settings import PrepSettings
from spacekit.measure.summary import Evidence
from spacekit.visit.drizzled import Drizzled, read_drizzled
from spacekit.visit.nouns import Mosaic

Rows = list[list[str]]

#: Rows of the table that holds differences against visit-to-visit scatter, and their units.
QUANTITIES = {
    "noise": "noise in the mosaic",
    "fwhm_px": "width of stars",
    "weight_s": "weight",
    "lost": "pixels that lost an exposure",
    "cores": "star cores that lost an exposure",
}


@dataclass(frozen=True)
class Side:
    """What was measured of one pipeline's products of a visit."""

    total: Drizzled
    row: dict[str, Any]
    evidence: Evidence
    images: dict[str, Image]
    crossmatched: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Measured:
    """A visit and what was measured of it."""

    run: Run
    sides: dict[str, Side]
    magnitudes: dict[str, Magnitudes]


def measure(run: Run) -> Measured:
    """Measure both pipelines' products of a visit."""
    sides = {name: _side(mosaic) for name, mosaic in run.sides.items()}
    ours = {p.name.filter: p for p in run.ours.filters}
    scale = float(sides["real"].total.primary["D001SCAL"])
    magnitudes = {
        p.name.filter: compare_magnitudes(
            present(p.point_catalog), present(ours[p.name.filter].point_catalog), scale
        )
        for p in run.theirs.filters
    }
    return Measured(run, sides, magnitudes)


def _side(mosaic: Mosaic) -> Side:
    row = measure_mosaic(mosaic, PrepSettings(draw=False, evidence=False)).row
    return Side(
        total=read_drizzled(present(mosaic.total.drizzled)),
        row=row or {},
        evidence=measure_evidence(mosaic),
        images={p.name.filter: measure_image(present(p.drizzled)) for p in mosaic.filters},
        crossmatched={
            p.name.filter: _details(p.qa["interfilter_crossmatch"])
            for p in mosaic.filters
            if "interfilter_crossmatch" in p.qa
        },
    )


def _details(path: Path) -> dict[str, Any]:
    details: dict[str, Any]
    details = json.loads(path.read_text())["data"]["Interfilter cross-match details"]["data"]
    return details


def write_page(
    path: Path, measured: list[Measured], genuine: dict[str, Mosaic], truths: Path
) -> None:
    """Write the page."""
    tables = {
        "grid": _grid(measured),
        "features": _features(measured),
        "images": _images(measured),
        "scatter": _scatter(measured, genuine, truths),
        "same": _same_pixels(genuine),
        "magnitudes": _magnitudes(measured),
        "crossmatch": _crossmatch(measured),
        "truth": _truth(measured),
    }
    parts = [INTRODUCTION]
    for name, (title, text) in SECTIONS.items():
        body = _pictures(measured) if name == "pictures" else tables[name]
        parts.append(f"## {title}\n\n{text.strip()}\n\n{body}")
    parts.append(CLOSING)
    write_text(path, "\n\n".join(p.strip() for p in parts) + "\n")


def _pair(measured: Measured, give: Any) -> str:
    """Give the real pipeline's value and ours with a slash between."""
    return " / ".join(str(give(side)) for side in measured.sides.values())


def _mode(measured: Measured) -> str:
    return f"{measured.run.truth.mode}, {measured.run.truth.offset_px:.2f} px"


def _grid(measured: list[Measured]) -> str:
    rows = [
        [
            m.run.name,
            _mode(m),
            _pair(m, lambda s: "x".join(map(str, s.total.shape[::-1]))),
            _pair(m, lambda s: int(s.total.footprint.sum())),
            _wcs(m),
        ]
        for m in measured
    ]
    return markdown(["visit", "truth", "grid, px", "exposed px", "WCSTYPE"], rows)


def _wcs(m: Measured) -> str:
    kinds = [str(side.total.header.get("WCSTYPE", "none")) for side in m.sides.values()]
    return kinds[0] if kinds[0] == kinds[1] else " / ".join(kinds)


def _features(measured: list[Measured]) -> str:
    names = [c.name for c in PUBLISHED]
    rows = []
    for m in measured:
        values = [_pair(m, lambda s, n=n: _number(s.row[n])) for n in names]
        rows.append([m.run.name, *values])
    return markdown(["visit", *names], rows)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def _images(measured: list[Measured]) -> str:
    rows = []
    for m in measured:
        for name in m.sides["real"].images:
            cells = [
                _pair(m, lambda s, n=name, f=f, d=d: _shown(s.images[n], f, d))
                for f, d in zip((f.name for f in fields(Image)), (4, 3, 1, 4, 3), strict=True)
            ]
            rows.append([m.run.name, name, *cells])
        deficits = _pair(m, lambda s: f"{s.evidence.columns['weight_deficit']:.3f}")
        rows[-1].append(deficits)
        for row in rows[-len(m.sides["real"].images) : -1]:
            row.append("")
    head = ["visit", "filter", "noise, e/s", "FWHM, px", "weight, s", "lost", "cores", "deficit"]
    return markdown(head, rows)


def _shown(image: Image, name: str, digits: int) -> str:
    return f"{getattr(image, name):.{digits}f}"


def _scatter(measured: list[Measured], genuine: dict[str, Mosaic], truths: Path) -> str:
    """Compare our differences with how good genuine visits differ from one another."""
    good: dict[tuple[str, str], list[Image]] = {}
    for mosaic in genuine.values():
        if true_of(truths, mosaic).label == 0:
            for product in mosaic.filters:
                key = (mosaic.total.name.detector, product.name.filter)
                good.setdefault(key, []).append(measure_image(present(product.drizzled)))
    rows = []
    for quantity, title in QUANTITIES.items():
        differences = [
            (abs(_of(m, "ours", f, quantity) - _of(m, "real", f, quantity)), m.run.name, f)
            for m in measured
            for f in m.sides["real"].images
        ]
        spreads = [
            max(values) - min(values)
            for images in good.values()
            if len(values := [getattr(i, quantity) for i in images]) > 1
        ]
        largest, visit, filter_name = max(differences)
        typical, spread = float(np.median([d[0] for d in differences])), max(spreads)
        beyond = largest > spread
        reason = REASONS[quantity] if beyond else ""
        worst = f"{largest:.4f} ({visit} {filter_name})"
        rows.append(
            [title, f"{typical:.4f}", worst, f"{spread:.4f}", "yes" if beyond else "no", reason]
        )
    head = ["quantity", "typical", "largest", "visit to visit", "beyond", "why"]
    return markdown(head, rows)


def _of(m: Measured, side: str, filter_name: str, quantity: str) -> float:
    return float(getattr(m.sides[side].images[filter_name], quantity))


def _same_pixels(genuine: dict[str, Mosaic]) -> str:
    rows = []
    for name, mosaic in genuine.items():
        print(f"{name}: detecting on the real pipeline's total")
        found = detect_on(mosaic)
        cells = [
            f"{s.theirs} / {s.ours} | {100 * s.common / max(s.theirs, 1):.0f}%"
            for s in found.values()
        ]
        rows.append([name, mosaic.total.name.detector, *cells])
    head = ["visit", "detector", "point", "of theirs found", "segment", "of theirs found"]
    return markdown(head, rows)


def _magnitudes(measured: list[Measured]) -> str:
    rows = []
    for m in measured:
        for name, d in m.magnitudes.items():
            rows.append(
                [
                    m.run.name,
                    name,
                    str(d.matched),
                    f"{d.magnitude:+.4f} ± {d.magnitude_scatter:.4f}",
                    f"{d.ci:+.4f} ± {d.ci_scatter:.4f}",
                    f"{100 * d.flags:.0f}%",
                ]
            )
    return markdown(["visit", "filter", "matched", "MagAp2", "CI", "same flags"], rows)


def _crossmatch(measured: list[Measured]) -> str:
    rows = [
        [m.run.name, name, _pair(m, lambda s, n=name: _matches(s, n))]
        for m in measured
        for name in sorted(set().union(*(s.crossmatched for s in m.sides.values()))) or ["none"]
    ]
    return markdown(["visit", "filter compared", "sources, sources, matches"], rows)


def _matches(side: Side, name: str) -> str:
    details = side.crossmatched.get(name)
    if details is None:
        return "no file"
    keys = ("reference catalog length", "comparison catalog length", "number of cross-matches")
    return ", ".join(str(details[k]) for k in keys)


def _truth(measured: list[Measured]) -> str:
    rows = []
    for m in measured:
        for name, side in m.sides.items():
            for offset in side.evidence.findings.filters.offsets:
                real = m.run.true_px(name, offset.filter) - m.run.true_px(name, offset.reference)
                rows.append(
                    [
                        m.run.name,
                        name,
                        f"{offset.filter} minus {offset.reference}",
                        f"{real[0]:+.3f}, {real[1]:+.3f}",
                        f"{offset.dx_px:+.3f}, {offset.dy_px:+.3f}",
                        f"{offset.sigma_px:.3f}",
                    ]
                )
    head = ["visit", "pipeline", "products", "truth, px", "measured, px", "error, px"]
    return markdown(head, rows)


def _pictures(measured: list[Measured]) -> str:
    return "\n\n".join(
        f"**{m.run.name}** ({_mode(m)})\n\n![{m.run.name}](img/real-pipeline-{m.run.name}.png)"
        for m in measured
    )
