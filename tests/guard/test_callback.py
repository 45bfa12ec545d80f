"""The callback: asked about everything, believed only where it says True."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

import pytest
from guard.test_revocation import policy
from hypothesis import given
from hypothesis import strategies as st
from people import Person, allowing
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from jupyter_authz.errors import ConfigurationError
from jupyter_authz.guard.callback import local, path_of, read_callback, user_info
from jupyter_authz.identity.subjects import subject_of

PAGE = {"Accept": "text/html"}
ASKED = []
ADMINS = ["ann"]


def everybody(user_info, path):
    """Let all in, and note who asks for what."""
    ASKED.append((user_info["username"], path))
    return True


def documented(user_info, page):
    """Lead from the root to one's own; as in Panel's documentation."""
    user = user_info["user"]
    if page == "/":
        if user in ADMINS:
            return "/admin"
        return "/user"
    if user in ADMINS:
        return True
    return page.startswith("/user")


def of_guests(user_info, path):
    """Lead who is not signed in to the sign-in page; as in Panel's documentation."""
    if user_info["user"] == "guest" and path == "/admin":
        return "/login"
    return True


async def test_it_is_asked_about_everything(serve):
    """Pages, files, API calls and websockets, with their paths, before anything is looked at."""
    ASKED.clear()
    be = serve(roles=[], authorize_callback=everybody)
    be.write(a_txt="a")
    ann = be("ann")
    requests = [
        ("GET", "api/contents/a.txt", "/api/contents/a.txt"),
        ("PUT", "api/contents/a.txt", "/api/contents/a.txt"),
        ("GET", "files/a.txt", "/files/a.txt"),
        ("GET", "view/a.txt", "/view/a.txt"),
        ("POST", "api/kernels", "/api/kernels"),
        ("GET", "api/nothing", "/api/nothing"),
        ("GET", "nothing", "/nothing"),
        ("GET", "api/status", "/api/status"),
    ]
    for method, path, _ in requests:
        await ann.fetch(method, path, None if method == "GET" else {})
    with pytest.raises(HTTPClientError):
        await ann.connect("api/kernels/00000000-0000-0000-0000-000000000000/channels")
    paths = [path for *_, path in requests]
    paths.append("/api/kernels/00000000-0000-0000-0000-000000000000/channels")
    assert [("ann", path) for path in paths] == ASKED
    # Signing in, and what pages are made of, is for all.
    ASKED.clear()
    assert await be().status("GET", "login") == 200
    assert await ann.status("GET", "static/favicon.ico") in {200, 404}
    assert await be().status("GET", "api/contents") == 403
    assert ASKED == []


async def test_both_must_agree(serve):
    """The callback and the policy; without a policy the callback alone."""
    be = serve(
        roles=[allowing("read:contents!path=open/**", users=["ann", "bob"])],
        authorize_callback=lambda user_info: user_info["username"] != "bob",
    )
    be.write(open__a_txt="a", closed__b_txt="b")
    assert await be("ann").status("GET", "api/contents/open/a.txt") == 200
    assert await be("ann").status("GET", "api/contents/closed/b.txt") == 403
    reply = await be("bob").fetch("GET", "api/contents/open/a.txt")
    assert (reply.code, json.loads(reply.body)["reason"]) == (403, "callback")


async def test_alone(serve):
    """Without roles everybody whom it lets in may do everything, and nobody else anything."""
    be = serve(roles=None, authorize_callback=lambda user_info: user_info["name"] == "ann")
    assert await be("ann").status("GET", "api/contents") == 200
    assert await be("ann").status("POST", "api/contents", {"type": "file"}) == 201
    assert await be("bob").status("GET", "api/contents") == 403
    assert await be().status("GET", "api/contents") == 403


@pytest.mark.parametrize("name", ["CORP/ann", "..", "https://example.org/x"])
async def test_names_of_any_form(serve, name):
    """Without roles, in whose paths they would stand, the callback alone decides about them."""
    be = serve(roles=None, authorize_callback=lambda user_info: user_info["username"] == name)
    be.web_app.settings["identity_provider"].get_user = lambda handler: Person(username=name)
    assert await be().status("GET", "api/contents") == 200


