"""A server with the extension enabled, and several users on it."""

from __future__ import annotations

import logging

import pytest
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from people import Client, NamedInHeader, Served
from tornado.httpserver import HTTPServer
from traitlets.config import Config

from jupyter_authz.guard import hook

pytest_plugins = ["pytest_jupyter.jupyter_server", "real"]


@pytest.fixture
def jp_server_config():
    """Configure a server with the extension, on which everybody who says so is signed in."""
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"jupyter_authz": True},
                "identity_provider_class": NamedInHeader,
            },
        }
    )


@pytest.fixture
def serve(  # noqa: PLR0913, PLR0917 - fixtures
    jp_server_config,
    jp_configurable_serverapp,
    jp_base_url,
    http_server_port,
    jp_asyncio_loop,
    caplog,
):
    """Give a function that starts the server with traits of the extension."""
    started = []

    def start(**traits):
        for name, value in traits.items():
            setattr(jp_server_config.JupyterAuthz, name, value)
        app = jp_configurable_serverapp(config=jp_server_config)
        # The extension's own logger was configured anew.
        logging.getLogger("JupyterAuthz").addHandler(caplog.handler)
        server = HTTPServer(app.web_app)
        server.add_socket(http_server_port[0])
        client = Client(force_instance=True, port=http_server_port[1])
        started.append((server, client))
        return Served(app, client, jp_base_url)

    yield start
    logging.getLogger("JupyterAuthz").removeHandler(caplog.handler)
    for server, client in started:
        client.close()
        server.stop()
        jp_asyncio_loop.run_until_complete(server.close_all_connections())


@pytest.fixture
def original_hook():
    """Put the hook back that a test replaces, for all handlers of the process."""
    hook.install()
    yield
    JupyterHandler.user_is_authorized = hook.user_is_authorized


@pytest.fixture(autouse=True)
def jp_server_cleanup(request):
    """Clean up after a server, in tests that have one."""
    yield
    if ServerApp.initialized():
        app = ServerApp.instance()
        loop = request.getfixturevalue("jp_asyncio_loop")
        loop.run_until_complete(app._cleanup())
        ServerApp.clear_instance()
