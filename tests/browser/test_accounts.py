"""The pages of accounts in a real browser without JavaScript: from registration to signing out.

With ``AUTHZ_SCREENSHOTS`` set to a directory, what is seen is kept there, to be looked at.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from browsing import SECONDS, needs_browser
from playwright.sync_api import expect
from serving import serving

from jupyter_authz.accounts import people, secrets
from jupyter_authz.accounts.store import Store

pytestmark = needs_browser
PASSWORD, OTHER, THIRD = "correct horse", "battery staple", "staple battery"
SIZES = {"wide": (1200, 800), "narrow": (360, 740)}
LINK = re.compile(r"http://\S+/authz/\S+\?link=[0-9a-f]+")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give the files of a server with accounts, and no mail server."""
    home = tmp_path_factory.mktemp("accounts")
    (home / "root").mkdir()
    (home / "config.py").write_text(
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        f"c.ServerApp.root_dir = {str(home / 'root')!r}\n"
        "c.ServerApp.jpserver_extensions = {'jupyter_authz': True}\n"
        "c.ServerApp.default_url = '/authz/profile'\n"
        "c.JupyterAuthz.roles = [{'name': 'all', 'users': ['*'], 'allow': ['read:contents']}]\n"
        "c.Accounts.enabled = True\n"
        f"c.Accounts.url = 'sqlite:///{home / 'accounts.db'}'\n"
        "c.Accounts.offers = ['register', 'login', 'logout', 'request_reset_password',\n"
        "    'reset_password', 'verify_email', 'profile', 'change_password', 'change_email',\n"
        "    'tokens']\n"
    )
    return home


@pytest.fixture(scope="module")
def server(home):
    """Run the server."""
    with serving(home, f"--config={home}/config.py") as port:
        yield port


