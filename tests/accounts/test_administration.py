"""The administration, over HTTP: each thing that is done, and each that is refused."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from accounts import mailbox
from accounts.browsers import Browser, until
from guard.test_revocation import policy
from jupyter_server.auth import passwd
from jupyter_server.base.handlers import JupyterHandler
from people import allowing
from sqlalchemy import insert
from tornado.websocket import WebSocketHandler

from jupyter_authz import AccountsIdentityProvider, new_token
from jupyter_authz.accounts import grants, people, secrets, tags
from jupyter_authz.accounts.schema import GROUPS, MEMBERSHIPS, USERS
from jupyter_authz.accounts.store import EVERYTHING
from jupyter_authz.identity.credentials import token_digest
from jupyter_authz.identity.stored import SERVICE

PASSWORD = "correct horse"
HASHED = passwd(PASSWORD, algorithm="sha256")
TOKEN, HASHED_TOKEN = new_token()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROLES = [
    allowing("*", name="manager", users=["root"]) | {"groups": ["manager"]},
    {"name": "viewer", "groups": ["viewers"], "allow": ["read:authz"]},
    {"name": "lead", "groups": ["leads"], "allow": ["write:authz!name=analyst"]},
    {"name": "analyst", "allow": ["read:contents!path=analysis/**"]},
    {"name": "helper", "allow": ["read:contents"]},
    {"name": "leader", "allow": ["write:authz!name=helper"]},
    {"name": "keeper", "allow": ["write:authz!name={username}"]},
    {"name": "suspended", "allow": ["read:api"], "deny": ["*"]},
    {"name": "team", "groups": ["team"], "allow": ["read:contents!path={group}/**"]},
    {"name": "watcher", "groups": ["team/watch"], "allow": ["execute:contents"]},
]


class Watching(JupyterHandler, WebSocketHandler):
    """A websocket that stays open."""

    auth_resource = "contents"

    def on_message(self, message):
        """Hear nothing."""


@pytest.fixture
def start(serve, jp_server_config, jp_asyncio_loop, tmp_path):
    """Give a function that runs a server with accounts."""
    mailbox.MAILS.clear()
    jp_server_config.ServerApp.identity_provider_class = AccountsIdentityProvider
    jp_server_config.AccountsIdentityProvider.users = {
        "root": {"hashed_password": HASHED, "hashed_tokens": [HASHED_TOKEN]},
        "conny": {"hashed_password": HASHED, "groups": ["team/finance"]},
    }
    settings = jp_server_config.Accounts
    settings.enabled = True
    settings.url = f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
    settings.mailer = "accounts.mailbox.send"
    settings.public_url = "https://lab.example.org/hub/"
    started = []

    def run(roles=ROLES, users=None):
        if users is not None:
            jp_server_config.AccountsIdentityProvider.users = users
        be = serve(roles=roles)
        be.service = be.web_app.settings[SERVICE]
        be.live = be.service.live
        started.append(be)

        def make(writing):
            for name in ("ann", "bob", "lea", "vic", "mia"):
                people.add(
                    writing, name, name=name.title(), email=f"{name}@example.org", password=HASHED
                )
            tags.add(writing, "lea", "leads/one")
            tags.add(writing, "vic", "viewers")
            tags.add(writing, "mia", "manager")

        with be.live.store.writing() as writing:
            make(writing)
        be.live.begin()
        return be

    yield run
    for be in started:
        jp_asyncio_loop.run_until_complete(be.live.stop())


@pytest.fixture
def be(start):
    """Run a server: root and mia manage, vic looks, lea gives one role, ann and bob do nothing."""
    return start()


class Admin(Browser):
    """Somebody in front of the pages."""

    async def see(self, page, /, **arguments):
        """Load a page, and give status and text."""
        query = f"?{urlencode(arguments)}" if arguments else ""
        reply = await self.fetch("GET", f"authz/admin/{page}{query}")
        return reply.code, reply.body.decode()

    async def post(self, page, deed, which=None, /, **fields):
        """Send a form of a page, and give the reply."""
        body = urlencode({"_xsrf": self.cookies.get("_xsrf", ""), "do": deed, **fields})
        query = f"?{urlencode(which)}" if which else ""
        headers = {**FORM, "X-XSRFToken": ""}
        return await self.fetch("POST", f"authz/admin/{page}{query}", body, headers=headers)

    async def does(self, page, deed, which=None, /, **fields):
        """Send a form, and give the message of the page it leads to, or the error."""
        reply = await self.post(page, deed, which, **fields)
        if reply.code == 303:
            place = reply.headers["Location"]
            assert "/authz/admin/" in place
            reply = await self.fetch("GET", place.split("/", 2)[2])
            assert reply.code == 200, reply.body
            return re.search(r'role="status"[^>]*>([^<]*)<', reply.body.decode())[1]
        found = re.search(r'role="alert"[^>]*>([^<]*)<', reply.body.decode())
        return reply.code, html.unescape(found[1]) if found else ""


async def signed_in(be, name="root"):
    """Give somebody who has signed in."""
    browser = Admin(be)
    assert await browser.sign_in(name, PASSWORD) == 200
    return browser


def person(be, name):
    """Give somebody as the server knows them."""
    return be.live.snapshot.people.get(name)


# ---------------------------------------------------------------------- people


async def test_adding(be):
    """Somebody is invited, sets a password, and signs in."""
    root = await signed_in(be)
    said = {"username": "dan ", "name": "Dan", "email": "dan@example.org"}
    assert await root.does("people", "add", **said) == "The account was made."
    assert person(be, "dan").state == people.INVITED
    await until(lambda: mailbox.link("You are invited", "dan@example.org"))
    assert "https://lab.example.org/hub/authz/reset?link=" in mailbox.MAILS[-1][2]
    link = mailbox.link("You are invited")
    done = await Browser(be).do("reset_password", link=link, password=PASSWORD)
    assert done == (200, {"state": "active"})
    await signed_in(be, "dan")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"username": "ann", "email": "x@example.org"}, 409),
        ({"username": "Root", "email": "x@example.org"}, 409),
        ({"username": "dan", "email": "ann@example.org"}, 400),
        ({"username": "dan", "email": "nowhere"}, 400),
        ({"username": "dan"}, 400),
        ({"username": "", "email": "x@example.org"}, 400),
        ({"username": "a/b", "email": "x@example.org"}, 400),
    ],
)
async def test_adding_what_is_none(be, fields, status):
    """Is refused with a sentence on the same page, and makes nothing."""
    root = await signed_in(be)
    before = set(be.live.snapshot.people)
    code, told = await root.does("people", "add", **fields)
    assert (code, bool(told)) == (status, True)
    assert set(be.live.snapshot.people) == before
    assert mailbox.MAILS == []


async def test_adding_to_a_group(be):
    """Somebody may be in a group from the beginning; a group that is none makes nobody."""
    root = await signed_in(be)
    said = {"username": "dan", "email": "dan@example.org"}
    code, told = await root.does("people", "add", **said, group="a//b")
    assert (code, "a//b" in told, person(be, "dan")) == (400, True, None)
    assert await root.does("people", "add", **said, group="team/finance") == "The account was made."
    assert person(be, "dan").groups == ("team/finance",)


async def test_changing(be):
    """Name and address; what was sent to the address before is worth nothing any more."""
    root, which = await signed_in(be), {"username": "ann"}
    await root.does("person", "send_link", which, **which)
    await until(lambda: mailbox.link("Your password", "ann@example.org"))
    link = mailbox.link("Your password")
    said = {**which, "name": "Anna", "email": "anna@example.org"}
    assert await root.does("person", "change", which, **said) == "The account was changed."
    found = person(be, "ann")
    assert (found.name, found.email, found.is_verified) == ("Anna", "anna@example.org", False)
    assert (await Browser(be).do("reset_password", link=link, password=PASSWORD))[0] == 400
    for wrong in ("bob@example.org", "nowhere"):
        code, told = await root.does("person", "change", which, **{**said, "email": wrong})
        assert (code, bool(told)) == (400, True)
    assert person(be, "ann").email == "anna@example.org"
    # Over REST what is not said stays.
    assert (await root.do("admin/change", username="ann", name="A"))[0] == 204
    assert (person(be, "ann").name, person(be, "ann").email) == ("A", "anna@example.org")
    assert (await root.do("admin/change", username="ann", email=""))[0] == 204
    assert person(be, "ann").email is None
    conny = {"username": "conny"}
    assert (await root.does("person", "change", conny, **conny, name="C", email=""))[0] == 403
    for name in ("vic", "lea", "ann"):
        other = await signed_in(be, name)
        assert (await other.do("admin/change", username="bob", name="mine"))[0] == 403
    assert person(be, "bob").name == "Bob"


async def test_pages_that_lead_here(be):
    """Front ends and the page of one's account lead to what there is for somebody."""
    hook = be.web_app.settings["page_config_hook"]
    account = {"account": "authz/profile"}
    both = {**account, "administration": "authz/admin"}
    for name, pages in (("root", both), ("vic", both), ("lea", both), ("ann", account)):
        browser = await signed_in(be, name)
        user = SimpleNamespace(username=name, groups=(), kind="user")
        shared = {"a": 1}
        found = hook(SimpleNamespace(current_user=user), shared)
        assert (found["authzPages"], shared) == (pages, {"a": 1})
        page = await browser.fetch("GET", "authz/profile")
        assert (b"authz/admin" in page.body) is ("administration" in pages)
    user.kind = "guest"
    assert hook(SimpleNamespace(current_user=user), {})["authzPages"] == {}
    denied = await browser.fetch("GET", "authz/admin", headers={"Accept": "text/html"})
    assert denied.code == 403
    assert f'href="{be.base_url}authz/profile"'.encode() in denied.body


