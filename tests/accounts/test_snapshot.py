"""Snapshots: what is read again is what is there, whatever has changed, and soon."""

from __future__ import annotations

import sqlite3
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select

from jupyter_authz.accounts import grants, people, secrets, snapshot, tags
from jupyter_authz.accounts import store as store_module
from jupyter_authz.accounts.schema import GRANTS, GROUPS, JOURNAL, MEMBERSHIPS, SESSIONS, USERS
from jupyter_authz.accounts.snapshot import EMPTY, read, read_again
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.identity.credentials import token_digest

only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)

NAMES = st.sampled_from(["ann", "bob", "cy"])
SOME_TAGS = st.lists(st.sampled_from(["a", "a/b", "a/b/c", "b"]), min_size=1, max_size=2)
ROLES = st.sampled_from(["r", "s"])
TIMES = st.sampled_from([None, 4_000_000_000, 4_000_000_001])


def end_one(writing, table, number):
    """End one of the sessions or tokens there are, if there are any."""
    digests = sorted(writing.connection.scalars(select(table.c.digest)))
    if digests:
        ended = [digests[number % len(digests)]]
        secrets.end_all(writing, *([ended, []] if table is SESSIONS else [[], ended]))


def give(writing, role, holder, expires):
    """Give a role to a user or a group."""
    kind, name = holder
    grants.give(writing, role, **{kind: name}, expires=expires, by="x", roles=["r", "s"])


def take(writing, role, holder):
    """Take a role from a user or a group."""
    kind, name = holder
    grants.take(writing, role, **{kind: name})


HOLDERS = st.one_of(
    st.tuples(st.just("username"), NAMES),
    st.tuples(st.just("group"), st.sampled_from(["a", "a/b", "b"])),
)
CHANGES = st.one_of(
    st.tuples(st.just(people.add), NAMES),
    st.tuples(st.just(people.add), NAMES),
    st.tuples(st.just(people.change), NAMES).map(
        lambda c: (lambda w, u: people.change(w, u, name=f"N{time.time_ns()}"), c[1])
    ),
    st.tuples(st.just(people.set_password), NAMES, st.sampled_from([None, "x", "y"])),
    st.tuples(st.just(people.set_state), NAMES, st.sampled_from(["active", "active", "blocked"])),
    st.tuples(st.just(people.remove), NAMES),
    st.tuples(st.just(tags.add), NAMES, SOME_TAGS),
    st.tuples(st.just(tags.add), NAMES, SOME_TAGS, st.just("other")),
    st.tuples(st.just(tags.remove), NAMES, SOME_TAGS),
    st.tuples(st.just(tags.delete_tag), st.sampled_from(["a", "a/b", "b"])),
    st.tuples(st.just(give), ROLES, HOLDERS, TIMES),
    st.tuples(st.just(give), ROLES, HOLDERS, TIMES),
    st.tuples(st.just(take), ROLES, HOLDERS),
    st.tuples(st.just(secrets.begin_session), NAMES),
    st.tuples(st.just(secrets.end_sessions), NAMES),
    st.tuples(st.just(end_one), st.sampled_from([SESSIONS, snapshot.TOKENS]), st.integers(0, 9)),
    st.tuples(st.just(secrets.make_token), NAMES, st.integers(0, 99).map(str)),
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.lists(CHANGES, min_size=1, max_size=3), min_size=1, max_size=8))
def test_read_again_is_read(store, empty, steps):
    """After any changes, in any transactions, some of which were refused and undone."""
    empty()
    with store.writing() as writing:
        people.add(writing, "ann")
        people.add(writing, "bob")
        secrets.begin_session(writing, "ann")
        tags.add(writing, "ann", ["a/b", "b"])
    seen = rarely = read(store)
    for number, changes in enumerate(steps):
        try:
            with store.writing() as writing:
                for operation, *arguments in changes:
                    operation(writing, *arguments)
        except RefusedError:
            assert read_again(store, seen) is seen
        found = read(store)
        seen = read_again(store, seen)
        assert seen == found
        if number % 3 == 2:
            rarely = read_again(store, rarely)
            assert rarely == found
    assert read_again(store, EMPTY) == found


