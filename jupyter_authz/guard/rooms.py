"""Rooms of jupyter_server_ydoc: who may only read a document sees every change and makes none.

Behind the decision, before the handler. Each client has its own rights, whoever else is there.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial, wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from jupyter_core.utils import ensure_async
from tornado.web import HTTPError

from jupyter_authz.guard.connections import Limited
from jupyter_authz.guard.parties import hook_agrees
from jupyter_authz.guard.presence import Claim, is_saved_by_itself, presence_for, presence_from
from jupyter_authz.guard.stand import Stand
from jupyter_authz.guard.trust import keep_trust_out
from jupyter_authz.guard.yjs import AWARENESS, RAW, asks, is_sound, reader
from jupyter_authz.model import Question, Resource
from jupyter_authz.resources.links import with_targets
from jupyter_authz.resources.requests import Request
from jupyter_authz.resources.table import as_path
from jupyter_authz.resources.ydoc import is_document, note_timeline, path_of_room

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from jupyter_authz.model import Action
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.resources.running import Sessions

# What a document says of itself beside its content: its path, whether it is saved.
_STATE = "state"
# How many bytes one client may tell at once of who is there; it is told to all.
_LONGEST_PRESENCE = 100_000

# Of the name of a room.
_PART = re.compile(r"[\w.+/-]+", re.ASCII)

# Of each room, whose its clients are.
_CLIENTS: MutableMapping[Any, dict[int, Claim]] = WeakKeyDictionary()


class Room(Limited):
    """Passes on changes by those who may write the document; of the others, that they are there."""

    # Of jupyter_server_ydoc; found while the request is prepared.
    room: Any
    # Whether the log says that changes were dropped.
    _has_told = False
    # Whether a hook, if there is one, lets its user write.
    _hook_agrees = True

    async def authz_find(self, running: Sessions) -> Resource:
        """Find the document as it is now."""
        del running
        request = Request(self)
        if not is_document(request):
            # Nothing is there but who is there.
            return Resource("collaboration")
        path = with_targets(self.contents_manager, as_path(path_of_room(request)))
        return Resource("contents", path=path)

    def authz_highest(self, policy: Policy) -> Action | None:
        """Give whether the document may be written, or else read."""
        actions: tuple[Action, ...] = ("write", "read")
        for action in actions:
            if policy.decide(self.authz_subject, Question(action, self.authz_resource)):
                return action
        return None

    def authz_limit(self) -> None:
        """Limit it to what is allowed, and to what a hook agrees to."""
        before = self.authz_level
        super().authz_limit()
        if self.authz_may("write") and not self._hook_agrees:
            self.authz_level = "read"
        # INVARIANT: what was typed by who might only read is not lost when they may write; it
        # would be missing below all that they type from now on.
        # tests/guard/test_rooms.py::test_who_may_write_now_is_asked_for_all_they_have
        is_open = before is not None and self.ws_connection is not None
        if is_open and before == "read" and self.authz_may("write"):
            self._ask_for_all()

    def _ask_for_all(self) -> None:
        """Ask the client for what it has and the document has not: it may write from now on."""
        from pycrdt import create_sync_message  # noqa: PLC0415 - only where installed

        self.write_message(create_sync_message(self.room.ydoc), binary=True)

    async def authz_ask_hook(self, user: Any) -> None:
        """Ask a hook whether the document may be written."""
        question = Question("write", self.authz_resource)
        agreed = await hook_agrees(self, user, [question], self.log, ensure_async)
        self._hook_agrees = agreed.allowed
        self.authz_limit()

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """Begin; what the document says of trust is for nobody."""
        if is_document(Request(self)):
            keep_trust_out(self.room)
            _save_changes_only(self.room)
        await ensure_async(super().open(*args, **kwargs))

    def on_message(self, message: Any) -> Any:
        """Take a message from the front end."""
        # INVARIANT: of who may not write, only presence and questions pass.
        # tests/guard/test_rooms.py::test_readers_change_nothing
        if not is_sound(message):
            return None
        if message[0] == AWARENESS:
            if len(message) > _LONGEST_PRESENCE:
                return None
            user, clients = self.current_user, _CLIENTS.setdefault(self.room, {})
            told = presence_from(message, user, clients, may_write=self.authz_may("write"))
            return None if told is None else super().on_message(told)
        if self.authz_may("write") or asks(message):
            return super().on_message(message)
        if message[0] == RAW:
            self._answer_save(message)
        elif not self._has_told and self.authz_resource.type == "contents":
            self._has_told = True
            self.log.info(
                "jupyter_authz | %r may not change %s: what they change in it stays with them",
                self.authz_subject.username,
                self.authz_resource.path,
            )
        return None

    def write_message(self, message: Any, binary: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Send a message; to a room without a document, what its reader may know."""
        policy = self.authz_guard.policy
        is_presence = isinstance(message, bytes) and message[:1] == bytes([AWARENESS])
        if policy is not None and is_presence and self.authz_resource.type == "collaboration":
            # INVARIANT: tests/guard/test_rooms.py::test_presence_names_what_may_be_read
            message = presence_for(message, partial(self._may_read, policy))
            if message is None:
                return None
        return super().write_message(message, binary)

    def _may_read(self, policy: Policy, path: str) -> bool:
        resource = Resource("contents", path=with_targets(self.contents_manager, as_path(path)))
        return policy.decide(self.authz_subject, Question("read", resource)).allowed

    def _answer_save(self, message: bytes) -> None:
        """Tell a front end that waits for it that nothing was saved."""
        from pycrdt import Encoder  # noqa: PLC0415 - only where installed

        decoder, encoder = reader(message[1:]), Encoder()
        if decoder.read_var_string() != "save":
            return
        answer = {"type": "save", "responseTo": decoder.read_var_uint(), "status": "skipped"}
        encoder.write_var_uint(RAW)
        encoder.write_var_string(json.dumps(answer))
        self.write_message(encoder.to_bytes(), binary=True)


