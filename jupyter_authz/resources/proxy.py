"""The table of jupyter-server-proxy: applications behind the server's own address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tornado.web import HTTPError

from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Source

_HANDLERS = "jupyter_server_proxy.handlers"
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LAST_PORT = 65_535
# Of a path with parameters, as some servers read it.
_WAY_UP = re.compile(r"(?:^|/)\.{1,2};")
_CONFIGURED = {
    f"{_HANDLERS}.NamedLocalProxyHandler",
    f"{_HANDLERS}.SuperviseAndProxyHandler",
}
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "0", "127.1"}  # noqa: S104 - names to know


def _host_and_port(host: str, port: str | None) -> str:
    """Give the name of an application; the names of this very machine are one."""
    # INVARIANT: a port has one spelling; what is no port, the system takes for another one.
    # tests/guard/test_proxy.py::test_spellings_of_ports
    if port is None or not _PORT.fullmatch(port) or int(port) > _LAST_PORT:
        raise HTTPError(400, f"Expected a port between 1 and {_LAST_PORT}")
    plain = host.lower().strip("[]").rstrip(".")
    here = plain in _LOOPBACK or plain.startswith("127.")
    return f"{'localhost' if here else plain}:{port}"


def _local(request: Request) -> Any:
    return _host_and_port("localhost", part(0)(request))


def _remote(request: Request) -> Any:
    return _host_and_port(part(0)(request), part(1)(request))


def _configured(request: Request) -> Any:
    """Find the name under which the operator configured the application.

    It stands in the pattern of the route, where it is taken for a regular expression: a dot in it
    is any character.
    """
    # INVARIANT: a name is no pattern. tests/guard/test_proxy.py::test_a_name_is_no_pattern
    found, url = request.pattern, request.url
    if found is None or url is None:
        return None
    name = configured_name(found, request.handler.settings["base_url"])
    if url.removesuffix(part(0)(request) or "").strip("/") != name:
        raise HTTPError(404)
    return name


def is_configured(handler: str) -> bool:
    """Whether a row is of applications that are configured under a name."""
    return handler in _CONFIGURED


def configured_name(pattern: str, base_url: str) -> str:
    """Give the name of an application from the pattern of its route.

    Parameters
    ----------
    pattern
        With or without a group for what is below it.
    base_url
        Of the server.
    """
    name = pattern.removesuffix("$").removesuffix("(.*)").removeprefix(base_url).strip("/")
    return unquote(name)


def _plain(source: Source) -> Source:
    r"""Take a path that the proxy sends on as it is: what it may become there is no part of it.

    ``?`` and ``#`` end it; ``\`` is a slash to some; and what follows a ``;`` is no name, so that
    it may be a way up.
    """
    # INVARIANT: tests/resources/test_absolute_paths.py::test_an_encoded_query_is_no_path

    def found(request: Request) -> Any:
        value = source(request)
        if value is None or set(value) & {"?", "#", "\\"}:
            return None
        return None if _WAY_UP.search(value) else value

    return found


def _proxied(handler: str, name: Source, url: Source) -> Row:
    # Whatever the verb, and also a websocket: what an application makes of it is its own affair.
    return Row(
        f"{_HANDLERS}.{handler}",
        "proxy",
        every=(Ask("execute", "proxy", name=name, url=_plain(url)),),
        hides_credentials=True,
    )


ROWS = (
    _proxied("LocalProxyHandler", _local, part(1)),
    _proxied("RemoteProxyHandler", _remote, part(2)),
    _proxied("NamedLocalProxyHandler", _configured, part(0)),
    _proxied("SuperviseAndProxyHandler", _configured, part(0)),
    # Leads to the first page of a configured application, which is in the URL alone.
    Row(
        f"{_HANDLERS}.AddSlashHandler",
        "proxy",
        every=(Ask("execute", "proxy", name=_configured, url=lambda _: ""),),
    ),
    # Which applications there are: every front end asks as it starts. Holds what its reader may
    # use, see `guard.applications`.
    Row("jupyter_server_proxy.api.ServersInfoHandler", "ui"),
    Row("jupyter_server_proxy.api.IconHandler", "ui"),
)
