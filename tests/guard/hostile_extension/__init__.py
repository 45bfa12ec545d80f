"""An extension that does all it can to run before it may; everything notes that it ran."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hostile_extension import handlers, targets
from hostile_extension.record import RAN

__all__ = ["FILES", "RAN", "ROUTES", "WEBSOCKETS", "add_late"]

FILES = Path(tempfile.mkdtemp(prefix="hostile-"))
(FILES / "secret.txt").write_text("secret")

# By name; each is at `hostile/NAME`, and again with something behind it.
ROUTES = handlers.ROUTES
WEBSOCKETS = handlers.WEBSOCKETS


def _rules(base):
    rules = [(f"{base}hostile/{name}(?:/.*)?", cls) for name, cls in ROUTES.items()]
    rules += [(f"{base}hostile/{name}", cls) for name, cls in WEBSOCKETS.items()]
    rules += [
        (f"{base}hostile/static/(.*)", handlers.Static, {"path": str(FILES)}),
        (f"{base}hostile/tornado/(.*)", handlers.TornadoStatic, {"path": str(FILES)}),
        (f"{base}hostile/public/(.*)", handlers.Public, {"path": str(FILES)}),
        (f"{base}hostile/find/(.*)", handlers.Find, {"path": [str(FILES)]}),
    ]
    return rules


def _jupyter_server_extension_points():
    return [{"module": "hostile_extension"}]


def _load_jupyter_server_extension(app):
    base = app.base_url
    app.web_app.add_handlers(".*$", _rules(base))
    targets.first(app.web_app.wildcard_router, *targets.rules(base))
    # A core address, before core's own rule.
    app.web_app.add_handlers(".*$", [(f"{base}api/contents/shadowed.*", handlers.Plain)])


async def _start_jupyter_server_extension(app):
    app.web_app.add_handlers(".*$", [(f"{app.base_url}hostile/started", handlers.Plain)])


def add_late(app):
    """Add routes to a running server, in every way there is."""
    base = app.base_url
    web_app = app.web_app
    web_app.add_handlers(".*$", [(f"{base}hostile/late-handlers", handlers.Plain)])
    web_app.add_handlers(r"127\.0\.0\.1", [(f"{base}hostile/late-host", handlers.Plain)])
    rule = targets.rule(f"{base}hostile/late-rule", handlers.Plain)
    web_app.default_router.rules.insert(0, rule)
    targets.first(web_app.wildcard_router, (f"{base}hostile/late-wildcard", handlers.Plain))
    # Behind everything: only where nothing else matches, which is never, but for this.
    web_app.wildcard_router.add_rules([(f"{base}hostile/late-added", handlers.Plain)])