@pytest.mark.parametrize(
    "answer", [None, 1, "", "yes", [True], {"a": 1}, 0, b"/x", "http://other/", "//other/x"]
)
async def test_only_true_agrees(serve, caplog, answer):
    """Whatever else it returns denies, and the log names the function; none is a blank page."""

    def confused(user_info):
        return answer

    be = serve(roles=[allowing("*")], authorize_callback=confused)
    reply = await be("ann").fetch("GET", "files/a.txt", headers=PAGE)
    assert reply.code == 403
    assert b"You may not see" in reply.body
    assert "confused" in caplog.text


class Unusual(BaseException):
    """No usual exception."""


@pytest.mark.parametrize("is_coroutine", [False, True])
async def test_one_that_raises_denies(serve, caplog, is_coroutine):
    """Whatever it raises, also what says that something was cancelled."""
    errors = [KeyError("user"), RecursionError(), asyncio.CancelledError(), HTTPError(404)]
    errors += [SystemExit(1), GeneratorExit(), KeyboardInterrupt(), Unusual()]

    def broken(user_info, path):
        raise errors[0]

    async def broken_later(user_info, path):
        await asyncio.sleep(0)
        raise errors[0]

    if is_coroutine:
        broken_later.__qualname__ = broken.__qualname__
        broken = broken_later
    be = serve(roles=[allowing("*")], authorize_callback=broken)
    while errors:
        caplog.clear()
        reply = await be("ann").fetch("GET", "api/contents")
        assert (reply.code, json.loads(reply.body)["reason"]) == (403, "error")
        assert "broken raised for '/api/contents'" in caplog.text
        errors.pop(0)


async def test_a_coroutine(serve):
    """It is awaited; the coroutine itself is not taken for an answer."""

    async def slowly(user_info, path):
        await asyncio.sleep(0.01)
        return user_info["username"] == "ann"

    be = serve(roles=[allowing("*")], authorize_callback=slowly)
    assert await be("ann").status("GET", "api/contents") == 200
    assert await be("bob").status("GET", "api/contents") == 403


async def test_what_it_is_told(serve):
    """Who it is, by whoever says so; what a token claims is beside it, and replaces nothing."""
    told = []
    be = serve(
        roles=None,
        groups={"team": ["ann"]},
        authorize_callback=lambda user_info: told.append(user_info) or True,
    )
    await be("ann:staff/a").status("GET", "api/status")
    assert told == [
        {
            "username": "ann",
            "user": "ann",
            "name": "ann",
            "groups": ["staff/a", "team"],
            "kind": "user",
        }
    ]

    class Claiming:
        username = "ann"
        display_name = "Ann"
        claims = {"username": "root", "groups": ["manager"], "email": "ann@example.org"}  # noqa: RUF012

    info = user_info(Claiming, subject_of("ann"), ("team",))
    assert info["email"] == "ann@example.org"
    assert (info["username"], info["name"], info["groups"]) == ("ann", "Ann", ["team"])


async def test_the_documented_redirect(serve):
    """Pages are led on; what is no page is denied, and so is what is not one's own."""
    be = serve(roles=None, authorize_callback=documented)
    base = be.base_url.rstrip("/")

    async def got(name, path, **headers):
        reply = await be(name).fetch("GET", path, headers=headers)
        return reply.code, reply.headers.get("Location")

    assert await got("ann", "", **PAGE) == (302, f"{base}/admin")
    assert await got("bob", "", **PAGE) == (302, f"{base}/user")
    assert await got("bob", "") == (403, None)
    assert (await got("ann", "admin", **PAGE))[0] == 404
    assert await got("bob", "admin", **PAGE) == (403, None)
    assert await got("bob", "admin/", **PAGE) == (403, None)
    assert (await got("bob", "user", **PAGE))[0] == 404


async def test_a_guest_is_led_to_the_sign_in_page(serve, monkeypatch):
    """The sign-in page is public, so that it is no circle, whatever it would be asked about it."""
    monkeypatch.setattr(Person, "kind", "guest", raising=False)
    be = serve(
        roles=None,
        authorize_callback=lambda user_info: user_info["user"] == "ann" or "/login?next=%2F",
    )
    reply = await be("guest").fetch("GET", "admin", headers=PAGE)
    assert (reply.code, reply.headers["Location"]) == (302, f"{be.base_url}login?next=%2F")


async def test_the_documented_guest(serve):
    """However the path is written."""
    be = serve(roles=None, authorize_callback=of_guests)
    for path in ("admin", "admin/", "%61dmin", "./admin"):
        reply = await be("guest").fetch("GET", path, headers=PAGE)
        assert (reply.code, reply.headers["Location"]) == (302, f"{be.base_url}login"), path
    assert (await be("guest").fetch("GET", "other", headers=PAGE)).code == 404


