"""Trust: whoever trusts a notebook, or saves it trusted, trusts it for themselves alone.

Beside the handlers. Jupyter Server signs a notebook for everybody, so that what one has trusted
would run in the browser of another, with their rights.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import wraps
from typing import TYPE_CHECKING, Any

from jupyter_server import CallContext

from jupyter_authz.guard.admission import admission_of
from jupyter_authz.guard.stand import Stand
from jupyter_authz.identity.subjects import subject_of

if TYPE_CHECKING:
    from collections.abc import Callable

_SANDBOX = "sandbox allow-scripts"


def sign_for_each_user(contents_manager: Any) -> None:
    """Have a contents manager sign notebooks for whoever asks.

    Parameters
    ----------
    contents_manager
        Of the server. One that signs nothing stays as it is.
    """
    notary = getattr(contents_manager, "notary", None)
    sign: Callable[[Any], str] | None = getattr(notary, "compute_signature", None)
    if notary is None or sign is None or getattr(sign, "is_of_authz", False):
        return
    check: Callable[[Any], bool] = notary.check_signature

    @wraps(check)
    def check_signature(notebook: Any) -> bool:
        admission = admission_of(CallContext.get(CallContext.JUPYTER_HANDLER))
        # INVARIANT: a document that several edit at once is trusted by none of them beforehand.
        # tests/guard/test_rooms.py::test_nobody_trusts_for_another
        return not (admission is not None and admission.route.is_websocket) and check(notebook)

    @wraps(sign)
    def compute_signature(notebook: Any) -> str:
        signature = sign(notebook)
        admission = admission_of(CallContext.get(CallContext.JUPYTER_HANDLER))
        if admission is None or admission.route.is_websocket:
            # The server itself, or a document that several edit at once: nobody has it for theirs.
            return signature
        # INVARIANT: the signature of one is none for another.
        # tests/guard/test_trust.py::test_trust_is_personal
        name = subject_of(admission.user).username
        key = notary.secret
        return hmac.new(key, f"{name}\0{signature}".encode(), hashlib.sha256).hexdigest()

    compute_signature.is_of_authz = True  # type: ignore[attr-defined]
    notary.compute_signature = compute_signature
    notary.check_signature = check_signature


def keep_trust_out(room: Any) -> None:
    """Have no document that several edit at once say of a cell that it is trusted.

    Whose front end has run a cell, or trusted it, keeps that in mind by itself; what the document
    says of it counts for whoever opens it next.

    Parameters
    ----------
    room
        Of jupyter_server_ydoc, with its document.
    """
    from pycrdt import Array  # noqa: PLC0415 - only where installed

    shared = room.ydoc
    if getattr(shared.apply_update, "is_of_authz", False):
        return
    apply, cells = shared.apply_update, shared.get("cells", type=Array)

    trial = _Trial(shared)

    # INVARIANT: in one step, so that nobody is told of the one without the other.
    # tests/guard/test_rooms.py::test_nobody_trusts_for_another
    @wraps(apply)
    def apply_update(update: bytes) -> None:
        says_of_trust = trial.says_of_trust(update)
        with shared.transaction():
            apply(update)
            if says_of_trust:
                _distrust(cells)

    apply_update.is_of_authz = True  # type: ignore[attr-defined]
    shared.apply_update = apply_update
    with shared.transaction():
        _distrust(cells)
    document = getattr(room, "_document", None)
    if hasattr(document, "create_ycell"):
        _keep_trust_out_of_files(document)


def _distrust(cells: Any) -> None:
    """Have no cell of a document say that it is trusted."""
    from pycrdt import Map  # noqa: PLC0415 - only where installed

    for number, cell in enumerate(list(cells)):
        if not isinstance(cell, Map):
            # As no front end makes them; nothing in it can be changed by itself.
            if isinstance(cell, dict):
                cells[number] = _untrusted(cell)
            continue
        metadata = cell.get("metadata")
        if isinstance(metadata, Map):
            if _is_trusted(metadata):
                metadata["trusted"] = False
        elif "metadata" in cell:
            # What is read in another way by a browser does not stay as it is.
            plain = metadata if isinstance(metadata, dict) else {}
            cell["metadata"] = Map({**plain, "trusted": False})


class _Trial:
    """A document that follows a shared one, on which updates are tried out first.

    To look at every cell of the shared one at every key that somebody presses would take its time.
    """

    def __init__(self, shared: Any) -> None:
        from pycrdt import Array, Doc  # noqa: PLC0415 - only where installed

        self._document: Doc[Any] = Doc({"cells": Array()})
        self._document.apply_update(shared.get_update())
        self._changes: list[Any] = []
        # Kept, as with it would go who observes it.
        self._cells = self._document["cells"]
        self._cells.observe_deep(self._changes.extend)
        shared.observe(lambda event: self._apply(event.update))

    def says_of_trust(self, update: bytes) -> bool:
        """Whether an update may be about trust: new cells, or metadata of cells."""
        return any(_is_of_trust(change.path, change) for change in self._apply(update))

    def _apply(self, update: bytes) -> list[Any]:
        self._document.apply_update(update)
        changes = self._changes[:]
        self._changes.clear()
        return changes


def _is_of_trust(path: list[int | str], event: Any) -> bool:
    if not path:
        return any("insert" in step for step in event.delta)
    changed = getattr(event, "keys", {})
    return (len(path) == 1 and "metadata" in changed) or (
        path[1:] == ["metadata"] and "trusted" in changed
    )


def _keep_trust_out_of_files(document: Any) -> None:
    """Have nothing trusted that the server itself puts into a document when the file has changed.

    Parameters
    ----------
    document
        Of jupyter_ydoc, a notebook.
    """
    create = document.create_ycell

    # An empty notebook's first cell comes as trusted, too.
    @wraps(create)
    def create_ycell(value: dict[str, Any]) -> Any:
        return create(_untrusted(value))

    document.create_ycell = create_ycell
    for name in {"set", "aset"} & set(dir(document)):
        setattr(document, name, _with_untrusted(getattr(document, name)))


def _with_untrusted(put: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    @wraps(put)
    def put_untrusted(value: dict[str, Any]) -> Any:
        return put({**value, "cells": [_untrusted(cell) for cell in value["cells"]]})

    return put_untrusted


def _untrusted(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata", {})
    if not isinstance(metadata, dict) or not _is_trusted(metadata):
        return cell
    return {**cell, "metadata": {**metadata, "trusted": False}}


def _is_trusted(metadata: Any) -> bool:
    # Whatever it is: front ends take all but a few values for true.
    return metadata.get("trusted", False) is not False


class Sandboxed(Stand):
    """Shows a user's file as Jupyter Server's routes do: without the rights of who looks at it."""

    def set_extra_headers(self, path: str) -> None:
        """Set the policy of what is shown."""
        super().set_extra_headers(path)  # type: ignore[misc]
        # INVARIANT: tests/guard/test_trust.py::test_files_are_shown_in_a_sandbox
        self.set_header("Content-Security-Policy", _SANDBOX)
