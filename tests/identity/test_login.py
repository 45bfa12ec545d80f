"""Signing in by name and password."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from urllib.parse import urlencode

import pytest
from jupyter_server.utils import url_path_join

from jupyter_authz.identity import accounts as accounts_module
from jupyter_authz.identity.accounts import PASSWORD_QUEUE
from jupyter_authz.identity.login import BUSY, WRONG


def message(reply):
    """Give what the page says above the form."""
    found = re.search(r'role="alert">([^<]*)<', reply.body.decode())
    return found and found[1]


async def test_several_people_sign_in(accounts, new_browser, jp_base_url):
    """Ann and Bob sign in to one server, and each request knows who asks."""
    ann, bob = new_browser(), new_browser()
    for browser, name in ((ann, "ann"), (bob, "bob")):
        reply = await browser.sign_in(name, accounts.password)
        assert reply.code == 302
        assert reply.headers["Location"] == jp_base_url
    identity = await ann.me()
    assert identity["username"] == "ann"
    assert identity["display_name"] == "Ann"
    assert identity["groups"] == ["manager", "team/finance"]
    assert identity["kind"] == "user"
    assert (await bob.me())["username"] == "bob"
    assert (await bob.me())["display_name"] == "bob"


async def test_nobody_without_signing_in(browser, jp_base_url):
    """Without cookie and token there is nobody, and pages lead to the login page."""
    assert await browser.me() == 403
    reply = await browser.fetch("files/x")
    assert reply.code == 302
    assert reply.headers["Location"].startswith(f"{jp_base_url}login?next=")


async def test_page_has_labelled_fields_and_needs_no_script(browser, jp_base_url):
    """The form has labels, the names password managers look for, and a target below the base."""
    reply = await browser.fetch("login?next=%2Fa%40b%2Ftree")
    page = reply.body.decode()
    assert reply.code == 200
    assert f'<form action="{jp_base_url}login?next=%2Fa%40b%2Ftree" method="post">' in page
    for field, autocomplete in (("username", "username"), ("password", "current-password")):
        assert f'<label for="{field}_input">' in page
        tag = re.search(rf'<input[^>]*id="{field}_input"[^>]*>', page)[0]
        assert f'autocomplete="{autocomplete}"' in tag
        assert f'name="{field}"' in tag
    assert '<button type="submit"' in page
    assert "role=" not in page.split("<form")[0].split("<h1>")[1]
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("ann", "correct horse "),
        ("bob", "wrong"),
        ("cy", "wrong"),
        ("dan", ""),
        ("nobody", "correct horse"),
        ("Ann", "correct horse"),
        ("", ""),
        ("ann", "x" * 100_000),
        ("x" * 100_000, "x"),
    ],
)
async def test_one_message_for_every_failure(browser, username, password):
    """Whatever was wrong, status and message are the same and no cookie is set."""
    reply = await browser.sign_in(username, password)
    assert reply.code == 401
    assert message(reply) == "The name or the password is not right."
    assert [name for name in browser.cookies if name != "_xsrf"] == []
    assert await browser.me() == 403


async def test_known_and_unknown_get_the_same_page(new_browser):
    """Replies for a known and an unknown name differ in the name and the XSRF token only."""
    pages = []
    for name in ("ann", "nan"):
        reply = await new_browser().sign_in(name, "wrong")
        page = re.sub(r'name="_xsrf" value="[^"]*"', "", reply.body.decode())
        headers = {key for key, _ in reply.headers.get_all()}
        pages.append((reply.code, headers, page.replace(f'value="{name}"', "")))
    assert pages[0] == pages[1]


async def test_typed_name_is_kept_and_escaped(browser):
    """A failed attempt keeps the name in the form, as text."""
    reply = await browser.sign_in('"><script>alert(1)</script>', "wrong")
    page = reply.body.decode()
    assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in page
    assert "<script>alert(1)" not in page


async def test_page_escapes_whatever_the_server_is_configured_to(jp_serverapp, browser):
    """A template environment of the operator's without autoescape does not weaken the page."""
    jp_serverapp.web_app.settings["jinja2_env"].autoescape = False
    reply = await browser.sign_in("<b>", "wrong")
    assert 'value="&lt;b&gt;"' in reply.body.decode()


async def test_operators_template_replaces_the_page(jp_serverapp, browser, tmp_path):
    """A template authz/login.html in ServerApp.template_file_path comes first."""
    (tmp_path / "authz").mkdir()
    (tmp_path / "authz" / "login.html").write_text("welcome to {{ base_url }}")
    jp_serverapp.web_app.settings["jinja2_env"].loader.searchpath.insert(0, str(tmp_path))
    reply = await browser.fetch("login")
    assert reply.body.decode().startswith("welcome to")


