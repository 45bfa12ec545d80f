"""Terminals: what a request to start one passes on.

Behind the decision, before the handler.
"""

from __future__ import annotations

from typing import Any

from jupyter_authz.guard.stand import Stand

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
