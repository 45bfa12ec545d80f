"""Roles: what an operator wrote in `c.JupyterAuthz.roles`, checked in every detail.

Stands between configuration and the engine. Nothing invalid passes: each error names the role,
quotes what is wrong and says what was expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from jupyter_authz.errors import PolicyError
from jupyter_authz.model import GUEST
from jupyter_authz.policy.garbage import no_collection
from jupyter_authz.policy.patterns import Wild
from jupyter_authz.resources.types import COMPUTE, MUST_BE_NAMED

if TYPE_CHECKING:
    from jupyter_authz.policy.permissions import Grammar, Permission

ROLE_KEYS = ("name", "description", "users", "groups", "allow", "deny")

# The name under which the base permissions appear in explanations.
BASE_ROLE = "base_permissions"
# And the limits of a token.
LIMITS_ROLE = "token"
EVERYBODY = "*"


@dataclass(frozen=True, slots=True)
class Role:
    """A role as checked.

    Parameters
    ----------
    name
        Unique.
    description
        For people.
    users
        Usernames; ``*`` is every signed-in user.
    groups
        Groups, without slashes at their ends; members of groups below them are in.
    allow, deny
        Permissions.
    """

    name: str
    description: str
    users: tuple[str, ...]
    groups: tuple[str, ...]
    allow: tuple[Permission, ...]
    deny: tuple[Permission, ...]


def read_roles(roles: object, grammar: Grammar, *, are_given: bool = False) -> tuple[Role, ...]:
    """Check the list of roles.

    Parameters
    ----------
    roles
        The value of ``c.JupyterAuthz.roles``: a list of dicts.
    grammar
        Reads the permissions.
    are_given
        Whether roles are given to people in a store, too, so that they need name nobody.

    Raises
    ------
    PolicyError
        Something in it is wrong.
    """
    if not isinstance(roles, Sequence) or isinstance(roles, str):
        raise PolicyError(f"roles: expected a list of dicts, got {roles!r}")
    read: dict[str, Role] = {}
    with no_collection():
        for position, value in enumerate(roles, start=1):
            role = _role(value, position, grammar, are_given=are_given)
            # INVARIANT: where roles are given by name, whose case does not count, a name means one.
            # tests/policy/test_roles.py::test_names_of_roles_that_are_given
            key = role.name.lower() if are_given else role.name
            if key in read:
                other = read[key].name
                alike = "" if other == role.name else f", as {other!r} but for case"
                raise PolicyError(
                    f"role {role.name!r}: the name is given twice{alike}, expected unique names"
                )
            read[key] = role
    return tuple(read.values())


def read_base_permissions(permissions: object, grammar: Grammar) -> Role:
    """Check the permissions of every signed-in user.

    Raises
    ------
    PolicyError
        Something in them is wrong.
    """
    texts = _strings(permissions, BASE_ROLE, "permissions", empty=True)
    allow = _permissions(texts, BASE_ROLE, "allow", (), grammar)
    return Role(BASE_ROLE, "What a working front end needs", (EVERYBODY,), (), allow, ())


def read_everything(grammar: Grammar) -> tuple[Role, Role]:
    """Give what people may where there are no roles, so that a hook or a callback alone decides.

    Who has signed in may do all but manage people. Guests may look, and use what is made to be
    looked at: a callback that lets them in somewhere does not mean that they may run code there.
    """
    # What runs is shown to nobody who has not signed in, nor is anything that must be named.
    seen = ",".join(kind for kind in grammar.types if kind not in {*COMPUTE, *MUST_BE_NAMED})
    return (
        Role(
            BASE_ROLE,
            "All that a hook or a callback lets one do",
            (EVERYBODY,),
            (),
            _permissions(("*",), BASE_ROLE, "allow", (), grammar),
            _permissions(("*:authz",), BASE_ROLE, "deny", (), grammar),
        ),
        Role(
            BASE_ROLE,
            "What a hook or a callback lets guests look at",
            (),
            (GUEST,),
            _permissions((f"read:{seen}", "execute:voila,proxy"), BASE_ROLE, "allow", (), grammar),
            (),
        ),
    )


def read_limits(permissions: tuple[str, ...], grammar: Grammar) -> Role:
    """Check the permissions beyond which nothing may be done with a token.

    Raises
    ------
    PolicyError
        Something in them is wrong.
    """
    allow = _permissions(
        _strings(permissions, LIMITS_ROLE, "permissions"), LIMITS_ROLE, "permission", (), grammar
    )
    return Role(LIMITS_ROLE, "What a token is limited to", (EVERYBODY,), (), allow, ())


def _role(value: object, position: int, grammar: Grammar, *, are_given: bool) -> Role:
    where = f"role {position}"
    if not isinstance(value, Mapping):
        raise PolicyError(
            f"{where}: expected a dict with 'name', 'users' or 'groups', 'allow' "
            f"or 'deny', got {value!r}"
        )
    name = value.get("name")
    if isinstance(name, str) and name:
        where = f"role {name!r}"
    for key in value:
        if key not in ROLE_KEYS:
            close = get_close_matches(str(key), ROLE_KEYS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise PolicyError(
                f"{where}: unknown key {key!r}, expected {', '.join(map(repr, ROLE_KEYS))}{hint}"
            )
    if not isinstance(name, str) or not name:
        raise PolicyError(f"{where}: expected a 'name', a non-empty string, got {name!r}")
    if name == BASE_ROLE:
        raise PolicyError(
            f"{where}: the name is taken, expected another one; what every signed-in "
            "user may do is set with c.JupyterAuthz.base_permissions"
        )
    description = value.get("description", "")
    if not isinstance(description, str):
        raise PolicyError(f"{where}: expected 'description' to be a string, got {description!r}")
    users = _strings(value["users"], where, "users") if "users" in value else ()
    groups = _groups(value["groups"], where) if "groups" in value else ()
    if not users and not groups and not are_given:
        raise PolicyError(
            f"{where}: expected 'users' or 'groups', whom it applies to; "
            "['*'] as 'users' is every signed-in user"
        )
    if "allow" not in value and "deny" not in value:
        raise PolicyError(f"{where}: expected 'allow' or 'deny', lists of permissions")
    allow, deny = (
        _permissions(_strings(value[key], where, key), where, key, groups, grammar)
        if key in value
        else ()
        for key in ("allow", "deny")
    )
    return Role(name, description, users, groups, allow, deny)


def _strings(value: object, where: str, key: str, *, empty: bool = False) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not (value or empty):
        kind = "list" if empty else "non-empty list"
        raise PolicyError(f"{where}: expected {key!r} to be a {kind} of strings, got {value!r}")
    for item in value:
        if not isinstance(item, str) or not item:
            raise PolicyError(f"{where}: {key!r} holds {item!r}, expected non-empty strings")
    return tuple(value)


def _groups(value: object, where: str) -> tuple[str, ...]:
    return tuple(read_group(item, where) for item in _strings(value, where, "groups"))


def read_group(value: str, where: str) -> str:
    """Check the name of a group and give it without slashes at its ends.

    Parameters
    ----------
    value
        Such as ``teacher/physics``.
    where
        What holds it, for the error.

    Raises
    ------
    PolicyError
        A segment is empty, ``.``, ``..`` or holds NUL.
    """
    group = value.strip("/")
    if any(s in {"", ".", ".."} or "\0" in s for s in group.split("/")):
        raise PolicyError(
            f"{where}: the group {value!r} is no name, expected segments with one "
            "slash between them, such as 'teacher/physics'"
        )
    return group


def _permissions(
    texts: tuple[str, ...], where: str, key: str, groups: tuple[str, ...], grammar: Grammar
) -> tuple[Permission, ...]:
    permissions = []
    for text in texts:
        try:
            permission = grammar.parse(text)
        except PolicyError as error:
            raise PolicyError(f"{where}: {key} {text!r}: {error}") from None
        if not groups and permission.filters:
            for holder in (h for h in (Wild.GROUP, Wild.SUBGROUP) if h in permission.holders):
                raise PolicyError(
                    f"{where}: {key} {text!r}: {holder.value} stands for a group of "
                    "the role, expected the role to have 'groups'"
                )
        permissions.append(permission)
    return tuple(permissions)


def read_memberships(groups: object) -> Mapping[str, tuple[str, ...]]:
    """Check `c.JupyterAuthz.groups` and turn it round.

    Parameters
    ----------
    groups
        A dict from group to its members' usernames.

    Returns
    -------
    Mapping
        From username to the groups the user is directly in.

    Raises
    ------
    PolicyError
        Something in it is wrong.
    """
    if not isinstance(groups, Mapping):
        raise PolicyError(f"groups: expected a dict from group to usernames, got {groups!r}")
    memberships: dict[str, Any] = {}
    for name, members in groups.items():
        if not isinstance(name, str):
            raise PolicyError(f"groups: expected names of groups as keys, got {name!r}")
        group = read_group(name, "groups")
        for member in _strings(members, f"group {name!r}", "members", empty=True):
            memberships.setdefault(member, []).append(group)
    return {user: tuple(dict.fromkeys(names)) for user, names in memberships.items()}
