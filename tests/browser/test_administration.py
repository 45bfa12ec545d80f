"""The administration in a real browser in which nothing runs: what people see, and do there."""

from __future__ import annotations

import pytest
from browsing import SECONDS, needs_browser
from jupyter_server.auth import passwd
from playwright.sync_api import expect
from serving import serving

pytestmark = needs_browser
ROLES = [
    {"name": "manager", "users": ["ann"], "groups": ["manager"], "allow": ["*"]},
    {"name": "lead", "groups": ["leads"], "allow": ["write:authz!name=analyst"]},
    {"name": "analyst", "allow": ["read:contents!path=analysis/**"]},
    {"name": "team", "groups": ["team"], "allow": ["read:contents!path={group}/**"]},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a server's files: two accounts in its configuration, and a store."""
    home = tmp_path_factory.mktemp("administration")
    (home / "root").mkdir()
    users = {
        name: {"hashed_password": passwd(name, algorithm="sha256"), "groups": groups}
        for name, groups in (("ann", []), ("lea", ["leads/one"]))
    }
    (home / "config.py").write_text(
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        f"c.AccountsIdentityProvider.users = {users!r}\n"
        f"c.ServerApp.root_dir = {str(home / 'root')!r}\n"
        "c.ServerApp.jpserver_extensions = {'jupyter_authz': True}\n"
        "c.Accounts.enabled = True\n"
        f"c.Accounts.url = 'sqlite:///{home}/store/accounts.db'\n"
        f"c.JupyterAuthz.roles = {ROLES!r}\n"
    )
    return home


@pytest.fixture(scope="module")
def server(home):
    """Run the server."""
    with serving(home, f"--config={home}/config.py") as port:
        yield port


@pytest.fixture(params=["light", "dark"])
def signed_in(request, server, browser):
    """Give a function that signs somebody in, and gives them the first page of administration."""
    contexts = []

    def sign_in(name):
        context = browser.new_context(java_script_enabled=False, color_scheme=request.param)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.goto(f"http://127.0.0.1:{server}/login")
        page.fill("input[name=username]", name)
        page.fill("input[name=password]", name)
        page.press("input[name=password]", "Enter")
        page.wait_for_load_state()
        page.goto(f"http://127.0.0.1:{server}/authz/admin")
        return page

    sign_in.scheme = request.param
    yield sign_in
    for context in contexts:
        context.close()


# How well text can be told from what is behind it, as WCAG 2 has it.
CONTRAST = """
() => {
  const lum = c => c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const read = text => text.match(/[\\d.]+/g).map(Number);
  const low = [];
  for (const one of document.querySelectorAll("h1,h2,p,a,th,td,label,button,span,dt,dd,caption")) {
    if (!one.innerText.trim() || one.className === "skip") continue;
    let behind = one, color;
    do { color = read(getComputedStyle(behind).backgroundColor); behind = behind.parentElement; }
    while (behind && color.length === 4 && color[3] === 0);
    const [a, b] = [lum(read(getComputedStyle(one).color).slice(0, 3)), lum(color.slice(0, 3))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${one.tagName} ${one.innerText.slice(0, 40)}: ${ratio.toFixed(1)}`);
  }
  return low;
}
"""
UNLABELLED = """
() => [...document.querySelectorAll("input:not([type=hidden]),select")]
  .filter(one => !one.labels.length).map(one => one.name)
"""


def require_good(page):
    """Require that all can be read, has a label and one heading, and no id twice."""
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate(UNLABELLED) == []
    assert page.locator("h1").count() == 1
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_a_manager(signed_in):
    """Adds somebody, puts them into a group, gives a role, asks why, blocks and deletes."""
    page, name = signed_in("ann"), f"dan-{signed_in.scheme}"
    require_good(page)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Address", exact=True).fill(f"{name}@example.org")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("status")).to_have_text("The account was made.")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_label("Add to the group").fill("team/finance")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Added to the group.")
    page.get_by_label("Give the role").select_option("analyst")
    page.get_by_label("Last day").fill("2999-12-31")
    page.get_by_role("button", name="Give").click()
    expect(page.get_by_text("until 2999-12-31")).to_be_visible()
    page.get_by_label("Action and type").fill("read:contents")
    page.get_by_label("Path").fill("team/finance/a.txt")
    page.get_by_role("button", name="Ask").click()
    # Who is invited may do nothing yet.
    expect(page.get_by_role("status")).to_contain_text("denied")
    require_good(page)
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_text("blocked", exact=True)).to_be_visible()
    page.get_by_role("link", name="Groups", exact=True).click()
    require_good(page)
    page.get_by_role("link", name="team/finance").click()
    require_good(page)
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Delete…").click()
    require_good(page)
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(page.get_by_role("status")).to_have_text("The account was deleted.")
    expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_what_is_refused(signed_in):
    """Is told on the same page, which is announced."""
    page = signed_in("ann")
    page.get_by_role("link", name="ann", exact=True).click()
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody who can sign in")
    expect(page).to_have_title("Error: ann - Jupyter")
    require_good(page)


def test_by_keyboard(signed_in):
    """The first stop leads past the navigation, and a search needs no mouse."""
    page = signed_in("ann")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name or address")).to_be_focused()
    page.keyboard.type("LEA")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("1 in this list")).to_be_visible()


def test_a_delegate(signed_in):
    """Sees one role, gives it and takes it away."""
    page = signed_in("lea")
    expect(page.get_by_role("navigation").get_by_role("link")).to_have_text(["Roles"])
    require_good(page)
    page.get_by_role("link", name="analyst").click()
    page.get_by_label("To the user").fill("ann")
    page.get_by_role("button", name="Give").click()
    expect(page.get_by_role("status")).to_have_text("The role was given.")
    require_good(page)
    page.get_by_label("To the user").fill("lea")
    page.get_by_role("button", name="Give").click()
    expect(page.get_by_role("alert")).to_contain_text("to others only")
    page.get_by_role("button", name="Take away: ann").click()
    expect(page.get_by_role("status")).to_have_text("The role was taken away.")
