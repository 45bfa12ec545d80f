"""A real server with accounts, and a browser without JavaScript to talk to it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from jupyter_server.auth import passwd
from traitlets.config import Config

from jupyter_authz.identity import AccountsIdentityProvider, new_token
from jupyter_authz.identity.throttle import Throttle

PASSWORD = "correct horse"


@dataclass
class Accounts:
    """The accounts of the test server, and their secrets."""

    password: str = PASSWORD
    # argon2 is slow on purpose: one hash for all accounts with that password.
    hashed_password: str = field(default_factory=lambda: passwd(PASSWORD))
    ann_token: str = ""
    cy_token: str = "a token from before"
    users: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        self.ann_token, hashed_token = new_token()
        self.users = {
            "ann": {
                "hashed_password": self.hashed_password,
                "hashed_tokens": [hashed_token],
                "groups": ["manager", "team/finance"],
                "display_name": "Ann",
            },
            "bob": {"hashed_password": passwd(PASSWORD, "sha256")},
            "cy": {"hashed_tokens": [passwd(self.cy_token), passwd("another", "sha1")]},
            "dan": {},
        }


@pytest.fixture(scope="session")
def accounts():
    """Give the accounts of the test server."""
    return Accounts()


@pytest.fixture
def jp_server_config(accounts):
    """Configure a server with accounts."""
    return Config(
        {
            "ServerApp": {"identity_provider_class": AccountsIdentityProvider},
            "AccountsIdentityProvider": {"users": accounts.users},
        }
    )


@pytest.fixture
def provider(jp_serverapp):
    """Give the identity provider of the running server."""
    return jp_serverapp.identity_provider


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: float = 1000.0

    def __call__(self):
        """Tell the time."""
        return self.now


@pytest.fixture
def clock(provider):
    """Let the server's delays go by a clock of the test's."""
    clock = Clock()
    provider.throttle = Throttle(clock=clock)
    return clock


class Browser:
    """Keeps cookies by path, follows no redirects, runs no JavaScript."""

    def __init__(self, client, base_url):
        self._client = client
        self.base_url = base_url
        self.cookies = {}

    async def fetch(self, path, *, headers=None, **kwargs):
        """Request a path below the base URL."""
        headers = dict(headers or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        reply = await self._client.fetch(
            f"{self.base_url}{path}",
            headers=headers,
            follow_redirects=False,
            raise_error=False,
            request_timeout=60,
            **kwargs,
        )
        for line in reply.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.coded_value
                else:
                    self.cookies.pop(name, None)
        return reply

    async def sign_in(self, username, password, *, next_url=None, headers=None):
        """Get the page, fill in the form and send it."""
        query = "" if next_url is None else f"?{urlencode({'next': next_url})}"
        page = (await self.fetch(f"login{query}")).body.decode()
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
        fields = {
            "username": username,
            "password": password,
            # Signed in already, there is no form to be had.
            "_xsrf": xsrf[1] if xsrf else self.cookies["_xsrf"],
        }
        return await self.fetch(
            f"login{query}", method="POST", body=urlencode(fields), headers=headers
        )

    async def me(self, **kwargs):
        """Ask who is signed in: the username, or the status."""
        reply = await self.fetch("api/me", **kwargs)
        return json.loads(reply.body)["identity"] if reply.code == 200 else reply.code

    @property
    def login_cookie(self):
        """The name of the login cookie."""
        return next(name for name in self.cookies if name.startswith("username-"))


@pytest.fixture
def new_browser(http_server_client, jp_base_url):
    """Give a function that makes browsers without cookies."""
    return lambda: Browser(http_server_client, jp_base_url)


@pytest.fixture
def browser(new_browser):
    """Give a browser without cookies."""
    return new_browser()
