"""The table of jupyter-server-proxy: applications behind the server's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Source

_HANDLERS = "jupyter_server_proxy.handlers"
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "0", "127.1"}  # noqa: S104 - names to know


def _host_and_port(host: str, port: Any) -> str:
    """Give the name of an application; the names of this very machine are one."""
    plain = host.lower().strip("[]").rstrip(".")
    here = plain in _LOOPBACK or plain.startswith("127.")
    return f"{'localhost' if here else plain}:{int(port)}"


def _local(request: Request) -> Any:
    return _host_and_port("localhost", part(0)(request))


def _remote(request: Request) -> Any:
    return _host_and_port(part(0)(request), part(1)(request))


def _configured(request: Request) -> Any:
    """Find the name under which the operator configured the application: it is in the URL."""
    url = request.url
    return None if url is None else url.removesuffix(part(0)(request)).strip("/")


def _alone(request: Request) -> Any:
    url = request.url
    return None if url is None else url.strip("/")


def _plain(source: Source) -> Source:
    """Take a path that the proxy sends on: what would end it there is not taken for a part of it.

    The proxy sends ``?`` and ``#`` on as they are, however they came.
    """
    # INVARIANT: tests/resources/test_absolute_paths.py::test_an_encoded_query_is_no_path

    def found(request: Request) -> Any:
        value = source(request)
        return None if value is None or set(value) & {"?", "#"} else value

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
        every=(Ask("execute", "proxy", name=_alone, url=lambda _: ""),),
    ),
    # Which applications there are: every front end asks as it starts. Holds what its reader may
    # use, see `guard.applications`.
    Row("jupyter_server_proxy.api.ServersInfoHandler", "ui"),
    Row("jupyter_server_proxy.api.IconHandler", "ui"),
)
