"""Whoever is asked about a request gets a door: what they may do to it, and when."""

from __future__ import annotations

import asyncio
import functools

import pytest
from jupyter_server import CallContext
from jupyter_server.auth import IdentityProvider, PasswordIdentityProvider
from jupyter_server.base.handlers import JupyterHandler
from people import NamedInHeader, Person, allowing
from tornado import web
from tornado.routing import PathMatches, ReversibleRuleRouter, Rule
from tornado.web import HTTPError, stream_request_body

from jupyter_authz.guard import cookies

EVERYTHING = [allowing("*")]


class Who(JupyterHandler):
    """Says for whom it acts."""

    def get(self):
        """Say it."""
        self.finish({"who": self.current_user.username})


@pytest.fixture
def hook(monkeypatch):
    """Give a function that puts a hook in place."""
    return functools.partial(monkeypatch.setattr, JupyterHandler, "user_is_authorized")


async def test_an_old_door_is_not_the_request_under_way(serve, hook):
    """A hook that looks back at an earlier request is still asked about the one it is in."""
    kept = []

    def only_ann(self, user, action, resource=None):
        if kept:
            kept[-1].get_status()
        kept.append(self)
        return CallContext.get(CallContext.JUPYTER_HANDLER).current_user.username == "ann"

    be = serve()
    hook(only_ann)
    for _ in range(2):
        assert await be("ann").status("GET", "api/me") == 200
        assert await be("eve").status("GET", "api/me") == 403


async def test_a_wrapped_way_to_look_at_the_user(serve, jp_server_config, monkeypatch):
    """What Jupyter Server takes for its own method is."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    jp_server_config.IdentityProvider.token = "sesame"
    be = serve(roles=EVERYTHING)
    before = JupyterHandler.get_current_user

    @functools.wraps(before)
    def wrapped(self):
        return before(self)

    monkeypatch.setattr(JupyterHandler, "get_current_user", wrapped)
    assert await be("sesame").status("GET", "api/me") == 200


@pytest.mark.parametrize("where", ["handler", "JupyterHandler"])
async def test_handlers_with_users_of_their_own(
    serve, jp_server_config, monkeypatch, caplog, where
):
    """Whom Jupyter Server would find in a way of the handler's own was not decided about."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    jp_server_config.IdentityProvider.token = "sesame"
    be = serve(roles=EVERYTHING)

    class Own(Who):
        pass

    target = {"handler": Own, "JupyterHandler": JupyterHandler}[where]
    be.add(("who", Own))
    monkeypatch.setattr(target, "get_current_user", lambda _: "eve")
    assert await be("sesame").status("GET", "who") == 403
    assert "Own.get_current_user is overridden" in caplog.text


@pytest.mark.parametrize("what", ["provider", "method"])
async def test_the_provider_stays_until_it_is_decided(serve, hook, what):
    """Also while a hook is waited for."""
    be = serve(roles=[allowing("*", users=["ann"])])
    be.add(("who", Who))
    settings = be.web_app.settings

    class Eve(NamedInHeader):
        def get_user(self, handler):
            return Person(username="eve")

    async def slow(self, user, action, resource=None):
        if what == "provider":
            settings["identity_provider"] = Eve(parent=be.app)
        else:
            settings["identity_provider"].get_user = lambda _: Person(username="eve")
        return True

    hook(slow)
    assert await be("ann").status("GET", "who") == 403


async def test_the_provider_stays(serve):
    """A provider that is replaced while it is asked lets nobody in: the handler asks another."""
    be = serve(roles=[allowing("*", users=["ann"])])
    be.add(("who", Who))
    settings = be.web_app.settings

    class Slow(NamedInHeader):
        async def get_user(self, handler):
            await asyncio.sleep(0.2)
            return Person(username="ann")

    class Eve(NamedInHeader):
        def get_user(self, handler):
            return Person(username="eve")

    settings["identity_provider"] = Slow(parent=be.app)
    request = asyncio.ensure_future(be("ann").status("GET", "who"))
    await asyncio.sleep(0.1)
    settings["identity_provider"] = Eve(parent=be.app)
    assert await request == 403
    assert await be("ann").status("GET", "who") == 403


