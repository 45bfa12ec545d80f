"""Reading the configuration of a running server again, by signal and by command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from serving import ROOT, Client, environment, serving
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_authz.cli.reload import ReloadCommand

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP, see the README"
)

ANN = {"name": "ann", "users": ["ann"], "allow": ["*"]}
BOB = {"name": "bob", "users": ["bob"], "allow": ["read:contents"]}


def hashed(token):
    """Give the hash of a token as the configuration holds it."""
    from jupyter_server.auth import passwd

    return passwd(token, algorithm="sha256")


@pytest.fixture
def configure(tmp_path):
    """Give a function that writes the configuration file."""
    tokens = {name: hashed(f"{name}-token") for name in ("ann", "bob")}
    (tmp_path / "root").mkdir()

    def write(*roles, users=("ann", "bob"), more=""):
        accounts = {name: {"hashed_tokens": [tokens[name]]} for name in users}
        path = tmp_path / "server_config.py"
        path.write_text(
            "c.ServerApp.identity_provider_class = 'jupyter_authz.AccountsIdentityProvider'\n"
            f"c.AccountsIdentityProvider.users = {accounts!r}\n"
            f"c.ServerApp.root_dir = {str(tmp_path / 'root')!r}\n"
            "c.ServerApp.jpserver_extensions = {'jupyter_authz': True}\n"
            f"c.JupyterAuthz.roles = {list(roles)!r}\n{more}"
        )
        return path

    return write


@pytest.fixture
def server(tmp_path, configure):
    """Run a server on which ann may do everything."""
    with serving(tmp_path, f"--config={configure(ANN)}") as port:
        yield port


def reload(home, *arguments):
    """Run `jupyter authz reload`."""
    return subprocess.run(
        [sys.executable, "-m", "jupyter", "authz", "reload", *arguments],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def contents(port, name):
    """Give the status of a listing for somebody."""
    return Client(port, f"{name}-token").status("GET", "api/contents")


def test_what_changes(server, tmp_path, configure):
    """Roles, accounts and the status of denials; people who are gone are gone."""
    assert (contents(server, "ann"), contents(server, "bob")) == (200, 403)
    configure(BOB, more="c.JupyterAuthz.denied_status = 401\n")
    done = reload(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "the configuration has been read again; roles: 1" in done.stdout
    assert (contents(server, "ann"), contents(server, "bob")) == (401, 200)
    configure(ANN, BOB, users=["ann"])
    assert reload(tmp_path, f"--port={server}").returncode == 0
    assert (contents(server, "ann"), contents(server, "bob")) == (200, 403)
    assert Client(server, "bob-token").request("GET", "api/contents").json["reason"] != "no-role"


INVALID = [
    ("c.JupyterAuthz.roles = [{'name': 'x', 'users': ['*'], 'allow': ['reed']}]", "reed"),
    ("c.JupyterAuthz.rolls = []", "rolls"),
    ("c.JupyterAuthz.roles = None", "would turn the policy off"),
    ("del c.JupyterAuthz['roles']", "would turn the policy off"),
    ("raise ValueError('broken')", "broken"),
    ("def", "invalid syntax"),
    ("import sys; sys.exit('stopped')", "stopped"),
    ("c.ServerApp.root_dir = '/nowhere/at/all'", "/nowhere/at/all"),
    ("c.AccountsIdentityProvider.users = {'a/b': {}}", "a/b"),
    ("c.JupyterAuthz.denied_status = 404", "404"),
    ("c.JupyterAuthz.groups = ['a']", "groups"),
    (
        "c.JupyterAuthz.resources = {'a.B': {'type': 'contents'}}",
        "expected the server to be started again",
    ),
]


def test_an_invalid_one_changes_nothing(server, tmp_path, configure):
    """What was in force stays, and both the log and the command say what is wrong."""
    for more, said in INVALID:
        configure(BOB, users=["bob"], more=more + "\n")
        done = reload(tmp_path, "--json")
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["valid"]) == (1, False), more
        assert said in answer["message"]
        assert said in (tmp_path / "server.log").read_text()
        assert (contents(server, "ann"), contents(server, "bob")) == (200, 403)


def test_a_hook_of_an_invalid_one_is_not_kept(server, tmp_path, configure):
    """Nothing is half done."""
    hook = (
        "from jupyter_server.base.handlers import JupyterHandler\n"
        "JupyterHandler.user_is_authorized = lambda self, user, action, resource: False\n"
    )
    configure(ANN, more=hook + "raise ValueError('broken')\n")
    assert reload(tmp_path).returncode == 1
    assert contents(server, "ann") == 200
    configure(ANN, more=hook)
    assert reload(tmp_path).returncode == 0
    assert contents(server, "ann") == 403


ONLY_ANN = (
    "from jupyter_server.base.handlers import JupyterHandler\n"
    "def user_is_authorized(self, user, action, resource):\n"
    "    return {} or (self.current_user.username, user.username) == ('ann', 'ann')\n"
    "JupyterHandler.user_is_authorized = user_is_authorized\n"
)


@pytest.mark.parametrize("roles", [[ANN, {**ANN, "name": "bob", "users": ["bob"]}], None])
def test_a_hook_counts_for_what_is_open(tmp_path, configure, roles):
    """What it does not agree to any more is closed, with roles and without."""

    def write(more):
        configure(*roles or (), more=more if roles else f"{more}c.JupyterAuthz.roles = None\n")

    write(ONLY_ANN.format("bool(user)"))
    with serving(tmp_path, f"--config={tmp_path / 'server_config.py'}") as port:

        async def watch():
            connections = {}
            for name in ("ann", "bob"):
                connections[name] = await websocket_connect(
                    HTTPRequest(
                        f"ws://127.0.0.1:{port}/api/events/subscribe",
                        headers={"Authorization": f"token {name}-token"},
                    )
                )
            write(ONLY_ANN.format("None"))
            done = await asyncio.to_thread(reload, tmp_path)
            assert done.returncode == 0, done.stderr
            assert await asyncio.wait_for(connections["bob"].read_message(), 10) is None
            assert connections["bob"].close_code == 1008
            connections["ann"].ping(b"still")
            assert connections["ann"].close_code is None
            streams = [connection.protocol.stream for connection in connections.values()]
            for connection in connections.values():
                connection.close()
            while not all(stream.closed() for stream in streams):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)

        asyncio.run(watch())
        assert (contents(port, "ann"), contents(port, "bob")) == (200, 403)
        write(
            "from jupyter_server.base.handlers import JupyterHandler\n"
            "JupyterHandler.user_is_authorized = 5\n"
        )
        done = reload(tmp_path)
        assert (done.returncode, "expected a function" in done.stderr) == (1, True)
        assert (contents(port, "ann"), contents(port, "bob")) == (200, 403)


def test_the_file_is_gone(server, tmp_path, configure):
    """A policy is never turned off."""
    configure(BOB).unlink()
    done = reload(tmp_path)
    assert done.returncode == 1
    assert "server_config.py" in done.stderr
    assert contents(server, "ann") == 200


def test_the_signal_alone(server, tmp_path, configure):
    """Does the same, many times at once too."""
    configure(BOB)
    (outcome,) = (tmp_path / "runtime").glob("authz-*.json")
    pid = int(outcome.stem.partition("-")[2])
    for _ in range(20):
        os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + 20
    while contents(server, "bob") != 200 and time.monotonic() < end:
        time.sleep(0.1)
    assert (contents(server, "ann"), contents(server, "bob")) == (403, 200)
    assert outcome.stat().st_mode & 0o077 == 0


def test_servers_that_cannot_be_found(tmp_path):
    """None, a wrong port, a strange word."""
    for arguments in ((), ("--port=1",)):
        done = reload(tmp_path, *arguments)
        assert (done.returncode, "no server is running" in done.stderr) == (2, True)
    assert "unexpected 'now'" in reload(tmp_path, "now").stderr
    for option in ("--config=x.py", "--ServerApp.port=1"):
        done = reload(tmp_path, option)
        assert (done.returncode, f"unexpected '{option}'" in done.stderr) == (1, True)
    assert "--port" in reload(tmp_path, "--help").stdout
    assert ReloadCommand.description


def test_without_a_policy_sighup_ends_the_server(tmp_path):
    """As it does without the extension."""
    (tmp_path / "root").mkdir()
    with serving(tmp_path, f"--ServerApp.root_dir={tmp_path / 'root'}") as port:
        done = reload(tmp_path)
        assert (done.returncode, "has no policy" in done.stderr) == (2, True)
        (info,) = (tmp_path / "runtime").glob("jpserver-*.json")
        os.kill(json.loads(info.read_text())["pid"], signal.SIGHUP)
        time.sleep(1)
        with pytest.raises(OSError, match="refused"):
            Client(port).status("GET", "api")


def test_two_servers(tmp_path, configure):
    """Which one, is asked."""
    config = configure(ANN)
    with serving(tmp_path, f"--config={config}") as first, serving(tmp_path, f"--config={config}"):
        done = reload(tmp_path)
        assert (done.returncode, "more than one server" in done.stderr) == (2, True)
        assert str(first) in done.stderr
        assert reload(tmp_path, f"--port={first}").returncode == 0


CALLBACK = """
def authorize(user_info, path):
    return user_info["username"] in {names!r}

c.JupyterAuthz.authorize_callback = authorize
"""


def test_a_callback_is_read_again(tmp_path, configure):
    """Another one counts; one that is none, or is taken out, changes nothing."""
    names = ["ann"]
    both = (ANN, {**BOB, "allow": ["*"]})
    path = configure(*both, more=CALLBACK.replace("{names!r}", repr(names)))
    with serving(tmp_path, f"--config={path}") as port:
        assert (contents(port, "ann"), contents(port, "bob")) == (200, 403)
        names.append("bob")
        configure(*both, more=CALLBACK.replace("{names!r}", repr(names)))
        assert reload(tmp_path).returncode == 0
        assert (contents(port, "ann"), contents(port, "bob")) == (200, 200)
        for more in ("", "c.JupyterAuthz.authorize_callback = 'nowhere.function'\n"):
            configure(BOB, more=more)
            done = reload(tmp_path)
            assert (done.returncode, "authorize_callback" in done.stderr) == (1, True)
            assert (contents(port, "ann"), contents(port, "bob")) == (200, 200)
