"""Kernel channels: each websocket to a kernel carries what its user may send, message by message.

Behind the decision, before the handler. At the handshake it was decided that the user may at least
watch; what more they may do is found out when the websocket opens, and again when it changes.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from jupyter_core.utils import ensure_async

from jupyter_authz.errors import MessageError
from jupyter_authz.guard.cells import is_saved_cell, notebooks_of, verbatim
from jupyter_authz.guard.connections import Limited
from jupyter_authz.guard.replies import refusing
from jupyter_authz.guard.wire import read, write
from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.model import Decision, Question, Resource
from jupyter_authz.resources.links import with_targets
from jupyter_authz.resources.messages import needed
from jupyter_authz.resources.running import dashboard_of, kernel_attributes, sessions
from jupyter_authz.resources.table import as_path

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from jupyter_authz.guard.wire import Message
    from jupyter_authz.model import Action
    from jupyter_authz.policy.engine import Policy
    from jupyter_authz.resources.running import Sessions

# Of this process, by which the ids of messages are told apart.
_KEY = secrets.token_bytes(32)

# Kernels tell everybody of a comm that they do not have, by what it was called: no text for that.
_COMM_ID = re.compile(r"[\w-]{1,100}")

# In what opens one, also where its letters are written as numbers.
_OPENS = ("comm_open", r"\u00")
_OPENS_IN_BYTES = tuple(word.encode() for word in _OPENS)

# The comms of each kernel that front ends have opened, not the kernel itself.
_OPENED_BY_CLIENTS: MutableMapping[Any, set[str]] = WeakKeyDictionary()


class KernelChannels(Limited):
    """Passes on what may be sent to a kernel, and answers the rest as a kernel would."""

    kernel_id: str
    selected_subprotocol: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Of whoever may not send everything, the messages whose handling waits for their input.
        self._waiting: set[str] = set()
        # Stands before the ids of their messages, as long as these are the kernel's.
        self._prefix = ""

    def get_argument(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Give an argument of the request; the id of a session is bound to its user."""
        value = super().get_argument(name, *args, **kwargs)
        if name != "session_id" or not value:
            return value
        # INVARIANT: nobody takes over the messages or the place of another by their session's id.
        # tests/guard/test_channels.py::test_a_session_id_belongs_to_its_user
        bound = repr((subject_of(self.current_user).username, value))
        return hashlib.sha256(bound.encode()).hexdigest()

    async def authz_find(self, running: Sessions) -> Resource:
        """Find the kernel as it is now: its sessions may have moved."""
        attributes = await kernel_attributes(self.settings, self.path_kwargs["kernel_id"], running)
        found = Resource("channels", **attributes)
        return found._replace(path=with_targets(self.contents_manager, found.path))

    def authz_highest(self, policy: Policy) -> Action | None:
        """Give the most that is allowed; who may run saved cells may watch, too.

        The kernel of a dashboard takes what its widgets send of whoever has opened it.
        """
        found = super().authz_highest(policy)
        subject, resource = self.authz_subject, self.authz_resource

        def is_denied(action: Action) -> bool:
            return policy.denies(subject, Question(action, resource))

        # INVARIANT: a deny of this kernel beats what comes by other types.
        # tests/guard/test_dashboards.py::test_a_deny_beats_the_dashboard
        # tests/guard/test_cells.py::test_a_deny_of_channels_beats_saved_cells
        if found in {None, "read"} and self._shows_dashboard(policy) and not is_denied("write"):
            return "write"
        if found is None and self._may_run_cells(policy, resource) and not is_denied("read"):
            return "read"
        return found

    def on_message(self, ws_message: str | bytes) -> Any:
        """Take a message from the front end."""
        if self.authz_level != "execute":
            return self._pass_on_if_allowed(ws_message)
        # INVARIANT: tests/guard/test_channels.py::test_messages_to_widgets
        words: Any = _OPENS if isinstance(ws_message, str) else _OPENS_IN_BYTES
        if any(word in ws_message for word in words):
            self._note_comm(ws_message)
        return super().on_message(ws_message)

    def write_message(self, message: Any, binary: bool = False) -> Any:  # noqa: FBT001, FBT002
        """Send a message to the front end."""
        # To one that is closed nothing is written, which Jupyter has to be told.
        if self.ws_connection is not None:
            self._note_input(message)
            prefix: Any = self._prefix if isinstance(message, str) else self._prefix.encode()
            if prefix and prefix in message:
                message = self._as_sent(message)
        return super().write_message(message, binary)

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        """Begin; replies that were kept for a session go to whoever comes back to it."""
        # INVARIANT: tests/guard/test_channels.py::test_who_comes_back_gets_their_replies
        session = self.get_argument("session_id", None) or secrets.token_hex(8)
        whose = f"{self.path_kwargs['kernel_id']} {session}".encode()
        self._prefix = f"{hashlib.blake2b(whose, key=_KEY, digest_size=8).hexdigest()}-"
        return await super().get(*args, **kwargs)

    def _as_sent(self, data: str | bytes) -> str | bytes:
        """Give a reply to a message of one's own as if that had kept its id."""
        try:
            message = read(data, self.selected_subprotocol)
        except MessageError:
            return data
        parent = message.parent_header
        own = str(parent.get("msg_id", "")).removeprefix(self._prefix)
        return write(
            message._replace(parent_header={**parent, "msg_id": own}), self.selected_subprotocol
        )

    def _note_input(self, data: Any) -> None:
        """Note that the kernel asks for input, or does not any more."""
        # INVARIANT: what only quotes such a request is none.
        # tests/guard/test_channels.py::test_what_quotes_a_request_for_input
        words = ("input_request", "idle") if self._waiting else ("input_request",)
        if not any((word if isinstance(data, str) else word.encode()) in data for word in words):
            return
        try:
            message = read(data, self.selected_subprotocol)
        except MessageError:
            return
        handled = str(message.parent_header.get("msg_id"))
        if (message.channel, message.type) == ("stdin", "input_request"):
            self._waiting.add(handled)
        elif message.type == "status" and message.content.get("execution_state") == "idle":
            self._waiting.discard(handled)

    def _shows_dashboard(self, policy: Policy) -> bool:
        username = self.authz_subject.username
        path = dashboard_of(self.settings, self.path_kwargs["kernel_id"], username)
        if path is None:
            return False
        known = with_targets(self.contents_manager, as_path(path))
        question = Question("execute", Resource("voila", path=known))
        return policy.decide(self.authz_subject, question).allowed

    # ------------------------------------------------------------------ comms

    def _comms(self) -> set[str]:
        kernel = self.kernel_manager.get_kernel(self.kernel_id)
        return _OPENED_BY_CLIENTS.setdefault(kernel, set())

    def _note_comm(self, data: str | bytes) -> None:
        try:
            message = read(data, self.selected_subprotocol)
        except MessageError:
            return
        if message.type == "comm_open":
            self._comms().add(str(message.content.get("comm_id")))

    # ------------------------------------------------------------------ what is limited

    async def _pass_on_if_allowed(self, data: str | bytes) -> None:
        protocol = self.selected_subprotocol
        try:
            message = read(data, protocol)
        except MessageError as error:
            self.log.warning("jupyter_authz | ignored what %s sent to a kernel: %s", self, error)
            return
        passed = await self._allowed(message)
        if passed is not None:
            # INVARIANT: nobody's outputs and replies are taken for those of another's message.
            # tests/guard/test_channels.py::test_nobody_answers_for_another
            header = {**passed.header, "msg_id": f"{self._prefix}{passed.header['msg_id']}"}
            passed = passed._replace(header=header)
            # INVARIANT: the kernel gets what was decided about, not what was sent.
            # tests/guard/test_channels.py::test_what_is_decided_about_is_what_is_sent
            await ensure_async(super().on_message(write(passed, protocol)))

    async def _allowed(self, message: Message) -> Message | None:
        """Give a message as it may be passed on; None if it must not be, which is answered."""
        need = needed(message.channel, message.type)
        if self.authz_may(need) and self._is_to_whom_it_may(message):
            return message
        denied, reason = Question(need, self.authz_resource), "no-role"
        if (message.channel, message.type) == ("shell", "execute_request"):
            # What it asks is found out anew: the notebook may have been moved, too.
            running = await sessions(self.settings)
            resource = await self.authz_find(running)
            if self._may_run_cells(self.authz_guard.policy, resource):
                notebooks = notebooks_of(self.kernel_id, running)
                if await is_saved_cell(self.contents_manager, notebooks, message):
                    return verbatim(message)
                denied = Question("execute", resource._replace(type="cells"))
                reason = "not-a-saved-cell"
        self._refuse(message, denied, reason)
        return None

    def _may_run_cells(self, policy: Policy | None, resource: Resource) -> bool:
        question = Question("execute", resource._replace(type="cells"))
        return policy is not None and bool(policy.decide(self.authz_subject, question))

    def _is_to_whom_it_may(self, message: Message) -> bool:
        """Whether a message that interacts is to a widget of the kernel, or to input one gives."""
        if message.type == "input_reply":
            if not self._waiting:
                return False
            self._waiting.pop()
            return True
        if message.type == "comm_msg":
            comm = message.content.get("comm_id")
            is_id = isinstance(comm, str) and _COMM_ID.fullmatch(comm)
            return bool(is_id) and comm not in self._comms()
        return True

    def _refuse(self, message: Message, question: Question, reason: str) -> None:
        denial = Decision(allowed=False, reason=reason, question=question)
        what = f"{message.type} on {message.channel} of kernel {self.kernel_id}"
        recorded = self.authz_guard.record(denial, self.authz_subject, what)
        for reply in refusing(message, recorded):
            data = write(reply, self.selected_subprotocol)
            super().write_message(data, isinstance(data, bytes))
