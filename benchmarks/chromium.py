"""The distribution's Chromium, without a window, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["find_chromium", "running_chromium"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Give the binary's path: what SPACEKIT_CHROMIUM names, or the one on the search path."""
    given = os.environ.get("SPACEKIT_CHROMIUM")
    return given or next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run it; Playwright looks for a binary of its own where there is none."""
    from playwright.sync_api import sync_playwright

    # root, as in a container, has no sandbox
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        yield browser
        browser.close()
