"""Behind a proxy: who the client is and whether it came by https are what the proxy says."""

from __future__ import annotations

import logging

import pytest
import tornado.httpserver
from traitlets.config import Config

from jupyter_authz.identity import AccountsIdentityProvider
from jupyter_authz.identity import accounts as accounts_module


@pytest.fixture(params=["/", "/user/x/"])
def jp_base_url(request):
    """Serve at the root and below a base URL."""
    return request.param


@pytest.fixture
def http_server(jp_asyncio_loop, http_server_port, jp_web_app):
    """Serve as ServerApp does with trust_xheaders."""

    async def start():
        server = tornado.httpserver.HTTPServer(jp_web_app, xheaders=True)
        server.add_socket(http_server_port[0])
        return server

    server = jp_asyncio_loop.run_until_complete(start())
    yield server
    server.stop()
    jp_asyncio_loop.run_until_complete(server.close_all_connections())
    http_server_port[0].close()


def set_cookie(reply):
    """Give the attributes of the login cookie that a reply sets."""
    lines = reply.headers.get_list("Set-Cookie")
    line = next(line for line in lines if line.startswith("username-"))
    return {part.strip() for part in line.split(";")[1:] if not part.strip().startswith("expires")}


async def test_cookie_behind_a_proxy(accounts, browser, jp_base_url):
    """The cookie is for the base URL, not for scripts or other sites, and for https under https."""
    reply = await browser.sign_in("ann", accounts.password)
    assert set_cookie(reply) == {f"Path={jp_base_url}", "HttpOnly", "SameSite=Lax"}
    assert reply.headers["Location"] == jp_base_url
    browser.cookies.clear()
    reply = await browser.sign_in("ann", accounts.password, headers={"X-Forwarded-Proto": "https"})
    assert set_cookie(reply) == {f"Path={jp_base_url}", "HttpOnly", "SameSite=Lax", "Secure"}
    assert (await browser.me())["username"] == "ann"


async def test_delay_is_per_client_behind_the_proxy(
    accounts, new_browser, clock, monkeypatch, caplog
):
    """One client's failures leave others who come through the same proxy as they were."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(accounts_module, "check_password", lambda *_: False)
    for _ in range(4):
        await new_browser().sign_in("ann", "wrong", headers={"X-Real-IP": "192.0.2.1"})
    for address, status in (
        ("192.0.2.1", 429),
        ("192.0.2.2", 401),
        ("2001:db8::1", 401),
    ):
        reply = await new_browser().sign_in("ann", "wrong", headers={"X-Real-IP": address})
        assert reply.code == status
    assert "sign-in as 'ann' from 192.0.2.2 refused with status 401" in caplog.text


class TestCookieOptions:
    """Options of the operator come before ours."""

    @pytest.fixture
    def jp_server_config(self, accounts):
        """Configure options of the cookie."""
        return Config(
            {
                "ServerApp": {"identity_provider_class": AccountsIdentityProvider},
                "AccountsIdentityProvider": {
                    "users": accounts.users,
                    "cookie_options": {
                        "samesite": "Strict",
                        "path": "/",
                        "domain": "example.org",
                        "expires_days": 1,
                    },
                    "cookie_name": "username-of-ours",
                    "secure_cookie": True,
                },
            }
        )

    async def test_options_are_kept(self, accounts, browser):
        """Configured SameSite, path, domain, name and secure are used."""
        reply = await browser.sign_in("ann", accounts.password)
        assert set_cookie(reply) == {
            "SameSite=Strict",
            "Path=/",
            "Domain=example.org",
            "HttpOnly",
            "Secure",
        }
        assert browser.login_cookie == "username-of-ours"

    async def test_sign_out_clears_the_cookie_of_the_domain(self, accounts, browser):
        """The cookie is cleared where it was set."""
        await browser.sign_in("ann", accounts.password)
        assert "Domain=example.org" in set_cookie(await browser.fetch("logout"))
