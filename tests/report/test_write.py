from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spacekit.cli import app
from spacekit.errors import OutputError
from spacekit.evaluate import tally as tallies
from spacekit.evaluate.predictions import write_predictions
from spacekit.evaluate.tally import Tally
from spacekit.files import PART, exclusive
from spacekit.measure.file_names import findings_path
from spacekit.report.entries import read_scraped
from spacekit.report.write import ReportFolder, ReportSource, write_report
from spacekit.skopes.hst.svm.report import report_predictions
from spacekit.visit.nouns import Problem

from .runs import HOSTILE, mosaic_name, predictions, write_run


class Tags(HTMLParser):
    """Collects what elements a page has, and the text of its data block."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.data = self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.seen and self.seen[-1] == ("script", {"type": "application/json", "id": "data"}):
            self.data += data


def content(page: Path) -> dict:
    return json.loads(Tags(page.read_text()).data)


def test_the_page_holds_the_mosaics_and_stays_small(page: Path) -> None:
    mosaics = content(page)["mosaics"]
    assert [m["name"] for m in mosaics] == [mosaic_name(number) for number in range(12)]
    first = mosaics[0]
    assert first["verdict"] == "suspicious"
    assert first["reason"].startswith("F160W is off by")
    assert first["target"] == "SIM-FIELD-01"
    assert first["offsets"]["groups"][0]["products"][0]["dx_px"] == 3.1
    assert "offsets" not in mosaics[5]
    assert "blink_f160w" in first["pictures"]
    assert any("not there" in note or "no folder" in note for note in mosaics[5]["notes"])
    assert page.stat().st_size < 60_000
    folder = page.parent / "media" / mosaic_name(0)
    assert sum(p.stat().st_size for p in folder.iterdir()) < 200_000


def test_the_page_is_whole_and_strict(page: Path) -> None:
    tags = Tags(page.read_text()).seen
    assert not [a for _, attrs in tags for a in attrs if a.startswith("on") or a == "style"]
    linked = [attrs for tag, attrs in tags if tag in ("link", "iframe", "img", "object", "base")]
    assert linked == []
    assert not [attrs for tag, attrs in tags if "src" in attrs]
    (policy,) = (a["content"] for t, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_what_is_hostile_is_escaped(tmp_path: Path) -> None:
    source = write_run(tmp_path, 3)
    table = source.predictions.assign(reason=HOSTILE, rests_on=HOSTILE)
    table.loc[0, "index"] = HOSTILE
    scraped = table[["index"]].assign(targname=HOSTILE, ra_targ=HOSTILE, dec_targ=1e9)
    hostile = replace(
        source,
        predictions=table,
        scraped=scraped,
        group=HOSTILE,
        problems=(Problem(HOSTILE, HOSTILE, HOSTILE),),
        notes=(HOSTILE,),
    )
    page = write_report(hostile, tmp_path / "report")
    tags = Tags(page.read_text())
    assert [tag for tag, _ in tags.seen].count("script") == 2
    assert "img" not in [tag for tag, _ in tags.seen]
    assert json.loads(tags.data)["mosaics"][0]["name"] == HOSTILE
    assert "ra" not in json.loads(tags.data)["mosaics"][0]


def test_an_older_table_one_class_and_nan(tmp_path: Path) -> None:
    table = predictions(4).drop(columns=["reason", "rests_on", "offset_px"])
    table["y_proba"] = [np.nan, 2.0, 0.1, 0.2]
    page = write_report(ReportSource(table, tmp_path / "absent", "old"), tmp_path / "report")
    text = page.read_text()
    assert "gives no reasons" in text
    assert "no pictures: absent is no folder of frames" in text
    assert "names of targets are unknown" in text
    found = content(page)["mosaics"]
    assert [m["verdict"] for m in found] == ["no answer", "no answer", "aligned", "aligned"]
    assert "2 no answer" in text


def test_no_fit_and_what_cant_be_is_not_shown(tmp_path: Path) -> None:
    table = predictions(3).assign(rms_ra=[8.0, -1.0, 0.0], rms_dec=9.0, nmatches=[20, 0, 0])
    table["gaia"] = [30, -4, 1e12]
    page = write_report(ReportSource(table, tmp_path / "absent", "fits"), tmp_path / "report")
    first, *others = [mosaic["values"] for mosaic in content(page)["mosaics"]]
    shown = {"rms_ra": 8, "rms_dec": 9, "nmatches": 20, "gaia": 30}
    assert shown.items() <= first.items()
    assert not any(shown.keys() & values.keys() for values in others)
    assert all(values["numexp"] == 4 for values in others)


def test_offsets_that_make_no_sense_cost_one_mosaic_its_offsets(tmp_path: Path) -> None:
    source = write_run(tmp_path, 3)
    path = findings_path(tmp_path / "img", mosaic_name(0))
    broken = json.loads(path.read_text())
    broken["absolute"]["dx_mas"] = None
    path.write_text(json.dumps(broken))
    first, second, _ = content(write_report(source, tmp_path / "report"))["mosaics"]
    assert "offsets" not in first
    assert any("against the catalog" in note for note in first["notes"])
    assert second["offsets"]["absolute"] == [12.3, -3.0]


def test_an_empty_table(tmp_path: Path) -> None:
    page = write_report(ReportSource(predictions(0), tmp_path, "none"), tmp_path / "report")
    assert "The table holds no mosaic" in page.read_text()
    assert content(page)["mosaics"] == []


def test_of_many_mosaics_the_most_probable_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_run(tmp_path, 12, pictured=0)
    table = source.predictions.iloc[::-1].reset_index(drop=True)
    table.loc[11, "y_proba"] = np.nan
    whole = write_report(replace(source, predictions=table), tmp_path / "whole").read_text()
    assert "with the highest probability" not in whole
    monkeypatch.setattr(tallies.foremost, "__defaults__", (5,))
    page = write_report(replace(source, predictions=table), tmp_path / "report")
    # of the table without its most suspicious mosaic, which lost its answer, in its order
    shown = [mosaic_name(number) for number in (5, 4, 3, 2, 1)]
    assert [m["name"] for m in content(page)["mosaics"]] == shown
    text = page.read_text()
    assert "The page shows the 5 of 12 mosaics with the highest probability" in text
    assert "of 12 mosaics</span>" in text
    assert "1 no answer" in text


def test_what_cant_be_told_is_counted_as_that(tmp_path: Path) -> None:
    table = predictions(4).assign(y_pred=0.0, rests_on="table + frames")
    page = write_report(ReportSource(table, tmp_path / "absent", "blind"), tmp_path / "report")
    text = page.read_text()
    assert "4 can't tell" in Tags(text).text
    assert "0 aligned" in Tags(text).text
    assert {m["verdict"] for m in content(page)["mosaics"]} == {"can't tell"}


def test_what_is_unfamiliar_is_told(tmp_path: Path) -> None:
    source = write_run(tmp_path, 2)
    told = source.predictions.assign(unfamiliar=["", HOSTILE])
    page = write_report(replace(source, predictions=told), tmp_path / "report")
    assert ["unfamiliar" in m for m in content(page)["mosaics"]] == [False, True]
    assert [tag for tag, _ in Tags(page.read_text()).seen].count("script") == 2


def test_the_page_of_earlier_predictions(tmp_path: Path) -> None:
    source = write_run(tmp_path, 3)
    folder = tmp_path / "predictions"
    problems = [Problem(mosaic_name(0), "f", "no frame")]
    write_predictions(folder, [(source.predictions, problems)], "g", Tally())
    assert source.scraped is not None
    # prep -f night; the other table is of other mosaics
    source.scraped.to_csv(tmp_path / "raw_night.csv", index=False)
    source.scraped.assign(index="other").to_csv(tmp_path / "raw_svm_data.csv", index=False)
    (tmp_path / "raw_notes.csv").write_bytes(b"\xff\xfe\x00")
    page = report_predictions(folder / "predictions.csv", source.img, tmp_path / "again")
    args = ["svm", "report", str(folder / "predictions.csv"), str(source.img)]
    done = CliRunner().invoke(app, [*args, "-o", str(tmp_path / "cli")], standalone_mode=False)
    assert done.stdout.strip() == str(tmp_path / "cli" / "index.html")
    assert content(tmp_path / "cli" / "index.html") == content(page)
    first = content(page)["mosaics"][0]
    assert first["problems"] == ["no frame"]
    assert first["target"] == "SIM-FIELD-01"
    assert first["ra"] == 149.4
    assert "names of targets are unknown" not in page.read_text()


def test_a_page_that_is_not_ours_stays(tmp_path: Path) -> None:
    source, report = write_run(tmp_path, 1), tmp_path / "report"
    report.mkdir()
    (report / "index.html").write_text("<title>somebody's thesis</title>")
    with pytest.raises(OutputError, match=r"index.html: is no page of spacekit; move it"):
        write_report(source, report)
    assert "thesis" in (report / "index.html").read_text()
    (report / "index.html").unlink()
    page = write_report(source, report)
    assert write_report(source, report) == page


def test_one_run_at_a_time_writes_the_page(tmp_path: Path) -> None:
    source, report = write_run(tmp_path, 1), tmp_path / "report"
    write_report(source, report)
    left = [report / f"{PART}1.html", report / "media" / mosaic_name(0) / f"{PART}2.jpg"]
    for path in left:
        path.write_text("half")
    with exclusive(report), pytest.raises(OutputError, match="another run"):
        write_report(source, report)
    page = write_report(source, report)
    assert not any(path.exists() for path in left)
    assert content(page)["mosaics"][0]["name"] == mosaic_name(0)


def test_pictures_that_cant_be_written_are_told_with_the_page(tmp_path: Path) -> None:
    source, report = write_run(tmp_path, 1), ReportFolder(tmp_path / "report")
    with report.locked():
        (report.path / "media").write_text("in the way")
        report.take(source.img, mosaic_name(0), {})
        with pytest.raises(OutputError, match="can't be made"):
            report.write(source)


def test_what_is_told_of_some_mosaics_is_read_alone(tmp_path: Path) -> None:
    path, names = tmp_path / "raw.csv", [mosaic_name(1), mosaic_name(3)]
    table = predictions(5)[["index", "point"]].assign(targname="NA-1", ra_targ=1.5)
    table.to_csv(path, index=False)
    found = read_scraped(path, set(names))
    assert found is not None
    assert found["index"].tolist() == names
    assert sorted(found.columns) == ["index", "ra_targ", "targname"]
    path.write_text("a\n1\n")
    assert read_scraped(path) is None
