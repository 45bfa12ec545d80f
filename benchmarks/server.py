"""A real server with and without jupyter_authz, the same requests in turn.

    python benchmarks/server.py [--quick] [--pairs N] [--rounds N]

Three servers run at once: two without the extension and one with it and a policy. Every request
goes to each of them in turn, in an order that changes; what is compared are the medians. A process
may be some percent faster than its twin for as long as it lives, so all three are started anew for
each round. The ratio of the two servers without the extension is the noise of the measurement, and
is printed beside the ratio that matters.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_core.paths import jupyter_config_path
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.websocket import WebSocketClientConnection

TOKEN = "benchmark"  # a token of servers that live for a minute
ENTRIES = 10_000
RULES = 1_000
FRONT_ENDS = ("jupyter_server_terminals", "jupyterlab", "nbclassic", "notebook_shim", "voila")

POLICY = f"""
c.JupyterAuthz.roles = [
    {{"name": "people", "users": ["*"], "allow": ["read,write:contents!path=notes/**",
     "read,write:contents!path=many/**", "execute:compute"]}},
    *({{"name": f"team{{i}}", "groups": [f"team{{i}}"], "allow": [
        f"read,write:contents!path=teams/{{i}}/{{j}}/**" for j in range(10)],
        "deny": [f"write:contents!path=teams/{{i}}/*/archive/**"]}} for i in range({RULES // 10})),
]
"""

NAMES = ("bare", "bare again", "authz")
Server = tuple[str, int, subprocess.Popen[bytes]]


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start(name: str, root: Path, *, guarded: bool) -> tuple[Server, float]:
    """Start a server; give it and the seconds until it answered."""
    home = Path(tempfile.mkdtemp(prefix=f"authz-benchmark-{name}-"))
    (home / "jupyter_server_config.py").write_text(POLICY if guarded else "")
    port = free_port()
    # Whatever else is installed: only what is compared, and the front ends that people use.
    extensions = {
        name: False
        for directory in jupyter_config_path()
        for file in Path(directory, "jupyter_server_config.d").glob("*.json")
        for name in json.loads(file.read_text())["ServerApp"]["jpserver_extensions"]
    }
    extensions |= dict.fromkeys(FRONT_ENDS, True) | {"jupyter_authz": guarded}
    (home / "jupyter_server_config.json").write_text(
        json.dumps({"ServerApp": {"jpserver_extensions": extensions}})
    )
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyter_server",
            f"--port={port}",
            "--no-browser",
            "--allow-root",
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.root_dir={root}",
            "--log-level=ERROR",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/api")
            connection.getresponse().read()
            break
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"the server {name} ended with {process.returncode}") from None
            time.sleep(0.005)
    return (name, port, process), time.perf_counter() - began


class Client:
    """A browser's connection: kept alive, signed in by cookie."""

    def __init__(self, server: Server) -> None:
        self.port = server[1]
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        cookies = {
            **self._cookies("/login", {}),
            **self._cookies("/api/me", {"Authorization": f"token {TOKEN}"}),
        }
        self.headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-XSRFToken": cookies["_xsrf"],
            "Referer": f"http://127.0.0.1:{self.port}/",
        }

    def _cookies(self, path: str, headers: dict[str, str]) -> dict[str, str]:
        self.connection.request("GET", path, headers=headers)
        reply = self.connection.getresponse()
        reply.read()
        set_cookies = [v for k, v in reply.getheaders() if k.lower() == "set-cookie"]
        pairs = (value.partition(";")[0].partition("=") for value in set_cookies)
        return {name: value for name, _, value in pairs}

    def seconds(self, method: str, path: str, body: bytes | None = None) -> float:
        """Send a request and give the seconds until its reply has been read."""
        began = time.perf_counter()
        self.connection.request(method, path, body=body, headers=self.headers)
        reply = self.connection.getresponse()
        text = reply.read()
        took = time.perf_counter() - began
        if reply.status >= http.HTTPStatus.MULTIPLE_CHOICES:
            raise SystemExit(f"{method} {path}: {reply.status} {text[:300]!r}")
        return took


def compared(clients: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Give each server's median, its requests taken in turn with the others'."""
    times: dict[str, list[float]] = {name: [] for name in clients}
    order = list(clients)
    warm_up = 1 + rounds // 20
    for index in range(rounds + warm_up):
        random.shuffle(order)
        for name in order:
            took = clients[name]()
            if index >= warm_up:
                times[name].append(took)
    return {name: statistics.median(values) for name, values in times.items()}


class Kernel:
    """A websocket to a kernel."""

    def __init__(self, client: Client, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        client.connection.request(
            "POST", "/api/kernels", headers=client.headers, body=b'{"path": "notes"}'
        )
        reply = client.connection.getresponse()
        kernel = json.loads(reply.read())["id"]
        url = f"ws://127.0.0.1:{client.port}/api/kernels/{kernel}/channels"
        self.socket = loop.run_until_complete(self._connect(url, client.headers))
        self.seconds()

    async def _connect(self, url: str, headers: dict[str, str]) -> WebSocketClientConnection:
        return await websocket_connect(HTTPRequest(url, headers=headers))

    def seconds(self) -> float:
        """Ask for the kernel's info and give the seconds until it has answered."""
        return self.loop.run_until_complete(self._seconds())

    async def _seconds(self) -> float:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "kernel_info_request",
            "username": "",
            "session": "benchmark",
            "version": "5.3",
            "date": "",
        }
        began = time.perf_counter()
        await self.socket.write_message(
            json.dumps(
                {
                    "header": header,
                    "parent_header": {},
                    "metadata": {},
                    "content": {},
                    "channel": "shell",
                    "buffers": [],
                }
            )
        )
        while True:
            # A reply of several small packets must not wait for an acknowledgement of the first.
            if hasattr(socket, "TCP_QUICKACK"):
                connection = self.socket.protocol.stream.socket
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            message = json.loads(await self.socket.read_message())
            if (
                message["msg_type"] == "kernel_info_reply"
                and message["parent_header"].get("msg_id") == header["msg_id"]
            ):
                return time.perf_counter() - began


def measured(servers: list[Server], pairs: int) -> dict[str, dict[str, float]]:
    """Measure every kind of request on running servers; give each server's median by kind."""
    clients = {server[0]: Client(server) for server in servers}
    body = json.dumps({"type": "file", "format": "text", "content": "x\n" * 50}).encode()
    kinds: list[tuple[str, str, str, bytes | None, int]] = [
        ("GET a small file", "GET", "/api/contents/notes/small.txt", None, pairs),
        ("PUT a small file", "PUT", "/api/contents/notes/put.txt", body, pairs),
        ("list 10,000 entries", "GET", "/api/contents/many", None, max(1, pairs // 300)),
        ("GET /api/me, the cheapest decided", "GET", "/api/me", None, pairs * 2),
        ("GET /api, the cheapest", "GET", "/api", None, pairs * 2),
    ]
    found = {
        label: compared(
            {n: partial(client.seconds, method, path, sent) for n, client in clients.items()},
            rounds,
        )
        for label, method, path, sent, rounds in kinds
    }
    loop = asyncio.new_event_loop()
    kernels = {name: Kernel(client, loop) for name, client in clients.items()}
    found["a kernel message there and back"] = compared(
        {name: kernel.seconds for name, kernel in kernels.items()}, pairs
    )
    return found


def table(rounds: list[dict[str, dict[str, float]]]) -> str:
    """Give the medians over all rounds, and the medians of the ratios within each."""
    lines = [f"{'median':36}{'bare':>12}{'authz':>12}{'authz/bare':>12}{'noise':>9}"]
    for label in rounds[0]:
        bare = [(one[label]["bare"] + one[label]["bare again"]) / 2 for one in rounds]
        authz = [one[label]["authz"] for one in rounds]
        ratio = statistics.median(a / b for a, b in zip(authz, bare, strict=True))
        noise = statistics.median(one[label]["bare again"] / one[label]["bare"] for one in rounds)
        lines.append(
            f"{label:36}{statistics.median(bare) * 1e3:9.3f} ms"
            f"{statistics.median(authz) * 1e3:9.3f} ms{ratio:12.3f}{abs(noise - 1):9.1%}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=300, help="requests of a kind in a round")
    parser.add_argument("--rounds", type=int, default=9, help="how often servers are started")
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    options = parser.parse_args()
    pairs, count = (20, 1) if options.quick else (options.pairs, options.rounds)
    root = Path(tempfile.mkdtemp(prefix="authz-benchmark-root-"))
    (root / "notes").mkdir()
    (root / "notes" / "small.txt").write_text("a small file\n" * 10)
    (root / "many").mkdir()
    for number in range(100 if options.quick else ENTRIES):
        (root / "many" / f"file{number:05}.txt").touch()
    rounds = []
    for number in range(1, count + 1):
        print(f"round {number} of {count}: {pairs} requests of a kind a server", file=sys.stderr)
        servers: list[Server] = []
        starts = {}
        try:
            for name in random.sample(NAMES, len(NAMES)):
                server, starts[name] = start(name, root, guarded=name == "authz")
                servers.append(server)
            rounds.append({"start-up": starts, **measured(servers, pairs)})
        finally:
            for server in servers:
                server[2].terminate()
            for server in servers:
                server[2].wait()
    print(table(rounds))


if __name__ == "__main__":
    main()
