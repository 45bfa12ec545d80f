"""The resource table: which questions a request asks, as data.

Stands between identity and the policy. A row belongs to a handler class; for each verb it lists
what is asked, and where in the request the attributes are found. The modules beside this one hold
the rows, one module for each server package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_authz.model import OF_THE_SERVER, Action, Question, Resource, Scope, Value
from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources.types import FILES, attributes_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_authz.resources.requests import Request

# Finds an attribute in a request; None is unknown.
Source = Callable[["Request"], Any]
# Finds a resource that only the server's managers know: a running kernel, a session, a room.
# None: there is none, and nothing to ask.
Finder = Callable[["Request"], "Awaitable[Mapping[str, Any] | None]"]

WEBSOCKET = "WS"

# The verb question. Anything else asks `write` and `execute`.
VERB_ACTIONS: Mapping[str, tuple[Action, ...]] = {
    "GET": ("read",),
    "HEAD": ("read",),
    "OPTIONS": ("read",),
    "POST": ("write",),
    "PUT": ("write",),
    "PATCH": ("write",),
    "DELETE": ("write",),
    WEBSOCKET: ("execute",),
}
UNKNOWN_VERB: tuple[Action, ...] = ("write", "execute")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of a row, before it is filled in from a request.

    Parameters
    ----------
    action, type
        What is asked.
    path, url, owner, name
        Where the attributes are found; absent ones are unknown.
    finder
        Gives several attributes at once, for what runs.
    scope
        As in `Question`; ``any`` and ``way`` need a filtered reply (see `guard.lists`).
    tree
        Whether, if the path is a directory, all below it is asked for too. A source gives another
        path that tells: a directory is moved with all below it.
    below
        Adds to the path of such a directory what else is taken with it, such as what links below
        it lead to.
    when
        Asked only if this gives something.
    enough
        As in `Question`; needs a stand that limits what comes later (see `guard.stands`).
    instead
        As in `Question`, where its finder finds something.
    """

    action: Action
    type: str
    path: Source | None = None
    url: Source | None = None
    owner: Source | None = None
    name: Source | None = None
    finder: Finder | None = None
    scope: Scope = "this"
    tree: bool | Source = False
    below: Callable[[Any, Value], Value] | None = None
    when: Source | None = None
    enough: tuple[tuple[Action, str], ...] = ()
    instead: Ask | None = None
    # The question itself, where nothing in it depends on the request.
    question: Question | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = (self.path, self.url, self.owner, self.name, self.finder, self.tree, self.when)
        resource = Resource(self.type)
        same = None if any(given) else Question(self.action, resource, self.scope, self.enough)
        object.__setattr__(self, "question", same)

    def resource(self, request: Request) -> Resource:
        """Give the resource as far as the request itself tells."""
        return Resource(
            self.type,
            path=None if self.path is None else as_place(self.type, self.path(request)),
            url=None if self.url is None else as_path(self.url(request)),
            owner=None if self.owner is None else self.owner(request),
            name=None if self.name is None else as_name(self.name(request)),
        )


def as_path(value: Any) -> str | None:
    """Give a path from a request as the engine compares it, or None, unknown."""
    return normalise(value) if isinstance(value, str) else None


def as_place(kind: str, value: Any) -> Value:
    """Give a path as `as_path` does; one of files that cannot be compared may lead to any of them.

    Parameters
    ----------
    kind
        Type of the resource.
    value
        From a request.
    """
    path = as_path(value)
    if path is None and kind in FILES and isinstance(value, str):
        # INVARIANT: what leads to nobody knows where may lead to the files of the server.
        # tests/guard/test_closed.py::test_nobody_is_let_at_the_files_of_the_server
        return (OF_THE_SERVER,)
    return path


