"""The live snapshot: kept up to date with the store, whoever changes it, while the server runs.

Between the store and identity, policy and the handlers of accounts. Whatever asks it gets an answer
from memory at once; the store is looked at in threads.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from sqlalchemy import and_, bindparam, func, or_, select, update

from jupyter_authz.accounts import secrets, snapshot
from jupyter_authz.accounts.people import ACTIVE
from jupyter_authz.accounts.schema import SESSIONS, TOKENS
from jupyter_authz.accounts.snapshot import EMPTY, GrantedPeople, Session, Snapshot, Token
from jupyter_authz.errors import StoreLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from logging import Logger

    from sqlalchemy import Connection

    from jupyter_authz.accounts.settings import Accounts
    from jupyter_authz.accounts.snapshot import Person
    from jupyter_authz.accounts.store import Store, Writing
    from jupyter_authz.policy.people import People

P = ParamSpec("P")
T = TypeVar("T")

# Seconds between two looks at the journal: what is revoked must be gone within one.
_INTERVAL = 0.3
# Seconds after which it is noted again that somebody is there.
_SEEN_INTERVAL = 60
# Seconds between two rounds of noting who was there and of ending what is over.
_TIDY_INTERVAL = 30
# Seconds for which another server may know of somebody what it has not written down yet.
_UNWRITTEN = 2 * (_SEEN_INTERVAL + _TIDY_INTERVAL)
_THREADS = 4
# Seconds for which what is being asked of the store may go on when it is left.
_PARTING = 1


class LostPeople:
    """Nobody may do anything: it is not known any more who may."""

    def groups_of(self, username: str) -> tuple[str, ...]:
        """Give no groups."""
        del username
        return ()

    roles_of = roles_given_to = groups_of

    def groups_with_roles(self) -> Collection[str]:
        """Give no groups."""
        return ()

    def may_act(self, username: str) -> bool:
        """Nobody may."""
        del username
        return False


class Live:
    """A store as it was a moment ago.

    Parameters
    ----------
    store
        Open.
    settings
        Of accounts.
    log
        Told when the store is lost and when it is there again.
    """

    def __init__(self, store: Store, settings: Accounts, log: Logger) -> None:
        self.store = store
        self.settings = settings
        self._log = log
        self.snapshot: Snapshot = EMPTY
        # Called when there is another snapshot, or another time at which it is looked at.
        self.on_change: Callable[[], None] = _nothing
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="jupyter_authz-store")
        self._reading = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._reached = time.monotonic()
        self._is_lost = False
        self._is_failing = False
        # Whether all who want to know were told of what counts now.
        self._is_told = True
        self._next_end: float | None = None
        self._next_tidy = time.monotonic() + _TIDY_INTERVAL
        # Who was there, by the digest of a session or token, in seconds since 1970.
        self._seen: dict[bytes, int] = {}
        self._noted: dict[bytes, int] = {}

    # ------------------------------------------------------------------ keeping it up to date

    def begin(self) -> None:
        """Read all of it, before the server serves anybody.

        Raises
        ------
        StoreLostError
            It cannot be reached.
        """
        self._adopt(snapshot.read(self.store))

    def watch(self) -> None:
        """Keep it up to date from now on, in the running loop."""
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        """Note who was there, and give back what it holds."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        try:
            await self._note_seen()
        except StoreLostError as error:
            self._log.warning("jupyter_authz | it was not noted who was there: %s", error)
            # Nor when it is stopped again.
            self._seen.clear()
        # What was given up in the middle has a connection until it is done; for a store that gives
        # no answer, nobody waits.
        # INVARIANT: tests/accounts/test_live.py::test_what_is_under_way_when_it_stops
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._threads.shutdown), _PARTING)
        self.store.close()

    @property
    def people(self) -> People:
        """Who may do what, for the policy."""
        return LostPeople() if self._is_lost else GrantedPeople(self.snapshot, time.time())

    @property
    def is_lost(self) -> bool:
        """Whether the store cannot be reached for so long that its snapshot counts no more."""
        return self._is_lost

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                self._end_grants()
                await self._look()
                if time.monotonic() >= self._next_tidy:
                    self._next_tidy = time.monotonic() + _TIDY_INTERVAL
                    await self._tidy()
            except StoreLostError as error:
                self._note_lost(error)
            except Exception:  # noqa: BLE001 - it is written down
                # INVARIANT: whatever goes wrong, it looks again.
                # tests/accounts/test_live.py::test_whatever_goes_wrong_it_looks_again
                self._log.exception("jupyter_authz | an error while looking at the store")

    async def _look(self) -> None:
        """Catch up; time goes on meanwhile, also where the store gives no answer at all."""
        look = asyncio.ensure_future(self.catch_up())
        try:
            while not (await asyncio.wait([look], timeout=_INTERVAL))[0]:
                self._end_grants()
                if time.monotonic() - self._reached > self.settings.outlast:
                    self._note_lost(StoreLostError(f"{self.store.name}: gives no answer"))
            look.result()
        finally:
            look.cancel()

    def _end_grants(self) -> None:
        """Have what has ended count no more, whether the store can be reached or not."""
        # INVARIANT: tests/accounts/test_live.py::test_a_grant_ends_while_the_store_is_lost
        has_ended = self._next_end is not None and time.time() >= self._next_end
        if has_ended or not self._is_told:
            self._adopt(self.snapshot)

    async def catch_up(self) -> None:
        """Read what has changed, if anything has.

        Raises
        ------
        StoreLostError
            It cannot be reached.
        """
        async with self._reading:
            before = self.snapshot
            found = await self.in_thread(snapshot.read_again, self.store, before)
            self._reached = time.monotonic()
            was_lost, self._is_lost = self._is_lost, False
            if self._is_failing:
                self._is_failing = False
                self._log.warning("jupyter_authz | the store can be reached again")
            if found is not before or was_lost:
                self._adopt(found)

    def _adopt(self, found: Snapshot) -> None:
        self.snapshot = found
        self._next_end = found.next_end(time.time(), self.settings.absolute_limit)
        self._tell()

    def _tell(self) -> None:
        # INVARIANT: who could not be told is told again.
        # tests/accounts/test_live.py::test_whatever_goes_wrong_it_looks_again
        self._is_told = False
        self.on_change()
        self._is_told = True

    def _note_lost(self, error: StoreLostError) -> None:
        seconds = time.monotonic() - self._reached
        if not self._is_lost and seconds > self.settings.outlast:
            # INVARIANT: what is not known any more is not allowed any more.
            # tests/accounts/test_live.py::test_a_store_that_is_lost
            self._is_lost = self._is_failing = True
            self._log.error(
                "jupyter_authz | the store has not been reached for %d s: nobody may do anything "
                "until it is there again: %s",
                seconds,
                error,
            )
            self._tell()
        elif not self._is_failing:
            self._is_failing = True
            self._log.warning(
                "jupyter_authz | the store cannot be reached, what was known of it counts for "
                "%d s more: %s",
                max(0, self.settings.outlast - seconds),
                error,
            )

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in one of the threads that wait for the store."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: function(*args, **kwargs))

    async def write(
        self,
        operation: Callable[Concatenate[Writing, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Change something, and have it counted here before going on.

        Parameters
        ----------
        operation
            Called with the transaction and the rest; what it raises undoes all of it.

        Raises
        ------
        StoreLostError
            It cannot be reached.
        """

        def change() -> T:
            with self.store.writing() as writing:
                return operation(writing, *args, **kwargs)

        # INVARIANT: a client that goes away in the middle does not keep a change from counting.
        # tests/accounts/test_live.py::test_who_goes_away_in_the_middle
        return await asyncio.shield(self._change(change))

    async def _change(self, change: Callable[[], T]) -> T:
        done = await self.in_thread(change)
        await self.catch_up()
        return done

    async def read(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Look something up in the store that no snapshot has.

        Raises
        ------
        StoreLostError
            It cannot be reached.
        """

        def look() -> T:
            with self.store.reading() as connection:
                return query(connection, *args, **kwargs)

        return await self.in_thread(look)

    # ------------------------------------------------------------------ who is there

    def person(self, username: str) -> Person | None:
        """Give a user of the store, whatever their state."""
        return self.snapshot.people.get(username)

    def may_sign_in(self, username: str) -> bool:
        """Whether nothing in the store keeps somebody from signing in."""
        person = self.person(username)
        return not self._is_lost and (person is None or person.state == ACTIVE)

    def session(self, digest: bytes) -> Session | None:
        """Give a session that has not been ended, by its digest; it may be over by its limits."""
        found = self.snapshot.sessions.get(digest)
        return found if found is not None and self.may_sign_in(found.username) else None

    def is_over(self, session: Session, digest: bytes) -> bool:
        """Whether a session has reached one of its limits, as far as it is known here."""
        now = time.time()
        seen = max(session.seen, self._seen.get(digest, 0), self._noted.get(digest, 0))
        return (
            now >= session.created + self.settings.absolute_limit
            or now >= seen + self.settings.idle_limit
        )

    async def is_over_indeed(self, session: Session, digest: bytes) -> bool:
        """Whether a session is over, also by what other servers know of it."""
        try:
            seen = await self.read(
                lambda c: c.scalar(select(SESSIONS.c.seen).where(SESSIONS.c.digest == digest))
            )
        except StoreLostError:
            return True
        if seen is None:
            return True
        self._noted[digest] = max(seen, self._noted.get(digest, 0))
        return self.is_over(session, digest)

    def token(self, digest: bytes) -> Token | None:
        """Give a token that may be used, by its digest."""
        found = self.snapshot.tokens.get(digest)
        if found is None or not self.may_sign_in(found.username):
            return None
        return None if found.expires is not None and time.time() >= found.expires else found

    def note_seen(self, digest: bytes) -> None:
        """Note that a session or token is used."""
        now = int(time.time())
        last = max(self._seen.get(digest, 0), self._noted.get(digest, 0))
        if now - last >= min(_SEEN_INTERVAL, self.settings.idle_limit // 4):
            self._seen[digest] = now

    async def _tidy(self) -> None:
        await self._note_seen()
        now = int(time.time())
        over = or_(
            SESSIONS.c.seen < now - self.settings.idle_limit - _UNWRITTEN,
            SESSIONS.c.created < now - self.settings.absolute_limit,
        )

        def look(connection: Connection) -> tuple[list[bytes], list[bytes]]:
            ended = and_(TOKENS.c.expires.is_not(None), TOKENS.c.expires <= now)
            return (
                list(connection.scalars(select(SESSIONS.c.digest).where(over))),
                list(connection.scalars(select(TOKENS.c.digest).where(ended))),
            )

        sessions, tokens = await self.read(look)
        if sessions or tokens:
            await self.write(secrets.end_all, sessions, tokens)

    async def _note_seen(self) -> None:
        """Write down who was there; not in the journal, which it would fill."""
        if not self._seen:
            return
        seen = dict(self._seen)
        rows = [{"which": digest, "now": now} for digest, now in seen.items()]

        def note() -> None:
            with self.store.writing() as writing:
                for table in (SESSIONS, TOKENS):
                    writing.connection.execute(
                        update(table)
                        .where(
                            table.c.digest == bindparam("which"),
                            # Another server may have seen them later.
                            func.coalesce(table.c.seen, 0) < bindparam("now"),
                        )
                        .values(seen=bindparam("now")),
                        rows,
                    )

        await self.in_thread(note)
        for digest, now in seen.items():
            self._noted[digest] = now
            if self._seen.get(digest) == now:
                del self._seen[digest]
        known = self.snapshot
        for digest in [d for d in self._noted if d not in known.sessions and d not in known.tokens]:
            del self._noted[digest]


def _nothing() -> None:
    pass
