"""Subjects: the signed-in user, whoever the identity provider is, as the policy sees it.

The "who" of the line; right of it come the tables.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

from jupyter_authz.errors import AuthzError
from jupyter_authz.model import GUEST, Subject


def subject_of(user: Any) -> Subject:
    """Give the subject of a user.

    Parameters
    ----------
    user
        What the identity provider gave: a `jupyter_server.auth.User`, possibly with ``groups``
        (strings), ``kind`` and, of a token, ``limits``.

    Raises
    ------
    AuthzError
        The user has no name, or groups that are no strings: nothing could be decided about them.
    """
    username = user if isinstance(user, str) else getattr(user, "username", None)
    if not isinstance(username, str):
        raise AuthzError(f"the identity provider gave a user without a username: {user!r}")
    groups = getattr(user, "groups", None) or ()
    kind = getattr(user, "kind", None)
    if kind == GUEST and hasattr(user, "visitor"):
        # INVARIANT: what one visitor has started is no other's, nor that of an account of the name.
        # tests/accounts/test_rest.py::test_visitors_are_not_one_another
        username = f"{username}:{user.visitor or ''}"
    try:
        listed = _listed(groups) if groups else ()
        limits = getattr(user, "limits", None)
        return _subject(username, listed, kind if isinstance(kind, str) else "user", limits)
    except TypeError:
        raise AuthzError(
            f"expected the groups of {username!r} to be a list of strings, got {groups!r}"
        ) from None


def _listed(groups: Any) -> tuple[str, ...]:
    # A string would be taken for the list of its letters, and what can be gone through but once
    # would be empty when it is looked at again.
    if isinstance(groups, str) or not isinstance(groups, Collection):
        raise TypeError
    return tuple(groups)


# Asked at every request.
@lru_cache(maxsize=4096)
def _subject(
    username: str, groups: tuple[str, ...], kind: str, limits: tuple[str, ...] | None
) -> Subject:
    if not all(isinstance(group, str) for group in groups):
        raise TypeError
    names = [group.strip("/") for group in groups]
    return Subject(username, tuple([name for name in names if name]), kind, limits)