async def test_states(be, caplog):
    """Blocked, unblocked, approved, signed out and deleted; each is written down."""
    root, ann = await signed_in(be), await signed_in(be, "ann")
    which = {"username": "ann"}
    assert "signed out everywhere" in await root.does("person", "sign_out", which, **which)
    assert await ann.who() is None
    ann = await signed_in(be, "ann")
    assert "is blocked" in await root.does("person", "block", which, **which)
    assert await ann.who() is None
    assert await Browser(be).sign_in("ann", PASSWORD) == 403
    assert (await root.does("person", "approve", which, **which))[0] == 400
    assert "not blocked any more" in await root.does("person", "unblock", which, **which)
    await be.live.write(people.set_state, "ann", people.AWAITING)
    assert (await root.does("person", "unblock", which, **which))[0] == 400
    assert "approved" in await root.does("person", "approve", which, **which)
    await signed_in(be, "ann")
    assert "link" in await root.does("person", "send_link", which, **which)
    await until(lambda: mailbox.link("Your password", "ann@example.org"))
    status, text = await root.see("delete", **which)
    assert (status, "Delete ann" in text) == (200, True)
    assert "deleted" in await root.does("delete", "delete", which, **which)
    assert person(be, "ann").state == people.DELETED
    assert "ann@" not in (await root.see("people"))[1]
    assert (await root.see("person", **which))[0] == 404
    assert (await root.does("delete", "delete", which, **which))[0] == 404
    # Who manages people may give the name again.
    said = {**which, "email": "ann@example.org"}
    assert await root.does("people", "add", **said) == "The account was made."
    assert person(be, "ann").state == people.INVITED
    told = [r.getMessage() for r in caplog.records if "'root' " in r.getMessage()]
    for deed in ("signed out", "blocked", "unblocked", "approved", "sent a link to", "deleted"):
        assert [line for line in told if line.endswith(f"'root' {deed} 'ann'")], deed


