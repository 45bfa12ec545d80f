"""People for tests: an identity provider that believes a header, and clients of a test server."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from jupyter_server.auth import IdentityProvider, User
from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient
from tornado.websocket import websocket_connect

TIMEOUT = 20


class Person(User):
    """A user with groups."""

    groups: tuple[str, ...] = ()


class NamedInHeader(IdentityProvider):
    """Takes the user's name from a header: ``X-User`` as from a cookie, or a token.

    Groups come after a colon, such as ``ann:team/finance,manager``.
    """

    asked = 0

    def get_user(self, handler):
        """Give the user a header names."""
        self.asked += 1
        token = self.get_token(handler)
        name = token or handler.request.headers.get("X-User")
        if not name:
            return None
        name, _, groups = name.partition(":")
        person = Person(username=name)
        person.groups = tuple(filter(None, groups.split(",")))
        if token:
            handler._token_authenticated = True
        return person

    @property
    def auth_enabled(self):
        """Always."""
        return True

    @property
    def login_available(self):
        """There is a page to sign in."""
        return True


class Someone:
    """Somebody who sends requests to the test server."""

    def __init__(self, client, base_url, name=None, *, token=True):
        self._client = client
        self._base_url = base_url
        self.headers = {}
        if name is not None:
            key, value = ("Authorization", f"token {name}") if token else ("X-User", name)
            self.headers[key] = value

    async def fetch(self, method, path, body=None, **kwargs):
        """Send a request; the path goes out as it is."""
        headers = {**self.headers, **kwargs.pop("headers", {})}
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
        return await self._client.fetch(
            f"{self._base_url}{path}",
            method=method,
            body=body,
            headers=headers,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            raise_error=False,
            request_timeout=TIMEOUT,
            **kwargs,
        )

    async def status(self, method, path, body=None, **kwargs):
        """Send a request and give the status of the reply."""
        return (await self.fetch(method, path, body, **kwargs)).code

    async def json(self, method, path, body=None, **kwargs):
        """Send a request and give the JSON of a reply that is no error."""
        reply = await self.fetch(method, path, body, **kwargs)
        assert reply.code < 300, (reply.code, reply.body)
        return json.loads(reply.body)

    async def connect(self, path, **kwargs):
        """Open a websocket."""
        address = self._client.get_url(f"{self._base_url}{path}")
        headers = {**self.headers, **kwargs.pop("headers", {})}
        request = HTTPRequest(
            urlsplit(address)._replace(scheme="ws").geturl(),
            headers=headers,
            request_timeout=TIMEOUT,
            connect_timeout=TIMEOUT,
        )
        return await websocket_connect(request, **kwargs)


class Served:
    """A running server; called with a name, it gives somebody who sends requests to it.

    Without a name that is nobody; with ``token=False`` somebody signed in as by a cookie.
    """

    def __init__(self, app, client, base_url):
        self.app = app
        self.client = client
        self.base_url = base_url
        self.root = Path(app.root_dir)

    def __call__(self, name=None, **kwargs):
        """Give somebody."""
        return Someone(self.client, self.base_url, name, **kwargs)

    @property
    def web_app(self):
        """The web application."""
        return self.app.web_app

    @property
    def guard(self):
        """The guard, if the extension is there."""
        return self.web_app.settings.get("jupyter_authz_guard")

    def write(self, **files):
        """Write files below the root, slashes given as two underscores and dots as one."""
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def add(self, *rules):
        """Add routes below the base URL, as an extension does."""
        base = self.base_url
        self.web_app.add_handlers(".*$", [(base + path, *rest) for path, *rest in rules])


class Client(SimpleAsyncHTTPClient):
    def initialize(self, port, **kwargs):
        super().initialize(**kwargs)
        self.port = port

    def get_url(self, path):
        """Give the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def fetch(self, path, **kwargs):
        """Request a path."""
        return super().fetch(self.get_url(path), **kwargs)


def allowing(*permissions, deny=(), name="role", users=("*",)):
    """Give a role for everybody."""
    role = {"name": name, "users": list(users), "allow": list(permissions)}
    return {**role, "deny": list(deny)} if deny else role
