"""The live snapshot: what others change counts here soon, also when much goes wrong."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import select, update

from jupyter_authz.accounts import grants, people, secrets, snapshot, tags
from jupyter_authz.accounts.live import Live, LostPeople
from jupyter_authz.accounts.schema import SESSIONS, TOKENS
from jupyter_authz.accounts.settings import Accounts
from jupyter_authz.accounts.stored import StoreAccounts
from jupyter_authz.errors import RefusedError, StoreLostError
from jupyter_authz.identity.credentials import token_digest

LOG = logging.getLogger("tests.accounts.live")
only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@asynccontextmanager
async def watching(store, **settings):
    """Watch a store, as a server does."""
    live = Live(store, Accounts(**settings), LOG)
    live.begin()
    live.watch()
    try:
        yield live
    finally:
        await live.stop()


async def within(seconds, condition):
    """Wait until something holds, and require that it does in time; give how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
def lose(store):
    """Give two functions: one that makes the store unreachable, and one that undoes it."""
    away = store.file.with_name("away")
    return (lambda: store.file.rename(away)), (lambda: away.rename(store.file))


# ------------------------------------------------------------------ what others change


async def test_a_change_by_another_process(store, write, child):
    """It is seen within a second, whoever made it."""
    write(people.add, "ann")
    told = []
    async with watching(store) as live:
        live.on_change = lambda: told.append(live.people.may_act("ann"))
        process = child(
            "store = Store(url)\n"
            "for line in iter(sys.stdin.readline, ''):\n"
            "    with store.writing() as w: people.set_state(w, 'ann', line.strip())\n"
            "    print('done', flush=True)"
        )
        for state in (people.BLOCKED, people.ACTIVE, people.BLOCKED):
            process.say(state)
            await asyncio.to_thread(process.hear)
            await within(1, lambda state=state: live.person("ann").state == state)
    assert told == [False, True, False]


async def test_a_change_of_ones_own_counts_at_once(store):
    """When it is done, it is decided by, and all of it or nothing."""
    async with watching(store) as live:
        seen = []
        live.on_change = lambda: seen.append(set(live.snapshot.people))
        await live.write(people.add, "ann", name="Ann")
        assert live.person("ann").name == "Ann"
        assert seen == [{"ann"}]

        def fail(writing):
            people.add(writing, "bob")
            raise RefusedError("no", "no")

        with pytest.raises(RefusedError):
            await live.write(fail)
        assert live.person("bob") is None
        assert await live.read(people.find, "bob") is None


async def test_many_at_once(store):
    """Whatever is written at the same time is all there, and nobody waits for long."""
    async with watching(store) as live:
        await asyncio.gather(*(live.write(people.add, f"user{n}") for n in range(40)))
        assert len(live.snapshot.people) == 40
        assert live.snapshot == snapshot.read(store)


@only_sqlite
async def test_a_grant_that_ends(store, write):
    """Within a second after it has ended, it counts no more, without any change in the store."""
    write(people.add, "ann")
    write(grants.give, "r", username="ann", expires=int(time.time()) + 2, by="x", roles=["r"])
    async with watching(store) as live:
        held = [live.people]
        live.on_change = lambda: held.append(live.people)
        assert list(held[-1].roles_of("ann")) == ["r"]
        end = live.snapshot.people["ann"].grants[0].expires
        await within(4, lambda: not list(held[-1].roles_of("ann")))
        assert 0 <= time.time() - end < 1
        await asyncio.sleep(0.5)
        assert len(held) == 2


# ------------------------------------------------------------------ what goes wrong


@only_sqlite
async def test_a_grant_ends_while_the_store_is_lost(store, write, lose):
    """What was given for a time is not held longer because nobody can look."""
    write(people.add, "ann")
    write(grants.give, "r", username="ann", expires=int(time.time()) + 2, by="x", roles=["r"])
    async with watching(store) as live:
        held = [live.people]
        live.on_change = lambda: held.append(live.people)
        lose[0]()
        await within(4, lambda: not list(held[-1].roles_of("ann")))
        assert not live.is_lost
        lose[1]()


