"""A real browser for tests of pages; a visible skip where there is none, a failure where it is required."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SCREENS_PX = (1280, 390)
"""Widths of a laptop and of a phone."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield Debian's chromium, driven by playwright."""
    is_required = os.environ.get("FOCUSGEN_REQUIRE_BROWSER") == "1"
    if is_required:
        import playwright.sync_api as playwright
    else:
        playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None and not is_required:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def check_page(browser: Any, file: Path, width_px: int, picture: Path | None = None) -> Any:
    """Open a file; refuse sideways scrolling, pictures that are not drawn, and complaints of the console."""
    page = browser.new_page(viewport={"width": width_px, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px, f"{file.name} scrolls sideways"
    drawn = page.evaluate("[...document.images].filter(i => i.complete && i.naturalWidth > 0).length")
    assert drawn == page.locator("img").count(), f"{file.name}: a picture is not drawn"
    assert complaints == [], f"{file.name}: {complaints}"
    if picture is not None:
        page.screenshot(path=str(picture))
    return page
