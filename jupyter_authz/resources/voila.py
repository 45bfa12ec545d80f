"""The table of voila: notebooks rendered as dashboards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_path
from tornado.web import HTTPError

from jupyter_authz.resources.requests import part, query, relative
from jupyter_authz.resources.running import kernel, own_dashboard
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request


_THEME = re.compile(r"[\w@][\w@. /-]*")
_TEMPLATE = re.compile(r"[\w-]+")


def _listed(request: Request) -> Any:
    """Find the directory that is listed: without one it is the root."""
    return part("path")(request) or ""


def names_what_is_there(request: Request) -> bool:
    """Require that a page is asked for in a look that there is; a condition that always holds.

    Voila takes the name of a theme for a part of the page, and waits for a template to be there.
    """
    # INVARIANT: tests/guard/test_dashboards.py::test_looks
    theme, template = query("theme")(request), query("template")(request)
    if theme and not _THEME.fullmatch(theme):
        raise HTTPError(400, "Expected the name of a theme as 'theme'")
    if template and not (_TEMPLATE.fullmatch(template) and _is_there(template)):
        raise HTTPError(400, "Expected the name of a template that is installed as 'template'")
    return True


def _is_there(template: str) -> bool:
    return any(
        Path(place, kind, "templates", template).is_dir()
        for place in jupyter_path()
        for kind in ("voila", "nbconvert")
    )


# Holds what its reader may open, see `guard.dashboards`.
_LISTS = (Ask("execute", "voila", path=_listed, scope="way", when=names_what_is_there),)

ROWS = (
    # Starts a kernel and runs the notebook, whatever the verb says.
    Row(
        "voila.tornado.handler.TornadoVoilaHandler",
        "voila",
        asks={"GET": (Ask("execute", "voila", path=relative(part(0)), when=names_what_is_there),)},
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
