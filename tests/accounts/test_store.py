"""The store: what it is made of, who may read it, and what happens to who is killed."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import traceback

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, inspect, select, text

from jupyter_authz.accounts import people, snapshot, tags
from jupyter_authz.accounts.schema import GRANTS, JOURNAL, METADATA, TURN, USERS
from jupyter_authz.accounts.store import Store
from jupyter_authz.errors import RefusedError, StoreError, StoreLostError

only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def scalar(store, statement):
    """Look one value up."""
    with store.reading() as connection:
        return connection.scalar(statement)


def usernames(store):
    """Give the names of all users."""
    with store.reading() as connection:
        return set(connection.scalars(select(USERS.c.username)))


# ------------------------------------------------------------------ opening


def test_migrations_are_the_schema(store):
    """What the steps make is what the code believes to be there."""
    with store.reading() as connection:
        options = {"compare_type": True, "version_table": "schema_version"}
        # Alembic reads the empty defaults of SQLite in a way of its own.
        options["compare_server_default"] = store.file is None
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
        # Which alembic does not compare.
        (check,) = inspect(connection).get_check_constraints("grants")
        assert check["name"] == "ck_grants_one_holder"


def test_opening_again_keeps_everything(store, write, make_store):
    """What is up to date is left as it is."""
    write(people.add, "ann")
    store.open()
    other = make_store()
    assert usernames(other) == {"ann"}
    assert scalar(other, select(func.count()).select_from(TURN)) == 1


def test_opening_by_several_processes_at_once(url, children):
    """Servers that start together make the tables once, and all of them go on."""
    children(
        4, "store = Store(url); store.open()\nwith store.writing() as w:\n people.know(w, 'a')"
    )
    store = Store(url)
    assert usernames(store) == {"a"}
    assert scalar(store, select(func.count()).select_from(TURN)) == 1
    store.close()


def test_whether_it_is_there(url):
    """To look makes nothing."""
    store = Store(url)
    assert not store.is_there()
    assert store.file is None or not store.file.parent.exists()
    store.open()
    assert store.is_there()
    store.close()


def test_a_later_version_is_refused(store):
    """Tables that a later version made are left alone, and it is said what to do."""
    with store.writing() as writing:
        writing.connection.execute(text("UPDATE schema_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"later version.*'9999', expected one of '0001'") as told:
        store.open()
    assert not isinstance(told.value, StoreLostError)
    assert store.name in str(told.value)


def test_a_directory_with_signs_in_its_name(tmp_path, monkeypatch):
    """Neither a `%` nor a space in the way to the store or to this package means anything."""
    from jupyter_authz.accounts import store as module

    place = tmp_path / "100% {sure}"
    place.mkdir()
    (place / "migrations").symlink_to(module._MIGRATIONS)
    monkeypatch.setattr(module, "_MIGRATIONS", place / "migrations")
    store = Store(f"sqlite:///{place / 'accounts.db'}")
    store.open()
    assert store.is_there()
    store.close()


# ------------------------------------------------------------------ who may read it


@only_sqlite
def test_nobody_else_reads_it(store, write, make_store):
    """Neither the file nor what SQLite keeps beside it, even if somebody could before."""
    write(people.add, "ann")

    def modes():
        return {p.name: p.stat().st_mode & 0o777 for p in store.file.parent.iterdir()}

    names = ["accounts.db", "accounts.db-shm", "accounts.db-wal"]
    assert modes() == dict.fromkeys(names, 0o600)
    assert store.file.parent.stat().st_mode & 0o777 == 0o700
    for name in names:
        (store.file.parent / name).chmod(0o644)
    make_store()
    assert modes() == dict.fromkeys(names, 0o600)


@only_sqlite
def test_whatever_the_umask(url):
    """Where new files are everybody's, the store is not, at no time."""
    before = os.umask(0)
    try:
        store = Store(url)
        store.open()
        assert store.file.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    store.close()


