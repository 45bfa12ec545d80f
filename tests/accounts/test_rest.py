"""Accounts over REST, on a real server: what people do with their own, and every known mistake."""

from __future__ import annotations

import asyncio
import json
import re
import time
from urllib.parse import quote

import pytest
from accounts import mailbox
from accounts.browsers import Browser, until
from jupyter_server.auth import passwd
from people import allowing
from tornado.httpclient import HTTPClientError

from jupyter_authz import AccountsIdentityProvider, new_token
from jupyter_authz.accounts import people, secrets, tags
from jupyter_authz.accounts.settings import OFFERS
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.identity.stored import SERVICE

PASSWORD = "correct horse"
OTHER = "battery staple"
HASHED = passwd(PASSWORD)
TOKEN, HASHED_TOKEN = new_token()
VERIFY, RESET = "Please confirm your address", "Your password"


@pytest.fixture
def start(serve, jp_server_config, jp_asyncio_loop, tmp_path):
    """Give a function that runs a server with accounts, some of them in its configuration."""
    mailbox.MAILS.clear()
    jp_server_config.ServerApp.identity_provider_class = AccountsIdentityProvider
    jp_server_config.AccountsIdentityProvider.users = {
        "root": {"hashed_password": HASHED, "hashed_tokens": [HASHED_TOKEN]}
    }
    settings = jp_server_config.Accounts
    settings.enabled = True
    settings.url = f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
    settings.mailer = "accounts.mailbox.send"
    settings.public_url = "https://lab.example.org/hub/"
    started = []

    roles = [
        allowing("*", users=["root"], name="root"),
        allowing("read:contents", "execute:events", users=["*"], name="all"),
        {"name": "team", "groups": ["team"], "allow": ["write:contents!path={group}/**"]},
    ]

    def run(*, roles=roles, authorize_callback=None, **accounts):
        for name, value in accounts.items():
            setattr(settings, name, value)
        be = serve(roles=roles, authorize_callback=authorize_callback)
        be.service = be.web_app.settings[SERVICE]
        be.live = be.service.live
        started.append(be)
        return be

    yield run
    for be in started:
        jp_asyncio_loop.run_until_complete(be.live.stop())


@pytest.fixture
def be(start, jp_asyncio_loop):
    """Run a server on which ann and bob have accounts in the store."""
    be = start(offers=["register", *start_offers()])

    def make(writing):
        for name in ("ann", "bob"):
            people.add(writing, name, email=f"{name}@example.org", password=HASHED)

    jp_asyncio_loop.run_until_complete(be.live.write(make))
    return be


def start_offers():
    """Give what is offered by default."""
    return [one for one in OFFERS if one != "register"]


async def signed_in(be, name="ann", password=PASSWORD):
    """Give a browser in which somebody is signed in."""
    browser = Browser(be)
    assert await browser.sign_in(name, password) == 200
    assert await browser.who() == name
    return browser


# ---------------------------------------------------------------------- signing in and out


async def test_signing_in_and_out(be):
    """By name and password, of the store or of the configuration; signed out is signed out."""
    for name in ("ann", "root"):
        browser = await signed_in(be, name)
        kept = dict(browser.cookies)
        assert (await browser.do("logout"))[0] == 200
        assert await browser.who() is None
        browser.cookies = kept
        assert await browser.who() is None
    wrong = Browser(be)
    for name, password in (("ann", OTHER), ("nobody", PASSWORD), ("ann", ""), ("ann", None)):
        assert await wrong.sign_in(name, password) in {400, 401}
    assert await wrong.who() is None


async def test_signing_in_on_the_page(be):
    """The page of Jupyter signs in to the same accounts."""
    browser = Browser(be)
    await browser.fetch("GET", "login")
    body = f"username=ann&password=correct+horse&_xsrf={browser.cookies['_xsrf']}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await browser.fetch("POST", "login", body, headers=kind)).code == 302
    assert await browser.who() == "ann"
    assert (await browser.fetch("GET", "logout")).code == 200
    assert await browser.who() is None


