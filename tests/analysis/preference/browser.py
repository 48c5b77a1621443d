"""A real Chromium without a window, and axe-core, for the tests that look at pages as a rater does."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
AXE = "axe-core@4.14.1"  # a newer one may have new rules
NEEDED = "AMC_TEST_NEEDS_BROWSER"  # where this is set, a missing browser is a failure


def _missing(what: str) -> str:
    if os.environ.get(NEEDED):
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts the Chromium or Chrome of this machine; the test is skipped if there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None) or _missing("needs Chromium or Chrome")
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []  # which root cannot use
        browser = playwright.chromium.launch(executable_path=path, args=options)
        try:
            yield browser
        finally:
            browser.close()


def axe_core(folder: Path) -> str:
    """The source of axe-core, from npm; the test is skipped if npm is missing or offline."""
    if not shutil.which("npm"):
        pytest.skip("needs npm, for axe-core")
    packed = subprocess.run(
        ["npm", "pack", "--silent", AXE], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    if packed.returncode:
        pytest.skip(f"npm cannot download {AXE}")
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        source = archive.extractfile("package/axe.min.js")
        assert source is not None
        return source.read().decode()


def faults(page: Page, axe: str) -> list[str]:
    """The accessibility faults that axe-core finds on a page, each with its first element."""
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [f"{fault['impact']}: {fault['id']}: {fault['nodes'][0]['html']}" for fault in found]
