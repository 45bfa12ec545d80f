"""Terminals: what a request to start one passes on, and watching one.

Behind the decision, before the handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.guard.connections import Limited
from jupyter_authz.guard.stand import Stand
from jupyter_authz.model import Resource
from jupyter_authz.resources.running import terminal_attributes

if TYPE_CHECKING:
    from jupyter_authz.resources.running import Sessions

# What was asked about, and so all that is passed on: the rest would reach the shell as it is.
_PASSED_ON = ("cwd", "name")


class TerminalStart(Stand):
    """Passes on where a terminal starts and its name."""

    def get_json_body(self) -> dict[str, Any] | None:
        """Give what the handler may know of the body."""
        # INVARIANT: tests/resources/test_started.py::test_what_a_terminal_is_started_with
        body = super().get_json_body()
        if not isinstance(body, dict):
            return body
        return {key: value for key, value in body.items() if key in _PASSED_ON and value}


class TerminalSocket(Limited):
    """Passes on what is typed by those who may; the others watch."""

    async def authz_find(self, running: Sessions) -> Resource:
        """Find the terminal."""
        del running
        return Resource("terminals", **terminal_attributes(self.settings, self.path_args[0]))

    def on_message(self, message: str | bytes) -> Any:
        """Take a message from the front end."""
        # INVARIANT: of a watcher nothing passes, not even the size of the window, which would
        # change it for all. tests/guard/test_terminals.py::test_watching
        return super().on_message(message) if self.authz_may("execute") else None
