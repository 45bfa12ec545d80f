"""Signed cookies are read as tornado reads them."""

from __future__ import annotations

import functools
import json
import time

import pytest
from jupyter_server.auth import IdentityProvider
from people import allowing
from tornado.web import RequestHandler, create_signed_value

USER = json.dumps(
    {
        "username": "ann",
        "name": "ann",
        "display_name": "ann",
        "initials": "a",
        "color": None,
        "avatar_url": None,
    }
)
NAME = "login"


@pytest.fixture
def be(serve, jp_server_config):
    """Run a server with Jupyter's own identity provider."""
    jp_server_config.ServerApp.identity_provider_class = IdentityProvider
    jp_server_config.IdentityProvider.cookie_name = NAME
    jp_server_config.IdentityProvider.token = "sesame"
    return serve(roles=[allowing("*")])


def signed(be, *, name=NAME, secret=None, age=0.0, version=2):
    """Make a cookie, some days old."""
    secret = secret or be.web_app.settings["cookie_secret"]
    made = time.time() - age * 86400
    return create_signed_value(secret, name, USER, version=version, clock=lambda: made).decode()


async def status(be, value):
    """Send a request with a cookie, twice in the same second."""
    headers = {"Cookie": f'{NAME}="{value}"'}
    codes = {await be().status("GET", "api/me", headers=headers) for _ in range(2)}
    (code,) = codes
    return code


async def test_signatures_are_checked(be):
    """Only what this server has signed, for this name and not too long ago, signs in."""
    good = signed(be)
    assert await status(be, good) == 200
    for bad in (
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.replace("2|1:0", "2|1:1"),
        signed(be, secret=b"another"),
        signed(be, name="other"),
        signed(be, age=31.1),
        signed(be, age=-32, version=1),
        "",
        "nonsense",
    ):
        assert await status(be, bad) == 403, bad
    assert await status(be, good) == 200


async def test_what_counted_a_second_ago_is_read_again(be, monkeypatch):
    """A secret or a limit that changes counts at once, the time from the next second on."""
    good = signed(be, age=3)
    assert await status(be, good) == 200
    be.app.identity_provider.get_secure_cookie_kwargs = {"max_age_days": 2}
    assert await status(be, good) == 403
    be.app.identity_provider.get_secure_cookie_kwargs = {}
    assert await status(be, good) == 200
    monkeypatch.setitem(be.web_app.settings, "cookie_secret", b"another")
    assert await status(be, good) == 403
    # Tornado takes several secrets by number, too.
    number = {1: b"old", 2: b"new"}
    monkeypatch.setitem(be.web_app.settings, "cookie_secret", number)
    monkeypatch.setitem(be.web_app.settings, "key_version", 2)
    kept = create_signed_value(number, NAME, USER, key_version=2).decode()
    assert await status(be, kept) == 200
    later = time.monotonic() + 2
    real = time.time() + 40 * 86400
    monkeypatch.setattr(time, "time", lambda: real)
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert await status(be, kept) == 403


@pytest.mark.parametrize("wrap", [lambda function: function, functools.partialmethod])
async def test_other_ways_to_look_at_cookies_count(be, monkeypatch, wrap):
    """An operator who takes sessions away by looking at cookies does so with a policy, too."""
    good, revoked = signed(be), set()
    original = RequestHandler.get_signed_cookie

    @functools.wraps(original)
    def looked_at(self, name, *args, **kwargs):
        return None if name in revoked else original(self, name, *args, **kwargs)

    assert await status(be, good) == 200
    for name in ("get_signed_cookie", "get_secure_cookie"):
        monkeypatch.setattr(RequestHandler, name, wrap(looked_at))
    assert await status(be, good) == 200
    revoked.add(NAME)
    assert await status(be, good) == 403