async def test_a_session_is_of_whom_the_cookie_names(be):
    """The session of one is none for another."""
    ann = await signed_in(be)
    provider = be.app.identity_provider
    session = json.loads(_cookie_of(be, ann))["session"]
    assert provider.user_from_cookie(_text("ann", session)).username == "ann"
    assert provider.user_from_cookie(_text("bob", session)) is None
    assert provider.user_from_cookie(_text("root", session)) is None
    assert provider.user_from_cookie(json.dumps({"username": "ann", "fingerprint": ""})) is None


def _text(username, session):
    return json.dumps({"username": username, "fingerprint": "", "session": session})


def _cookie_of(be, browser):
    from tornado.web import decode_signed_value

    name = next(name for name in browser.cookies if name.startswith("username-"))
    value = browser.cookies[name].strip('"')
    return decode_signed_value(be.web_app.settings["cookie_secret"], name, value)


async def test_other_sites(be):
    """What a page of another site can send does nothing."""
    ann = await signed_in(be)
    said = json.dumps({"username": "ann", "password": PASSWORD})
    for headers, status in (
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
    ):
        for name in ("login", "register", "reset_password", "request_reset_password"):
            reply = await Browser(be).fetch("POST", f"api/authz/{name}", said, headers=headers)
            assert reply.code == status, name
            assert not reply.headers.get_list("Set-Cookie")
    # With the cookie of one who is signed in, the token of forms is asked for.
    for name in ("logout", "change_password", "tokens"):
        reply = await ann.fetch("POST", f"api/authz/{name}", {}, headers={"X-XSRFToken": "x"})
        assert reply.code == 403
    assert await ann.who() == "ann"


# ---------------------------------------------------------------------- states


@pytest.mark.parametrize("state", [people.INVITED, people.UNVERIFIED, people.AWAITING])
async def test_who_is_not_active_yet(be, state):
    """Does not sign in, and is told why only with the right password."""
    await be.live.write(people.set_state, "ann", state)
    assert await Browser(be).sign_in("ann", PASSWORD) == 403
    assert await Browser(be).sign_in("ann", OTHER) == 401


async def test_who_is_blocked_signs_in_by_no_way(be):
    """Neither by password, token, cookie, link, nor as an account of the configuration."""
    ann, root = await signed_in(be), await signed_in(be, "root")
    token = (await ann.json("POST", "api/authz/tokens", {"name": "script"}))["token"]
    link = await be.live.write(secrets.make_link, "ann", secrets.SIGN_IN, seconds=60)
    script = be(token)
    assert await script.status("GET", "api/me") == 200
    for name in ("ann", "root"):
        await be.live.write(people.set_state, name, people.BLOCKED)
        assert await Browser(be).sign_in(name, PASSWORD) == 403
    assert [await ann.who(), await root.who()] == [None, None]
    assert await script.status("GET", "api/contents") == 403
    assert await be(TOKEN).status("GET", "api/contents") == 403
    assert (await Browser(be).do("login", link=link))[0] == 400
    await be.live.write(people.set_state, "ann", people.ACTIVE)
    # What was ended stays ended.
    assert await ann.who() is None
    assert await script.status("GET", "api/contents") == 403
    await signed_in(be)


async def test_who_is_deleted_is_gone(be):
    """At once, and their name is given to nobody who registers."""
    ann = await signed_in(be)
    socket = await ann.connect("api/events/subscribe")
    began = time.monotonic()
    await be.live.write(people.remove, "ann")
    assert await asyncio.wait_for(socket.read_message(), 5) is None
    socket.close()
    assert time.monotonic() - began < 1
    assert await ann.who() is None
    assert await Browser(be).sign_in("ann", PASSWORD) == 401
    said = {"username": "ann", "password": PASSWORD, "email": "new@example.org"}
    assert (await Browser(be).do("register", **said))[0] == 409


# ---------------------------------------------------------------------- registering


def registering(**more):
    """Give what somebody registers with."""
    return {"username": "cy", "password": PASSWORD, "email": "cy@example.org", **more}


