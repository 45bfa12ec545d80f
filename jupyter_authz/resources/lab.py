"""The table of jupyterlab and jupyterlab_server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.web import HTTPError

from jupyter_authz.resources.requests import body, part
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


def _is_workspace(request: Request) -> bool:
    """Require what its handler takes for granted; a condition that always holds."""
    # INVARIANT: tests/resources/test_bodies.py::test_a_bad_body_does_nothing
    body("metadata", "id")(request)
    for key in ("data", "metadata"):
        if not isinstance(request.body.get(key), dict):
            raise HTTPError(400, f"Expected an object as {key!r} in the JSON body")
    if not request.body["metadata"].get("id"):
        raise HTTPError(400, "Expected the name of the workspace as 'metadata.id' in the JSON body")
    return True


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
    Row(
        f"{_SERVER}.workspaces_handler.WorkspacesHandler",
        "workspaces",
        asks={"PUT": (Ask("write", "workspaces", when=_is_workspace),)},
    ),
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
