"""Stores for tests: of SQLite, and of a PostgreSQL that is started for them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

import pytest

from jupyter_authz.accounts.schema import METADATA, TURN
from jupyter_authz.accounts.store import Store


class PostgreSQL:
    """A server of PostgreSQL of its own, reached through a socket in its directory.

    Parameters
    ----------
    programs
        The directory with those of PostgreSQL.
    """

    def __init__(self, programs):
        self._programs = programs
        self._numbers = count()
        self._made = []
        self.directory = Path(tempfile.mkdtemp(prefix="jupyter_authz-postgresql-"))
        # It refuses to be started by root.
        self._whoever = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._whoever:
            shutil.chown(self.directory, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--locale=C")
        # What a killed client leaves is under test, and not what a power cut does.
        options = f"-c fsync=off -c listen_addresses='' -k {self.directory}"
        self._run("pg_ctl", "start", "--wait", "-o", options, "-l", self.directory / "log")

    def _run(self, program, *arguments):
        command = [self._programs / program, "-D", self.directory / "data", *arguments]
        subprocess.run(
            [*self._whoever, *command], cwd="/", check=True, stdout=subprocess.DEVNULL, timeout=60
        )

    def do(self, statement):
        """Do something that is done to no database in particular."""
        import psycopg

        with psycopg.connect(
            host=str(self.directory), user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def url(self, name):
        """Give the URL of a database."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.directory}"

    def new(self, template="template0"):
        """Make a database and give its name."""
        name = f"test{next(self._numbers)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        self._made.append(name)
        return name

    def drop_all(self):
        """Drop what was made, which is some megabytes each."""
        while self._made:
            self.do(f"DROP DATABASE IF EXISTS {self._made.pop()} WITH (FORCE)")

    def stop(self):
        """Stop it, and delete all of it."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")
        shutil.rmtree(self.directory)


@pytest.fixture(scope="session")
def postgresql():
    """Run a PostgreSQL for the session."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found += [Path(path) for path in [shutil.which("initdb")] if path]
    if not found:
        reason = "there is no PostgreSQL: install Debian's package postgresql"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    server = PostgreSQL(found[-1].parent)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Give the URL of a database that is of this test only, with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store' / 'accounts.db'}"
        return
    server = request.getfixturevalue("postgresql")
    yield server.url(server.new())
    server.drop_all()


@pytest.fixture
def make_store(url):
    """Give a function that opens the store once more, as another server would."""
    made = []

    def make(patience=10):
        made.append(Store(url, patience))
        made[-1].open()
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store):
    """Open a store with nothing in it."""
    return make_store()


@pytest.fixture
def write(store):
    """Give a function that does one thing in a transaction of the store."""

    def do(operation, *args, **kwargs):
        with store.writing() as writing:
            return operation(writing, *args, **kwargs)

    return do


@pytest.fixture
def empty(store):
    """Give a function that takes all out of the store, as if nothing had ever been in it."""

    def do():
        with store.writing() as writing:
            for table in reversed(METADATA.sorted_tables):
                if table is not TURN:
                    writing.connection.execute(table.delete())

    return do


class Child:
    """A process of a test.

    Parameters
    ----------
    pid
        By which it can be killed.
    given, told
        What it is given and what it tells: files of text.
    """

    def __init__(self, pid, given, told):
        self.pid, self.given, self.told = pid, given, told

    def say(self, line=""):
        """Give it a line."""
        self.given.write(f"{line}\n")

    def hear(self):
        """Wait for its next line; nothing once it is gone."""
        return self.told.readline().strip()

    def kill(self):
        """Kill it, as `kill -9` does, and give what it told before."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        return self.told.read().split()

    def finish(self):
        """Wait for its end and require that all went well."""
        assert self.told.read().split()[-1:] == ["finished"]


# Has all imported, and makes others: to import it all takes longer than what they are made for.
_FORKER = """
import array, os, signal, socket, sys, traceback
from jupyter_authz.accounts import grants, people, secrets, tags
from jupyter_authz.accounts.store import Store
import alembic.autogenerate, psycopg, sqlalchemy.dialects.postgresql.psycopg
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
asked = socket.socket(fileno=int(sys.argv[1]))
while True:
    program, files, _, _ = socket.recv_fds(asked, 100_000, 2)
    if not program:
        break
    pid = os.fork()
    if pid:
        for file in files:
            os.close(file)
        asked.send(str(pid).encode())
        continue
    asked.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(files[0], 0)
    os.dup2(files[1], 1)
    for file in files:
        os.close(file)
    try:
        exec(program.decode(), globals())
        os.write(1, b"finished\\n")
    except BaseException:
        traceback.print_exc()
    os._exit(0)
"""


@pytest.fixture(scope="session")
def fork():
    """Give a function that runs a program in a process of its own."""
    here, there = socket.socketpair()
    forker = subprocess.Popen(
        [sys.executable, "-c", _FORKER, str(there.fileno())], pass_fds=[there.fileno()]
    )
    there.close()

    def start(program):
        (given_to, given), (told, told_to) = os.pipe(), os.pipe()
        socket.send_fds(here, [program.encode()], [given_to, told_to])
        os.close(given_to)
        os.close(told_to)
        pid = int(here.recv(100))
        return Child(pid, open(given, "w", buffering=1), open(told))  # noqa: PTH123

    yield start
    here.close()
    forker.wait(10)


@pytest.fixture
def child(url, fork):
    """Give a function that starts a process, with the `url` of the same database."""
    started = []

    def start(program):
        started.append(fork(f"url = {url!r}\n{program}"))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.told.close()
        with contextlib.suppress(BrokenPipeError):
            process.given.close()


@pytest.fixture
def children(child):
    """Give a function that runs a program in several processes at once, and requires success."""

    def run(number, program):
        ready = "print('ready', flush=True); sys.stdin.readline()"
        processes = [child(f"{ready}\n{program}") for _ in range(number)]
        for process in processes:
            assert process.hear() == "ready"
        for process in processes:
            process.say()
        for process in processes:
            process.finish()

    return run
