"""`jupyter authz routes`: every route and verb of the configured server, and what it asks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from inspect import isclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from traitlets import Bool

from jupyter_authz.cli.command import ServerCommand
from jupyter_authz.cli.findings import wrapped
from jupyter_authz.model import ATTRIBUTES
from jupyter_authz.resources.types import EXTENSION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_authz.cli.server import Configured
    from jupyter_authz.guard.routes import Route
    from jupyter_authz.resources.table import Ask, Table

_FLAGS = {
    "unclassified": (
        {"RoutesCommand": {"unclassified": True}},
        "Only those that nobody has classified; exit with status 1 if there are any.",
    ),
    **ServerCommand.flags,
}
_SCOPES = {"any": " (at least one)", "way": " (or on the way to it)"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as far as it is known without a request.

    Parameters
    ----------
    action, type
        What is asked.
    attributes
        Those that a request tells.
    scope
        ``this``, ``any`` or ``way``, as in `Question`.
    whole
        Whether all below a directory is asked for too.
    conditional
        Whether it is asked only of some requests.
    enough
        What else is enough, where what comes later is limited.
    """

    action: str
    type: str
    attributes: tuple[str, ...]
    scope: str
    whole: bool
    conditional: bool
    enough: tuple[str, ...]

    def __str__(self) -> str:
        text = " or ".join([f"{self.action}:{self.type}", *self.enough])
        text = " ".join([text, *self.attributes])
        text += " and all below it" if self.whole else _SCOPES.get(self.scope, "")
        return f"[{text}]" if self.conditional else text


@dataclass(frozen=True, slots=True)
class Entry:
    """A verb of a route.

    Parameters
    ----------
    pattern
        Regular expression of the path.
    verb
        ``WS`` is a websocket handshake, ``*`` any verb.
    package
        That registered the route.
    handler
        The class, or whatever else answers.
    asks
        All of them must be allowed; none where it is public.
    public
        Whether nobody is asked anything.
    unclassified
        Whether nobody has told what it does, so that it asks ``execute:ext.<package>``.
    """

    pattern: str
    verb: str
    package: str
    handler: str
    asks: tuple[Asked, ...]
    public: bool
    unclassified: bool

    @property
    def answer(self) -> str:
        """What it asks, in words."""
        if self.public:
            return "public"
        text = " + ".join(map(str, self.asks))
        return f"unclassified: {text}" if self.unclassified else text


class RoutesCommand(ServerCommand):
    """`jupyter authz routes`."""

    name = "jupyter-authz-routes"
    description = """
    Show every route of the server as configured, and for each verb what it asks: all that is
    joined with `+` must be allowed, what stands in [] is asked only of requests that do it, the
    words behind a type are what a permission can filter by. Where one of several is enough, joined
    with `or`, what comes later is limited to what is allowed. WS is a websocket handshake, * any
    verb.

    A route that nobody has classified asks `execute:ext.<package>`, and so is refused to all but
    those who are allowed exactly that, or `*`; classify it with c.JupyterAuthz.resources. So are
    routes that extensions add later, while the server runs: they are not in the list.

    All options of `jupyter server` are taken as well.

    Exit status: 0, or 1 if the server would not start, or if --unclassified finds any.

    --json prints a list of objects:

      pattern       regular expression of the path, below the base URL of the server
      verb          GET, ..., WS or *
      package       that registered the route
      handler       package.module.Class
      asks          [{"action", "type", "attributes", "scope", "whole", "conditional", "enough"}]
      public        whether nobody is asked anything
      unclassified  whether nobody has classified it
    """
    examples = (
        "jupyter authz routes\n"
        "jupyter authz routes --unclassified\n"
        "jupyter authz routes --json --config=/etc/jupyter/jupyter_server_config.py"
    )
    flags = _FLAGS
    enables_extension = True

    unclassified = Bool(help="Whether only unclassified routes count.").tag(config=True)

    def report(self, configured: Configured) -> int:
        """Print the routes."""
        entries = [
            entry
            for route in configured.guard.routes.all()
            for entry in _entries(route, configured)
            if entry.unclassified or not self.unclassified
        ]
        if self.json:
            print(json.dumps([asdict(entry) for entry in entries], indent=2))  # noqa: T201 - its answer
        else:
            print("\n".join(self._lines(entries)))  # noqa: T201 - its answer
        return 1 if self.unclassified and entries else 0

    def _lines(self, entries: Sequence[Entry]) -> Iterator[str]:
        if self.unclassified and not entries:
            yield "Every route is classified."
            return
        for (pattern, package, handler), verbs in groupby(
            entries, lambda entry: (entry.pattern, entry.package, entry.handler)
        ):
            yield pattern
            yield f"  {package}  {handler}"
            for entry in verbs:
                yield wrapped(f"    {entry.verb:7} {entry.answer}", indent=" " * 12)
        unclassified = sum(entry.unclassified for entry in entries)
        yield ""
        yield f"Verbs of all routes: {len(entries)}, unclassified: {unclassified}"


def _entries(route: Route, configured: Configured) -> Iterator[Entry]:
    row = route.row
    table = configured.guard.routes.table
    settings = configured.server.web_app.settings
    public = row.public or (bool(row.public_unless) and not settings.get(row.public_unless, True))
    for verb in route.verbs:
        yield Entry(
            route.pattern,
            verb,
            route.package,
            _name(route.target),
            () if public else tuple(_asked(ask, table) for ask in row.asked(verb)),
            public,
            not public and not row.handler and row.type.startswith(EXTENSION_PREFIX),
        )


def _asked(ask: Ask, table: Table) -> Asked:
    known = tuple(a for a in ATTRIBUTES if getattr(ask, a) is not None)
    return Asked(
        ask.action,
        ask.type,
        # A finder asks the server's managers, who know all that the type can have.
        known if ask.finder is None else table.attributes_of(ask.type),
        ask.scope,
        bool(ask.tree),
        ask.when is not None,
        tuple(f"{action}:{kind}" for action, kind in ask.enough),
    )


def _name(target: Any) -> str:
    named = target if isclass(target) or hasattr(target, "__qualname__") else type(target)
    return f"{named.__module__}.{named.__qualname__}"
