"""Whatever a handler is and whatever it overrides, nothing of it runs before the decision."""

from __future__ import annotations

import asyncio
import json

import hostile_extension
import pytest
from hostile_extension import targets
from jupyter_server.auth import IdentityProvider
from jupyter_server.base.handlers import JupyterHandler
from people import allowing
from tornado.httpclient import HTTPClientError
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.web import RequestHandler

from jupyter_authz.guard.admission import admission_of

pytestmark = pytest.mark.usefixtures("hostile")

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
# Opted in, so that their types are their own.
OPTED_IN = {"Authorized", "AuthorizedAgain"}
NAMES = sorted(hostile_extension.ROUTES)
STATIC = ("static/secret.txt", "tornado/secret.txt", "find/secret.txt", "public/secret.txt")
ADDRESSES = (*NAMES, *STATIC, *targets.ADDRESSES)
BODY = {"POST": "a=1", "PUT": "b" * 100_000, "PATCH": "{}"}
EVERYTHING = [allowing("*")]


async def every_reply(be, user="ann"):
    """Send every verb to every address; give status and body."""
    return {
        (path, verb): await be(user).fetch(verb, f"hostile/{path}", BODY.get(verb))
        for path in ADDRESSES
        for verb in VERBS
    }


def by_address(ran):
    """Give what ran, and forget it."""
    found = list(ran)
    ran.clear()
    return found


async def test_no_code_runs_before_the_decision(serve, ran):
    """A user without a role is refused everything, with a reason, and nothing ran."""
    be = serve(roles=[], base_permissions=[])
    replies = await every_reply(be)
    for (path, verb), reply in replies.items():
        if verb == "OPTIONS" and reply.code == 200:
            # The answer to a preflight is Jupyter's own.
            assert not reply.body, path
            assert "Access-Control-Allow-Methods" in reply.headers
            continue
        assert reply.code == 403, (path, verb, reply.code, reply.body)
        assert b"secret" not in reply.body
        if verb != "HEAD":
            answer = json.loads(reply.body)
            assert answer["reason"] == "no-role", (path, verb)
            assert answer["message"]
            assert answer["decision"]
    assert ran == []


@pytest.mark.parametrize("name", sorted(hostile_extension.WEBSOCKETS))
async def test_websockets_are_refused_at_the_handshake(serve, ran, name):
    """A websocket of a user without a role is never opened."""
    be = serve(roles=[], base_permissions=[])
    with pytest.raises(HTTPClientError) as refused:
        await be("ann").connect(f"hostile/{name}")
    assert refused.value.code == 403
    assert json.loads(refused.value.response.body)["reason"] == "no-role"
    assert ran == []


async def test_nobody_is_let_in(serve, ran):
    """Who is not signed in is sent to sign in, or refused, and nothing ran."""
    be = serve(roles=EVERYTHING)
    for path in ADDRESSES:
        for verb in VERBS:
            reply = await be().fetch(verb, f"hostile/{path}", BODY.get(verb))
            if verb == "OPTIONS" and reply.code == 200:
                assert not reply.body
                continue
            if reply.code == 302:
                assert verb in {"GET", "HEAD"}
                assert "/login?next=" in reply.headers["Location"], path
            else:
                assert reply.code == 403, (path, verb, reply.code)
            assert b"secret" not in reply.body
    for name in hostile_extension.WEBSOCKETS:
        with pytest.raises(HTTPClientError) as refused:
            await be().connect(f"hostile/{name}")
        assert refused.value.code == 403
    assert ran == []


async def _behaviour(be, ran):
    """Give what each request is answered, and what of the extension ran for it."""
    found = {}
    for path in ADDRESSES:
        for verb in VERBS:
            if path == "AsyncFinish" and verb != "GET":
                continue  # it hangs, on any server
            reply = await be("ann").fetch(verb, f"hostile/{path}", BODY.get(verb))
            # What a handler does on its way out comes after the client has its answer.
            await asyncio.sleep(0)
            found[path, verb] = (reply.code, reply.body, sorted(set(by_address(ran))))
    for name in hostile_extension.WEBSOCKETS:
        socket = await be("ann").connect(f"hostile/{name}")
        await socket.write_message("hello")
        found[name, "WS"] = await asyncio.wait_for(socket.read_message(), 10)
        socket.close()
    await asyncio.sleep(0.1)
    ran.clear()
    return found


