"""Handlers that override what they can."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from jupyter_server.base.handlers import (
    APIHandler,
    FileFindHandler,
    JupyterHandler,
    PublicStaticFileHandler,
)
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.web import RequestHandler, StaticFileHandler, stream_request_body
from tornado.websocket import WebSocketHandler

from hostile_extension.record import note


class Verbs:
    """Answers every verb, and notes it."""

    def _answer(self, *args, **kwargs):
        note(self, self.request.method)
        RequestHandler.write(self, "secret")

    get = post = put = patch = delete = _answer

    def head(self, *args, **kwargs):
        note(self, "HEAD")

    def check_xsrf_cookie(self):
        note(self, "check_xsrf_cookie")


class Plain(Verbs, RequestHandler):
    """A plain tornado handler."""


class PrepareWithoutSuper(Verbs, JupyterHandler):
    """Its prepare does not call the one it overrides."""

    def prepare(self):
        note(self, "prepare")
        self.current_user = "somebody"


class WorkBeforeSuper(Verbs, APIHandler):
    """It works before it prepares."""

    async def prepare(self):
        note(self, "prepare")
        await super().prepare()


class AnswersInPrepare(RequestHandler):
    """It answers before any verb."""

    def prepare(self):
        note(self, "prepare")
        self.finish("secret")


class OwnExecute(Verbs, RequestHandler):
    """It owns the way in."""

    async def _execute(self, transforms, *args, **kwargs):
        note(self, "_execute")
        self._transforms = transforms
        self.finish("secret")


class OwnExecuteWithSuper(Verbs, JupyterHandler):
    """It owns the way in, and then goes tornado's."""

    async def _execute(self, transforms, *args, **kwargs):
        note(self, "_execute")
        await super()._execute(transforms, *args, **kwargs)


class OnItself(RequestHandler):
    """It replaces its own methods while it is made."""

    def initialize(self):
        note(self, "initialize")
        self.prepare = lambda: note(self, "prepare")
        self.get = self.post = self.put = self.delete = self.patch = self._answer
        self.check_xsrf_cookie = lambda: None

    def _answer(self):
        note(self, "verb")
        self.finish("secret")


class ExecuteOnItself(RequestHandler):
    """It replaces its way in while it is made."""

    def initialize(self):
        note(self, "initialize")

        async def execute(transforms, *args, **kwargs):
            note(self, "_execute")
            self._transforms = transforms
            self.finish("secret")

        self._execute = execute


class OnTheWayOut(Verbs, JupyterHandler):
    """It overrides what is called on the way to an answer."""

    def finish(self, *args, **kwargs):
        note(self, "finish")
        return super().finish(*args, **kwargs)

    def on_finish(self):
        note(self, "on_finish")

    def write_error(self, status_code, **kwargs):
        note(self, "write_error")
        self.finish("secret")

    def send_error(self, status_code=500, **kwargs):
        note(self, "send_error")
        self.finish("secret")

    def redirect(self, *args, **kwargs):
        note(self, "redirect")
        self.finish("secret")

    def log_exception(self, *args):
        note(self, "log_exception")

    def get_login_url(self):
        note(self, "get_login_url")
        return "/secret"

    def set_default_headers(self):
        note(self, "set_default_headers")

    def decode_argument(self, value, name=None):
        note(self, "decode_argument")
        return "decoded"

    def compute_etag(self):
        note(self, "compute_etag")


class AsyncFinish(Verbs, APIHandler):
    """Its finish is a coroutine with another signature, as jupyterlab_server's once was."""

    async def get(self):
        note(self, "GET")
        await self.finish("secret")

    async def finish(self, one, two=None):
        note(self, "finish")
        RequestHandler.finish(self, one)


class OwnUser(Verbs, JupyterHandler):
    """It says itself who is there."""

    def get_current_user(self):
        note(self, "get_current_user")
        return "ann"

    @property
    def current_user(self):
        note(self, "current_user")
        return "ann"

    @current_user.setter
    def current_user(self, value):
        note(self, "current_user")

    @property
    def identity_provider(self):
        note(self, "identity_provider")
        return self.settings["identity_provider"]

    @property
    def logged_in(self):
        return True

    def user_is_authorized(self, user, action, resource=None):
        note(self, "user_is_authorized")
        return True


class OwnAttributes(Verbs, JupyterHandler):
    """It answers every attribute itself."""

    def __getattribute__(self, name):
        if name in {"prepare", "_execute", "guard", "route", "settings"}:
            note(super().__getattribute__("request"), "__getattribute__")
        return super().__getattribute__(name)