class DocumentStart(Stand):
    """Takes what a front end says of the document that it wants to be in the room of."""

    async def put(self, *args: Any, **kwargs: Any) -> None:
        """Give the room."""
        said: Any = self.get_json_body()
        for key in ("format", "type"):
            # INVARIANT: tests/resources/test_bodies.py::test_a_bad_body_does_nothing
            value = said.get(key) if isinstance(said, dict) else None
            if not isinstance(value, str) or not _PART.fullmatch(value):
                raise HTTPError(400, f"Expected an object with a word as {key!r} in the JSON body")
        await ensure_async(super().put(*args, **kwargs))


class Timeline(Stand):
    """Makes a document to go back in, and notes of which it is made."""

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Any:
        """Answer."""
        if isinstance(chunk, str) and self.get_status() == HTTPStatus.OK:
            made = json.loads(chunk)
            note_timeline(made["forkRoom"], made["roomId"])
        return super().finish(chunk)


def _save_changes_only(room: Any) -> None:
    """Have a room save what was changed in its document, as those want it who may change it.

    A file may have several rooms. One in which nobody writes does not follow the others, and would
    save what it held when it was made, when the file is moved, say. Whether a document is saved by
    itself is for its writers to say.

    Parameters
    ----------
    room
        Of jupyter_server_ydoc; forks of a document save nothing.
    """
    # INVARIANT: tests/guard/test_rooms.py::test_a_reader_has_nothing_saved
    changed = getattr(room, "_on_document_change", None)
    if changed is None or getattr(changed, "is_of_authz", False):
        return

    @wraps(changed)
    def changed_by_somebody(target: str, event: Any) -> None:
        del event
        states, clients = room.awareness.states, _CLIENTS.get(room, {})
        is_loading = room._update_lock.locked()  # noqa: SLF001
        if target != _STATE and is_saved_by_itself(states, clients) and not is_loading:
            # As the room's own would where all its clients want it.
            save = room._maybe_save_document(room._saving_document)  # noqa: SLF001
            room._saving_document = asyncio.create_task(save)  # noqa: SLF001

    changed_by_somebody.is_of_authz = True  # type: ignore[attr-defined]
    room._on_document_change = changed_by_somebody  # noqa: SLF001
    document = room._document  # noqa: SLF001
    document.unobserve()
    document.observe(changed_by_somebody)
