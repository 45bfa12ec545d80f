"""The table of jupyter_server_ydoc: documents edited by several people at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_authz.resources.fileid import path_of_id
from jupyter_authz.resources.requests import part, relative
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request

_PRESENCE = "JupyterLab:globalAwareness"
_HANDLERS = "jupyter_server_ydoc.handlers"
_ROOM = re.compile(r"[^:]+:[^:]+:(?P<file_id>.+)", re.DOTALL)


# Of each document to go back in, the room that it is made from.
_MADE_FROM: dict[str, str] = {}


def note_timeline(fork: str, room: str) -> None:
    """Note which room a document to go back in is made from."""
    from jupyter_server_ydoc.handlers import FORK_DOCUMENTS  # noqa: PLC0415 - only where installed

    for gone in _MADE_FROM.keys() - FORK_DOCUMENTS.keys():
        del _MADE_FROM[gone]
    _MADE_FROM[fork] = room


def _document(request: Request, room: str) -> Any:
    """Find the document of a room, named ``format:type:file-id``, or of a fork of one."""
    from jupyter_server_ydoc.handlers import FORK_ROOMS  # noqa: PLC0415 - only where installed

    room = _MADE_FROM.get(room, room)
    if room in FORK_ROOMS:
        room = FORK_ROOMS[room]["root_roomid"]
    found = _ROOM.fullmatch(room)
    return path_of_id(request, found["file_id"] if found else None)


def _connected(request: Request) -> str:
    """Find the room of a websocket as its handler does: in the URL as sent, not decoded."""
    return str(request.handler.request.path).rpartition("/")[2]


def path_of_room(request: Request) -> Any:
    """Find the document of the room that a websocket is to."""
    room = _connected(request)
    if room.startswith(":") or "::" in room:
        # A document would be made of it that is neither text nor notebook.
        raise HTTPError(400, f"Expected format, type and file id in the name of a room, got {room}")
    return _document(request, room)


def is_document(request: Request) -> bool:
    """Whether the room that a websocket is to is that of a document."""
    return _connected(request) != _PRESENCE


def _named(request: Request) -> Any:
    """Find the document of a room or of a fork that the URL names."""
    return _document(request, part(0)(request) or "")


def _gone_back_in(request: Request) -> Any:
    """Find the document that is gone back in, which its handler takes from the query string."""
    # INVARIANT: tests/guard/test_rooms.py::test_going_back
    given = request.handler.request.query_arguments.get("forkRoom")
    return _document(request, given[0].decode("utf-8", "replace")) if given else None


_PATH = relative(part(0))
_DOCUMENT = (Ask("read", "contents", path=_PATH),)

ROWS = (
    Row(
        f"{_HANDLERS}.YDocWebSocketHandler",
        "collaboration",
        asks={
            "WS": (
                Ask("read", "collaboration"),
                # Who may not write it is limited to reading, see `guard.rooms`.
                Ask("read", "contents", path=path_of_room, when=is_document),
            )
        },
    ),
    # A PUT that only reads: it gives the id of a document.
    Row(f"{_HANDLERS}.DocSessionHandler", "contents", asks={"PUT": _DOCUMENT}),
    # A GET that writes: it makes a fork of the document to go back in.
    Row(
        f"{_HANDLERS}.TimelineHandler",
        "contents",
        asks={"GET": (*_DOCUMENT, Ask("write", "contents", path=_PATH))},
    ),
    Row(
        f"{_HANDLERS}.UndoRedoHandler",
        "contents",
        path=_named,
        asks={
            "PUT": (
                Ask("write", "contents", path=_named),
                Ask("write", "contents", path=_gone_back_in),
            )
        },
    ),
    Row(f"{_HANDLERS}.DocForkHandler", "contents", path=_named),
)