@pytest.mark.parametrize("made", [lambda name: Person(username=name), str])
@pytest.mark.parametrize("now", [None, "eve", "ann"])
async def test_a_handler_that_asks_again(serve, monkeypatch, now, made):
    """Long after the beginning it learns who is gone; never does it act for another."""
    be = serve(roles=EVERYTHING)

    class Long(JupyterHandler):
        async def get(self):
            found = [self.identity_provider.get_user(self)]
            await asyncio.sleep(1.1)
            found.append(self.identity_provider.get_user(self))
            self.finish({"found": [getattr(user, "username", user) for user in found]})

    be.add(("long", Long))
    users = [made("ann"), now and made(now)]
    monkeypatch.setattr(NamedInHeader, "get_user", lambda *_: users.pop(0))
    expected = ["ann", "ann" if now == "ann" else None]
    assert await be("ann").json("GET", "long") == {"found": expected}


async def test_a_handler_that_takes_its_time_before(serve, jp_server_config):
    """Who was let in is who they were, though the default provider would make up another."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    jp_server_config.IdentityProvider.token = "sesame"
    be = serve(roles=EVERYTHING)

    class Slow(Who):
        async def prepare(self):
            self.before = (await self.identity_provider.get_user(self)).username
            await asyncio.sleep(1.2)
            await super().prepare()

        def get(self):
            self.finish({"same": self.before == self.current_user.username})

    be.add(("slow", Slow))
    assert await be("sesame").json("GET", "slow") == {"same": True}


@pytest.mark.parametrize(
    "made",
    [
        staticmethod,
        functools.partial,
        lambda f: classmethod(lambda cls, handler: f(handler)),
        lambda f: functools.partialmethod(lambda self, handler: f(handler)),
    ],
)
async def test_any_way_to_have_a_method(serve, monkeypatch, made):
    """A provider is asked as Python would ask it."""
    be = serve(roles=[allowing("*", users=["ann"])])
    be.add(("who", Who))
    monkeypatch.setattr(
        NamedInHeader,
        "get_user",
        made(lambda handler: Person(username=handler.request.headers["X-User"])),
    )
    assert await be("ann", token=False).json("GET", "who") == {"who": "ann"}
    assert await be("eve", token=False).status("GET", "who") == 403


async def test_the_default_provider_knows_the_request(serve, jp_server_config, monkeypatch):
    """Whatever part of it was changed."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    be = serve(roles=EVERYTHING)
    found = []

    def generate_anonymous_user(self, handler):
        found.append(CallContext.get(CallContext.JUPYTER_HANDLER).request.path)
        return Person(username="somebody")

    monkeypatch.setattr(IdentityProvider, "generate_anonymous_user", generate_anonymous_user)
    monkeypatch.setattr(IdentityProvider, "auth_enabled", False)
    assert await be().status("GET", "api/me") == 200
    assert found == [be.base_url + "api/me"]


@pytest.mark.parametrize("own", ["class", "nothing"])
async def test_a_provider_that_asks_another(serve, own):
    """Its method counts, not what its class would say."""
    be = serve(roles=[allowing("*", users=["ann"])])
    be.add(("who", Who))
    assert await be("ann").status("GET", "who") == 200

    class Ann(IdentityProvider):
        def get_user(self, handler):
            return Person(username="ann")

    before = be.web_app.settings["identity_provider"]
    kind = Ann if own == "class" else PasswordIdentityProvider
    other = kind(parent=be.app, token="")
    other.get_user = before.get_user
    be.web_app.settings["identity_provider"] = other
    for _ in range(2):
        assert await be("ann").json("GET", "who") == {"who": "ann"}
        assert await be("eve").status("GET", "who") == 403
        assert await be().status("GET", "who") in {302, 403}


async def test_a_route_that_has_nothing(serve):
    """Another one answers, for the same user, who is asked for once."""
    be = serve(roles=EVERYTHING)
    be.web_app.default_router.rules.insert(
        0, Rule(PathMatches(f"{be.base_url}who"), ReversibleRuleRouter([]))
    )
    be.add(("who", Who))
    provider = be.web_app.settings["identity_provider"]
    asked = []
    get_user = type(provider).get_user

    class Counts(type(provider)):
        def get_user(self, handler):
            asked.append(handler)
            return get_user(self, handler)

    be.web_app.settings["identity_provider"] = Counts(parent=be.app)
    assert await be("ann").json("GET", "who") == {"who": "ann"}
    assert len(asked) == 1


# ---------------------------------------------------------------------- answers


def _send_error(handler):
    handler.send_error(418)