@only_sqlite
async def test_a_store_that_is_lost(store, write, make_store, lose, caplog):
    """People go on for a time, then nobody may do anything; when it is back, all is as it is."""
    write(people.add, "ann", password="x")
    secret = write(secrets.begin_session, "ann")
    token = token_digest(write(secrets.make_token, "ann", "t"))
    async with watching(store, outlast=1, guests=True) as live:
        accounts = StoreAccounts(live, LOG)
        told = []
        live.on_change = lambda: told.append(live.people.may_act("ann"))
        lose[0]()
        began = time.monotonic()
        await asyncio.sleep(0.6)
        assert not live.is_lost
        assert accounts.user_of_session(secret).username == "ann"
        assert live.people.may_act("ann")
        assert accounts.guest() is not None
        with pytest.raises(StoreLostError):
            await accounts.begin_session("ann", "", "", None)
        await within(3, lambda: live.is_lost)
        assert time.monotonic() - began >= 1
        assert accounts.is_lost
        assert isinstance(live.people, LostPeople)
        assert accounts.user_of_session(secret) is None
        assert live.token(token) is None
        assert accounts.guest() is None
        assert not live.may_sign_in("ann")
        assert not live.may_sign_in("somebody of the configuration")
        lost = live.people
        assert (lost.groups_of("ann"), lost.roles_of("ann"), lost.may_act("ann")) == ((), (), False)
        assert (lost.roles_given_to("a"), lost.groups_with_roles()) == ((), ())
        await asyncio.sleep(0.7)
        assert told == [False]
        # It is back, and somebody else has changed something: no lost second of it counts.
        lose[1]()
        await within(1, lambda: not live.is_lost)
        assert told[-1] is True
        assert accounts.user_of_session(secret).username == "ann"
        await accounts.begin_session("ann", "", "", None)
    messages = [record.message for record in caplog.records if record.name == LOG.name]
    # Three lines, and not one at each look.
    assert [("counts for" in m, "nobody may" in m, "again" in m) for m in messages] == [
        (True, False, False),
        (False, True, True),
        (False, False, True),
    ]


@only_sqlite
async def test_a_store_that_gives_no_answer(store, write, monkeypatch):
    """One that neither answers nor refuses is lost after the same time, and found again."""
    write(people.add, "ann")
    answers = threading.Event()
    looked = snapshot.read_again

    def hang(*arguments):
        answers.wait(10)
        return looked(*arguments)

    async with watching(store, outlast=1) as live:
        monkeypatch.setattr(snapshot, "read_again", hang)
        began = time.monotonic()
        await within(3, lambda: live.is_lost)
        assert time.monotonic() - began >= 0.6
        answers.set()
        await within(1, lambda: not live.is_lost)


@only_sqlite
async def test_whatever_goes_wrong_it_looks_again(store, write, monkeypatch, caplog):
    """Neither an error of ours nor one of who is told of a change ends the looking."""
    looked = snapshot.read_again
    wrong = []

    def fail(*arguments):
        if len(wrong) < 2:
            wrong.append(1)
            raise KeyError("a mistake")
        return looked(*arguments)

    async with watching(store) as live:
        told = []

        def be_told():
            told.append(set(live.snapshot.people))
            if len(told) < 3:
                raise ValueError("a policy that cannot be made")

        live.on_change = be_told
        monkeypatch.setattr(snapshot, "read_again", fail)
        write(people.add, "ann")
        # Whoever was not told of a change is told until they have heard of it, and no longer.
        await within(5, lambda: len(told) == 3)
        await asyncio.sleep(0.7)
        assert told == [{"ann"}] * 3
    assert sum("an error while looking" in record.message for record in caplog.records) == 4


