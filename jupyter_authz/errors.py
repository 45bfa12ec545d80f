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
