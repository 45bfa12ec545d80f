"""A real server process for tests, and a client for it."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
STARTING_SECONDS = 90


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """Somebody who talks to a server, by token or not at all."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token
        self.base = f"http://127.0.0.1:{port}"

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send a request; the path goes out as it is."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"token {self.token}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            content = body if body is None or isinstance(body, bytes) else json.dumps(body)
            connection.request(method, f"/{path.lstrip('/')}", body=content, headers=sent)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def status(self, method: str, path: str, body: Any = None) -> int:
        """Send a request and give the status of the reply."""
        return self.request(method, path, body).status


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """Give an environment in which nothing of this machine's configuration is read."""
    names = {"JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE", "JUPYTER_CONFIG_PATH", "JUPYTER_PATH"}
    return {
        **{name: value for name, value in os.environ.items() if name not in names},
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
    }


@contextmanager
def serving(
    home: Path, *arguments: str, application: str = "server", cwd: Path = ROOT
) -> Iterator[int]:
    """Run `jupyter <application>` as a process of its own and give its port.

    Parameters
    ----------
    home
        Where it may keep what is its own; its log is `server.log` there.
    arguments
        Of the command line.
    application
        The subcommand of jupyter.
    cwd
        Where it is started.
    """
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyter",
                application,
                *arguments,
                f"--port={port}",
                "--no-browser",
                "--allow-root",
                "--ServerApp.port_retries=0",
            ],
            env=environment(home),
            cwd=cwd,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, port, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text()}")
        try:
            if Client(port).status("GET", "api") == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text()}")


def block(name: str, text: str | None = None) -> str:
    """Give a code block of the README, by the name in the comment before it."""
    text = (ROOT / "README.md").read_text() if text is None else text
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```\n<!-- end -->", text, re.DOTALL)
    assert found is not None, f"the README has no block {name!r}"
    return found.group(1)
