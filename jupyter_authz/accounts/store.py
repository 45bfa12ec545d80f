"""The store: opened, brought up to date, written in turns and read; what changed stands in it.

At the edge of accounts: nothing else here opens a database. Decisions never touch it; they are
made from snapshots, see `accounts.snapshot`.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, delete, event, func, insert, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from jupyter_authz.accounts.schema import JOURNAL, TURN
from jupyter_authz.errors import RefusedError, StoreError, StoreLostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

# What a row of the journal is about, and what its key is: a username; the digest of a session or
# token, in hexadecimal digits; a group, or nothing for all of them.
USER, SESSION, TOKEN, GROUP, EVERYTHING = KINDS = (
    "user",
    "session",
    "token",
    "group",
    "everything",
)

# How many rows of the journal are kept; who is behind by more reads everything.
_KEPT = 10_000
_MIGRATIONS = Path(__file__).parent / "migrations"
# The drivers of PostgreSQL that take the settings of its own library.
_LIBPQ = {"psycopg", "psycopg2"}
# Of PostgreSQL: taken while the tables are made. The letters `authz`.
_LOCK = 0x617574687A


class Mark(NamedTuple):
    """A place in the journal.

    Parameters
    ----------
    number
        Of its last row; 0 where there is none.
    name
        Of that row.
    """

    number: int
    name: str


class Changes(NamedTuple):
    """What has changed since a mark.

    Parameters
    ----------
    mark
        Of the last change.
    keys
        Pairs of kind and key; None where everything has to be read again.
    """

    mark: Mark
    keys: frozenset[tuple[str, str]] | None


class Writing:
    """A transaction that changes something, and notes what.

    Parameters
    ----------
    connection
        In the transaction.
    now
        Seconds since 1970, the same for all that is written in it.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self.connection = connection
        self.now = now
        self._changed: dict[tuple[str, str], None] = {}

    def note(self, kind: str, *keys: str) -> None:
        """Note what has been changed, for all who keep a snapshot."""
        self._changed.update(dict.fromkeys((kind, key) for key in keys))

    def journal(self) -> None:
        """Write down what was noted."""
        if not self._changed:
            return
        changed: Iterable[tuple[str, str]] = self._changed
        if len(self._changed) > _KEPT // 2:
            changed = [(EVERYTHING, "")]
        mark = secrets.token_hex(16)
        rows = [{"mark": mark, "kind": kind, "key": key} for kind, key in changed]
        self.connection.execute(insert(JOURNAL), rows)
        last = self.connection.scalar(select(func.max(JOURNAL.c.id))) or 0
        self.connection.execute(delete(JOURNAL).where(JOURNAL.c.id <= last - _KEPT))