async def test_registering(be):
    """The address is confirmed, an administrator agrees, and then one signs in."""
    browser = Browser(be)
    assert await browser.do("register", **registering(name="Cy")) == (200, {"state": "unverified"})
    assert await browser.sign_in("cy", PASSWORD) == 403
    await until(lambda: mailbox.link(VERIFY))
    link = mailbox.link(VERIFY, "cy@example.org")
    assert await browser.do("verify_email", link=link) == (200, {"state": "awaiting"})
    assert await browser.sign_in("cy", PASSWORD) == 403
    await be.live.write(people.set_state, "cy", people.ACTIVE)
    cy = await signed_in(be, "cy")
    profile = await cy.json("GET", "api/authz/profile")
    assert (profile["name"], profile["email"], profile["is_verified"]) == (
        "Cy", "cy@example.org", True,
    )  # fmt: skip


async def test_registering_at_once(start):
    """Where neither address nor approval is asked for."""
    be = start(offers=["register", "login"], needs_verification=False, needs_approval=False)
    assert await Browser(be).do("register", **registering()) == (200, {"state": "active"})
    await signed_in(be, "cy")


async def test_registering_is_off(start):
    """Unless it was switched on."""
    be = start()
    status, said = await Browser(be).do("register", **registering())
    assert (status, said["reason"]) == (404, "not-offered")
    assert "cy" not in be.live.snapshot.people


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"username": "ann"}, 409),
        ({"username": "ANN"}, 409),
        ({"username": "guest"}, 409),
        ({"username": "../x"}, 400),
        ({"username": "a@b.org"}, 400),
        ({"username": "a\u200bnn"}, 400),
        ({"username": 5}, 400),
        ({"password": "short"}, 400),
        ({"password": "x" * 2000}, 400),
        ({"email": "nobody"}, 400),
        ({"email": "a@b\nBcc: c@d"}, 400),
        ({"name": "two\nlines"}, 400),
        ({"state": "active"}, 400),
        ({"groups": ["manager"]}, 400),
        ({"email": None}, 400),
    ],
)
async def test_bad_registrations(be, more, status):
    """Nothing is made, and a sentence says why."""
    before = set(be.live.snapshot.people)
    got, said = await Browser(be).do("register", **registering(**more))
    assert got == status
    assert said["message"]
    assert set(be.live.snapshot.people) == before


async def test_names_of_the_policy_are_taken(be):
    """Whom a role or the configuration names nobody becomes by registering."""
    for name in ("root", "Root"):
        assert (await Browser(be).do("register", **registering(username=name)))[0] == 409


async def test_whose_an_address_is(be):
    """Who registers with an address of another, or asks for it, learns nothing."""
    taken = await Browser(be).do("register", **registering(email="ANN@example.org"))
    free = await Browser(be).do("register", **registering(username="dora", email="d@example.org"))
    assert taken == free
    # And whatever they do next with the name that they chose.
    seen = []
    for name in ("cy", "dora"):
        again = await Browser(be).do("register", **registering(username=name, email="x@x.org"))
        signed = await Browser(be).do("login", username=name, password=PASSWORD)
        seen.append((again[0], signed[0], signed[1]["message"]))
    assert seen[0] == seen[1]
    assert be.live.person("cy").email is None
    await until(lambda: len(mailbox.MAILS) == 2)
    known = await Browser(be).do("request_reset_password", email="ann@example.org")
    unknown = await Browser(be).do("request_reset_password", email="none@example.org")
    assert known == unknown == (200, {})


# ---------------------------------------------------------------------- passwords and links


async def test_a_link_is_good_for_once(be):
    """To set a password, also when it is used several times at once."""
    await Browser(be).do("request_reset_password", email="ann@example.org")
    await until(lambda: mailbox.link(RESET))
    link = mailbox.link(RESET)
    done = await asyncio.gather(
        *(Browser(be).do("reset_password", link=link, password=OTHER) for _ in range(4))
    )
    assert sorted(status for status, _ in done) == [200, 400, 400, 400]
    assert (await Browser(be).do("reset_password", link=link, password=PASSWORD))[0] == 400
    await signed_in(be, password=OTHER)


