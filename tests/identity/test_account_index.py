"""What may stand in ``c.AccountsIdentityProvider.users``, and what is said about the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_server.auth import passwd
from traitlets import TraitError
from traitlets.config import Config

import jupyter_authz.identity
from jupyter_authz.identity import AccountsIdentityProvider, new_token
from jupyter_authz.identity.index import build_index

HASH = passwd("hunter2", "sha1")
TOKEN = new_token()[1]


def test_every_key_is_optional():
    """An account may be empty, and there need not be any."""
    assert dict(build_index({}).accounts) == {}
    account = build_index({"ann": {}}).accounts["ann"]
    assert (account.groups, account.display_name, account.hashed_password) == ((), "", None)


def test_groups_are_kept_in_order_once():
    """A group that is listed twice counts once."""
    account = build_index({"ann": {"groups": ["b", "a/x", "b"]}}).accounts["ann"]
    assert account.groups == ("b", "a/x")


def test_secrets_are_not_shown():
    """No secret is in the text form of an index, which may end up in a log."""
    index = build_index({"ann": {"hashed_password": HASH, "hashed_tokens": [TOKEN, HASH]}})
    text = repr(index) + repr(index.accounts["ann"])
    assert HASH not in text
    assert HASH.rpartition(":")[2] not in text
    assert index.accounts["ann"].fingerprint not in text


WRONG = [
    (None, "expected a dict of accounts by username, not a value of type NoneType"),
    ([("ann", {"hashed_password": "hunter2"})], "not a value of type list"),
    ({"ann": "hunter2"}, "account 'ann': expected a dict with the keys 'hashed_password', "),
    ({"ann": {"password": "hunter2"}}, "account 'ann': unknown key 'password'; expected one of"),
    ({"ann": {"Groups": []}}, "account 'ann': unknown key 'Groups'"),
    ({"ann": {5: []}}, "account 'ann': unknown key 5"),
    ({5: {}}, "account 5: expected a username of type str, not int"),
    *(
        ({name: {}}, f"account {name!r}: expected a username that is not empty")
        for name in ("", ".", "..", "a/b", "/", "a\0", "a\nb", " ann", "ann ")
    ),
    ({"ann": {"hashed_password": ""}}, "account 'ann': 'hashed_password' is ''; expected a hash"),
    ({"ann": {"hashed_password": None}}, "'hashed_password' is a value of type NoneType; "),
    ({"ann": {"hashed_password": ["hunter2"]}}, "'hashed_password' is a value of type list"),
    ({"ann": {"hashed_password": "hunter2"}}, "'hashed_password' is '...'; expected a hash"),
    ({"ann": {"hashed_password": "sha1:hunter2"}}, "is 'sha1:...' (12 characters); expected"),
    ({"ann": {"hashed_password": TOKEN}}, "is 'sha256:...' (71 characters); expected a hash"),
    ({"ann": {"hashed_tokens": TOKEN}}, "'hashed_tokens' is 'sha256:...' (71 characters); "),
    ({"ann": {"hashed_tokens": {"a": TOKEN}}}, "'hashed_tokens' is a value of type dict"),
    ({"ann": {"hashed_tokens": [TOKEN, "hunter2"]}}, "'hashed_tokens' number 2 is '...'; "),
    ({"ann": {"hashed_tokens": [TOKEN[:-1]]}}, "'hashed_tokens' number 1 is 'sha256:...' (70"),
    ({"ann": {"hashed_tokens": [5]}}, "'hashed_tokens' number 1 is a value of type int"),
    (
        {
            "ann": {"hashed_tokens": [TOKEN]},
            "bob": {"hashed_tokens": [f"sha256:{TOKEN[7:].upper()}"]},
        },
        "account 'bob': 'hashed_tokens' number 1 is also one of account 'ann'",
    ),
    (
        {"ann": {"hashed_tokens": [HASH]}, "bob": {"hashed_tokens": [HASH]}},
        "account 'bob': 'hashed_tokens' number 1 is also one of account 'ann'",
    ),
    ({"ann": {"groups": "team"}}, "'groups' is 'team'; expected a list of group names"),
    ({"ann": {"groups": {"team": 1}}}, "'groups' is {'team': 1}; expected a list"),
    *(
        ({"ann": {"groups": ["team", group]}}, f"account 'ann': 'groups' has {group!r} in it")
        for group in ("", "/", "a//b", "/a", "a/", ".", "a/..", "a/./b", "a\0", 5, None)
    ),
    ({"ann": {"display_name": 5}}, "'display_name' is 5; expected a str, not int"),
    ({"x" * 5000 + "/": {}}, "x..."),
]


@pytest.mark.parametrize(("users", "expected"), WRONG)
def test_wrong_accounts_are_named(users, expected):
    """The error names the account, the key and what was expected, and quotes no secret."""
    with pytest.raises(TraitError) as raised:
        AccountsIdentityProvider(users=users)
    text = str(raised.value)
    assert text.startswith("c.AccountsIdentityProvider.users: ")
    assert expected in text
    assert "hunter2" not in text
    assert HASH not in text
    assert TOKEN[10:] not in text
    assert len(text) < 400


@pytest.mark.parametrize(("users", "expected"), WRONG[3:5])
def test_wrong_configuration_is_the_same_error(users, expected):
    """Through configuration the error is the same."""
    config = Config({"AccountsIdentityProvider": {"users": users}})
    with pytest.raises(TraitError) as raised:
        AccountsIdentityProvider(config=config)
    assert expected in str(raised.value)


def serve(tmp_path, configuration, *arguments):
    """Start a real server with a configuration file, and give its status and log."""
    (tmp_path / "jupyter_server_config.py").write_text(configuration)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")},
        "JUPYTER_CONFIG_DIR": str(tmp_path),
        "JUPYTER_DATA_DIR": str(tmp_path),
        "JUPYTER_RUNTIME_DIR": str(tmp_path),
        "JUPYTER_NO_CONFIG": "",
        "PYTHONPATH": str(Path(jupyter_authz.identity.__file__).parents[2]),
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "jupyter_server",
            "--no-browser",
            "--allow-root",
            "--port=0",
            f"--ServerApp.root_dir={tmp_path}",
            *arguments,
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "users", ['{"ann": {"hashed_password": "hunter2"}}', '[("ann", "hunter2")]']
)
def test_server_does_not_start_with_wrong_accounts(tmp_path, users):
    """``jupyter server`` stops, and its log says what is wrong without the secret."""
    status, log = serve(
        tmp_path,
        "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
        f"c.AccountsIdentityProvider.users = {users}\n",
    )
    assert status != 0
    assert "Bad config encountered during initialization: c.AccountsIdentityProvider.users" in log
    assert "hunter2" not in log


def test_empty_accounts_are_warned_of(caplog):
    """A server that nobody can sign in to says so."""

    class App:
        ip = "localhost"

    for users, warned in (({"ann": {}}, True), ({"ann": {"hashed_tokens": [TOKEN]}}, False)):
        caplog.clear()
        AccountsIdentityProvider(users=users).validate_security(App())
        assert ("nobody can sign in" in caplog.text) is warned
