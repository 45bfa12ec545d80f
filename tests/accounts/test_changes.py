"""What is done with an ended session or an old password, on this server or another one."""

from __future__ import annotations

import asyncio
import threading

import pytest
from accounts.test_rest import HASHED, OTHER, PASSWORD, signed_in, start  # noqa: F401
from guard.test_revocation import policy
from people import allowing

from jupyter_authz.accounts import people, secrets, tags
from jupyter_authz.accounts.store import Store
from jupyter_authz.errors import RefusedError


@pytest.fixture
def be(start, jp_asyncio_loop):  # noqa: F811
    """Run a server on which ann and mia have accounts; mia manages people."""
    be = start()
    role = {"name": "managers", "groups": ["managers"], "allow": ["*"]}
    be.guard.enforce(policy(role, allowing("read,write:identity", name="everybody")))

    def make(writing):
        for name in ("ann", "mia"):
            people.add(writing, name, email=f"{name}@example.org", password=HASHED)
        tags.add(writing, "mia", "managers")

    jp_asyncio_loop.run_until_complete(be.live.write(make))
    return be


class Elsewhere:
    """Another server on the same store, of whose changes this one has not heard yet."""

    def __init__(self, be, monkeypatch):
        self.live = be.live
        self.store = Store(be.live.settings.url)
        self.store.open()
        self._monkeypatch = monkeypatch

    def hide(self):
        """Have this server hear nothing of it from now on."""

        async def nothing():
            await asyncio.sleep(0)

        self._monkeypatch.setattr(self.live, "catch_up", nothing)

    def do(self, operation, *args, **kwargs):
        """Change something there."""
        done = []

        def change():
            with self.store.writing() as writing:
                done.append(operation(writing, *args, **kwargs))

        thread = threading.Thread(target=change)
        thread.start()
        thread.join()
        return done[0]


@pytest.fixture
def elsewhere(be, monkeypatch):
    """Give another server."""
    other = Elsewhere(be, monkeypatch)
    yield other
    other.store.close()


async def test_an_ended_session_changes_nothing(be, elsewhere):
    """Once the password is another, or one is signed out, elsewhere: nothing is done any more."""
    ann = await signed_in(be)
    elsewhere.hide()
    elsewhere.do(people.set_password, "ann", HASHED + "x")
    # Here she is still taken for signed in.
    assert await ann.who() == "ann"
    for method, path, said in (
        ("POST", "api/authz/tokens", {"name": "mine"}),
        ("PATCH", "api/authz/profile", {"name": "Mine"}),
        ("DELETE", "api/authz/sessions", None),
        ("DELETE", "api/authz/tokens/0123456789abcdef", None),
    ):
        reply = await ann.fetch(method, path, said)
        assert (reply.code, b"signed-out" in reply.body) == (403, True), (method, path, reply.body)
    for action in ("change_password", "change_email"):
        said = {"password": PASSWORD, "new_password": OTHER, "email": "x@example.org"}
        said.pop("email" if action == "change_password" else "new_password")
        code, told = await ann.do(action, **said)
        assert (code, told["reason"]) == (403, "signed-out"), action
    with elsewhere.store.reading() as connection:
        assert people.find(connection, "ann").password == HASHED + "x"
        assert people.find(connection, "ann").name == ""


async def test_an_old_password_opens_no_session(be, elsewhere):
    """Sign-in with what was the password is refused, though this server has not heard of it."""
    from accounts.browsers import Browser

    elsewhere.hide()
    elsewhere.do(people.set_password, "ann", HASHED + "x")
    browser = Browser(be)
    assert await browser.sign_in("ann", PASSWORD) in {401, 403}
    assert await browser.who() is None
    page = await browser.fetch("GET", "login")
    assert page.code == 200


async def test_an_old_password_changes_nothing(be, elsewhere, monkeypatch):
    """Of two who change it at once, one does; a session that is there still is not enough."""
    ann = await signed_in(be)
    elsewhere.hide()

    def only_the_password(writing):
        from sqlalchemy import update

        from jupyter_authz.accounts.schema import USERS

        row = USERS.c.username == "ann"
        writing.connection.execute(update(USERS).where(row).values(password=HASHED + "x"))

    elsewhere.do(only_the_password)
    for action, said in (
        ("change_password", {"new_password": OTHER}),
        ("change_email", {"email": "x@example.org"}),
    ):
        code, told = await ann.do(action, password=PASSWORD, **said)
        assert (code, told["reason"]) == (403, "wrong-password"), action


async def test_an_administrator_whose_session_has_ended(be, elsewhere):
    """Gives nothing to anybody any more."""
    mia = await signed_in(be, "mia")
    elsewhere.hide()
    elsewhere.do(secrets.end_sessions, "mia")
    assert await mia.who() == "mia"
    code, told = await mia.do("admin/add_to_group", username="ann", group="managers")
    assert (code, told["reason"]) == (403, "signed-out")
    with elsewhere.store.reading() as connection:
        assert tags.get(connection, "ann") == ()


async def test_who_has_no_password_yet(be):
    """Signed in by a link one sets a password, and manages people meanwhile."""
    from accounts.browsers import Browser

    def make(writing):
        people.add(writing, "new")
        return secrets.make_link(writing, "new", secrets.SIGN_IN, seconds=60)

    link = await be.live.write(make)
    new = Browser(be)
    await new.fetch("GET", "login")
    assert (await new.do("login", link=link))[0] == 200
    assert await new.who() == "new"
    profile = await new.json("GET", "api/authz/profile")
    assert profile["has_password"] is False
    assert (await new.do("change_password", new_password="short"))[0] == 400
    assert (await new.do("change_password", new_password=OTHER))[0] == 200
    assert await new.who() == "new"
    assert (await new.do("change_password", new_password=PASSWORD))[0] == 403
    again = Browser(be)
    assert await again.sign_in("new", OTHER) == 200


def test_what_was_shown(be):
    """A session begins only for the password that was shown, or for none where there is none."""
    with be.live.store.writing() as writing:
        with pytest.raises(RefusedError, match="not right"):
            secrets.begin_session(writing, "ann", shown=HASHED + "x")
        with pytest.raises(RefusedError, match="not right"):
            secrets.begin_session(writing, "ann", shown="")
        assert secrets.begin_session(writing, "ann", shown=HASHED)
