"""The user an identity provider gives to the rest of the server; first in the line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        ``user`` when signed in by cookie, ``token`` when by a token in the request itself,
        ``guest`` when not signed in.
    limits
        Of a token, the permissions beyond which nothing may be done with it.
    """

    groups: tuple[str, ...] = ()
    kind: str = "user"
    limits: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[no-untyped-call]
        # Of the session or token in the store; no field, which everybody is told.
        self.digest: bytes | None = None
        # Of the password that was shown to be known, where it is one of the store; neither.
        self.shown: str | None = None
        # Of a guest, the mark of their browser, which nobody else is told, either.
        self.visitor: str | None = None


def visitor_cookie(provider: Any, handler: Any) -> str:
    """Give the name of the cookie by which browsers of guests are told apart.

    Parameters
    ----------
    provider
        Of identities.
    handler
        Of a request.
    """
    return f"{provider.get_cookie_name(handler)}-visitor"
