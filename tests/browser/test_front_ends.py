"""JupyterLab, Notebook 7 and NBClassic in a real browser, as reader, runner and author."""

from __future__ import annotations

import nbformat
import pytest
from browsing import (
    PAGES,
    SECONDS,
    needs_browser,
    open_notebook,
    refused,
    run_first,
    wait_for_kernel,
)
from playwright.sync_api import expect

pytestmark = needs_browser
EXTENSIONS = ("jupyter_authz", "jupyterlab", "notebook", "nbclassic")
# What belongs to other packages' front ends and would only be in the way.
DISABLED = (
    "@jupyter/collaboration-extension",
    "@jupyter/docprovider-extension",
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/git",
    "nbdime-jupyterlab",
)


@pytest.mark.parametrize("front_end", PAGES)
def test_a_reader(signed_in, server, home, front_end):
    """A document that says that it is read-only; no dialog, and nothing that is refused."""
    page = signed_in("rita")
    open_notebook(page, server, front_end)
    expect(page.get_by_text("notebook is read-only")).to_be_visible()
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.type("x = 1")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(6000)
    assert not [request for request in page.seen if request[0] == "PUT" and "d.ipynb" in request[1]]
    assert refused(page) == {}
    assert page.locator(".jp-Dialog").count() == 0
    assert "No Kernel" in page.inner_text("body")


def test_a_reader_is_offered_no_terminals(signed_in, server):
    """Nor consoles: the launcher has what one may do."""
    for name, count in (("rita", 0), ("ann", 1)):
        page = signed_in(name)
        page.goto(f"http://127.0.0.1:{server}/lab?reset")
        expect(page.locator(".jp-Launcher")).to_be_visible(timeout=SECONDS)
        expect(page.locator(".jp-LauncherCard", has_text="Terminal")).to_have_count(count)


@pytest.mark.parametrize("name", ["rose", "sol"])
@pytest.mark.parametrize("front_end", PAGES)
def test_a_runner(signed_in, server, front_end, name):
    """Saved cells run and show their output; the document stays as it is."""
    page = signed_in(name)
    open_notebook(page, server, front_end)
    expect(page.get_by_text("notebook is read-only")).to_be_visible()
    wait_for_kernel(page, server)
    run_first(page)
    expect(page.locator(".jp-OutputArea").first).to_contain_text("hello 42", timeout=SECONDS)
    page.wait_for_timeout(3000)
    assert refused(page) == {}
    assert page.locator(".jp-Dialog").count() == 0


@pytest.mark.parametrize("front_end", PAGES)
def test_an_author(signed_in, server, home, front_end):
    """Everything as without us."""
    page = signed_in("ann")
    open_notebook(page, server, front_end)
    wait_for_kernel(page, server)
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("End")
    page.keyboard.type("1 * 2")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output").last).to_contain_text("42", timeout=SECONDS)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("notebook is read-only")).to_have_count(0)
    page.wait_for_timeout(2000)
    assert "21 * 2" in (home / "root" / "dash" / "d.ipynb").read_text()
    assert refused(page) == {}


def test_a_runner_whose_notebook_has_changed(signed_in, server, home):
    """The error stands where a kernel's would, and says what one may do."""
    page = signed_in("rose")
    open_notebook(page, server, "lab")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=SECONDS)
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("3")])
    nbformat.write(other, str(home / "root" / "dash" / "d.ipynb"))
    run_first(page)
    output = page.locator(".jp-OutputArea").first
    expect(output).to_contain_text("saved cells of this notebook", timeout=SECONDS)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()


@pytest.mark.parametrize("name", ["rita", "rose", "ann"])
def test_nbclassic(signed_in, server, home, name):
    """It goes read-only by itself, runs saved cells, and saves for who may."""
    page = signed_in(name)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.accept()))
    page.goto(f"http://127.0.0.1:{server}/nbclassic/notebooks/dash/d.ipynb")
    expect(page.locator(".code_cell")).to_have_count(2, timeout=SECONDS)
    if name == "rita":
        expect(page.get_by_text("Kernel error")).to_be_visible(timeout=SECONDS)
    else:
        expect(page.locator(".kernel_idle_icon")).to_be_visible(timeout=SECONDS)
        page.locator(".code_cell .CodeMirror").first.click()
        page.keyboard.press("Shift+Enter")
        expect(page.locator(".output_area").first).to_contain_text("hello 42", timeout=SECONDS)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(3000)
    count = 0 if name == "ann" else 1
    expect(page.get_by_text("(read only)")).to_have_count(count)
    expect(page.locator(".modal-dialog:visible")).to_have_count(0)
    saved = [request for request in page.seen if request[0] == "PUT" and "d.ipynb" in request[1]]
    assert len(saved) == 1 - count
    # It asks for a kernel once, and shows that there is none.
    denied = {request: count for request, count in refused(page).items() if request[2] == 403}
    denied.pop(("POST", "/nbdime/api/isgit", 403), None)
    assert denied == ({("POST", "/api/sessions", 403): 1} if name == "rita" else {})
    assert dialogs == []
