"""The table of notebook (version 7)."""

from __future__ import annotations

from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import Ask, Row

_OPENS = (
    Ask("read", "ui"),
    Ask("read", "contents", path=part(0), when=part(0), scope="way"),
)

ROWS = (
    Row("notebook.app.TreeHandler", "ui", asks={"GET": _OPENS}),
    Row("notebook.app.NotebookHandler", "ui", asks={"GET": _OPENS}),
    Row("notebook.app.FileHandler", "ui", asks={"GET": _OPENS}),
    Row("notebook.app.ConsoleHandler", "ui"),
    Row("notebook.app.TerminalHandler", "ui"),
    Row("notebook.app.CustomCssHandler", "ui"),
)
