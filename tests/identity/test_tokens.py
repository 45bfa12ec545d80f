"""Tokens in the Authorization header."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading

import pytest
from jupyter_server.auth import passwd
from tornado.httputil import HTTPHeaders

from jupyter_authz.identity import AccountsIdentityProvider, new_token
from jupyter_authz.identity import tokens as tokens_module
from jupyter_authz.identity.credentials import token_digest
from jupyter_authz.identity.users import AccountUser


@pytest.mark.parametrize("scheme", ["token", "Token", "Bearer", "bearer"])
async def test_token_signs_in_for_one_request(accounts, browser, scheme):
    """A token in the header makes the request that of its account, of the kind ``token``."""
    headers = {"Authorization": f"{scheme} {accounts.ann_token}"}
    identity = await browser.me(headers=headers)
    assert identity["username"] == "ann"
    assert identity["groups"] == ["manager", "team/finance"]
    assert identity["kind"] == "token"
    assert await browser.me() == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "token wrong"},
        {"Authorization": "token {hashed}"},
        {"Authorization": "token sha256:{hashed}"},
        {"Authorization": "Basic {token}"},
        {"Authorization": "{token}"},
        {"Authorization": "xtoken {token}"},
        {"Authorization": "token {token} x"},
        {"Authorization": "token {upper}"},
        {"Cookie": "token={token}"},
        {"X-Authorization": "token {token}"},
        {"Authorization": "token ä"},
        {"Authorization": "token " + "x" * 10_000},
        {},
    ],
)
async def test_anything_else_is_nobody(accounts, browser, headers):
    """Only the token itself, in that header, opens an account; its hash does not."""
    values = {
        "token": accounts.ann_token,
        "upper": accounts.ann_token.upper(),
        "hashed": token_digest(accounts.ann_token).hex(),
    }
    filled = {name: value.format(**values) for name, value in headers.items()}
    assert await browser.me(headers=filled) == 403


async def test_token_in_the_url_is_nobody(accounts, browser):
    """A ``?token=`` argument is not looked at."""
    reply = await browser.fetch(f"api/me?token={accounts.ann_token}")
    assert reply.code == 403
    reply = await browser.fetch(f"login?token={accounts.ann_token}")
    assert reply.code == 200


async def test_token_sets_no_cookie(accounts, provider, browser):
    """No reply to a request with a token sets a login cookie, whoever asks for one."""
    headers = {"Authorization": f"token {accounts.ann_token}"}
    for path in ("api/me", "api/contents", "login", "files/missing"):
        await browser.fetch(path, headers=headers)
    assert not [name for name in browser.cookies if name.startswith("username-")]
    # With no handler at all: it would be asked for its host first.
    assert provider.set_login_cookie(None, AccountUser("ann", kind="token")) is None


async def test_wrong_token_beats_cookie(accounts, browser):
    """A request with a wrong token is nobody's, and the session it came with goes on."""
    await browser.sign_in("ann", accounts.password)
    for path in ("api/me", "login"):
        reply = await browser.fetch(path, headers={"Authorization": "token wrong"})
        assert reply.code == (403 if path == "api/me" else 200)
        assert not [c for c in reply.headers.get_list("Set-Cookie") if c.startswith("username-")]
    assert (await browser.me())["username"] == "ann"


async def test_token_comes_before_cookie(accounts, browser):
    """With both, the token tells who asks; without one, the header of a proxy does not matter."""
    await browser.sign_in("ann", accounts.password)
    headers = {"Authorization": f"token {accounts.cy_token}"}
    assert (await browser.me(headers=headers))["username"] == "cy"
    for header in ("token ", "Basic dXNlcjpwYXNz"):
        assert (await browser.me(headers={"Authorization": header}))["username"] == "ann"


async def test_token_needs_no_xsrf_and_no_origin(accounts, browser):
    """A script with a token writes without XSRF token, from any origin; a cookie alone does not."""
    body = json.dumps({"type": "directory"})
    headers = {
        "Authorization": f"token {accounts.ann_token}",
        "Origin": "https://elsewhere.example",
    }
    reply = await browser.fetch("api/contents/new", method="PUT", body=body, headers=headers)
    assert reply.code == 201
    await browser.sign_in("ann", accounts.password)
    reply = await browser.fetch("api/contents/newer", method="PUT", body=body)
    assert reply.code == 403


