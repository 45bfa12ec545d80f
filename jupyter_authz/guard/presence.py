"""Presence: who is there is told to all in a room, what they have open to those who may read it.

Beside `guard.rooms`. The messages are those of the Y awareness protocol: for each client a number,
a clock and what it says of itself, as JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Of what a front end of JupyterLab says: the document in front, and all that are open.
_CURRENT, _OPEN = "current", "documents"
# What stands before the path of a document that several edit at once.
_DRIVE = "RTC:"


def presence_for(message: bytes, may_read: Callable[[str], bool]) -> bytes:
    """Give a message of the awareness protocol as somebody may see it.

    Parameters
    ----------
    message
        As it would be sent, its type in front.
    may_read
        Tells of a contents path whether they may read it.
    """
    from pycrdt import (  # noqa: PLC0415 - only where installed
        Decoder,
        Encoder,
        create_awareness_message,
        read_message,
    )

    decoder, encoder = Decoder(read_message(message[1:])), Encoder()
    count = decoder.read_var_uint()
    encoder.write_var_uint(count)
    for _ in range(count):
        encoder.write_var_uint(decoder.read_var_uint())
        encoder.write_var_uint(decoder.read_var_uint())
        state = _state_for(json.loads(decoder.read_var_string()), may_read)
        encoder.write_var_string(json.dumps(state))
    return create_awareness_message(encoder.to_bytes())


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
