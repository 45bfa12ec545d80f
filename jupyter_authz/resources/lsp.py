"""The table of jupyter-lsp."""

from __future__ import annotations

from jupyter_authz.resources.requests import part
from jupyter_authz.resources.table import Ask, Row

ROWS = (
    Row(
        "jupyter_lsp.handlers.LanguageServersHandler",
        "lsp",
        # Which servers could be started: the same for everybody, whichever they may use.
        asks={"GET": (Ask("read", "lsp", scope="any"),)},
    ),
    Row(
        "jupyter_lsp.handlers.LanguageServerWebSocketHandler",
        "lsp",
        name=part("language_server"),
        settles=(("execute", "lsp"),),
    ),
)
