"""What the identity provider asks of a store of accounts, where there is one.

First in the line, beside the accounts of the configuration; `jupyter_authz.accounts` answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_authz.identity.index import Account
    from jupyter_authz.identity.users import AccountUser


# Of the web application, where there is a store: what people do with their accounts.
SERVICE = "jupyter_authz_service"


class StoredAccounts(Protocol):
    """Accounts of a store, and the sessions of those of the configuration, too."""

    @property
    def is_lost(self) -> bool:
        """Whether nothing is known of them any more."""

    def account(self, username: str) -> Account | None:
        """Give an account by which somebody may sign in with a password; None where there is none.

        Its state is told by `refusal`, once it is known that it is theirs.
        """

    def refusal(self, username: str) -> str | None:
        """Give why somebody may not sign in, for them; None where they may."""

    def user_of_session(self, secret: str) -> AccountUser | Awaitable[AccountUser | None] | None:
        """Give the user of a browser; to be awaited where other servers have to be asked."""

    def user_of_token(self, token: str) -> AccountUser | None:
        """Give the user of a token."""

    def guest(self) -> AccountUser | None:
        """Give the user that visitors are who are not signed in; None where there are none."""

    def note_seen(self, user: AccountUser) -> None:
        """Note that a session or token is used."""

    async def begin_session(
        self, username: str, address: str, agent: str, shown: str | None
    ) -> str:
        """Begin a session, and give its secret.

        Parameters
        ----------
        username
            Whose.
        address, agent
            Of the browser.
        shown
            The hash of the password that they have shown to know, empty where there was none;
            None where it is not the store's.

        Raises
        ------
        AuthzError
            They may not sign in, or the store cannot be reached.
        """

    async def end_session(self, user: AccountUser) -> None:
        """End the session of a browser."""