@pytest.mark.parametrize("traits", [{"roles": EVERYTHING}, {}], ids=["allowed", "transparent"])
async def test_who_may_do_everything_notices_nothing(serve, ran, traits, monkeypatch):
    """Allowed, or without a policy, every handler behaves as on a bare server."""
    be = serve(**traits)
    guarded = await _behaviour(be, ran)
    monkeypatch.delattr(be.web_app, "find_handler")
    be.web_app.settings["authorizer"] = be.app.authorizer
    bare = await _behaviour(be, ran)
    # A preflight is answered for the handler.
    differing = {
        key: (guarded[key], bare[key])
        for key in bare
        if guarded[key] != bare[key] and not (traits and key[1] == "OPTIONS")
    }
    assert differing == {}
    assert len(bare) > 200


# ---------------------------------------------------------------------- whenever it was added

LATE = ("late-handlers", "late-host", "late-rule", "late-wildcard")


async def test_routes_of_a_running_server_are_guarded(serve, ran):
    """Routes added at the start of an extension or later are guarded like all others."""
    be = serve(roles=[allowing("*", users=["ann"])], base_permissions=[])
    late = LATE
    if hasattr(be.app, "_post_start"):  # from Jupyter Server 2.15 on
        await be.app._post_start()
        late = ("started", *LATE)
    hostile_extension.add_late(be.app)
    for path in late:
        assert await be("ann").status("GET", f"hostile/{path}") == 200, path
        ran.clear()
        assert await be("bob").status("GET", f"hostile/{path}") == 403, path
        assert ran == []


async def test_a_target_that_is_replaced_is_looked_at_again(serve, ran):
    """What was decided about a rule does not hold for another target in it."""
    be = serve(roles=[allowing("read:api")], base_permissions=[])
    rule = targets.rule(f"{be.base_url}changing", hostile_extension.handlers.Plain)
    be.web_app.wildcard_router.rules.insert(0, rule)
    assert await be("ann").status("GET", "changing") == 403
    rule.target = hostile_extension.handlers.AnswersInPrepare
    assert await be("ann").status("GET", "changing") == 403
    assert ran == []


async def test_an_address_of_core_can_be_taken_by_nobody(serve, ran):
    """Permission for contents is none for a handler that stands where contents should."""
    be = serve(roles=[allowing("read,write:contents")], base_permissions=[])
    assert await be("ann").status("GET", "api/contents") == 200
    assert await be("ann").status("GET", "api/contents/shadowed") == 403
    assert await be("ann").status("PUT", "api/contents/shadowed", {}) == 403
    assert ran == []


async def test_who_is_there_is_not_for_the_handler_to_say(serve, ran):
    """A handler that claims that somebody else is there does not decide for them."""
    be = serve(roles=[allowing("*", users=["ann"])], base_permissions=[])
    assert await be("bob").status("GET", "hostile/OwnUser") == 403
    assert await be().status("GET", "hostile/OwnUser") == 302
    assert ran == []


async def test_files_elsewhere_are_no_assets(serve):
    """Jupyter's own handlers for assets are public only where front ends have theirs."""
    be = serve(roles=[], base_permissions=[])
    for path in STATIC:
        assert await be().status("GET", f"hostile/{path}") == 302, path
        assert await be("ann").status("GET", f"hostile/{path}") == 403, path
    assert await be().status("GET", "static/favicon.ico") == 200


# ---------------------------------------------------------------------- what it gets


class Told(RequestHandler):
    """Tells what it was given."""

    def check_xsrf_cookie(self):
        """Take anything."""

    def post(self, *args, **kwargs):
        """Tell."""
        self.write(
            {
                "body": self.request.body.decode(),
                "arguments": self.get_arguments("a"),
                "body_arguments": self.get_body_arguments("a"),
                "files": {name: len(files) for name, files in self.request.files.items()},
                "args": [args, kwargs],
            }
        )


FORM = "application/x-www-form-urlencoded"
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="g"\r\n\r\nhello\r\n--x--\r\n'
)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, "a=1&a=2"),
        ("multipart/form-data; boundary=x", MULTIPART),
        ("text/plain", "x" * 200_000),
    ],
    ids=["form", "files", "large"],
)
async def test_the_body_is_read_once(serve, monkeypatch, content_type, body):
    """The guard reads the body too, and the handler still finds each argument once."""
    be = serve(roles=EVERYTHING)
    be.add(("told/(.*)", Told))

    async def told():
        headers = {"Content-Type": content_type}
        return await be("ann").json("POST", "told/x%2Fy?a=0", body, headers=headers)

    guarded = await told()
    monkeypatch.delattr(be.web_app, "find_handler")
    assert guarded == await told()