async def test_links_are_to_this_server(be):
    """Whatever a request calls it."""
    said = {"email": "ann@example.org"}
    headers = {"Host": "localhost", "X-Forwarded-Host": "evil.example"}
    await Browser(be).fetch("POST", "api/authz/request_reset_password", said, headers=headers)
    await until(lambda: mailbox.link(RESET))
    assert "https://lab.example.org/hub/authz/reset?link=" in mailbox.MAILS[-1][2]
    assert "evil" not in mailbox.MAILS[-1][2]


@pytest.mark.parametrize("blocked_first", [True, False])
async def test_a_reset_lifts_no_block(be, blocked_first):
    """Whether it was asked for before or after."""
    if blocked_first:
        await be.live.write(people.set_state, "ann", people.BLOCKED)
    await Browser(be).do("request_reset_password", email="ann@example.org")
    await asyncio.sleep(0.3)
    link = mailbox.link(RESET)
    if not blocked_first:
        await be.live.write(people.set_state, "ann", people.BLOCKED)
        assert (await Browser(be).do("reset_password", link=link, password=OTHER))[0] == 400
    else:
        assert link is None
    assert await Browser(be).sign_in("ann", OTHER) == 401
    assert be.live.person("ann").state == people.BLOCKED


async def test_a_link_that_has_expired(be):
    """Is none."""
    link = await be.live.write(secrets.make_link, "ann", secrets.RESET, seconds=-1)
    assert (await Browser(be).do("reset_password", link=link, password=OTHER))[0] == 400
    assert (await Browser(be).do("verify_email", link="00"))[0] == 400


async def test_a_link_ends_with_its_address(be):
    """And what was sent to one address is worth nothing for another."""
    await Browser(be).do("request_reset_password", email="ann@example.org")
    await until(lambda: mailbox.link(RESET))

    def change(writing):
        people.change(writing, "ann", email="ann@other.example")

    await be.live.write(change)
    link = mailbox.link(RESET)
    assert (await Browser(be).do("reset_password", link=link, password=OTHER))[0] == 400


async def test_a_password_ends_everything(be):
    """Sessions, tokens and websockets, within a second; the browser that changed it stays."""
    ann, other = await signed_in(be), await signed_in(be)
    token = (await ann.json("POST", "api/authz/tokens", {"name": "script"}))["token"]
    socket, script = await other.connect("api/events/subscribe"), be(token)
    began = time.monotonic()
    assert (await ann.do("change_password", password=OTHER, new_password=OTHER))[0] == 403
    said = {"password": PASSWORD, "new_password": OTHER}
    assert (await ann.do("change_password", **said))[0] == 200
    assert await asyncio.wait_for(socket.read_message(), 5) is None
    assert socket.close_code == 1008
    socket.close()
    assert time.monotonic() - began < 3
    assert [await ann.who(), await other.who()] == ["ann", None]
    assert await script.status("GET", "api/contents") == 403
    assert await Browser(be).sign_in("ann", PASSWORD) == 401
    await signed_in(be, password=OTHER)


async def test_accounts_of_the_configuration_change_nothing(be):
    """Their password stands there."""
    root = await signed_in(be, "root")
    said = {"password": PASSWORD, "new_password": OTHER}
    status, answer = await root.do("change_password", **said)
    assert (status, answer["reason"]) == (403, "configured")


async def test_changing_the_address(be):
    """It is another only when its link is followed; the old one is told."""
    ann = await signed_in(be)
    said = {"password": PASSWORD, "email": "ann@new.example"}
    assert (await ann.do("change_email", **{**said, "password": OTHER}))[0] == 403
    assert (await ann.do("change_email", **said))[0] == 200
    await until(lambda: len(mailbox.MAILS) == 2)
    assert {to for to, _, _ in mailbox.MAILS} == {"ann@new.example", "ann@example.org"}
    assert (await ann.json("GET", "api/authz/profile"))["email"] == "ann@example.org"
    link = mailbox.link(VERIFY, "ann@new.example")
    assert (await Browser(be).do("verify_email", link=link))[0] == 200
    assert (await ann.json("GET", "api/authz/profile"))["email"] == "ann@new.example"
    # Of another it is not to be had.
    assert (await ann.do("change_email", **{**said, "email": "bob@example.org"}))[0] == 200
    assert mailbox.link(VERIFY, "bob@example.org") is None