def _clear(handler):
    handler.clear()
    handler.set_header("X-Own", "1")
    handler.set_status(418)
    handler.finish("a teapot")


@pytest.mark.parametrize("deed", [_send_error, _clear])
@pytest.mark.parametrize("who", ["hook", "provider"])
async def test_their_own_answer(serve, hook, monkeypatch, deed, who):
    """A hook or provider may answer by itself, beginning anew too."""
    be = serve(roles=EVERYTHING)

    def deny(self, *_):
        deed(self)
        return False

    def nobody(self, handler):
        deed(handler)

    if who == "hook":
        hook(deny)
    else:
        monkeypatch.setattr(NamedInHeader, "get_user", nobody)
    reply = await be("ann").fetch("GET", "api/me")
    assert reply.code == 418
    if deed is _clear:
        assert (reply.headers["X-Own"], reply.body) == ("1", b"a teapot")


async def test_an_answer_begun_anew(serve, monkeypatch):
    """What was said before does not count any more."""
    be = serve(roles=EVERYTHING)

    def get_user(self, handler):
        handler.set_status(418)
        handler.set_header("X-Own", "1")
        handler.clear()
        handler.finish("hello")

    monkeypatch.setattr(NamedInHeader, "get_user", get_user)
    reply = await be("ann").fetch("GET", "api/me")
    assert (reply.code, "X-Own" in reply.headers, reply.body) == (200, False, b"hello")


async def test_an_error_whose_arguments_do_not_fit(serve, monkeypatch):
    """It is an error all the same."""
    be = serve(roles=EVERYTHING)

    def get_user(self, handler):
        raise HTTPError(403, "quota of %s: %d left", "ann")

    monkeypatch.setattr(NamedInHeader, "get_user", get_user)
    reply = await be("ann").fetch("GET", "api/me")
    assert (reply.code, b"quota of" in reply.body) == (403, True)


# ---------------------------------------------------------------------- afterwards


@pytest.mark.parametrize(
    "deed",
    [
        lambda door: door.get_status(),
        lambda door: door.clear(),
        lambda door: door.send_error(504),
    ],
)
async def test_whoever_keeps_the_door(serve, hook, deed):
    """They cannot answer any more, and take nothing away from the handler."""
    be = serve()
    late = []

    def watched(self, user, action, resource=None):
        def after():
            late.append(self._finished)
            deed(self)
            with pytest.raises(RuntimeError):
                self.finish("too late")
            with pytest.raises(RuntimeError):
                self.flush()

        asyncio.get_running_loop().call_later(0.1, after)
        return True

    class Slow(JupyterHandler):
        async def get(self):
            await asyncio.sleep(0.3)
            self.finish({"slow": True})

    be.add(("slow", Slow))
    hook(watched)
    assert await be("ann").json("GET", "slow") == {"slow": True}
    assert late == [True]


@stream_request_body
class Takes(JupyterHandler):
    """Takes a body in pieces, and notes that its client has gone."""

    gone = None

    def data_received(self, chunk):
        """Take a piece."""

    def on_connection_close(self):
        """Note it."""
        super().on_connection_close()
        self.gone.set()

    def put(self):
        """Never comes to this."""


async def test_the_handler_is_told_when_its_client_leaves(serve, hook, http_server_port):
    """Also where somebody has looked at the door meanwhile."""
    be = serve()
    Takes.gone = asyncio.Event()
    looked = asyncio.Event()

    def watched(self, user, action, resource=None):
        def look():
            self.get_status()
            looked.set()

        asyncio.get_running_loop().call_later(0.1, look)
        return True

    be.add(("takes", Takes))
    hook(watched)
    _, writer = await asyncio.open_connection("127.0.0.1", http_server_port[1])
    writer.write(
        f"PUT {be.base_url}takes HTTP/1.1\r\nHost: localhost\r\nAuthorization: token ann\r\n"
        "Content-Length: 100\r\n\r\nx".encode()
    )
    await asyncio.wait_for(looked.wait(), 5)
    writer.close()
    await asyncio.wait_for(Takes.gone.wait(), 5)


