"""Sessions, tokens and links: each a secret of 256 random bits, of which only a hash is kept.

Between the store and whoever signs in. What they stand for is made, looked up and ended here.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select

from jupyter_authz.accounts import people
from jupyter_authz.accounts.schema import LINKS, SESSIONS, TOKENS
from jupyter_authz.accounts.store import SESSION, TOKEN
from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.credentials import token_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from jupyter_authz.accounts.store import Writing

# What a link is for: to set a password (again, or for the first time), to show that an address is
# one's own, to have another address, to sign in once.
RESET, VERIFY, CHANGE_EMAIL, SIGN_IN = PURPOSES = ("reset", "verify", "change-email", "sign-in")

# Of one user; more than people make, and no way to fill the store.
MOST_TOKENS = 100
MOST_SESSIONS = 100
_MOST_LINKS = 5
_LONGEST_PERMISSION = 1000
_MOST_PERMISSIONS = 100


def new_secret() -> tuple[str, bytes]:
    """Give a secret of 64 hexadecimal digits and its SHA-256."""
    secret = secrets.token_hex(32)
    return secret, token_digest(secret)


# ---------------------------------------------------------------------- sessions


def begin_session(
    writing: Writing,
    username: str,
    *,
    address: str = "",
    agent: str = "",
    shown: str | None = None,
) -> str:
    """Begin a session of a user and give its secret, for the cookie.

    Parameters
    ----------
    writing
        The transaction.
    username
        Of an active user.
    address, agent
        Of the browser, by which people know it again.
    shown
        The hash of the password that they have shown to know, empty where there was none; None
        where it is not the store's.

    Raises
    ------
    RefusedError
        They are not active, or their password is another by now.
    """
    # INVARIANT: who is blocked meanwhile gets no session, nor who knows what was the password.
    # tests/accounts/test_rest.py::test_who_is_blocked_signs_in_by_no_way
    # tests/accounts/test_changes.py::test_an_old_password_opens_no_session
    person = require_active(writing, username)
    if shown is not None:
        require_password(person, shown)
    secret, digest = new_secret()
    theirs = select(SESSIONS.c.digest).where(SESSIONS.c.username == username)
    known = list(writing.connection.scalars(theirs.order_by(SESSIONS.c.seen)))
    for old in known[: max(0, len(known) - MOST_SESSIONS + 1)]:
        end_session(writing, old)
    row = {
        "id": secrets.token_hex(8),
        "username": username,
        "digest": digest,
        "created": writing.now,
        "seen": writing.now,
        "address": address[:64],
        "agent": "".join(filter(str.isprintable, agent))[:255],
    }
    writing.connection.execute(insert(SESSIONS).values(row))
    writing.note(SESSION, digest.hex())
    return secret


def require_password(row: Row[Any], shown: str) -> None:
    """Require that a password is still what it was when somebody showed to know it.

    Parameters
    ----------
    row
        Of a user.
    shown
        Its hash; empty for none.

    Raises
    ------
    RefusedError
        It is another by now.
    """
    if (row.password or "") != shown:
        raise RefusedError("wrong-password", "The password is not right.")


def require_session(writing: Writing, username: str, digest: bytes | None) -> None:
    """Require that a session of a user has not ended, before something is done in its name.

    Raises
    ------
    RefusedError
        It has, perhaps just now or on another server.
    """
    # INVARIANT: whoever has been signed out does nothing more, however soon.
    # tests/accounts/test_changes.py::test_an_ended_session_changes_nothing
    theirs = select(SESSIONS.c.id).where(
        SESSIONS.c.digest == digest, SESSIONS.c.username == username
    )
    if digest is None or writing.connection.execute(theirs).first() is None:
        raise RefusedError("signed-out", "You have been signed out. Please sign in again.")


def require_active(writing: Writing, username: str) -> Row[Any]:
    """Give the row of a user who may sign in.

    Raises
    ------
    RefusedError
        They may not.
    """
    row = people.require(writing.connection, username)
    if row.state != people.ACTIVE:
        raise RefusedError("not-active", f"the account {username!r} is {row.state}")
    return row


def end_session(writing: Writing, digest: bytes) -> None:
    """End a session, if it has not ended."""
    writing.connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest))
    writing.note(SESSION, digest.hex())


def end_all(writing: Writing, sessions: Iterable[bytes], tokens: Iterable[bytes]) -> None:
    """End sessions and tokens whose time is over, by their digests."""
    for digest in sessions:
        end_session(writing, digest)
    for digest in tokens:
        writing.connection.execute(delete(TOKENS).where(TOKENS.c.digest == digest))
        writing.note(TOKEN, digest.hex())


def end_sessions(
    writing: Writing, username: str, *, kept: bytes | None = None, session_id: str | None = None
) -> int:
    """End the sessions of a user, and give how many.

    Parameters
    ----------
    writing
        The transaction.
    username
        Whose they are.
    kept
        Digest of one that stays.
    session_id
        Of the one that ends; all where there is none.
    """
    which = [SESSIONS.c.username == username]
    if kept is not None:
        which.append(SESSIONS.c.digest != kept)
    if session_id is not None:
        which.append(SESSIONS.c.id == session_id)
    digests = list(writing.connection.scalars(select(SESSIONS.c.digest).where(*which)))
    for digest in digests:
        end_session(writing, digest)
    return len(digests)


# ---------------------------------------------------------------------- tokens


def make_token(
    writing: Writing,
    username: str,
    name: str,
    *,
    permissions: Sequence[str] | None = None,
    expires: int | None = None,
) -> str:
    """Make a token for a user's scripts, and give it; it is shown this once.

    Parameters
    ----------
    writing
        The transaction.
    username
        Of an active user.
    name
        By which they know it again.
    permissions
        All that may be done with it, checked already; None is all that they may do.
    expires
        In seconds since 1970; None is never.

    Raises
    ------
    RefusedError
        They have one of that name, or too many.
    """
    require_active(writing, username)
    name = people.check_text(name, "name of the token")
    if not name:
        raise RefusedError("bad-text", "expected a name for the token, got nothing")
    if expires is not None and expires <= writing.now:
        raise RefusedError("bad-time", "expected a time that is to come, got one that is past")
    theirs = TOKENS.c.username == username
    count = writing.connection.scalar(select(func.count()).select_from(TOKENS).where(theirs)) or 0
    if count >= MOST_TOKENS:
        raise RefusedError(
            "too-many-tokens", f"expected at most {MOST_TOKENS} tokens: delete one of them first"
        )
    same = select(TOKENS.c.id).where(theirs, TOKENS.c.name == name)
    if writing.connection.execute(same).first() is not None:
        raise RefusedError("name-taken", f"there is a token {name!r} already")
    secret, digest = new_secret()
    row = {
        "id": secrets.token_hex(8),
        "username": username,
        "name": name,
        "digest": digest,
        "permissions": None if permissions is None else json.dumps(list(permissions)),
        "created": writing.now,
        "expires": expires,
    }
    writing.connection.execute(insert(TOKENS).values(row))
    writing.note(TOKEN, digest.hex())
    return secret


def check_permissions(permissions: object) -> tuple[str, ...]:
    """Require a list of texts of a length that permissions have; the policy reads them.

    Raises
    ------
    RefusedError
        It is none.
    """
    if (
        not isinstance(permissions, list | tuple)
        or not 0 < len(permissions) <= _MOST_PERMISSIONS
        or not all(isinstance(one, str) and len(one) <= _LONGEST_PERMISSION for one in permissions)
    ):
        raise RefusedError(
            "bad-permissions",
            f"expected a list of 1 to {_MOST_PERMISSIONS} permissions such as 'read:contents', "
            f"got {permissions!r}",
        )
    return tuple(permissions)


def end_token(writing: Writing, username: str, token_id: str) -> None:
    """End a token of a user.

    Raises
    ------
    RefusedError
        They have no such token.
    """
    theirs = (TOKENS.c.username == username, TOKENS.c.id == token_id)
    digest = writing.connection.scalar(select(TOKENS.c.digest).where(*theirs))
    if digest is None:
        raise RefusedError("no-token", f"there is no token {token_id!r}")
    writing.connection.execute(delete(TOKENS).where(*theirs))
    writing.note(TOKEN, digest.hex())


# ---------------------------------------------------------------------- links


def make_link(
    writing: Writing, username: str, purpose: str, *, seconds: int, email: str | None = None
) -> str:
    """Make the secret of a link that is good for once.

    Parameters
    ----------
    writing
        The transaction.
    username
        Whom it is for.
    purpose
        One of `PURPOSES`.
    seconds
        How long it is good for.
    email
        The address that it is sent to.
    """
    links, now = LINKS.c, writing.now
    writing.connection.execute(delete(LINKS).where(links.expires <= now))
    theirs = (links.username == username, links.purpose == purpose)
    known = select(links.digest).where(*theirs).order_by(links.expires)
    digests = list(writing.connection.scalars(known))
    for old in digests[: max(0, len(digests) - _MOST_LINKS + 1)]:
        writing.connection.execute(delete(LINKS).where(links.digest == old))
    secret, digest = new_secret()
    row = {
        "digest": digest,
        "username": username,
        "purpose": purpose,
        "email": email,
        "expires": now + seconds,
    }
    writing.connection.execute(insert(LINKS).values(row))
    return secret


def use_link(writing: Writing, secret: str, purpose: str) -> Row[Any]:
    """Use a link, which is void from now on, and give its row.

    Raises
    ------
    RefusedError
        It is none, was used, has expired, or is for something else.
    """
    links = LINKS.c
    wanted = (
        links.digest == token_digest(secret),
        links.purpose == purpose,
        links.expires > writing.now,
    )
    row = writing.connection.execute(select(LINKS).where(*wanted)).first()
    # INVARIANT: of any number who use it at once, one does.
    # tests/accounts/test_rest.py::test_a_link_is_good_for_once
    if row is not None:
        used = writing.connection.execute(delete(LINKS).where(links.digest == row.digest))
        row = row if used.rowcount == 1 else None
    if row is None:
        raise RefusedError(
            "bad-link", "This link has been used already, has expired, or is incomplete."
        )
    return row