async def test_signing_in_by_a_link(be):
    """Once."""
    link = await be.live.write(secrets.make_link, "ann", secrets.SIGN_IN, seconds=60)
    browser = Browser(be)
    assert await browser.do("login", link=link) == (200, {"username": "ann"})
    assert await browser.who() == "ann"
    assert (await Browser(be).do("login", link=link))[0] == 400


# ---------------------------------------------------------------------- sessions


async def test_sessions(be):
    """One sees one's own, and ends them: one, the others, all."""
    ann, phone, bob = await signed_in(be), await signed_in(be), await signed_in(be, "bob")
    listed = await ann.json("GET", "api/authz/sessions")
    assert len(listed) == 2
    assert [one["is_current"] for one in listed].count(True) == 1
    theirs = (await bob.json("GET", "api/authz/sessions"))[0]["id"]
    assert await ann.status("DELETE", f"api/authz/sessions/{theirs}") == 404
    other = next(one["id"] for one in listed if not one["is_current"])
    assert await ann.status("DELETE", f"api/authz/sessions/{other}") == 204
    assert [await ann.who(), await phone.who(), await bob.who()] == ["ann", None, "bob"]
    phone = await signed_in(be)
    assert await ann.json("DELETE", "api/authz/sessions") == {"ended": 1}
    assert [await ann.who(), await phone.who()] == ["ann", None]
    phone = await signed_in(be)
    assert (await ann.do("logout", everywhere=True))[0] == 200
    assert [await ann.who(), await phone.who()] == [None, None]


async def test_limits_of_a_session(start, monkeypatch):
    """Whoever is idle for long, or signed in for long, signs in again."""
    be = start(idle_limit=100, absolute_limit=1000)
    root = await signed_in(be, "root")
    now = time.time()
    clock = [now]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    for clock[0] in (now + 90, now + 180, now + 270):
        assert await root.who() == "root"
    clock[0] = now + 500
    assert await root.who() is None
    root = await signed_in(be, "root")
    for clock[0] in range(int(now) + 550, int(now) + 1499, 90):
        assert await root.who() == "root"
    clock[0] = now + 1501
    assert await root.who() is None


async def test_signing_out_while_the_store_is_lost(be, monkeypatch):
    """Signed out is signed out."""
    ann = await signed_in(be)
    kept = dict(ann.cookies)
    _lose(be, monkeypatch)
    assert (await ann.fetch("GET", "logout")).code == 200
    ann.cookies = kept
    assert await ann.who() is None


def _lose(be, monkeypatch):
    from jupyter_authz.errors import StoreLostError

    def lost(*_, **__):
        raise StoreLostError("gone")

    for name in ("reading", "writing"):
        monkeypatch.setattr(be.live.store, name, lost)


async def test_the_store_is_lost(start, monkeypatch):
    """Who is signed in goes on for a time, and then does not; signing in says what is wrong."""
    be = start(outlast=1)
    root = await signed_in(be, "root")
    _lose(be, monkeypatch)
    status, said = await Browser(be).do("login", username="root", password=PASSWORD)
    assert (status, said["reason"]) == (503, "store-lost")
    page = Browser(be)
    await page.fetch("GET", "login")
    body = f"username=root&password=correct+horse&_xsrf={page.cookies['_xsrf']}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await page.fetch("POST", "login", body, headers=kind)
    assert reply.code == 503
    assert b"cannot be reached" in reply.body
    assert await root.status("GET", "api/contents") == 200
    await until(lambda: be.live.is_lost)
    assert await root.status("GET", "api/contents") == 403
    assert await be(TOKEN).status("GET", "api/contents") == 403
    monkeypatch.undo()
    await until(lambda: not be.live.is_lost)
    assert await root.status("GET", "api/contents") == 200


