"""The table of jupyterlab and jupyterlab_server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import Ask, Row

if TYPE_CHECKING:
    from jupyter_authz.resources.requests import Request

# pip and npm on the server, and plugins switched for all: code for everybody.
_CODE_FOR_EVERYBODY = (Ask("write", "config"), Ask("execute", "config"))
_LOOKS = (Ask("read", "ui"),)
_SERVER = "jupyterlab_server"


def _opened(request: Request) -> Any:
    """Find the path that `/lab/tree/PATH` opens."""
    return str(part("tree")(request)).removeprefix("/tree")


ROWS = (
    Row(
        f"{_SERVER}.handlers.LabHandler",
        "ui",
        asks={
            "GET": (
                Ask("read", "ui"),
                Ask("read", "contents", path=_opened, when=_opened, scope="way"),
            )
        },
    ),
    Row(f"{_SERVER}.handlers.NotFoundHandler", "ui", every=_LOOKS),
    Row(f"{_SERVER}.settings_handler.SettingsHandler", "settings"),
    Row(f"{_SERVER}.workspaces_handler.WorkspacesHandler", "workspaces"),
    Row(f"{_SERVER}.translations_handler.TranslationsHandler", "translations"),
    Row(f"{_SERVER}.licenses_handler.LicensesHandler", "licenses"),
    Row(f"{_SERVER}.listings_handler.ListingsHandler", "ui"),
    Row(f"{_SERVER}.themes_handler.ThemesHandler", "ui"),
    Row(
        "jupyterlab.handlers.build_handler.BuildHandler",
        "config",
        asks={"POST": _CODE_FOR_EVERYBODY, "DELETE": _CODE_FOR_EVERYBODY},
    ),
    Row(
        "jupyterlab.handlers.extension_manager_handler.ExtensionHandler",
        "config",
        asks={"POST": _CODE_FOR_EVERYBODY},
    ),
    Row(
        "jupyterlab.handlers.plugin_manager_handler.PluginHandler",
        "config",
        asks={"POST": _CODE_FOR_EVERYBODY},
    ),
    Row("jupyterlab.handlers.announcements.CheckForUpdateHandler", "news"),
    Row("jupyterlab.handlers.announcements.NewsHandler", "news"),
)
