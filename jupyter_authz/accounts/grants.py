"""Grants: a role given to a user or a group in the store, for good or for a time.

Between the store and whoever manages people. What a role allows stands in the configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from jupyter_authz.accounts import people, tags
from jupyter_authz.accounts.schema import GRANTS
from jupyter_authz.accounts.store import GROUP, USER
from jupyter_authz.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement

    from jupyter_authz.accounts.store import Writing


def _holder(username: str | None, group: str | None) -> tuple[ColumnElement[bool], dict[str, Any]]:
    if (username is None) == (group is None):
        raise RefusedError("bad-holder", "expected either a user or a group, whom a role is given")
    if username is not None:
        return GRANTS.c.username == username, {"username": username}
    (name,) = tags.read_tags(group or "")
    return GRANTS.c.group_name == name, {"group_name": name}


def give(  # noqa: PLR0913 - by name
    writing: Writing,
    role: str,
    *,
    username: str | None = None,
    group: str | None = None,
    expires: int | None = None,
    by: str,
    roles: Collection[str],
) -> None:
    """Give a role; given again, it expires as said last.

    Parameters
    ----------
    writing
        The transaction.
    role
        Its name.
    username, group
        Whom; one of them.
    expires
        When it ends, in seconds since 1970; None is never.
    by
        Who gives it.
    roles
        The names of the roles there are.

    Raises
    ------
    RefusedError
        There is no such role, user or group, or it would have ended already.
    """
    if role not in roles:
        known = ", ".join(repr(one) for one in sorted(roles)) or "roles in c.JupyterAuthz.roles"
        raise RefusedError("no-role", f"there is no role {role!r}: expected one of {known}")
    if expires is not None and expires <= writing.now:
        raise RefusedError("bad-time", "expected a time that is to come, got one that is past")
    is_theirs, holder = _holder(username, group)
    if username is not None:
        people.require(writing.connection, username)
    else:
        tags.make(writing, [holder["group_name"]])
    values = {"expires": expires, "granted_by": by, "created": writing.now}
    same = (GRANTS.c.role == role, is_theirs)
    if writing.connection.execute(select(GRANTS.c.id).where(*same)).first() is None:
        row = {"role": role, **holder, **values}
        writing.connection.execute(insert(GRANTS).values(row))
    else:
        writing.connection.execute(update(GRANTS).where(*same).values(values))
    _note(writing, holder)


def take(
    writing: Writing, role: str, *, username: str | None = None, group: str | None = None
) -> None:
    """Take a role that was given.

    Raises
    ------
    RefusedError
        It was not given to them.
    """
    is_theirs, holder = _holder(username, group)
    done = writing.connection.execute(delete(GRANTS).where(GRANTS.c.role == role, is_theirs))
    if not done.rowcount:
        whom = f"user {username!r}" if username is not None else f"group {group!r}"
        raise RefusedError("no-grant", f"the role {role!r} was not given to the {whom}")
    _note(writing, holder)


def _note(writing: Writing, holder: dict[str, Any]) -> None:
    if "username" in holder:
        writing.note(USER, holder["username"])
    else:
        writing.note(GROUP, holder["group_name"])