LEADS = {
    "/in": "/login",
    "/next": "/login?next={base}next%2F",
    "/a": "/b",
    "/b": "/c",
    "/c": "/a",
    "/self": "/self/",
    "/on": "/a",
    "/fine": "/end",
}


async def test_circles(serve, caplog):
    """Led to oneself or in a circle, one gets a page that says no."""

    def around(user_info, path):
        if path.startswith("/far"):
            return f"{path}x"
        if path == "/":
            return "/in"
        leads = LEADS.get(path, True)
        return leads.format(base=be.base_url) if isinstance(leads, str) else leads

    be = serve(roles=None, authorize_callback=around)
    for path in ("a", "b", "c", "self", "on", "far", "in", "next"):
        reply = await be("ann").fetch("GET", path, headers=PAGE)
        assert (reply.code, b"You may not see" in reply.body) == (403, True), path
    assert "it leads in a circle" in caplog.text
    assert "it leads on and on" in caplog.text
    reply = await be("ann").fetch("GET", "fine", headers=PAGE)
    assert (reply.code, reply.headers["Location"]) == (302, f"{be.base_url}end")


@pytest.mark.parametrize(
    "target",
    [
        "//other",
        "/\\other",
        "\\\\other",
        "https://other/",
        "https:/other",
        "javascript:alert(1)",
        "other",
        "/a\r\nSet-Cookie: a=b",
        "/\tother",
        " /other",
        "////other",
        "/../other",
        "",
    ],
)
def test_where_one_is_not_led(target):
    """Nothing that a browser could take for another server, or for no place at all."""
    assert local(target) is None


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/base/", "/"),
        ("/base", "/"),
        ("/base/dash", "/dash"),
        ("/base/dash/", "/dash"),
        ("/base//dash///x/", "/dash/x"),
        ("/base/%64ash", "/dash"),
        ("/base/./dash", "/dash"),
        ("/base/dash%2Fx", "/dash/x"),
        ("/base/Dash", "/Dash"),
        ("/base/dash%5Cx", None),
        ("/base/../dash", None),
        ("/basement/dash", None),
        ("/baXe/dash", None),
        ("/other", None),
        ("/base/dash/%2e%2e/x", None),
        ("/base/dash%00", None),
    ],
)
def test_spellings(url, path):
    """One place has one spelling, so that comparing it is enough."""
    assert path_of(url, "/base/") == path


@given(st.text())
def test_every_path_is_below(url):
    """Whatever is sent, there is no way out, nor two slashes."""
    found = path_of(f"/base/{url}", "/base/")
    assert found is None or (found.startswith("/") and "//" not in found)
    assert found is None or ".." not in found.split("/")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "expected a function of"),
        ("", "expected a function of .*, got ''"),
        ("nowhere.function", "cannot import 'nowhere.function'"),
        ("os.nothing", "cannot import 'os.nothing'"),
        ("os.sep", "expected a function of"),
        (lambda: True, "got .*<lambda>"),
        (lambda a, b, c: True, "got .*<lambda>"),
        (lambda *, user_info: True, "got .*<lambda>"),
    ],
)
def test_what_is_no_callback_stops_the_server(serve, value, expected):
    """At the start, with what was expected."""
    with pytest.raises(ConfigurationError, match=expected):
        read_callback(value)
    with pytest.raises(SystemExit):
        serve(roles=[], authorize_callback=value)


def test_forms():
    """What takes two is given two; an import string is a function."""
    assert read_callback(None) is None
    assert read_callback("guard.test_callback.documented").takes_path
    assert not read_callback(lambda user_info: True).takes_path
    assert read_callback(lambda user_info, path="/": True).takes_path
    assert read_callback(lambda *given: True).takes_path


class Plain(WebSocketHandler):
    """Knows nothing of users."""


class Pieces(RequestHandler):
    """Replies for as long as somebody listens."""

    async def get(self):
        while True:
            self.write("piece")
            await self.flush()
            await asyncio.sleep(0.05)