async def test_accounts_of_the_configuration(be):
    """Can be blocked, and put into groups; they are not deleted, which would lift the block."""
    root, conny = await signed_in(be), await signed_in(be, "conny")
    which = {"username": "conny"}
    assert "Added" in await root.does("person", "add_to_group", which, **which, group="staff/a")
    assert person(be, "conny").groups == ("staff/a",)
    assert "is blocked" in await root.does("person", "block", which, **which)
    assert await conny.who() is None
    code, told = await root.does("delete", "delete", which, **which)
    assert (code, "configuration" in told) == (403, True)
    assert (await root.does("person", "send_link", which, **which))[0] == 403
    assert person(be, "conny").state == people.BLOCKED
    _, text = await root.see("person", **which)
    assert "team/finance" in text
    assert "in the configuration" in text
    # Deleted in another way, before they stood there, say.
    await be.live.write(people.remove, "conny")
    assert "not blocked any more" in await root.does("person", "unblock", which, **which)
    await signed_in(be, "conny")


# ---------------------------------------------------------------------- groups


async def test_groups(be):
    """Made, filled, emptied and deleted, with all below."""
    root = await signed_in(be)
    assert "made" in await root.does("groups", "make_group", group="/x/y/z/")
    which = {"group": "x/y/z"}
    assert "Added" in await root.does("group", "add_to_group", which, **which, username="ann")
    assert (await root.does("group", "add_to_group", which, **which, username="no"))[0] == 404
    _, text = await root.see("groups")
    for path in ("x", "x/y", "x/y/z", "team/finance", "manager"):
        assert f'aria-label="{path}"' in text
    _, text = await root.see("group", group="x")
    assert "ann" in text
    # Only what they are directly in is taken from them.
    above = {"username": "ann", "group": "x"}
    assert (await root.does("group", "remove_from_group", {"group": "x"}, **above))[0] == 404
    said = {**which, "username": "ann"}
    assert "Removed" in await root.does("group", "remove_from_group", which, **said)
    await be.live.write(tags.add, "bob", "x/y")
    assert "deleted" in await root.does("delete", "delete_group", {"group": "x/y"}, group="x/y")
    assert person(be, "bob").groups == ()
    assert (await root.see("group", group="x/y/z"))[0] == 404
    assert (await root.see("group", group="x"))[0] == 200
    code, _ = await root.does("delete", "delete_group", {"group": "team"}, group="team")
    assert code == 404
    assert (await root.does("groups", "make_group", group="a//b"))[0] == 400


async def test_moving_somebody_counts_at_once(be):
    """For what they have open, too."""
    root = await signed_in(be)
    await be.live.write(tags.add, "ann", "team/watch")
    ann = await signed_in(be, "ann")
    be.add((r"watching", Watching))
    socket = await ann.connect("watching")
    began = time.monotonic()
    said = {"username": "ann", "group": "team/watch"}
    assert "Removed" in await root.does("person", "remove_from_group", said, **said)
    assert await asyncio.wait_for(socket.read_message(), 5) is None
    assert socket.close_code == 1008
    assert time.monotonic() - began < 1
    socket.close()


# ---------------------------------------------------------------------- roles


async def test_roles(be):
    """Given for good or until a day, to people and groups, shown with where they come from."""
    root, which = await signed_in(be), {"username": "ann"}
    said = {**which, "role": "analyst", "until": "2999-12-31"}
    assert "given" in await root.does("person", "give", which, **said)
    await be.live.write(tags.add, "ann", "team/finance")
    page = {"role": "helper"}
    assert "given" in await root.does("role", "give", page, role="helper", group="team")
    _, text = await root.see("person", **which)
    assert "until 2999-12-31" in text
    assert "given to the group team by root" in text
    assert "the configuration: group team" in text
    _, text = await root.see("role", **page)
    assert "the group <a" in text
    assert "taken" in await root.does("role", "take", page, role="helper", group="team")
    assert "taken" in await root.does("person", "take", which, **which, role="analyst")
    assert person(be, "ann").grants == ()
    for fields, status in (
        ({"role": "analyst"}, 400),
        ({"role": "analyst", "username": "ann", "group": "team"}, 400),
        ({"role": "nothing", "username": "ann"}, 404),
        ({"role": "base_permissions", "username": "ann"}, 404),
        ({"role": "analyst", "username": "nobody"}, 404),
        ({"role": "analyst", "username": "ann", "until": "tomorrow"}, 400),
        ({"role": "analyst", "username": "ann", "until": "2001-01-01"}, 400),
        ({"role": "analyst", "username": "ann", "until": "9999-12-31"}, 400),
    ):
        assert (await root.does("role", "give", {"role": "analyst"}, **fields))[0] == status, fields
    assert (await root.does("role", "take", page, role="helper", username="bob"))[0] == 404


