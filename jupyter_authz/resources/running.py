"""Finds what runs: the path, name and owner of kernels, sessions and terminals.

Part of the tables: rows name these finders. They ask the server's managers, never the file system.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from traitlets import TraitError

from jupyter_authz.identity.subjects import subject_of
from jupyter_authz.resources.started import UNKNOWN, started
from jupyter_authz.resources.table import as_name, as_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Finder, Source


# Models of all sessions.
Sessions = list[dict[str, Any]]


async def sessions(settings: Mapping[str, Any]) -> Sessions:
    """Give the models of all sessions."""
    return list(await ensure_async(settings["session_manager"].list_sessions()))


async def _sessions(request: Request) -> Sessions:
    return await sessions(request.handler.settings)


def _kernel(name: Any, owner: str | None, paths: Iterable[Any]) -> Mapping[str, Any]:
    """Give the attributes of a kernel: all its paths count, where it was started included."""
    known = [as_path(path) for path in paths]
    # INVARIANT: one path that cannot be compared makes the whole unknown.
    # tests/resources/test_running.py::test_one_unclear_path_makes_the_kernel_unknown
    path = None if None in known else tuple(dict.fromkeys(p for p in known if p is not None))
    return {"path": path or None, "name": as_name(name), "owner": owner}


async def kernel_attributes(
    settings: Mapping[str, Any], kernel_id: str, running: Sessions
) -> Mapping[str, Any]:
    """Give path, name and owner of a running kernel; all unknown where there is none."""
    manager = settings["kernel_manager"]
    if not kernel_id or kernel_id not in manager:
        return {}
    try:
        model = await ensure_async(manager.kernel_model(kernel_id))
    except TraitError:
        # It is about to start, and no model of it can be made yet.
        model = {"id": kernel_id, "name": manager.get_kernel(kernel_id).kernel_name}
    return kernels_in(settings, running)(model)


async def _kernel_of(request: Request, source: Source) -> Mapping[str, Any]:
    settings = request.handler.settings
    return await kernel_attributes(settings, source(request) or "", await sessions(settings))


def kernel(source: Source) -> Finder:
    """Find the kernel whose id a source gives."""

    async def finder(request: Request) -> Mapping[str, Any]:
        return await _kernel_of(request, source)

    return finder


def running_kernel(source: Source) -> Finder:
    """Find the kernel whose id a source gives, if it runs."""

    async def finder(request: Request) -> Mapping[str, Any] | None:
        return await _kernel_of(request, source) or None

    return finder


def own_dashboard(source: Source) -> Finder:
    """Find the notebook that a kernel was started for, by whoever asks, to show it as a dashboard.

    Parameters
    ----------
    source
        Id of the kernel.
    """

    async def finder(request: Request) -> Mapping[str, Any] | None:
        username = subject_of(request.handler.current_user).username
        path = dashboard_of(request.handler.settings, source(request), username)
        return None if path is None else {"path": as_path(path)}

    return finder


def dashboard_of(settings: Mapping[str, Any], kernel_id: Any, username: str) -> str | None:
    """Give the notebook that a kernel shows to somebody as a dashboard; None if it is no such."""
    manager = settings["kernel_manager"]
    if not kernel_id or kernel_id not in manager:
        return None
    # INVARIANT: a dashboard that another has opened is theirs.
    # tests/guard/test_dashboards.py::test_the_kernel_of_a_dashboard
    start = started(settings).of(manager.get_kernel(kernel_id))
    return start.dashboard if start.owner == username else None


def beside_kernel(source: Source, path: Source) -> Finder:
    """Find the file that a kernel has by a path, in the directory it runs in, if it runs.

    Parameters
    ----------
    source
        Id of the kernel.
    path
        As the kernel would take it.
    """

    async def finder(request: Request) -> Mapping[str, Any] | None:
        settings, wanted, given = request.handler.settings, source(request), path(request)
        if wanted not in settings["kernel_manager"]:
            return None
        kernel = settings["kernel_manager"].get_kernel(wanted)
        directory = getattr(getattr(kernel, "provisioner", None), "cwd", None)
        if not directory or not isinstance(given, str) or given.startswith("~") or "\0" in given:
            return {"path": None}
        # INVARIANT: tests/resources/test_running.py::test_a_path_as_a_kernel_takes_it
        return {"path": below_root(settings, str(Path(directory, given)))}

    return finder


def session(source: Source, moved: Source | None = None) -> Finder:
    """Find the session whose id a source gives: its path, and the name of its kernel.

    Parameters
    ----------
    source
        Its id.
    moved
        Where it is moved to: the session as it will be then.
    """

    async def finder(request: Request) -> Mapping[str, Any]:
        model = _session_in(await _sessions(request), source(request))
        if model is None:
            return {}
        found = session_attributes(request.handler.settings, model)
        return found if moved is None else {**found, "path": as_path(moved(request))}

    return finder


def session_kernel(source: Source, moved: Source | None = None) -> Finder:
    """Find the kernel of the session that a source gives the id of.

    Parameters
    ----------
    source
        The session.
    moved
        Where the session is moved to: its kernel as it will be then.
    """

    async def finder(request: Request) -> Mapping[str, Any]:
        running = await _sessions(request)
        model = _session_in(running, source(request))
        if model is None:
            return {}
        if moved is not None:
            running = _with_session_at(running, moved(request), model["kernel"], model["id"])
        return kernels_in(request.handler.settings, running)(model["kernel"])

    return finder


def kernel_attached(
    source: Source, place: Source | None = None, session: Source | None = None
) -> Finder:
    """Find the kernel whose id a source gives, as it will be with a session that it gets.

    Parameters
    ----------
    source
        The kernel.
    place
        Where the session is, or is moved to.
    session
        Its id, if it is there already.
    """

    async def finder(request: Request) -> Mapping[str, Any]:
        running = await _sessions(request)
        wanted, path = source(request) or "", None if place is None else place(request)
        model = None if session is None else _session_in(running, session(request))
        if model is not None and path is None:
            path = started(request.handler.settings).place(model)
        # INVARIANT: nobody attaches a kernel to what it is then kept from them by.
        # tests/resources/test_running.py::test_an_attached_kernel_is_where_it_will_be
        known = None if model is None else model["id"]
        running = _with_session_at(running, path, {"id": wanted}, known)
        return await kernel_attributes(request.handler.settings, wanted, running)

    return finder


def _session_in(running: Sessions, session_id: Any) -> dict[str, Any] | None:
    return next((model for model in running if model["id"] == session_id), None)


def _with_session_at(
    running: Sessions, path: Any, kernel: Mapping[str, Any], session_id: str | None
) -> Sessions:
    """Give sessions as they will be when one, new or moved, is in a place and has a kernel."""
    others = [model for model in running if model["id"] != session_id]
    # Without an id, as what is noted of its place will be forgotten.
    return [*others, {"id": "", "path": path, "kernel": kernel}]


def session_restarted(source: Source, moved: Source, spec: Source) -> Finder:
    """Find what a new kernel of a session will be: it starts where the session was.

    Parameters
    ----------
    source
        The session.
    moved
        Where the session is moved to, if it is.
    spec
        The new kernelspec.
    """

    async def finder(request: Request) -> Mapping[str, Any]:
        model = _session_in(await _sessions(request), source(request))
        if model is None:
            return {}
        place = started(request.handler.settings).place(model)
        paths = [place, *filter(None, [moved(request)])]
        return _kernel(spec(request), request.username, paths)

    return finder


def kernel_at_path(source: Source) -> Finder:
    """Find the kernel of the session that a path has already, if it has one."""

    async def finder(request: Request) -> Mapping[str, Any] | None:
        wanted = source(request)
        running = await _sessions(request)
        for model in running:
            if model["path"] == wanted:
                return kernels_in(request.handler.settings, running)(model["kernel"])
        return None

    return finder


def session_attributes(settings: Mapping[str, Any], model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the attributes of a session from its model."""
    kernel, known = model.get("kernel") or {}, started(settings)
    return {
        "path": as_path(known.place(model)),
        "name": as_name(kernel.get("name")),
        "owner": known.owner_of_session(model["id"]),
    }


