"""The page in a real browser: headless Chromium, driven by Playwright.

Screenshots of what the tests look at go to the folder that SPACEKIT_SCREENSHOTS names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.chromium import find_chromium, running_chromium

from spacekit.report.write import ReportSource, write_report

from .runs import HOSTILE, mosaic_name, predictions, write_run

pytest.importorskip("playwright.sync_api", reason="needs the browser extra (playwright)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The distribution's Chromium."""
    if find_chromium() is None:
        pytest.skip("no Chromium here (apt-get install chromium, or SPACEKIT_CHROMIUM=its path)")
    with running_chromium() as running:
        yield running


@dataclass
class Visit:
    """An open page and what the browser complained of."""

    tab: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)

    def names(self) -> list[str]:
        """Full names in the table's rows, from the top."""
        return self.tab.eval_on_selector_all(
            "#rows tr td:nth-child(2)", "cells => cells.map(cell => cell.title)"
        )

    def chosen(self) -> str:
        return self.tab.text_content("#detail h2")

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression holds (the policy forbids Playwright's own way)."""
        for _ in range(200):
            if self.tab.evaluate(expression):
                return
            self.tab.wait_for_timeout(50)
        raise AssertionError(f"never came true: {expression}")

    def loaded(self, selector: str) -> None:
        """Wait until the pictures that a selector names are decoded."""
        self.until(
            f"[...document.querySelectorAll('{selector}')]"
            ".every(image => image.complete && image.naturalWidth > 0)"
        )

    def shot(self, name: str) -> None:
        folder = os.environ.get("SPACEKIT_SCREENSHOTS")
        if folder:
            self.tab.wait_for_timeout(300)
            self.tab.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture
def look(browser: Any) -> Iterator[Any]:
    """Give a function that opens a page; at the end nobody may have complained."""
    opened: list[tuple[Visit, bool]] = []
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)

    def open_page(path: Path, *, quiet: bool = True) -> Visit:
        visit = Visit(context.new_page())
        visit.tab.on("console", lambda m: visit.complaints.append(m.text))
        visit.tab.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.tab.on("dialog", lambda d: (visit.complaints.append("dialog"), d.dismiss()))
        visit.tab.on("request", lambda request: visit.requests.append(request.url))
        visit.tab.goto(path.resolve().as_uri())
        visit.tab.wait_for_selector("html[data-ready=yes]")
        opened.append((visit, quiet))
        return visit

    yield open_page
    for visit, quiet in opened:
        visit.tab.wait_for_load_state("networkidle")
        assert all(url.startswith(("file:", "blob:")) for url in visit.requests)
        assert visit.complaints == [] or not quiet
    context.close()


def test_it_opens_on_the_most_suspicious_mosaic(page: Path, look: Any) -> None:
    visit = look(page)
    assert visit.chosen() == mosaic_name(0)
    assert visit.names() == [mosaic_name(number) for number in range(12)]
    assert "F160W is off by" in visit.tab.text_content("#detail .reason")
    assert visit.tab.locator("#detail .vectors line").count() == 2
    assert "F140W" in visit.tab.text_content("#detail tr:has-text('nowhere')")
    assert "(12, -3) mas" in visit.tab.text_content("#detail")
    assert "night 1" in visit.tab.title()
    visit.loaded("#stage img")
    visit.shot("first-view")


def test_pictures_load_as_one_comes_near_them(page: Path, look: Any) -> None:
    visit = look(page)
    visit.tab.wait_for_load_state("networkidle")
    assert not any(mosaic_name(1) in url and "plain" not in url for url in visit.requests)
    visit.press("j")
    visit.tab.locator("#detail .frames").scroll_into_view_if_needed()
    visit.loaded("#detail .frames img")
    assert any(f"{mosaic_name(1)}/gaia.jpg" in url for url in visit.requests)