class Screen:
    """A browser without JavaScript, in one size and colour.

    Parameters
    ----------
    browser
        That runs.
    port
        Of the server.
    size
        One of `SIZES`.
    scheme
        ``light`` or ``dark``.
    """

    def __init__(self, browser, port, size, scheme):
        width, height = SIZES[size]
        self._name = f"{size}-{scheme}"
        self.context = browser.new_context(
            java_script_enabled=False,
            color_scheme=scheme,
            viewport={"width": width, "height": height},
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(SECONDS)
        self._at = f"http://127.0.0.1:{port}"
        self._width = width

    def go(self, place):
        """Go to a page of the server, or follow a link."""
        self.page.goto(place if place.startswith("http") else f"{self._at}/{place}")

    def fill(self, **fields):
        """Type into fields, by their names, and keep what is seen."""
        for name, value in fields.items():
            self.page.fill(f"[name={name}]", value)

    def press(self, button):
        """Press a button."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def see(self, text, name):
        """Require that a text is seen and the page fits, and keep a picture of it."""
        expect(self.page.get_by_text(text).first).to_be_visible()
        directory = os.environ.get("AUTHZ_SCREENSHOTS")
        picture = None
        if directory:
            Path(directory).mkdir(parents=True, exist_ok=True)
            picture = Path(directory, f"{name}-{self._name}.png")
        # As wide as all that is on the page: nothing has to be scrolled to the side.
        whole = self.page.screenshot(full_page=True, path=picture)
        assert int.from_bytes(whole[16:20], "big") == self._width, name


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    """Give the colours that somebody likes."""
    return request.param


@pytest.fixture(params=list(SIZES))
def screen(request, browser, server, scheme):
    """Give a browser of somebody."""
    screen = Screen(browser, server, request.param, scheme)
    yield screen
    screen.context.close()


@pytest.fixture
def write(home):
    """Give a function that changes something in the store, as another process would."""
    store = Store(f"sqlite:///{home / 'accounts.db'}")
    store.open()

    def do(operation, *args, **kwargs):
        with store.writing() as writing:
            return operation(writing, *args, **kwargs)

    yield do
    store.close()


def link_to(home, page, address):
    """Wait for a mail to somebody in the log, and give the link in it."""
    for _ in range(100):
        mails = (home / "server.log").read_text().split(f"To: {address}.")[1:]
        found = [link for mail in mails[-1:] for link in LINK.findall(mail) if f"/{page}?" in link]
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"no mail with a link to {page}")


def register(screen, home, username):
    """Register, and confirm the address."""
    screen.go("login")
    screen.see("Forgot your password?", "login")
    screen.page.get_by_role("link", name="Register").click()
    expect(screen.page.get_by_label("Username")).to_be_focused()
    screen.see("With which you sign in", "register")
    screen.fill(username="a/b", name="Dora", email=f"{username}@example.org", password=PASSWORD)
    screen.press("Register")
    expect(screen.page.get_by_label("Username")).to_be_focused()
    screen.see("cannot be used", "register-mistake")
    screen.fill(username=username, password=PASSWORD)
    screen.press("Register")
    screen.see("You have registered.", "registered")
    screen.go(link_to(home, "verify", f"{username}@example.org"))
    screen.see("Is the address", "verify")
    screen.press("Confirm")
    screen.see("have approved your account", "verified")


def change(screen):
    """Change what is one's own, make a token, and sign out everywhere."""
    screen.page.fill("#change_profile-name", "Dora the Explorer")
    screen.press("Save the name")
    screen.see("Your name is changed.", "profile-changed")
    for password in ("wrong", PASSWORD):
        screen.page.fill("#change_password-password", password)
        screen.page.fill("#change_password-new_password", OTHER)
        screen.press("Change the password")
        if password == "wrong":
            expect(screen.page.locator("#change_password-password")).to_be_focused()
            screen.see("The password is not right.", "profile-mistake")
    screen.see("Your password is changed.", "password-changed")
    screen.page.fill("#make_token-name", "nightly report")
    screen.page.fill("#make_token-permissions", "read:contents!path=reports/**\nread:kernels")
    screen.press("Make the token")
    screen.see("It is shown this once", "token")
    screen.press("Sign out everywhere")
    screen.see("Forgot your password?", "signed-out")


def reset(screen, home, username):
    """Set another password by a link."""
    screen.page.get_by_role("link", name="Forgot your password?").click()
    screen.see("We send you a link", "forgot")
    screen.fill(email=f"{username}@example.org")
    screen.press("Send the link")
    screen.see("is on its way", "sent")
    screen.go(link_to(home, "reset", f"{username}@example.org"))
    screen.see("Set a password", "reset")
    screen.fill(password=THIRD)
    screen.press("Set the password")
    screen.see("Your password is set.", "password-set")
    screen.go("authz/reset")
    expect(screen.page.get_by_role("alert")).to_be_focused()
    screen.see("This link is incomplete.", "bad-link")


def test_the_whole_way(screen, home, write, request):
    """Registered, confirmed, approved, signed in, changed, signed out; and back by a link."""
    username = f"dora-{request.node.callspec.id}"
    register(screen, home, username)
    write(people.set_state, username, people.ACTIVE)
    time.sleep(1)
    screen.page.get_by_role("link", name="Sign in").click()
    screen.fill(username=username, password=PASSWORD)
    screen.press("Sign in")
    screen.see("Where you are signed in", "profile")
    change(screen)
    reset(screen, home, username)
    link = write(secrets.make_link, username, secrets.SIGN_IN, seconds=60)
    screen.go(f"authz/sign-in?link={link}")
    screen.see("signs you in once", "sign-in")
    screen.press("Sign in")
    screen.see("Where you are signed in", "signed-in")


def test_by_keyboard_alone(screen):
    """All fields of a form are reached in their order, and Enter sends it."""
    screen.go("authz/register")
    for label in ("Username", "Name", "Address for mails", "Password"):
        expect(screen.page.locator(":focus")).to_have_accessible_name(re.compile(f"^{label}"))
        screen.page.keyboard.type("x")
        screen.page.keyboard.press("Tab")
    expect(screen.page.locator(":focus")).to_have_accessible_name("Register")
    screen.page.keyboard.press("Enter")
    expect(screen.page.get_by_role("alert")).to_be_visible()
    expect(screen.page.locator("[aria-invalid]")).to_have_count(1)
    expect(screen.page.locator("[aria-invalid]")).to_be_focused()
