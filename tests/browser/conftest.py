"""A server, a browser and people who sign in."""

from __future__ import annotations

import json
from collections import Counter

import nbformat
import pytest
from browsing import BROWSER, ROLES, SECONDS
from jupyter_server.auth import passwd
from playwright.sync_api import sync_playwright
from serving import Client, serving


@pytest.fixture(autouse=True)
def jp_asyncio_loop():
    """Have no other loop: Playwright runs its own."""


@pytest.fixture(scope="module")
def home(tmp_path_factory, request):
    """Give a server's files: accounts, the policy, and what the module has of extensions."""
    home = tmp_path_factory.mktemp("browser")
    (home / "root" / "dash").mkdir(parents=True)
    users = {
        name: {
            "hashed_password": passwd(name, algorithm="sha256"),
            "hashed_tokens": [passwd(name, algorithm="sha256")],
        }
        for name in ("ann", "rita", "rose", "sol", "nobody")
    }
    (home / "config.py").write_text(
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        f"c.AccountsIdentityProvider.users = {users!r}\n"
        f"c.ServerApp.root_dir = {str(home / 'root')!r}\n"
        f"c.SQLiteYStore.db_path = {str(home / 'rooms.db')!r}\n"
        f"c.ServerApp.jpserver_extensions = {dict.fromkeys(request.module.EXTENSIONS, True)!r}\n"
        f"c.JupyterAuthz.roles = {ROLES!r}\n"
    )
    settings = home / "config" / "labconfig" / "page_config.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        # Dash brings an extension for which JupyterLab would be built.
        json.dumps(
            {
                "disabledExtensions": dict.fromkeys(request.module.DISABLED, True),
                "buildCheck": False,
            }
        )
    )
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
