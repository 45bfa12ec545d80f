"""JupyterLab, Notebook 7 and NBClassic in a real browser, as reader, runner and author."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter

import nbformat
import pytest
from jupyter_server.auth import passwd
from playwright.sync_api import expect, sync_playwright
from serving import Client, serving

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None and not os.environ.get("CI"), reason="no Chromium on this machine"
)

SECONDS = 30_000  # milliseconds, as Playwright counts
# What belongs to other packages' front ends and would only be in the way.
DISABLED = (
    "@jupyter/collaboration-extension",
    "@jupyter/docprovider-extension",
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/git",
    "nbdime-jupyterlab",
)
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
]


@pytest.fixture(autouse=True)
def jp_asyncio_loop():
    """Have no other loop: Playwright runs its own."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a server's files: a notebook, three accounts, the policy."""
    home = tmp_path_factory.mktemp("browser")
    (home / "root" / "dash").mkdir(parents=True)
    users = {
        name: {
            "hashed_password": passwd(name, algorithm="sha256"),
            "hashed_tokens": [passwd(name, algorithm="sha256")],
        }
        for name in ("ann", "rita", "rose")
    }
    (home / "config.py").write_text(
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        f"c.AccountsIdentityProvider.users = {users!r}\n"
        f"c.ServerApp.root_dir = {str(home / 'root')!r}\n"
        "c.ServerApp.jpserver_extensions = "
        "{'jupyter_authz': True, 'jupyterlab': True, 'notebook': True, 'nbclassic': True}\n"
        f"c.JupyterAuthz.roles = {ROLES!r}\n"
    )
    settings = home / "config" / "labconfig" / "page_config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"disabledExtensions": dict.fromkeys(DISABLED, True)}))
    return home


@pytest.fixture(scope="module")
def server(home):
    """Run the server."""
    with serving(home, f"--config={home}/config.py") as port:
        yield port


@pytest.fixture(scope="module")
def browser():
    """Run the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def signed_in(home, server, browser):
    """Give a function that signs somebody in and gives them a page."""
    cells = [nbformat.v4.new_code_cell("print('hello', 6 * 7)"), nbformat.v4.new_code_cell("2")]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.write(notebook, str(home / "root" / "dash" / "d.ipynb"))
    contexts = []

    def sign_in(name):
        context = browser.new_context(viewport={"width": 1200, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.seen = Counter()

        def note(response):
            path = response.url.partition("?")[0].split(str(server))[-1]
            page.seen[response.request.method, path, response.status] += 1

        page.on("response", note)
        page.goto(f"http://127.0.0.1:{server}/login")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", name)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "login" not in url)
        return page

    yield sign_in
    for context in contexts:
        context.close()
    ann = Client(server, "ann")
    for session in ann.request("GET", "api/sessions").json:
        ann.request("DELETE", f"api/sessions/{session['id']}")


def open_notebook(page, server, front_end):
    """Open the notebook, up to where its cells are shown."""
    page.goto(f"http://127.0.0.1:{server}/{PAGES[front_end]}")
    expect(page.locator(".jp-CodeCell")).to_have_count(2, timeout=SECONDS)


def wait_for_kernel(page, server):
    """Wait for the kernel to be idle, and for the front end to have noticed."""
    ann = Client(server, "ann")
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


@pytest.mark.parametrize("front_end", PAGES)
def test_a_runner(signed_in, server, front_end):
    """Saved cells run and show their output; the document stays as it is."""
    page = signed_in("rose")
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
