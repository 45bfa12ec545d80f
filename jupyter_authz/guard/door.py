"""The door: stands in for a handler until it has been decided about, and answers for it if denied.

Finds out who asks and what, with Jupyter's and tornado's own code only: whatever the handler
overrides, none of it is there yet.
"""

from __future__ import annotations

import asyncio
from copy import copy
from inspect import isawaitable, isclass
from itertools import islice
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server import CallContext
from jupyter_server.auth import IdentityProvider
from jupyter_server.base import handlers
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.httputil import HTTPHeaders
from tornado.util import ObjectDict
from tornado.web import Finish, HTTPError, RequestHandler, authenticated

from jupyter_authz.errors import GuardError
from jupyter_authz.guard import answers, hook
from jupyter_authz.guard.admission import (
    ADMISSION,
    Admission,
    admit,
    asked_once,
    remembers_users,
)
from jupyter_authz.guard.cookies import signed_cookie
from jupyter_authz.guard.steps import taken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tornado.httputil import HTTPServerRequest
    from tornado.web import Application

    from jupyter_authz.guard.http import Guard
    from jupyter_authz.guard.routes import Route
    from jupyter_authz.model import Question

    Settle = Callable[[Any], Awaitable[Any]]

# Attributes that tornado's constructor sets, whatever the version.
_CONSTRUCTED = frozenset(
    name
    for function in (RequestHandler.__init__, RequestHandler.clear)
    for name in function.__code__.co_names
) | {"_transforms"}
# What a door has and a handler that is asked about has not left on it.
_OWN = _CONSTRUCTED | {"authz_is_complete", "_given"}
# What stays when an answer is begun anew.
_KEPT = {"application", "request", "_finished", "_headers_written"}


