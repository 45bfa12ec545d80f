"""`jupyter authz reload`: has a running server read its configuration again, and tells how it went.

It sends the signal, and reads the answer from the file that `jupyter_authz.reload` writes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from jupyter_core.application import JupyterApp
from jupyter_server.serverapp import list_running_servers
from traitlets import Bool, Float, Int

from jupyter_authz._version import __version__
from jupyter_authz.reload import HANG_UP, outcome_file

if TYPE_CHECKING:
    from pathlib import Path

RELOADED, INVALID, UNREACHABLE = 0, 1, 2
_INTERVAL = 0.05  # seconds

_ALIASES = {"port": "ReloadCommand.port", "timeout": "ReloadCommand.timeout"}
_OWN = {"ReloadCommand", "Application", "JupyterApp"}
_FLAGS = {"json": ({"ReloadCommand": {"json": True}}, "Print JSON, for programs.")}


class ReloadCommand(JupyterApp):
    """`jupyter authz reload`."""

    name = "jupyter-authz-reload"
    version = __version__
    description = """
    Have a running server of this user read its configuration again: roles, base permissions,
    groups and accounts. Who loses a permission loses it at once, on open connections too.

    An invalid configuration changes nothing: the last valid one stays in force. A reload never
    turns a policy off. SIGHUP does the same, and tells only the server's log.

    Exit status:

      0  the configuration is in force
      1  it is invalid, and what was in force stays
      2  no server was found, more than one, or it does not answer

    --json prints one object: {"valid", "message", "pid"}; pid may be null
    """
    examples = "jupyter authz reload\njupyter authz reload --port=8888"
    aliases = _ALIASES
    flags = _FLAGS

    port = Int(0, help="The port of the server, where there are several.").tag(config=True)
    timeout = Float(60, help="How many seconds to wait for the server.").tag(config=True)
    json = Bool(help="Whether to print JSON.").tag(config=True)

    def initialize(self, argv: Any = None) -> None:
        """Take the options; read no configuration, which belongs to the server."""
        self.parse_command_line(argv)
        # traitlets takes any `--Section.trait`, and this command reads no section but its own.
        given = sys.argv[1:] if argv is None else argv
        others = tuple(f"--{name}" for name in self.cli_config.keys() - _OWN)
        strange = [*self.extra_args, *(one for one in given if one.startswith(others))]
        if strange:
            self.exit(
                f"jupyter authz reload: unexpected {strange[0]!r}: expected --port, --timeout or "
                "--json; the server reads the configuration it was started with"
            )

    def start(self) -> None:
        """Reload, print what came of it, and exit."""
        self.exit(self._status())

    def _status(self) -> int:
        if HANG_UP is None:
            return self._told(UNREACHABLE, "this system has no SIGHUP: start the server again")
        servers = [
            server
            for server in list_running_servers(self.runtime_dir)
            if self.port in {0, server["port"]}
        ]
        if len(servers) != 1:
            found = ", ".join(f"{server['url']} (--port={server['port']})" for server in servers)
            where = f"on port {self.port}, " if self.port else ""
            return self._told(
                UNREACHABLE,
                f"more than one server is running: {found}"
                if servers
                else f"no server is running, {where}of those in {self.runtime_dir}",
            )
        pid = servers[0]["pid"]
        path = outcome_file(self.runtime_dir, pid)
        if not path.exists():
            return self._told(
                UNREACHABLE,
                f"the server at {servers[0]['url']} has no policy, or was started without "
                "jupyter_authz: start it again",
                pid,
            )
        before = _outcome(path)["number"]
        os.kill(pid, HANG_UP)
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            outcome = _outcome(path)
            if outcome["number"] > before:
                status = RELOADED if outcome["valid"] else INVALID
                return self._told(status, outcome["message"], pid)
            time.sleep(_INTERVAL)
        return self._told(UNREACHABLE, f"no answer within {self.timeout} seconds", pid)

    def _told(self, status: int, message: str, pid: int | None = None) -> int:
        if self.json:
            print(json.dumps({"valid": status == RELOADED, "message": message, "pid": pid}))  # noqa: T201 - its answer
        else:
            stream = sys.stdout if status == RELOADED else sys.stderr
            print(f"jupyter authz reload: {message}", file=stream)
        return status


def _outcome(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
