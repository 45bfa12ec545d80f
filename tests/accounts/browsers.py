"""Browsers for tests: each keeps cookies of its own and talks to the REST of accounts."""

from __future__ import annotations

import asyncio
import json
from http.cookies import SimpleCookie

from people import Someone

SECONDS = 10


class Browser(Someone):
    """Somebody with cookies."""

    def __init__(self, be):
        super().__init__(be.client, be.base_url)
        self.cookies = {}

    async def fetch(self, method, path, body=None, **kwargs):
        """Send a request with the cookies, and keep those of the reply."""
        headers = dict(kwargs.pop("headers", None) or {})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
            headers.setdefault("X-XSRFToken", self.cookies.get("_xsrf", ""))
        if isinstance(body, dict):
            headers.setdefault("Content-Type", "application/json")
        reply = await super().fetch(method, path, body, headers=headers, **kwargs)
        for line in reply.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.coded_value
                else:
                    self.cookies.pop(name, None)
        return reply

    async def connect(self, path, **kwargs):
        """Open a websocket with the cookies."""
        cookies = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        return await super().connect(path, headers={"Cookie": cookies}, **kwargs)

    async def do(self, action, /, **fields):
        """Do something of `/api/authz/`, and give status and answer."""
        reply = await self.fetch("POST", f"api/authz/{action}", fields)
        return reply.code, json.loads(reply.body or "{}")

    async def sign_in(self, username, password):
        """Sign in, and give the status; the page to sign in gives the token for forms."""
        await self.fetch("GET", "login")
        return (await self.do("login", username=username, password=password))[0]

    async def who(self):
        """Give who is signed in; None where nobody is."""
        reply = await self.fetch("GET", "api/me")
        return json.loads(reply.body)["identity"]["username"] if reply.code == 200 else None


async def until(condition, seconds=SECONDS):
    """Wait for something to be so."""

    async def wait():
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)

    await asyncio.wait_for(wait(), seconds)
