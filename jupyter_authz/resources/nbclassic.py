"""The table of nbclassic."""

from __future__ import annotations

from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import Ask, Row

_PATH = part("path")
_OPENS = (
    Ask("read", "ui"),
    Ask("read", "contents", path=_PATH, when=_PATH, scope="way"),
)

ROWS = (
    Row("nbclassic.tree.handlers.TreeHandler", "ui", asks={"GET": _OPENS}),
    Row("nbclassic.notebook.handlers.NotebookHandler", "ui", asks={"GET": _OPENS}),
    Row("nbclassic.edit.handlers.EditorHandler", "ui", asks={"GET": _OPENS}),
    Row("nbclassic.view.handlers.CustomViewHandler", "ui", asks={"GET": _OPENS}),
    Row("nbclassic.terminal.handlers.TerminalHandler", "ui"),
)
