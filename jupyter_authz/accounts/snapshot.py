"""The snapshot: all that a decision or a sign-in looks up, as it was in the store at one moment.

Between the store and identity and policy. It never changes; what has changed since makes another.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from jupyter_authz.accounts.people import ACTIVE
from jupyter_authz.accounts.schema import GRANTS, MEMBERSHIPS, SESSIONS, TOKENS, USERS
from jupyter_authz.accounts.store import GROUP, SESSION, TOKEN, USER, Mark, in_pieces
from jupyter_authz.accounts.tags import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Table

    from jupyter_authz.accounts.store import Store


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that was given.

    Parameters
    ----------
    role
        Its name.
    expires
        In seconds since 1970; None is never.
    by
        Who gave it.
    """

    role: str
    expires: int | None
    by: str

    def counts(self, now: float) -> bool:
        """Whether it has not ended."""
        return self.expires is None or now < self.expires


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the store.

    Parameters
    ----------
    username, name, email, state, is_verified, created
        As in the store.
    password
        Hashed, or None.
    groups
        That they are directly in, sorted.
    grants
        Roles that were given to them by name.
    """

    username: str
    name: str
    email: str | None
    state: str
    is_verified: bool
    created: int
    password: str | None = field(repr=False)
    groups: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in.

    Parameters
    ----------
    id
        By which its user can end it; no secret.
    username
        Whose.
    created, seen
        In seconds since 1970; last seen as far as the store knows.
    """

    id: str
    username: str
    created: int
    seen: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a script.

    Parameters
    ----------
    id
        No secret.
    username
        Whose.
    limits
        Permissions beyond which nothing may be done with it; None is no limit.
    expires
        In seconds since 1970; None is never.
    """

    id: str
    username: str
    limits: tuple[str, ...] | None
    expires: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the store held.

    Parameters
    ----------
    mark
        Where in its journal.
    people
        By username; those of deleted users, too, whom the configuration or another identity
        provider may still know.
    sessions, tokens
        By the SHA-256 of their secrets.
    group_grants
        By group, the roles given to it.
    """

    mark: Mark
    people: Mapping[str, Person]
    sessions: Mapping[bytes, Session] = field(repr=False)
    tokens: Mapping[bytes, Token] = field(repr=False)
    group_grants: Mapping[str, tuple[Grant, ...]]

    def next_end(self, now: float, absolute_limit: float | None = None) -> float | None:
        """Give when the next grant, token or session ends, in seconds since 1970.

        Parameters
        ----------
        now
            In seconds since 1970.
        absolute_limit
            After how many seconds a session ends in any case.
        """
        held = (grant for some in self.group_grants.values() for grant in some)
        given = (grant for person in self.people.values() for grant in person.grants)
        ends: list[float | None] = [grant.expires for some in (held, given) for grant in some]
        ends += [token.expires for token in self.tokens.values()]
        if absolute_limit is not None:
            ends += [session.created + absolute_limit for session in self.sessions.values()]
        return min((end for end in ends if end is not None and end > now), default=None)


EMPTY = Snapshot(Mark(0, ""), {}, {}, {}, {})


class GrantedPeople:
    """A snapshot as the engine sees it, at a time: grants that have ended are none.

    Parameters
    ----------
    snapshot
        Of the store.
    now
        In seconds since 1970.
    """

    def __init__(self, snapshot: Snapshot, now: float) -> None:
        self._people = snapshot.people
        self._now = now
        self._given = {
            group: names
            for group, grants in snapshot.group_grants.items()
            if (names := tuple(grant.role for grant in grants if grant.counts(now)))
        }

    def groups_of(self, username: str) -> tuple[str, ...]:
        """Give the groups that somebody is directly in."""
        person = self._people.get(username)
        return person.groups if person is not None else ()

    def roles_of(self, username: str) -> Collection[str]:
        """Give the names of the roles that were given to somebody by name."""
        person = self._people.get(username)
        grants = person.grants if person is not None else ()
        return [grant.role for grant in grants if grant.counts(self._now)]

    def roles_given_to(self, group: str) -> Collection[str]:
        """Give the names of the roles that were given to a group."""
        return self._given.get(group, ())

    def groups_with_roles(self) -> Collection[str]:
        """Give the groups that roles were given to."""
        return self._given.keys()

    def may_act(self, username: str) -> bool:
        """Whether somebody may do anything: who is not in the store is known to others only."""
        person = self._people.get(username)
        return person is None or person.state == ACTIVE


# ---------------------------------------------------------------------- reading


def read(store: Store) -> Snapshot:
    """Read all of a store.

    Raises
    ------
    StoreLostError
        It cannot be reached.
    """
    with store.reading() as connection:
        return Snapshot(
            store.mark(connection),
            MappingProxyType(_people(connection)),
            MappingProxyType(_sessions(connection)),
            MappingProxyType(_tokens(connection)),
            MappingProxyType(_group_grants(connection)),
        )


