"""Decorators for handlers of one's own: who is in a group, and what may be done with what."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

import jupyter_authz
from jupyter_authz import requires_membership, requires_permission
from jupyter_authz.errors import PolicyError
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_roles
from jupyter_authz.resources.types import TYPES

RAN = []


class Grades(APIHandler):
    """Of an extension of one's own."""

    @requires_membership("teacher")
    async def get(self):
        """Run for teachers."""
        RAN.append(("get", self.current_user.username))
        await asyncio.sleep(0)
        self.finish(json.dumps({"grades": []}))

    @requires_membership("teacher/physics", "/head/")
    def post(self):
        """Run for some of them, and for the head."""
        RAN.append(("post", self.current_user.username))
        self.finish("{}")


class Plain(RequestHandler):
    """Of tornado's own kind."""

    @requires_membership("teacher")
    def get(self):
        """Run for teachers."""
        self.finish("plain")


class Both(JupyterHandler):
    """Requires two things of one method."""

    @requires_membership("teacher")
    @requires_permission("read:contents", path=lambda handler, name: f"reports/{name}")
    def get(self, name):
        """Give a report."""
        self.finish(name)


class Report(APIHandler):
    """Reads and writes files, of which only it knows the path."""

    @requires_permission("read:contents", path=lambda handler, name: f"/reports/{name}")
    def get(self, name):
        """Give a report."""
        RAN.append(("read", name))
        self.finish("{}")

    @requires_permission("read,write:contents", path=lambda handler, name: f"reports/{name}")
    def put(self, name):
        """Change it."""
        RAN.append(("write", name))
        self.finish("{}")

    @requires_permission("read:contents", path=lambda handler, name: None)
    def post(self, name):
        """Do something with a file that is not known."""
        self.finish("{}")

    @requires_permission("execute:kernels", owner=lambda handler, name: name, name="Python3")
    def delete(self, name):
        """Do something with somebody's kernel."""
        self.finish("{}")


class Stream(WebSocketHandler):
    """A websocket for teachers."""

    @requires_membership("teacher")
    def open(self):
        """Greet them."""
        self.write_message("hello")

    def on_message(self, message):
        """Echo it."""
        RAN.append(("message", message))
        self.write_message(message)


class Saying(APIHandler):
    """Takes the path from its body."""

    @requires_permission("write:contents", path=lambda handler: handler.get_json_body()["path"])
    def put(self):
        """Say that it was."""
        self.finish("{}")


class Chosen(WebSocketHandler):
    """A websocket whose messages are for those who may."""

    @requires_permission("read:contents", path=lambda handler, message: message)
    def on_message(self, message):
        """Tell that it may be read."""
        self.write_message(f"may read {message}")


ROUTES = [
    ("grades", Grades),
    ("plain", Plain),
    (r"both/(.*)", Both),
    (r"report/(.*)", Report),
    ("stream", Stream),
    ("chosen", Chosen),
    ("saying", Saying),
]


@pytest.fixture
def be(serve):
    """Run a server on which whoever may read may use the extension, too."""
    RAN.clear()
    roles = [
        {"name": "users", "users": ["*"], "allow": ["execute:ext.people"]},
        {
            "name": "reports",
            "users": ["ann", "eve"],
            "allow": ["read,write:contents!path=reports/**"],
            "deny": ["write:contents!path=reports/old/**"],
        },
        {"name": "all", "users": ["root"], "allow": ["*"]},
        {"name": "own", "users": ["*"], "allow": ["execute:kernels!owner={username}&name=python3"]},
    ]
    be = serve(roles=roles, groups={"teacher/physics": ["cy"], "head": ["hal"]})
    be.add(*ROUTES)
    return be


