"""Accounts replaced while the server runs."""

from __future__ import annotations

import asyncio

import pytest
from traitlets import TraitError

from jupyter_authz.identity import AccountsIdentityProvider, new_token
from jupyter_authz.identity import accounts as accounts_module
from jupyter_authz.identity import tokens as tokens_module


async def test_new_accounts_count_at_once(accounts, provider, browser):
    """An added account signs in, and a removed token is nobody's, without a restart."""
    headers = {"Authorization": f"token {accounts.ann_token}"}
    assert (await browser.me(headers=headers))["username"] == "ann"
    provider.users = {"eve": {"hashed_password": accounts.hashed_password}}
    assert await browser.me(headers=headers) == 403
    assert (await browser.sign_in("eve", accounts.password)).code == 302
    assert (await browser.me())["username"] == "eve"


def test_wrong_accounts_leave_the_old_in_force(accounts, provider):
    """A value that cannot be used raises, and everything stays as it was."""
    before, users = provider.accounts, provider.users
    for wrong in ({"ann": {"groups": [""]}}, None, {"eve": {}, "": {}}):
        with pytest.raises(TraitError):
            provider.users = wrong
        assert provider.accounts is before
        assert provider.users == users == accounts.users


def test_in_place_changes_of_the_callers_dict_do_nothing(accounts):
    """The provider keeps a copy, so changing a dict and assigning it again works."""
    users = {"ann": {"groups": ["a"]}}
    provider = AccountsIdentityProvider(users=users)
    users["ann"]["groups"].append("b")
    assert provider.accounts.accounts["ann"].groups == ("a",)
    provider.users = users
    assert provider.accounts.accounts["ann"].groups == ("a", "b")


def test_index_cannot_be_changed(provider):
    """What requests look into is immutable."""
    with pytest.raises(TypeError):
        provider.accounts.accounts["eve"] = None
    with pytest.raises(AttributeError):
        provider.accounts.accounts = {}


async def test_password_changed_while_it_was_checked(accounts, provider, browser, monkeypatch):
    """The old password does not get the new account's cookie."""
    loop = asyncio.get_running_loop()

    def check(*_):
        done = asyncio.run_coroutine_threadsafe(replace(), loop)
        done.result()
        return True

    async def replace():
        provider.users = {"ann": {"hashed_password": accounts.users["bob"]["hashed_password"]}}

    monkeypatch.setattr(accounts_module, "check_password", check)
    assert (await browser.sign_in("ann", accounts.password)).code == 401
    assert await browser.me() == 403


async def test_token_removed_while_it_was_checked(accounts, provider, browser, monkeypatch):
    """A slow token that was taken away during its check is nobody's."""
    loop = asyncio.get_running_loop()

    def fits(*_):
        asyncio.run_coroutine_threadsafe(replace(), loop).result()
        return True

    async def replace():
        provider.users = {"eve": {"hashed_tokens": [new_token()[1]]}}

    monkeypatch.setattr(tokens_module, "fits", fits)
    assert await browser.me(headers={"Authorization": f"token {accounts.cy_token}"}) == 403
