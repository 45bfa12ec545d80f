"""`jupyter authz token ...`: what people's scripts sign in with; each function is one verb.

Right of `cli.task`.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from jupyter_authz.accounts import people, secrets
from jupyter_authz.accounts.schema import TOKENS
from jupyter_authz.cli.grant import DAY
from jupyter_authz.cli.task import Answer, table, told_time
from jupyter_authz.errors import PolicyError, RefusedError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from jupyter_authz.cli.task import Task


def add(task: Task, given: Namespace) -> Answer:
    """Make a token, and print it this once."""
    task.require_sign_in()
    limits = None if given.permission is None else _limits(task, given.permission)
    # No longer than the server lets people make one themselves.
    longest = task.settings.token_limit
    if longest and given.days and given.days * DAY > longest:
        raise RefusedError("bad-time", f"expected at most {longest // DAY} days, got {given.days}")
    seconds = given.days * DAY if given.days else longest
    expires = int(time.time()) + seconds if seconds else None
    with task.store.writing() as writing:
        task.know(writing, given.username)
        token = secrets.make_token(
            writing, given.username, given.name, permissions=limits, expires=expires
        )
    return Answer(
        {
            "token": token,
            "username": given.username,
            "name": given.name,
            "permissions": None if limits is None else list(limits),
            "expires": expires,
        },
        f"{token}\nis shown this once; it ends: {told_time(expires)}",
    )


def _limits(task: Task, permissions: Sequence[str]) -> tuple[str, ...]:
    checked = secrets.check_permissions(permissions)
    if task.policy is None:
        raise RefusedError(
            "no-policy", "a token is limited by a policy, expected c.JupyterAuthz.roles"
        )
    try:
        task.policy.check_limits(checked)
    except PolicyError as error:
        raise RefusedError("bad-permissions", str(error)) from None
    return checked


def look(task: Task, given: Namespace) -> Answer:
    """List the tokens of somebody, without what they are."""
    with task.store.reading() as connection:
        people.require(connection, given.username)
        theirs = select(TOKENS).where(TOKENS.c.username == given.username)
        rows = connection.execute(theirs.order_by(TOKENS.c.name)).all()
    found = [
        {
            "id": row.id,
            "name": row.name,
            "permissions": None if row.permissions is None else json.loads(row.permissions),
            "created": row.created,
            "expires": row.expires,
            "seen": row.seen,
        }
        for row in rows
    ]
    lines = [
        (
            one["id"],
            one["name"],
            told_time(one["expires"]),
            told_time(one["seen"]),
            "everything" if one["permissions"] is None else " ".join(one["permissions"]),
        )
        for one in found
    ]
    head = ("id", "name", "ends", "last used", "limited to")
    return Answer(found, table(head, lines, "No tokens."))


def delete(task: Task, given: Namespace) -> Answer:
    """End a token."""
    with task.store.writing() as writing:
        secrets.end_token(writing, given.username, given.id)
    return Answer({"username": given.username, "id": given.id}, f"Deleted the token {given.id}.")