@pytest.mark.parametrize(
    "name", ["route", "guard", "is_api", "is_complete", "is_jupyter", "is_hooked"]
)
async def test_names_that_a_provider_may_use(serve, monkeypatch, name):
    """What it notes on a door is on the handler then, and in nobody's way."""
    be = serve(roles=EVERYTHING)

    class Noted(JupyterHandler):
        def get(self):
            self.finish({"noted": getattr(self, name, None)})

    def get_user(self, handler):
        setattr(handler, name, "mine")
        return Person(username="ann")

    be.add(("noted", Noted))
    monkeypatch.setattr(NamedInHeader, "get_user", get_user)
    assert await be("ann").json("GET", "noted") == {"noted": "mine"}


async def test_long_cookies_are_not_kept(serve, jp_server_config):
    """Nobody fills the memory by what they send."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    jp_server_config.IdentityProvider.cookie_name = "login"
    be = serve(roles=EVERYTHING)
    cookies.decoded.cache_clear()
    for size, kept in ((100, 1), (10_000, 1)):
        await be().status("GET", "api/me", headers={"Cookie": f"login={'x' * size}"})
        assert cookies.decoded.cache_info().currsize == kept


# ---------------------------------------------------------------------- ways of others


@pytest.mark.parametrize("router", ["default_router", "wildcard_router"])
@pytest.mark.parametrize("method", ["find_handler", "get_target_delegate"])
async def test_a_router_that_is_patched_later(serve, router, method):
    """What somebody has put into a router is not gone around."""
    be = serve(roles=EVERYTHING)
    assert await be("ann").status("GET", "api/me") == 200

    def gate(*_, **__):
        return None

    setattr(getattr(be.web_app, router), method, gate)
    assert await be("ann").status("GET", "api/me") == 403


async def test_matchers_that_are_patched_later(serve, monkeypatch):
    """What matches is not for the guard to say."""
    be = serve(roles=EVERYTHING)
    assert await be("ann").status("GET", "api/me") == 200
    monkeypatch.setattr(PathMatches, "match", lambda *_: None)
    assert await be("ann").status("GET", "api/me") == 403


@pytest.mark.parametrize("roles", [None, EVERYTHING])
async def test_a_way_of_others_that_comes_later(serve, monkeypatch, caplog, roles):
    """What an operator has put into tornado's way is not gone around."""
    be = serve(roles=roles)
    before = web.Application.find_handler

    def find_handler(self, request, **kwargs):
        if request.path.endswith("blocked"):
            return self.get_handler_delegate(request, web.ErrorHandler, {"status_code": 451})
        return before(self, request, **kwargs)

    monkeypatch.setattr(web.Application, "find_handler", find_handler)
    if roles is None:
        assert await be("ann").status("GET", "blocked") == 451
        assert await be("ann").status("GET", "api/me") == 200
    else:
        assert await be("ann").status("GET", "blocked") == 403
        assert await be("ann").status("GET", "api/me") == 403
        assert "find_handler has been replaced" in caplog.text


async def test_a_way_of_others(serve, monkeypatch, capfd):
    """A policy is not enforced half: the server does not start."""
    before = web.Application.find_handler

    def find_handler(self, request, **kwargs):
        return before(self, request, **kwargs)

    monkeypatch.setattr(web.Application, "find_handler", find_handler)
    with pytest.raises(SystemExit):
        serve(roles=EVERYTHING)
    assert "find_handler has been replaced" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["find_handler", "get_target_delegate"])
async def test_a_way_of_others_through_a_router(serve, monkeypatch, capfd, name):
    """Nor does it start where a router was changed."""
    before = getattr(web._ApplicationRouter, name)

    def changed(self, *args, **kwargs):
        return before(self, *args, **kwargs)

    monkeypatch.setattr(web._ApplicationRouter, name, changed)
    with pytest.raises(SystemExit):
        serve(roles=EVERYTHING)
    assert "find_handler has been replaced" in capfd.readouterr().err


async def test_routers_of_others(serve):
    """A router that looks before it leads on is asked, once it has been decided."""
    be = serve(roles=[allowing("*", users=["ann"])], base_permissions=[])

    class Gate(web._ApplicationRouter):
        def find_handler(self, request, **kwargs):
            return None if "X-Closed" in request.headers else super().find_handler(request)

    rules = [(f"{be.base_url}gated/who", Who)]
    gate = Rule(PathMatches(f"{be.base_url}gated/.*"), Gate(be.web_app, rules))
    be.web_app.default_router.rules.insert(0, gate)
    assert await be("ann").status("GET", "gated/who") == 200
    assert await be("ann").status("GET", "gated/who", headers={"X-Closed": "1"}) == 404
    assert await be("eve").status("GET", "gated/who") == 403
