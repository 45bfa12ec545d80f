"""Users: made, changed, blocked and deleted, in a transaction of the store.

Between the store and whoever manages people: REST, pages and commands all come here. What is
refused is refused with a sentence for a person, and nothing is changed.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from jupyter_authz.accounts.schema import (
    GRANTS,
    LINKS,
    MEMBERSHIPS,
    SESSIONS,
    TOKENS,
    USERS,
)
from jupyter_authz.accounts.store import USER
from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.index import AccountsError, check_username
from jupyter_authz.policy.paths import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from jupyter_authz.accounts.store import Writing

# Invited: somebody made the account, and its person has yet to set a password. Unverified: whose
# address is not known to be theirs. Awaiting: an administrator has to agree. Deleted: only the name
# is left, so that what belonged to it does not pass to whoever takes it next.
INVITED, UNVERIFIED, AWAITING, ACTIVE, BLOCKED, DELETED = STATES = (
    "invited",
    "unverified",
    "awaiting",
    "active",
    "blocked",
    "deleted",
)

_LONGEST_NAME = 255
_LONGEST_EMAIL = 320
# One @ with something at both sides, and nothing that ends a line or a header of a mail. Whether
# somebody reads what is sent there is found out by sending it.
_EMAIL = re.compile(r"[^\s@<>,;:\"\\()\[\]]+@[^\s@<>,;:\"\\()\[\]]+")
# What cannot be seen, or makes text look like other text.
_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
# Letters and signs that cannot be seen either (the Unicode property Default_Ignorable_Code_Point,
# and two blanks), and spaces that cannot be counted.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]|  "
)


def username_key(username: str) -> str:
    """Give a username as it is told apart from others: neither case nor form makes another."""
    return fold(unicodedata.normalize("NFKC", username))


def email_key(email: str) -> str:
    """Give an address as it is told apart from others."""
    return unicodedata.normalize("NFKC", email).casefold()


def check_new_username(username: object) -> str:
    """Require a name that a person can have.

    Raises
    ------
    RefusedError
        It is empty, too long, has ``/`` or ``@`` in it, or what cannot be seen.
    """
    expected = (
        "expected 1 to 255 letters, digits, spaces and signs, without '/', '@', ',' or what cannot "
        "be seen, and not '*', '.' or '..'"
    )
    try:
        check_username(username)
    except AccountsError:
        raise RefusedError(
            "bad-name", f"the username {username!r} cannot be used: {expected}"
        ) from None
    assert isinstance(username, str)
    if (
        len(username) > _LONGEST_NAME
        or len(username_key(username)) > _LONGEST_NAME
        or set("@*,") & set(username)
        or unicodedata.normalize("NFKC", username) != username
        or any(unicodedata.category(letter) in _UNSEEN for letter in username)
        or _BLANK.search(username)
    ):
        raise RefusedError("bad-name", f"the username {username!r} cannot be used: {expected}")
    return username


def check_text(value: object, what: str) -> str:
    """Require a text of one line for people.

    Raises
    ------
    RefusedError
        It is none, or too long.
    """
    if (
        not isinstance(value, str)
        or len(value) > _LONGEST_NAME
        or any(unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} for letter in value)
    ):
        raise RefusedError(
            "bad-text", f"{what}: expected a line of at most {_LONGEST_NAME} letters, got {value!r}"
        )
    return value.strip()


def check_email(email: object) -> str:
    """Require what may be the address of a mailbox.

    Raises
    ------
    RefusedError
        It is none.
    """
    if (
        not isinstance(email, str)
        or not _EMAIL.fullmatch(email)
        # In headers that is other text, in which there may be several addresses (RFC 2047).
        or "=?" in email
        or max(len(email), len(email_key(email))) > _LONGEST_EMAIL
        or any(unicodedata.category(letter) in _UNSEEN for letter in email)
    ):
        raise RefusedError(
            "bad-email", f"expected an address such as 'ann@example.org', got {email!r}"
        )
    return email


# ---------------------------------------------------------------------- looking


def find(connection: Connection, username: str) -> Row[Any] | None:
    """Give the row of a user, deleted ones too; None where there is none."""
    return connection.execute(select(USERS).where(USERS.c.username == username)).first()


def require(connection: Connection, username: str) -> Row[Any]:
    """Give the row of a user.

    Raises
    ------
    RefusedError
        There is none.
    """
    found = find(connection, username)
    if found is None or found.state == DELETED:
        raise RefusedError("no-user", f"there is no user {username!r}")
    return found


def find_by_email(connection: Connection, email: str) -> Row[Any] | None:
    """Give the row of the user who has an address."""
    return connection.execute(select(USERS).where(USERS.c.email_key == email_key(email))).first()


# ---------------------------------------------------------------------- making and changing


def add(  # noqa: PLR0913 - by name
    writing: Writing,
    username: str,
    *,
    state: str = ACTIVE,
    name: str = "",
    email: str | None = None,
    password: str | None = None,
    external_id: str | None = None,
    is_verified: bool = False,
    gives_again: bool = False,
) -> None:
    """Make a user.

    Parameters
    ----------
    writing
        The transaction.
    username
        How they sign in and how the policy knows them; it stays.
    state
        One of `STATES`.
    name
        What others see.
    email
        Their address; nobody else has it.
    password
        Hashed, or None: they do not sign in by password.
    external_id
        By which another system knows them.
    is_verified
        Whether the address is known to be theirs.
    gives_again
        Whether the name may be that of somebody who was deleted: whoever gets it has what runs
        under it still.

    Raises
    ------
    RefusedError
        The name or address is taken, or something is not of the form that it must have.
    """
    check_new_username(username)
    _check_state(state)
    values = {
        "name": check_text(name, "name"),
        "email": None if email is None else check_email(email),
        "external_id": None if external_id is None else check_text(external_id, "external id"),
    }
    key = username_key(username)
    taken = _holder_of(writing.connection, key)
    # INVARIANT: nobody takes the name of who was deleted by registering.
    # tests/accounts/test_rest.py::test_who_is_deleted_is_gone
    is_given_again = gives_again and taken is not None and taken.username == username
    if taken is not None and not (taken.state == DELETED and is_given_again):
        raise RefusedError("name-taken", f"the username {username!r} is taken")
    _require_free(writing.connection, username, values["email"], values["external_id"])
    row = {
        "username": username,
        "username_key": key,
        **values,
        "email_key": None if values["email"] is None else email_key(values["email"]),
        "password": password,
        "state": state,
        "is_verified": int(is_verified),
        "created": writing.now,
    }
    if taken is None:
        writing.connection.execute(insert(USERS).values(row))
    else:
        writing.connection.execute(update(USERS).where(USERS.c.username == username).values(row))
    writing.note(USER, username)


def _holder_of(connection: Connection, key: str) -> Row[Any] | None:
    return connection.execute(select(USERS).where(USERS.c.username_key == key)).first()


def _require_free(
    connection: Connection, username: str, email: str | None, external_id: str | None
) -> None:
    if email is not None:
        other = find_by_email(connection, email)
        if other is not None and other.username != username:
            raise RefusedError("email-taken", f"the address {email!r} belongs to another account")
    if external_id is not None:
        other = connection.execute(select(USERS).where(USERS.c.external_id == external_id)).first()
        if other is not None and other.username != username:
            raise RefusedError(
                "external-id-taken", f"the external id {external_id!r} belongs to another account"
            )


def change(writing: Writing, username: str, **changes: Any) -> None:
    """Change what others see of a user, or how they are reached.

    Parameters
    ----------
    writing
        The transaction.
    username
        Whose it is.
    **changes
        ``name``, ``email`` (None takes it away), ``external_id``, ``is_verified``.

    Raises
    ------
    RefusedError
        As in `add`.
    """
    before = require(writing.connection, username)
    values: dict[str, Any] = {}
    if "name" in changes:
        values["name"] = check_text(changes["name"], "name")
    if "external_id" in changes:
        given = changes["external_id"]
        values["external_id"] = None if given is None else check_text(given, "external id")
    if "email" in changes:
        email = None if changes["email"] is None else check_email(changes["email"])
        values |= {"email": email, "email_key": None if email is None else email_key(email)}
        if email != before.email:
            values["is_verified"] = 0
            # INVARIANT: what was sent to an address is worth nothing when it is theirs no more.
            # tests/accounts/test_rest.py::test_a_link_ends_with_its_address
            end_links(writing, username)
    if "is_verified" in changes:
        values["is_verified"] = int(changes["is_verified"])
    _require_free(writing.connection, username, values.get("email"), values.get("external_id"))
    if values:
        writing.connection.execute(update(USERS).where(USERS.c.username == username).values(values))
        writing.note(USER, username)


def set_password(writing: Writing, username: str, hashed: str | None) -> None:
    """Set a password; whoever is signed in is signed out, and tokens and links are void.

    Parameters
    ----------
    writing
        The transaction.
    username
        Whose it is.
    hashed
        As `jupyter_server.auth.passwd` makes it; None: nobody signs in by one.

    Raises
    ------
    RefusedError
        There is no such user.
    """
    before = require(writing.connection, username)
    values: dict[str, Any] = {"password": hashed}
    # INVARIANT: to set a password lifts no block, nor any other state but that of the invited.
    # tests/accounts/test_rest.py::test_a_reset_lifts_no_block
    if before.state == INVITED:
        values["state"] = ACTIVE
    writing.connection.execute(update(USERS).where(USERS.c.username == username).values(values))
    end_everything(writing, username)


def set_state(writing: Writing, username: str, state: str) -> None:
    """Set the state of a user; whoever is not active any more is signed out at once.

    Raises
    ------
    RefusedError
        There is no such user, or no such state.
    """
    require(writing.connection, username)
    _check_state(state)
    writing.connection.execute(
        update(USERS).where(USERS.c.username == username).values(state=state)
    )
    if state == ACTIVE:
        writing.note(USER, username)
    else:
        end_everything(writing, username)


def _check_state(state: str) -> None:
    if state not in STATES or state == DELETED:
        known = ", ".join(repr(one) for one in STATES if one != DELETED)
        raise RefusedError("bad-state", f"unknown state {state!r}: expected one of {known}")


def remove(writing: Writing, username: str) -> None:
    """Delete a user with all that is kept of them; the name stays, and is given to nobody else.

    Kernels and terminals belong to whoever started them by name, so that the next of that name
    would own them. Somebody who manages people may give the name again, with `add`.
    """
    require(writing.connection, username)
    end_everything(writing, username)
    for table in (MEMBERSHIPS, GRANTS):
        writing.connection.execute(delete(table).where(table.c.username == username))
    nothing = {
        "name": "",
        "email": None,
        "email_key": None,
        "password": None,
        "external_id": None,
        "state": DELETED,
        "is_verified": 0,
    }
    writing.connection.execute(update(USERS).where(USERS.c.username == username).values(nothing))


def end_everything(writing: Writing, username: str) -> None:
    """End sessions, tokens and links of a user."""
    # INVARIANT: however they are signed in, they are so no more.
    # tests/accounts/test_rest.py::test_a_password_ends_everything
    for table in (SESSIONS, TOKENS):
        writing.connection.execute(delete(table).where(table.c.username == username))
    end_links(writing, username)
    writing.note(USER, username)


def end_links(writing: Writing, username: str) -> None:
    """Make void what was sent to a user."""
    writing.connection.execute(delete(LINKS).where(LINKS.c.username == username))


def know(writing: Writing, usernames: Iterable[str]) -> None:
    """Have rows of users whom the configuration or another identity provider knows.

    Their names are taken as they are.

    Raises
    ------
    RefusedError
        Somebody in the store has a name that is told apart from it by no more than case or form.
    """
    for username in usernames:
        if find(writing.connection, username) is None:
            key = username_key(username)
            if _holder_of(writing.connection, key) is not None:
                raise RefusedError("name-taken", f"the username {username!r} is taken")
            row = {
                "username": username,
                "username_key": key,
                "state": ACTIVE,
                "created": writing.now,
            }
            writing.connection.execute(insert(USERS).values(row))
            writing.note(USER, username)
