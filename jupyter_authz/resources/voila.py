"""The table of voila: notebooks rendered as dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.resources.requests import part, relative
from jupyter_authz.resources.running import kernel, own_dashboard
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request


def _listed(request: Request) -> Any:
    """Find the directory that is listed: without one it is the root."""
    return part("path")(request) or ""


# Holds what its reader may open, see `guard.dashboards`.
_LISTS = (Ask("execute", "voila", path=_listed, scope="way"),)

ROWS = (
    # Starts a kernel and runs the notebook, whatever the verb says.
    Row(
        "voila.tornado.handler.TornadoVoilaHandler",
        "voila",
        asks={"GET": (Ask("execute", "voila", path=relative(part(0))),)},
    ),
    Row("voila.tornado.treehandler.TornadoVoilaTreeHandler", "voila", asks={"GET": _LISTS}),
    Row("voila.tornado.contentshandler.VoilaContentsHandler", "voila", asks={"GET": _LISTS}),
    Row(
        "voila.shutdown_kernel_handler.VoilaShutdownKernelHandler",
        "kernels",
        asks={
            "POST": (
                Ask(
                    "write",
                    "kernels",
                    finder=kernel(part(0)),
                    instead=Ask("execute", "voila", finder=own_dashboard(part(0))),
                ),
            )
        },
    ),
    # Runs the notebook cell by cell, once.
    Row(
        "voila.tornado.execution_request_handler.ExecutionRequestHandler",
        "voila",
        asks={"WS": (Ask("execute", "voila", finder=own_dashboard(part("kernel_id"))),)},
    ),
    Row("voila.static_file_handler.AllowListFileHandler", "contents", path=relative(part(0))),
    Row("voila.static_file_handler.TemplateStaticFileHandler", "ui"),
    Row("voila.static_file_handler.MultiStaticFileHandler", "ui"),
)
