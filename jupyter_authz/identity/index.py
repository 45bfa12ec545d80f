"""The accounts of a configuration, validated and made ready to be looked up.

Used by the identity provider, first in the line. An index never changes; another configuration
makes another index.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from jupyter_authz.errors import AuthzError
from jupyter_authz.identity.credentials import (
    EXPECTED_HASH,
    EXPECTED_HASH_OR_DIGEST,
    dummy_hashes,
    fingerprint,
    is_password_hash,
    masked,
    stored_token_digest,
)

KEYS = ("hashed_password", "hashed_tokens", "groups", "display_name")

_MAX_QUOTE = 60


class AccountsError(AuthzError):
    """Accounts that cannot be used; the message says which, where, and what was expected."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person who may sign in.

    Parameters
    ----------
    username
        The name the person signs in with and the policy knows.
    display_name
        What others see; empty for the username.
    groups
        The groups the person is directly in, without repetitions.
    hashed_password
        As jupyter_server makes it; None for an account that signs in by token only.
    fingerprint
        What a cookie must carry to stand for this account.
    """

    username: str
    display_name: str
    groups: tuple[str, ...]
    hashed_password: str | None = field(repr=False)
    fingerprint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccountIndex:
    """All accounts, by what a request can present.

    Parameters
    ----------
    accounts
        By username.
    tokens
        By the SHA-256 of a token.
    slow_tokens
        Token hashes with a salt, which must be tried one by one.
    dummies
        Hashes that keep the duration of a sign-in the same, by argon2 parameters.
    """

    accounts: Mapping[str, Account]
    tokens: Mapping[bytes, Account] = field(repr=False)
    slow_tokens: tuple[tuple[str, Account], ...] = field(repr=False)
    dummies: Mapping[str, str] = field(repr=False)


def build_index(users: object) -> AccountIndex:
    """Validate accounts as they are configured, all of them, and make their index.

    Parameters
    ----------
    users
        The value of ``c.AccountsIdentityProvider.users``.

    Raises
    ------
    AccountsError
        For the first thing that is wrong. Neither hashes nor what may be a password are quoted.
    """
    if not isinstance(users, Mapping):
        raise AccountsError(
            f"expected a dict of accounts by username, not a value of type {type(users).__name__}"
        )
    accounts: dict[str, Account] = {}
    tokens: dict[bytes, Account] = {}
    slow_tokens: dict[str, Account] = {}
    for username, entry in users.items():
        check_username(username)
        if not isinstance(entry, Mapping):
            raise AccountsError(
                f"account {_quoted(username)}: expected a dict with the keys {_KEYS_TEXT}, "
                f"not a value of type {type(entry).__name__}"
            )
        account = accounts[username] = _account(username, entry)
        for position, hashed in enumerate(_hashed_tokens(username, entry)):
            digest = stored_token_digest(hashed)
            known = tokens.get(digest) if digest else slow_tokens.get(hashed)
            if known is not None and known is not account:
                raise AccountsError(
                    f"account {_quoted(username)}: 'hashed_tokens' number {position + 1} is also "
                    f"one of account {_quoted(known.username)}; "
                    "expected a token of its own for each account"
                )
            if digest:
                tokens[digest] = account
            else:
                slow_tokens[hashed] = account
    return AccountIndex(
        accounts=MappingProxyType(accounts),
        tokens=MappingProxyType(tokens),
        slow_tokens=tuple(slow_tokens.items()),
        dummies=MappingProxyType(
            dummy_hashes(account.hashed_password for account in accounts.values())
        ),
    )


_KEYS_TEXT = ", ".join(repr(key) for key in KEYS)


def _quoted(value: object) -> str:
    """Quote a value that is not secret, shortened."""
    text = repr(value)
    return text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE]}..."


def check_username(username: object) -> None:
    """Refuse names that a policy could not tell apart from parts of a path, or nobody could type.

    The first are those that `Subject.is_nameable` denies everything. The login form strips what
    is typed, and tornado replaces control characters in it.
    """
    if not isinstance(username, str):
        raise AccountsError(
            f"account {_quoted(username)}: expected a username of type str, "
            f"not {type(username).__name__}"
        )
    unusable = username in {"", ".", ".."} or "/" in username or username != username.strip()
    if unusable or any(character < " " or character == "\x7f" for character in username):
        raise AccountsError(
            f"account {_quoted(username)}: expected a username that is not empty, '.' or '..', "
            "has no '/', NUL or other control character in it and no space at its ends"
        )


def _account(username: str, entry: Mapping[Any, Any]) -> Account:
    """Validate one account, its tokens apart."""
    for key in entry:
        if key not in KEYS:
            raise AccountsError(
                f"account {_quoted(username)}: unknown key {_quoted(key)}; "
                f"expected one of {_KEYS_TEXT}"
            )
    hashed_password = entry.get("hashed_password")
    if "hashed_password" in entry and not (
        isinstance(hashed_password, str) and is_password_hash(hashed_password)
    ):
        raise AccountsError(
            f"account {_quoted(username)}: 'hashed_password' is {masked(hashed_password)}; "
            f"expected {EXPECTED_HASH}"
        )
    display_name = entry.get("display_name", "")
    if not isinstance(display_name, str):
        raise AccountsError(
            f"account {_quoted(username)}: 'display_name' is {_quoted(display_name)}; "
            f"expected a str, not {type(display_name).__name__}"
        )
    return Account(
        username=username,
        display_name=display_name,
        groups=_groups(username, entry),
        hashed_password=hashed_password,
        fingerprint=fingerprint(username, hashed_password),
    )


def _groups(username: str, entry: Mapping[Any, Any]) -> tuple[str, ...]:
    """Validate the groups of an account."""
    groups = entry.get("groups", ())
    if not isinstance(groups, (list, tuple)):
        raise AccountsError(
            f"account {_quoted(username)}: 'groups' is {_quoted(groups)}; expected a list of "
            f"group names such as ['team/finance'], not {type(groups).__name__}"
        )
    for group in groups:
        if (
            not isinstance(group, str)
            or "\0" in group
            or any(segment in {"", ".", ".."} for segment in group.split("/"))
        ):
            raise AccountsError(
                f"account {_quoted(username)}: 'groups' has {_quoted(group)} in it; expected a "
                "name such as 'team/finance', whose segments are not empty, '.' or '..' "
                "and have no NUL in them"
            )
    return tuple(dict.fromkeys(groups))


def _hashed_tokens(username: str, entry: Mapping[Any, Any]) -> tuple[str, ...]:
    """Validate the token hashes of an account."""
    hashes = entry.get("hashed_tokens", ())
    if not isinstance(hashes, (list, tuple)):
        raise AccountsError(
            f"account {_quoted(username)}: 'hashed_tokens' is {masked(hashes)}; expected a list, "
            f"each {EXPECTED_HASH_OR_DIGEST}"
        )
    for position, hashed in enumerate(hashes):
        if not isinstance(hashed, str) or not (
            stored_token_digest(hashed) or is_password_hash(hashed)
        ):
            raise AccountsError(
                f"account {_quoted(username)}: 'hashed_tokens' number {position + 1} is "
                f"{masked(hashed)}; expected {EXPECTED_HASH_OR_DIGEST}"
            )
    return tuple(hashes)