async def test_a_grant_to_an_account_of_the_configuration(be):
    """Whom the store does not know yet."""
    root, which = await signed_in(be), {"role": "helper"}
    assert "given" in await root.does("role", "give", which, **which, username="conny")
    assert [grant.role for grant in person(be, "conny").grants] == ["helper"]


async def test_what_somebody_may_do_and_why(be):
    """The decision and the rules, with groups of the configuration and of the store."""
    root = await signed_in(be)
    await be.live.write(tags.add, "conny", "team/sales") if person(be, "conny") else None
    for name, asked, told in (
        ("conny", {"question": "read:contents", "path": "team/finance/a"}, "allowed"),
        ("conny", {"question": "read:contents", "path": "/team/other/"}, "denied"),
        ("root", {"question": "write:authz"}, "allowed"),
        ("lea", {"question": "write:authz", "name": "Analyst"}, "allowed"),
        ("lea", {"question": "write:authz"}, "denied"),
        ("mia", {"question": "execute:kernels", "owner": "ann"}, "allowed"),
    ):
        _, text = await root.see("person", username=name, **asked)
        assert f'<span class="{told}">{told}' in text, (name, asked)
    _, text = await root.see(
        "person", username="conny", question="read:contents", path="team/finance/a"
    )
    assert "<b>team</b> allows <code>read:contents!path={group}/**</code>" in text
    await be.live.write(grants.give, "suspended", username="bob", by="x", roles=["suspended"])
    _, text = await root.see("person", username="bob", question="read:contents", path="a")
    assert "<b>suspended</b> denies <code>*</code>" in text
    for asked in (
        {"question": "look"},
        {"question": "read:nothing"},
        {"question": "run:contents"},
        {"question": "read:contents", "owner": "ann"},
    ):
        status, text = await root.see("person", username="bob", **asked)
        assert status == 400
        assert 'id="mistake"' in text


# ---------------------------------------------------------------------- who may

EVERYTHING_ELSE = [
    ("people", "add", {"username": "eve", "email": "eve@example.org"}),
    ("person", "block", {"username": "bob"}),
    ("person", "unblock", {"username": "bob"}),
    ("person", "approve", {"username": "bob"}),
    ("person", "sign_out", {"username": "bob"}),
    ("person", "send_link", {"username": "bob"}),
    ("person", "add_to_group", {"username": "bob", "group": "team"}),
    ("group", "remove_from_group", {"username": "mia", "group": "manager"}),
    ("groups", "make_group", {"group": "new"}),
    ("delete", "delete", {"username": "bob"}),
    ("delete", "delete_group", {"group": "leads"}),
]
PAGES = [
    ("people", {}),
    ("person", {"username": "bob"}),
    ("person", {"username": "bob", "question": "read:contents"}),
    ("groups", {}),
    ("group", {"group": "leads"}),
    ("delete", {"username": "bob"}),
]


def is_as_before(be, before):
    """Whether nothing was changed."""
    return be.live.snapshot.people == before.people and (
        be.live.snapshot.group_grants == before.group_grants
    )


@pytest.mark.parametrize("name", ["ann", "vic", "lea"])
async def test_a_delegate_changes_nothing_else(be, name):
    """Nor does who may only look, or nothing at all; over REST neither."""
    browser, before = await signed_in(be, name), be.live.snapshot
    for page, deed, fields in EVERYTHING_ELSE:
        reply = await browser.post(page, deed, fields, **fields)
        assert reply.code == 403, deed
        assert (await browser.fetch("POST", f"api/authz/admin/{deed}", fields)).code == 403, deed
    assert is_as_before(be, before)


async def test_a_delegate_sees_nothing_else(be):
    """Than the roles that they may give, and who was given them."""
    lea = await signed_in(be, "lea")
    start = await lea.fetch("GET", "authz/admin")
    assert start.headers["Location"].endswith("/authz/admin/roles")
    for page, arguments in PAGES:
        status, text = await lea.see(page, **arguments)
        assert status == 403, page
        assert "example.org" not in text
        assert 'href="' + be.base_url + 'authz/admin/people"' not in text
    status, text = await lea.see("roles")
    assert status == 200
    assert re.findall(r"role\?role=(\w+)", text) == ["analyst"]
    for name in ("manager", "helper", "nothing"):
        assert (await lea.see("role", role=name))[0] == 404
    status, text = await lea.see("role", role="analyst")
    assert status == 200
    assert "analysis/**" not in text
    assert (await lea.fetch("GET", "api/authz/admin/people")).code == 403