# ---------------------------------------------------------------------- tokens and guests


async def test_tokens(be):
    """Named, shown once, listed without what they are, ended; never another's."""
    ann, bob = await signed_in(be), await signed_in(be, "bob")
    made = await ann.json("POST", "api/authz/tokens", {"name": "script", "days": 7})
    script = be(made["token"])
    assert (await script.json("GET", "api/me"))["identity"]["username"] == "ann"
    assert await ann.status("POST", "api/authz/tokens", {"name": "script"}) == 409
    (listed,) = await ann.json("GET", "api/authz/tokens")
    assert listed["name"] == "script"
    assert listed["expires"] - time.time() == pytest.approx(7 * 24 * 3600, abs=60)
    assert made["token"] not in json.dumps(listed)
    assert await bob.json("GET", "api/authz/tokens") == []
    assert await bob.status("DELETE", f"api/authz/tokens/{listed['id']}") == 404
    assert await ann.status("DELETE", f"api/authz/tokens/{listed['id']}") == 204
    assert await script.status("GET", "api/me") in {302, 403}
    for bad in ({"name": ""}, {"name": "x", "days": 0}, {"name": "x", "days": "7"}, {}):
        assert await ann.status("POST", "api/authz/tokens", bad) == 400


async def test_limits_of_a_token(be):
    """Never more than its owner may, nor than it was made for."""
    await be.live.write(tags.add, "ann", "team/finance")
    (be.root / "team" / "finance").mkdir(parents=True)
    ann = await signed_in(be)
    said = {"name": "reader", "permissions": ["read:contents", "write:contents!path=other/**"]}
    reader = be((await ann.json("POST", "api/authz/tokens", said))["token"])
    all_of_it = be((await ann.json("POST", "api/authz/tokens", {"name": "all"}))["token"])
    text = {"type": "file", "format": "text", "content": "x"}
    assert await reader.status("GET", "api/contents/team") == 200
    reply = await reader.fetch("PUT", "api/contents/team/finance/a.txt", text)
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, "token")
    assert await reader.status("PUT", "api/contents/other/a.txt", text) == 403
    assert await all_of_it.status("PUT", "api/contents/team/finance/a.txt", text) == 201
    with pytest.raises(HTTPClientError, match="403"):
        await reader.connect("api/events/subscribe")
    await be.live.write(tags.remove, "ann", "team/finance")
    assert await all_of_it.status("PUT", "api/contents/team/finance/a.txt", text) == 403
    for bad in (["read:nothing"], [], "read", [5], ["x" * 5000]):
        said = {"name": "bad", "permissions": bad}
        assert await ann.status("POST", "api/authz/tokens", said) == 400


async def test_a_token_changes_nothing(be):
    """It makes no tokens, ends no sessions, changes no password, and sets no cookie."""
    ann = await signed_in(be)
    script = be((await ann.json("POST", "api/authz/tokens", {"name": "script"}))["token"])
    for method, path, said in (
        ("POST", "tokens", {"name": "more"}),
        ("POST", "change_password", {"password": PASSWORD, "new_password": OTHER}),
        ("POST", "change_email", {"password": PASSWORD, "email": "x@example.org"}),
        ("PATCH", "profile", {"name": "X"}),
        ("DELETE", "sessions", None),
    ):
        reply = await script.fetch(method, f"api/authz/{path}", said)
        assert reply.code == 403, path
        cookies = [one for one in reply.headers.get_list("Set-Cookie") if "username-" in one]
        assert cookies == []
    assert await ann.who() == "ann"


