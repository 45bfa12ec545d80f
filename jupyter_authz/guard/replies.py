"""Replies to messages that are refused: what a kernel would say that could not do it.

Behind the decision. The front end shows it where it would show an error, and nothing waits.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from jupyter_client._version import protocol_version

from jupyter_authz.guard.answers import sentence
from jupyter_authz.guard.wire import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_authz.model import Decision

_NAME = "PermissionError"


def refusing(message: Message, decision: Decision) -> Iterator[Message]:
    """Give the replies to a message that was refused.

    Parameters
    ----------
    message
        What was sent.
    decision
        As recorded.
    """
    said = f"{sentence(decision.question)} [decision {decision.id}]"
    error: dict[str, Any] = {"ename": _NAME, "evalue": said, "traceback": [f"{_NAME}: {said}"]}

    def reply(channel: str, message_type: str, content: dict[str, Any]) -> Message:
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": message_type,
            "username": "",
            "session": "",
            "date": datetime.now(timezone.utc).isoformat(),
            "version": protocol_version,
        }
        return Message(channel, header, message.header, {}, content)

    kind, is_request, _ = message.type.rpartition("_request")
    yield reply("iopub", "status", {"execution_state": "busy"})
    if message.type == "execute_request":
        yield reply("iopub", "error", error)
    if message.type == "comm_open":
        yield reply(
            "iopub", "comm_close", {"comm_id": message.content.get("comm_id", ""), "data": {}}
        )
    if is_request:
        content = {"status": "error", **error, "execution_count": None}
        yield reply(message.channel, f"{kind}_reply", content)
    yield reply("iopub", "status", {"execution_state": "idle"})
