"""The table of voila: notebooks rendered as dashboards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_authz.resources.requests import argument, part, relative
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
    theme, template = argument("theme")(request), argument("template")(request)
    if theme and not _THEME.fullmatch(theme):
        raise HTTPError(400, "Expected the name of a theme as 'theme'")
    if template and not (_TEMPLATE.fullmatch(template) and _is_there(template)):
        raise HTTPError(400, "Expected the name of an installed template for pages as 'template'")
    return True


def _is_there(template: str) -> bool:
    from voila.paths import collect_template_paths  # noqa: PLC0415 - there where this is asked

    try:
        places = collect_template_paths(("voila", "nbconvert"), template)
    except ValueError:
        return False
    # Those of nbconvert make other formats, too.
    return any(Path(place, "index.html.j2").is_file() for place in places)


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
