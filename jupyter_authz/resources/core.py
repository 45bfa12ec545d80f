"""The table of jupyter_server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.contents.manager import copy_pat
from tornado.web import HTTPError

from jupyter_authz.policy.paths import normalise
from jupyter_authz.resources.links import (
    checkpoint_directory,
    with_links_below,
    with_own_files,
)
from jupyter_authz.resources.requests import (
    body,
    myself,
    part,
    query,
    relative,
    require_object,
)
from jupyter_authz.resources.running import (
    beside_kernel,
    kernel,
    kernel_at_path,
    kernel_attached,
    kernelspec,
    own_dashboard,
    running_kernel,
    session,
    session_kernel,
    session_restarted,
)
from jupyter_authz.resources.started import place_of
from jupyter_authz.resources.table import Ask, Row, public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Source

PATH = part("path")
# As Jupyter Server's routes have them.
_KERNEL_IDS = re.compile(r"\w+-\w+-\w+-\w+-\w+")
_SERVICES = "jupyter_server.services"

# Formats that nbconvert itself writes, as text.
_WRITTEN_BY_NBCONVERT = {
    "asciidoc",
    "html",
    "latex",
    "markdown",
    "notebook",
    "python",
    "rst",
    "slides",
}


async def _numbered(request: Request, name: str, insert: str) -> Mapping[str, Any]:
    """Find the path that a new file of a name gets in a directory, its number included."""
    directory = normalise(PATH(request) or "")
    if directory is None:
        return {}
    manager: Any = request.handler.contents_manager
    name = await ensure_async(manager.increment_filename(name, directory, insert=insert))
    return {"path": f"{directory}/{name}".lstrip("/")}


async def _new_file(request: Request) -> Mapping[str, Any]:
    """Find the path of the file or directory that a POST to a directory makes."""
    manager = request.handler.contents_manager
    kind = body("type")(request) or ""
    extension = body("ext")(request) or ""
    if set(extension) & set("/\\\0"):
        raise HTTPError(400, f"Expected a file extension as 'ext', got {extension!r}")
    if kind == "directory":
        return await _numbered(request, f"{manager.untitled_directory}{extension}", " ")
    if kind == "notebook" or (not kind and extension == ".ipynb"):
        return await _numbered(request, f"{manager.untitled_notebook}.ipynb", "")
    return await _numbered(request, f"{manager.untitled_file}{extension}", "")


def _makes_new(request: Request) -> bool:
    return not request.body.get("copy_from")


async def _copy(request: Request) -> Mapping[str, Any]:
    """Find the path of the copy that a POST to a directory makes."""
    source = body("copy_from")(request) or ""
    # The number of a copy does not go over to a copy of it.
    name = copy_pat.sub(".", source.strip("/").rpartition("/")[2])
    return await _numbered(request, name, "-Copy")


# Of a JSON object with something in it, if it is JSON at all; a large one need not be read twice.
_BEGINS = re.compile(rb'\s*\{\s*"')


def _is_empty(request: Request) -> bool:
    """Tell whether a PUT has no model: the server then makes a new file in the path."""
    return not (_BEGINS.match(request.handler.request.body) or request.body)


def _checkpointed(request: Request) -> Any:
    """Find the file whose checkpoint it is; unknown where it could be another's.

    In a file system a checkpoint is a file beside others, such as ``exam-checkpoint.txt``: an id
    with a hyphen could mean the checkpoint of another file.
    """
    # INVARIANT: tests/resources/test_contents.py::test_checkpoints_of_others
    is_file = checkpoint_directory(request.handler.contents_manager)
    return None if is_file and "-" in part("checkpoint_id")(request) else PATH(request)


def _session_path(request: Request) -> Any:
    """Find the path of a session, also as clients before 2016 gave it."""
    notebook = request.body.get("notebook")
    if isinstance(notebook, dict):
        for key in ("name", "path"):
            if key in notebook:
                return _given(body("notebook", key)(request), f"notebook.{key}")
    return _new_path(request) if "path" in request.body else None


def _session_place(request: Request) -> Any:
    """Find the document that a session is for."""
    return place_of(_session_path(request), request.body.get("name"))


def _session_is_well_formed(request: Request) -> Any:
    """Require what Jupyter finds out only after it has started a kernel."""
    for key in ("name", "type"):
        body(key)(request)
    for key in ("notebook", "kernel"):
        if not isinstance(request.body.get(key, {}), dict):
            raise HTTPError(400, f"Expected an object as {key!r} in the JSON body")
    return True


def _renames(request: Request) -> bool:
    return "path" in request.body


def _new_path(request: Request) -> Any:
    return _given(body("path")(request), "path")


def _new_name(request: Request) -> Any:
    """Find what a file is renamed to; the root is the name of nothing else."""
    path = _new_path(request)
    if not path.strip("/"):
        raise HTTPError(400, f"Expected the path of a file or directory as 'path', got {path!r}")
    return path


def _given(value: Any, key: str) -> Any:
    """Give a value that a body names; null is none."""
    if value is None:
        raise HTTPError(400, f"Expected a string as {key!r} in the JSON body")
    return value


def _patched_path(request: Request) -> Any:
    notebook = request.body.get("notebook")
    if isinstance(notebook, dict) and "path" in notebook:
        return body("notebook", "path")(request)
    return body("path")(request)


def _moves(request: Request) -> bool:
    """Tell whether a session is moved; to nowhere is a place, too."""
    notebook = request.body.get("notebook")
    return "path" in request.body or (isinstance(notebook, dict) and "path" in notebook)


def _patched_spec(request: Request) -> Any:
    return None if body("kernel", "id")(request) else body("kernel", "name")(request)


def _runs_a_program(request: Request) -> bool:
    """Tell whether a notebook is converted by a program that does what the notebook says.

    LaTeX and browsers read files and run commands; `script` is whatever exporter the notebook
    names.
    """
    return part("format")(request) not in _WRITTEN_BY_NBCONVERT


def _addressable(source: Source) -> Source:
    """Take the id of a kernel, which has to be one that a URL can name."""

    def found(request: Request) -> Any:
        value = source(request)
        if value and not _KERNEL_IDS.fullmatch(value):
            # INVARIANT: nobody starts what no request can shut down.
            # tests/resources/test_bodies.py::test_a_bad_body_does_nothing
            raise HTTPError(400, f"Expected an id such as a UUID for a kernel, got {value!r}")
        return value

    return found


_SPEC = kernelspec(body("name"))
_SESSION_SPEC = kernelspec(body("kernel", "name"))
_SESSION = part("session_id")
_KERNEL_ID = _addressable(body("kernel", "id"))
_NEW_KERNEL_ID = _addressable(body("kernel_id"))
_KERNEL = kernel(part("kernel_id"))
_OWN_KERNEL: Any = {"path": body("path"), "name": _SPEC, "owner": myself}
_OWN_SESSION: Any = {"path": _session_place, "name": _SESSION_SPEC, "owner": myself}

_CODE_FOR_EVERYBODY = (Ask("write", "config"), Ask("execute", "config"))
_LOOKS = (Ask("read", "ui"),)

ROWS = (
    # contents
    Row(
        f"{_SERVICES}.contents.handlers.ContentsHandler",
        "contents",
        path=PATH,
        asks={
            "GET": (Ask("read", "contents", path=PATH, scope="way"),),
            "POST": (
                Ask("write", "contents", path=PATH),
                Ask("write", "contents", finder=_new_file, when=_makes_new),
                Ask(
                    "write",
                    "contents",
                    finder=_copy,
                    when=body("copy_from"),
                    tree=body("copy_from"),
                    below=with_own_files,
                ),
                Ask(
                    "read",
                    "contents",
                    path=body("copy_from"),
                    when=body("copy_from"),
                    tree=True,
                    below=with_links_below,
                ),
            ),
            "PUT": (
                Ask("write", "contents", path=PATH),
                Ask("write", "contents", finder=_new_file, when=_is_empty),
            ),
            "PATCH": (
                Ask(
                    "write",
                    "contents",
                    path=PATH,
                    tree=True,
                    below=with_own_files,
                ),
                Ask("read", "contents", path=PATH, tree=True),
                Ask(
                    "write",
                    "contents",
                    path=_new_name,
                    when=_renames,
                    tree=PATH,
                    below=with_own_files,
                ),
            ),
            "DELETE": (Ask("write", "contents", path=PATH, tree=True, below=with_own_files),),
        },
    ),
    Row(f"{_SERVICES}.contents.handlers.CheckpointsHandler", "checkpoints", path=PATH),
    Row(
        f"{_SERVICES}.contents.handlers.ModifyCheckpointsHandler",
        "checkpoints",
        path=PATH,
        asks={
            "POST": (
                Ask("write", "checkpoints", path=_checkpointed),
                Ask("write", "contents", path=PATH),
            ),
            "DELETE": (Ask("write", "checkpoints", path=_checkpointed),),
        },
    ),
    Row(
        f"{_SERVICES}.contents.handlers.TrustNotebooksHandler",
        "trust_notebook",
        path=PATH,
        asks={
            "POST": (Ask("write", "trust_notebook", path=PATH), Ask("read", "contents", path=PATH))
        },
    ),
    Row(f"{_SERVICES}.contents.handlers.NotebooksRedirectHandler", "ui", every=_LOOKS),
    Row(
        "jupyter_server.base.handlers.AuthenticatedFileHandler", "contents", path=relative(part(0))
    ),
    Row("jupyter_server.files.handlers.FilesHandler", "contents", path=part(0)),
    Row("jupyter_server.base.handlers.FilesRedirectHandler", "contents", path=PATH),
    Row("jupyter_server.view.handlers.ViewHandler", "contents", path=PATH),
    Row(
        "jupyter_server.nbconvert.handlers.NbconvertFileHandler",
        "nbconvert",
        asks={
            "GET": (
                Ask("read", "nbconvert", path=PATH),
                Ask("read", "contents", path=PATH),
                Ask("execute", "nbconvert", path=PATH, when=_runs_a_program),
            )
        },
    ),
    Row(
        "jupyter_server.nbconvert.handlers.NbconvertPostHandler",
        "nbconvert",
        asks={
            "POST": (
                Ask("write", "nbconvert"),
                Ask("execute", "nbconvert", when=_runs_a_program),
            )
        },
    ),
    Row(
        f"{_SERVICES}.nbconvert.handlers.NbconvertRootHandler",
        "nbconvert",
        asks={"GET": (Ask("read", "nbconvert", scope="any"),)},
    ),
    # what runs
    Row(
        f"{_SERVICES}.kernels.handlers.MainKernelHandler",
        "kernels",
        asks={
            "GET": (Ask("read", "kernels", scope="any"),),
            "POST": (
                Ask("write", "kernels", **_OWN_KERNEL),
                Ask("execute", "kernels", **_OWN_KERNEL),
                # The id may be that of one that runs already.
                Ask(
                    "execute",
                    "kernels",
                    finder=running_kernel(_NEW_KERNEL_ID),
                    when=_NEW_KERNEL_ID,
                ),
            ),
        },
    ),
    Row(
        f"{_SERVICES}.kernels.handlers.KernelHandler",
        "kernels",
        asks={
            "GET": (Ask("read", "kernels", finder=_KERNEL),),
            "DELETE": (Ask("write", "kernels", finder=_KERNEL),),
        },
    ),
    Row(
        f"{_SERVICES}.kernels.handlers.KernelActionHandler",
        "kernels",
        asks={
            "POST": (
                Ask("write", "kernels", finder=_KERNEL),
                Ask(
                    "execute",
                    "kernels",
                    finder=_KERNEL,
                    when=lambda request: part("action")(request) != "interrupt",
                ),
            )
        },
    ),
    Row(
        f"{_SERVICES}.kernels.websocket.KernelWebsocketHandler",
        "channels",
        asks={
            "WS": (
                Ask(
                    "execute",
                    "channels",
                    finder=_KERNEL,
                    enough=(("read", "channels"), ("execute", "cells")),
                    instead=Ask("execute", "voila", finder=own_dashboard(part("kernel_id"))),
                ),
            )
        },
        settles=(("execute", "kernels"),),
    ),
    Row(
        f"{_SERVICES}.sessions.handlers.SessionRootHandler",
        "sessions",
        asks={
            "GET": (Ask("read", "sessions", scope="any"),),
            "POST": (
                Ask("write", "sessions", **_OWN_SESSION, when=_session_is_well_formed),
                Ask("execute", "kernels", **_OWN_SESSION),
                # A session for a path that has one already is that session, with its kernel.
                Ask("execute", "kernels", finder=kernel_at_path(_session_path)),
                Ask(
                    "execute",
                    "kernels",
                    finder=kernel_attached(_KERNEL_ID, _session_place),
                    when=_KERNEL_ID,
                ),
            ),
        },
    ),
    Row(
        f"{_SERVICES}.sessions.handlers.SessionHandler",
        "sessions",
        asks={
            "GET": (Ask("read", "sessions", finder=session(_SESSION)),),
            "PATCH": (
                Ask("write", "sessions", finder=session(_SESSION), when=_session_is_well_formed),
                Ask(
                    "write", "sessions", finder=session(_SESSION, moved=_patched_path), when=_moves
                ),
                Ask("execute", "kernels", finder=session_kernel(_SESSION)),
                # A kernel is where its sessions are.
                Ask(
                    "execute",
                    "kernels",
                    finder=session_kernel(_SESSION, moved=_patched_path),
                    when=_moves,
                ),
                # Whoever asks for a session by its path would get that of another.
                Ask("execute", "kernels", finder=kernel_at_path(_patched_path), when=_moves),
                # A change of kernel shuts the old one down and attaches to, or starts, another.
                Ask(
                    "write",
                    "kernels",
                    finder=session_kernel(_SESSION),
                    when=lambda request: request.body.get("kernel"),
                ),
                Ask(
                    "execute",
                    "kernels",
                    finder=kernel_attached(_KERNEL_ID, _patched_path, _SESSION),
                    when=_KERNEL_ID,
                ),
                Ask(
                    "execute",
                    "kernels",
                    finder=session_restarted(_SESSION, _patched_path, _patched_spec),
                    when=_patched_spec,
                ),
            ),
            "DELETE": (
                Ask("write", "sessions", finder=session(_SESSION)),
                Ask("write", "kernels", finder=session_kernel(_SESSION)),
            ),
        },
    ),
    Row(
        f"{_SERVICES}.kernelspecs.handlers.MainKernelSpecHandler",
        "kernelspecs",
        asks={"GET": (Ask("read", "kernelspecs", scope="any"),)},
    ),
    Row(
        f"{_SERVICES}.kernelspecs.handlers.KernelSpecHandler",
        "kernelspecs",
        name=part("kernel_name"),
    ),
    Row(
        "jupyter_server.kernelspecs.handlers.KernelSpecResourceHandler",
        "kernelspecs",
        name=part("kernel_name"),
    ),
    # the server
    Row(
        f"{_SERVICES}.config.handlers.ConfigHandler",
        "config",
        asks={"PUT": _CODE_FOR_EVERYBODY, "PATCH": _CODE_FOR_EVERYBODY},
    ),
    Row(
        f"{_SERVICES}.shutdown.ShutdownHandler",
        "server",
        asks={"POST": (Ask("write", "server"), Ask("execute", "server"))},
    ),
    Row(
        f"{_SERVICES}.events.handlers.SubscribeWebsocket",
        "events",
        asks={"WS": (Ask("read", "events"),)},
        settles=(("execute", "events"),),
    ),
    Row(f"{_SERVICES}.events.handlers.EventHandler", "events"),
    Row(f"{_SERVICES}.api.handlers.APIStatusHandler", "api"),
    Row(f"{_SERVICES}.api.handlers.APISpecHandler", "api"),
    Row(
        f"{_SERVICES}.api.handlers.PathResolverHandler",
        "api",
        asks={
            "GET": (
                Ask("read", "api"),
                Ask("read", "contents", path=relative(query("path"))),
                Ask("read", "kernels", finder=kernel(query("kernel")), when=query("kernel")),
                Ask(
                    "read",
                    "contents",
                    finder=beside_kernel(query("kernel"), query("path")),
                    when=query("kernel"),
                ),
            )
        },
    ),
    Row(
        f"{_SERVICES}.api.handlers.IdentityHandler",
        "identity",
        asks={"PATCH": (Ask("write", "identity", when=require_object),)},
    ),
    Row(f"{_SERVICES}.security.handlers.CSPReportHandler", "csp"),
    Row(
        "jupyter_server.base.handlers.PrometheusMetricsHandler",
        "metrics",
        public_unless="authenticate_prometheus",
    ),
    # pages and redirects, which show nothing of anybody's
    Row("jupyter_server.base.handlers.MainHandler", "ui", every=_LOOKS),
    Row("jupyter_server.base.handlers.RedirectWithParams", "ui", every=_LOOKS),
    Row("jupyter_server.base.handlers.TrailingSlashHandler", "ui", every=_LOOKS),
    Row("jupyter_server.base.handlers.Template404", "ui", every=_LOOKS),
    Row("tornado.web.RedirectHandler", "ui", every=_LOOKS),
    Row("tornado.web.ErrorHandler", "ui", every=_LOOKS),
    # public
    public("jupyter_server.base.handlers.APIVersionHandler", "health"),
)
