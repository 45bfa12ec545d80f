"""There is no token of the server."""

from __future__ import annotations

import logging
import re

import pytest
from traitlets.config import Config

from jupyter_authz.identity import AccountsIdentityProvider

SECRET = "not-a-token-of-anybody"


@pytest.fixture(params=["JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE", "config", "argv", "ServerApp"])
def jp_server_config(request, accounts, monkeypatch, tmp_path, jp_argv):
    """Configure a token in every way there is."""
    config = Config(
        {
            "ServerApp": {
                "identity_provider_class": AccountsIdentityProvider,
                "jpserver_extensions": {"jupyterlab": True, "notebook": True, "nbclassic": True},
            },
            "AccountsIdentityProvider": {"users": accounts.users},
        }
    )
    if request.param == "JUPYTER_TOKEN":
        monkeypatch.setenv("JUPYTER_TOKEN", SECRET)
    elif request.param == "JUPYTER_TOKEN_FILE":
        (tmp_path / "token").write_text(SECRET)
        monkeypatch.setenv("JUPYTER_TOKEN_FILE", str(tmp_path / "token"))
    elif request.param == "config":
        config.AccountsIdentityProvider.token = SECRET
    elif request.param == "argv":
        jp_argv.append(f"--IdentityProvider.token={SECRET}")
    else:
        config.ServerApp.token = SECRET
    return config


async def test_configured_token_opens_nothing_and_is_nowhere(
    accounts, jp_serverapp, provider, browser
):
    """A token from the environment or configuration opens no account and is in no page."""
    assert provider.token == ""
    assert provider.need_token is False
    assert provider.token_generated is False
    assert provider.auth_enabled is True
    assert provider.login_available is True
    assert provider.logout_available is True
    assert jp_serverapp.web_app.settings["token"] == ""
    assert jp_serverapp.server_info()["token"] == ""
    assert "token" not in jp_serverapp.public_url

    assert await browser.me(headers={"Authorization": f"token {SECRET}"}) == 403
    assert (await browser.fetch(f"api/me?token={SECRET}")).code == 403
    assert (await browser.sign_in("ann", SECRET)).code == 401
    assert (await browser.sign_in("", SECRET)).code == 401

    pages = [await browser.fetch("login")]
    assert (await browser.sign_in("ann", accounts.password)).code == 302
    for path in ("lab", "tree", "nbclassic/tree", "logout"):
        page = await browser.fetch(path)
        assert page.code == 200
        pages.append(page)
    for page in pages:
        text = page.body.decode()
        assert SECRET not in text
        assert "data-jupyter-api-token" not in text
        assert re.findall(r'"token":\s*"([^"]+)"', text) == []


@pytest.mark.parametrize("source", ["JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE", "IdentityProvider"])
def test_configured_token_is_warned_of(source, monkeypatch, caplog):
    """The log says that the token is ignored, and does not show it."""
    for name in ("JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    config = Config({"IdentityProvider": {"token": SECRET}} if source == "IdentityProvider" else {})
    if source != "IdentityProvider":
        monkeypatch.setenv(source, SECRET)
    provider = AccountsIdentityProvider(config=config, log=logging.getLogger("test"))
    assert provider.token == ""
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert caplog.text.count("jupyter_authz: ignoring ") == 1
    assert SECRET not in caplog.text
    provider.token = SECRET
    assert provider.token == ""