def test_sorting(page: Path, look: Any) -> None:
    visit = look(page)
    table = pd.Series(predictions(12).set_index("index")["offset_px"])
    known = table.dropna().sort_values()
    unknown = sorted(table[table.isna()].index)
    visit.tab.click("#head button >> text=offset")
    assert visit.names() == [*known.index[::-1], *unknown]
    visit.tab.click("#head button >> text=offset")
    assert visit.names() == [*known.index, *unknown]
    head = visit.tab.locator("#head th[aria-sort]")
    assert (head.count(), head.get_attribute("aria-sort")) == (1, "ascending")
    visit.tab.click("#head button >> text=mosaic")
    assert visit.names() == sorted(table.index)


def test_filtering(page: Path, look: Any) -> None:
    visit = look(page)
    visit.press("/")
    visit.tab.keyboard.type("i00031 sim-field")
    assert visit.names() == [mosaic_name(3)]
    assert visit.tab.text_content("#shown") == "1 of 12"
    visit.press("Escape", "j")
    assert visit.chosen() == mosaic_name(3)
    visit.tab.fill("#filter", "nothing like it")
    assert visit.names() == []
    assert visit.tab.is_visible("#nothing")
    visit.tab.fill("#filter", "")
    visit.tab.select_option("#by-verdict", "suspicious")
    wanted = int((predictions(12)["y_proba"] > 0.5).sum())
    assert len(visit.names()) == wanted
    visit.tab.select_option("#by-detector", label="ir")
    assert set(visit.tab.locator("#rows td:nth-child(3)").all_text_contents()) <= {"ir"}


def test_what_cant_be_told_is_a_verdict_of_its_own(tmp_path: Path, look: Any) -> None:
    source = write_run(tmp_path, 4, pictured=0)
    table = source.predictions.assign(y_pred=[1.0, 0.0, 0.0, np.nan])
    table["rests_on"] = ["table", "table + frames", "table + pixels", "nothing"]
    visit = look(write_report(replace(source, predictions=table), tmp_path / "report"))
    words = ["suspicious", "can't tell", "aligned", "no answer"]
    cells = visit.tab.locator("#rows td:nth-child(4)")
    assert cells.all_text_contents() == words
    counts = visit.tab.text_content("header .counts")
    assert all(f"1 {word}" in counts for word in words)
    visit.tab.click("#head button >> text=verdict")
    assert cells.all_text_contents() == ["suspicious", "aligned", "can't tell", "no answer"]
    for number, word in enumerate(words):
        visit.tab.select_option("#by-verdict", word)
        assert visit.names() == [mosaic_name(number)]
        visit.press("j")
        assert visit.tab.text_content("#detail .verdict span") == word
    visit.shot("cant-tell")


def test_keys_walk_through_the_table(page: Path, look: Any) -> None:
    visit = look(page)
    visit.press("j", "j", "k", "j")
    assert visit.chosen() == mosaic_name(2)
    visit.press(*["j"] * 20)
    assert visit.chosen() == mosaic_name(11)
    visit.press(*["k"] * 30)
    assert visit.chosen() == mosaic_name(0)
    visit.press("?")
    assert visit.tab.is_visible("#help")
    visit.press("j")
    assert visit.chosen() == mosaic_name(0)
    visit.press("Escape")
    assert not visit.tab.is_visible("#help")


def test_blinking(page: Path, look: Any) -> None:
    visit = look(page)
    stage = visit.tab.locator("#stage")

    def seen() -> tuple[str, str, bytes]:
        visit.loaded("#stage img")
        on = visit.tab.get_attribute("#stage img.on", "src")
        return visit.tab.text_content("#stage-name"), on, stage.screenshot()

    first = seen()
    visit.press("b")
    second = seen()
    assert (first[0], second[0]) == ("F110W", "F160W")
    assert first[2] != second[2]
    visit.shot("blinked")
    visit.press("b")
    assert seen() == first
    visit.press("f")
    assert "blinkfield_f110w" in seen()[1]
    visit.press("f", "B")
    visit.until("document.getElementById('stage-name').textContent === 'F160W'")
    visit.press("B")
    stage.click()
    assert seen()[0] in ("F110W", "F160W")