def read_again(store: Store, before: Snapshot) -> Snapshot:
    """Read what has changed; give the very same snapshot where nothing has.

    Raises
    ------
    StoreLostError
        It cannot be reached.
    """
    with store.reading() as connection:
        changes = store.changes_since(connection, before.mark)
        if changes.mark == before.mark:
            return before
        keys: dict[str, list[str]] = defaultdict(list)
        for kind, key in changes.keys or ():
            keys[kind].append(key)
        if changes.keys is not None:
            # Sessions and tokens of a user end with what they are asked by.
            users, digests = keys[USER], {k: list(map(bytes.fromhex, keys[k])) for k in _SECRETS}
            theirs = {k: [*digests[k], *_of_users(before, k, users)] for k in _SECRETS}
            return replace(
                before,
                mark=changes.mark,
                people=_merged(before.people, users, _people(connection, users)),
                sessions=_merged(
                    before.sessions, theirs[SESSION], _sessions(connection, theirs[SESSION])
                ),
                tokens=_merged(before.tokens, theirs[TOKEN], _tokens(connection, theirs[TOKEN])),
                group_grants=MappingProxyType(_group_grants(connection))
                if keys[GROUP]
                else before.group_grants,
            )
    return read(store)


_SECRETS = (SESSION, TOKEN)


def _of_users(before: Snapshot, kind: str, users: Collection[str]) -> Iterable[bytes]:
    """Give the secrets of users, as far as they are known."""
    if not users:
        return ()
    theirs = set(users)
    held: Mapping[bytes, Session | Token] = before.sessions if kind == SESSION else before.tokens
    return [digest for digest, one in held.items() if one.username in theirs]


def _merged(before: Mapping[Any, Any], keys: Sequence[Any], found: Mapping[Any, Any]) -> Any:
    if not keys:
        return before
    merged = dict(before)
    for key in keys:
        merged.pop(key, None)
    merged.update(found)
    return MappingProxyType(merged)


def _rows(
    connection: Connection,
    table: Table,
    column: ColumnElement[Any],
    keys: Sequence[Any] | None,
    *conditions: ColumnElement[bool],
) -> Iterable[Row[Any]]:
    """Give the rows of a table, all or those with some keys."""
    if keys is None:
        yield from connection.execute(select(table).where(*conditions))
        return
    for piece in in_pieces(keys):
        yield from connection.execute(select(table).where(column.in_(piece), *conditions))


def _people(connection: Connection, usernames: Sequence[str] | None = None) -> dict[str, Person]:
    groups: dict[str, list[str]] = defaultdict(list)
    in_groups = MEMBERSHIPS.c.tag_set == MEMBERS
    for row in _rows(connection, MEMBERSHIPS, MEMBERSHIPS.c.username, usernames, in_groups):
        groups[row.username].append(row.group_name)
    grants: dict[str, list[Grant]] = defaultdict(list)
    by_name = GRANTS.c.username.is_not(None)
    for row in _rows(connection, GRANTS, GRANTS.c.username, usernames, by_name):
        grants[row.username].append(Grant(row.role, row.expires, row.granted_by))
    return {
        row.username: Person(
            row.username,
            row.name,
            row.email,
            row.state,
            bool(row.is_verified),
            row.created,
            row.password,
            tuple(sorted(groups.get(row.username, ()))),
            _sorted(grants.get(row.username, ())),
        )
        for row in _rows(connection, USERS, USERS.c.username, usernames)
    }


def _sessions(
    connection: Connection, digests: Sequence[bytes] | None = None
) -> dict[bytes, Session]:
    return {
        row.digest: Session(row.id, row.username, row.created, row.seen)
        for row in _rows(connection, SESSIONS, SESSIONS.c.digest, digests)
    }


def _tokens(connection: Connection, digests: Sequence[bytes] | None = None) -> dict[bytes, Token]:
    return {
        row.digest: Token(
            row.id,
            row.username,
            None if row.permissions is None else tuple(json.loads(row.permissions)),
            row.expires,
        )
        for row in _rows(connection, TOKENS, TOKENS.c.digest, digests)
    }


def _group_grants(connection: Connection) -> dict[str, tuple[Grant, ...]]:
    found: dict[str, list[Grant]] = defaultdict(list)
    for row in connection.execute(select(GRANTS).where(GRANTS.c.group_name.is_not(None))):
        found[row.group_name].append(Grant(row.role, row.expires, row.granted_by))
    return {group: _sorted(grants) for group, grants in found.items()}


def _sorted(grants: Iterable[Grant]) -> tuple[Grant, ...]:
    # Databases give rows in any order, and what is the same must be equal.
    return tuple(sorted(grants, key=lambda grant: grant.role))
