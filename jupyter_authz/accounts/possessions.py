"""One's own sessions and tokens: where one is signed in, and with what one's scripts sign in.

Part of the service; between the handlers, REST and pages alike, and the store.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from jupyter_authz.accounts import people, secrets
from jupyter_authz.accounts.schema import SESSIONS, TOKENS
from jupyter_authz.errors import PolicyError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Concatenate, ParamSpec

    from sqlalchemy import Connection, Row

    from jupyter_authz.accounts.live import Live
    from jupyter_authz.accounts.store import Writing
    from jupyter_authz.guard.http import Guard
    from jupyter_authz.identity import AccountUser

    P = ParamSpec("P")

T = TypeVar("T")

_DAY = 24 * 60 * 60
_MOST_DAYS = 36_500


def require_browser(user: AccountUser) -> None:
    """Require somebody who is signed in by a browser.

    Raises
    ------
    RefusedError
        It is a script, or nobody.
    """
    # INVARIANT: a token changes nothing of an account, and makes no tokens.
    # tests/accounts/test_rest.py::test_a_token_changes_nothing
    if getattr(user, "kind", None) != "user":
        raise RefusedError("not-by-token", "Sign in with a browser to do this.")


class SessionsAndTokens:
    """What people do with theirs.

    Parameters
    ----------
    live
        The store.
    guard
        Whose policy tells what tokens can be limited to.
    """

    def __init__(self, live: Live, guard: Guard) -> None:
        self.live = live
        self.settings = live.settings
        self.guard = guard
        self._log = guard.log

    async def write_as(
        self,
        user: AccountUser,
        operation: Callable[Concatenate[Writing, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Change something in the name of somebody, whose session is still there.

        Raises
        ------
        RefusedError
            It has ended, or the operation refuses.
        """

        def change(writing: Writing) -> T:
            secrets.require_session(writing, user.username, user.digest)
            return operation(writing, *args, **kwargs)

        return await self.live.write(change)

    async def sessions(self, user: AccountUser) -> list[dict[str, Any]]:
        """Give one's sessions, the last seen first."""

        def look(connection: Connection) -> Sequence[Row[Any]]:
            theirs = select(SESSIONS).where(SESSIONS.c.username == user.username)
            return connection.execute(theirs.order_by(SESSIONS.c.seen.desc())).all()

        return [
            {
                "id": row.id,
                "created": row.created,
                "seen": row.seen,
                "address": row.address,
                "agent": row.agent,
                "is_current": row.digest == user.digest,
            }
            for row in await self.live.read(look)
        ]

    async def end_sessions(
        self, user: AccountUser, *, session_id: str | None = None, keep: bool = True
    ) -> int:
        """End one of one's sessions, or all but this one, or all; give how many.

        Raises
        ------
        RefusedError
            There is no such session.
        """
        require_browser(user)
        kept = user.digest if keep and session_id is None else None
        ended = await self.write_as(
            user, secrets.end_sessions, user.username, kept=kept, session_id=session_id
        )
        if session_id is not None and not ended:
            raise RefusedError("no-session", f"There is no session {session_id!r}.")
        return ended

    async def tokens(self, user: AccountUser) -> list[dict[str, Any]]:
        """Give one's tokens, without what they are."""

        def look(connection: Connection) -> Sequence[Row[Any]]:
            theirs = select(TOKENS).where(TOKENS.c.username == user.username)
            return connection.execute(theirs.order_by(TOKENS.c.name)).all()

        snapshot = self.live.snapshot
        return [
            {
                "id": row.id,
                "name": row.name,
                "permissions": list(token.limits)
                if (token := snapshot.tokens.get(row.digest)) and token.limits is not None
                else None,
                "created": row.created,
                "expires": row.expires,
                "seen": row.seen,
            }
            for row in await self.live.read(look)
        ]

    async def make_token(
        self, user: AccountUser, *, name: object, permissions: object = None, days: object = None
    ) -> str:
        """Make a token for one's scripts, and give it.

        Parameters
        ----------
        user
            Signed in by a browser.
        name
            By which they know it again.
        permissions
            All that may be done with it; None is all that they may do.
        days
            After which it ends; None is as long as may be.

        Raises
        ------
        RefusedError
            Something is not of the form that it must have.
        """
        require_browser(user)
        limits = None if permissions is None else self._read_limits(permissions)
        longest = self.settings.token_limit
        seconds = None
        if days is not None:
            if isinstance(days, bool) or not isinstance(days, int) or not 0 < days <= _MOST_DAYS:
                raise RefusedError(
                    "bad-time", f"Expected a number of days from 1 on, got {days!r}."
                )
            seconds = days * _DAY
        if longest and seconds is not None and seconds > longest:
            raise RefusedError(
                "bad-time", f"Expected at most {longest // _DAY} days, got {days!r}."
            )
        seconds = seconds or longest or None
        expires = None if seconds is None else int(time.time()) + seconds
        given = people.check_text(name, "name of the token")

        def make(writing: Writing) -> str:
            people.know(writing, [user.username])
            return secrets.make_token(
                writing, user.username, given, permissions=limits, expires=expires
            )

        token = await self.write_as(user, make)
        self._log.info("jupyter_authz | %r made the token %r", user.username, given)
        return token

    def _read_limits(self, permissions: object) -> tuple[str, ...]:
        checked = secrets.check_permissions(permissions)
        policy = self.guard.policy
        if policy is None:
            raise RefusedError(
                "no-policy", "This server has no policy, so tokens cannot be limited."
            )
        try:
            policy.check_limits(checked)
        except PolicyError as error:
            raise RefusedError("bad-permissions", str(error)) from None
        return checked

    async def end_token(self, user: AccountUser, *, token_id: str) -> None:
        """End one of one's tokens.

        Raises
        ------
        RefusedError
            There is no such token.
        """
        require_browser(user)
        await self.write_as(user, secrets.end_token, user.username, token_id)