async def test_guests(start):
    """Where they are let in, they may do what their group may, and sign in when they like."""
    be = start(guests=True)
    visitor = Browser(be)
    assert await visitor.who() is None
    assert await visitor.status("GET", "api/contents") == 403
    role = {"name": "guests", "groups": ["guest"], "allow": ["read:contents!path=open/**"]}
    be.write(open__a_txt="a", closed__b_txt="b")
    from guard.test_revocation import policy

    be.guard.enforce(policy(role, allowing("*", name="signed in")))
    assert await visitor.status("GET", "api/contents/open/a.txt") == 200
    assert await visitor.status("GET", "api/contents/closed/b.txt") == 403
    assert await visitor.status("GET", "login") == 200
    page = await visitor.fetch("GET", "files/closed/b.txt", headers={"Accept": "text/html"})
    there = f"{be.base_url}login?next={quote(f'{be.base_url}files/closed/b.txt', safe='')}"
    assert (page.code, page.headers["Location"]) == (302, there)
    assert await visitor.sign_in("root", PASSWORD) == 200
    assert await visitor.status("GET", "api/contents/closed/b.txt") == 200


async def test_guests_need_somebody_who_decides(start, capfd):
    """Without roles, hook and callback they could do everything: the server does not start."""
    with pytest.raises(SystemExit):
        start(guests=True, roles=None)
    assert "c.Accounts.guests: expected c.JupyterAuthz.roles" in capfd.readouterr().err


async def test_guests_of_a_callback(start):
    """Without roles they may look at what it lets them, and neither change nor run anything."""
    be = start(guests=True, roles=None, authorize_callback=lambda user_info: True)
    be.write(a_txt="a")
    visitor, root = Browser(be), be(TOKEN)
    await visitor.fetch("GET", "login")
    kernel = (await root.json("POST", "api/kernels", {}))["id"]
    assert await visitor.status("GET", "files/a.txt") == 200
    for method, path, body in (
        ("PUT", "api/contents/b.txt", {"type": "file", "format": "text", "content": ""}),
        ("POST", "api/contents", {"type": "file"}),
        ("POST", "api/kernels", {}),
        ("DELETE", f"api/kernels/{kernel}", None),
        ("GET", "api/authz/admin/people", None),
    ):
        assert await visitor.status(method, path, body) == 403, path
    with pytest.raises(HTTPClientError, match="403"):
        await visitor.connect(f"api/kernels/{kernel}/channels")
    assert await visitor.status("GET", "api/kernels") == 403
    assert await root.status("DELETE", f"api/kernels/{kernel}") == 204


async def test_visitors_are_not_one_another(start):
    """What one of them has started is neither another's nor that of an account of the name."""
    from guard.test_revocation import policy

    be = start(guests=True)
    own = "execute:kernels,channels,sessions!owner={username}"
    role = {"name": "guests", "groups": ["guest"], "users": ["guest"]}
    role["allow"] = [own, "read:identity"]
    be.guard.enforce(policy(role, allowing("*", users=["root"], name="root")))
    first, second = Browser(be), Browser(be)
    await first.fetch("GET", "login")
    kernel = await first.json("POST", "api/kernels", {})
    channels = f"api/kernels/{kernel['id']}/channels"
    assert [one["id"] for one in await first.json("GET", "api/kernels")] == [kernel["id"]]
    socket = await first.connect(channels)
    token, hashed = new_token()
    provider = be.web_app.settings["identity_provider"]
    provider.users = {**provider.users, "guest": {"hashed_tokens": [hashed]}}
    namesake, script, forged = be(token), be(), Browser(be)
    assert (await namesake.json("GET", "api/me"))["identity"]["username"] == "guest"
    await forged.fetch("GET", "login")
    (name,) = [one for one in first.cookies if one.endswith("-visitor")]
    forged.cookies[name] = first.cookies[name][:-4] + "0000"
    for other in (second, script, forged, namesake):
        assert await other.json("GET", "api/kernels") == []
        assert await other.status("GET", f"api/kernels/{kernel['id']}") == 403
        with pytest.raises(HTTPClientError, match="403"):
            await other.connect(channels)
    assert [one["id"] for one in await be(TOKEN).json("GET", "api/kernels")] == [kernel["id"]]
    # It stays open, and is known again, as things change.
    be.guard.connections.revise_soon()
    await asyncio.sleep(0.3)
    assert socket.close_code is None
    socket.close()
    assert await first.status("DELETE", f"api/kernels/{kernel['id']}") == 204