async def test_a_body_that_cannot_be_read_is_a_bad_request(serve, ran):
    """What cannot be parsed is refused as what it is."""
    be = serve(roles=EVERYTHING)
    headers = {"Content-Type": "multipart/form-data"}
    reply = await be("ann").fetch("POST", "hostile/Plain", "no parts", headers=headers)
    assert reply.code in {200, 400}  # tornado before 6.5 only logs
    if reply.code == 400:
        assert json.loads(reply.body)["reason"] == "bad-request"
        assert ran == []


async def test_plain_handlers_keep_their_methods(serve):
    """A handler is what it is; the guard puts nothing into it."""

    class Kinds(RequestHandler):
        def get(self):
            self.write({"kinds": [cls.__module__ for cls in type(self).__mro__]})

    be = serve(roles=EVERYTHING)
    be.add(("kinds", Kinds))
    kinds = (await be("ann").json("GET", "kinds"))["kinds"]
    assert kinds == [cls.__module__ for cls in Kinds.__mro__]


async def test_the_user_is_found_once(serve):
    """The handler acts for the very user whom it was decided about."""

    class Who(JupyterHandler):
        def get(self):
            self.finish(
                {
                    "same": self.current_user is admission_of(self).user,
                    "token": self.token_authenticated,
                }
            )

    be = serve(roles=EVERYTHING)
    be.add(("who", Who))
    provider = be.app.identity_provider
    provider.asked = 0
    assert await be("ann").json("GET", "who") == {"same": True, "token": True}
    assert provider.asked == 1
    assert await be("ann", token=False).json("GET", "who") == {"same": True, "token": False}
    # Not remembered from one request of a connection to the next.
    assert (await be("bob").json("GET", "api/me"))["identity"]["username"] == "bob"


async def test_cookies_of_the_identity_provider_reach_the_client(serve, jp_server_config):
    """What a provider sets on the way in is set, as by a bare server."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    jp_server_config.IdentityProvider.token = "sesame"
    be = serve(roles=EVERYTHING)
    reply = await be("sesame").fetch("GET", "api/me")
    assert reply.code == 200
    assert "username-" in reply.headers["Set-Cookie"]


# ---------------------------------------------------------------------- on the way


async def test_a_stream_is_decided_about_before_its_first_piece(serve, ran):
    """A large body for a handler that takes it in pieces is never given to it."""
    be = serve(roles=[allowing("*", users=["ann"])], base_permissions=[])
    body = b"x" * 3_000_000
    assert await be("bob").status("PUT", "hostile/Streams", body) == 403
    assert ran == []
    reply = await be("ann").fetch("PUT", "hostile/Streams", body)
    assert reply.body == body
    assert ran.count("Streams.data_received") > 1


async def test_nobody_waits_for_a_handler_whose_client_is_gone(serve, ran, monkeypatch):
    """A client that goes away while it is decided about starts nothing."""
    be = serve(roles=EVERYTHING)
    waiting, gone = asyncio.Event(), asyncio.Event()
    provider = be.app.identity_provider
    get_user = type(provider).get_user

    async def slow(handler):
        waiting.set()
        await gone.wait()
        return get_user(provider, handler)

    monkeypatch.setattr(type(provider), "get_user", lambda _, handler: slow(handler))
    _, writer = await asyncio.open_connection("127.0.0.1", be.client.port)
    lines = (f"GET {be.base_url}hostile/Plain HTTP/1.1", "Host: 127.0.0.1", "X-User: ann", "", "")
    writer.write("\r\n".join(lines).encode())
    await asyncio.wait_for(waiting.wait(), 10)
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.1)
    gone.set()
    await asyncio.sleep(0.1)
    assert ran == []


async def test_a_handler_that_cannot_be_made_does_not_hang(serve):
    """An error while a handler is made closes the connection, as tornado does."""

    class Broken(RequestHandler):
        def initialize(self):
            raise ValueError("broken")

    be = serve(roles=EVERYTHING)
    be.add(("broken", Broken))
    with pytest.raises(HTTPStreamClosedError):
        await be("ann").fetch("GET", "broken")


async def test_a_strange_host_is_refused(serve, ran):
    """A plain handler, too, answers only to the names of this machine."""
    be = serve(roles=EVERYTHING)
    reply = await be("ann").fetch("GET", "hostile/Plain", headers={"Host": "evil.example"})
    assert reply.code == 403
    assert ran == []
