"""Who asks: the identity providers of this package and the users they give.

First in the line; imports nothing from what stands right of it.
"""

from jupyter_authz.identity.accounts import AccountsIdentityProvider
from jupyter_authz.identity.credentials import new_token
from jupyter_authz.identity.users import AccountUser

__all__ = ["AccountUser", "AccountsIdentityProvider", "new_token"]
