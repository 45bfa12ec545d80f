"""What is taken away stops within a second, on open websockets too."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from jupyter_server.auth import passwd
from kernels import FrontEnd, FrontEnds
from people import allowing
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

from jupyter_authz import AccountsIdentityProvider
from jupyter_authz.policy.engine import Policy
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_roles
from jupyter_authz.resources.types import TYPES


def policy(*roles):
    """Compile roles."""
    return Policy(read_roles(list(roles), Grammar(TYPES)))


class Stream(WebSocketHandler):
    """A websocket of an extension nobody has classified."""

    def on_message(self, message):
        """Echo it."""
        self.write_message(message)


class Pieces(RequestHandler):
    """A reply that goes on, as those of proxied applications may."""

    async def get(self):
        """Give a piece now and then."""
        for _ in range(100):
            self.write("piece\n")
            await self.flush()
            await asyncio.sleep(0.05)


@pytest.fixture
def be(serve):
    """Run a server on which ann may do everything."""
    be = serve(roles=[allowing("*", users=["ann"])])
    be.add(("stream", Stream), ("pieces", Pieces))
    return be


async def closed(connection):
    """Give the code with which a websocket is closed, and how many seconds that took."""
    began = time.monotonic()
    while await asyncio.wait_for(connection.read_message(), 5) is not None:
        pass
    connection.close()
    return connection.close_code, time.monotonic() - began


@pytest.fixture
def kernel(be, jp_asyncio_loop):
    """Start a kernel."""
    run = jp_asyncio_loop.run_until_complete
    kernel = run(be("ann").json("POST", "api/kernels", {}))["id"]
    yield kernel
    run(FrontEnds(be, kernel).close())


async def test_a_policy_that_allows_nothing_closes_everything(be, kernel):
    """Kernels, terminals, events and what nobody has classified."""
    ann = be("ann")
    terminal = (await ann.json("POST", "api/terminals", {}))["name"]
    paths = (
        f"api/kernels/{kernel}/channels",
        f"terminals/websocket/{terminal}",
        "api/events/subscribe",
        "stream",
    )
    connections = [await ann.connect(path) for path in paths]
    await asyncio.sleep(0.2)
    be.guard.enforce(policy())
    for path, connection in zip(paths, connections, strict=True):
        code, seconds = await closed(connection)
        assert (code, seconds < 1) == (1008, True), path
    be.guard.enforce(policy(allowing("*")))
    assert await ann.status("DELETE", f"api/terminals/{terminal}") == 204


async def test_what_is_still_allowed_stays(be, kernel):
    """Who may no longer execute watches on."""
    ann = await FrontEnd.open(be("ann"), kernel)
    other = await be("ann").connect("stream")
    assert (await ann.run("1"))["status"] == "ok"
    be.guard.enforce(policy(allowing("read:channels", "execute:ext.people")))
    await asyncio.sleep(0.2)
    assert (await ann.run("1"))["ename"] == "PermissionError"
    assert (await ann.ask("kernel_info_request"))["status"] == "ok"
    await other.write_message("still")
    assert await other.read_message() == "still"
    be.guard.enforce(policy(allowing("execute:channels")))
    await asyncio.sleep(0.2)
    assert (await ann.run("1"))["status"] == "ok"
    assert (await closed(other))[0] == 1008
    ann.close()
    while await ann.read() is not None:
        pass


async def test_a_terminal_falls_back_to_watching(be):
    """Output goes on; what is typed goes nowhere."""
    ann = be("ann")
    terminal = (await ann.json("POST", "api/terminals", {}))["name"]
    connection = await ann.connect(f"terminals/websocket/{terminal}")
    await connection.write_message(json.dumps(["stdin", "echo $((40+1))-before\r"]))
    await seen(connection, "41-before")
    be.guard.enforce(policy(allowing("read:terminals")))
    await asyncio.sleep(0.2)
    await connection.write_message(json.dumps(["stdin", "echo $((40+2))-after\r"]))
    process = be.web_app.settings["terminal_manager"].terminals[terminal].ptyproc
    process.write("echo $((40+3))-operator\r")
    assert "42-after" not in await seen(connection, "43-operator")
    connection.close()
    be.guard.enforce(policy(allowing("*")))
    assert await ann.status("DELETE", f"api/terminals/{terminal}") == 204


async def seen(connection, text):
    """Read what a terminal shows up to a text."""
    shown = ""
    while text not in shown:
        message = json.loads(await asyncio.wait_for(connection.read_message(), 20))
        shown += message[1] if message[0] == "stdout" else ""
    return shown


async def test_accounts_and_tokens(serve, jp_server_config):
    """Who has no account any more, or not this token, has nothing open."""
    tokens = {name: passwd(name, algorithm="sha256") for name in ("one", "two", "bob")}
    jp_server_config.ServerApp.identity_provider_class = AccountsIdentityProvider
    ann = {"hashed_tokens": [tokens["one"], tokens["two"]]}
    jp_server_config.AccountsIdentityProvider.users = {
        "ann": ann,
        "bob": {"hashed_tokens": [tokens["bob"]], "groups": ["team"]},
    }
    be = serve(
        roles=[
            allowing("*", users=["ann"]),
            {"name": "team", "groups": ["team"], "allow": ["*"]},
        ]
    )
    be.add(("stream", Stream))
    one, two, bob = [await be(name).connect("stream") for name in ("one", "two", "bob")]
    provider = be.app.identity_provider
    ann["hashed_tokens"].remove(tokens["one"])
    provider.users = {"ann": ann, "bob": {"hashed_tokens": [tokens["bob"]], "groups": ["team"]}}
    assert (await closed(one))[0] == 1008
    for connection in (two, bob):
        await connection.write_message("still")
        assert await connection.read_message() == "still"
    provider.users = {"ann": ann, "bob": {"hashed_tokens": [tokens["bob"]]}}
    assert (await closed(bob))[0] == 1008
    provider.users = {}
    assert (await closed(two))[0] == 1008


async def test_a_handshake_under_way(be):
    """What is not yet open is not opened."""

    class Slow(Stream):
        async def prepare(self):
            await asyncio.sleep(0.4)

    be.add(("slow", Slow))
    opening = asyncio.ensure_future(be("ann").connect("slow"))
    await asyncio.sleep(0.2)
    be.guard.enforce(policy())
    with pytest.raises(Exception, match=r"closed|403|599|Closed"):
        await opening


async def test_one_that_cannot_be_closed(be, caplog):
    """As its client has gone meanwhile, say; the others are closed all the same."""
    connections = [await be("ann").connect("stream") for _ in range(3)]
    first, *_ = be.guard.connections._open
    first.close = lambda *_: None.closed
    be.guard.enforce(policy())
    codes = [(await closed(connection))[0] for connection in connections]
    assert sorted(codes, key=str) == [1008, 1008, None]
    assert "an error while closing" in caplog.text
    be.guard.enforce(policy(allowing("*")))
    connection = await be("ann").connect("stream")
    be.guard.enforce(policy())
    assert (await closed(connection))[0] == 1008


async def test_one_that_has_only_been_made(be, kernel, caplog):
    """It is not known yet to what it is; it finds out by itself, and stays."""
    ann = await FrontEnd.open(be("ann"), kernel)
    (handler,) = be.guard.connections._open
    arguments, handler.authz_has_begun = handler.path_kwargs, False
    del handler.path_kwargs
    await be.guard.connections.revise()
    handler.path_kwargs, handler.authz_has_begun = arguments, True
    assert (await ann.run("1"))["status"] == "ok"
    assert "error" not in caplog.text
    ann.close()
    while await ann.read() is not None:
        pass


async def test_one_that_is_only_being_opened(be, kernel, monkeypatch):
    """What was taken away since it was decided about opens nothing."""
    decide = be.guard.decide

    async def decide_and_change(*args):
        decision = await decide(*args)
        be.guard.policy = policy()
        return decision

    monkeypatch.setattr(be.guard, "decide", decide_and_change)
    with pytest.raises(HTTPClientError, match="403"):
        await be("ann").connect(f"api/kernels/{kernel}/channels")


async def test_sessions_that_cannot_be_listed(be, kernel, monkeypatch):
    """Once is no matter; where it goes on, nothing is open that could not be decided about."""
    ann = await FrontEnd.open(be("ann"), kernel)
    manager, failures = be.web_app.settings["session_manager"], [KeyError("gone")]
    listed = manager.list_sessions

    async def list_sessions():
        if failures:
            raise failures[0] if len(failures) > 1 else failures.pop()
        return await listed()

    monkeypatch.setattr(manager, "list_sessions", list_sessions)
    await be.guard.connections.revise()
    assert (await ann.run("1"))["status"] == "ok"
    failures += [KeyError("gone")] * 2
    await be.guard.connections.revise()
    assert (await closed(ann.connection))[0] == 1008
    failures.clear()


async def test_an_error_closes(be, monkeypatch, caplog):
    """Nothing stays open that could not be decided about."""
    connection = await be("ann").connect("stream")
    monkeypatch.setattr(Policy, "decide", lambda *_: 1 / 0)
    be.guard.connections.revise_soon()
    assert (await closed(connection))[0] == 1008
    assert "an error while deciding" in caplog.text


async def test_a_client_that_does_not_close(be, kernel):
    """What it goes on sending reaches nothing: tornado reads on until it closes, too."""
    ann = await FrontEnd.open(be("ann"), kernel)
    assert (await ann.run("x = 0"))["status"] == "ok"
    (handler,) = be.guard.connections._open
    passed = []
    handler.connection.handle_incoming_message = passed.append
    handler.on_message("before")
    be.guard.enforce(policy())
    await asyncio.sleep(0.2)
    handler.on_message("after")
    assert passed == ["before"]
    assert (await closed(ann.connection))[0] == 1008


async def test_a_thousand(be):
    """They are all gone within the second, and the server answers meanwhile."""
    connections = []
    for _ in range(10):
        connections += await asyncio.gather(*(be("ann").connect("stream") for _ in range(100)))
    began = time.monotonic()
    be.guard.enforce(policy(allowing("read:identity")))
    assert await be("ann").status("GET", "api/me") == 200
    answered = time.monotonic() - began
    codes = await asyncio.gather(*map(closed, connections))
    assert {code for code, _ in codes} == {1008}
    # Client and server share one process here.
    assert max(seconds for _, seconds in codes) + answered < 3
    assert answered < 1


async def test_a_reply_that_goes_on(be):
    """It ends within a second for who may no longer have it, and for nobody else."""
    be.guard.enforce(policy(allowing("*", users=["ann", "bob"])))
    pieces, begun = {"ann": [], "bob": []}, {"ann": asyncio.Event(), "bob": asyncio.Event()}

    async def follow(name):
        def take(piece):
            pieces[name].append(piece)
            begun[name].set()

        address = be.client.get_url(f"{be.base_url}pieces")
        request = HTTPRequest(address, headers=be(name).headers, streaming_callback=take)
        # Another client than that of the tests, which gives replies as a whole.
        return await AsyncHTTPClient(force_instance=True).fetch(request)

    ann, bob = asyncio.ensure_future(follow("ann")), asyncio.ensure_future(follow("bob"))
    for event in begun.values():
        await asyncio.wait_for(event.wait(), 5)
    be.guard.enforce(policy(allowing("*", users=["ann"])))
    began = time.monotonic()
    with pytest.raises(HTTPStreamClosedError):
        await bob
    assert time.monotonic() - began < 1
    before = len(pieces["ann"])
    await asyncio.sleep(0.3)
    assert len(pieces["ann"]) > before
    ann.cancel()
