"""Subjects against roles: which roles apply to a subject, and what placeholders stand for.

Stands between roles and the engine's index. Resolved once for each subject and snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_authz.model import GUEST
from jupyter_authz.policy.patterns import Wild
from jupyter_authz.policy.roles import EVERYBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jupyter_authz.model import Subject
    from jupyter_authz.policy.people import People
    from jupyter_authz.policy.roles import Role


@dataclass(frozen=True, slots=True)
class Binding:
    """What the placeholders of a permission stand for, in one of possibly several ways.

    Parameters
    ----------
    username
        Of the subject.
    group
        A group the subject is directly in, or None where no group is bound.
    anchor
        The group of the role at or above it.
    """

    username: str
    group: str | None = None
    anchor: str | None = None

    def segments(self, holder: Wild) -> tuple[str, ...] | None:
        """Give the literal segments a placeholder stands for, or None where there are none."""
        if holder is Wild.USERNAME:
            return (self.username,)
        if self.group is None or self.anchor is None:
            return None
        if holder is Wild.GROUP:
            return tuple(self.group.split("/"))
        below = self.group[len(self.anchor) + 1 :]
        return tuple(below.split("/")) if below else None

    def changed(self, change: Callable[[str], str]) -> Binding:
        """Give the binding with its text changed, such as to lower case."""
        group, anchor = self.group, self.anchor
        return Binding(
            change(self.username),
            None if group is None else change(group),
            None if anchor is None else change(anchor),
        )


def lineage(group: str) -> Iterator[str]:
    """Give a group and every group above it, whole segments at a time."""
    end = len(group)
    while end != -1:
        yield group[:end]
        end = group.rfind("/", 0, end)


def all_groups(
    subject: Subject, memberships: Mapping[str, tuple[str, ...]], people: People | None
) -> tuple[str, ...]:
    """Give the groups a subject is directly in, by whoever says so.

    Parameters
    ----------
    subject
        With the groups that the identity provider knows.
    memberships
        Of the configuration, by username.
    people
        Of a store, where there is one.
    """
    # INVARIANT: a guest has nobody's groups, whatever name they have.
    # tests/policy/test_people.py::test_guests
    if subject.kind == GUEST:
        return subject.groups
    added = memberships.get(subject.username, ())
    stored = people.groups_of(subject.username) if people is not None else ()
    return tuple(dict.fromkeys((*subject.groups, *added, *stored)))


def bindings_of(subject: Subject, anchors: frozenset[str]) -> tuple[Binding, ...]:
    """Give every way to bind the placeholders for the given groups of roles."""
    return tuple(
        Binding(subject.username, group, anchor)
        for group in subject.groups
        for anchor in lineage(group)
        if anchor in anchors
    )


class Memberships:
    """Finds the roles of a subject without looking at every role.

    Parameters
    ----------
    roles
        All roles, in the order of their numbers.
    people
        To whom roles are given beside whom they name.
    takes_any_name
        As of `Policy`.
    """

    def __init__(
        self, roles: Sequence[Role], people: People | None = None, *, takes_any_name: bool = False
    ) -> None:
        self._people = people
        self._takes_any_name = takes_any_name
        self._by_user: dict[str, list[int]] = {}
        self._by_group: dict[str, list[int]] = {}
        for number, role in enumerate(roles):
            for user in role.users:
                self._by_user.setdefault(user, []).append(number)
            for group in role.groups:
                self._by_group.setdefault(group, []).append(number)
        self._by_name = {role.name: number for number, role in enumerate(roles)}
        if people is not None:
            for group in people.groups_with_roles():
                given = self._numbers(people.roles_given_to(group))
                # What a role says of itself stays as it is.
                self._by_group[group] = [*self._by_group.get(group, ()), *given]
        self.anchors = frozenset(self._by_group)

    def _numbers(self, names: Iterable[str]) -> list[int]:
        """Give the numbers of the roles there are of some names; a role may be gone meanwhile."""
        return [self._by_name[name] for name in names if name in self._by_name]

    def roles_of(self, subject: Subject) -> frozenset[int]:
        """Give the numbers of the roles that apply to a subject."""
        # INVARIANT: a subject that cannot be named in a path has no role, not even everybody's.
        # tests/policy/test_subjects.py::test_unnameable_subject_is_denied
        if not (subject.is_nameable or self._takes_any_name):
            return frozenset()
        found: set[int] = set()
        # INVARIANT: a guest is no signed-in user, whatever name roles are given to.
        # tests/policy/test_people.py::test_guests
        if subject.kind != GUEST:
            if self._people is not None:
                # INVARIANT: tests/policy/test_people.py::test_who_may_not_act
                if not self._people.may_act(subject.username):
                    return frozenset()
                found.update(self._numbers(self._people.roles_of(subject.username)))
            found.update(self._by_user.get(EVERYBODY, ()))
            found.update(self._by_user.get(subject.username, ()))
        for group in subject.groups:
            for above in lineage(group):
                found.update(self._by_group.get(above, ()))
        return frozenset(found)

    def roles_anchored(self, anchor: str) -> frozenset[int]:
        """Give the numbers of the roles that name a group."""
        return frozenset(self._by_group.get(anchor, ()))