async def test_who_goes_away_in_the_middle(store, monkeypatch):
    """A change counts, in the store and here, whoever has stopped waiting for it."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(writing):
        begun.set()
        go_on.wait(10)
        people.add(writing, "ann")

    monkeypatch.setattr("jupyter_authz.accounts.live._INTERVAL", 60)
    async with watching(store) as live:
        waiting = asyncio.ensure_future(live.write(slow))
        await asyncio.to_thread(begun.wait, 10)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        go_on.set()
        await within(2, lambda: live.person("ann") is not None)
        # Nor does it keep others from writing.
        await live.write(people.add, "bob")
        assert live.snapshot == snapshot.read(store)


@only_sqlite
async def test_stopping(store, write):
    """It ends at once, also while something is being read, and may be done twice."""
    live = Live(store, Accounts(), LOG)
    live.begin()
    live.watch()
    live.watch()
    tasks = asyncio.all_tasks()
    await asyncio.sleep(0)
    await live.stop()
    assert asyncio.all_tasks() <= tasks
    write(people.add, "ann")
    await asyncio.sleep(0.5)
    assert live.person("ann") is None
    await live.stop()


async def test_what_is_under_way_when_it_stops(store, monkeypatch):
    """Its connection is given back before the store is closed, unless there is no answer at all."""
    events, go_on = [], threading.Event()
    monkeypatch.setattr(store, "close", lambda: events.append("closed"))

    def asked():
        with store.reading() as connection:
            connection.execute(select(1))
            events.append("begun")
            go_on.wait(10)
        events.append("given back")

    async def stopped():
        live = Live(store, Accounts(), LOG)
        asking = asyncio.ensure_future(live.in_thread(asked))
        await within(2, lambda: "begun" in events)
        asking.cancel()
        began = time.monotonic()
        await live.stop()
        return time.monotonic() - began

    threading.Timer(0.5, go_on.set).start()
    await stopped()
    assert events == ["begun", "given back", "closed"]

    events.clear()
    go_on.clear()
    assert await stopped() < 3
    assert events == ["begun", "closed"]
    go_on.set()
    await within(2, lambda: "given back" in events)


@only_sqlite
async def test_stopping_while_the_store_is_lost(store, lose, caplog):
    """It is said that it was not noted who was there, once."""
    live = Live(store, Accounts(), LOG)
    live.begin()
    live.note_seen(b"x")
    lose[0]()
    await live.stop()
    await live.stop()
    assert ["not noted" in r.message for r in caplog.records if r.name == LOG.name] == [True]


# ------------------------------------------------------------------ sessions and tokens


def shift(store, table, digest, **seconds):
    """Put times of a session or token into the past."""
    with store.writing() as writing:
        values = {name: int(time.time()) - past for name, past in seconds.items()}
        writing.connection.execute(update(table).where(table.c.digest == digest).values(values))
        writing.note("session" if table is SESSIONS else "token", digest.hex())


def seen_of(store, table, digest):
    """Give when a session or token was used last, as the store knows."""
    with store.reading() as connection:
        return connection.scalar(select(table.c.seen).where(table.c.digest == digest))


async def user_of(accounts, secret):
    """Give the name of the user of a session."""
    found = accounts.user_of_session(secret)
    user = await found if asyncio.iscoroutine(found) else found
    return user and user.username


async def test_limits_of_a_session(store, write):
    """Idle too long, or too old whatever was done: over, at the very second."""
    write(people.add, "ann")
    async with watching(store, idle_limit=100, absolute_limit=1000) as live:
        accounts = StoreAccounts(live, LOG)
        for past, is_over in [
            ({"seen": 0, "created": 0}, False),
            ({"seen": 98, "created": 98}, False),
            ({"seen": 100, "created": 100}, True),
            ({"seen": 0, "created": 998}, False),
            ({"seen": 0, "created": 1000}, True),
        ]:
            secret = write(secrets.begin_session, "ann")
            shift(store, SESSIONS, token_digest(secret), **past)
            await live.catch_up()
            assert await user_of(accounts, secret) == (None if is_over else "ann"), past


async def test_a_session_that_another_server_has_seen(store, write, make_store):
    """Who is active on one server is not signed out by another for being idle."""
    write(people.add, "ann")
    secret = write(secrets.begin_session, "ann")
    digest = token_digest(secret)
    shift(store, SESSIONS, digest, seen=99, created=500)
    settings = {"idle_limit": 100, "absolute_limit": 1000}
    async with watching(store, **settings) as one, watching(make_store(), **settings) as other:
        here, there = StoreAccounts(one, LOG), StoreAccounts(other, LOG)
        here.note_seen(here._user("ann", digest, "user"))
        await one._note_seen()
        assert time.time() - seen_of(store, SESSIONS, digest) < 2
        # The other has read of it when it had been seen long ago.
        await asyncio.sleep(1)
        assert other.is_over(other.session(digest), digest)
        assert await user_of(there, secret) == "ann"
        # From now on it knows.
        assert not asyncio.iscoroutine(there.user_of_session(secret))
        # It does not tidy away what the other may know more of, nor set it back in time.
        shift(store, SESSIONS, digest, seen=101)
        await other._tidy()
        assert await other.read(lambda c: c.scalar(select(SESSIONS.c.id))) is not None
        now = int(time.time())
        shift(store, SESSIONS, digest, seen=0)
        other._seen[digest] = now - 50
        await other._note_seen()
        assert seen_of(store, SESSIONS, digest) >= now


async def test_a_session_that_is_over_everywhere(store, write):
    """Nothing is known of it on any server, or it cannot be asked: signed out."""
    write(people.add, "ann")
    gone, idle = (write(secrets.begin_session, "ann") for _ in range(2))
    for secret in (gone, idle):
        shift(store, SESSIONS, token_digest(secret), seen=200)
    live = Live(store, Accounts(idle_limit=100), LOG)
    live.begin()
    accounts = StoreAccounts(live, LOG)
    write(secrets.end_session, token_digest(gone))
    assert await user_of(accounts, gone) is None
    assert await user_of(accounts, idle) is None
    shift(store, SESSIONS, token_digest(idle), seen=0)

    def fail():
        raise StoreLostError("lost")

    live.store = type("Lost", (), {"reading": staticmethod(fail)})
    assert await user_of(accounts, idle) is None
    live.store = store
    assert await user_of(accounts, idle) == "ann"
    await live.stop()


async def test_what_is_over_is_tidied_away(store, write):
    """Sessions and tokens that have ended do not stay in the store."""
    write(people.add, "ann")
    idle, old, kept = (token_digest(write(secrets.begin_session, "ann")) for _ in range(3))
    shift(store, SESSIONS, idle, seen=2000)
    shift(store, SESSIONS, old, created=20_000)
    ended, lasting = (
        token_digest(write(secrets.make_token, "ann", name, expires=int(time.time()) + 2))
        for name in "ab"
    )
    shift(store, TOKENS, ended, expires=0)
    shift(store, TOKENS, lasting, expires=-100)
    async with watching(store, idle_limit=1000, absolute_limit=10_000) as live:
        assert live.token(ended) is None
        assert live.token(lasting).username == "ann"
        await live._tidy()
        assert set(live.snapshot.sessions) == {kept}
        assert set(live.snapshot.tokens) == {lasting}
        assert live.snapshot == snapshot.read(store)


async def test_when_somebody_was_seen_last(store, write, monkeypatch):
    """It is written now and then, also at the end, and wakes up nobody."""
    monkeypatch.setattr("jupyter_authz.accounts.live._TIDY_INTERVAL", 0.2)
    write(people.add, "ann")
    secret, token = write(secrets.begin_session, "ann"), write(secrets.make_token, "ann", "t")
    digest, of_token = token_digest(secret), token_digest(token)
    shift(store, SESSIONS, digest, seen=500, created=500)
    assert seen_of(store, TOKENS, of_token) is None
    async with watching(store) as live:
        before, told = live.snapshot, []
        live.on_change = lambda: told.append(1)
        accounts = StoreAccounts(live, LOG)
        for user in (accounts.user_of_session(secret), accounts.user_of_token(token)):
            for _ in range(3):
                accounts.note_seen(user)
        assert len(live._seen) == 2
        live._next_tidy = 0
        await within(2, lambda: not live._seen)
        for table, which in ((SESSIONS, digest), (TOKENS, of_token)):
            assert time.time() - seen_of(store, table, which) < 5
        # Just noted, and not again at every request.
        accounts.note_seen(accounts.user_of_session(secret))
        assert not live._seen
        assert live.snapshot is before
        assert not told
        live._noted[digest] -= 400
        shift(store, SESSIONS, digest, seen=400)
        accounts.note_seen(accounts.user_of_session(secret))
        assert live._seen
    assert time.time() - seen_of(store, SESSIONS, digest) < 5


@only_sqlite
async def test_nothing_is_kept_of_who_is_gone(store, write):
    """What is remembered of sessions ends with them."""
    write(people.add, "ann")
    digests = [token_digest(write(secrets.begin_session, "ann")) for _ in range(3)]
    async with watching(store) as live:
        for digest in digests:
            live._seen[digest] = int(time.time())
        await live._note_seen()
        assert len(live._noted) == 3
        await live.write(secrets.end_sessions, "ann", kept=digests[0])
        live._seen[digests[0]] = int(time.time())
        await live._note_seen()
        assert list(live._noted) == digests[:1]


async def test_signing_out_and_blocking(store, write):
    """It counts for whoever is signed in by session or token, at once."""
    write(people.add, "ann")
    write(tags.add, "ann", "team")
    secret, token = write(secrets.begin_session, "ann"), write(secrets.make_token, "ann", "t")
    async with watching(store) as live:
        accounts = StoreAccounts(live, LOG)
        user = accounts.user_of_session(secret)
        assert (user.kind, user.groups) == ("user", ("team",))
        assert accounts.user_of_token(token).kind == "token"
        await accounts.end_session(user)
        assert accounts.user_of_session(secret) is None
        assert accounts.user_of_token(token) is not None
        await live.write(people.set_state, "ann", people.BLOCKED)
        assert accounts.user_of_token(token) is None
        assert not live.people.may_act("ann")
        with pytest.raises(RefusedError):
            await accounts.begin_session("ann", "", "", None)
