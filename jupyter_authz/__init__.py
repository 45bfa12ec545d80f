"""Authorization for shared Jupyter servers: one policy for every request and every websocket."""

from __future__ import annotations

from jupyter_authz._version import __version__
from jupyter_authz.app import JupyterAuthz
from jupyter_authz.guard.authorizer import PolicyAuthorizer
from jupyter_authz.identity import AccountsIdentityProvider, new_token

__all__ = [
    "AccountsIdentityProvider",
    "JupyterAuthz",
    "PolicyAuthorizer",
    "__version__",
    "new_token",
]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "jupyter_authz", "app": JupyterAuthz}]
