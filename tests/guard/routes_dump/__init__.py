"""An extension for tests: writes what the guard knows of the routes of its server to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tornado.ioloop import IOLoop


def _jupyter_server_extension_points():
    return [{"module": "routes_dump"}]


def _load_jupyter_server_extension(app):
    # Routes may still be added.
    IOLoop.current().call_later(0.5, lambda: _dump(app))


def _dump(app):
    guard = app.web_app.settings["jupyter_authz_guard"]
    routes = [
        {
            "pattern": route.pattern,
            "handler": getattr(route.target, "__name__", repr(route.target)),
            "package": route.package,
            "type": route.row.type,
            "listed": bool(route.row.handler),
            "verbs": list(route.verbs),
            "public": route.row.public or bool(route.row.public_unless),
        }
        for route in guard.routes.all()
    ]
    target = Path(os.environ["JUPYTER_CONFIG_DIR"]) / "routes.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = target.with_suffix(".part")
    whole.write_text(json.dumps(routes))
    whole.rename(target)
