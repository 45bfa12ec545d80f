"""Which of ours stand before which handler class, as data.

Behind the decision: the guard makes the handler it hands a request to with `standing_before`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from jupyter_authz.guard.applications import ApplicationList
from jupyter_authz.guard.channels import KernelChannels
from jupyter_authz.guard.dashboards import DashboardList
from jupyter_authz.guard.events import EventStream
from jupyter_authz.guard.frontends import OwnSettings, OwnWorkspaces
from jupyter_authz.guard.lists import ContentsList, RunningList
from jupyter_authz.guard.rooms import DocumentStart, Room, Timeline
from jupyter_authz.guard.terminals import TerminalSocket, TerminalStart
from jupyter_authz.guard.trust import Sandboxed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tornado.web import RequestHandler

    from jupyter_authz.guard.routes import Route
    from jupyter_authz.guard.stand import Stand

_SERVICES = "jupyter_server.services"

_STANDS: Mapping[str, tuple[type[Stand], ...]] = {
    f"{_SERVICES}.contents.handlers.ContentsHandler": (ContentsList,),
    f"{_SERVICES}.kernels.handlers.MainKernelHandler": (RunningList,),
    f"{_SERVICES}.sessions.handlers.SessionRootHandler": (RunningList,),
    f"{_SERVICES}.kernelspecs.handlers.MainKernelSpecHandler": (RunningList,),
    f"{_SERVICES}.kernels.websocket.KernelWebsocketHandler": (KernelChannels,),
    f"{_SERVICES}.events.handlers.SubscribeWebsocket": (EventStream,),
    "jupyter_server_proxy.api.ServersInfoHandler": (ApplicationList,),
    "voila.static_file_handler.AllowListFileHandler": (Sandboxed,),
    "voila.tornado.contentshandler.VoilaContentsHandler": (DashboardList,),
    "voila.tornado.treehandler.TornadoVoilaTreeHandler": (DashboardList,),
    "jupyterlab_server.workspaces_handler.WorkspacesHandler": (OwnWorkspaces,),
    "jupyterlab_server.settings_handler.SettingsHandler": (OwnSettings,),
    "jupyterlab_server.translations_handler.TranslationsHandler": (OwnSettings,),
    "jupyter_server_terminals.handlers.TermSocket": (TerminalSocket,),
    "jupyter_server_ydoc.handlers.YDocWebSocketHandler": (Room,),
    "jupyter_server_ydoc.handlers.DocSessionHandler": (DocumentStart,),
    "jupyter_server_ydoc.handlers.TimelineHandler": (Timeline,),
    "jupyter_server_terminals.api_handlers.TerminalRootHandler": (RunningList, TerminalStart),
}


@cache
def _made(handler: Any, stands: tuple[type[Stand], ...], kind: str) -> Any:
    namespace = {
        # Logs and metrics name a handler by these.
        "__module__": handler.__module__,
        "__qualname__": handler.__qualname__,
        "__doc__": handler.__doc__,
        "kind": kind,
    }
    return type(handler.__name__, (*stands, handler), namespace)


def standing_before(route: Route) -> type[RequestHandler]:
    """Give the handler class of a route, with what stands before it."""
    handler: type[RequestHandler] = route.target
    stands = _STANDS.get(route.row.handler)
    return handler if stands is None else _made(cast("Any", handler), stands, route.row.type)