# ---------------------------------------------------------------------- the extra


async def test_without_accounts_there_is_none_of_it(serve, jp_server_config):
    """Neither routes nor a store."""
    be = serve(roles=[allowing("*")])
    assert await be("ann").status("GET", "api/authz/profile") == 404
    assert SERVICE not in be.web_app.settings


async def test_another_identity_provider(serve, tmp_path, jp_server_config):
    """What is good for nothing where people sign in in another way is not offered."""
    settings = jp_server_config.Accounts
    settings.enabled = True
    settings.url = f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
    settings.offers = list(OFFERS)
    be = serve(roles=[allowing("*")])
    said = {"username": "new", "password": PASSWORD, "email": "new@example.org"}
    anybody, ann = be(), be("ann")
    for someone, action, body in (
        (anybody, "register", said),
        (anybody, "request_reset_password", {"email": "new@example.org"}),
        (anybody, "login", {"username": "new", "password": PASSWORD}),
        (ann, "change_password", {"password": PASSWORD, "new_password": OTHER}),
        (ann, "tokens", {"name": "mine"}),
    ):
        headers = {"Content-Type": "application/json"}
        reply = await someone.fetch("POST", f"api/authz/{action}", body, headers=headers)
        assert (reply.code, json.loads(reply.body)["reason"]) == (404, "not-offered"), action
    live = be.web_app.settings[SERVICE].live
    assert live.person("new") is None
    await live.stop()


async def test_a_store_that_is_lost_while_a_link_is_asked_for(be, monkeypatch, caplog):
    """It is told in one line of the log; whoever asked learns nothing."""

    async def lost(*_, **__):
        raise StoreLostError("gone")

    monkeypatch.setattr(be.live, "write", lost)
    browser = Browser(be)
    assert (await browser.do("request_reset_password", email="ann@example.org"))[0] == 200
    await asyncio.sleep(1.2)
    assert [r.getMessage() for r in caplog.records if "nothing was sent" in r.getMessage()] == [
        "jupyter_authz | nothing was sent: gone"
    ]


async def test_asking_again_and_again(be):
    """What was sent stays good; and whoever asks too often is told so."""
    links = []
    for _ in range(8):
        await Browser(be).do("request_reset_password", email="ann@example.org")
    await until(lambda: len(mailbox.MAILS) == 5)
    await asyncio.sleep(1.2)
    links = [re.search(r"link=(\w+)", text)[1] for _, _, text in mailbox.MAILS]
    assert len(links) == 5
    done = await Browser(be).do("reset_password", link=links[0], password=OTHER)
    assert done == (200, {"state": "active"})
    seen = [
        (await Browser(be).do("request_reset_password", email=f"x{number}@example.org"))[0]
        for number in range(14)
    ]
    assert (seen[0], seen[-1]) == (200, 429)


@pytest.mark.parametrize(
    "email",
    [
        "=?utf-8?q?a=40e.com=2cb=40e.com?=@example.org",
        "x@=?utf-8?q?example.org?=",
        "a@example.org,b@example.org",
        "a@example.org\r\nBcc: b@example.org",
    ],
)
async def test_an_address_is_one(be, email):
    """What mail programs would read as other text, or several addresses, is none."""
    assert (await Browser(be).do("register", **registering(email=email)))[0] == 400
    with pytest.raises(RefusedError):
        people.check_email(email)


async def test_signing_in_while_the_store_is_lost_keeps_the_cookie(be, monkeypatch):
    """Whoever sees the sign-in page meanwhile is signed in again when the store is there again."""
    ann = await signed_in(be)
    monkeypatch.setattr(be.live, "_is_lost", True)
    assert await ann.who() is None
    assert await ann.status("GET", "login") == 200
    monkeypatch.setattr(be.live, "_is_lost", False)
    assert await ann.who() == "ann"