def test_a_snapshot_never_changes(store, write):
    """Whatever happens in the store, and whoever holds it."""
    write(people.add, "ann")
    before = read(store)
    held = dict(before.people)
    write(people.add, "bob")
    write(people.set_state, "ann", people.BLOCKED)
    after = read_again(store, before)
    assert dict(before.people) == held
    assert after.people.keys() == {"ann", "bob"}
    with pytest.raises(TypeError):
        after.people["cy"] = held["ann"]


def test_where_nothing_has_changed(store, write):
    """It is the very same, so that nobody has anything to do."""
    assert read_again(store, EMPTY) is EMPTY
    write(people.add, "ann")
    found = read(store)
    assert read_again(store, found) is found
    write(lambda _writing: None)
    assert read_again(store, found) is found


def test_what_is_secret_is_not_shown(store, write):
    """Neither hashes of passwords nor of sessions stand in what is logged of a snapshot."""
    write(people.add, "ann", password="argon2:geheim")
    secret = write(secrets.begin_session, "ann")
    shown = repr(read(store))
    assert "ann" in shown
    assert "geheim" not in shown
    assert repr(token_digest(secret)) not in shown


def test_a_journal_that_was_cut(store, write, monkeypatch):
    """Who is behind by more than is kept reads everything; it does not grow without end."""
    monkeypatch.setattr(store_module, "_KEPT", 10)
    write(people.add, "ann")
    before = read(store)
    for number in range(30):
        write(people.add, f"user{number}")
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(JOURNAL)) == 10
        assert store.changes_since(connection, before.mark).keys is None
    after = read_again(store, before)
    assert after == read(store)
    assert len(after.people) == 31


def test_much_at_once(store, write, monkeypatch):
    """More changes in one transaction than are kept are one: everything."""
    monkeypatch.setattr(store_module, "_KEPT", 10)
    write(people.add, "ann")
    before = read(store)

    def import_many(writing):
        for number in range(30):
            people.add(writing, f"user{number}")

    write(import_many)
    with store.reading() as connection:
        changes = store.changes_since(connection, before.mark)
        assert changes.keys is None
        assert set(connection.scalars(select(JOURNAL.c.kind))) == {"user", "everything"}
    assert read_again(store, before) == read(store)


# ------------------------------------------------------------------ backups


def sign_in_and_back_up(store, write, back_up):
    """Back up a store in which ann is; then block her, add bob, and give what was seen of that."""
    write(people.add, "ann")
    session = token_digest(write(secrets.begin_session, "ann"))
    back_up()
    write(people.set_state, "ann", people.BLOCKED)
    write(people.add, "bob")
    seen = read(store)
    assert session not in seen.sessions
    return seen, session


def copy(source, target):
    """Copy a database of SQLite as its `.backup` and `.restore` do."""
    with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
        one.backup(other)
    one.close()
    other.close()


@only_sqlite
def test_a_backup_that_is_put_back(store, write, make_store, tmp_path):
    """What was there then counts again, even if as much happened after it as had before."""
    other = make_store()
    backup = tmp_path / "backup.db"
    seen, session = sign_in_and_back_up(store, write, lambda: copy(store.file, backup))
    copy(backup, store.file)
    # As many changes as there had been.
    for name in ("cy", "dan"):
        with other.writing() as writing:
            people.add(writing, name)
    again = read_again(store, seen)
    assert again == read(store)
    assert again.people.keys() == {"ann", "cy", "dan"}
    assert session in again.sessions
    assert again.mark.number == seen.mark.number


@only_postgresql
def test_a_backup_of_postgresql_that_is_put_back(postgresql, store, write):
    """Connections that were cut are made anew, and what was there then counts again."""
    name = store._url.database
    copied = []

    def back_up():
        store.close()
        copied.append(postgresql.new(template=name))

    seen, session = sign_in_and_back_up(store, write, back_up)
    postgresql.do(f"DROP DATABASE {name} WITH (FORCE)")
    with pytest.raises(StoreLostError):
        read_again(store, seen)
    postgresql.do(f"CREATE DATABASE {name} TEMPLATE {copied[0]}")
    write(people.add, "cy")
    write(people.add, "dan")
    again = read_again(store, seen)
    assert again == read(store)
    assert again.people.keys() == {"ann", "cy", "dan"}
    assert session in again.sessions


