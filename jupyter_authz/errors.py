"""Errors of the whole package: what is wrong, quoted, and what was expected."""

from __future__ import annotations


class AuthzError(Exception):
    """Base class of everything this package raises."""


class PolicyError(AuthzError):
    """A policy that cannot be used; the message says where and what was expected."""


class ResourceTableError(AuthzError):
    """A resource table that cannot be used."""


class ConfigurationError(AuthzError):
    """Configuration that was not read as it was written."""


class HookError(AuthzError):
    """A hook that gave no answer."""


class GuardError(AuthzError):
    """A guard that cannot stand where it must."""


class MessageError(AuthzError):
    """What came through a websocket is no message of its protocol."""


class StoreError(AuthzError):
    """A store of accounts that cannot be used."""


class StoreLostError(StoreError):
    """A store of accounts that cannot be reached now."""


class RefusedError(AuthzError):
    """Something that is not done to accounts, groups or grants; the message is for a person.

    Parameters
    ----------
    reason
        One word for programs, such as ``name-taken``.
    message
        What was given, and what was expected.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
