"""Passwords that are typed or piped in, checked and hashed; beside `cli.user`, which sets them."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from jupyter_server.auth.security import passwd

from jupyter_authz.errors import RefusedError
from jupyter_authz.identity.credentials import MAX_SECRET_LENGTH

if TYPE_CHECKING:
    from jupyter_authz.accounts.settings import Accounts


def asked(settings: Accounts, *, from_stdin: bool, instead: str = "") -> str:
    """Ask for a new password, twice, or take it from the standard input; give its hash.

    Parameters
    ----------
    settings
        Of accounts, which tell how long it is at least.
    from_stdin
        Whether the first line of the standard input is it.
    instead
        What else could have been given, for the error.

    Raises
    ------
    RefusedError
        There is nobody to ask, the two differ, or it is too short or too long.
    """
    if not from_stdin and not sys.stdin.isatty():
        raise RefusedError(
            "no-password",
            f"there is no terminal to ask for a password at: expected --password-stdin{instead}",
        )
    try:
        password = _line() if from_stdin else getpass.getpass("New password: ")
        if not from_stdin and getpass.getpass("The same again: ") != password:
            raise RefusedError("bad-password", "expected the same password twice, got two")
    except (EOFError, KeyboardInterrupt):
        raise RefusedError("no-password", "expected a password, got none") from None
    except UnicodeDecodeError:
        raise RefusedError("bad-password", "expected a password in UTF-8") from None
    least = settings.shortest_password
    if not least <= len(password) <= MAX_SECRET_LENGTH:
        raise RefusedError(
            "bad-password",
            f"expected a password of {least} to {MAX_SECRET_LENGTH} characters, "
            f"got {len(password)}",
        )
    hashed: str = passwd(password)  # type: ignore[no-untyped-call]
    return hashed


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n")
