"""What the messages to a kernel ask: one table, by message type.

Part of the tables, as the rows are for requests.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_authz.model import Action

# Whatever is not in the table may run code.
UNKNOWN: Action = "execute"

# By channel and message type, the action on `channels` that it needs. Of completion, inspection,
# history and the like there is nothing here: they run code of the kernel, or show what others ran.
NEEDS: Mapping[tuple[str, str], Action] = MappingProxyType(
    {
        # What a front end needs to connect.
        ("shell", "kernel_info_request"): "read",
        ("control", "kernel_info_request"): "read",
        # Which widgets there are.
        ("shell", "comm_info_request"): "read",
        # To widgets that the kernel has opened; to close one takes it from everybody.
        ("shell", "comm_msg"): "write",
        # To input that one was asked for.
        ("stdin", "input_reply"): "write",
    }
)


def needed(channel: str, message_type: str) -> Action:
    """Give the action on `channels` that a message needs."""
    return NEEDS.get((channel, message_type), UNKNOWN)