async def test_membership(be):
    """Whole segments, by whoever says so: the identity provider or the configuration."""
    seen = {
        name: (await be(name).status("GET", "grades"), await be(name).status("POST", "grades"))
        for name in (
            "ann",
            "ann:teacher",
            "ann:teacher/physics",
            "ann:teacher/physics/optics",
            "ann:teachers",
            "ann:Teacher",
            "ann:student/teacher",
            "cy",
            "hal",
            "root",
        )
    }
    assert seen == {
        "ann": (403, 403),
        "ann:teacher": (200, 403),
        "ann:teacher/physics": (200, 200),
        "ann:teacher/physics/optics": (200, 200),
        "ann:teachers": (403, 403),
        "ann:Teacher": (403, 403),
        "ann:student/teacher": (403, 403),
        "cy": (200, 200),
        "hal": (403, 200),
        "root": (403, 403),
    }
    assert [who for what, who in RAN if what == "post"] == ["ann", "ann", "cy", "hal"]
    assert await be().status("GET", "grades") == 403


async def test_what_is_told(be, caplog):
    """The client gets a sentence, and those who run the server what was required."""
    caplog.set_level("INFO")
    reply = await be("ann").fetch("GET", "grades")
    body = json.loads(reply.body)
    assert body["reason"] == "membership"
    assert "members of a group" in body["message"]
    assert "teacher" not in body["message"]
    line = next(r.getMessage() for r in caplog.records if body["decision"] in r.getMessage())
    assert "it requires a member of 'teacher'" in line
    page = await be("ann").fetch("GET", "plain", headers={"Accept": "text/html"})
    assert page.code == 403
    assert b"members of a group" in page.body
    assert await be("ann:teacher").status("GET", "plain") == 200


async def test_a_path(be):
    """What only the method knows is asked of the policy, links by both ends."""
    be.write(reports__a_txt="a", secret__b_txt="b")
    (be.root / "reports" / "link.txt").symlink_to(be.root / "secret" / "b.txt")

    async def seen(name, path):
        return [await be(name).status(verb, f"report/{path}") for verb in ("GET", "PUT")]

    assert await seen("ann", "a.txt") == [200, 200]
    assert await seen("bob", "a.txt") == [403, 403]
    assert await seen("root", "a.txt") == [200, 200]
    assert await seen("ann", "old/a.txt") == [200, 403]
    assert await seen("ann", "link.txt") == [403, 403]
    assert await seen("root", "link.txt") == [200, 200]
    assert await seen("ann", "..%2Fsecret%2Fb.txt") == [403, 403]
    assert await be("ann").status("POST", "report/a.txt") == 403
    assert await be("root").status("POST", "report/a.txt") == 200


async def test_owners_and_names(be):
    """Attributes that are no paths, names in whatever case."""
    assert await be("ann").status("DELETE", "report/ann") == 200
    assert await be("ann").status("DELETE", "report/bob") == 403


async def test_two_that_must_hold(be):
    """Decorators above one another."""
    seen = {
        name: await be(name).status("GET", "both/a.txt")
        for name in ("ann", "ann:teacher", "bob:teacher")
    }
    assert seen == {"ann": 403, "ann:teacher": 200, "bob:teacher": 403}


async def test_a_websocket(be):
    """Who is no member is not let in, and who leaves the group does not stay."""
    refused = await be("ann").connect("stream")
    assert await asyncio.wait_for(refused.read_message(), 5) is None
    assert refused.close_code == 1008
    refused.close()
    cy = await be("cy").connect("stream")
    assert await asyncio.wait_for(cy.read_message(), 5) == "hello"
    be.guard.memberships = {"hal": ("head",)}
    be.guard.connections.revise_soon()
    began = time.monotonic()
    assert await asyncio.wait_for(cy.read_message(), 5) is None
    assert (cy.close_code, time.monotonic() - began < 1) == (1008, True)
    cy.close()


