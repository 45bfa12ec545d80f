"""`jupyter authz user import` and `group import`: many at once from CSV files, all or nothing.

Right of `cli.task` and `cli.tables`. What `people.add` and `tags.add` refuse is refused here, too;
but what the store holds is read once, and what is new is written in a few statements.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from jupyter_authz.accounts import people, tags
from jupyter_authz.accounts.schema import MEMBERSHIPS, USERS
from jupyter_authz.accounts.store import USER, in_pieces
from jupyter_authz.cli.tables import Row, read_table, watched
from jupyter_authz.cli.task import Answer
from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.credentials import EXPECTED_HASH, is_password_hash, masked
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Table

    from jupyter_authz.accounts.store import Writing
    from jupyter_authz.cli.task import Task

# Written in one statement.
_PIECE = 5_000


def users(task: Task, given: Namespace) -> Answer:
    """Make all users of a file, or none."""
    rows = read_table(given.file, ["username"], ["name", "email", "groups", "hashed_password"])
    if any(row.cells["hashed_password"] for row in rows):
        task.require_sign_in()
    # Whoever has no password yet is to set one.
    state = people.INVITED if task.has_sign_in else people.ACTIVE
    read_groups = cache(_groups)
    made: list[dict[str, Any]] = []
    groups: list[Sequence[str]] = []
    for row in watched(rows, "Checking"):
        made.append(_user(row, state))
        groups.append(row.checked("groups", read_groups))
    with task.store.writing() as writing:
        _require_free(writing.connection, task, rows, made)
        # The text of one statement is the same for all.
        _write(writing, USERS, [{**one, "created": writing.now} for one in made], "Users")
        pairs = [
            (user["username"], group)
            for user, theirs in zip(made, groups, strict=True)
            for group in theirs
        ]
        _write_memberships(writing, pairs)
        writing.note(USER, *(user["username"] for user in made))
    invited = sum(user["state"] == people.INVITED for user in made)
    told = f"Made {len(made)} users"
    told += f"; {invited} have no password yet: see `jupyter authz user link`." if invited else "."
    return Answer({"users": len(made), "invited": invited, "memberships": len(pairs)}, told)


def _user(row: Row, state: str) -> dict[str, Any]:
    username = row.checked("username", people.check_new_username)
    email = row.checked("email", people.check_email) if row.cells["email"] else None
    password = row.checked("hashed_password", _hash) if row.cells["hashed_password"] else None
    return {
        "username": username,
        "username_key": people.username_key(username),
        "name": row.checked("name", lambda text: people.check_text(text, "name")),
        "email": email,
        "email_key": None if email is None else people.email_key(email),
        "password": password,
        "state": people.ACTIVE if password is not None else state,
        "is_verified": 0,
    }


def _hash(text: str) -> str:
    if not is_password_hash(text):
        raise RefusedError("bad-password", f"expected {EXPECTED_HASH}, got {masked(text)}")
    return text


def _groups(text: str) -> Sequence[str]:
    if "," in text:
        raise RefusedError(
            "bad-group", f"expected groups with ';' between them, such as 'team/a;b', got {text!r}"
        )
    given = [one.strip() for one in text.split(";") if one.strip()]
    return tags.read_tags(given) if given else ()


def _require_free(
    connection: Connection, task: Task, rows: Sequence[Row], made: Sequence[dict[str, Any]]
) -> None:
    """Require names and addresses that nobody has, in the store, the configuration or the file."""
    names = {people.username_key(name): "" for name in task.configured_accounts}
    addresses: dict[str, str] = {}
    for known in connection.execute(select(USERS.c.username_key, USERS.c.email_key)):
        names[known.username_key] = ""
        addresses[known.email_key] = ""
    for row, user in zip(rows, made, strict=True):
        for column, reason, told, taken in (
            ("username", "name-taken", "the username {!r} is taken{}", names),
            ("email", "email-taken", "the address {!r} belongs to another account{}", addresses),
        ):
            key = user[f"{column}_key"]
            if key is None:
                continue
            if key in taken:
                by = taken[key] and f": see {taken[key]}"
                raise row.wrong(column, reason, told.format(user[column], by))
            taken[key] = row.where


def memberships(task: Task, given: Namespace) -> Answer:
    """Have all people of a file in their groups, or none."""
    rows = read_table(given.file, ["username", "group"])
    read = cache(lambda text: tags.read_tags(text)[0])
    groups = [row.checked("group", read) for row in watched(rows, "Checking")]
    with task.store.writing() as writing:
        living = select(USERS.c.username).where(USERS.c.state != people.DELETED)
        known = set(writing.connection.scalars(living))
        for row in rows:
            username = row.cells["username"]
            if username not in known:
                row.checked("username", lambda name: _require_known(task, writing, name))
                known.add(username)
        pairs = [(row.cells["username"], g) for row, g in zip(rows, groups, strict=True)]
        added = _write_memberships(writing, pairs)
        writing.note(USER, *(username for username, _ in pairs))
    return Answer({"rows": len(rows), "memberships": added}, f"Made {added} memberships.")


def _require_known(task: Task, writing: Writing, username: str) -> None:
    task.know(writing, username)
    people.require(writing.connection, username)


def _write_memberships(writing: Writing, pairs: Iterable[tuple[str, str]]) -> int:
    """Write memberships that there are not yet, and give how many; make the groups, too."""
    connection = writing.connection
    held = select(MEMBERSHIPS.c.username, MEMBERSHIPS.c.group_name).where(
        MEMBERSHIPS.c.tag_set == tags.MEMBERS
    )
    known = {(row.username, row.group_name) for row in connection.execute(held)}
    new = [pair for pair in dict.fromkeys(pairs) if pair not in known]
    there = set(tags.all_tags(connection))
    groups = dict.fromkeys(above for _, group in new for above in lineage(group))
    tags.make(writing, [group for group in groups if group not in there])
    rows = [{"username": u, "tag_set": tags.MEMBERS, "group_name": g} for u, g in new]
    _write(writing, MEMBERSHIPS, rows, "Groups")
    return len(new)


def _write(writing: Writing, table: Table, rows: Sequence[Any], what: str) -> None:
    for piece in watched(list(in_pieces(rows, _PIECE)), what):
        writing.connection.execute(insert(table), list(piece))
