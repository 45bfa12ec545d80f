"""The values that pass along the line: who asks (subject), what (resource, question), the answer.

Stands left of everything else: every other module may import from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Action = Literal["read", "write", "execute"]

# The kind of a subject that is not signed in, where such are let in.
GUEST = "guest"

Scope = Literal["this", "any", "way"]

ACTIONS: tuple[Action, ...] = ("read", "write", "execute")

# What a resource may know about itself, in the order in which the engine looks at it.
ATTRIBUTES = ("path", "url", "owner", "name")

# One value, several values that all count (a kernel with two notebooks), or unknown.
Value = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Subject:
    """The user as the policy sees it.

    Parameters
    ----------
    username
        The name the identity provider gives; compared case-sensitively.
    groups
        The groups the user is directly in, each ``segment/segment`` without slashes at its ends.
    kind
        ``user``, ``token`` or ``guest``.
    limits
        Of a token, the permissions beyond which nothing may be done with it, whatever its owner
        may do; None is no limit.
    """

    username: str
    groups: tuple[str, ...] = ()
    kind: str = "user"
    limits: tuple[str, ...] | None = None
    # Subjects are looked up at every decision; their hash is computed once.
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "_hash", hash((self.username, self.groups, self.kind, self.limits))
        )

    def __hash__(self) -> int:
        return self._hash

    @property
    def is_nameable(self) -> bool:
        """Whether the username can stand for itself in a path; the others are denied everything."""
        name = self.username
        return bool(name) and name not in {".", ".."} and "/" not in name and "\0" not in name


# Made for every request and every entry of a list: named tuples are made in a fraction of the time.
class Resource(NamedTuple):
    """What is asked for: a type and what is known about this one.

    Parameters
    ----------
    type
        A type of the resource tables, such as ``contents``.
    path
        Contents path, normalised: no slash at its ends, no ``.`` or ``..``; ``""`` is the root.
    url
        Path below the base URL of a proxied application or of an extension, without slashes at
        its ends.
    owner
        Username of who started it.
    name
        Kernelspec, terminal, language server or ``host:port``, in lower case.
    whole
        Whether all below ``path`` is asked for too: deleting, moving or copying a directory.
    """

    type: str
    path: Value = None
    url: Value = None
    owner: Value = None
    name: Value = None
    whole: bool = False


class Question(NamedTuple):
    """One thing a request asks, whether something may be read, written or executed.

    Parameters
    ----------
    action
        ``read``, ``write`` or ``execute``.
    resource
        What for.
    scope
        ``this``: this very resource. ``any``: at least one possible resource of the type, for
        collections whose reply is filtered. ``way``: this directory, or something below it that
        may be read.
    enough
        Pairs of action and type, any of which is enough for the policy: what comes later, the
        messages of a websocket, is limited to what is allowed.
    instead
        Another question, which is enough, too.
    """

    action: Action
    resource: Resource
    scope: Scope = "this"
    enough: tuple[tuple[Action, str], ...] = ()
    instead: Question | None = None

    @property
    def label(self) -> str:
        """The question as the log and the command line show it, such as ``read:contents a/b``."""
        known = [
            value if attribute == "path" else f"{attribute}={value}"
            for attribute in ATTRIBUTES
            for value in values_of(getattr(self.resource, attribute)) or ()
            if value != OF_THE_SERVER
        ]
        text = " ".join([f"{self.action}:{self.resource.type}", *(value or "/" for value in known)])
        if self.resource.whole:
            text += " and all below it"
        return f"{text} (at least one)" if self.scope == "any" else text


# Stands beside the path of whatever leads to a file of the server itself; no path has it in it.
OF_THE_SERVER = "\0"


def values_of(value: Value) -> tuple[str, ...] | None:
    """Give every value of an attribute, or None where it is unknown."""
    if value is None or value == ():
        return None
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or denied, and why. Truthy only when allowed.

    Parameters
    ----------
    allowed
        The answer.
    reason
        One word for machines: ``allowed``, ``on-the-way`` (a directory that leads to something
        readable), ``transparent``, ``public``; or why it was denied:
        ``callback``, ``redirect`` (which leads elsewhere), ``no-role``, ``denied-by-role``,
        ``closed``, ``token``, ``membership``, ``hook``, ``authorizer``, ``cross-site``,
        ``unclassified``, ``error``.
    question
        The question that decided, where there was one.
    rules
        What determined it, each ``role NAME: PERMISSION``; for the operator, never for clients.
    id
        Under which the log explains a denial.
    """

    allowed: bool
    reason: str
    question: Question | None = None
    rules: tuple[str, ...] = ()
    id: str = ""

    def __bool__(self) -> bool:
        return self.allowed
