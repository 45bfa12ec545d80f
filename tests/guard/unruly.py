"""An extension, identity providers and a contents manager that do what is seldom done.

Imported by server processes of `test_connections`.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import itertools

from jupyter_core.utils import ensure_async
from jupyter_server import CallContext
from jupyter_server.auth import AllowAllAuthorizer, PasswordIdentityProvider, User
from jupyter_server.base.handlers import FileFindHandler, JupyterHandler
from jupyter_server.services.contents.largefilemanager import (
    AsyncLargeFileManager,
    LargeFileManager,
)
from tornado.httputil import HTTPMessageDelegate
from tornado.routing import PathMatches, Router, Rule
from tornado.web import Application, Finish, HTTPError, RequestHandler, StaticFileHandler

LEFT = contextvars.ContextVar("left", default="nothing")


class Left(JupyterHandler):
    def get(self, *_):
        self.finish(f"left={LEFT.get()}")


class Before(RequestHandler):
    def get(self):
        self.finish("before")


class After(RequestHandler):
    def get(self):
        self.finish("after")


class Cookies(JupyterHandler):
    def initialize(self):
        self.tenant = None

    async def prepare(self):
        self.set_cookie("own", "1")
        await super().prepare()

    async def get(self):
        self.set_header("Cache-Control", "no-store")
        again = await ensure_async(self.identity_provider.get_user(self))
        self.finish(f"{self.tenant} {again is self.current_user}")


class Acting(JupyterHandler):
    def get(self):
        self.finish(f"acts as {self.current_user.username}")


class Wrap(JupyterHandler):
    """Wraps the provider's method as decorators do, and gives another user at each call."""

    def get(self):
        provider, count = self.identity_provider, itertools.count(1)

        @functools.wraps(provider.get_user)
        def get_user(handler):
            return User(f"u{next(count)}")

        provider.get_user = get_user
        self.finish("wrapped")


class Cancels(HTTPMessageDelegate, Router):
    def find_handler(self, request, **_):
        return self

    async def headers_received(self, start_line, headers):
        await _cancelled()


# Classes and the functions that are put into them when asked for.
LATE: list = []


class Late(JupyterHandler):
    def get(self):
        for kind, function in LATE:
            setattr(kind, function.__name__, function)
        self.finish("done")


class Level(JupyterHandler):
    def get(self):
        self.finish(f"level={self.authorizer.level()}")


class Leveled(AllowAllAuthorizer):
    """An operator's authorizer that can do more than Jupyter asks for."""

    def level(self):
        return 5


class Other(RequestHandler):
    def get(self):
        self.finish("the other application")


class Replace(JupyterHandler):
    def get(self):
        router = self.application.default_router
        router.rules = [Rule(PathMatches(f"{self.base_url}x/rule"), After), *router.rules]
        self.finish("replaced")


def _jupyter_server_extension_points():
    return [{"module": "unruly"}]


def _load_jupyter_server_extension(app):
    base = app.base_url
    app.web_app.add_handlers(
        ".*",
        [
            (f"{base}x/left/?(.*)", Left),
            (f"{base}x/rule", Before),
            (f"{base}x/replace", Replace),
            (f"{base}zz(?#()|{base}yyy", Left),
            (f"{base}zz(?x: # see (1)( \n)|{base}www", Left),
            (f"{base}x/cookies", Cookies),
            (f"{base}x/acting", Acting),
            (f"{base}x/wrap", Wrap),
            (f"{base}x/level", Level),
            (f"{base}x/late", Late),
        ],
    )
    router = app.web_app.wildcard_router
    other = Application([(f"{base}o/.*", Other)])
    root = {"path": app.root_dir}
    router.add_rules(
        [
            Rule(PathMatches(f"{base}o/.*"), other.default_router),
            Rule(PathMatches(f"{base}x/cancels"), Cancels()),
            (f"{base}y/files/(.*)", StaticFileHandler, root),
            (f"{base}custom/(.*)", FileFindHandler, {"path": [app.root_dir]}),
            (f"{base}y/app/.*", Application([(f"{base}y/app/1", Other)])),
        ]
    )
    # Before all that the server has of its own.
    router.rules[:0] = router.rules[-5:]
    del router.rules[-5:]
    # Some extensions add again what others have added.
    rules, router.rules = router.rules, []
    exec("router.add_rules(rules)", {"__name__": "mover", "router": router, "rules": rules})


class Busy(PasswordIdentityProvider):
    """Does to the handler what the request says."""

    def is_token_authenticated(self, handler):
        return True

    def get_user(self, handler):
        deed = handler.request.headers.get("X-Deed", "")
        if deed == "context":
            LEFT.set("ann")
        if deed == "header":
            handler.set_header("X-Provider", "its own")
        if deed == "negotiate":
            handler.set_status(401)
            handler.set_header("WWW-Authenticate", "Negotiate")
            raise Finish
        if deed == "cookies":
            handler.set_cookie("provider", "1")
            handler.set_header("Cache-Control", "private")
            handler.tenant = "acme"
        if deed == "not modified":
            raise HTTPError(304)
        if deed == "locked":
            raise HTTPError(403, reason="Account locked until 5pm")
        if deed == "bad":
            raise HTTPError(400, "100%% wrong: %s", "realm")
        if deed == "flush":
            handler.write("early")
            handler.flush()
        if deed == "whose" and CallContext.get("JUPYTER_HANDLER") is not handler:
            return None
        return User("ann")


async def _cancelled():
    lost = asyncio.ensure_future(asyncio.sleep(9))
    lost.cancel()
    await lost


class Cancelled(PasswordIdentityProvider):
    async def get_user(self, handler):
        if "X-Deed" in handler.request.headers:
            await _cancelled()
        return User("ann")


class CancelledAtOnce(PasswordIdentityProvider):
    def get_user(self, handler):
        if "X-Deed" in handler.request.headers:
            raise asyncio.CancelledError
        return User("ann")


class Knowing(LargeFileManager):
    """Waits for nothing, and looks for the request under way."""

    def dir_exists(self, path=""):
        if CallContext.get(CallContext.JUPYTER_HANDLER) is None:
            return False
        return super().dir_exists(path)


class Contents(AsyncLargeFileManager):
    async def dir_exists(self, path):
        if "cancel" in path:
            await _cancelled()
        return await super().dir_exists(path)
