"""Saved cells: whether what is to be run is a cell of the notebook as it is saved, and no more.

Behind the decision, for those who may run what is there and nothing of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_authz.guard.wire import Message
    from jupyter_authz.resources.running import Sessions

# Flags that change how a cell is run, not what.
_FLAGS = {"silent": False, "store_history": True, "stop_on_error": True}


def notebooks_of(kernel_id: str, running: Sessions) -> list[str]:
    """Give the paths of the notebooks whose sessions a kernel belongs to."""
    return [
        session["path"]
        for session in running
        if session["type"] == "notebook" and session["kernel"]["id"] == kernel_id
    ]


async def is_saved_cell(contents_manager: Any, notebooks: Iterable[str], message: Message) -> bool:
    """Whether an ``execute_request`` runs a code cell of one of some notebooks, and nothing else.

    Parameters
    ----------
    contents_manager
        Of the server; asked anew each time, since a notebook may be saved at any time.
    notebooks
        Their paths.
    message
        The request.
    """
    code = message.content.get("code")
    # INVARIANT: nothing is run beside the cell. tests/guard/test_cells.py::test_nothing_else_is_run
    if not isinstance(code, str) or message.content.get("user_expressions"):
        return False
    for path in notebooks:
        try:
            # Any file with the right JSON in it can be read as a notebook.
            model = await ensure_async(contents_manager.get(path, content=False))
            if model["type"] != "notebook":
                continue
            model = await ensure_async(contents_manager.get(path, content=True, type="notebook"))
        except Exception:  # noqa: BLE001, S112 - what cannot be read holds no cell
            continue
        if any(c["cell_type"] == "code" and c["source"] == code for c in model["content"]["cells"]):
            return True
    return False


def verbatim(message: Message) -> Message:
    """Give a request to run a cell with nothing that could do more: no input, no expressions."""
    flags = {key: bool(message.content.get(key, value)) for key, value in _FLAGS.items()}
    cell = message.metadata.get("cellId")
    return message._replace(
        content={
            "code": message.content["code"],
            "user_expressions": {},
            "allow_stdin": False,
            **flags,
        },
        metadata={"cellId": cell} if isinstance(cell, str) else {},
        buffers=(),
    )
