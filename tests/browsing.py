"""Front ends in a real browser, for tests: what is run, who signs in, and what they do there."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import expect
from serving import Client

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
needs_browser = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="no Chromium on this machine"
)

SECONDS = 30_000  # milliseconds, as Playwright counts
# Of its own accord it waits for five seconds, which a busy machine needs to open a notebook.
expect.set_options(timeout=SECONDS)
PAGES = {"lab": "lab/tree/dash/d.ipynb", "notebook": "notebooks/dash/d.ipynb"}
ROLES = [
    {"name": "author", "users": ["ann"], "allow": ["*"]},
    {"name": "reader", "users": ["rita"], "allow": ["read:contents"]},
    {
        "name": "runner",
        "users": ["rose"],
        "allow": [
            "read:contents!path=dash/**",
            "execute:kernels,sessions,cells!path=dash/**",
        ],
    },
    {
        "name": "runner of one",
        "users": ["sol"],
        "allow": [
            "read:contents!path=dash/d.ipynb",
            "execute:kernels,sessions,cells!path=dash/d.ipynb",
        ],
    },
]


def open_notebook(page, server, front_end):
    """Open the notebook, up to where its cells are shown."""
    page.goto(f"http://127.0.0.1:{server}/{PAGES[front_end]}")
    expect(page.locator(".jp-CodeCell")).to_have_count(2, timeout=SECONDS)


def wait_for_kernel(page, server, token="ann"):
    """Wait for the kernel to be idle, and for the front end to have noticed."""
    ann = Client(server, token)
    for _ in range(100):
        states = [s["kernel"]["execution_state"] for s in ann.request("GET", "api/sessions").json]
        if states == ["idle"]:
            break
        page.wait_for_timeout(200)
    page.wait_for_timeout(1000)


def run_first(page):
    """Run the first cell."""
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")


def refused(page):
    """Give the requests that failed."""
    return {request: count for request, count in page.seen.items() if request[2] >= 400}