async def test_websocket_with_token(accounts, jp_ws_fetch):
    """A token in the header opens a websocket."""
    socket = await jp_ws_fetch(
        "api", "events", "subscribe", headers={"Authorization": f"token {accounts.ann_token}"}
    )
    socket.close()


@pytest.mark.parametrize("algorithm", ["argon2", "sha256", "sha1"])
async def test_hashes_of_jupyter_server(provider, browser, algorithm):
    """Token hashes as ``passwd`` makes them are found, each among several."""
    users = {name: {"hashed_tokens": [passwd(name, algorithm)]} for name in ("one", "two")}
    provider.users = {**users, "empty": {}}
    for name in users:
        identity = await browser.me(headers={"Authorization": f"token {name}"})
        assert (identity["username"], identity["kind"]) == (name, "token")
    assert await browser.me(headers={"Authorization": "token three"}) == 403


async def test_slow_hash_is_checked_once_in_a_thread(accounts, provider, browser, monkeypatch):
    """Many requests with one slow token cost one check, off the event loop; wrong ones too."""
    checks = []
    fits = tokens_module.fits

    def spy(hashed, token):
        checks.append(threading.current_thread())
        return fits(hashed, token)

    monkeypatch.setattr(tokens_module, "fits", spy)
    for token, expected in ((accounts.cy_token, "cy"), ("wrong", 403)):
        checks.clear()
        headers = {"Authorization": f"token {token}"}
        found = await asyncio.gather(*(browser.me(headers=headers) for _ in range(5)))
        found.append(await browser.me(headers=headers))
        assert all((one if one == 403 else one["username"]) == expected for one in found)
        assert len(checks) == (1 if expected == "cy" else 2)
        assert threading.main_thread() not in checks
    assert accounts.cy_token not in repr(vars(provider._tokens))


async def test_fast_token_needs_no_check(accounts, provider):
    """A token stored as one SHA-256 is found at once, without awaiting."""

    class Handler:
        class request:  # noqa: N801
            headers = HTTPHeaders({"Authorization": f"token {accounts.ann_token}"})

    assert provider.get_user(Handler()).username == "ann"
    assert (await provider.get_user_token(Handler())).username == "ann"


async def test_flood_of_wrong_tokens_is_bounded(accounts, provider, browser, monkeypatch):
    """What is remembered of wrong tokens is bounded, and so is what waits to be checked."""
    monkeypatch.setattr(tokens_module, "REMEMBERED_WRONG", 3)
    monkeypatch.setattr(tokens_module, "fits", lambda *_: False)
    for number in range(10):
        await browser.me(headers={"Authorization": f"token {number}"})
    assert len(provider._tokens._wrong) == 3
    assert not provider._tokens._under_way
    monkeypatch.setattr(provider._token_workers, "_capacity", 0)
    assert await browser.me(headers={"Authorization": "token 11"}) == 403
    assert (await browser.me(headers={"Authorization": f"token {accounts.ann_token}"}))[
        "username"
    ] == "ann"


async def test_user_is_looked_up_once_per_request(provider):
    """A handler that already knows its user keeps it."""

    class Handler:
        _jupyter_current_user = AccountUser("somebody")

    assert provider.get_user(Handler()).username == "somebody"


def test_new_token():
    """A token has 32 random bytes, and its stored form is their SHA-256."""
    tokens = {new_token() for _ in range(10)}
    assert len(tokens) == 10
    for token, hashed in tokens:
        assert len(bytes.fromhex(token)) == 32
        assert hashed == f"sha256:{token_digest(token).hex()}"
    # Other tools write the digits in capitals.
    hashed = f"sha256:{token_digest(token).hex().upper()}"
    provider = AccountsIdentityProvider(users={"x": {"hashed_tokens": [hashed]}})
    assert provider.accounts.tokens[token_digest(token)].username == "x"


def test_new_token_from_the_command_line():
    """The command in the help of ``users`` prints a token and what to store."""
    command = "from jupyter_authz import new_token; print(*new_token())"
    output = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    ).stdout
    token, hashed = output.split()
    assert hashed == f"sha256:{token_digest(token).hex()}"
