"""An extension, identity providers and a contents manager that do what is seldom done.

Imported by server processes of `test_connections`.
"""

from __future__ import annotations

import asyncio
import contextvars

from jupyter_server import CallContext
from jupyter_server.auth import PasswordIdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.routing import PathMatches, Rule
from tornado.web import Finish, RequestHandler

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
        ],
    )


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


class Contents(AsyncLargeFileManager):
    async def dir_exists(self, path):
        if "cancel" in path:
            await _cancelled()
        return await super().dir_exists(path)