def terminal_attributes(settings: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """Give the attributes of a terminal; all but its name unknown where there is none."""
    terminals = settings["terminal_manager"].terminals
    start = started(settings).of(terminals[name]) if name in terminals else UNKNOWN
    path = None if start.path is None else below_root(settings, start.path)
    return {"path": path, "name": as_name(name), "owner": start.owner}


def terminal(source: Source) -> Finder:
    """Find the terminal whose name a source gives."""

    async def finder(request: Request) -> Mapping[str, Any]:
        return terminal_attributes(request.handler.settings, source(request))

    return finder


def running_terminal(source: Source) -> Finder:
    """Find the terminal whose name a source gives, if it runs."""

    async def finder(request: Request) -> Mapping[str, Any] | None:
        settings, name = request.handler.settings, source(request)
        there = name in settings["terminal_manager"].terminals
        return terminal_attributes(settings, name) if there else None

    return finder


def below_root(settings: Mapping[str, Any], directory: str) -> str | None:
    """Give a directory of the server's machine as a contents path; unknown outside of the root."""
    root = Path(settings["server_root_dir"]).expanduser().resolve()
    place = Path(directory).resolve()
    # The root itself is `.` to pathlib.
    return as_path(place.relative_to(root).as_posix()) if place.is_relative_to(root) else None


def kernels_in(
    settings: Mapping[str, Any], running: Sessions
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Give a function from the model of a kernel to its attributes.

    Parameters
    ----------
    settings
        Of the web application.
    running
        Models of all sessions.
    """
    manager, known = settings["kernel_manager"], started(settings)

    def attributes(model: Mapping[str, Any]) -> Mapping[str, Any]:
        kernel = manager.get_kernel(model["id"]) if model["id"] in manager else None
        start = UNKNOWN if kernel is None else known.of(kernel)
        paths = [known.place(s) for s in running if s["kernel"]["id"] == model["id"]]
        return _kernel(model.get("name"), start.owner, [start.path, *paths])

    return attributes


def kernelspec(source: Source) -> Source:
    """Take the kernelspec that a name is resolved to: the default where none is given."""

    def resolved(request: Request) -> Any:
        name = source(request)
        return name or request.handler.settings["kernel_manager"].default_kernel_name

    return resolved
