"""The accounts of the store, as the identity provider asks for them.

Between the live snapshot and identity. All but the beginning and end of sessions is in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_authz.accounts import people, secrets
from jupyter_authz.errors import StoreLostError
from jupyter_authz.identity.credentials import token_digest
from jupyter_authz.identity.index import Account
from jupyter_authz.identity.users import AccountUser
from jupyter_authz.model import GUEST

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from logging import Logger

    from jupyter_authz.accounts.live import Live
    from jupyter_authz.accounts.snapshot import Session
    from jupyter_authz.accounts.store import Writing

_REFUSALS = {
    people.INVITED: "This account has no password yet: use the link in your invitation.",
    people.UNVERIFIED: "Please follow the link that was sent to your address first.",
    people.AWAITING: "This account waits for those who run this server to approve it.",
    people.BLOCKED: "This account is blocked. Ask those who run this server.",
    people.DELETED: "This account was deleted. Ask those who run this server.",
}


class StoreAccounts:
    """Accounts, sessions and tokens of a store.

    Parameters
    ----------
    live
        The store as it was a moment ago.
    log
        Told what could not be ended.
    """

    def __init__(self, live: Live, log: Logger) -> None:
        self._live = live
        self._log = log
        # Ended here, while the store could not be told.
        self._ended: set[bytes] = set()

    @property
    def is_lost(self) -> bool:
        """Whether nothing is known of them any more."""
        return self._live.is_lost

    def account(self, username: str) -> Account | None:
        """Give an account of the store, whatever its state."""
        person = self._live.person(username)
        if person is None:
            return None
        # The session of an account of the store ends with its password in the store itself.
        return Account(username, person.name, person.groups, person.password, "")

    def refusal(self, username: str) -> str | None:
        """Give why somebody may not sign in, for them; None where they may."""
        person = self._live.person(username)
        return None if person is None else _REFUSALS.get(person.state)

    def _user(self, username: str, digest: bytes, kind: str) -> AccountUser:
        person = self._live.person(username)
        user = AccountUser(
            username=username,
            display_name=person.name if person is not None else "",
            groups=person.groups if person is not None else (),
            kind=kind,
        )
        user.digest = digest
        return user

    def user_of_session(self, secret: str) -> AccountUser | Awaitable[AccountUser | None] | None:
        """Give the user of a browser; to be awaited where other servers have to be asked."""
        digest = token_digest(secret)
        session = self._live.session(digest)
        if session is None or digest in self._ended:
            return None
        # INVARIANT: tests/accounts/test_live.py::test_limits_of_a_session
        if self._live.is_over(session, digest):
            return self._user_if_seen_elsewhere(session, digest)
        return self._user(session.username, digest, "user")

    async def _user_if_seen_elsewhere(self, session: Session, digest: bytes) -> AccountUser | None:
        if await self._live.is_over_indeed(session, digest):
            return None
        return self._user(session.username, digest, "user")

    def user_of_token(self, token: str) -> AccountUser | None:
        """Give the user of a token."""
        digest = token_digest(token)
        found = self._live.token(digest)
        if found is None:
            return None
        user = self._user(found.username, digest, "token")
        user.limits = found.limits
        return user

    def guest(self) -> AccountUser | None:
        """Give the user that visitors are who are not signed in; None where there are none."""
        if not self._live.settings.guests or self._live.is_lost:
            return None
        return AccountUser(username=GUEST, display_name="Guest", groups=(GUEST,), kind=GUEST)

    def note_seen(self, user: AccountUser) -> None:
        """Note that a session or token is used."""
        if user.digest is not None:
            self._live.note_seen(user.digest)

    async def begin_session(
        self, username: str, address: str, agent: str, shown: str | None
    ) -> str:
        """Begin a session, and give its secret.

        Raises
        ------
        AuthzError
            They may not sign in, or the store cannot be reached.
        """
        return await self._live.write(
            begin_known_session, username, address=address, agent=agent, shown=shown
        )

    async def end_session(self, user: AccountUser) -> None:
        """End the session of a browser."""
        if user.digest is None or user.kind != "user":
            return
        # INVARIANT: signed out is signed out, whatever the store does.
        # tests/accounts/test_rest.py::test_signing_out_while_the_store_is_lost
        self._ended.add(user.digest)
        try:
            await self._live.write(secrets.end_session, user.digest)
        except StoreLostError as error:
            self._log.warning(
                "jupyter_authz | a session could not be ended in the store: %s", error
            )
        else:
            self._ended.discard(user.digest)


def begin_known_session(
    writing: Writing, username: str, *, address: str, agent: str, shown: str | None = None
) -> str:
    """Begin a session of somebody whom the store may not know yet: of the configuration, say."""
    people.know(writing, [username])
    return secrets.begin_session(writing, username, address=address, agent=agent, shown=shown)
