"""`jupyter authz routes`: every route and verb, and what it asks."""

from __future__ import annotations

import pytest


@pytest.fixture
def extension(home, monkeypatch):
    """Enable an extension whose handlers nobody has classified."""
    package = home / "packages" / "reports"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from tornado.web import RequestHandler\n"
        "class Reports(RequestHandler):\n"
        "    def get(self, name): self.finish()\n"
        "def _jupyter_server_extension_points(): return [{'module': 'reports'}]\n"
        "def _load_jupyter_server_extension(server):\n"
        "    server.web_app.add_handlers('.*$', [('/reports/(.*)', Reports)])\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    (home / "config" / "jupyter_server_config.d" / "reports.json").write_text(
        '{"ServerApp": {"jpserver_extensions": {"reports": true}}}'
    )


def entry(entries, handler, verb):
    return next(e for e in entries if e["handler"].endswith(f".{handler}") and e["verb"] == verb)


def test_what_is_asked(authz, configure):
    """Each verb of a route tells all it asks, with what a permission can filter by."""
    configure("c.JupyterAuthz.roles = []")
    entries = authz("routes", "--json").json
    assert entry(entries, "ContentsHandler", "GET") == {
        "pattern": r"/api/contents(?P<path>(?:(?:/[^/]+)+|/?))$",
        "verb": "GET",
        "package": "jupyter_server",
        "handler": "jupyter_server.services.contents.handlers.ContentsHandler",
        "asks": [
            {
                "action": "read",
                "type": "contents",
                "attributes": ["path"],
                "scope": "way",
                "whole": False,
                "conditional": False,
                "enough": [],
            }
        ],
        "public": False,
        "unclassified": False,
    }
    channels = entry(entries, "KernelWebsocketHandler", "WS")
    assert channels["asks"][0]["attributes"] == ["path", "owner", "name"]
    assert channels["asks"][0]["enough"] == ["read:channels", "execute:cells"]
    copying = entry(entries, "ContentsHandler", "POST")["asks"]
    assert any(ask["conditional"] and ask["whole"] for ask in copying)
    assert entry(entries, "APIVersionHandler", "GET")["public"] is True
    assert entry(entries, "APIVersionHandler", "GET")["asks"] == []


def test_text(authz):
    """The text has a route, its package and handler, and a line for each verb; also when off."""
    lines = authz("routes").out.splitlines()
    at = lines.index("/api/kernels$")
    assert lines[at + 1 : at + 3] == [
        "  jupyter_server  jupyter_server.services.kernels.handlers.MainKernelHandler",
        "    GET     read:kernels (at least one)",
    ]
    started = "    POST    write:kernels path owner name + execute:kernels path owner name"
    assert lines[at + 3].startswith(started)
    assert "    GET     public" in lines
    watched = "execute:channels or read:channels or execute:cells path owner name"
    assert f"    WS      {watched}" in lines
    assert lines[-1].endswith(", unclassified: 0")
    assert max(map(len, lines)) <= 110


def test_nothing_unclassified(authz):
    """`--unclassified` has status 0 where every route is classified."""
    result = authz("routes", "--unclassified")
    assert (result.status, result.out) == (0, "Every route is classified.\n")
    assert authz("routes", "--unclassified", "--json").json == []


def test_unclassified(authz, extension):
    """`--unclassified` lists only routes that nobody has classified, and fails."""
    result = authz("routes", "--unclassified")
    assert result.status == 1
    assert result.out.splitlines() == [
        "/reports/(.*)$",
        "  reports  reports.Reports",
        "    GET     unclassified: execute:ext.reports url",
        "",
        "Verbs of all routes: 1, unclassified: 1",
    ]
    (found,) = authz("routes", "--unclassified", "--json").json
    assert (found["package"], found["unclassified"], found["public"]) == ("reports", True, False)
    assert authz("routes").status == 0


def test_classified_by_the_operator(authz, extension, configure):
    """What c.JupyterAuthz.resources classifies is classified."""
    configure('c.JupyterAuthz.resources = {"reports.Reports": {"type": "contents", "path": 0}}')
    assert authz("routes", "--unclassified").status == 0
    found = entry(authz("routes", "--json").json, "Reports", "GET")
    assert [(ask["action"], ask["type"]) for ask in found["asks"]] == [("read", "contents")]


def test_public_unless_a_setting(authz, configure):
    """Metrics are public where Jupyter Server is told so."""
    handler = "PrometheusMetricsHandler"
    assert entry(authz("routes", "--json").json, handler, "GET")["public"] is False
    configure("c.ServerApp.authenticate_prometheus = False")
    assert entry(authz("routes", "--json").json, handler, "GET")["public"] is True


def test_extension_that_is_not_enabled(authz, home):
    """The routes are shown even of a server in which the extension is not enabled yet."""
    (home / "config" / "jupyter_server_config.d" / "jupyter_authz.json").unlink()
    assert authz("routes").status == 0


def test_invalid_configuration(authz, configure):
    """The routes of a server that would not start are an error."""
    path = configure("c.JupyterAuthz.role = []")
    result = authz("routes", "--json")
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith(f"jupyter authz routes: {path}: unknown trait")


def test_true_command(shell):
    """The command that people type shows the routes of every extension there is."""
    result = shell("routes", "--json")
    assert result.status == 0
    packages = {e["package"] for e in result.json}
    assert {"jupyter_server", "jupyterlab", "jupyter_server_terminals"} <= packages
    assert "Traceback" not in result.err
