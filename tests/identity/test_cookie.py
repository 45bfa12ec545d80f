"""The session: what a cookie stands for, and when it ends."""

from __future__ import annotations

import json

import pytest
from jupyter_server.auth import passwd
from tornado.web import create_signed_value, decode_signed_value


def forged(jp_serverapp, browser, content):
    """Sign a cookie of our own making with the server's secret."""
    value = content if isinstance(content, str) else json.dumps(content)
    secret = jp_serverapp.web_app.settings["cookie_secret"]
    return create_signed_value(secret, browser.login_cookie, value).decode()


async def test_cookie_holds_name_and_fingerprint_only(accounts, jp_serverapp, browser):
    """Neither hash nor groups nor display name are in the cookie."""
    await browser.sign_in("ann", accounts.password)
    value = decode_signed_value(
        jp_serverapp.web_app.settings["cookie_secret"],
        browser.login_cookie,
        browser.cookies[browser.login_cookie].strip('"'),
    )
    content = json.loads(value)
    assert content.keys() == {"username", "fingerprint"}
    assert content["username"] == "ann"
    assert len(content["fingerprint"]) == 32


async def test_user_comes_from_the_configuration(accounts, provider, browser):
    """Groups and display name are those configured now, without signing in again."""
    await browser.sign_in("ann", accounts.password)
    ann = {**accounts.users["ann"], "groups": ["other"], "display_name": "Dr. Ann"}
    provider.users = {"ann": ann}
    identity = await browser.me()
    assert (identity["groups"], identity["display_name"]) == (["other"], "Dr. Ann")


async def test_session_ends_with_the_account(accounts, provider, browser):
    """A removed, renamed, passwordless or changed account is signed out at once."""
    ann = accounts.users["ann"]
    await browser.sign_in("ann", accounts.password)
    cookie = dict(browser.cookies)
    for users in (
        {},
        {"anna": ann},
        {"ann": {}},
        {"ann": {**ann, "hashed_password": passwd(accounts.password, "sha1")}},
    ):
        provider.users = users
        browser.cookies = dict(cookie)
        assert await browser.me() == 403
    provider.users = {"ann": {**ann, "hashed_tokens": []}}
    browser.cookies = dict(cookie)
    assert (await browser.me())["username"] == "ann"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        '"ann"',
        "{",
        {"username": "ann"},
        {"username": "ann", "fingerprint": None},
        {"username": "ann", "fingerprint": ""},
        {"username": "ann", "fingerprint": "ä"},
        {"username": ["ann"], "fingerprint": ""},
        {"username": "dan", "name": "dan", "display_name": "", "initials": "", "color": ""},
    ],
)
async def test_other_cookies_are_nobody(accounts, jp_serverapp, browser, content):
    """A cookie that was signed for something else, by other providers too, signs nobody in."""
    await browser.sign_in("ann", accounts.password)
    browser.cookies[browser.login_cookie] = forged(jp_serverapp, browser, content)
    assert await browser.me() == 403
    # The page clears it, so that it does not stand in the way of the next one.
    await browser.fetch("login")
    assert not [name for name in browser.cookies if name.startswith("username-")]
    assert (await browser.sign_in("ann", accounts.password)).code == 302
    assert (await browser.me())["username"] == "ann"


async def test_altered_cookie_is_nobody(accounts, browser):
    """Without the server's signature a cookie is nothing."""
    await browser.sign_in("ann", accounts.password)
    name = browser.login_cookie
    browser.cookies[name] = browser.cookies[name].replace("|", "|x", 1)
    assert await browser.me() == 403


async def test_reading_the_user_sets_nothing(accounts, browser):
    """No request but signing in and out changes the login cookie, even if it is no good."""
    await browser.sign_in("ann", accounts.password)
    good = dict(browser.cookies)
    for cookies in (good, {browser.login_cookie: "bad"}):
        for path in ("api/me", "api/contents", "files/x"):
            browser.cookies = dict(cookies)
            reply = await browser.fetch(path)
            assert not [
                line for line in reply.headers.get_list("Set-Cookie") if "username-" in line
            ]


async def test_own_identity_cannot_be_changed(accounts, browser):
    """There is nothing a user may change of the configured account, unless configured otherwise."""
    await browser.sign_in("ann", accounts.password)
    reply = await browser.fetch(
        "api/me",
        method="PATCH",
        body=json.dumps({"display_name": "Manager"}),
        headers={"X-XSRFToken": browser.cookies["_xsrf"]},
    )
    # Before 2.15 there is no PATCH.
    assert reply.code in {400, 405}
    assert (await browser.me())["display_name"] == "Ann"
