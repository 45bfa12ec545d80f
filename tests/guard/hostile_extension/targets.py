"""Targets of rules that are no handler classes."""

from __future__ import annotations

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    ResponseStartLine,
)
from tornado.routing import AnyMatches, HostMatches, PathMatches, Router, Rule, RuleRouter
from tornado.web import Application

from hostile_extension import handlers
from hostile_extension.record import RAN


def _reply(connection, text):
    """Answer any verb alike, HEAD without a body."""
    head = getattr(connection, "_request_start_line", None)
    body = b"" if head is not None and head.method == "HEAD" else text.encode()
    connection.write_headers(
        ResponseStartLine("HTTP/1.1", 200, "OK"),
        HTTPHeaders({"Content-Length": str(len(body))}),
        body,
    )
    connection.finish()


def call(request):
    """Answer as a callable."""
    RAN.append(f"call {request.method} {request.body!r}")
    _reply(request.connection, "called")


class _Delegate(HTTPMessageDelegate):
    def __init__(self, connection, name):
        self._connection = connection
        self._name = name

    def finish(self):
        RAN.append(f"{self._name}.finish")
        _reply(self._connection, self._name)


class OwnRouter(Router):
    """A router with code of its own; it does not know every address."""

    def find_handler(self, request, **kwargs):
        RAN.append("router.find_handler")
        if request.path.endswith("/unknown"):
            return None
        return _Delegate(request.connection, "router")


class OwnConnection(HTTPServerConnectionDelegate):
    """A server within the server."""

    def start_request(self, server_conn, request_conn):
        RAN.append("connection.start_request")
        return _Delegate(request_conn, "connection")


NESTED = Application(
    [
        (r".*/nested/plain", handlers.Plain),
        (r".*/nested/socket", handlers.PlainWebSocket),
        (r".*/nested/stream", handlers.Streams),
    ]
)


def rule(path, target):
    """Make a rule for a path."""
    return Rule(PathMatches(path), target)


def first(router, *rules):
    """Put rules before all others of a router, as it processes rules."""
    before = list(router.rules)
    router.add_rules(rules)
    router.rules[:] = [*router.rules[len(before) :], *before]


def rules(base):
    """Give the rules with such targets."""
    below = f"{base}hostile/"
    return [
        (f"{below}callable", call),
        (f"{below}nested/.*", NESTED),
        (f"{below}router.*", OwnRouter()),
        (f"{below}connection", OwnConnection()),
        (f"{below}rules", RuleRouter([(f"{below}rules", call)])),
        (f"{below}list/.*", [(f"{below}list/plain", handlers.Plain)]),
        Rule(HostMatches(r"127\.0\.0\.1"), [(f"{below}host", handlers.Plain)]),
        (f"{below}text", "hostile_extension.handlers.Plain"),
        (f"{below}any", [Rule(AnyMatches(), handlers.Plain)]),
        # The router before does not know it; tornado then goes on.
        (f"{below}router/unknown", handlers.Plain),
    ]


# Where they are, and what a bare server answers.
ADDRESSES = {
    "callable": "called",
    "nested/plain": "secret",
    "router": "router",
    "connection": "connection",
    "rules": "called",
    "list/plain": "secret",
    "host": "secret",
    "text": "secret",
    "any": "secret",
    "router/unknown": "secret",
}