async def test_form_requires_xsrf(accounts, browser):
    """A form sent from elsewhere signs nobody in, not even with a good token in the header."""
    body = urlencode({"username": "ann", "password": accounts.password})
    for headers in ({}, {"Authorization": f"token {accounts.ann_token}"}):
        reply = await browser.fetch("login", method="POST", body=body, headers=headers)
        assert reply.code == 403
        assert not [name for name in browser.cookies if name.startswith("username-")]


async def test_credentials_in_the_url_do_not_count(accounts, browser):
    """Name and password are read from the body only."""
    await browser.fetch("login")
    typed = {"username": "ann", "password": accounts.password}
    for in_url in ("username", "password"):
        query = urlencode({in_url: typed[in_url]})
        rest = {name: value for name, value in typed.items() if name != in_url}
        body = urlencode({"_xsrf": browser.cookies["_xsrf"], **rest})
        reply = await browser.fetch(f"login?{query}", method="POST", body=body)
        assert reply.code == 401


async def test_login_page_leads_on_who_is_signed_in(accounts, browser, jp_base_url):
    """GET and HEAD of the login page redirect who is signed in, and others get the page."""
    assert (await browser.fetch("login", method="HEAD")).code == 200
    await browser.sign_in("ann", accounts.password)
    for method in ("GET", "HEAD"):
        query = urlencode({"next": f"{jp_base_url}tree"})
        reply = await browser.fetch(f"login?{query}", method=method)
        assert reply.code == 302
        assert reply.headers["Location"] == f"{jp_base_url}tree"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "////evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "https:///evil.example/",
        "https:evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example/",
        "/other",
        "/a%40bc/",
        "@evil.example",
    ],
)
async def test_redirect_stays_below_the_base_url(accounts, browser, jp_base_url, target):
    """After signing in, and when signed in already, nobody is led away from the server."""
    reply = await browser.sign_in("ann", accounts.password, next_url=target)
    assert reply.headers.get("Location", jp_base_url) == jp_base_url
    reply = await browser.fetch(f"login?{urlencode({'next': target})}")
    assert reply.headers.get("Location", jp_base_url) == jp_base_url


async def test_redirect_to_where_one_came_from(accounts, browser, jp_base_url):
    """The target below the base URL is kept, with its query."""
    target = url_path_join(jp_base_url, "files/a b?download=1")
    reply = await browser.sign_in("ann", accounts.password, next_url=target)
    assert reply.headers["Location"] == target


async def test_sign_out(accounts, browser):
    """Signing out ends the session in this browser."""
    await browser.sign_in("ann", accounts.password)
    assert (await browser.fetch("logout")).code == 200
    assert await browser.me() == 403


async def test_space_at_the_ends_of_a_name_is_forgiven(accounts, browser):
    """Keyboards that complete words leave a space behind."""
    assert (await browser.sign_in(" ann ", accounts.password)).code == 302


async def test_password_is_checked_off_the_event_loop(accounts, browser, monkeypatch):
    """The hash is computed in a thread of its own."""
    threads = []
    check = accounts_module.check_password

    def spy(*arguments):
        threads.append(threading.current_thread())
        return check(*arguments)

    monkeypatch.setattr(accounts_module, "check_password", spy)
    assert (await browser.sign_in("ann", accounts.password)).code == 302
    assert [thread.name.startswith("jupyter_authz-passwords") for thread in threads] == [True]
    assert threading.main_thread() not in threads


