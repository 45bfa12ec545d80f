"""Who may run code, and which file rules that makes void.

Code runs as the server's operating system user, and reads and writes every file that this user
can. So a rule about files binds only people who may not run code.

The criterion. A role *runs code* if it allows `execute` on channels or terminals, on git (hooks and
filters) or on configuration (code that front ends load), on voila together with `write:contents` (a
notebook of one's own), or on saved cells that the same people may write, and nothing takes that
away again. Applications behind the proxy, language
servers and unclassified handlers have rights of their own and are not counted. A *file rule* is a
deny on contents, an allow on contents with a filter, or one that gives `read` and nowhere `write`.
It is void for the people of a role that runs code if it stands in that role or in another one that
some of them have too. No file rule is counted where everything is allowed anyway and nothing
denied, and there is none where contents are not mentioned at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_authz.cli.findings import Finding, listed
from jupyter_authz.policy.access import actions_that_deny
from jupyter_authz.policy.patterns import Wild
from jupyter_authz.policy.roles import EVERYBODY
from jupyter_authz.policy.subjects import lineage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jupyter_authz.policy.patterns import Pattern
    from jupyter_authz.policy.permissions import Permission
    from jupyter_authz.policy.roles import Role

_RUN_CODE = ("channels", "terminals", "git", "config")
_FILES = "contents"


class Execution:
    """The roles of a policy as far as running code is concerned.

    Parameters
    ----------
    roles
        All of them, base permissions included.
    memberships
        The groups of each user, as far as the configuration tells.
    """

    def __init__(self, roles: Sequence[Role], memberships: Mapping[str, Sequence[str]]) -> None:
        self._roles = roles
        self._everybody = [role for role in roles if EVERYBODY in role.users]
        self._members = {
            role.name: {
                *role.users,
                *(u for u, groups in memberships.items() if _any_at_or_below(groups, role.groups)),
            }
            for role in roles
        }
        # Name of each role that runs code: the permissions that say so.
        self.runs = {role.name: runs for role in roles if (runs := list(self._runs(role)))}

    def _held(self, role: Role) -> list[Role]:
        """Give the roles that everybody has who has a role."""
        return [role, *(other for other in self._everybody if other is not role)]

    def _runs(self, role: Role) -> Iterator[Permission]:
        denies = [deny for held in self._held(role) for deny in held.deny if not deny.filters]
        types = [
            *_RUN_CODE,
            *(["voila"] if self._allows(role, "write") else []),
            *(["cells"] if any(self._written_by_themselves(role)) else []),
        ]
        possible = [
            name
            for name in types
            if not any(_covers(deny, actions_that_deny("execute", name), name) for deny in denies)
        ]
        for permission in role.allow:
            if any(_covers(permission, ("execute",), name) for name in possible):
                yield permission

    def _allows(self, role: Role, action: str, *, everywhere: bool = False) -> bool:
        """Whether everybody with a role may do something with files, with all of them perhaps."""
        return any(
            _covers(permission, (action,), _FILES)
            for held in self._held(role)
            for permission in held.allow
            if not (everywhere and permission.filters)
        )

    def _share_people(self, role: Role, other: Role) -> bool:
        if role is other or EVERYBODY in role.users or EVERYBODY in other.users:
            return True
        return (
            not self._members[role.name].isdisjoint(self._members[other.name])
            or _any_at_or_below(role.groups, other.groups)
            or _any_at_or_below(other.groups, role.groups)
        )

    def _void(self, role: Role) -> Iterator[str]:
        """Give the file rules that are void for some people of a role that runs code."""
        lacking = {a for a in ("read", "write") if not self._allows(role, a, everywhere=True)}
        for other in self._roles:
            if not self._share_people(role, other):
                continue
            for permission in other.allow:
                given = {a for a in ("read", "write") if _covers(permission, (a,), _FILES)}
                reads_only = given == {"read"} and "write" in lacking
                if given & lacking if permission.filters else reads_only:
                    yield f"role {other.name!r}: allow {permission.text!r}"
            for permission in other.deny:
                if _covers(permission, ("read", "write"), _FILES):
                    yield f"role {other.name!r}: deny {permission.text!r}"

    def _written_by_themselves(self, role: Role) -> Iterator[str]:
        """Give what lets those write a notebook who may run its saved cells and nothing else."""
        # Who may send anything needs no notebook for it.
        cells = [
            permission
            for permission in role.allow
            if _covers(permission, ("execute",), "cells")
            and not _covers(permission, ("execute",), "channels")
            and not self._denies_writing(role, _path(permission))
        ]
        for other in self._roles if cells else ():
            if self._share_people(role, other):
                for permission in other.allow:
                    if _covers(permission, ("write",), _FILES) and any(
                        _may_meet(_path(permission), _path(cell)) for cell in cells
                    ):
                        yield f"role {other.name!r}: allow {permission.text!r}"

    def _denies_writing(self, role: Role, path: Pattern | None) -> bool:
        """Whether everybody with a role is denied to write all that a pattern matches."""
        return any(
            _covers(deny, ("write",), _FILES)
            and {attribute for attribute, _ in deny.filters} <= {"path"}
            and _is_inside(path, _path(deny))
            for held in self._held(role)
            for deny in held.deny
        )

    def findings(self) -> Iterator[Finding]:
        """Warn of every role whose code makes file rules void, or whose saved cells are its own."""
        for role in self._roles:
            written = list(self._written_by_themselves(role))
            if written:
                yield Finding(
                    "saved-cells-can-be-written",
                    f"role {role.name!r} allows to run the saved cells of notebooks that the same "
                    f"people may write, which is to run any code: {listed(written)}; take the "
                    "`write` away, or say `execute:channels`, which is what it is",
                )
        for role in self._roles:
            runs = self.runs.get(role.name)
            void = list(self._void(role)) if runs else []
            if runs and void:
                yield Finding(
                    "execute-voids-file-rules",
                    f"role {role.name!r} allows {listed([repr(p.text) for p in runs])}, and code "
                    "runs as the server's operating system user, who can read and write every "
                    f"file of the server whatever these rules say: {listed(void)}; take the "
                    "`execute` away, or give these people a server under an operating system "
                    "user of their own",
                )


def _covers(permission: Permission, actions: Collection[str], name: str) -> bool:
    """Whether a permission, its filters aside, is about one of some actions on a type."""
    scope = permission.scope
    return not scope.actions.isdisjoint(actions) and scope.types.cover(name)


def _path(permission: Permission) -> Pattern | None:
    return dict(permission.filters).get("path")


def _may_meet(one: Pattern | None, other: Pattern | None) -> bool:
    """Whether a path may match two patterns: where unsure, it may."""
    for mine, theirs in zip(one or (), other or (), strict=False):
        if not (isinstance(mine, str) and isinstance(theirs, str)):
            return True
        if mine != theirs:
            return False
    return True


def _is_inside(inner: Pattern | None, outer: Pattern | None) -> bool:
    """Whether all that a pattern matches lies below what another names: where unsure, it does not.

    None is every path.
    """
    if outer is None:
        return True
    *above, last = outer
    return (
        inner is not None
        and last is Wild.DEEP
        and all(isinstance(segment, str) for segment in above)
        and list(inner[: len(above)]) == above
    )


def _any_at_or_below(groups: Sequence[str], anchors: Sequence[str]) -> bool:
    return any(above in anchors for group in groups for above in lineage(group.strip("/")))