async def test_a_client_that_does_not_close(be):
    """What it goes on sending after the refusal goes nowhere."""
    RAN.clear()
    stream = await asyncio.open_connection("127.0.0.1", be.client.port)
    reader, writer = stream
    writer.write(
        f"GET {be.base_url}stream HTTP/1.1\r\nHost: 127.0.0.1:{be.client.port}\r\n"
        "Authorization: token ann\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b"101" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    for _ in range(5):
        # A masked text frame that says "no".
        writer.write(b"\x81\x82\0\0\0\0no")
        await asyncio.sleep(0.05)
    assert [what for what, _ in RAN] == []
    writer.close()


async def test_a_request_that_does_not_say(be):
    """Nothing of what it is about can be found: it is a bad one, and runs nothing."""
    for body in ("", "[]", "null", "{}", "no"):
        assert await be("root").status("PUT", "saying", body) == 400
    assert await be("root").status("PUT", "saying", {"path": "a"}) == 200


async def test_messages(be):
    """A message that is refused closes the websocket, as what comes after is not known."""
    ann = await be("ann").connect("chosen")
    await ann.write_message("reports/a.txt")
    assert await asyncio.wait_for(ann.read_message(), 5) == "may read reports/a.txt"
    await ann.write_message("secret/b.txt")
    assert await asyncio.wait_for(ann.read_message(), 5) is None
    assert ann.close_code == 1008
    # Each is asked about when it comes.
    eve = await be("eve").connect("chosen")
    await eve.write_message("reports/a.txt")
    assert await asyncio.wait_for(eve.read_message(), 5) == "may read reports/a.txt"
    roles = [{"name": "users", "users": ["*"], "allow": ["execute:ext.people"]}]
    be.guard.enforce(Policy(read_roles(roles, Grammar(TYPES))))
    await asyncio.sleep(0.3)
    await eve.write_message("reports/a.txt")
    assert await asyncio.wait_for(eve.read_message(), 5) is None
    ann.close()
    eve.close()


async def test_a_hook_is_asked(be, monkeypatch):
    """As of every question of a request."""
    asked = []

    async def user_is_authorized(self, user, action, resource):
        asked.append((user.username, action, resource))
        return resource != "contents"

    monkeypatch.setattr(JupyterHandler, "user_is_authorized", user_is_authorized)
    assert await be("ann").status("GET", "report/a.txt") == 403
    assert ("ann", "read", "contents") in asked
    assert RAN == []
    assert await be("cy").status("GET", "grades") == 200


async def test_without_a_policy(serve):
    """Membership counts; permissions are everybody's, as everywhere without a policy."""
    be = serve(roles=None, groups={"teacher": ["cy"]})
    be.add(*ROUTES)
    assert await be("ann").status("GET", "grades") == 403
    assert await be("cy").status("GET", "grades") == 200
    assert await be("ann").status("PUT", "report/a.txt") == 200
    assert await be().status("GET", "grades") == 403


async def test_without_the_extension(jp_asyncio_loop):
    """A server without it lets nobody in, rather than everybody."""
    server = HTTPServer(Application([("/", Plain)]))
    (socket,) = bind_sockets(0, "127.0.0.1")
    server.add_sockets([socket])
    address = f"http://127.0.0.1:{socket.getsockname()[1]}/"
    reply = await AsyncHTTPClient().fetch(address, raise_error=False)
    assert reply.code == 403
    server.stop()
    await server.close_all_connections()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (requires_membership, "expected a group"),
        (lambda: requires_membership(print), "expected a group"),
        (lambda: requires_membership("a//b"), "the group 'a//b' is no name"),
        (lambda: requires_membership(""), "the group '' is no name"),
        (lambda: requires_permission("write"), "expected actions and types"),
        (lambda: requires_permission("*"), "expected actions and types"),
        (lambda: requires_permission("read:*"), "expected actions and types"),
        (lambda: requires_permission("read:contents!path=a"), "a path is given as path="),
        (lambda: requires_permission("reed:contents"), "unknown action 'reed'"),
        (lambda: requires_permission("read:content"), "did you mean 'contents'"),
        (lambda: requires_permission("read:compute"), "stands for several types"),
        (lambda: requires_permission("read:config", path="a"), "have no 'path'"),
        (lambda: requires_permission("read:contents", owner="a"), "have no 'owner'"),
    ],
)
def test_what_cannot_be_required(make, expected):
    """It is told when the module of the handler is imported."""
    with pytest.raises(PolicyError, match=expected.replace("*", r"\*")):
        make()


def test_public_names():
    """All that is public is there, and nothing else."""
    for name in jupyter_authz.__all__:
        assert getattr(jupyter_authz, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        jupyter_authz.nothing  # noqa: B018