def test_labels_are_kept_saved_and_loaded(page: Path, look: Any, tmp_path: Path) -> None:
    visit = look(page)
    visit.press("m", "j", "a", "j", "u", "j", "m", "m")
    assert visit.tab.text_content("#labelled") == "3 labelled"
    visit.tab.reload()
    visit.tab.wait_for_selector("html[data-ready=yes]")
    assert visit.tab.text_content("#labelled") == "3 labelled"
    assert visit.tab.get_attribute("[data-label=misaligned]", "aria-pressed") == "true"
    visit.tab.select_option("#by-label", "none")
    assert len(visit.names()) == 9
    visit.tab.select_option("#by-label", "")
    with visit.tab.expect_download() as waiting:
        visit.tab.click("#export")
    assert waiting.value.suggested_filename == "labels.csv"
    waiting.value.save_as(tmp_path / "labels.csv")
    saved = pd.read_csv(tmp_path / "labels.csv")
    assert saved["index"].tolist() == [mosaic_name(number) for number in range(3)]
    assert saved["label"].tolist() == ["misaligned", "aligned", "unsure"]
    visit.shot("labelled")

    visit.press("m", "j", "a", "j", "u")  # taken back
    assert visit.tab.text_content("#labelled") == "0 labelled"
    visit.tab.set_input_files("#import", tmp_path / "labels.csv")
    visit.until("document.getElementById('labelled').textContent === '3 labelled'")
    assert not visit.tab.is_visible("#warning")


def test_going_on_after_a_label(page: Path, look: Any) -> None:
    visit = look(page)
    visit.tab.check("#go-on")
    visit.tab.click("#detail h2")
    visit.press("a", "a", "m")
    assert visit.chosen() == mosaic_name(3)
    assert visit.tab.text_content("#labelled") == "3 labelled"


def test_strange_label_files_are_refused(page: Path, look: Any, tmp_path: Path) -> None:
    visit = look(page)
    strange = tmp_path / "labels.csv"
    strange.write_text(f'index,label\n"{mosaic_name(0)}",<b>\nnobody,aligned\n"cut')
    visit.tab.set_input_files("#import", strange)
    visit.tab.wait_for_selector("#warning:not([hidden])")
    assert "0 labels loaded; 3 rows" in visit.tab.text_content("#warning")


def test_links_to_the_archive_wait_for_a_click(page: Path, look: Any) -> None:
    visit = look(page)
    links = visit.tab.locator("#detail a[href^='https:']")
    assert links.count() == 2
    for link in links.all():
        assert "noopener" in link.get_attribute("rel")
        assert link.get_attribute("href").startswith("https://mast.stsci.edu/")
    assert "proposal_id=30000" in links.first.get_attribute("href")


def test_a_hostile_run_is_shown_as_text(tmp_path: Path, look: Any) -> None:
    source = write_run(tmp_path, 4)
    table = source.predictions.assign(reason=HOSTILE, rests_on=HOSTILE, unfamiliar=HOSTILE)
    table.loc[1, "index"] = HOSTILE
    table.loc[2, "index"] = "=HYPERLINK(1)"
    scraped = table[["index"]].assign(targname=HOSTILE)
    page = write_report(
        replace(source, predictions=table, scraped=scraped, group=HOSTILE), tmp_path / "report"
    )
    visit = look(page)
    visit.press("j", "m")
    assert visit.chosen() == HOSTILE
    assert HOSTILE in visit.tab.text_content("#detail")
    assert HOSTILE in visit.tab.text_content("#detail .unfamiliar")
    assert "owned" not in visit.tab.title().removeprefix(HOSTILE)
    assert visit.tab.locator("img[src=x]").count() == 0
    visit.press("j", "m")
    assert "'=HYPERLINK(1),misaligned" in visit.tab.evaluate(
        "async () => { let saved; const old = URL.createObjectURL;"
        " URL.createObjectURL = (blob) => { saved = blob; return old.call(URL, blob); };"
        " document.getElementById('export').click(); return await saved.text(); }"
    )
    visit.shot("hostile")


