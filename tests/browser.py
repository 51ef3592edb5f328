"""Chromium for the tests of pages: headless, driven by Playwright, cut off from any network.

The fixtures are known below `tests/report`.
"""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
WITHIN = ("file:", "data:", "blob:", "about:")
"""Addresses that a page may ask for."""
PATIENCE_MS = 30_000
"""For all that a test waits for: a busy machine may take seconds to show a frame."""

NewPage = Callable[..., Page]


# A browser lives as long as a module: while Playwright is there, no other loop of asyncio can run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium that the machine has; without one, the test is skipped."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip(f"there is no browser: none of {', '.join(CHROMIUM)}")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Return a function that opens an empty page, with options such as `viewport=PHONE`.

    The test fails if anything was said on the console as an error or a warning, but for what
    contains the option `expected`; if a script failed; or if anything was asked of a network, but
    of the option `server`.
    """
    complaints: list[str] = []
    contexts = []
    within = [*WITHIN]

    def asked(request: Request) -> None:
        if not request.url.startswith(tuple(within)):
            complaints.append(f"asked for {request.url}")

    def open_page(*, server: str | None = None, expected: str = "\n", **options: Any) -> Page:
        def said(line: ConsoleMessage) -> None:
            if line.type in ("error", "warning") and expected not in line.text:
                complaints.append(line.text)

        if server is not None:
            within.append(server)
        context = browser.new_context(**{"viewport": DESKTOP, "offline": server is None, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", asked)
        page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
        page.on("console", said)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints, complaints


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """Return an empty page on a desktop; see `new_page`."""
    return new_page()


def scrolls_sideways(page: Page) -> bool:
    """Whether a page is wider than its window."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    return wide
