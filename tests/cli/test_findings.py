"""Warnings of `jupyter authz check`: what a valid configuration leaves open."""

from __future__ import annotations

import os

import pytest
from jupyter_server.auth import passwd
from jupyter_server.auth.identity import (
    IdentityProvider,
    LegacyIdentityProvider,
    PasswordIdentityProvider,
    User,
)

from jupyter_authz import AccountsIdentityProvider
from jupyter_authz.cli.execution import Execution
from jupyter_authz.cli.people import makes_up_users
from jupyter_authz.policy.base import BASE_PERMISSIONS
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_base_permissions, read_roles
from jupyter_authz.resources.types import TYPES

FILES = "read,write:contents!path={group}/**"
RUN = "execute:compute!path={group}/**"
TEAM = {"name": "team", "groups": ["team"], "allow": [FILES, RUN]}
MANAGER = {"name": "manager", "groups": ["manager"], "allow": ["*"]}
WELCOME = {"name": "welcome", "users": ["*"], "allow": ["read:contents!path=welcome/**"]}
FREE = "execute:compute"
RUNNER = "execute:kernels,sessions,cells!path=dash/**"


def execution(*roles, memberships=None):
    grammar = Grammar(TYPES)
    base = read_base_permissions(BASE_PERMISSIONS, grammar)
    return Execution((base, *read_roles(roles, grammar)), memberships or {})


def role(name, *allow, deny=(), **people):
    people = people or {"users": ["*"]}
    return {"name": name, **people, "allow": list(allow), **({"deny": list(deny)} if deny else {})}


VOID = [
    ("its own path", [TEAM]),
    ("everybody's path", [WELCOME, role("runs", FREE, users=["ann"])]),
    ("its own deny", [role("r", "*", deny=["write:contents!path=archive/**"])]),
    ("everybody's deny", [MANAGER, role("all", "read:ui", deny=["write:contents!path=a/**"])]),
    ("everybody runs", [role("all", FREE), role("g", FILES, groups=["g"])]),
    ("reads only", [role("r", "read:contents", FREE)]),
    ("a group below", [role("r", FREE, groups=["team"]), role("s", FILES, groups=["team/a"])]),
    ("a common user", [role("r", FREE, users=["a"]), role("s", FILES, users=["a"], groups=["g"])]),
    ("git", [role("r", "execute:git", "read:contents!path=a/**")]),
    ("configuration", [role("r", "execute:config", "read:contents!path=a/**")]),
    ("a notebook of one's own", [role("r", "execute:voila", "read,write:contents!path=a/**")]),
    ("every type", [role("r", "execute", "read:contents!path=a/**")]),
]
HOLDS = [
    ("nobody runs code", [WELCOME]),
    ("everything is allowed", [MANAGER, WELCOME]),
    ("no rule about files", [role("r", FREE)]),
    ("other people", [role("r", FREE, groups=["a"]), role("s", FILES, groups=["ab"])]),
    ("dashboards of others", [role("r", "execute:voila", "read:contents!path=dashboards/**")]),
    ("proxied applications", [role("r", "execute:proxy", "read:contents!path=a/**")]),
    ("saved cells of others", [role("r", RUNNER, "read:contents!path=dash/**")]),
    ("saved cells elsewhere", [role("r", RUNNER, "write:contents!path=home/{username}/**")]),
    (
        "taken away again",
        [role("r", "*", deny=["execute:compute,git,config,voila", "write:contents!path=a/**"])],
    ),
    (
        "read is denied, and so is execute",
        [role("r", FREE, "read:contents!path=a/**", deny=["read:compute"])],
    ),
]


@pytest.mark.parametrize("roles", [r for _, r in VOID], ids=[name for name, _ in VOID])
def test_execute_makes_a_file_rule_void(roles):
    """Who may run code is not bound by rules about files."""
    assert [f.code for f in execution(*roles).findings()] == ["execute-voids-file-rules"]


@pytest.mark.parametrize("roles", [r for _, r in HOLDS], ids=[name for name, _ in HOLDS])
def test_file_rules_that_hold(roles):
    """Nothing is said where no file rule is void."""
    assert list(execution(*roles).findings()) == []


@pytest.mark.parametrize("written", ["write:contents!path=dash/mine/**", "write:contents!path=**"])
def test_saved_cells_that_the_same_people_write(written):
    """They are code of one's own."""
    runner = role("r", RUNNER, "read:contents!path=dash/**", groups=["a"])
    writer = role("w", written, groups=["a/b"])
    (finding,) = (
        f for f in execution(runner, writer).findings() if f.code == "saved-cells-can-be-written"
    )
    assert written in finding.message
    assert "role 'w'" in finding.message
    others = role("w", written, groups=["b"])
    assert list(execution(runner, others).findings()) == []