@only_sqlite
def test_a_file_that_is_gone(store, write):
    """It is not read on, nor is another made in its place; put back, all is there."""
    write(people.add, "ann")
    seen = read(store)
    away = store.file.with_name("away")
    store.file.rename(away)
    for _ in range(2):
        with pytest.raises(StoreLostError):
            read_again(store, seen)
        with pytest.raises(StoreLostError):
            write(people.add, "bob")
    assert not store.file.exists()
    away.rename(store.file)
    assert read_again(store, seen) is seen
    write(people.add, "bob")
    assert read_again(store, seen).people.keys() == {"ann", "bob"}


@only_sqlite
def test_a_file_that_is_replaced(store, write):
    """While it is in use, another in its place is refused: SQLite would mix the two."""
    write(people.add, "ann")
    seen = read(store)
    away, copied = store.file.with_name("away"), store.file.with_name("copied")
    copy(store.file, copied)
    store.file.rename(away)
    copied.rename(store.file)
    for use in (lambda: read_again(store, seen), lambda: write(people.add, "bob"), store.open):
        with pytest.raises(StoreLostError, match="another file was put in its place"):
            use()
    away.replace(store.file)
    assert read_again(store, seen) is seen


# ------------------------------------------------------------------ many

USERS_OF_MANY = 100_000
GROUPS_OF_MANY = 10_000


def fill(writing):
    """Make 100,000 users, each in two of 10,000 groups, some with sessions and grants."""
    groups = [f"team{n // 100}/part{n % 100}" for n in range(GROUPS_OF_MANY)]
    names = [f"user{n}" for n in range(USERS_OF_MANY)]
    do = writing.connection.execute
    do(
        insert(USERS),
        [
            {
                "username": n,
                "username_key": n,
                "state": "active",
                "created": 1,
                "password": "x" * 90,
            }
            for n in names
        ],
    )
    do(insert(GROUPS), [{"tag_set": "groups", "name": group} for group in groups])
    do(
        insert(MEMBERSHIPS),
        [
            {"username": name, "tag_set": "groups", "group_name": groups[(n * k) % GROUPS_OF_MANY]}
            for n, name in enumerate(names, 1)
            for k in (1, 7)
            if k == 1 or (n * 7 - n) % GROUPS_OF_MANY
        ],
    )
    common = {"role": "r", "granted_by": "x", "created": 1, "expires": None}
    do(insert(GRANTS), [{**common, "username": name} for name in names[::10]])
    do(insert(GRANTS), [{**common, "group_name": group} for group in groups[::2]])
    do(
        insert(SESSIONS),
        [
            {"id": n, "username": n, "digest": token_digest(n), "created": 1, "seen": 1}
            for n in names[::4]
        ],
    )
    writing.note(store_module.EVERYTHING, "")


@only_sqlite
def test_many(store, write):
    """100,000 users and 10,000 groups are read in seconds, and one change in less than one."""
    write(fill)
    began = time.monotonic()
    found = read(store)
    seconds = time.monotonic() - began
    assert len(found.people) == USERS_OF_MANY
    assert len(found.group_grants) == GROUPS_OF_MANY // 2
    assert seconds < 20
    for change in (
        (people.set_state, "user7", people.BLOCKED),
        (tags.add, "user7", "team1/part1"),
        (grants.give, "r", "by"),
        (secrets.begin_session, "user8"),
    ):
        if change[0] is grants.give:
            write(grants.give, "r", group="team5", by="x", roles=["r"])
        else:
            write(*change)
        began = time.monotonic()
        after = read_again(store, found)
        took = time.monotonic() - began
        assert after is not found
        assert took < 1
        found = after
        print(f"one change: {took:.3f} s")  # noqa: T201
    began = time.monotonic()
    assert found.next_end(0) is None
    snapshot.GrantedPeople(found, 0)
    took = time.monotonic() - began
    assert took < 1
    print(f"all: {seconds:.2f} s, as the policy sees it: {took:.3f} s")  # noqa: T201