async def test_what_is_open(serve):
    """It is asked anew about what is open, with the groups that people have by then."""
    groups = {"ann": ["team"], "bob": ["team"]}
    be = serve(
        roles=[allowing("*", "execute:ext.guard")],
        authorize_callback=lambda user_info: "team" in user_info["groups"],
    )
    be.add(("plain", Plain), ("pieces", Pieces))
    provider = be.web_app.settings["identity_provider"]

    def anew(handler):
        user = Person(username=handler.request.headers["X-User"])
        user.groups = tuple(groups[user.username])
        return user

    provider.get_user = provider.get_user_anew = anew
    ann, bob = be("ann", token=False), be("bob", token=False)
    open_ann, open_bob = [
        [await who.connect(path) for path in ("api/events/subscribe", "plain")]
        for who in (ann, bob)
    ]

    async def follow(who):
        address = be.client.get_url(f"{be.base_url}pieces")
        begun = asyncio.Event()
        request = HTTPRequest(
            address, headers=who.headers, streaming_callback=lambda _: begun.set()
        )
        reply = asyncio.ensure_future(AsyncHTTPClient(force_instance=True).fetch(request))
        await asyncio.wait_for(begun.wait(), 5)
        return reply

    reply_ann, reply_bob = await follow(ann), await follow(bob)
    groups["bob"] = ["others"]
    began = time.monotonic()
    be.guard.connections.revise_soon()
    for socket in open_bob:
        assert await asyncio.wait_for(socket.read_message(), 5) is None
        assert socket.close_code == 1008
    with pytest.raises(HTTPStreamClosedError):
        await asyncio.wait_for(reply_bob, 5)
    assert time.monotonic() - began < 1
    for socket in open_ann:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(socket.read_message(), 0.3)
        socket.close()
    assert not reply_ann.done()
    reply_ann.cancel()
    for socket in open_bob:
        socket.close()


async def test_one_that_never_answers(serve):
    """It is waited for a second, and others are closed in time all the same."""
    stuck = asyncio.Event()

    async def authorize(user_info, path):
        while user_info["username"] == "ann" and stuck.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(10)
        return True

    be = serve(roles=[allowing("*", users=["ann", "bob"])], authorize_callback=authorize)
    ann, bob = [await be(name).connect("api/events/subscribe") for name in ("ann", "bob")]
    stuck.set()
    be.guard.connections.revise_soon()
    began = time.monotonic()
    assert await asyncio.wait_for(ann.read_message(), 5) is None
    assert time.monotonic() - began < 2
    be.guard.enforce(policy(allowing("*", users=["ann"])))
    began = time.monotonic()
    assert await asyncio.wait_for(bob.read_message(), 5) is None
    assert (bob.close_code, time.monotonic() - began < 1) == (1008, True)
    stuck.clear()
    for socket in (ann, bob):
        socket.close()
    for task in asyncio.all_tasks():
        if "_ask_hook" in repr(task):
            task.cancel()


async def test_a_place_that_is_not_ascii(serve):
    """Is written in the address as browsers take it."""
    be = serve(roles=None, authorize_callback=lambda info, path: path != "/a" or "/view/日本?x=1")
    reply = await be("ann").fetch("GET", "a", headers=PAGE)
    expected = f"{be.base_url}view/%E6%97%A5%E6%9C%AC?x=1"
    assert (reply.code, reply.headers["Location"]) == (302, expected)


async def test_a_place_that_is_for_all(serve):
    """Whoever is led to what is public gets there, wherever the callback would lead on from it."""
    be = serve(roles=None, authorize_callback=lambda info: "/static/favicon.ico?a=b")
    for path in ("a", "files/static/favicon.ico"):
        reply = await be("ann").fetch("GET", path, headers=PAGE)
        expected = (302, f"{be.base_url}static/favicon.ico?a=b")
        assert (reply.code, reply.headers.get("Location")) == expected, path
    assert (await be("ann").fetch("GET", "static/favicon.ico", headers=PAGE)).code == 200


async def test_a_backslash_is_no_slash(serve):
    """Here it is a letter of a name, and elsewhere a slash: what it means cannot be told."""
    be = serve(roles=None, authorize_callback=lambda info, path: path.startswith("/files/open/"))
    (be.root / "open\\a.txt").write_text("of the root")
    be.write(open__a_txt="a")
    assert await be("ann").status("GET", "files/open/a.txt") == 200
    assert await be("ann").status("GET", "files/open%5Ca.txt") == 403


async def test_the_first_page_is_no_way_round(serve, jp_server_config):
    """The server leads from its root to its first page, which may be where one came from."""
    jp_server_config.ServerApp.default_url = "/first"
    be = serve(roles=None, authorize_callback=lambda info, path: path != "/first" or "/")
    assert (await be("ann").fetch("GET", "first", headers=PAGE)).code == 403