class TestStrictServer:
    """A server that asks every handler whether it is public."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config):
        """Refuse what is not marked as public."""
        jp_server_config.ServerApp.allow_unauthenticated_access = False
        return jp_server_config

    async def test_sign_in_is_public(self, accounts, browser):
        """The page and the form need no user, for any verb."""
        assert (await browser.fetch("login", method="HEAD")).code == 200
        assert (await browser.sign_in("ann", "wrong")).code == 401
        assert (await browser.sign_in("ann", accounts.password)).code == 302
        assert (await browser.me())["username"] == "ann"


async def test_delay_grows(accounts, browser, clock, monkeypatch):
    """Three failures are free; then each doubles the wait, told in words and in Retry-After."""
    checked = []
    monkeypatch.setattr(
        accounts_module, "check_password", lambda *arguments: bool(checked.append(arguments))
    )
    for _ in range(4):
        assert (await browser.sign_in("ann", "wrong")).code == 401
    for seconds in (1, 2, 4, 8, 16, 32, 60, 60):
        before = len(checked)
        # Not even the right password is looked at.
        reply = await browser.sign_in("ann", accounts.password)
        assert reply.code == 429
        assert reply.headers["Retry-After"] == str(seconds)
        unit = "second" if seconds == 1 else "seconds"
        assert f"Please wait {seconds} {unit}, then try again." in message(reply)
        assert 'value="ann"' in reply.body.decode()
        assert len(checked) == before
        clock.now += seconds
        assert (await browser.sign_in("ann", "wrong")).code == 401


async def test_delay_is_the_same_for_unknown_names(new_browser, clock, monkeypatch):
    """A name without an account has to wait like any other, in the same words."""
    monkeypatch.setattr(accounts_module, "check_password", lambda *_: False)
    replies = {}
    for name in ("ann", "nobody"):
        browser = new_browser()
        tried = [await browser.sign_in(name, "wrong") for _ in range(5)]
        replies[name] = [
            (reply.code, message(reply), reply.headers.get("Retry-After")) for reply in tried
        ]
    assert replies["ann"] == replies["nobody"]
    assert replies["ann"][-1][0] == 429


async def test_delay_ends(accounts, browser, clock):
    """After waiting, the right password signs in, and the failures are forgotten."""
    for _ in range(4):
        await browser.sign_in("ann", "wrong")
    clock.now += 1
    assert (await browser.sign_in("ann", accounts.password)).code == 302
    browser.cookies.clear()
    for _ in range(4):
        assert (await browser.sign_in("ann", "wrong")).code == 401


async def test_classroom_behind_one_address(accounts, provider, new_browser, clock):
    """Many failures of one name leave others at the same address as they were."""
    provider.users = {
        f"pupil{number}": {"hashed_password": accounts.hashed_password} for number in range(12)
    }
    for _ in range(5):
        last = await new_browser().sign_in("pupil0", "wrong")
    assert last.code == 429
    replies = await asyncio.gather(
        *(new_browser().sign_in(f"pupil{number}", accounts.password) for number in range(1, 12))
    )
    assert {reply.code for reply in replies} == {302}


async def test_success_of_one_name_leaves_the_others_waiting(accounts, browser, clock):
    """Somebody with an account of their own cannot reset the count of another's."""
    for _ in range(4):
        await browser.sign_in("ann", "wrong")
    assert (await browser.sign_in("bob", accounts.password)).code == 302
    assert (await browser.sign_in("ann", "wrong")).code == 429


async def test_concurrent_attempts(browser, clock, monkeypatch):
    """Of many attempts at the same time only those within the count are checked."""
    checked = []
    monkeypatch.setattr(
        accounts_module, "check_password", lambda *arguments: bool(checked.append(arguments))
    )
    await browser.fetch("login")
    body = urlencode({"username": "ann", "password": "x", "_xsrf": browser.cookies["_xsrf"]})
    replies = await asyncio.gather(
        *(browser.fetch("login", method="POST", body=body) for _ in range(30))
    )
    assert sorted(reply.code for reply in replies) == [401] * 4 + [429] * 26
    assert len(checked) == 4


async def test_flood_of_names_is_refused_not_queued(browser, provider, monkeypatch):
    """More sign-ins at once than the queue holds are asked to come back, and not counted."""
    monkeypatch.setattr(provider._password_workers, "_capacity", 0)
    for name in ("ann", "nobody"):
        reply = await browser.sign_in(name, "wrong")
        assert reply.code == 503
        assert reply.headers["Retry-After"] == "2"
        assert "Too many people" in message(reply)
    assert len(provider.throttle) == 0


async def test_log_tells_who_tried(accounts, browser, caplog):
    """Success and failure are logged with the quoted, shortened name, never the password."""
    caplog.set_level(logging.INFO)
    await browser.sign_in("ann", accounts.password)
    await browser.sign_in("eve\nforged line", "a secret")
    await browser.sign_in("x" * 1000, "a secret")
    lines = [record.getMessage() for record in caplog.records]
    assert "jupyter_authz: 'ann' signed in from 127.0.0.1" in lines
    refused = [line for line in lines if "refused" in line]
    assert refused == [
        f"jupyter_authz: sign-in as {name} from 127.0.0.1 refused with status 401"
        for name in (r"'eve\nforged line'", repr("x" * 64))
    ]
    assert not [line for line in lines if "a secret" in line or accounts.password in line]


async def test_one_client_leaves_turns_for_others(provider):
    """Whoever tries as much as they can is refused before everybody else is."""
    address, other = "192.0.2.1", "192.0.2.2"
    begun = 0
    while provider._turns.begin(address):
        begun += 1
    assert 0 < begun < PASSWORD_QUEUE
    assert await provider.sign_in("ann", "wrong", address) is BUSY
    assert await provider.sign_in("ann", "wrong", other) is WRONG
    for _ in range(begun):
        provider._turns.end(address)
    assert await provider.sign_in("ann", "wrong", address) is WRONG
    assert not provider._turns._under_way
