"""Tags of users: whole segments with slashes between them; those of the set `groups` are groups.

Between the store and whoever manages people. Hierarchical throughout and case-sensitive: who is
tagged `teacher/physics` is found by `teacher` and has all that is given to `teacher`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlalchemy import and_, delete, func, insert, or_, select

from jupyter_authz.accounts import people
from jupyter_authz.accounts.schema import GRANTS, GROUPS, MEMBERSHIPS, USERS
from jupyter_authz.accounts.store import GROUP, USER
from jupyter_authz.errors import PolicyError, RefusedError
from jupyter_authz.policy.roles import read_group
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection

    from jupyter_authz.accounts.store import Store, Writing

# The set that the policy knows.
MEMBERS = "groups"
_LONGEST = 255
_LONGEST_SET = 64

Mode = Literal["or", "and"]


class Tags:
    """A set of tags of the users of a store, with the meaning of py4web's.

    Parameters
    ----------
    store
        Where they are kept.
    tag_set
        Its name; sets know nothing of one another. Those of the default set are the groups of the
        policy.

    Examples
    --------
    >>> tags = Tags(store)
    >>> tags.add("ann", "teacher/physics")
    >>> tags.get("ann")
    ('teacher/physics',)
    >>> tags.find("teacher")
    ('ann',)
    """

    def __init__(self, store: Store, tag_set: str = MEMBERS) -> None:
        if not tag_set or len(tag_set) > _LONGEST_SET:
            raise RefusedError(
                "bad-set", f"expected a name of at most {_LONGEST_SET} letters, got {tag_set!r}"
            )
        self._store = store
        self._tag_set = tag_set

    def add(self, username: str, tags: str | Iterable[str]) -> None:
        """Tag a user; with what they are tagged already, nothing happens.

        Parameters
        ----------
        username
            Of a user in the store.
        tags
            One or several, such as ``teacher/physics``; slashes at the ends mean nothing.

        Raises
        ------
        RefusedError
            There is no such user, or a tag is none. Then none was added.
        """
        with self._store.writing() as writing:
            add(writing, username, tags, self._tag_set)

    def remove(self, username: str, tags: str | Iterable[str]) -> None:
        """Take tags from a user: these very ones, not those below them."""
        with self._store.writing() as writing:
            remove(writing, username, tags, self._tag_set)

    def get(self, username: str) -> tuple[str, ...]:
        """Give the tags of a user, sorted, without slashes at their ends."""
        with self._store.reading() as connection:
            return get(connection, username, self._tag_set)

    def find(self, tags: str | Iterable[str], mode: Mode = "and") -> tuple[str, ...]:
        """Give the names of those who are tagged so, or below it, sorted.

        Parameters
        ----------
        tags
            One or several. No sign in them stands for another.
        mode
            ``and``: with all of them; ``or``: with any.
        """
        with self._store.reading() as connection:
            return find(connection, tags, mode, self._tag_set)


def read_tags(tags: str | Iterable[str]) -> tuple[str, ...]:
    """Give tags as they are kept.

    Raises
    ------
    RefusedError
        One is none, or there are none.
    """
    given: list[object] = [tags] if isinstance(tags, str) else list(tags)
    read = []
    for tag in given:
        if not isinstance(tag, str) or len(tag) > _LONGEST:
            raise RefusedError(
                "bad-group", f"expected a group of at most {_LONGEST} letters, got {tag!r}"
            )
        try:
            found = read_group(tag, "groups")
            people.check_text(found, "group")
        except PolicyError as error:
            raise RefusedError("bad-group", str(error)) from None
        read.append(found)
    if not read:
        raise RefusedError("bad-group", "expected at least one group, got none")
    return tuple(dict.fromkeys(read))


def at_or_below(column: ColumnElement[str], tag: str) -> ColumnElement[bool]:
    """Give a condition: a tag is another or below it."""
    # INVARIANT: whole segments, and no sign that stands for another; `LIKE` takes no notice of
    # case everywhere. tests/accounts/test_tags.py
    begin = f"{tag}/"
    return or_(column == tag, func.substr(column, 1, len(begin)) == begin)


def add(writing: Writing, username: str, tags: str | Iterable[str], tag_set: str = MEMBERS) -> None:
    """Tag a user, in a transaction; as `Tags.add`."""
    read = read_tags(tags)
    people.require(writing.connection, username)
    make(writing, read, tag_set)
    held = set(get(writing.connection, username, tag_set))
    rows = [
        {"username": username, "tag_set": tag_set, "group_name": tag}
        for tag in read
        if tag not in held
    ]
    if rows:
        writing.connection.execute(insert(MEMBERSHIPS), rows)
        writing.note(USER, username)


def remove(
    writing: Writing, username: str, tags: str | Iterable[str], tag_set: str = MEMBERS
) -> None:
    """Take tags from a user, in a transaction; as `Tags.remove`."""
    read = read_tags(tags)
    people.require(writing.connection, username)
    writing.connection.execute(
        delete(MEMBERSHIPS).where(
            MEMBERSHIPS.c.username == username,
            MEMBERSHIPS.c.tag_set == tag_set,
            MEMBERSHIPS.c.group_name.in_(read),
        )
    )
    writing.note(USER, username)


def get(connection: Connection, username: str, tag_set: str = MEMBERS) -> tuple[str, ...]:
    """Give the tags of a user, as `Tags.get`."""
    rows = connection.scalars(
        select(MEMBERSHIPS.c.group_name).where(
            MEMBERSHIPS.c.username == username, MEMBERSHIPS.c.tag_set == tag_set
        )
    )
    return tuple(sorted(rows))


def find(
    connection: Connection, tags: str | Iterable[str], mode: Mode = "and", tag_set: str = MEMBERS
) -> tuple[str, ...]:
    """Give who is tagged so, as `Tags.find`."""
    if mode not in {"or", "and"}:
        raise RefusedError("bad-mode", f"expected 'or' or 'and' as mode, got {mode!r}")
    combine = or_ if mode == "or" else and_
    conditions = [_is_tagged(tag, tag_set) for tag in read_tags(tags)]
    rows = connection.scalars(select(USERS.c.username).where(combine(*conditions)))
    return tuple(sorted(rows))


def _is_tagged(tag: str, tag_set: str) -> ColumnElement[bool]:
    members = select(MEMBERSHIPS.c.username).where(
        MEMBERSHIPS.c.tag_set == tag_set, at_or_below(MEMBERSHIPS.c.group_name, tag)
    )
    return USERS.c.username.in_(members)


# ---------------------------------------------------------------------- the tags themselves


def make(writing: Writing, tags: Sequence[str], tag_set: str = MEMBERS) -> None:
    """Have tags, whether anybody is tagged with them or not, and those above them."""
    for tag in dict.fromkeys(above for given in tags for above in lineage(given)):
        key = {"tag_set": tag_set, "name": tag}
        known = select(GROUPS.c.name).where(GROUPS.c.tag_set == tag_set, GROUPS.c.name == tag)
        if writing.connection.execute(known).first() is None:
            writing.connection.execute(insert(GROUPS).values(key))
            writing.note(GROUP, tag)


def delete_tag(writing: Writing, tag: str, tag_set: str = MEMBERS) -> tuple[str, ...]:
    """Delete a tag and all below it; give who was tagged with any of them.

    Raises
    ------
    RefusedError
        There is no such tag.
    """
    (read,) = read_tags(tag)
    is_below = and_(GROUPS.c.tag_set == tag_set, at_or_below(GROUPS.c.name, read))
    names = tuple(writing.connection.scalars(select(GROUPS.c.name).where(is_below)))
    if not names:
        raise RefusedError("no-group", f"there is no group {read!r}")
    members = find(writing.connection, read, tag_set=tag_set)
    writing.connection.execute(
        delete(MEMBERSHIPS).where(
            MEMBERSHIPS.c.tag_set == tag_set, at_or_below(MEMBERSHIPS.c.group_name, read)
        )
    )
    writing.connection.execute(delete(GROUPS).where(is_below))
    if tag_set == MEMBERS:
        writing.connection.execute(delete(GRANTS).where(at_or_below(GRANTS.c.group_name, read)))
    writing.note(GROUP, *names)
    writing.note(USER, *members)
    return members


def all_tags(connection: Connection, tag_set: str = MEMBERS) -> tuple[str, ...]:
    """Give all tags of a set, sorted as a tree is walked."""
    rows = connection.scalars(select(GROUPS.c.name).where(GROUPS.c.tag_set == tag_set))
    return tuple(sorted(rows, key=lambda name: name.split("/")))
