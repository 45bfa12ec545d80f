"""What stands before a handler class and sees its replies or messages: the base of all such.

Behind the decision, beside the handler. `guard.stands` lists which stands before which handler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

if TYPE_CHECKING:
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_authz.guard.http import Guard

    # A mixin in truth; it may count on what every such handler is.
    _Handler = JupyterHandler
else:
    _Handler = object


class Stand(_Handler):
    """Comes first among the bases of a class that is made of it and a handler class."""

    # The resource type of the handler's row.
    kind: ClassVar[str]
    # Jupyter's user as known now, where it is a websocket about which it was decided anew.
    authz_user: Any = None

    @property
    def authz_guard(self) -> Guard:
        """The guard of this server."""
        return cast("Guard", self.settings["jupyter_authz_guard"])
