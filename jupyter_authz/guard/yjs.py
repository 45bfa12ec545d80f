"""Messages of the Y protocols, read within bounds: nobody keeps a server busy with a few bytes.

Beside `guard.rooms`. Numbers are written seven bits a byte, and what reads them takes any: browsers
take none above 2^53, and to read one of very many bytes takes a server as many times as long.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pycrdt import Decoder

# The first bytes of messages: of the Y protocols, and of jupyter_server_ydoc.
SYNC, AWARENESS, RAW = range(3)
# What follows in those of the first kind: a question for what there is, with what one has.
STEP_1 = 0

_GREATEST = 2**53 - 1
_LONGEST = 8  # bytes that such a number is written in
# Of what somebody has who asks for what there is: some ten bytes for each client there ever was.
_LONGEST_QUESTION = 200_000


def reader(data: bytes) -> Decoder:
    """Give what reads numbers and texts, and refuses numbers that no browser has.

    Reading raises `ValueError`, `IndexError` or `RuntimeError` where there is nothing to be read.
    """
    made: Decoder = _reader()(data)
    return made


@cache
def _reader() -> Any:
    from pycrdt import Decoder  # noqa: PLC0415 - only where installed

    class Reader(Decoder):
        def read_var_uint(self) -> int:
            written = self.stream[self.i0 : self.i0 + _LONGEST]
            if all(byte > 127 for byte in written):  # noqa: PLR2004 - another one follows
                raise ValueError("expected a number that browsers have")
            number: int = super().read_var_uint()
            if number > _GREATEST:
                raise ValueError("expected a number that browsers have")
            return number

    return Reader


def is_sound(message: str | bytes) -> bool:
    """Whether a message is one that is read in a time that its length explains.

    Parameters
    ----------
    message
        As a websocket gave it.
    """
    # INVARIANT: tests/guard/test_rooms.py::test_few_bytes_do_not_stop_the_server
    if not isinstance(message, bytes) or message[:1] not in {b"\0", b"\1", b"\2"}:
        return False
    try:
        if message[0] == RAW:
            decoder = reader(message[1:])
            return decoder.read_var_string() != "save" or decoder.read_var_uint() >= 0
        if message[0] == SYNC and message[1] == STEP_1:
            return _is_question(message[2:])
        reader(message[1 + (message[0] == SYNC) :]).read_var_uint()
    except (IndexError, RuntimeError, ValueError):
        return False
    return True


def asks(message: str | bytes) -> bool:
    """Whether a message asks for what there is."""
    return isinstance(message, bytes) and message[:2] == bytes([SYNC, STEP_1])


def _is_question(data: bytes) -> bool:
    """Whether somebody tells of as many clients as they say, whose changes they have."""
    if len(data) > _LONGEST_QUESTION:
        return False
    outside = reader(data)
    state = outside.read_message()
    if not state or outside.length != 0:
        return False
    inside = reader(state)
    count = inside.read_var_uint()
    if count > len(state):
        return False
    for _ in range(2 * count):
        inside.read_var_uint()
    return inside.length == 0
