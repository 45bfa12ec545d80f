"""Routes: every rule of the web application, who registered it, and the row it falls under.

The guard's map. It is drawn from tornado's own rules, in their order, at every request and by
`jupyter authz routes`, so that nothing that answers is missing from it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from inspect import isclass
from typing import TYPE_CHECKING, Any

from jupyter_server.base.handlers import FileFindHandler, PublicStaticFileHandler
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.extension.manager import ExtensionPoint
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.web import RequestHandler, _has_stream_request_body
from tornado.websocket import WebSocketHandler

from jupyter_authz.guard.nearby import Nearby, leaves
from jupyter_authz.resources.table import WEBSOCKET, Row, Table, public, top_level, unclassified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tornado.httputil import HTTPServerRequest
    from tornado.routing import Rule
    from tornado.web import Application

# Packages that register routes for others.
_FOR_OTHERS = {"jupyter_server", "tornado", "traitlets", "jupyter_authz", "notebook_shim"}
_CORE = "jupyter_server"

# Where front ends put what is installed with them, the same for everybody.
_FRONT_ENDS = {"jupyter_server", "jupyterlab", "nbclassic", "notebook", "notebook_shim", "voila"}
_ASSETS = (
    "static/(.*)",
    "lab/extensions/(.*)",
    "nbextensions/(.*)",
    "custom/(.*)",
    "voila/labextensions/(.*)",
    r"(robots\.txt)",
    r"(favicon\.ico)",
    r"(robots\.txt|favicon\.ico)",
)


_FOR_ASSETS = (FileFindHandler, PublicStaticFileHandler)


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A rule of the web application as the guard sees it.

    Parameters
    ----------
    pattern
        The regular expression of the path, or what else decides.
    target
        The handler class, or another kind of target.
    package
        Top-level package of the module that registered it.
    row
        What its requests ask.
    """

    pattern: str
    target: Any
    package: str
    row: Row
    # Looked at in every request. Whether the target is a handler class, other targets are wrapped;
    # whether it opens websockets; whether it takes bodies in pieces.
    is_handler: bool = field(init=False)
    is_websocket: bool = field(init=False)
    streams: bool = field(init=False)

    def __post_init__(self) -> None:
        target: Any = self.target
        is_handler = isclass(target) and issubclass(target, RequestHandler)
        is_websocket = is_handler and issubclass(target, WebSocketHandler)
        object.__setattr__(self, "is_handler", is_handler)
        object.__setattr__(self, "is_websocket", is_websocket)
        object.__setattr__(self, "streams", is_handler and _has_stream_request_body(target))

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs the target answers; ``WS`` for a websocket handshake, ``*`` for any."""
        if not self.is_handler:
            return ("*",)
        verbs = [
            verb
            for verb in self.target.SUPPORTED_METHODS
            if verb != "OPTIONS"
            and getattr(self.target, verb.lower(), None)
            not in {None, RequestHandler._unimplemented_method}  # noqa: SLF001 - tornado's marker
        ]
        if self.is_websocket:
            own_get = self.row.asks.get("GET") or self.row.every
            verbs = [WEBSOCKET, *(v for v in verbs if v != "GET" or own_get)]
        # A handler that answers in `prepare` answers any verb.
        return tuple(verbs) or ("*",)


class Routes:
    """The map of a web application.

    Parameters
    ----------
    application
        The web application.
    table
        What requests ask.
    """

    def __init__(self, application: Application, table: Table) -> None:
        self._application = application
        self.table = table
        self._registered: dict[int, tuple[Rule, str]] = {}
        self._routes: dict[int, tuple[Rule, Route]] = {}
        self._by_class: dict[type, Route] = {}
        depth = application.settings["base_url"].count("/") + 2
        self._nearby = Nearby(depth)

    def note_registration(self, known: set[int], package: str) -> None:
        """Remember which package registered the rules that were not there before."""
        for rule, _ in leaves(self._application.default_router):
            # Who only moves a rule to another place has not made it.
            if id(rule) not in known and id(rule) not in self._registered:
                self._registered[id(rule)] = (rule, package)

    def note_what_is_there(self) -> None:
        """Remember the rules from before the guard: those of the server itself."""
        for rule, _ in leaves(self._application.default_router):
            package = self._package(rule)
            self._registered[id(rule)] = (rule, _CORE if package in _FOR_OTHERS else package)

    def rule_ids(self) -> set[int]:
        """Give the identities of all rules."""
        return {id(rule) for rule, _ in leaves(self._application.default_router)}

    def all(self) -> list[Route]:
        """Give every route, in the order in which they are tried."""
        return [self.route(rule) for rule, _ in leaves(self._application.default_router)]

    def matching(self, request: HTTPServerRequest) -> Iterator[tuple[Rule, dict[str, Any]]]:
        """Give the rules that match a request, as tornado tries them, and what they matched."""
        path = request.path
        for rule, above in self._nearby.rules(self._application.default_router, path):
            if above and any(router.matcher.match(request) is None for router in above):
                continue
            matched = rule.matcher.match(request)
            if matched is None:
                continue
            if rule.target_kwargs:
                matched["target_kwargs"] = rule.target_kwargs
            yield rule, matched

    def route(self, rule: Rule) -> Route:
        """Give the route of a rule."""
        known = self._routes.get(id(rule))
        # The rule is kept with the route: an id alone could come to mean another rule.
        if known is not None and known[0].target is known[1].target:
            return known[1]
        route = self._draw(rule)
        self._routes[id(rule)] = (rule, route)
        return route

    def of_class(self, handler: type) -> Route:
        """Give the route of a handler that no rule led to, such as the default one."""
        route = self._by_class.get(handler)
        if route is None:
            package = top_level(handler.__module__)
            route = Route("(no rule)", handler, package, self.table.find(handler, package))
            self._by_class[handler] = route
        return route

    def _draw(self, rule: Rule) -> Route:
        pattern = getattr(getattr(rule.matcher, "regex", None), "pattern", repr(rule.matcher))
        target = rule.target
        package = self._package(rule)
        if not (isclass(target) and issubclass(target, RequestHandler)):
            return Route(pattern, target, package, unclassified(package))
        if self._is_sign_in(rule, pattern):
            row = public("", "sign-in")
        elif self._is_asset(rule, pattern):
            row = public("", "assets")
        else:
            row = self.table.find(target, package)
        return Route(pattern, target, package, row)

    def _package(self, rule: Rule) -> str:
        noted = self._registered.get(id(rule))
        if noted is not None:
            return noted[1]
        module = getattr(rule.target, "__module__", None) or type(rule.target).__module__
        return top_level(module)

    def _path(self, pattern: str) -> str:
        return url_path_join(self._application.settings["base_url"], pattern).rstrip("$")

    def _is_sign_in(self, rule: Rule, pattern: str) -> bool:
        """Whether the identity provider itself gave this route, and the server registered it."""
        provider = self._application.settings["identity_provider"]
        if rule not in self._application.wildcard_router.rules:
            return False
        return any(
            spec[1] is rule.target and self._path(spec[0]) == pattern.rstrip("$")
            for spec in provider.get_handlers()
        )

    def _is_asset(self, rule: Rule, pattern: str) -> bool:
        """Whether this serves files that are installed with a front end.

        The class decides first: only Jupyter's own handler for such files, at the places where
        front ends and extensions put theirs.
        """
        # INVARIANT: tests/guard/test_handlers.py::test_files_elsewhere_are_no_assets
        if rule.target not in _FOR_ASSETS or id(rule) not in self._registered:
            # Nobody knows whose it is.
            return False
        if self._package(rule) in _FRONT_ENDS and pattern.rstrip("$") in map(self._path, _ASSETS):
            return True
        server = self._application.settings["serverapp"]
        kwargs = rule.target_kwargs or {}
        return any(
            pattern.rstrip("$") == url_path_join(app.static_url_prefix, "(.*)")
            and kwargs.get("path") == app.static_paths
            for apps in server.extension_manager.extension_apps.values()
            for app in apps
        )


def registering_package() -> str:
    """Give the top-level package of whoever is registering routes, from the calls in progress."""
    frame = sys._getframe(1)  # noqa: SLF001 - the only way to see who calls
    while frame is not None:
        own = frame.f_locals.get("self")
        if isinstance(own, ExtensionApp):
            return top_level(type(own).__module__)
        if isinstance(own, ExtensionPoint):
            return top_level(own.module_name)
        if isinstance(own, ServerApp):
            return _CORE
        package = top_level(frame.f_globals.get("__name__", ""))
        if package not in _FOR_OTHERS:
            return package
        frame = frame.f_back  # type: ignore[assignment]
    return _CORE