class Store:
    """A database with accounts, groups and grants.

    Parameters
    ----------
    url
        As SQLAlchemy writes it, such as ``sqlite:////srv/accounts.db``.
    patience
        Seconds to wait for whoever else writes.

    Raises
    ------
    StoreError
        The URL is none, its driver is not installed, or what it names would be gone at once.
    """

    def __init__(self, url: str, patience: float = 15) -> None:
        self._patience = patience
        # Device and number of the file, where it is one.
        self._opened: tuple[int, int] | None = None
        try:
            self._url = make_url(url)
            self._engine = self._make_engine()
        except (ArgumentError, NoSuchModuleError, ValueError) as error:
            # Others quote what they cannot read, passwords too.
            reason = f": {error}" if isinstance(error, NoSuchModuleError) else ""
            raise StoreError(
                f"c.Accounts.url: expected the URL of a database as SQLAlchemy writes it, such as "
                f"'sqlite:////srv/accounts.db', got {self.shown(url)!r}{reason}"
            ) from None
        except ImportError as error:
            raise StoreError(
                f"c.Accounts.url: the driver of {self.shown(url)!r} is not installed: {error}"
            ) from None
        if self._is_sqlite and self.file is None:
            raise StoreError(
                f"c.Accounts.url: expected the path of a file, such as "
                f"'sqlite:////srv/accounts.db', got {self.name!r}: in memory, each thread would "
                "have people of its own"
            )

    @staticmethod
    def shown(url: str) -> str:
        """Give a URL without the password that may be in it."""
        try:
            return _without_secrets(make_url(url))
        except (ArgumentError, ValueError):
            return "…"

    @property
    def name(self) -> str:
        """The URL, without a password."""
        return _without_secrets(self._url)

    @property
    def file(self) -> Path | None:
        """The file that it is, where it is one."""
        name = self._url.database
        if not self._is_sqlite or not name or name == ":memory:" or name.startswith("file:"):
            return None
        return Path(name)

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def _make_engine(self) -> Engine:
        # Errors are logged, and hashes of passwords are among what is written.
        options: dict[str, Any] = {"hide_parameters": True}
        if self._is_sqlite:
            # Of the driver: how long to wait for who else writes.
            options["connect_args"] = {"timeout": self._patience}
        else:
            options |= {"pool_pre_ping": True, "pool_timeout": self._patience}
        if self._url.get_driver_name() in _LIBPQ:
            limit = int(self._patience * 1000)
            options["connect_args"] = {
                "connect_timeout": max(2, int(self._patience)),
                # Who does not answer any more is given up, and not only when the system does so.
                "tcp_user_timeout": limit,
                "options": f"-c lock_timeout={limit} -c statement_timeout={4 * limit}",
            }
        engine = create_engine(self._url, **options)
        if self._is_sqlite:
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    # ------------------------------------------------------------------ opening

    def open(self) -> None:
        """Make the store if it is not there, and bring its tables up to date.

        Raises
        ------
        StoreError
            It cannot be used: it was made by a later version, say.
        StoreLostError
            It cannot be reached.
        """
        if self.file is not None:
            _make_private(self.file)
        with self._lost_if_it_fails(), self._connect() as plain:
            connection = plain.execution_options(jupyter_authz_writes=True)
            with connection.begin():
                if self._url.get_backend_name() == "postgresql":
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                config = Config()
                # `%` stands for something in such a file.
                place = _MIGRATIONS.as_posix().replace("%", "%%")
                config.set_main_option("script_location", place)
                config.attributes["connection"] = connection
                self._require_known_version(connection, config)
                command.upgrade(config, "head")

    def _require_known_version(self, connection: Connection, config: Config) -> None:
        if not inspect(connection).has_table("schema_version"):
            return
        steps = ScriptDirectory.from_config(config).walk_revisions()
        known = sorted(step.revision for step in steps)
        for version in connection.scalars(text("SELECT version_num FROM schema_version")):
            if version not in known:
                raise StoreError(
                    f"{self.name}: made by a later version of jupyter_authz: its tables are at "
                    f"{version!r}, expected one of {', '.join(map(repr, known))}; install that "
                    "version"
                )

    def is_there(self) -> bool:
        """Whether it has been made; looks, and makes nothing.

        Raises
        ------
        StoreLostError
            It cannot be reached.
        """
        if self.file is not None and not self.file.exists():
            return False
        with self._lost_if_it_fails(), self._connect() as connection:
            return inspect(connection).has_table(TURN.name)

    def close(self) -> None:
        """Give back its connections."""
        self._engine.dispose()

    # ------------------------------------------------------------------ reading and writing

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read, all of it as it was at one moment.

        Raises
        ------
        StoreLostError
            It cannot be reached.
        """
        level = {} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._lost_if_it_fails(), self._connect() as connection:
            connection = connection.execution_options(**level)  # noqa: PLW2901 - the same one
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Write, all of it or nothing, while nobody else does.

        Raises
        ------
        StoreLostError
            It cannot be reached, or others write for too long.
        RefusedError
            The database cannot keep what it is given.
        """
        # Who waits for the turn must see what was written before it.
        level = {} if self._is_sqlite else {"isolation_level": "READ COMMITTED"}
        with self._lost_if_it_fails(), self._connect() as plain:
            connection = plain.execution_options(jupyter_authz_writes=True, **level)
            with connection.begin():
                # INVARIANT: what is checked before it is written still holds when it is written.
                # tests/accounts/test_store.py::test_writers_take_turns
                connection.execute(update(TURN).values(number=TURN.c.number + 1))
                writing = Writing(connection, int(time.time()))
                yield writing
                writing.journal()

    def _connect(self) -> Connection:
        if self.file is not None:
            # INVARIANT: a file that was deleted or replaced is not used on, and none is made here:
            # SQLite would write what is lost, or mix the two.
            # tests/accounts/test_snapshot.py::test_a_file_that_is_replaced
            found = self.file.stat()
            which = found.st_dev, found.st_ino
            if self._opened not in {None, which}:
                raise OSError(
                    "another file was put in its place; stop all servers before that is done, or "
                    "put a backup back with `sqlite3 FILE '.restore BACKUP'`"
                )
            self._opened = which
        return self._engine.connect()

    def mark(self, connection: Connection) -> Mark:
        """Give the last place in the journal."""
        last = select(JOURNAL.c.id, JOURNAL.c.mark).order_by(JOURNAL.c.id.desc()).limit(1)
        row = connection.execute(last).first()
        return Mark(row.id, row.mark) if row else Mark(0, "")

    def changes_since(self, connection: Connection, mark: Mark) -> Changes:
        """Give what has changed since a mark."""
        now = self.mark(connection)
        if now == mark:
            return Changes(now, frozenset())
        rows = connection.execute(
            select(JOURNAL.c.id, JOURNAL.c.mark, JOURNAL.c.kind, JOURNAL.c.key)
            .where(JOURNAL.c.id >= mark.number)
            .order_by(JOURNAL.c.id)
        ).all()
        keys = frozenset((row.kind, row.key) for row in rows if row.id > mark.number)
        # INVARIANT: after a backup was put back, or where too much has changed, all is read again.
        # tests/accounts/test_snapshot.py::test_a_backup_that_is_put_back
        is_known = mark.number > 0 and any((row.id, row.mark) == mark for row in rows)
        if not is_known or (EVERYTHING, "") in keys:
            return Changes(now, None)
        return Changes(now, keys)

    @contextmanager
    def _lost_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except (DataError, IntegrityError, UnicodeEncodeError, OverflowError) as error:
            # Nothing is wrong with the database.
            reason = str(getattr(error, "orig", None) or error).strip()
            raise RefusedError("bad-value", f"the store cannot keep this: {reason}") from error
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error).strip()
            raise StoreLostError(f"{self.name}: cannot be used: {reason}") from error


def in_pieces(values: Sequence[Any], size: int = 500) -> Iterator[Sequence[Any]]:
    """Give many values in pieces: databases take so many parameters at once, and no more."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _make_private(file: Path) -> None:
    """Make an empty database that nobody else may read, in a directory of its own."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # INVARIANT: nobody else reads it, nor what SQLite keeps beside it.
        # tests/accounts/test_store.py::test_nobody_else_reads_it
        for suffix in ("", "-wal", "-shm", "-journal"):
            beside = file.with_name(file.name + suffix)
            # What is beside it goes with whoever closes it last.
            with suppress(FileNotFoundError):
                if beside.stat().st_mode & 0o077:
                    beside.chmod(0o600)
    except OSError as error:
        raise StoreLostError(f"{file}: cannot be made, or not be kept private: {error}") from error


def _without_secrets(url: URL) -> str:
    """Give a URL without what may be a password in it: some drivers take one as an option."""
    query = {key: "***" if "pass" in key.lower() else value for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions begin below, not where the driver thinks fit.
    connection.isolation_level = None
    cursor = connection.cursor()
    for setting in (
        # Readers and a writer at once, and nothing half done after a crash.
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("jupyter_authz_writes", False)
    # Who begins to read and then writes could be refused in the middle.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
