"""The table of jupyter_server_fileid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.resources.requests import argument, relative
from jupyter_authz.resources.table import Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request


def path_of_id(request: Request, file_id: Any) -> Any:
    """Find the path that a file id stands for now; None where it stands for nothing."""
    manager = request.handler.settings.get("file_id_manager")
    return manager.get_path(file_id) if manager is not None and file_id else None


ROWS = (
    Row("jupyter_server_fileid.handler.FileIDHandler", "contents", path=relative(argument("path"))),
    Row(
        "jupyter_server_fileid.handler.FilePathHandler",
        "contents",
        path=lambda request: path_of_id(request, argument("id")(request)),
    ),
)
