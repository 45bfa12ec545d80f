"""The table of voila: notebooks rendered as dashboards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.resources.requests import part, relative
from jupyter_authz.resources.running import kernel
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request


def _listed(request: Request) -> Any:
    """Find the directory that is listed: without one it is the root."""
    return part("path")(request) or ""


# The listing is the application's own: it is given only to whom all of it may be shown.
_LISTS = (Ask("read", "voila", path=_listed), Ask("read", "contents", path=_listed, tree=True))

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
        asks={"POST": (Ask("write", "kernels", finder=kernel(part(0))),)},
    ),
    Row("voila.static_file_handler.AllowListFileHandler", "contents", path=relative(part(0))),
    Row("voila.static_file_handler.TemplateStaticFileHandler", "ui"),
    Row("voila.static_file_handler.MultiStaticFileHandler", "ui"),
)
