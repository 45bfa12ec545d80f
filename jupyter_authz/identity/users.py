"""The user an identity provider gives to the rest of the server; first in the line."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_server.auth import User


@dataclass
class AccountUser(User):
    """A user with what the policy needs to know beyond Jupyter's own fields.

    Made anew for every request, since ``User`` can be changed and other extensions do.

    Parameters
    ----------
    groups
        The groups the user is directly in, such as ``team/finance``.
    kind
        ``user`` when signed in by cookie, ``token`` when by a token in the request itself.
    """

    groups: tuple[str, ...] = ()
    kind: str = "user"
