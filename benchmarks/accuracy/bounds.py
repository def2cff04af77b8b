"""What bounds the answers: visits that are missed, with one thing changed at a time.

A misaligned visit of the test set that the model doesn't flag is simulated again, as it was and
with one thing that may hide the error out of the way; its mosaic is measured and the model asked
anew. What a change brings to light was hidden by that.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.accuracy.answers import ask
from benchmarks.accuracy.results import digest_of, write_results
from benchmarks.accuracy.score import share
from benchmarks.accuracy.sets import SETS
from benchmarks.accuracy.truths import MANY_SOURCES, read_truth
from benchmarks.tables import markdown
from spacekit.errors import SpacekitError
from spacekit.files import ensure_folder, write_json
from spacekit.model.dataset import build_dataset
from spacekit.model.images import open_frames
from spacekit.model.infer import Model, load_model
from spacekit.parallel import run_jobs
from spacekit.simulate.draw import draw_spec
from spacekit.simulate.scene import write_visit
from spacekit.simulate.settings import SimulationSettings
from spacekit.simulate.spec import VisitSpec
from spacekit.simulate.visit import simulate_pair
from spacekit.skopes.hst.svm.prep import run_preprocessing
from spacekit.visit.truth import MISALIGNED_PX
from spacekit.visit.truth import read_truth as visit_truth

__all__ = ["CHANGES", "MOST", "SPANS", "bound", "bounds_table"]

#: Visits of each kind that are made again at most, drawn by this seed.
MOST, _SEED = 20, 1

Change = Callable[[VisitSpec], VisitSpec]


def _no_cosmic_rays(spec: VisitSpec) -> VisitSpec:
    return replace(spec, conditions=replace(spec.conditions, cosmic_rays=0.0))


def _longer(spec: VisitSpec) -> VisitSpec:
    return replace(spec, exptimes_s=tuple(4 * time for time in spec.exptimes_s))


def _many_stars(spec: VisitSpec) -> VisitSpec:
    return replace(spec, scene="cluster")


def _fewer_exposures(spec: VisitSpec) -> VisitSpec:
    two = tuple(min(count, 2) for count in spec.counts)
    return replace(spec, counts=two, short_shares=())


def _twice(spec: VisitSpec) -> VisitSpec:
    return replace(spec, offset_px=2 * spec.offset_px)


#: What is changed, in the card's words.
CHANGES: Final[dict[str, Change]] = {
    "nothing": lambda spec: spec,
    "no cosmic rays": _no_cosmic_rays,
    "exposures four times as long": _longer,
    "the same error in a star cluster": _many_stars,
    "at most two exposures a filter": _fewer_exposures,
    "an error twice as large": _twice,
}


@dataclass(frozen=True)
class Span:
    """Misaligned visits of which the missed ones are made again.

    Parameters
    ----------
    view : str
        How they are seen, a key of `spacekit.model.regimes.VIEWS`; the name of their answers too.
    words : str
        What they are, in the card's words.
    column : str
        Of their answers.
    low, high : float
        What lies in it, px.
    """

    view: str
    words: str
    column: str
    low: float
    high: float

    def of(self, answers: pd.DataFrame) -> pd.DataFrame:
        """Pick those that have sources enough."""
        bad = answers[(answers["label"] == 1) & (answers["usable"] >= MANY_SOURCES)]
        return bad[bad[self.column].between(self.low, self.high)]

    @staticmethod
    def missed(answers: pd.DataFrame) -> pd.DataFrame:
        """Pick those that are not flagged, or some of them."""
        missed = answers[answers["y_pred"] == 0]
        return missed.sample(min(MOST, len(missed)), random_state=_SEED).sort_index()


SPANS: Final = (
    Span("total", "the total alone, exposures 2 to 10 px apart", "total_offset_px", 2, 10),
    Span("total", "the total alone, exposures 1 to 2 px apart", "total_offset_px", 1, 2),
    Span("total", "the total alone, exposures over 10 px apart", "total_offset_px", 10, np.inf),
    Span(
        "filters",
        f"filter products, less than {MISALIGNED_PX} px apart",
        "filters_offset_px",
        0,
        MISALIGNED_PX,
    ),
    Span(
        "filters",
        f"filter products, {MISALIGNED_PX} px and more apart",
        "filters_offset_px",
        MISALIGNED_PX,
        np.inf,
    ),
)


def bound(work: Path, model_file: Path, workers: int) -> None:
    """Make the missed visits again; what comes of it goes to ``work/bounds.json``.

    The test set must have been answered (the step card). Each answer lands in ``work/bounds/``,
    in a folder of the model's own, so that an interrupted run goes on.
    """
    answers = work / "bounds" / digest_of(model_file)
    answers.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    todo = []
    for span in SPANS:
        told = span.of(pd.read_csv(work / "answers" / f"{span.view}.csv"))
        counts = {"of": len(told), "missed": int((told["y_pred"] == 0).sum())}
        for visit in span.missed(told).to_dict("records"):
            for number, change in enumerate(CHANGES):
                place = answers / f"{visit['part']}-{visit['index']}-{span.view}-{number}.json"
                rows.append({"span": span.words, **counts, "change": change, "at": place})
                job = (work, model_file, visit["part"], visit["index"], span.view, change, place)
                todo += [] if place.is_file() else [job]
    for done, (_, reason) in enumerate(run_jobs(_again, todo, workers, _died), start=1):
        print(f"\r{done}/{len(todo)} visits {reason}", end="\n" if reason else "", flush=True)
    found = []
    for row in rows:
        place = row.pop("at")
        if place.is_file():
            found.append(row | json.loads(place.read_text(encoding="utf-8")))
    write_results(work / "bounds.json", found, model_file)


def _died(job: tuple[Any, ...]) -> str:
    return f"{job[3]}, {job[5]}: its process died"


def _again(  # noqa: PLR0913, PLR0917
    work: Path, model_file: Path, part: str, index: str, view: str, change: str, place: Path
) -> str:
    """Simulate a visit with a change, measure it and ask; give a reason where that fails."""
    seed, settings = next((s, more) for name, s, _, more in SETS["test"].parts if name == part)
    number = int(read_truth(work / "test" / part, index)["spec"]["number"])
    try:
        spec = CHANGES[change](draw_spec(seed, number, settings.draw))
        with tempfile.TemporaryDirectory(dir=place.parent) as name:
            answer = _asked(spec, view, load_model(model_file), Path(name))
    except SpacekitError as error:
        return f"{index}, {change}: {error}"
    write_json(place, answer)
    return ""


def _asked(spec: VisitSpec, view: str, model: Model, scratch: Path) -> dict[str, Any]:
    """Simulate the misaligned member of a scene, without its exposure products, and ask of it."""
    rng = np.random.default_rng([spec.seed, spec.number, 1])
    visits = ensure_folder(scratch / "visits")
    bad = next(v for v in simulate_pair(spec, rng, visits) if v.ipppss == spec.members[0])
    folder = write_visit(bad, visits, SimulationSettings())
    made = run_preprocessing(visits, output_path=scratch / "out", workers=1, blink=False)
    ((index, truth),) = visit_truth(folder / "truth.json").mosaics.items()
    table = made.table.assign(label=1)
    with open_frames(made.img_path) as frames:
        data = build_dataset(table, frames, model.manifest.frame_size, scratch)
    answer = ask(model, data, view).set_index("index").loc[index]
    return {
        "flagged": bool(answer["y_pred"]),
        "misaligned": float(truth.entry["offset_px"]) >= MISALIGNED_PX,
    }


def bounds_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Lay out how many of the missed visits each change brings to light."""
    found = pd.DataFrame(rows)
    found = found[found["misaligned"]]  # a change may let the pipeline's fit succeed
    cells = []
    for span, some in found.groupby("span", sort=False):
        shares = [share(some.loc[some["change"] == change, "flagged"]) for change in CHANGES]
        missed, among = some[["missed", "of"]].iloc[0]
        cells.append([span, f"{missed} of {among}", *shares])
    return markdown(["seen", "missed", *CHANGES], cells)