@pytest.mark.parametrize(
    ("deny", "is_found"),
    [
        ("write:contents!path=dash/**", False),
        ("write:contents", False),
        ("write:contents!path=**", False),
        ("write:contents!path=dash/mine/**", True),
        ("write:contents!path=dash/*", True),
        ("read:terminals", True),
    ],
)
@pytest.mark.parametrize("whose", ["its own", "everybody's", "another's"])
def test_saved_cells_that_nobody_can_write(deny, is_found, whose):
    """A deny takes the writing away, if it is of everybody who may run them and of all of them."""
    people = {"users": ["*"]} if whose == "everybody's" else {"groups": ["a/b"]}
    own = [deny] if whose == "its own" else []
    runner = role("r", RUNNER, "read,write:contents", groups=["a"], deny=own)
    roles = [runner] if own else [runner, role("d", "read:api", deny=[deny], **people)]
    codes = [finding.code for finding in execution(*roles).findings()]
    assert ("saved-cells-can-be-written" in codes) is (is_found or whose == "another's")


def test_people_known_to_be_in_both_roles():
    """Roles that name a user and a group share people if the user is known to be in the group."""
    roles = [role("r", FREE, users=["ann"]), role("s", FILES, groups=["team"])]
    assert list(execution(*roles).findings()) == []
    assert list(execution(*roles, memberships={"ann": ["team/finance"]}).findings())


def test_void_file_rules_in_words(authz, configure):
    """The warning names the permission that runs code, and the rules that it makes void."""
    configure(f"c.JupyterAuthz.roles = [{TEAM}, {WELCOME}]")
    (warning,) = authz("check", "--json").warnings("execute-voids-file-rules")
    assert f"role 'team' allows {RUN!r}" in warning
    assert f"role 'team': allow {FILES!r} and role 'welcome': allow" in warning
    assert "operating system user" in warning


def test_policy_files_that_can_be_written(authz, configure, home):
    """People who run code could change files that the server's operating system user can write."""
    path = configure(f"c.JupyterAuthz.roles = [{role('r', FREE)}]")
    result = authz("check", "--json", "--allow-root")
    (warning,) = result.warnings("policy-files-writable")
    assert "people who run code (role 'r')" in warning
    assert os.path.dirname(path) in warning  # noqa: PTH120
    assert str(home / "runtime" / "jupyter_cookie_secret") in warning


def test_policy_files_that_cannot_be_written(authz, configure, monkeypatch):
    """Nothing is said where none of them can be written, or nobody runs code."""
    configure(f"c.JupyterAuthz.roles = [{role('r', 'read:contents')}]")
    assert authz("check", "--json", "--allow-root").warnings("policy-files-writable") == []
    configure(f"c.JupyterAuthz.roles = [{role('r', FREE)}]")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert authz("check", "--json", "--allow-root").warnings("policy-files-writable") == []


def test_checked_as_root(authz, configure, monkeypatch):
    """Root is told to run the check as the server's user, since root can write everything."""
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    configure(f"c.JupyterAuthz.roles = [{role('r', FREE)}]")
    result = authz("check", "--json")
    assert result.warnings("policy-files-writable") == []
    assert "checked-as-root" in {hint["code"] for hint in result.json["hints"]}


def test_policy_files_that_are_served(authz, configure, home, monkeypatch):
    """A policy below the root of the contents is a warning, unless it is hidden there."""
    path = configure("c.JupyterAuthz.roles = []")
    result = authz("check", "--json", f"--ServerApp.root_dir={home}")
    assert path in result.warnings("policy-files-served")[0]
    assert authz("check", "--json").warnings("policy-files-served") == []
    (home / "config").rename(home / ".config")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(home / ".config"))
    secret = f"--ServerApp.cookie_secret_file={home / '.secret'}"
    hidden = authz("check", "--json", f"--ServerApp.root_dir={home}", secret)
    assert hidden.json["roles"] == []
    assert hidden.warnings("policy-files-served") == []
    shown = "--ContentsManager.allow_hidden=True"
    result = authz("check", "--json", f"--ServerApp.root_dir={home}", secret, shown)
    assert len(result.warnings("policy-files-served")) == 1


def test_made_up_users(authz, configure):
    """Roles with names never match users that the identity provider makes up."""
    named = role("named", "read:contents", users=["ann"])
    configure(f"c.JupyterAuthz.roles = [{named}, {WELCOME}, {MANAGER}]")
    (warning,) = authz("check", "--json").warnings("made-up-users")
    assert "the roles 'named' and 'manager'" in warning
    assert "PasswordIdentityProvider makes up a random user" in warning
    configure(f"c.JupyterAuthz.roles = [{WELCOME}]")
    assert authz("check", "--json").warnings("made-up-users") == []


