"""Credentials: Jupyter's own are taken out of requests that are passed on to applications.

Behind the decision, before the handler of the proxy. The application is somebody's code; with
these it could act as its visitor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tornado.web import HTTPError

from jupyter_authz.identity.users import visitor_cookie

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

_HEADERS = ("X-Xsrftoken", "X-Csrftoken")
_FORM = "application/x-www-form-urlencoded"
# Arguments that tornado and Jupyter read as credentials.
_ARGUMENTS = ("token", "_xsrf")


def hide_credentials(handler: JupyterHandler) -> None:
    """Take Jupyter's own cookies and tokens out of a request that will be passed on.

    The application's own cookies and arguments stay as they are.

    Parameters
    ----------
    handler
        Its request, the user found out.
    """
    # INVARIANT: tests/guard/test_proxy.py::test_applications_never_receive_credentials
    request: Any = handler.request
    _hide_headers(handler)
    _hide_cookies(handler)
    _hide_in_body(handler)
    query = "&".join(part for part in request.query.split("&") if not _is_credential(part))
    if query != request.query:
        request.query = query
        request.uri = request.path + (f"?{query}" if query else "")
    for name in _ARGUMENTS:
        request.arguments.pop(name, None)
        request.query_arguments.pop(name, None)


def _is_credential(part: str) -> bool:
    """Whether a part of a query string would be read as a credential."""
    return any(name in _ARGUMENTS for name, _ in parse_qsl(part, keep_blank_values=True))


def _hide_headers(handler: JupyterHandler) -> None:
    headers = handler.request.headers
    scheme = headers.get("Authorization", "").strip().partition(" ")[0].lower()
    if handler.token_authenticated or scheme == "token":
        headers.pop("Authorization", None)
    for name in _HEADERS:
        headers.pop(name, None)
    if any(map(_is_credential, urlsplit(headers.get("Referer", "")).query.split("&"))):
        headers.pop("Referer")


def _hide_in_body(handler: JupyterHandler) -> None:
    """Take them out of a form, too, where tornado reads arguments as it does in the query."""
    request: Any = handler.request
    if not any(name in request.body_arguments for name in _ARGUMENTS):
        return
    if not request.headers.get("Content-Type", "").startswith(_FORM):
        raise HTTPError(400, "Send the token in the Authorization header, not in the form")
    parts = request.body.decode("latin-1").split("&")
    request.body = "&".join(part for part in parts if not _is_credential(part)).encode("latin-1")
    request.headers["Content-Length"] = str(len(request.body))
    for name in _ARGUMENTS:
        request.body_arguments.pop(name, None)


def _hide_cookies(handler: JupyterHandler) -> None:
    request: Any = handler.request
    provider = handler.identity_provider
    own = {provider.get_cookie_name(handler), visitor_cookie(provider, handler), "_xsrf"}
    kept = [
        f"{name}={morsel.coded_value}"
        for name, morsel in request.cookies.items()
        if name not in own and not name.startswith(("username-", "jupyterhub-"))
    ]
    request.headers.pop("Cookie", None)
    if kept:
        request.headers["Cookie"] = "; ".join(kept)
    del request._cookies  # noqa: SLF001 - parsed again from what is left