class Door(JupyterHandler):
    """Stands in for the handler of one route; `door_class` makes the classes.

    A hook gets it as ``self``: it has the request, its user, its arguments and all managers.
    """

    authz_guard: ClassVar[Guard]
    authz_route: ClassVar[Route]
    # Whether the handler is one of Jupyter's kind.
    authz_is_jupyter: ClassVar[bool] = False
    # Whether the client has gone away meanwhile.
    authz_is_forsaken = False
    # Whether it is like any other handler by now.
    authz_is_complete = False
    # What is asked, once that is known.
    authz_asked: Sequence[Question] = ()
    # As after tornado's constructor.
    _finished = False
    _headers_written = False

    def __init__(self, application: Application, request: HTTPServerRequest) -> None:
        """Make a door that may never have to answer; most requests are let in."""
        self.application = application
        self.request = request
        self._provider = application.settings["identity_provider"]
        self.authz_is_hooked = hook.replaced() is not None

    def __getattr__(self, name: str) -> Any:
        """Give what tornado's constructor makes, once somebody needs it: to answer, say."""
        if name in _CONSTRUCTED and not self.authz_is_complete:
            self._complete()
            return getattr(self, name)
        raise AttributeError(name)

    def _complete(self) -> None:
        """Do what tornado's constructor does: it takes its time, and few requests need it."""
        if not self.authz_is_complete:
            self.authz_is_complete = True
            # INVARIANT: what somebody has done to it already stays, such as a status.
            # tests/guard/test_connections.py::test_what_a_provider_answers
            before = dict(vars(self))
            connection: Any = self.request.connection
            # By now it may be the handler that is to be told when the client leaves.
            callback = getattr(connection, "_close_callback", None)
            super().__init__(self.application, self.request)
            connection.set_close_callback(callback)
            # It refers back, and a door is gone in no time.
            self.ui = ObjectDict()
            self._transforms = [make(self.request) for make in self.application.transforms]
            # The headers that tornado and Jupyter begin with.
            self._given = dict(self._headers.get_all())
            vars(self).update(before)

    def clear(self) -> None:
        """Begin the answer anew, as tornado does."""
        if not self.authz_is_complete:
            own = vars(self)
            # INVARIANT: it is nobody's to answer again that has been let in.
            # tests/guard/test_door.py::test_whoever_keeps_the_door
            for name in (_CONSTRUCTED & own.keys()) - _KEPT:
                del own[name]
            self._complete()
        super().clear()

    def flush(self, *args: Any, **kwargs: Any) -> Any:
        """Send what there is of an answer, as long as it is the door's to give."""
        if self._finished and not self._headers_written:
            raise RuntimeError("flush() called after the request was let in")
        return super().flush(*args, **kwargs)

    def on_connection_close(self) -> None:
        """Note that nobody waits for the handler."""
        self.authz_is_forsaken = True

    def get_signed_cookie(self, *args: Any, **kwargs: Any) -> bytes | None:
        """Give what a signed cookie holds, as tornado does."""
        return signed_cookie(self, super().get_signed_cookie, *args, **kwargs)

    def get_secure_cookie(self, *args: Any, **kwargs: Any) -> bytes | None:
        """Give the same, by its name in older versions of tornado."""
        return signed_cookie(self, super().get_secure_cookie, *args, **kwargs)

    @property
    def authz_is_api(self) -> bool:
        """Whether the handler answers programs, not people who look at pages."""
        return answers.is_for_programs(self)

    @property
    def content_security_policy(self) -> str:
        """The policy of what it stands in for: an API's replies load nothing."""
        policy = super().content_security_policy
        return f"{policy}; default-src 'none'" if self.authz_is_api else policy

    def get_login_url(self) -> str:
        """Give the page to sign in; programs are refused instead, as by Jupyter."""
        if self.authz_is_api:
            raise HTTPError(403)
        return super().get_login_url()

    async def lets_in(self, arguments: dict[str, Any], settle: Settle, *, streams: bool) -> bool:
        """Decide, and answer unless the request is let in.

        Parameters
        ----------
        arguments
            What the URL pattern matched.
        settle
            Gives a value, waiting for it where it has to be waited for.
        streams
            Whether the handler takes the body in pieces, so that there is none yet.
        """
        self._settle = settle
        self._read(arguments, streams=streams)
        # Jupyter's handlers check the host themselves.
        if not (self.authz_is_jupyter or self.check_host()):
            raise HTTPError(403)
        if self.request.method == "OPTIONS" and self._answers_preflight():
            return False
        user, noted, is_awaited = await self._identify()
        if user is None and not self.has_answered:
            self.start_answer()
            authenticated(answers.nothing)(self)
        if self.has_answered:
            self.end_answer()
            return False
        headers = self._headers_set_by_others() if self.authz_is_complete else None
        route = self.authz_route
        asker = self._as_sent() if route.is_websocket or route.row.hides_credentials else None
        decision = await self.authz_guard.decide(self, user)
        # INVARIANT: a request gets one reply, also where a hook has given it.
        # tests/guard/test_connections.py::test_one_reply_for_each_request
        if self.has_answered:
            self.end_answer()
            return False
        if not decision.allowed or self.authz_is_forsaken:
            return False
        self._require_the_same_provider()
        admit(
            self.request,
            Admission(
                self.authz_route,
                user,
                decision,
                noted,
                headers,
                is_awaited,
                self.authz_asked,
                asker,
            ),
        )
        # INVARIANT: from now on it is the handler that answers; who still holds the door cannot.
        # tests/guard/test_door.py::test_whoever_keeps_the_door
        self._finished = True
        return True

    def _as_sent(self) -> Door:
        """Give the request as it is now: what is passed on may lose its credentials."""
        request = copy(self.request)
        request.headers = self.request.headers.copy()
        # Read from the headers, once.
        vars(request).pop("_cookies", None)
        return type(self)(self.application, request)

    @property
    def has_answered(self) -> bool:
        """Whether somebody has given an answer, or begun one, which is then the only one."""
        return self._finished or self._headers_written

    def end_answer(self) -> None:
        """End an answer that somebody has only begun."""
        if not self._finished:
            RequestHandler.finish(self)

    def _headers_set_by_others(self) -> HTTPHeaders | None:
        """Give the headers of the reply that the identity provider has set, if there are any."""
        found = HTTPHeaders()
        for name, value in self._headers.get_all():
            if self._given.get(name) != value:
                found.add(name, value)
        return found or None

    def announce(self) -> None:
        """Let whatever is asked know for which request, as in Jupyter's own `prepare`."""
        CallContext.set(CallContext.JUPYTER_HANDLER, self)

    async def settle(self, value: Any) -> Any:
        """Give a value, waiting for it where it has to be waited for."""
        if isawaitable(value):
            connection: Any = self.request.connection
            connection.set_close_callback(self.on_connection_close)
            self.announce()
        try:
            return await self._settle(value)
        except asyncio.CancelledError as error:
            # What was waited for was cancelled; the request was not.
            raise GuardError("what a decision waited for was cancelled") from error

    def _read(self, arguments: dict[str, Any], *, streams: bool) -> None:
        """Read what the handler will read, as tornado's `_execute` does."""
        if not streams:
            request: Any = self.request
            try:
                request._parse_body()  # noqa: SLF001 - as tornado's own
            except Exception as error:
                raise HTTPError(400, "The body of the request is malformed") from error
            # On the handler's way it would be parsed once more, and its arguments doubled.
            request._parse_body = answers.nothing  # noqa: SLF001
        decode = self.decode_argument
        values, named = arguments.get("path_args"), arguments.get("path_kwargs")
        self.path_args = [decode(value) for value in values] if values else []
        self.path_kwargs = {k: decode(value, name=k) for k, value in named.items()} if named else {}

    async def _identify(self) -> tuple[Any, dict[str, Any], bool]:
        """Find out who asks; give what the provider noted on the way, and whether it is awaited."""
        provider = self._provider
        self._require_one_way_to_sign_in(provider)
        ask, at_once = asked_once(provider)
        if ADMISSION in self.request.__dict__:
            # It was let in to a target that then had nothing for it.
            ask, at_once = provider.get_user, False
        own = self.__dict__
        before = len(own)
        # Whoever is asked may look for the request under way.
        self.announce()
        user = ask(self)
        if at_once and user.__class__ is CoroutineType:
            is_awaited = True
            user = await taken(user)
        elif is_awaited := isawaitable(user):
            user = await self.settle(user)
        noted: dict[str, Any] = {}
        if len(own) != before:
            # What is new in a dict comes last.
            new = islice(own.items(), before, None)
            noted = {name: value for name, value in new if name not in _OWN}
        self.current_user = self._jupyter_current_user = user
        return user, noted, is_awaited

    def _require_the_same_provider(self) -> None:
        # INVARIANT: the handler asks the provider that was asked here, and it remembers.
        # tests/guard/test_door.py::test_the_provider_stays
        provider = self.application.settings["identity_provider"]
        if provider is not self._provider or not remembers_users(provider):
            raise GuardError("the identity provider was replaced while it was decided")

    def _require_one_way_to_sign_in(self, provider: Any) -> None:
        # INVARIANT: a handler that Jupyter Server would have find its user in another way is not
        # let in. tests/guard/test_door.py::test_handlers_with_users_of_their_own
        if not self.authz_is_jupyter or type(provider) is not IdentityProvider:
            return
        found: Any = self.authz_route.target.get_current_user
        # As Jupyter Server tells.
        if getattr(found, "__module__", None) != handlers.__name__:
            name = self.authz_route.target.__qualname__
            raise GuardError(
                f"{name}.get_current_user is overridden, so whom it acts for cannot be told: "
                "expected ServerApp.identity_provider_class to tell"
            )

    def _answers_preflight(self) -> bool:
        """Answer a CORS preflight as Jupyter's API handlers do, where the handler would too.

        It carries no credentials, and nothing of anybody's is in the answer.
        """
        target = self.authz_route.target
        if not isclass(target) or getattr(target, "options", None) is not APIHandler.options:
            return False
        if not self.check_host():
            raise HTTPError(403)
        self.current_user = self._jupyter_current_user = None
        self.start_answer()
        APIHandler.options(self)
        self.set_header("Content-Type", "application/json")
        self.finish()
        return True

    def start_answer(self) -> None:
        """Start over with the headers of every answer, and the cookies that were to be cleared."""
        cookies = self._headers.get_list("Set-Cookie")
        self._complete()
        self.clear()
        for cookie in cookies:
            self.add_header("Set-Cookie", cookie)
        if hasattr(self, "_jupyter_current_user"):
            self.set_cors_headers()

    def fail(self, error: BaseException) -> None:
        """Answer a request that could not be decided about."""
        if isinstance(error, Finish):
            # Who finds out who asks has said what there is to say, such as how to sign in.
            if not self._finished:
                self._complete()
                RequestHandler.finish(self, *error.args)
            return
        if self.has_answered:
            self.end_answer()
            self.log.error("jupyter_authz | an error after the answer", exc_info=error)
            return
        self.start_answer()
        if isinstance(error, HTTPError) and error.status_code < 500:  # noqa: PLR2004 - not our error
            signed_in = getattr(self, "_jupyter_current_user", None) is not None
            message = _said(error) or ("Forbidden" if signed_in else "Forbidden: sign in first")
            if error.status_code in _WITHOUT_BODY:
                self.set_status(error.status_code)
                RequestHandler.finish(self)
                return
            answers.answer(self, error.status_code, message, _REASONS.get(error.status_code))
            return
        self.authz_guard.deny_for_error(self, error)


def _said(error: HTTPError) -> str:
    """Give what an error says for itself."""
    if error.reason:
        return str(error.reason)
    try:
        return error.log_message % error.args if error.log_message else ""
    except (TypeError, ValueError):
        # Arguments that do not fit.
        return str(error.log_message)


_WITHOUT_BODY = (204, 304)
_REASONS = {400: "bad-request", 403: "not-signed-in"}


def door_class(guard: Guard, route: Route) -> type[Door]:
    """Make the door of a route.

    Parameters
    ----------
    guard
        Who decides.
    route
        Whose handler it stands in for; logs, metrics, hooks and identity providers see its class.
    """
    namespace: dict[str, Any] = {"authz_guard": guard, "authz_route": route}
    target = route.target
    if not route.is_handler:
        return type("Door", (Door,), namespace)
    namespace["authz_is_jupyter"] = issubclass(target, JupyterHandler)
    namespace["__module__"] = target.__module__
    # As mocks do: `isinstance` and `__class__` tell of what it stands in for, `type` what it is.
    namespace["__class__"] = property(lambda _: target)
    return type(target.__name__, (Door,), namespace)