async def test_who_may_look(be):
    """Sees all, and is offered nothing."""
    vic = await signed_in(be, "vic")
    for page, arguments in PAGES[:-1]:
        status, text = await vic.see(page, **arguments)
        assert status == 200, page
        assert 'method="post"' not in text
    assert (await vic.see("delete", username="bob"))[0] == 403
    assert (await vic.json("GET", "api/authz/admin/people?search=BOB"))["total"] == 1


async def test_who_may_nothing(be):
    """Sees nothing, and who is not signed in is sent to sign in."""
    ann = await signed_in(be, "ann")
    for page, arguments in [*PAGES, ("roles", {}), ("role", {"role": "analyst"}), ("", {})]:
        status, text = await ann.see(page, **arguments)
        assert status == 403, page
        assert "vic" not in text
    reply = await Browser(be).fetch("GET", "authz/admin/people")
    assert reply.code == 302
    assert "/login?next=" in reply.headers["Location"]
    assert (await Admin(be).post("person", "block", username="bob")).code == 403


async def test_a_delegate_gives_one_role(be):
    """To others, by name or by a group, and takes it away again."""
    lea, which = await signed_in(be, "lea"), {"role": "analyst"}
    assert "given" in await lea.does("role", "give", which, **which, username="ann")
    assert "taken" in await lea.does("role", "take", which, **which, username="ann")
    assert "given" in await lea.does("role", "give", which, **which, username="conny")
    assert "given" in await lea.does("role", "give", which, **which, group="viewers")
    assert "taken" in await lea.does("role", "take", which, **which, group="viewers")


async def test_a_delegate_gains_nothing(be):
    """Neither by name, nor by a group of theirs, or one that is made for it."""
    lea, which, before = await signed_in(be, "lea"), {"role": "analyst"}, be.live.snapshot
    for holder in (
        {"username": "lea"},
        {"group": "leads"},
        {"group": "leads/one"},
        {"group": "/leads/"},
        {"group": "leads/new"},
        {"group": "other"},
    ):
        for deed in ("give", "take"):
            code, told = await lea.does("role", deed, which, **which, **holder)
            assert code in {403, 404}, (holder, deed)
            assert told
    for role in ("manager", "helper", "lead", "suspended", "nothing", "ANALYST", ""):
        for holder in ("ann", "lea"):
            code, _ = await lea.does("role", "give", which, role=role, username=holder)
            assert code in {400, 403}, role
    # Of what is below a group of theirs they are not.
    await be.live.write(lambda w: tags.make(w, ["leads/two"]))
    assert "given" in await lea.does("role", "give", which, **which, group="leads/two")
    await be.live.write(grants.take, "analyst", group="leads/two")
    assert is_as_before(be, before)


async def test_a_delegate_gives_no_more_than_they_have(start):
    """A role by which others are given is given only by who may give those."""
    few = ["write:authz!name=leader", "write:authz!name=keeper", "write:authz!name=manager"]
    lead = {"name": "lead", "groups": ["leads"], "allow": few}
    be = start([*ROLES[:2], lead, *ROLES[3:]])
    for given, may in (([], {}), (["leader"], {"leader"})):
        for role in given:
            # With it, they may give the helper, too.
            await be.live.write(grants.give, role, username="lea", by="x", roles=[role])
        lea = await signed_in(be, "lea")
        for role in ("leader", "keeper", "manager"):
            reply = await lea.post("role", "give", {"role": role}, role=role, username="ann")
            assert (reply.code == 303) is (role in may), role
    assert [grant.role for grant in person(be, "ann").grants] == ["leader"]


async def test_what_a_delegate_loses_counts_at_once(be):
    """They give no more, whatever page they have open."""
    lea, which = await signed_in(be, "lea"), {"role": "analyst"}
    await be.live.write(tags.remove, "lea", "leads/one")
    assert (await lea.post("role", "give", which, **which, username="ann")).code == 403


async def test_tokens_and_guests_administer_nothing(be):
    """Whatever their owner may do."""
    script = be(TOKEN)
    assert await script.status("GET", "api/contents") == 200
    for page in ("people", "roles", "groups", "person?username=bob"):
        assert await script.status("GET", f"authz/admin/{page}") == 403
    assert await script.status("GET", "api/authz/admin/people") == 403
    for headers in ({}, FORM):
        reply = await script.fetch(
            "POST", "authz/admin/person", "do=block&username=bob", headers=FORM | headers
        )
        assert reply.code == 403
    assert await script.status("POST", "api/authz/admin/block", {"username": "bob"}) == 403
    assert person(be, "bob").state == people.ACTIVE
    be.live.settings.guests = True
    be.guard.enforce(policy({"name": "all", "groups": ["guest"], "allow": ["*"]}))
    guest = Admin(be)
    assert (await guest.see("people"))[0] == 403
    assert (await guest.post("person", "block", username="bob")).code == 403
    assert person(be, "bob").state == people.ACTIVE


async def test_without_a_policy(start):
    """There is nothing to administer."""
    be = start(roles=None)
    root = await signed_in(be)
    for page, arguments in PAGES:
        status, text = await root.see(page, **arguments)
        assert status == 409, page
        assert "needs a policy" in text
    assert (await root.post("person", "block", username="bob")).code == 409
    reply = await root.fetch("POST", "api/authz/admin/block", {"username": "bob"})
    assert (reply.code, json.loads(reply.body)["reason"]) == (409, "no-policy")