class Named(IdentityProvider):
    """Finds out who asks by itself."""

    def get_user(self, handler):
        """Give the user that a header names."""
        return User(handler.request.headers["X-User"])


class Branded(PasswordIdentityProvider):
    """Finds out nothing by itself."""


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (IdentityProvider, True),
        (PasswordIdentityProvider, True),
        (LegacyIdentityProvider, True),
        (Branded, True),
        (Named, False),
        (AccountsIdentityProvider, False),
    ],
)
def test_who_makes_up_users(provider, expected):
    """Jupyter Server's own providers make up users, and those that leave it to them."""
    assert makes_up_users(provider()) is expected


def test_accounts(authz, configure):
    """Names without an account, and accounts without a way in, are warnings."""
    users = {
        "ann": {"hashed_password": passwd("secret", "sha256"), "groups": ["team/finance"]},
        "bob": {},
    }
    roles = [
        role("r", "read:contents", users=["anne", "*"], groups=["team", "manger", "pilot"]),
    ]
    configure(
        'c.ServerApp.identity_provider_class = "jupyter_authz.AccountsIdentityProvider"\n'
        f"c.AccountsIdentityProvider.users = {users}\n"
        f"c.JupyterAuthz.roles = {roles}\n"
        'c.JupyterAuthz.groups = {"manager": ["ann", "bo"]}\n'
    )
    result = authz("check", "--json")
    nobody, empty = "but no account has that name", "but no account is in it or below it"
    assert result.warnings("unknown-user") == [
        f"role 'r' names the user 'anne', {nobody}: did you mean 'ann'?",
        f"c.JupyterAuthz.groups names the user 'bo', {nobody}: did you mean 'bob'?",
    ]
    assert result.warnings("unknown-group") == [
        f"role 'r' names the group 'manger', {empty}: did you mean 'manager'?",
        f"role 'r' names the group 'pilot', {empty}; add one, or take it out",
    ]
    (warning,) = result.warnings("accounts-without-credentials")
    assert warning.startswith("nobody can sign in as 'bob'")
    assert result.warnings("made-up-users") == []
    assert authz("check", "--strict").status == 2
    assert authz("check").status == 0


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        ("execute:proxy!name=8050", "no application is configured as '8050' (but dash); one on a"),
        ("execute:proxy!name=dahs", "no application is configured as 'dahs'"),
        ("execute:ext.report", "no handler that nobody has classified is of the package 'report'"),
        ("read:proxy", "what asks about 'proxy' asks to execute"),
        ("execute:proxy!name=Dash", ""),
        ("execute:proxy!name=localhost:8050", ""),
        ("execute:proxy!name=da*", ""),
        ("execute:proxy", ""),
        ("read,execute:proxy", ""),
        ("read!name=localhost:8050", ""),
        ("read", ""),
        ("read,write,execute", ""),
    ],
)
def test_what_nothing_asks(authz, configure, permission, expected):
    """A permission about which nothing on this server asks is told, with what there is."""
    configure(
        "c.ServerApp.jpserver_extensions = {'jupyter_server_proxy': True}\n"
        "c.ServerProxy.servers = {'dash': {'command': [], 'port': 9}}\n"
        f"c.JupyterAuthz.roles = [{{'name': 'r', 'users': ['*'], 'allow': [{permission!r}]}}]"
    )
    warnings = authz("check", "--json").json["warnings"]
    found = [one["message"] for one in warnings if one["code"] == "asked-by-nothing"]
    assert len(found) == bool(expected)
    assert not found or (expected in found[0] and permission in found[0])


def test_accounts_that_are_off(authz, configure):
    """Settings of accounts that are not there are told."""
    path = configure("c.Accounts.guests = True\nc.JupyterAuthz.roles = []")
    (warning,) = authz("check", "--json").json["warnings"]
    assert warning["code"] == "accounts-off"
    assert f"c.Accounts.guests of {path} has no effect" in warning["message"]


def test_whoever_a_callback_lets_in(authz, configure, monkeypatch):
    """They run code, so that they could change what decides about them."""
    monkeypatch.setattr("jupyter_authz.cli.policy_files.is_checked_as_root", lambda server: False)
    configure("c.JupyterAuthz.authorize_callback = lambda user_info: True")
    codes = {one["code"]: one["message"] for one in authz("check", "--json").json["warnings"]}
    assert "(all whom the callback lets in) could change" in codes["policy-files-writable"]
