"""A request as the tables see it: the resolved handler, its arguments, query and body.

Stands beside the table: rows name the sources below, the guard makes the request. What a handler
reads again is read through the same functions, so that guard and handler see the same values.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tornado.web import HTTPError

from jupyter_authz.identity.subjects import subject_of

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_authz.resources.table import Source

_UNREAD = object()
# A path that cannot be compared.
NOWHERE = ".."


class Request:
    """What the rows of a table can look at.

    Parameters
    ----------
    handler
        The handler that is about to run, signed-in user and path arguments resolved.
    """

    __slots__ = ("_body", "handler")

    def __init__(self, handler: JupyterHandler) -> None:
        self.handler = handler
        self._body: Any = _UNREAD

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body; an absent one is empty.

        Raises
        ------
        HTTPError
            400: not JSON, or not an object.
        """
        if self._body is _UNREAD:
            raw = self.handler.request.body.strip()
            try:
                body = json.loads(raw.decode("utf-8")) if raw else {}
            except (RecursionError, ValueError) as error:
                raise HTTPError(400, "Invalid JSON in body of request") from error
            if body is None:
                body = {}
            if not isinstance(body, dict):
                raise HTTPError(400, "Expected a JSON object as body of the request")
            self._body = body
        body_read: dict[str, Any] = self._body
        return body_read

    @property
    def url(self) -> str | None:
        """The path below the base URL, percent-decoded, as the router decoded its arguments.

        Unknown where the path does not begin with the base URL: Jupyter takes that for a pattern,
        in which a dot is any character.
        """
        # INVARIANT: tests/guard/test_connections.py::test_a_base_url_is_no_pattern
        path = unquote(self.handler.request.path)
        base = unquote(self.handler.settings["base_url"])
        return path.removeprefix(base) if path.startswith(base) else None

    @property
    def pattern(self) -> str | None:
        """The regular expression of the route, of a request that is decided about."""
        route = getattr(self.handler, "authz_route", None)
        return None if route is None else route.pattern

    @property
    def username(self) -> str | None:
        """Whose request it is, as the policy knows them."""
        user = self.handler.current_user
        return None if user is None else subject_of(user).username


def part(key: str | int) -> Source:
    """Take a group of the URL pattern, by name or position.

    A group that took no part in the match is empty; one that the pattern does not have is unknown.
    """

    def source(request: Request) -> Any:
        handler = request.handler
        groups: Any = handler.path_kwargs
        if isinstance(key, int):
            groups = dict(enumerate(handler.path_args))
        return groups[key] or "" if key in groups else None

    return source


def relative(source: Source) -> Source:
    """Take a path that its handler joins to a directory: one from the root leads elsewhere.

    ``os.path.join`` forgets what stands before an absolute path.
    """
    # INVARIANT: an absolute path is none that can be compared.
    # tests/resources/test_absolute_paths.py

    def found(request: Request) -> Any:
        value = source(request)
        absolute = isinstance(value, str) and (
            value.startswith("/") or PurePath(value).is_absolute()
        )
        return NOWHERE if absolute else value

    return found


def query(key: str) -> Source:
    """Take an argument of the query string, as `get_query_argument` does."""

    def source(request: Request) -> Any:
        return request.handler.get_query_argument(key, None)

    return source


def argument(key: str) -> Source:
    """Take an argument of query string or form, as `get_argument` does."""

    def source(request: Request) -> Any:
        return request.handler.get_argument(key, None)

    return source


def body(*keys: str) -> Source:
    """Take a value of the JSON body, going down by keys.

    A value that is given and is neither a string of whole characters nor absent is a bad request:
    the guard could not tell what the handler would make of it.
    """

    def source(request: Request) -> Any:
        value: Any = request.body
        for key in keys:
            if value is None:
                return None
            if not isinstance(value, dict):
                raise HTTPError(400, f"Expected an object that holds {key!r} in the JSON body")
            value = value.get(key)
        if value is not None and not isinstance(value, str):
            raise HTTPError(400, f"Expected a string as {'.'.join(keys)!r} in the JSON body")
        require_whole(value, ".".join(keys))
        return value

    return source


def require_object(request: Request) -> bool:
    """Require a JSON object, empty or not, as body; a condition of asks that always holds.

    Raises
    ------
    HTTPError
        400: it is none.
    """
    return isinstance(request.body, dict)


def require_whole(value: str | None, key: str) -> None:
    r"""Require that a text has no NUL and no half characters: JSON can write them, files cannot.

    Parameters
    ----------
    value
        As JSON gave it, such as ``"\ud800"``.
    key
        Where it stands in the body.

    Raises
    ------
    HTTPError
        400: it has some.
    """
    text = value or ""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise HTTPError(400, f"Expected whole characters and no NUL as {key!r} in the JSON body")


def myself(request: Request) -> Any:
    """Take the signed-in user: whoever starts something owns it."""
    return request.username
