"""People who are managed while the server runs, as the engine sees them.

Part of the policy: what is given to people beside what roles and configuration say. The engine
holds one snapshot of it, which is replaced as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection


class People(Protocol):
    """A snapshot of memberships and grants. It never changes, and every look at it is a look-up."""

    def groups_of(self, username: str) -> tuple[str, ...]:
        """Give the groups that somebody is directly in."""

    def roles_of(self, username: str) -> Collection[str]:
        """Give the names of the roles that were given to somebody by name."""

    def roles_given_to(self, group: str) -> Collection[str]:
        """Give the names of the roles that were given to a group."""

    def groups_with_roles(self) -> Collection[str]:
        """Give the groups that roles were given to."""

    def may_act(self, username: str) -> bool:
        """Whether somebody may do anything at all: nobody who is blocked may."""
