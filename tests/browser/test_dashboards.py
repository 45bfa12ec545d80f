"""The example of dashboards in a real browser: sliders move for their team, others get a page."""

from __future__ import annotations

import pytest
from browsing import SECONDS, needs_browser
from playwright.sync_api import expect
from serving import ROOT, Client, serving

pytestmark = needs_browser
CONFIG = ROOT / "examples" / "dashboards" / "jupyter_server_config.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("dashboards"), f"--config={CONFIG}") as port:
        yield port


@pytest.fixture
def signed_in(server, browser):
    """Give a function that signs somebody in, and leads to where they wanted to go."""
    contexts = []

    def sign_in(name, path):
        context = browser.new_context(viewport={"width": 1000, "height": 700})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        # Who is not signed in is led to the sign-in page, and back.
        page.goto(f"http://127.0.0.1:{server}/{path}")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", f"{name}-demo")
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/login" not in url)
        assert page.url.startswith(f"http://127.0.0.1:{server}/{path}")
        return page

    yield sign_in
    for context in contexts:
        context.close()


def move(page):
    """Move a slider one step up, as by keyboard."""
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")


def test_a_notebook(signed_in, server):
    """Its slider is moved by whoever opened it, and the kernel answers."""
    page = signed_in("cy", "voila/render/finance/Budget.ipynb")
    expect(page.get_by_text("Costs: 10000 €")).to_be_visible()
    move(page)
    expect(page.get_by_text("Costs: 11000 €")).to_be_visible()
    kernels = Client(server, "cy-token").request("GET", "api/kernels").json
    assert len(kernels) == 1
    # The page ends its kernel when it is left.
    page.goto("about:blank")
    page.wait_for_timeout(1500)
    assert Client(server, "cy-token").request("GET", "api/kernels").json == []


def test_an_application(signed_in):
    """A slider of Panel goes through the websocket of the application."""
    page = signed_in("cy", "apps/finance")
    expect(page.get_by_text("With tax: 12.00 €")).to_be_visible()
    move(page)
    expect(page.get_by_text("With tax: 13.20 €")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("bob", "voila/render/finance/Budget.ipynb"),
        ("bob", "apps/finance"),
        ("dan", "apps/science"),
        ("dan", "voila/tree/finance"),
    ],
)
def test_what_is_not_ones_own(signed_in, name, path):
    """A page that says so, to whom, and where to go from there."""
    page = signed_in(name, path)
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    expect(page.get_by_text(f"You are signed in as {name.title()}.")).to_be_visible()
    expect(page.get_by_role("link", name="Home", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ann", {"finance", "science", "welcome"}),
        ("bob", {"science", "welcome"}),
        ("cy", {"finance", "welcome"}),
        ("dan", {"welcome"}),
    ],
)
def test_lists(signed_in, name, expected):
    """The list of dashboards holds one's own."""
    page = signed_in(name, "voila")
    rows = page.locator(".jp-DirListing-item")
    expect(rows.first).to_be_visible()
    assert {text.split("\n")[0] for text in rows.all_inner_texts()} == expected


@pytest.mark.parametrize(("name", "there"), [("ann", "admin"), ("bob", "user")])
def test_a_redirect(tmp_path, browser, name, there):
    """A callback leads from the root to one's own page; the other one says no to users."""
    config = ROOT / "examples" / "migrating" / "redirects" / "jupyter_server_config.py"
    with serving(tmp_path, f"--config={config}") as port:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(f"http://127.0.0.1:{port}/")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", f"{name}-demo")
        page.press("input[name=password]", "Enter")
        shown = page.frame_locator("iframe").get_by_role("heading")
        expect(shown).to_have_text(f"The page for: {there}")
        # Also for who is signed in already, and comes from nowhere.
        page.goto(f"http://127.0.0.1:{port}/")
        expect(shown).to_have_text(f"The page for: {there}")
        assert page.url == f"http://127.0.0.1:{port}/view/{there}/index.html"
        page.goto(f"http://127.0.0.1:{port}/view/admin/index.html")
        if name == "ann":
            expect(shown).to_have_text("The page for: admin")
        else:
            expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
        context.close()
