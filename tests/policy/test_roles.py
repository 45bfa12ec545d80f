"""Roles: whatever is wrong in them stops with a message that says where and what was expected."""

from __future__ import annotations

import contextlib
import gc

import pytest

from jupyter_authz.errors import PolicyError
from jupyter_authz.policy.permissions import Grammar
from jupyter_authz.policy.roles import read_base_permissions, read_memberships, read_roles
from jupyter_authz.resources.types import TYPES

GRAMMAR = Grammar(TYPES)
GOOD = {"name": "team", "users": ["ann"], "allow": ["read"]}


def test_good_roles_are_read():
    """Every key is read; slashes at the ends of groups go."""
    (role,) = read_roles(
        [
            {
                "name": "team",
                "description": "A team",
                "users": ["ann", "*"],
                "groups": ["/team/a/"],
                "allow": ["read:contents!path={group}/**"],
                "deny": ["write"],
            }
        ],
        GRAMMAR,
    )
    assert (role.name, role.description) == ("team", "A team")
    assert (role.users, role.groups) == (("ann", "*"), ("team/a",))
    assert [p.text for p in role.allow] == ["read:contents!path={group}/**"]
    assert [p.text for p in role.deny] == ["write"]
    assert read_roles([], GRAMMAR) == ()


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        (None, ["roles: expected a list of dicts", "None"]),
        ("read", ["roles: expected a list of dicts", "'read'"]),
        ({"name": "x"}, ["roles: expected a list of dicts"]),
        ([["x"]], ["role 1", "expected a dict"]),
        ([GOOD, "x"], ["role 2", "expected a dict", "'x'"]),
        ([{}], ["role 1", "expected a 'name'"]),
        ([{**GOOD, "name": ""}], ["role 1", "expected a 'name'"]),
        ([{**GOOD, "name": 7}], ["role 1", "expected a 'name'", "7"]),
        ([GOOD, GOOD], ["role 'team'", "given twice"]),
        ([{**GOOD, "name": "base_permissions"}], ["'base_permissions'", "c.JupyterAuthz.base_"]),
        ([{**GOOD, "alow": []}], ["role 'team'", "unknown key 'alow'", "did you mean 'allow'?"]),
        ([{**GOOD, 3: []}], ["role 'team'", "unknown key 3"]),
        ([{**GOOD, "description": 1}], ["role 'team'", "'description' to be a string"]),
        ([{"name": "x", "allow": ["read"]}], ["role 'x'", "expected 'users' or 'groups'"]),
        ([{"name": "x", "users": ["ann"]}], ["role 'x'", "expected 'allow' or 'deny'"]),
        (
            [{**GOOD, "users": []}],
            ["role 'team'", "'users' to be a non-empty list of strings", "[]"],
        ),
        ([{**GOOD, "users": "ann"}], ["role 'team'", "'users' to be a non-empty list", "'ann'"]),
        ([{**GOOD, "users": [""]}], ["role 'team'", "'users' holds ''", "non-empty"]),
        ([{**GOOD, "users": [None]}], ["role 'team'", "'users' holds None"]),
        ([{**GOOD, "groups": []}], ["role 'team'", "'groups' to be a non-empty list of strings"]),
        ([{**GOOD, "groups": ["a//b"]}], ["role 'team'", "'a//b' is no name"]),
        ([{**GOOD, "groups": ["/"]}], ["role 'team'", "'/' is no name"]),
        ([{**GOOD, "groups": ["a/../b"]}], ["role 'team'", "'a/../b' is no name"]),
        ([{**GOOD, "groups": ["a\0"]}], ["role 'team'", "is no name"]),
        (
            [{**GOOD, "allow": []}],
            ["role 'team'", "'allow' to be a non-empty list of strings", "[]"],
        ),
        ([{**GOOD, "allow": "read"}], ["role 'team'", "'allow' to be a non-empty list", "'read'"]),
        ([{**GOOD, "allow": [b"read"]}], ["role 'team'", "'allow' holds b'read'"]),
        ([{**GOOD, "deny": [""]}], ["role 'team'", "'deny' holds ''"]),
        ([{**GOOD, "deny": ["raed"]}], ["role 'team'", "deny 'raed'", "did you mean 'read'?"]),
        (
            [{**GOOD, "allow": ["read:contents!path={group}/**"]}],
            ["role 'team'", "allow 'read:contents!path={group}/**'", "expected the role to have"],
        ),
        (
            [{**GOOD, "deny": ["read:contents!path={subgroup}"]}],
            ["role 'team'", "{subgroup} stands for a group", "'groups'"],
        ),
    ],
)
def test_bad_roles_say_what_and_where(roles, said):
    """An error names the role, quotes what is wrong and says what was expected."""
    with pytest.raises(PolicyError) as raised:
        read_roles(roles, GRAMMAR)
    assert all(words in str(raised.value) for words in said), raised.value


def test_base_permissions():
    """They are a role for everybody; none at all is fine, placeholders of groups are not."""
    assert read_base_permissions([], GRAMMAR).allow == ()
    assert read_base_permissions(["read:ui"], GRAMMAR).users == ("*",)
    for wrong, said in (("read:ui", "list of strings"), (["x"], "allow 'x'"), (None, "None")):
        with pytest.raises(PolicyError, match="base_permissions") as raised:
            read_base_permissions(wrong, GRAMMAR)
        assert said in str(raised.value)
    with pytest.raises(PolicyError, match="expected the role to have 'groups'"):
        read_base_permissions(["read:contents!path={group}"], GRAMMAR)


def test_memberships_are_turned_round():
    """From groups to usernames, to usernames with their groups, each once."""
    groups = {"manager": ["ann"], "/team/a/": ["ann", "bob"], "team/a": ["ann"], "empty": []}
    assert read_memberships(groups) == {"ann": ("manager", "team/a"), "bob": ("team/a",)}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (["a"], "expected a dict"),
        ({3: ["ann"]}, "names of groups as keys, got 3"),
        ({"a//b": ["ann"]}, "'a//b' is no name"),
        ({"": ["ann"]}, "'' is no name"),
        ({"a": "ann"}, "group 'a': expected 'members' to be a list of strings, got 'ann'"),
        ({"a": [""]}, "group 'a': 'members' holds ''"),
    ],
)
def test_bad_memberships_say_what_and_where(groups, said):
    """An error names the group, quotes what is wrong and says what was expected."""
    with pytest.raises(PolicyError) as raised:
        read_memberships(groups)
    assert said in str(raised.value)


@pytest.mark.parametrize("roles", [[GOOD], [{}]])
def test_garbage_collection_goes_on(roles):
    """Reading leaves the collector of garbage as it was, whether or not it succeeds."""
    assert gc.isenabled()
    with contextlib.suppress(PolicyError):
        read_roles(roles, GRAMMAR)
    assert gc.isenabled()


def test_names_of_roles_that_are_given():
    """Where roles are given by name, no two may differ in case only; else they may."""
    roles = [GOOD, {**GOOD, "name": "Team"}]
    assert len(read_roles(roles, GRAMMAR)) == 2
    with pytest.raises(PolicyError, match="role 'Team': the name is given twice, as 'team' but"):
        read_roles(roles, GRAMMAR, are_given=True)