def test_the_policy_holds(page: Path, look: Any) -> None:
    visit = look(page, quiet=False)
    tried = visit.tab.evaluate(
        """async () => {
          const broken = [];
          document.addEventListener(
            "securitypolicyviolation", (event) => broken.push(event.effectiveDirective));
          const tries = [
            () => { document.body.innerHTML = "<b>x</b>"; },
            () => { document.body.setAttribute("style", "color: red"); },
            () => { const i = new Image(); i.src = "https://example.invalid/x.png"; },
            () => fetch("https://example.invalid/"),
          ];
          for (const one of tries) { try { await one(); } catch (error) { /* as it should be */ } }
          await new Promise((done) => setTimeout(done, 200));
          return broken;
        }"""
    )
    assert {"require-trusted-types-for", "style-src-attr", "img-src", "connect-src"} <= set(tried)
    visit.requests.clear()  # refused before they were sent


def test_two_thousand_mosaics(tmp_path: Path, look: Any) -> None:
    page = write_report(write_run(tmp_path, 2000), tmp_path / "report")
    visit = look(page)
    assert visit.tab.text_content("#shown") == "2000 of 2000"
    assert visit.tab.locator("#rows tr").count() < 60
    visit.tab.evaluate("document.getElementById('list').scrollTop = 1e9")
    visit.until(
        f"[...document.querySelectorAll('#rows td')].some(c => c.title === '{mosaic_name(1999)}')"
    )
    visit.tab.fill("#filter", mosaic_name(1234))
    assert visit.names() == [mosaic_name(1234)]
    visit.tab.fill("#filter", "")
    visit.press("Escape", *["j"] * 60)
    assert visit.chosen() in visit.names()
    chosen = visit.tab.locator("#rows tr[aria-selected=true]").bounding_box()
    inside = visit.tab.locator("#list").bounding_box()
    assert inside["y"] <= chosen["y"]
    assert chosen["y"] + chosen["height"] <= inside["y"] + inside["height"] + 1
    visit.shot("two-thousand")


def test_what_is_missing_is_said(tmp_path: Path, look: Any) -> None:
    page = write_report(write_run(tmp_path, 3, pictured=1), tmp_path / "report")
    (page.parent / "media" / mosaic_name(0) / "gaia.jpg").unlink()
    visit = look(page, quiet=False)  # the browser tells of the file
    visit.tab.locator("#detail .frames").scroll_into_view_if_needed()
    visit.tab.wait_for_selector("#detail .frames .missing")
    assert visit.tab.text_content("#detail .frames .missing") == "missing: gaia.jpg"
    visit.press("j")
    assert "there is no folder" in visit.tab.text_content("#detail")
    assert visit.tab.locator("#stage").count() == 0
    visit.press("b", "B", "f")
    visit.shot("missing")


@pytest.mark.parametrize("kind", ["empty", "no probability"])
def test_tables_with_nothing_to_show(kind: str, tmp_path: Path, look: Any) -> None:
    table = predictions(0) if kind == "empty" else predictions(3).assign(y_proba=np.nan)
    visit = look(write_report(ReportSource(table, tmp_path, kind), tmp_path / "report"))
    visit.press("j", "k", "a", "b")
    if kind == "empty":
        assert "No mosaic to show" in visit.tab.text_content("#detail")
    else:
        assert "no answer" in visit.tab.text_content("#detail")
        assert "no mosaic has a probability" in visit.tab.text_content("#summary")
    visit.shot(kind.replace(" ", "-"))


def test_a_narrow_window(page: Path, look: Any) -> None:
    visit = look(page)
    visit.tab.set_viewport_size({"width": 800, "height": 1200})
    width = visit.tab.evaluate("document.documentElement.scrollWidth")
    assert width <= 800
    visit.shot("narrow")