# ---------------------------------------------------------------------- the last administrator

WITHOUT_ROOT = {
    "root": {"hashed_tokens": [HASHED_TOKEN]},
    "conny": {"hashed_password": HASHED},
}


def only(*allow, **role):
    """Give roles of which one manages people."""
    return [{"name": "boss", "allow": list(allow), **role}, *ROLES[1:]]


async def boss(be, **holder):
    """Make mia the only one who manages people."""
    await be.live.write(tags.remove, "mia", "manager")

    def give(writing):
        if "group" in holder:
            tags.add(writing, "mia", holder["group"])
        grants.give(writing, "boss", by="x", roles=["boss"], **holder)

    await be.live.write(give)
    return await signed_in(be, "mia")


@pytest.mark.parametrize("holder", [{"username": "mia"}, {"group": "bosses"}])
async def test_the_last_administrator(start, holder):
    """Is not blocked, deleted, taken out of a group, nor denied what they need."""
    be = start(only("write:authz"), users=WITHOUT_ROOT)
    mia = await boss(be, **holder)
    before, which = be.live.snapshot, {"username": "mia"}
    tries = [
        ("person", "block", which),
        ("delete", "delete", which),
        ("person", "give", {**which, "role": "suspended"}),
        ("person", "give", {**which, "role": "suspended", "until": "2999-01-01"}),
        ("role", "take", {"role": "boss", **holder}),
        ("role", "give", {"role": "boss", **holder, "until": "2999-01-01"}),
    ]
    if "group" in holder:
        tries += [
            ("person", "remove_from_group", {**which, "group": "bosses"}),
            ("delete", "delete_group", {"group": "bosses"}),
            ("group", "give", {"group": "bosses", "role": "suspended"}),
        ]
    for page, deed, fields in tries:
        code, told = await mia.does(page, deed, fields, **fields)
        assert (code, told[:6]) == (409, "Nobody"), (deed, fields)
        assert be.live.snapshot.people == before.people
        assert be.live.snapshot.group_grants == before.group_grants
    # Nor do these count: who is invited, blocked, has no password, or for a time only.
    await be.live.write(people.add, "ivy", state=people.INVITED, email="ivy@example.org")
    await be.live.write(people.add, "nox")
    for name, until_day in (("ivy", ""), ("nox", ""), ("ann", "2999-01-01"), ("root", "")):
        said = {"role": "boss", "username": name, "until": until_day}
        assert "given" in await mia.does("role", "give", {"role": "boss"}, **said)
        assert (await mia.does("person", "block", which, **which))[0] == 409, name
    # Once there is another, one may go.
    said = {"role": "boss", "username": "conny"}
    assert "given" in await mia.does("role", "give", {"role": "boss"}, **said)
    assert (await mia.post("person", "block", which, **which)).code == 303
    assert person(be, "mia").state == people.BLOCKED
    conny = await signed_in(be, "conny")
    assert (await conny.does("person", "block", {"username": "conny"}, username="conny"))[0] == 409


async def test_the_last_administrator_of_the_configuration(start):
    """Who stands in roles or has a group there counts as any other."""
    users = {"root": {"hashed_password": HASHED, "groups": ["bosses"]}}
    be = start(only("write:authz", groups=["bosses"]), users=users)
    root, which = await signed_in(be), {"username": "root"}
    assert (await root.does("person", "block", which, **which))[0] == 409
    said = {"username": "ann", "group": "bosses/one"}
    assert "Added" in await root.does("person", "add_to_group", which, **said)
    assert (await root.post("person", "block", which, **which)).code == 303


async def test_where_everybody_manages_people(start):
    """Somebody must be left all the same."""
    be = start(only("write:authz", users=["*"]), users={})
    ann = await signed_in(be, "ann")
    for name in ("bob", "lea", "vic", "mia"):
        which = {"username": name}
        assert "is blocked" in await ann.does("person", "block", which, **which)
    assert (await ann.does("person", "block", {"username": "ann"}, username="ann"))[0] == 409


async def test_with_only_one_for_a_time(start):
    """Who manages people for a time only does so, and cannot remove themselves either."""
    be = start(only("write:authz"), users=WITHOUT_ROOT)
    mia = await boss(be, username="mia", expires=int(time.time()) + 1000)
    which = {"username": "mia"}
    assert "is blocked" in await mia.does("person", "block", {"username": "bob"}, username="bob")
    assert (await mia.does("person", "block", which, **which))[0] == 409


