"""The way of requests to what answers them: as tornado finds it, with the guard in between.

Stands before the decision, for which it makes an entrance to whatever is not public.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tornado import routing, web
from tornado.routing import PathMatches
from tornado.web import ErrorHandler

from jupyter_authz.errors import GuardError
from jupyter_authz.guard.entrance import Entrance
from jupyter_authz.guard.routes import registering_package
from jupyter_authz.guard.stands import standing_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
    from tornado.routing import Rule
    from tornado.web import Application, RequestHandler

    from jupyter_authz.guard.http import Guard
    from jupyter_authz.guard.routes import Route

_OTHERWISE = (
    "tornado's find_handler has been replaced, so the guard cannot stand in the way of requests: "
    "expected tornado.web.Application and its router to be as they are"
)

_WEB, _ROUTING = vars(web), vars(routing)


class Way:
    """Finds what answers a request.

    Parameters
    ----------
    guard
        Who decides about it.
    application
        The web application.
    """

    def __init__(self, guard: Guard, application: Application) -> None:
        self._guard = guard
        self._application = application
        self._routes = guard.routes
        # What somebody had put onto the application before.
        self._found_before: Callable[..., HTTPMessageDelegate] | None = None
        self._standing: dict[Route, type[RequestHandler]] = {}

    def install(self) -> None:
        """Take over routing, and learn who registers the routes to come."""
        application: Any = self._application
        self._routes.note_what_is_there()
        self._found_before = vars(application).get("find_handler")
        application.find_handler = self.find_handler
        application.add_handlers = self._noted(application.add_handlers)
        for router in (application.default_router, application.wildcard_router):
            router.add_rules = self._noted(router.add_rules)

    def _noted(self, add: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function that adds rules, and notes who has them added."""

        def add_noted(*args: Any, **kwargs: Any) -> Any:
            known = self._routes.rule_ids()
            result = add(*args, **kwargs)
            self._routes.note_registration(known, registering_package())
            return result

        return add_noted

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate:
        """Find what answers a request, as tornado does, behind the guard."""
        application: Any = self._application
        if self._guard.is_transparent:
            # Whatever way it has.
            find = self._found_before or type(application).find_handler.__get__(application)
            found: HTTPMessageDelegate = find(request, **kwargs)
            return found
        if self._finds_otherwise():
            # INVARIANT: what somebody has put into the way is not gone around.
            # tests/guard/test_door.py::test_a_way_of_others
            self._guard.log.error("jupyter_authz | %s", _OTHERWISE)
            refused: HTTPMessageDelegate = application.get_handler_delegate(
                request, ErrorHandler, {"status_code": 403}
            )
            return refused
        return self._find(request, self._routes.matching(request))

    def require_tornados_way(self) -> None:
        """Require that requests find their way as tornado has it.

        Raises
        ------
        GuardError
            Somebody has put something else there.
        """
        if self._finds_otherwise():
            raise GuardError(_OTHERWISE)

    def is_public(self, request: HTTPServerRequest, path: str) -> bool:
        """Tell whether nobody is asked about another path on this server.

        Parameters
        ----------
        request
            Of whoever is led there.
        path
            Below the base URL, with a slash at its beginning, decoded.
        """
        there = copy(request)
        there.method = "GET"
        there.path = self._application.settings["base_url"].rstrip("/") + quote(path)
        first = next(self._routes.matching(there), None)
        return first is not None and self._is_public(self._routes.route(first[0]))

    def _finds_otherwise(self) -> bool:
        """Whether somebody has changed how tornado finds what answers a request."""
        application: Any = self._application
        router = application.default_router
        wildcard = application.wildcard_router
        try:
            # What was put in has other globals, whatever it says it is.
            return not (
                self._found_before is None
                and type(application).find_handler.__globals__ is _WEB
                and router.find_handler.__globals__ is _ROUTING
                and router.get_target_delegate.__globals__ is _WEB
                and wildcard.find_handler.__globals__ is _ROUTING
                and wildcard.get_target_delegate.__globals__ is _WEB
                and PathMatches.match.__globals__ is _ROUTING
            )
        except AttributeError:
            return True

    def _find(
        self, request: HTTPServerRequest, candidates: Iterator[tuple[Rule, dict[str, Any]]]
    ) -> HTTPMessageDelegate:
        for rule, arguments in candidates:
            route = self._routes.route(rule)
            if not self._is_public(route):
                # INVARIANT: nothing of a target is made or called before the decision.
                # tests/guard/test_handlers.py::test_no_code_runs_before_the_decision
                return Entrance(
                    self._guard,
                    request,
                    route,
                    arguments,
                    lambda: (
                        self._target(request, route, arguments)  # noqa: B023 - returned at once
                        or self._find(request, candidates)
                    ),
                )
            delegate = self._target(request, route, arguments)
            if delegate is not None:
                return delegate
        return self._default(request)

    def _default(self, request: HTTPServerRequest) -> HTTPMessageDelegate:
        """Give what answers where no route does."""
        settings = self._application.settings
        handler = settings.get("default_handler_class")
        arguments = settings.get("default_handler_args", {}) if handler else {"status_code": 404}
        route = self._routes.of_class(handler or ErrorHandler)
        given = {"target_kwargs": arguments}

        def make() -> HTTPMessageDelegate:
            return self._application.get_handler_delegate(request, route.target, arguments)

        if self._is_public(route):
            return make()
        return Entrance(self._guard, request, route, given, make)

    def _is_public(self, route: Route) -> bool:
        row = route.row
        if row.public_unless:
            return not self._application.settings.get(row.public_unless, True)
        return row.public

    def _target(
        self, request: HTTPServerRequest, route: Route, arguments: dict[str, Any]
    ) -> HTTPMessageDelegate | None:
        """Make what the target of a route receives a request with, as tornado does."""
        target = route.target
        if route.is_handler:
            if not self._guard.is_transparent:
                target = self._standing.get(route)
                if target is None:
                    target = self._standing[route] = standing_before(route)
            return self._application.get_handler_delegate(request, target, **arguments)
        router: Any = self._application.default_router
        delegate: HTTPMessageDelegate | None = router.get_target_delegate(
            target, request, **arguments
        )
        return delegate
