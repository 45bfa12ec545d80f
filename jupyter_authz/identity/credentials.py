"""Passwords and tokens: their hashes, and whether one fits; used by the identity providers.

Nothing here knows of users or requests. The slow functions are pure, so that they may run in a
thread.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b64encode
from typing import TYPE_CHECKING

from jupyter_server.auth.security import passwd_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Nobody types more; what is longer is refused without being hashed.
MAX_SECRET_LENGTH = 1024

# What `jupyter_server.auth.security.passwd` uses, as argon2 writes it into its hashes.
JUPYTER_PARAMETERS = "argon2id$v=19$m=10240,t=10,p=8"

# Parts of error messages.
EXPECTED_HASH = (
    "a hash as jupyter_server.auth.passwd() makes it: "
    "'argon2:$argon2id$...' or 'sha256:<salt>:<hex digits>'"
)
EXPECTED_HASH_OR_DIGEST = (
    "'sha256:<64 hex digits>' as jupyter_authz.new_token() makes it, "
    "or a hash as jupyter_server.auth.passwd() makes it"
)

_BASE64 = "[A-Za-z0-9+/]+"
_ARGON2 = re.compile(
    rf"argon2:\$(argon2(?:id|i|d)(?:\$v=\d+)?\$m=\d+,t=\d+,p=\d+)\${_BASE64}\${_BASE64}"
)
_SALTED = re.compile(r"([a-z0-9_]+):([!-9;-~]+):([0-9a-f]+)")
_TOKEN = re.compile(r"sha256:([0-9A-Fa-f]{64})")


def new_token() -> tuple[str, str]:
    """Make a token for a script.

    Returns
    -------
    tuple of str
        The token, 32 random bytes as 64 hexadecimal digits, to be given to the script; and its
        hash, ``sha256:<64 hex digits>``, to be listed under ``hashed_tokens``.

    Notes
    -----
    One round of SHA-256 without salt is enough for a token of 256 random bits, which cannot be
    guessed or listed in advance, and lets it be found by one look-up. It would not do for a
    password.
    """
    token = secrets.token_hex(32)
    return token, f"sha256:{token_digest(token).hex()}"


def token_digest(token: str) -> bytes:
    """Give the SHA-256 under which a token is stored."""
    return hashlib.sha256(token.encode()).digest()


def stored_token_digest(hashed: str) -> bytes | None:
    """Read ``sha256:<64 hex digits>``; None for any other format."""
    match = _TOKEN.fullmatch(hashed)
    return bytes.fromhex(match[1]) if match else None


def argon2_parameters(hashed: str | None) -> str | None:
    """Give what decides how long an argon2 hash takes, such as ``argon2id$v=19$m=10240,...``.

    None for a hash of another algorithm, which takes next to no time.
    """
    match = _ARGON2.fullmatch(hashed) if hashed else None
    return match[1] if match else None


def is_password_hash(hashed: str) -> bool:
    """Whether this is a hash that `jupyter_server.auth.passwd` may have made."""
    if argon2_parameters(hashed):
        return True
    match = _SALTED.fullmatch(hashed)
    if not match or match[1] not in hashlib.algorithms_guaranteed:
        return False
    # The extendable functions (shake) have no size of their own; passwd cannot use them.
    size = hashlib.new(match[1], usedforsecurity=False).digest_size
    return size > 0 and len(match[3]) == 2 * size


def masked(value: object) -> str:
    """Show just enough of a secret, or of what stands where a secret should, to be recognised."""
    if not isinstance(value, str):
        return f"a value of type {type(value).__name__}"
    algorithm, colon, _ = value.partition(":")
    if colon and algorithm in {"argon2", *hashlib.algorithms_guaranteed}:
        return f"'{algorithm}:...' ({len(value)} characters)"
    # It may be the password itself: not even its length is shown.
    return "'...'" if value else "''"


def fingerprint(username: str, hashed_password: str | None) -> str:
    """Give what ties a cookie to the account it was made for.

    It changes with the name and with the password's hash, whose salt differs for every hash, so
    that it tells nothing about the password and the same password set again is another one.
    """
    text = f"jupyter_authz cookie\0{username}\0{hashed_password or ''}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def dummy_hashes(hashes: Iterable[str | None]) -> dict[str, str]:
    """Make a hash that no password fits for each set of argon2 parameters in use.

    Parameters
    ----------
    hashes
        The password hashes of all accounts.

    Returns
    -------
    dict of str to str
        By parameters. Never empty: without any argon2 hash it holds jupyter_server's parameters.
    """
    parameters = {argon2_parameters(hashed) for hashed in hashes} - {None}
    return {
        each: f"argon2:${each}${_random_base64(16)}${_random_base64(32)}"
        for each in sorted(str(each) for each in parameters or {JUPYTER_PARAMETERS})
    }


def _random_base64(size: int) -> str:
    """Give random bytes in base64 without padding, as argon2 writes them."""
    return b64encode(secrets.token_bytes(size)).decode().rstrip("=")


def fits(hashed: str, secret: str) -> bool:
    """Whether a secret is the one that was hashed; slow for argon2.

    Notes
    -----
    `passwd_check` lets argon2's InvalidHashError, a ValueError, through.
    """
    try:
        return bool(passwd_check(hashed, secret))  # type: ignore[no-untyped-call]
    except ValueError:
        return False


def check_password(hashed: str | None, password: str, dummies: Mapping[str, str]) -> bool:
    """Check a password in the same time whoever asks and whatever is known.

    Parameters
    ----------
    hashed
        The hash of the account; None if there is no account, or none with a password.
    password
        What was typed. An empty one and one that is too long are never right.
    dummies
        What `dummy_hashes` made of the hashes of all accounts.

    Returns
    -------
    bool
        Whether the password is right.

    Notes
    -----
    Every call does one verification for each set of argon2 parameters that any account uses; on
    servers whose hashes jupyter_server made, that is one. The account's own hash takes the place
    of the dummy with its parameters. Hashes of other algorithms cost microseconds on top.
    """
    # INVARIANT: the work does not depend on whether the account exists, has a password, or of
    # what kind its hash is (tests/identity/test_credentials.py, test_check_password_work).
    possible = 0 < len(password) <= MAX_SECRET_LENGTH
    typed = password if possible else "-"
    own = argon2_parameters(hashed)
    right = False
    for parameters, dummy in dummies.items():
        if hashed is not None and parameters == own:
            right = fits(hashed, typed)
        else:
            fits(dummy, typed)
    if hashed is not None and own is None:
        right = fits(hashed, typed)
    return right and possible