async def test_two_at_once(start):
    """Who remove each other: one succeeds."""
    be = start(only("write:authz"), users=WITHOUT_ROOT)
    mia = await boss(be, username="mia")
    for one, other in (("ann", "bob"), ("lea", "vic")):
        for name in (one, other):
            await mia.post("role", "give", role="boss", username=name)
    await be.live.write(grants.take, "boss", username="mia")
    # Two others are left, so that only what they may do themselves counts.
    for one, other in (("ann", "bob"), ("lea", "vic")):
        first, second = await signed_in(be, one), await signed_in(be, other)
        administration = be.web_app.settings["jupyter_authz_administration"]
        users = [be.app.identity_provider.known(name) for name in (one, other)]
        for user in users:
            secret = await be.live.write(secrets.begin_session, user.username)
            user.digest = token_digest(secret)
        done = await asyncio.gather(
            administration.take(users[0], role="boss", username=other),
            administration.take(users[1], role="boss", username=one),
            return_exceptions=True,
        )
        assert [getattr(result, "reason", None) for result in done].count(None) == 1
        assert {getattr(result, "reason", None) for result in done} == {None, "not-allowed"}
        del first, second
    # And with nobody else.
    held = [name for name in ("ann", "bob", "lea", "vic") if person(be, name).grants]
    assert len(held) == 2
    browsers = [await signed_in(be, name) for name in held]
    replies = await asyncio.gather(
        browsers[0].post("person", "block", {"username": held[1]}, username=held[1]),
        browsers[1].post("person", "block", {"username": held[0]}, username=held[0]),
    )
    assert min(reply.code for reply in replies) == 303
    assert sorted(person(be, name).state for name in held) == [people.ACTIVE, people.BLOCKED]


# ---------------------------------------------------------------------- pages


async def test_other_sites(be):
    """A form without the token of forms does nothing, and none is sent from elsewhere."""
    root, which = await signed_in(be), {"username": "bob"}
    token = root.cookies["_xsrf"]
    _, text = await root.see("person", **which)
    assert text.count('name="_xsrf"') == text.count('method="post"') > 2
    for body, headers in (
        (urlencode({"do": "block", **which}), FORM),
        (urlencode({"do": "block", **which, "_xsrf": "2|x|y|1"}), FORM),
        (
            urlencode({"do": "block", **which, "_xsrf": token}),
            {**FORM, "Origin": "https://evil.example"},
        ),
    ):
        sent = {"X-XSRFToken": "", **headers}
        reply = await root.fetch("POST", "authz/admin/person?username=bob", body, headers=sent)
        assert reply.code in {403, 404}
    assert person(be, "bob").state == people.ACTIVE
    # What changes something is never asked for by an address.
    await root.see("person", **which, do="block")
    assert person(be, "bob").state == people.ACTIVE
    reply = await root.post("person", "delete", which, **which)
    assert reply.code == 400


async def test_nothing_of_what_is_shown_is_taken_for_html(be):
    """Neither names nor what an address or a form holds; messages come from a table."""
    evil = "<script>alert(1)</script>\"'"
    name = "eve<img src=x>\"'&amp;"

    def make(writing):
        people.add(writing, name, name=evil, email="e&<@example.org".replace("<", ""))
        tags.add(writing, name, "g<b>\"'")
        tags.add(writing, "ann", "g<b>\"'/x")

    await be.live.write(make)
    root = await signed_in(be)
    for page, arguments in (
        ("people", {"search": evil, "group": evil, "state": evil, "page": evil}),
        ("people", {"done": evil}),
        ("people", {"search": "eve"}),
        ("person", {"username": name, "question": evil, "path": evil, "owner": evil}),
        ("person", {"username": evil}),
        ("groups", {}),
        ("group", {"group": "g<b>\"'"}),
        ("group", {"group": evil}),
        ("role", {"role": evil}),
        ("delete", {"username": name}),
        ("delete", {"group": "g<b>\"'"}),
        ("delete", {"group": evil}),
    ):
        _, text = await root.see(page, **arguments)
        for bad in ("<script", "<img src=x", "g<b>"):
            assert bad not in text, (page, arguments)
    code, _ = await root.does("people", "add", username=evil, email=evil)
    assert code == 400
    which = {"username": name}
    assert "is blocked" in await root.does("person", "block", which, **which)
    assert person(be, name).state == people.BLOCKED


async def test_a_line_of_the_log_is_one(be, caplog):
    """Whatever is in names."""
    root = await signed_in(be)
    await root.does("groups", "make_group", group="a\nb")
    await root.does("person", "add_to_group", username="bob\nx", group="a")
    assert not [r for r in caplog.records if "\nx" in r.getMessage() or "a\nb" in r.getMessage()]


async def test_headers(be):
    """Pages are kept by nobody, and nothing runs on them."""
    root = await signed_in(be)
    reply = await root.fetch("GET", "authz/admin/people")
    assert reply.headers["Cache-Control"] == "no-store"
    assert "script-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "<script" not in reply.body.decode()


async def test_over_rest(be):
    """The same, for who is signed in by a browser."""
    root = await signed_in(be)
    reply = await root.fetch("POST", "api/authz/admin/block", {"username": "bob"})
    assert reply.code == 204
    listed = await root.json("GET", "api/authz/admin/people?state=blocked")
    assert [one["username"] for one in listed["people"]] == ["bob"]
    for body, status in (({}, 400), ({"username": 5}, 400), ({"username": "x", "y": "z"}, 400)):
        assert await root.status("POST", "api/authz/admin/block", body) == status
    assert await root.status("POST", "api/authz/admin/block", {"username": "nobody"}) == 404
    assert await root.status("POST", "api/authz/admin/rights", {}) == 404
    reply = await root.fetch(
        "POST", "api/authz/admin/block", {"username": "bob"}, headers={"X-XSRFToken": "x"}
    )
    assert reply.code == 403


