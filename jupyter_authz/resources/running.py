"""Finds what runs: the path, name and owner of kernels, sessions and terminals.

Part of the tables: rows name these finders. They ask the server's managers, never the file system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from jupyter_authz.resources.table import as_name, as_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_authz.resources.requests import Request
    from jupyter_authz.resources.table import Finder, Source


async def sessions(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the models of all sessions."""
    return list(await ensure_async(settings["session_manager"].list_sessions()))


async def _sessions(request: Request) -> list[dict[str, Any]]:
    return await sessions(request.handler.settings)


def _kernel(name: Any, paths: Iterable[Any]) -> Mapping[str, Any]:
    """Give the attributes of a kernel: all its paths count, the owner is not known yet."""
    known = [as_path(path) for path in paths]
    # INVARIANT: one path that cannot be compared makes the whole unknown.
    # tests/resources/test_running.py::test_one_unclear_path_makes_the_kernel_unknown
    path = None if None in known else tuple(dict.fromkeys(p for p in known if p is not None))
    return {"path": path or None, "name": as_name(name)}


async def kernel_attributes(request: Request, kernel_id: str) -> Mapping[str, Any]:
    """Give path, name and owner of a running kernel; all unknown where there is none."""
    manager = request.handler.settings["kernel_manager"]
    if not kernel_id or kernel_id not in manager:
        return {}
    paths = [s["path"] for s in await _sessions(request) if s["kernel"]["id"] == kernel_id]
    return _kernel(getattr(manager.get_kernel(kernel_id), "kernel_name", None), paths)


def kernel(source: Source) -> Finder:
    """Find the kernel whose id a source gives."""

    async def finder(request: Request) -> Mapping[str, Any]:
        return await kernel_attributes(request, source(request) or "")

    return finder


def running_kernel(source: Source) -> Finder:
    """Find the kernel whose id a source gives, if it runs."""

    async def finder(request: Request) -> Mapping[str, Any] | None:
        return await kernel_attributes(request, source(request) or "") or None

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
        wanted = source(request)
        for model in await _sessions(request):
            if model["id"] == wanted:
                found = session_attributes(model)
                return found if moved is None else {**found, "path": as_path(moved(request))}
        return {}

    return finder


def session_kernel(source: Source, moved: Source | None = None) -> Finder:
    """Find the kernel of the session whose id a source gives.

    Parameters
    ----------
    source
        The session.
    moved
        Where the session is moved to: its kernel as it will be then.
    """

    async def finder(request: Request) -> Mapping[str, Any]:
        wanted = source(request)
        running = await _sessions(request)
        for model in running:
            if model["id"] == wanted:
                found = _of_sessions(model["kernel"], running)
                return found if moved is None else {**found, "path": as_path(moved(request))}
        return {}

    return finder


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
        wanted = source(request)
        for model in await _sessions(request):
            if model["id"] == wanted:
                paths = [model["path"], *filter(None, [moved(request)])]
                return {**_kernel(spec(request), paths), "owner": request.username}
        return {}

    return finder


def kernel_at_path(source: Source) -> Finder:
    """Find the kernel of the session that a path has already, if it has one."""

    async def finder(request: Request) -> Mapping[str, Any] | None:
        wanted = source(request)
        running = await _sessions(request)
        for model in running:
            if model["path"] == wanted:
                return _of_sessions(model["kernel"], running)
        return None

    return finder


def _of_sessions(kernel: Mapping[str, Any], running: list[dict[str, Any]]) -> Mapping[str, Any]:
    paths = [s["path"] for s in running if s["kernel"]["id"] == kernel["id"]]
    return _kernel(kernel.get("name"), paths)


def session_attributes(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the attributes of a session from its model."""
    kernel = model.get("kernel") or {}
    return {"path": as_path(model["path"]), "name": as_name(kernel.get("name"))}


def terminal_attributes(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the attributes of a terminal from its model."""
    return {"name": as_name(model.get("name"))}


def kernels_in(running: list[dict[str, Any]]) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Give a function from the model of a kernel to its attributes."""

    def attributes(model: Mapping[str, Any]) -> Mapping[str, Any]:
        return _of_sessions(model, running)

    return attributes


def kernelspec(source: Source) -> Source:
    """Take the kernelspec that a name is resolved to: the default where none is given."""

    def resolved(request: Request) -> Any:
        name = source(request)
        return name or request.handler.settings["kernel_manager"].default_kernel_name

    return resolved
