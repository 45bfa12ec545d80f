"""Kernel messages on a websocket, in both protocols: read strictly, and written anew.

Behind the decision. A message that is decided about is passed on as it was read here, so that the
kernel never reads something else into it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from jupyter_client.jsonutil import json_default
from jupyter_server.services.kernels.connection import base

from jupyter_authz.errors import MessageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# It has no types.
_base: Any = base

# The name of the protocol in which all messages are binary; the other one has none.
PROTOCOL_1 = "v1.kernel.websocket.jupyter.org"

_PARTS = ("header", "parent_header", "metadata", "content")
_CHANNELS = ("shell", "control", "stdin", "iopub")


class Message(NamedTuple):
    """A message between a front end and a kernel.

    Parameters
    ----------
    channel
        ``shell``, ``control``, ``stdin`` or ``iopub``.
    header, parent_header, metadata, content
        As in Jupyter's messaging protocol.
    buffers
        What is attached.
    """

    channel: str
    header: dict[str, Any]
    parent_header: dict[str, Any]
    metadata: dict[str, Any]
    content: dict[str, Any]
    buffers: Sequence[bytes] = ()

    @property
    def type(self) -> str:
        """The message type."""
        return str(self.header["msg_type"])


def read(data: str | bytes, protocol: str | None) -> Message:
    """Read a message from a front end, or to one.

    Parameters
    ----------
    data
        As the websocket gave it.
    protocol
        `PROTOCOL_1`, or None.

    Raises
    ------
    MessageError
        It is none.
    """
    try:
        if protocol == PROTOCOL_1:
            _require_offsets(data, 8, "little")
            channel, parts = _base.deserialize_msg_from_ws_v1(data)
            found = dict(zip(_PARTS, map(json.loads, parts[:4]), strict=True))
            buffers = parts[4:]
        else:
            if isinstance(data, str):
                found = json.loads(data)
            else:
                _require_offsets(data, 4, "big")
                found = _base.deserialize_binary_message(data)
            channel, buffers = found.get("channel") or "shell", found.get("buffers") or ()
        header, parent, metadata, content = (found.get(part) or {} for part in _PARTS)
        # Reading what has buffers makes dates of what looks like them.
        header = {key: _as_text(value) for key, value in header.items()}
        message = Message(channel, header, parent, metadata, content, buffers)
    except Exception as error:
        raise MessageError("expected a message of Jupyter's messaging protocol") from error
    if channel not in _CHANNELS:
        raise MessageError(f"expected one of {', '.join(_CHANNELS)} as channel, got {channel!r}")
    if not all(isinstance(part, dict) for part in message[1:5]):
        raise MessageError("expected header, parent header, metadata and content to be objects")
    if not all(isinstance(message.header.get(key), str) for key in ("msg_type", "msg_id")):
        raise MessageError("expected msg_type and msg_id in the header, both strings")
    # Front ends say by null that a message is for no subshell.
    if not all(isinstance(value, str | None) for value in message.header.values()):
        # INVARIANT: tests/guard/test_channels.py::test_what_is_no_message_is_ignored
        raise MessageError("expected all of the header to be strings")
    try:
        # As it is packed for the kernel.
        json.dumps(message[1:5], default=json_default, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        # INVARIANT: tests/guard/test_channels.py::test_what_is_no_message_is_ignored
        raise MessageError("expected whole characters") from error
    if not all(isinstance(buffer, bytes) for buffer in message.buffers):
        raise MessageError("expected buffers to be sent in binary")
    return message


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _require_offsets(data: Any, width: int, order: Literal["little", "big"]) -> None:
    """Require that a binary message is as long as the offsets it begins with say that they are."""
    # INVARIANT: a few bytes do not keep the server busy for ever.
    # tests/guard/test_channels.py::test_what_is_no_message_is_ignored
    count = int.from_bytes(data[:width], order)
    if not 0 < count < len(data) / width:
        raise MessageError(f"expected as many offsets as it says, {count}")


def write(message: Message, protocol: str | None) -> str | bytes:
    """Write a message as a websocket carries it; bytes are a binary frame."""
    if protocol == PROTOCOL_1:
        parts = [json.dumps(part, default=json_default).encode() for part in message[1:5]]
        written: bytes = _base.serialize_msg_to_ws_v1([*parts, *message.buffers], message.channel)
        return written
    # As Jupyter Server sends them, with what clients look for outside of the header, too.
    outside = {key: message.header[key] for key in ("msg_id", "msg_type")}
    model = {**message._asdict(), **outside}
    if message.buffers:
        binary: bytes = _base.serialize_binary_message(model)
        return binary
    # A parent's header may have a date as it was read.
    return json.dumps({**model, "buffers": []}, default=json_default)
