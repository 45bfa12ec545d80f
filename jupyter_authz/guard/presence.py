"""Presence: who is there is told to all in a room, what they have open to those who may read it.

Beside `guard.rooms`. The messages are those of the Y awareness protocol: for each client a number,
a clock and what it says of itself, as JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_authz.guard.yjs import reader
from jupyter_authz.identity.subjects import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

# Of what a front end of JupyterLab says: the document in front, and all that are open.
_CURRENT, _OPEN = "current", "documents"
# Who it is, and whether the document is saved by itself.
_PERSON, _SAVING = "user", "autosave"
_NAMES = ("username", "name", "display_name")
# What stands before the path of a document that several edit at once.
_DRIVE = "RTC:"
_NOTHING: Any = object()


class Claim(NamedTuple):
    """Whose a client of a room is.

    Parameters
    ----------
    username
        Of its user.
    may_write
        Whether they may write the document.
    """

    username: str
    may_write: bool


# Clients of one person in one room; anybody in it can make up any number of them.
_MOST = 100
# Of these, in one message; and documents that one has open. All of it is told to everybody in the
# room, to each what they may know.
_MOST_AT_ONCE = 10
_MOST_OPEN = 50


def presence_for(message: bytes, may_read: Callable[[str], bool]) -> bytes | None:
    """Give a message of the awareness protocol as somebody may see it.

    Parameters
    ----------
    message
        As it would be sent, its type in front.
    may_read
        Tells of a contents path whether they may read it.
    """
    return _changed(message, lambda _, state: _state_for(state, may_read))


def presence_from(
    message: bytes, user: Any, clients: MutableMapping[int, Claim], *, may_write: bool
) -> bytes | None:
    """Give a message of the awareness protocol as somebody may send it; None if they may not.

    Parameters
    ----------
    message
        As it came, its type in front.
    user
        Jupyter's user, whose it is.
    clients
        Whose the clients of the room are, by their numbers; new ones are added.
    may_write
        Whether they may write the document: what they say of its saving counts then.
    """
    claim = Claim(subject_of(user).username, may_write)
    told: list[int] = []

    def as_own(client: int, state: Any) -> Any:
        if len(told) == _MOST_AT_ONCE or not _is_ones_own(client, claim, clients):
            return _NOTHING
        told.append(client)
        return _as_of(user, state)

    return _changed(message, as_own)


def _is_ones_own(client: int, claim: Claim, clients: MutableMapping[int, Claim]) -> bool:
    """Whether a client is somebody's, or is nobody's yet, so that it becomes theirs."""
    # INVARIANT: nobody is there in the name of another, nor as what cannot be.
    # tests/guard/test_rooms.py::test_nobody_is_there_for_another
    held = clients.get(client)
    # The numbers are no secret: who may write does not lose theirs to who may not.
    if held is None or (claim.may_write and not held.may_write):
        own = [one for one, owner in clients.items() if owner.username == claim.username]
        if len(own) >= _MOST:
            # The oldest: most front ends go without saying so.
            del clients[own[0]]
    elif held.username != claim.username:
        return False
    clients[client] = claim
    return True


def _as_of(user: Any, state: Any) -> Any:
    """Give what a client says of itself, as it may be said; it is that of a user."""
    if state is None:
        return state
    if not isinstance(state, dict):
        return _NOTHING
    told, person, documents = dict(state), state.get(_PERSON), state.get(_OPEN)
    if isinstance(documents, list):
        told[_OPEN] = documents[:_MOST_OPEN]
    if person is not None:
        if not isinstance(person, dict):
            return _NOTHING
        told[_PERSON] = {**person, **_as_known(user)}
    return told


def is_saved_by_itself(states: Mapping[int, Any], clients: Mapping[int, Claim]) -> bool:
    """Whether a document is saved by itself, as those want it who may write it.

    Parameters
    ----------
    states
        What the clients of the room say of themselves, by their numbers.
    clients
        Whose they are.
    """
    # INVARIANT: tests/guard/test_rooms.py::test_readers_have_no_say_in_saving
    said = [
        state.get(_SAVING, True)
        for client, state in states.items()
        if state and client in clients and clients[client].may_write
    ]
    # Who says nothing of it wants it.
    return any(said) or not said


def _as_known(user: Any) -> dict[str, Any]:
    """Give how others are told of a user: as the identity provider knows them."""
    known = {name: getattr(user, name, None) or user.username for name in _NAMES}
    words = known["display_name"].split() or [user.username]
    letters = words[0][:1] + (words[-1][:1] if len(words) > 1 else "")
    initials = getattr(user, "initials", None) or letters.upper()
    picture = getattr(user, "avatar_url", None)
    return {**known, "initials": initials, "avatar_url": picture}


def _changed(message: bytes, change: Callable[[int, Any], Any]) -> bytes | None:
    from pycrdt import Encoder, create_awareness_message  # noqa: PLC0415 - only where installed

    kept = []
    try:
        decoder = reader(reader(message[1:]).read_message() or b"")
        for _ in range(decoder.read_var_uint()):
            client, clock = decoder.read_var_uint(), decoder.read_var_uint()
            said = json.loads(decoder.read_var_string(), parse_constant=_refuse)
            state = change(client, said)
            if state is not _NOTHING:
                kept.append((client, clock, json.dumps(state, allow_nan=False)))
    except (IndexError, RecursionError, RuntimeError, ValueError):
        return None
    if not kept:
        return None
    encoder = Encoder()
    encoder.write_var_uint(len(kept))
    for client, clock, state in kept:
        encoder.write_var_uint(client)
        encoder.write_var_uint(clock)
        encoder.write_var_string(state)
    return create_awareness_message(encoder.to_bytes())


def _refuse(constant: str) -> Any:
    # INVARIANT: what Python takes for JSON and browsers do not would end the connections of all.
    # tests/guard/test_rooms.py::test_presence_that_no_browser_reads
    raise ValueError(constant)


def _state_for(state: Any, may_read: Callable[[str], bool]) -> Any:
    if not isinstance(state, dict):
        return state
    shown = dict(state)
    current, documents = state.get(_CURRENT), state.get(_OPEN)
    if isinstance(current, str) and not may_read(_path(current)):
        shown[_CURRENT] = None
    if isinstance(documents, list):
        shown[_OPEN] = [one for one in documents if isinstance(one, str) and may_read(_path(one))]
    return shown


def _path(name: str) -> str:
    """Give the path of what is open, such as ``notebook:RTC:lab/Model.ipynb``."""
    if _DRIVE in name:
        return name.partition(_DRIVE)[2]
    return name.partition(":")[2] or name
