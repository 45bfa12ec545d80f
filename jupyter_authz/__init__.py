"""Authorization for shared Jupyter servers: one policy for every request and every websocket."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jupyter_authz._version import __version__
from jupyter_authz.app import JupyterAuthz
from jupyter_authz.guard.authorizer import PolicyAuthorizer
from jupyter_authz.guard.requirements import requires_membership, requires_permission
from jupyter_authz.identity import AccountsIdentityProvider, new_token

if TYPE_CHECKING:
    from jupyter_authz.accounts.store import Store
    from jupyter_authz.accounts.tags import Tags

__all__ = [
    "AccountsIdentityProvider",
    "JupyterAuthz",
    "PolicyAuthorizer",
    "Store",
    "Tags",
    "__version__",
    "new_token",
    "requires_membership",
    "requires_permission",
]
# What comes with the extra is imported when it is asked for.
_EXTRA = {"Store": "jupyter_authz.accounts.store", "Tags": "jupyter_authz.accounts.tags"}


def __getattr__(name: str) -> Any:
    if name in _EXTRA:
        return getattr(import_module(_EXTRA[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "jupyter_authz", "app": JupyterAuthz}]
