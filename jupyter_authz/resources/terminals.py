"""The table of jupyter_server_terminals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_authz.resources.requests import body, myself, part
from jupyter_authz.resources.running import below_root, running_terminal, terminal
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request


def _directory(request: Request) -> str | None:
    """Find where a shell starts, as its handler does: first as a path of the server's machine.

    Unknown outside of the root, and where none is given.
    """
    given = body("cwd")(request)
    if not given:
        return None
    if "\0" in given:
        raise HTTPError(400, "Expected a directory as 'cwd' in the JSON body")
    root = Path(request.handler.settings["server_root_dir"]).expanduser()
    try:
        for place in (Path(given), root / given):
            if place.resolve().exists():
                return below_root(request.handler.settings, str(place))
    except OSError as error:
        # Too long, say.
        raise HTTPError(400, f"Expected a directory as 'cwd' in the JSON body: {error}") from error
    return None


def _name(request: Request) -> str | None:
    """Find the name of a new terminal, which has to be one that a URL can name."""
    # INVARIANT: tests/resources/test_bodies.py::test_a_bad_body_does_nothing
    name: str | None = body("name")(request)
    if name and not re.fullmatch(r"\w+", name):
        raise HTTPError(
            400, f"Expected letters, digits and underscores as 'name' of a terminal, got {name!r}"
        )
    return name


_RUNNING = terminal(part(0))
_NEW: Any = {"path": _directory, "name": _name, "owner": myself}

ROWS = (
    Row(
        "jupyter_server_terminals.api_handlers.TerminalRootHandler",
        "terminals",
        asks={
            "GET": (Ask("read", "terminals", scope="any"),),
            "POST": (
                Ask("write", "terminals", **_NEW),
                Ask("execute", "terminals", **_NEW),
                # A terminal with the name of another takes its place.
                Ask(
                    "execute",
                    "terminals",
                    finder=running_terminal(_name),
                    when=_name,
                ),
            ),
        },
    ),
    Row(
        "jupyter_server_terminals.api_handlers.TerminalHandler",
        "terminals",
        asks={
            "GET": (Ask("read", "terminals", finder=_RUNNING),),
            "DELETE": (Ask("write", "terminals", finder=_RUNNING),),
        },
    ),
    Row(
        "jupyter_server_terminals.handlers.TermSocket",
        "terminals",
        asks={
            "WS": (Ask("execute", "terminals", finder=_RUNNING, enough=(("read", "terminals"),)),)
        },
        settles=(("execute", "terminals"),),
    ),
)
