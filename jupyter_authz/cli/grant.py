"""`jupyter authz grant`, `revoke` and `grants`: roles that are given to users and groups.

Right of `cli.task`; each function does one of them.
"""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from jupyter_authz.accounts import grants, tags
from jupyter_authz.accounts.administration import end_of
from jupyter_authz.accounts.schema import GRANTS
from jupyter_authz.cli.task import Answer, table, told_time

if TYPE_CHECKING:
    from argparse import Namespace

    from jupyter_authz.cli.task import Task

DAY = 24 * 60 * 60


def give(task: Task, given: Namespace) -> Answer:
    """Give a role."""
    expires = end_of(given.expires or "")
    if given.days is not None:
        expires = int(time.time()) + given.days * DAY
    with task.store.writing() as writing:
        if given.user is not None:
            task.know(writing, given.user)
        grants.give(
            writing,
            given.role,
            username=given.user,
            group=given.group,
            expires=expires,
            # No user of a server has this name.
            by=f"{getpass.getuser()}@command-line",
            roles=task.roles,
        )
    until = f" until {told_time(expires)}" if expires is not None else ""
    return _answer(given, f"Gave the role {given.role!r} to", until, expires=expires)


def take(task: Task, given: Namespace) -> Answer:
    """Take a role that was given."""
    with task.store.writing() as writing:
        grants.take(writing, given.role, username=given.user, group=given.group)
    return _answer(given, f"Took the role {given.role!r} from")


def _answer(given: Namespace, done: str, end: str = "", **more: int | None) -> Answer:
    group = tags.read_tags(given.group)[0] if given.group is not None else None
    whom = repr(given.user) if group is None else f"the group {group!r}"
    said = {"role": given.role, "user": given.user, "group": group, **more}
    return Answer(said, f"{done} {whom}{end}.")


def look(task: Task, given: Namespace) -> Answer:
    """List what was given."""
    del given
    with task.store.reading() as connection:
        rows = connection.execute(select(GRANTS)).all()
    now = time.time()
    found = [
        {
            "role": row.role,
            "user": row.username,
            "group": row.group_name,
            "expires": row.expires,
            "is_over": row.expires is not None and row.expires <= now,
            "granted_by": row.granted_by,
            "created": row.created,
        }
        for row in sorted(rows, key=lambda r: (r.role, r.group_name or "", r.username or ""))
    ]
    lines = [
        (
            one["role"],
            f"user {one['user']}" if one["user"] is not None else f"group {one['group']}",
            told_time(one["expires"]) + (" (over)" if one["is_over"] else ""),
            one["granted_by"],
        )
        for one in found
    ]
    return Answer(found, table(("role", "given to", "until", "by"), lines, "No grants."))
