"""The demo in a real browser: its four people, and one of them who is moved to another team."""

from __future__ import annotations

import time

import pytest
from browsing import SECONDS, needs_browser, wait_for_kernel
from demonstration import serving_demo
from playwright.sync_api import expect

pytestmark = needs_browser
BUDGET = "lab/tree/team/finance/Budget.ipynb"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with serving_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture
def signed_in(demo, browser):
    """Give a function that signs somebody in with what the demo prints."""
    contexts = []

    def sign_in(name):
        context = browser.new_context(viewport={"width": 1200, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.sockets = []

        def note(socket):
            page.sockets.append(socket)

        page.on("websocket", note)
        page.goto(f"http://127.0.0.1:{demo.port}/login")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", demo.people[name]["password"])
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/lab**")
        return page

    yield sign_in
    for context in contexts:
        context.close()


def files_in(page, place=""):
    """Give what the browser of files shows."""
    rows = page.locator(".jp-DirListing-content .jp-DirListing-item")
    expect(rows.first).to_be_visible()
    return {text.split("\n")[0] for text in rows.all_inner_texts()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ann", {"team", "welcome"}),
        ("bob", {"team", "welcome"}),
        ("cy", {"team", "welcome"}),
        ("dan", {"welcome"}),
    ],
)
def test_each_sees_what_is_theirs(signed_in, name, expected):
    """The list of files of JupyterLab holds what a person may see."""
    page = signed_in(name)
    assert files_in(page) == expected


@pytest.mark.parametrize("front_end", ["lab", "tree"])
@pytest.mark.parametrize(("name", "administers"), [("ann", True), ("dan", False)])
def test_what_leads_to_people(signed_in, demo, front_end, name, administers):
    """The File menu has one's account, and for the manager where people are managed."""
    page = signed_in(name)
    page.goto(f"http://127.0.0.1:{demo.port}/{front_end}")
    page.get_by_role("menuitem", name="File", exact=True).click()
    expect(page.get_by_role("menuitem", name="Manage People")).to_have_count(int(administers))
    with page.expect_popup() as opened:
        page.get_by_role("menuitem", name="Your Account").click()
    expect(opened.value.get_by_role("heading", name="Your account")).to_be_visible()
    expect(opened.value.get_by_role("link", name="Administration")).to_have_count(int(administers))


@pytest.mark.parametrize("front_end", ["lab", "tree"])
def test_one_who_is_signed_out(signed_in, demo, front_end):
    """Is told so, and led to where one signs in, and back."""
    cy, ann = signed_in("cy"), signed_in("ann")
    cy.goto(f"http://127.0.0.1:{demo.port}/{front_end}")
    assert files_in(cy) >= {"welcome"}
    ann.goto(f"http://127.0.0.1:{demo.port}/authz/admin/person?username=cy")
    ann.get_by_role("button", name="Sign out everywhere").click()
    expect(ann.get_by_role("status")).to_have_text("The account is signed out everywhere.")
    cy.locator(".jp-DirListing-item", has_text="welcome").dblclick()
    told = cy.locator("#jupyter-authz-signed-out")
    expect(told).to_contain_text("You have been signed out")
    told.get_by_role("link", name="Sign in again").click()
    expect(cy.get_by_label("Password")).to_be_visible()
    assert "next=" in cy.url


def test_a_dashboard(signed_in, demo):
    """It is for the team: rendered for Cy, and a page that says so for Dan."""
    page = signed_in("cy")
    page.goto(f"http://127.0.0.1:{demo.port}/voila/render/team/finance/Budget.ipynb")
    expect(page.get_by_role("heading", name="Budget")).to_be_visible()
    expect(page.get_by_role("cell", name="3,600 €")).to_be_visible()
    other = signed_in("dan")
    other.goto(f"http://127.0.0.1:{demo.port}/voila/render/team/finance/Budget.ipynb")
    expect(other.get_by_role("alert")).to_contain_text("You may not")
    expect(other.get_by_text("You are signed in as Dan.")).to_be_visible()


def test_one_who_is_moved_between_groups(signed_in, demo):
    """What the manager changes on the page counts for an open notebook within a second."""
    cy, ann = signed_in("cy"), signed_in("ann")
    cy.goto(f"http://127.0.0.1:{demo.port}/{BUDGET}")
    expect(cy.locator(".jp-CodeCell")).to_have_count(2)
    wait_for_kernel(cy, demo.port, demo.people["ann"]["token"])
    cy.locator(".jp-CodeCell .cm-content").first.click()
    cy.keyboard.press("Shift+Enter")
    cy.keyboard.press("Shift+Enter")
    expect(cy.get_by_role("cell", name="3,600 €")).to_be_visible()
    kernels = [socket for socket in cy.sockets if "/channels" in socket.url]
    assert [socket.is_closed() for socket in kernels] == [False]
    ann.goto(f"http://127.0.0.1:{demo.port}/authz/admin")
    ann.get_by_role("link", name="cy", exact=True).click()
    ann.get_by_role("button", name="Remove: team/finance").click()
    expect(ann.get_by_role("status")).to_have_text("Removed from the group.")
    began = time.monotonic()
    while not kernels[0].is_closed():
        assert time.monotonic() - began < 1
        cy.wait_for_timeout(20)
    ann.get_by_label("Add to the group").fill("team/data-science")
    ann.get_by_role("button", name="Add", exact=True).click()
    expect(ann.get_by_role("status")).to_have_text("Added to the group.")
    client = demo.client("cy")
    assert client.status("GET", "api/contents/team/finance/Budget.ipynb") == 403
    assert client.status("GET", "api/contents/team/data-science/Forecast.ipynb") == 200
    # What is still on the screen can be neither run nor saved.
    cy.locator(".jp-CodeCell .cm-content").first.click()
    cy.keyboard.type("# mine\n")
    cy.keyboard.press("Control+s")
    expect(cy.locator(".jp-Dialog, .Toastify__toast, .jp-toast").first).to_be_visible()
    kept = demo.client("ann").request("GET", "api/contents/team/finance/Budget.ipynb")
    assert "# mine" not in kept.body.decode()
    cy.goto(f"http://127.0.0.1:{demo.port}/lab/tree/team/data-science/Forecast.ipynb")
    expect(cy.get_by_role("heading", name="Forecast")).to_be_visible()
