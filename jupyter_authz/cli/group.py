"""`jupyter authz group ...`: who is in which groups; each function is one verb.

Right of `cli.task`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import select

from jupyter_authz.accounts import people, tags
from jupyter_authz.accounts.schema import MEMBERSHIPS
from jupyter_authz.cli.task import Answer
from jupyter_authz.errors import RefusedError
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from jupyter_authz.cli.task import Task


def add(task: Task, given: Namespace) -> Answer:
    """Have somebody in groups, which are made if there are none."""
    with task.store.writing() as writing:
        task.know(writing, given.username)
        tags.add(writing, given.username, given.groups)
        return _groups_of(writing.connection, given.username)


def remove(task: Task, given: Namespace) -> Answer:
    """Take somebody out of groups."""
    groups = tags.read_tags(given.groups)
    with task.store.writing() as writing:
        people.require(writing.connection, given.username)
        held = tags.get(writing.connection, given.username)
        for group in groups:
            if group not in held:
                known = ", ".join(map(repr, held)) or "none"
                raise RefusedError(
                    "no-group",
                    f"{given.username!r} is not directly in the group {group!r} of the store, "
                    f"expected one of {known}",
                )
        tags.remove(writing, given.username, groups)
        return _groups_of(writing.connection, given.username)


def _groups_of(connection: Connection, username: str) -> Answer:
    people.require(connection, username)
    groups = tags.get(connection, username)
    told = f"{username!r} is in {', '.join(groups)}." if groups else f"{username!r} is in no group."
    return Answer({"username": username, "groups": list(groups)}, told)


def look(task: Task, given: Namespace) -> Answer:
    """List groups as a tree, or those of somebody."""
    with task.store.reading() as connection:
        if given.username is not None:
            return _groups_of(connection, given.username)
        groups = tags.all_tags(connection)
        theirs = select(MEMBERSHIPS.c.username, MEMBERSHIPS.c.group_name).where(
            MEMBERSHIPS.c.tag_set == tags.MEMBERS
        )
        pairs = [(row.username, row.group_name) for row in connection.execute(theirs)]
    direct = Counter(group for _, group in pairs)
    whole = Counter(
        group for _, group in {(name, above) for name, group in pairs for above in lineage(group)}
    )
    lines = [
        f"{'  ' * one.count('/')}{one.rpartition('/')[2]}  {whole[one]} ({direct[one]} directly)"
        for one in groups
    ]
    counts = [{"group": one, "members": whole[one], "direct": direct[one]} for one in groups]
    return Answer(counts, "\n".join(lines) or "No groups.")


def find(task: Task, given: Namespace) -> Answer:
    """Find who is in groups, or below them."""
    with task.store.reading() as connection:
        found = tags.find(connection, given.groups, "and" if given.all else "or")
    return _names(found)


def _names(names: Sequence[str]) -> Answer:
    return Answer(list(names), "\n".join(names) or "Nobody.")


def delete(task: Task, given: Namespace) -> Answer:
    """Delete a group and all below it."""
    with task.store.writing() as writing:
        members = tags.delete_tag(writing, given.group)
    (group,) = tags.read_tags(given.group)
    return Answer(
        {"group": group, "members": list(members)},
        f"Deleted {group!r} and all below it; people who were in it: {len(members)}.",
    )
