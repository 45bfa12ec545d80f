"""Who started what, and where: noted as the server's managers start kernels, sessions, terminals.

Part of the tables, whose finders ask it; the guard tells for whom a request starts something.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary, ref

from jupyter_core.utils import ensure_async
from jupyter_server.gateway.managers import GatewayMappingKernelManager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SETTING = "jupyter_authz_started"

# For whom the request that is under way starts what it starts. Only what is meant to start
# something for whoever asks sets it: a pool that is filled up on the occasion is nobody's.
starter: ContextVar[str | None] = ContextVar("jupyter_authz_starter", default=None)

# The notebook that the request under way shows as a dashboard.
dashboard: ContextVar[str | None] = ContextVar("jupyter_authz_dashboard", default=None)

# Of the session that a kernel is started for.
_place: ContextVar[str | None] = ContextVar("jupyter_authz_place", default=None)


class Start(NamedTuple):
    """How something was started.

    Parameters
    ----------
    owner
        Username of who started it, or None, unknown.
    path
        Where, as it was given: of the session that a kernel was started for, else of the kernel
        itself; the directory of a terminal. None is unknown.
    dashboard
        The notebook that a kernel was started to show, not to be worked in; else None.
    """

    owner: str | None = None
    path: str | None = None
    dashboard: str | None = None


UNKNOWN = Start()

# What JupyterLab has for a document until its session is made: an id of its own, beside it.
_STAND_IN = re.compile(r"(?P<directory>(?:.*/)?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def place_of(path: Any, name: Any) -> Any:
    """Give the path of the document that a new session is for.

    Parameters
    ----------
    path
        Of the session, as it was given.
    name
        Of the document.
    """
    found = _STAND_IN.fullmatch(path) if isinstance(path, str) else None
    # INVARIANT: a name that leads elsewhere names nothing.
    # tests/resources/test_started.py::test_a_session_before_it_has_its_path
    if found is None or not isinstance(name, str) or not name.strip(". ") or "/" in name:
        return path
    return found["directory"] + name


class Started:
    """What runs, with how it was started.

    Kernels and terminals are known by the objects that stand for them, which stay the same when a
    kernel restarts, whoever restarts it, and are gone with it: nobody takes over what belonged to
    another by choosing its id.
    """

    def __init__(self) -> None:
        self._running: WeakKeyDictionary[Any, Start] = WeakKeyDictionary()
        self._sessions: dict[str, str | None] = {}
        # Of sessions that have a path which only stands in for that of their document.
        self._places: dict[str, str] = {}
        # Called when a session, and so its kernel, is elsewhere than it was.
        self.on_move: Callable[[], None] = _nothing

    def note(self, running: Any, path: str | None) -> None:
        """Note that a kernel or terminal has been started."""
        self._running[running] = Start(starter.get(), path, dashboard.get())

    def of(self, running: Any) -> Start:
        """Give how a kernel or terminal was started, by what stands for it."""
        return self._running.get(running, UNKNOWN)

    def note_session(self, session_id: str, others: set[str]) -> None:
        """Note who has made a session; of the others only these are still there."""
        kept = {known: owner for known, owner in self._sessions.items() if known in others}
        self._sessions = {**kept, session_id: starter.get()}

    def note_place(self, session_id: str, path: str, name: Any) -> None:
        """Note the document that a session is for, while its path stands in for it."""
        self._places = {one: place for one, place in self._places.items() if one in self._sessions}
        self._places[session_id] = place_of(path, name)

    def forget_place(self, session_id: str) -> None:
        """Note that a session has another path, which is that of its document."""
        self._places.pop(session_id, None)

    def place(self, model: Mapping[str, Any]) -> Any:
        """Give the path of the document that a session is for."""
        return self._places.get(model.get("id", ""), model["path"])

    def place_to_start(self, session_id: str, path: Any, name: Any) -> Any:
        """Give the path of the document that a kernel is started for, with its session or later."""
        if session_id in self._sessions:
            return self.place({"id": session_id, "path": path})
        return place_of(path, name)

    def owner_of_session(self, session_id: str) -> str | None:
        """Give who made a session."""
        return self._sessions.get(session_id)


def _nothing() -> None:
    pass


def started(settings: Mapping[str, Any]) -> Started:
    """Give what was noted on a server."""
    found: Started = settings[_SETTING]
    return found


def note_starts(settings: dict[str, Any]) -> Started:
    """Have the managers of a server note what they start, from now on.

    Parameters
    ----------
    settings
        Of the web application.
    """
    if _SETTING in settings:
        return started(settings)
    noted = settings[_SETTING] = Started()
    _note_kernels(noted, settings["kernel_manager"])
    _note_sessions(noted, settings["session_manager"])
    if "terminal_manager" in settings:
        _note_terminals(noted, settings["terminal_manager"])
    return noted


def _replace(manager: Any, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
    """Put a function in place of a method of a manager.

    Parameters
    ----------
    manager
        Of the server.
    name
        Of the method.
    make
        Makes the function, which takes the manager and the arguments, from the method as it was.
    """
    # The manager must not hold itself: it closes its sockets when it is gone, and to be found by
    # the garbage collector, with its sockets, would be too late for that.
    reference = ref(manager)
    own = vars(manager).get(name)
    function = getattr(type(manager), name)

    def method(_: Any, *args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs)

    noted = make(function if own is None else wraps(function)(method))

    def called(*args: Any, **kwargs: Any) -> Any:
        return noted(reference(), *args, **kwargs)

    setattr(manager, name, wraps(function)(called))


def _note_kernels(noted: Started, manager: Any) -> None:
    is_remote = isinstance(manager, GatewayMappingKernelManager)

    def make(start_kernel: Callable[..., Any]) -> Any:
        async def start_kernel_noted(manager: Any, *args: Any, **kwargs: Any) -> Any:
            given = kwargs.get("kernel_id")
            ran_already = given is not None and given in manager
            kernel_id = await ensure_async(start_kernel(manager, *args, **kwargs))
            # INVARIANT: what runs already is not the property of who asks for it again; a gateway
            # gives by its id what others have started. tests/resources/test_started.py::
            # test_asking_for_a_kernel_again_does_not_make_it_ones_own
            if not ran_already and not (is_remote and given is not None):
                place = _place.get() or dashboard.get() or kwargs.get("path")
                noted.note(manager.get_kernel(kernel_id), place)
            return kernel_id

        return start_kernel_noted

    _replace(manager, "start_kernel", make)


def _note_sessions(noted: Started, manager: Any) -> None:
    def make_start(start_kernel: Callable[..., Any]) -> Any:
        async def start_kernel_at_its_place(*args: Any, **kwargs: Any) -> Any:
            given = signature(start_kernel).bind(*args, **kwargs).arguments
            before = _place.set(
                noted.place_to_start(given["session_id"], given["path"], given.get("name"))
            )
            try:
                return await start_kernel(*args, **kwargs)
            finally:
                _place.reset(before)

        return start_kernel_at_its_place

    def make_create(create_session: Callable[..., Any]) -> Any:
        async def create_session_noted(manager: Any, *args: Any, **kwargs: Any) -> Any:
            model = await create_session(manager, *args, **kwargs)
            noted.note_session(model["id"], {one["id"] for one in await manager.list_sessions()})
            noted.note_place(model["id"], model["path"], kwargs.get("name"))
            noted.on_move()
            return model

        return create_session_noted

    def make_move(change_session: Callable[..., Any]) -> Any:
        async def change_session_noted(manager: Any, *args: Any, **kwargs: Any) -> Any:
            changed = await ensure_async(change_session(manager, *args, **kwargs))
            if "path" in kwargs:
                noted.forget_place(args[0] if args else kwargs["session_id"])
            noted.on_move()
            return changed

        return change_session_noted

    _replace(manager, "start_kernel_for_session", make_start)
    _replace(manager, "create_session", make_create)
    _replace(manager, "update_session", make_move)
    _replace(manager, "delete_session", make_move)


def _note_terminals(noted: Started, manager: Any) -> None:
    def make(create: Callable[..., Any]) -> Any:
        def create_noted(manager: Any, *args: Any, **kwargs: Any) -> Any:
            model = create(manager, *args, **kwargs)
            noted.note(manager.terminals[model["name"]], kwargs.get("cwd"))
            return model

        return create_noted

    _replace(manager, "create", make)