def as_name(value: Any) -> str | None:
    """Give a name from a request as the engine compares it, or None, unknown."""
    return value.lower() if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Row:
    """What the requests to one handler class ask.

    Parameters
    ----------
    handler
        ``package.module.Class``. Subclasses of the same package have the same row.
    type
        Resource type of the verb question.
    asks
        For a verb, all it asks, where that is not just the verb question. The first is the verb
        question.
    every
        What every verb asks that ``asks`` does not name, where that is not the verb question.
    path, url, owner, name
        Where the verb question finds its attributes.
    settles
        Pairs of action and resource with which the handler itself asks the server's authorizer
        about its own request; they get the request's decision.
    public
        Nobody is asked anything. Only for what holds nothing of anybody's.
    public_unless
        Name of a setting of the web application without which the handler is public.
    hides_credentials
        Whether Jupyter's own cookies and tokens are taken out of the request before the handler
        sees it, because it passes them on.
    """

    handler: str
    type: str
    asks: Mapping[str, tuple[Ask, ...]] = field(default_factory=dict)
    every: tuple[Ask, ...] = ()
    path: Source | None = None
    url: Source | None = None
    owner: Source | None = None
    name: Source | None = None
    settles: tuple[tuple[str, str], ...] = ()
    public: bool = False
    public_unless: str = ""
    hides_credentials: bool = False
    # What each known verb asks, put together once.
    _asked: Mapping[str, tuple[Ask, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asked = {verb: self._asks_of(verb) for verb in VERB_ACTIONS}
        object.__setattr__(self, "_asked", asked)

    def asked(self, verb: str) -> tuple[Ask, ...]:
        """Give what a verb asks; ``WS`` is a websocket handshake."""
        return self._asked.get(verb) or self._asks_of(verb)

    def _asks_of(self, verb: str) -> tuple[Ask, ...]:
        # A HEAD is a GET whose answer is cut short.
        found = self.asks.get("GET" if verb == "HEAD" else verb)
        if found is not None:
            return found
        if self.every:
            return self.every
        return tuple(
            Ask(
                action,
                self.type,
                path=self.path,
                url=self.url,
                owner=self.owner,
                name=self.name,
            )
            for action in VERB_ACTIONS.get(verb, UNKNOWN_VERB)
        )


def unclassified(package: str) -> Row:
    """Give the row of a handler that nobody has classified: ``execute`` on every verb."""
    return Row(
        "",
        f"ext.{package}",
        every=(Ask("execute", f"ext.{package}", url=lambda request: request.url),),
    )


def opted_in(handler: str, resource: str) -> Row:
    """Give the row of a handler whose own package put it into Jupyter Server's scheme."""
    return Row(handler, resource)


def public(handler: str, kind: str) -> Row:
    """Give the row of a public route."""
    return Row(handler, kind, public=True)


class Table:
    """All rows, by handler class.

    Parameters
    ----------
    rows
        Of every package; of two for one handler the later counts.
    types
        The known resource types.
    """

    def __init__(self, rows: tuple[Row, ...], types: Mapping[str, tuple[str, ...]]) -> None:
        self.types = types
        self._rows = {row.handler: row for row in rows}

    def find(self, handler: type, package: str) -> Row:
        """Give the row of a handler class.

        Parameters
        ----------
        handler
            As registered. A subclass that another package made of a listed class is not listed:
            nobody knows what it does.
        package
            That registered the route, for handlers nobody has classified.
        """
        own = top_level(handler.__module__)
        for ancestor in handler.__mro__:
            if top_level(ancestor.__module__) != own:
                break
            row = self._rows.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
            if row is not None:
                return row
        label = _own_auth_resource(handler, own)
        if label is not None:
            return opted_in(f"{handler.__module__}.{handler.__qualname__}", label)
        return unclassified(package)

    def attributes_of(self, name: str) -> tuple[str, ...]:
        """Give the attributes of a type; one that only an extension's handler names has none."""
        return attributes_of(name, self.types) if name in self.types or "." in name else ()


def top_level(module: object) -> str:
    """Give the package a module is in; nothing where a class does not tell its module."""
    return module.partition(".")[0] if isinstance(module, str) else ""


def _own_auth_resource(handler: type, package: str) -> str | None:
    # INVARIANT: only a label that the handler's own package gave it counts; an inherited one says
    # nothing about what the handler does. tests/guard/test_classification.py
    for ancestor in handler.__mro__:
        if "auth_resource" in vars(ancestor):
            label = vars(ancestor)["auth_resource"]
            own = top_level(ancestor.__module__) == package
            return label if own and isinstance(label, str) and label else None
    return None