@pytest.mark.parametrize("where", ["/proc/none/accounts.db", "/dev/null/accounts.db"])
def test_a_place_where_nothing_can_be_made(where):
    """It is said which, and why."""
    with pytest.raises(StoreLostError, match=where):
        Store(f"sqlite:///{where}").open()


# ------------------------------------------------------------------ URLs


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "expected the URL of a database"),
        ("accounts.db", "expected the URL of a database"),
        ("foo://ann:geheim@db/accounts", "foo"),
        ("postgresql://ann:geheim@db:port/accounts", "expected the URL of a database"),
        ("postgresql://ann:x@geheim:y@z:geheim/accounts", "expected the URL of a database"),
        ("mssql+pyodbc://ann:geheim@db/accounts", "driver"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_bad_urls(url, said):
    """What cannot be used is refused with what was expected, and without a password in it."""
    with pytest.raises(StoreError, match=rf"^c\.Accounts\.url: .*{said}") as told:
        Store(url)
    assert "geheim" not in "".join(traceback.format_exception(told.value))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ann:geheim@127.0.0.1:1/accounts",
        "postgresql+psycopg://ann@127.0.0.1:1/accounts?password=geheim",
        "postgresql+psycopg://ann@127.0.0.1:1/accounts?sslpassword=geheim",
    ],
)
def test_passwords_are_never_shown(url):
    """Not in the name of a store, nor where it cannot be reached."""
    store = Store(url, patience=2)
    assert "geheim" not in store.name
    assert "geheim" not in Store.shown(url)
    with pytest.raises(StoreLostError) as told:
        store.open()
    assert "geheim" not in "".join(traceback.format_exception(told.value))
    assert store.name in str(told.value)


def test_hashes_are_never_shown(store, write):
    """What was written is not in an error that is logged."""
    write(people.add, "ann")
    secret = "argon2:" + "geheim"
    with pytest.raises(RefusedError) as told:
        write(insert_user, username="ann", password=secret)
    assert secret not in "".join(traceback.format_exception(told.value))


# ------------------------------------------------------------------ reading and writing


def test_all_or_nothing(store, write):
    """What goes wrong in the middle leaves nothing behind."""

    def fail(writing):
        people.add(writing, "ann")
        tags.add(writing, "ann", "a/b")
        raise KeyError("ann")

    with pytest.raises(KeyError):
        write(fail)
    assert usernames(store) == set()
    assert scalar(store, select(func.count()).select_from(JOURNAL)) == 0


def test_reading_is_of_one_moment(store, make_store):
    """What another server writes meanwhile is seen by the next who reads."""
    other = make_store()
    with store.reading() as connection:
        assert list(connection.execute(select(USERS))) == []
        with other.writing() as writing:
            people.add(writing, "ann")
        assert list(connection.execute(select(USERS))) == []
    assert usernames(store) == {"ann"}


def insert_user(writing, **values):
    """Insert the row of a user, unchecked."""
    row = {"username": "bob", "username_key": "bob", "state": "active", "created": 1}
    writing.connection.execute(USERS.insert().values({**row, **values}))


@pytest.mark.parametrize("values", [{"name": "a\ud800"}, {"created": 10**30}, {"username": "ann"}])
def test_what_cannot_be_kept(store, write, values):
    """What a database does not take is refused, and no reason to believe that it was lost."""
    write(people.add, "ann")
    with pytest.raises(RefusedError, match="the store cannot keep this") as told:
        write(insert_user, **values)
    assert told.value.reason == "bad-value"
    assert usernames(store) == {"ann"}


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("name", ["a\0", "x" * 256])
def test_what_postgresql_does_not_keep(store, write, name):
    """Where SQLite would."""
    with pytest.raises(RefusedError, match="the store cannot keep this"):
        write(insert_user, name=name)
    assert usernames(store) == set()


