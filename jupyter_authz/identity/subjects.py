"""Subjects: the signed-in user, whoever the identity provider is, as the policy sees it.

The "who" of the line; right of it come the tables.
"""

from __future__ import annotations

from typing import Any

from jupyter_authz.errors import AuthzError
from jupyter_authz.model import Subject


def subject_of(user: Any) -> Subject:
    """Give the subject of a user.

    Parameters
    ----------
    user
        What the identity provider gave: a `jupyter_server.auth.User`, possibly with ``groups``
        (strings) and ``kind``.

    Raises
    ------
    AuthzError
        The user has no name, or groups that are no strings: nothing could be decided about them.
    """
    username = user if isinstance(user, str) else getattr(user, "username", None)
    if not isinstance(username, str):
        raise AuthzError(f"the identity provider gave a user without a username: {user!r}")
    groups = getattr(user, "groups", None) or ()
    if isinstance(groups, str) or not all(isinstance(group, str) for group in groups):
        raise AuthzError(f"expected the groups of {username!r} to be strings, got {groups!r}")
    kind = getattr(user, "kind", "user")
    return Subject(
        username,
        tuple(name for name in (group.strip("/") for group in groups) if name),
        kind if isinstance(kind, str) else "user",
    )