async def test_the_store_is_lost(be, monkeypatch):
    """A sentence says so."""
    from jupyter_authz.errors import StoreLostError

    root = await signed_in(be)

    def lost(*_, **__):
        raise StoreLostError("gone")

    monkeypatch.setattr(be.live.store, "writing", lost)
    code, told = await root.does("person", "block", {"username": "bob"}, username="bob")
    assert (code, "cannot be reached" in told) == (503, True)


# ---------------------------------------------------------------------- many, and other providers


async def test_a_hundred_thousand(be):
    """Are listed, searched and filtered without anybody waiting."""

    def fill(writing):
        now = {"state": people.ACTIVE, "created": 1, "is_verified": 0}
        rows = [
            {"username": f"user{n:06}", "username_key": f"user{n:06}", "name": f"N {n}", **now}
            for n in range(100_000)
        ]
        writing.connection.execute(insert(USERS), rows)
        groups = [{"tag_set": "groups", "name": f"many/{n}"} for n in range(1000)]
        writing.connection.execute(insert(GROUPS), [{"tag_set": "groups", "name": "many"}, *groups])
        rows = [
            {"username": f"user{n:06}", "tag_set": "groups", "group_name": f"many/{n % 1000}"}
            for n in range(100_000)
        ]
        writing.connection.execute(insert(MEMBERSHIPS), rows)
        writing.note(EVERYTHING, "")

    await be.live.write(fill)
    root = await signed_in(be)
    # What is made once for what the store holds.
    assert (await root.see("people"))[0] == 200
    for page, arguments, told in (
        ("people", {}, "100007 in this list, page 1 of 2001"),
        ("people", {"page": 2001}, "page 2001 of 2001"),
        ("people", {"page": 999999}, "page 2001 of 2001"),
        ("people", {"search": "USER09999"}, "10 in this list"),
        ("people", {"search": "n 77", "state": "active"}, "1111 in this list"),
        ("people", {"group": "many/7"}, "100 in this list"),
        ("people", {"group": "many"}, "100000 in this list"),
        ("group", {"group": "many", "page": 3}, "100000 members, page 3 of 2000"),
        ("person", {"username": "user000001"}, "many/1"),
        ("groups", {}, "page 1 of 21"),
    ):
        took = []
        for _ in range(3):
            began = time.monotonic()
            status, text = await root.see(page, **arguments)
            took.append(time.monotonic() - began)
        assert status == 200
        assert told in text, (page, arguments)
        assert min(took) < 0.3, (page, arguments, took)
    assert text.count("<li>") < 120
    _, text = await root.see("people", page=2)
    assert 'rel="prev"' in text
    assert 'rel="next"' in text
    began = time.monotonic()
    which = {"username": "user000001"}
    assert (await root.post("person", "block", which, **which)).code == 303
    assert "1 in this list" in (await root.see("people", state="blocked"))[1]
    assert "99999 in this list" in (await root.see("people", search="ser", state="active"))[1]
    assert time.monotonic() - began < 3


async def test_with_another_identity_provider(serve, jp_server_config, tmp_path, jp_asyncio_loop):
    """Whoever is named counts as an administrator; to be forgotten lifts no block."""
    jp_server_config.Accounts.enabled = True
    jp_server_config.Accounts.url = f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
    roles = [allowing("*", name="boss", users=["root"])]
    be = serve(roles=roles)
    live = be.web_app.settings[SERVICE].live
    try:
        root = Admin(be)
        root.headers["X-User"] = "root"
        await root.see("people")
        assert "made" in await root.does("people", "add", username="ann")
        assert live.snapshot.people["ann"].state == people.ACTIVE
        ann, which = be("ann", token=False), {"username": "root"}
        assert (await root.does("person", "block", which, **which))[0] == 409
        said = {"role": "boss", "username": "ann"}
        assert "given" in await root.does("role", "give", {"role": "boss"}, **said)
        assert await ann.status("GET", "authz/admin/people") == 200
        which = {"username": "ann"}
        assert "is blocked" in await root.does("person", "block", which, **which)
        assert "deleted" in await root.does("delete", "delete", which, **which)
        assert await ann.status("GET", "api/contents") == 403
        assert "made" in await root.does("people", "add", username="ann")
        assert await ann.status("GET", "authz/admin/people") == 403
        # By a token nobody administers, also where only the handler tells that there is one.
        script = be("root")
        assert await script.status("GET", "authz/admin/people") == 403
    finally:
        await live.stop()


async def test_the_first_administrator_has_no_password_yet(start):
    """Who has come by a link does not lock everybody out by one click."""
    be = start(only("write:authz"), users={})

    def make(writing):
        people.add(writing, "first")
        grants.give(writing, "boss", username="first", by="x", roles=["boss"])
        return secrets.make_link(writing, "first", secrets.SIGN_IN, seconds=60)

    link = await be.live.write(make)
    first = Admin(be)
    await first.fetch("GET", "login")
    assert (await first.do("login", link=link))[0] == 200
    which = {"username": "first"}
    code, told = await first.does("person", "take", which, **which, role="boss")
    assert (code, told[:6]) == (409, "Nobody")
    assert (await first.see("people"))[0] == 200