ONE_MORE = """
def one_more(store):
    import time
    from sqlalchemy import func, select
    from jupyter_authz.accounts.schema import USERS
    with store.writing() as writing:
        number = writing.connection.scalar(select(func.count()).select_from(USERS))
        time.sleep(0.002)
        people.add(writing, f"user{number}")
"""


def test_writers_take_turns(store, make_store, children):
    """What one has looked at before it writes nobody else has changed: threads and processes."""
    scope = {"people": people}
    exec(ONE_MORE, scope)
    stores = [store, store, make_store(), make_store()]

    def add(number):
        for _ in range(10):
            scope["one_more"](stores[number])

    threads = [threading.Thread(target=add, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    program = f"{ONE_MORE}\nstore = Store(url)\nfor _ in range(10): one_more(store)"
    children(2, program)
    for thread in threads:
        thread.join()
    assert usernames(store) == {f"user{number}" for number in range(60)}
    # They stand in the journal in the order in which they were written.
    with store.reading() as connection:
        keys = connection.scalars(select(JOURNAL.c.key).order_by(JOURNAL.c.id)).all()
    assert keys == [f"user{number}" for number in range(60)]


def test_who_waits_too_long(store, make_store):
    """Where another does not come to an end, one is told, and can still read."""
    impatient = make_store(patience=0.3)
    with store.writing() as writing:
        people.add(writing, "ann")
        began = time.monotonic()
        with pytest.raises(StoreLostError), impatient.writing():
            pass
        assert time.monotonic() - began < 3
        assert usernames(impatient) == set()
    with impatient.writing() as writing:
        people.add(writing, "bob")
    assert usernames(impatient) == {"ann", "bob"}


# ------------------------------------------------------------------ kill -9

WRITER = """
store = Store(url)
while True:
    with store.writing() as writing:
        number = writing.connection.exec_driver_sql("SELECT count(*) FROM users").scalar()
        name = f"user{number}"
        people.add(writing, name, email=f"{name}@example.org")
        tags.add(writing, name, [f"team/{name}", "everybody"])
        grants.give(writing, "r", username=name, by="ann", roles=["r"])
        grants.give(writing, "r", group=f"team/{name}", by="ann", roles=["r"])
        secrets.begin_session(writing, name)
    os.write(1, f"{number}\\n".encode())
"""
_ROUNDS = 20


def test_killed_while_writing(store, child):
    """Who is killed at any moment has lost nothing that was told as done; nothing is half done."""
    chance = random.Random(4)
    known = snapshot.read(store)
    told = -1
    for turn in range(_ROUNDS):
        process = child(WRITER)
        if turn % 5:
            told = int(process.hear())
        time.sleep(chance.uniform(0, 0.05))
        told = max([told, *map(int, process.kill())])
        if store.file is None:
            _wait_for_others(store)
        found = snapshot.read(store)
        # The one after the last may have been written and not been told.
        number = len(found.people)
        assert told + 1 <= number <= told + 2
        assert found.people.keys() == {f"user{n}" for n in range(number)}
        for name, person in found.people.items():
            assert person.groups == ("everybody", f"team/{name}")
            assert [grant.role for grant in person.grants] == ["r"]
            assert f"team/{name}" in found.group_grants
        assert {session.username for session in found.sessions.values()} == found.people.keys()
        assert len(found.group_grants) == len(found.sessions) == number
        # Who had read before is told of all that happened.
        known = snapshot.read_again(store, known)
        assert known == found
        told = number - 1
    assert told > _ROUNDS
    assert scalar(store, select(func.count()).select_from(GRANTS)) == 2 * (told + 1)
    if store.file is not None:
        with sqlite3.connect(store.file) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()


def _wait_for_others(store):
    """Wait until PostgreSQL has noticed that a client is gone."""
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 5
    while scalar(store, others) and time.monotonic() < deadline:
        time.sleep(0.01)