@stream_request_body
class Streams(Verbs, RequestHandler):
    """It takes its body in pieces."""

    def prepare(self):
        note(self, "prepare")

    def data_received(self, chunk):
        note(self, "data_received")
        self.received = getattr(self, "received", b"") + chunk

    def put(self):
        note(self, "PUT")
        self.write(self.received)

    def on_connection_close(self):
        note(self, "on_connection_close")


class Authorized(Verbs, APIHandler):
    """It takes part in Jupyter's scheme, and relies on nothing but the decorator."""

    auth_resource = "reports"

    @authorized
    def get(self):
        note(self, "GET")
        self.finish("{}")

    @authorized
    def post(self):
        note(self, "POST")
        self.finish("{}")


class AuthorizedAgain(Authorized):
    """It shares a decorated method with another class."""

    auth_resource = "diagrams"


class Inherits(Verbs, ContentsHandler):
    """A core handler with code of somebody else's."""

    get = post = put = patch = delete = Verbs._answer


class Unauthenticated(JupyterHandler):
    """It says that everybody is welcome."""

    @allow_unauthenticated
    def get(self):
        note(self, "GET")
        self.finish("secret")

    @allow_unauthenticated
    def options(self):
        note(self, "OPTIONS")
        self.finish("secret")


class OtherVerbs(RequestHandler):
    """It knows verbs nobody knows."""

    SUPPORTED_METHODS = ("GET", "BREW")

    def get(self):
        note(self, "GET")
        self.finish("secret")

    def brew(self):
        note(self, "BREW")
        self.finish("secret")


class _Sealed(type):
    def __call__(cls, *args, **kwargs):
        return super().__call__(*args, **kwargs)


class Sealed(Verbs, RequestHandler, metaclass=_Sealed):
    """Nothing can be derived from it."""

    def __init_subclass__(cls, **kwargs):
        raise TypeError("sealed")


class Slotted(Verbs, RequestHandler):
    """It has slots."""

    __slots__ = ("extra",)


class NoModule(Verbs, RequestHandler):
    """Nobody knows where it comes from."""


NoModule.__module__ = None


class AnyVerb:
    """Stands for all verbs there are."""

    def __contains__(self, verb):
        return True

    def __iter__(self):
        return iter(())


class Generic(RequestHandler):
    """It answers any verb, under a name that is looked up."""

    SUPPORTED_METHODS = AnyVerb()

    def __getattr__(self, name):
        if name in {"get", "post", "brew"}:
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        note(self, "verb")
        self.finish("secret")


ROUTES = {
    cls.__name__: cls
    for cls in (
        Plain,
        PrepareWithoutSuper,
        WorkBeforeSuper,
        AnswersInPrepare,
        OwnExecute,
        OwnExecuteWithSuper,
        OnItself,
        ExecuteOnItself,
        OnTheWayOut,
        AsyncFinish,
        OwnUser,
        OwnAttributes,
        Streams,
        Authorized,
        AuthorizedAgain,
        Inherits,
        Unauthenticated,
        OtherVerbs,
        Sealed,
        Slotted,
        NoModule,
        Generic,
    )
}


class Static(JupyterHandler, StaticFileHandler):
    """Serves files to those who are signed in."""

    def validate_absolute_path(self, root, absolute_path):
        note(self, "validate_absolute_path")
        return super().validate_absolute_path(root, absolute_path)


TornadoStatic = StaticFileHandler
Public = PublicStaticFileHandler
Find = FileFindHandler


class Echo:
    """Says what it is told."""

    def open(self, *args, **kwargs):
        note(self, "open")

    def on_message(self, message):
        note(self, "on_message")
        self.write_message(message)

    def on_close(self):
        note(self, "on_close")

    def check_origin(self, origin):
        return True


class PlainWebSocket(Echo, WebSocketHandler):
    """A plain tornado websocket."""

    def prepare(self):
        note(self, "prepare")


class JupyterWebSocket(Echo, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A websocket as Jupyter makes them."""


class OwnGet(Echo, WebSocketHandler):
    """It works before the handshake."""

    async def get(self, *args, **kwargs):
        note(self, "GET")
        await super().get(*args, **kwargs)


class InheritsChannels(Echo, KernelWebsocketHandler):
    """A core websocket with code of somebody else's."""

    async def get(self):
        note(self, "GET")
        await WebSocketHandler.get(self)

    def select_subprotocol(self, subprotocols):
        return None


WEBSOCKETS = {
    cls.__name__: cls for cls in (PlainWebSocket, JupyterWebSocket, OwnGet, InheritsChannels)
}
