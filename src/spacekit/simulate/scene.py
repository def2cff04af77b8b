"""Simulated visits as folders, one scene after the other."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.wcs import WCS

from spacekit.errors import OutputError
from spacekit.files import PART, ensure_folder, write_text
from spacekit.mosaic.exposure_io import write_exposure
from spacekit.mosaic.pipeline import ProcessedVisit, process_visit
from spacekit.mosaic.reference import write_reference_stars
from spacekit.mosaic.visit_products import total_members
from spacekit.simulate.corrupt import EXPOSURES
from spacekit.simulate.detectors import find_detector
from spacekit.simulate.draw import draw_spec
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.truth import Truth, Witness, compute_truth, truth_json, write_truth
from spacekit.simulate.visit import SimulatedVisit, simulate_pair

__all__ = ["simulate_to", "total_name", "visit_truth", "write_scene", "write_visit"]


def total_name(visit: SimulatedVisit) -> str:
    """Name of a visit's total product."""
    row = find_detector(visit.spec.detector)
    name = visit.ipppss
    return f"hst_{visit.spec.proposal}_{name[4:]}_{row.instrument}_{row.name}_total_{name}"


def _witnesses(visit: SimulatedVisit, final: Mapping[str, tuple[WCS, ...]]) -> list[Witness]:
    return [
        Witness(
            e.filename,
            e.filter,
            e.exptime_s,
            visit.true_wcs[e.filename],
            final[e.filename],
            tuple((c.sci.shape[0], c.sci.shape[1]) for c in e.chips),
            visit.trails_px[e.filename],
        )
        for e in visit.exposures
    ]


def visit_truth(visit: SimulatedVisit, processed: ProcessedVisit) -> tuple[Truth, dict[str, Any]]:
    """Compute the truth of a processed visit, and its entry for truth.json.

    Beside what is true of the products the entry tells how far those exposures disagree that the
    total is made of (`total_offset_px`), how far the headers were off before the pipeline
    (`prior_offset_px`), how its fit went, and by how many sources one could tell.
    """
    witnesses = _witnesses(visit, processed.final_wcs)
    mosaic, shape = processed.mosaic_wcs[visit.spec.detector]
    truth = compute_truth(witnesses, mosaic, shape)
    added = {e.filename for e in total_members(visit.exposures)}
    total = compute_truth([w for w in witnesses if w.filename in added], mosaic, shape)
    said = {e.filename: tuple(c.wcs for c in e.chips) for e in visit.exposures}
    prior = compute_truth(_witnesses(visit, said), mosaic, shape)
    entry = truth_json(truth, witnesses, visit.mode)
    entry |= {
        "total_offset_px": round(total.offset_px, 4),
        "prior_offset_px": round(prior.offset_px, 4),
        "usable_sources": visit.usable_sources,
        "fit_method": processed.fit.method,
        "fit_refused": processed.fit.reason,
    }
    for row in entry["exposures"]:
        error = visit.errors[row["file"]]
        row["injected_px_px_deg"] = [error.dx_px, error.dy_px, error.roll_deg]
    return truth, entry


def write_visit(visit: SimulatedVisit, out: Path, settings: SimulationSettings) -> Path:
    """Run a visit through the pipeline into a folder of its name, with truth.json.

    The folder is made beside its place and moved there when it is complete.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    place = out / visit.ipppss
    part = out / f"{PART}{visit.ipppss}-{secrets.token_hex(4)}"
    try:
        part.mkdir(parents=True)
        align = settings.pipeline.align and visit.fit_enabled
        processed = process_visit(
            visit.exposures, visit.reference, part, replace(settings.pipeline, align=align)
        )
        _, entry = visit_truth(visit, processed)
        if settings.exposures:
            _write_exposures(visit, part / EXPOSURES)
        write_truth(
            part,
            {total_name(visit): entry},
            seed=visit.spec.seed,
            scene=visit.spec.number,
            spec=asdict(visit.spec),
        )
        part.rename(place)
    except OSError as error:
        raise OutputError(f"{place}: can't be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return place


def _write_exposures(visit: SimulatedVisit, folder: Path) -> None:
    folder.mkdir()
    for exposure in visit.exposures:
        write_exposure(exposure, folder)
    write_reference_stars(folder, visit.reference)
    write_text(folder / visit.poller_name, "\n".join(visit.poller_lines) + "\n")


def simulate_to(
    out: Path, k: int, seed: int, settings: SimulationSettings | None = None
) -> tuple[Path, ...]:
    """Simulate scene k of a seed into folders below `out`; finished ones are left alone.

    Parameters
    ----------
    out : Path
        Where `<ipppss>/` go.
    k, seed : int
        Which scene: its content depends on these and the settings alone.
    settings : SimulationSettings or None
        What to draw and to write.

    Returns
    -------
    tuple of Path
        The visits' folders, the one with the error first.

    Raises
    ------
    OutputError
        If `out` can't be written.
    """
    settings = settings or SimulationSettings()
    return write_scene(out, draw_spec(seed, k, settings.draw), settings)


def write_scene(out: Path, spec: VisitSpec, settings: SimulationSettings) -> tuple[Path, ...]:
    """Simulate the members of a scene into folders below `out`; finished ones are left alone.

    Returns
    -------
    tuple of Path
        The visits' folders, the one with the error first.

    Raises
    ------
    OutputError
        If `out` can't be written.
    """
    places = tuple(out / name for name in spec.members)
    if all((place / "truth.json").is_file() for place in places):
        return places
    rng = np.random.default_rng([spec.seed, spec.number, 1])
    # in order of their names: times in the products must not tell which has the error
    for visit in sorted(simulate_pair(spec, rng, ensure_folder(out)), key=lambda v: v.ipppss):
        place = out / visit.ipppss
        if not (place / "truth.json").is_file():
            write_visit(visit, out, settings)
    return places
