"""What a subject holds: the grants of its roles for an action on a type, and whether they match.

Part of the engine, between the index of patterns and `Policy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jupyter_authz.model import ACTIONS, values_of
from jupyter_authz.policy.index import Level, payload_of
from jupyter_authz.policy.patterns import HOLDERS, MATCH, REACH, Mode, Wild, changed
from jupyter_authz.policy.permissions import attributes_in
from jupyter_authz.policy.trie import Sets
from jupyter_authz.resources.types import COMPUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from jupyter_authz.model import Resource
    from jupyter_authz.policy.index import Expansion, Expansions
    from jupyter_authz.policy.permissions import Filters, Scope, Types
    from jupyter_authz.policy.roles import Role
    from jupyter_authz.policy.subjects import Binding
    from jupyter_authz.policy.trie import Grants, Payload


def actions_that_allow(action: str, name: str) -> Sequence[str]:
    """Give the actions whose allow counts: on the ladder also those above."""
    return ACTIONS[ACTIONS.index(action) :] if name in COMPUTE else (action,)


def actions_that_deny(action: str, name: str) -> Sequence[str]:
    """Give the actions whose deny counts: on the ladder also those below."""
    return ACTIONS[: ACTIONS.index(action) + 1] if name in COMPUTE else (action,)


class _Written(NamedTuple):
    """What a grant stands for, in its role."""

    denies: bool
    action: str
    types: Types
    needs: Wild | None


class Index:
    """All permissions, allows and denies, by the filters they have.

    Parameters
    ----------
    fold
        How paths of denies are compared besides as they are, where case does not count.
    """

    def __init__(self, fold: Callable[[str], str] | None) -> None:
        self.fold = fold
        # Grants without filters.
        self.open: Grants = frozenset()
        self.levels: dict[tuple[str, ...], Level] = {}
        self._sets = Sets()
        # By role, the numbers of its grants.
        self._numbers: dict[int, dict[_Written, int]] = {}
        self._written: dict[_Written, _Written] = {}
        self._last = 0

    def insert(self, number: int, role: Role) -> None:
        """Add the permissions of a role."""
        # A role has many permissions and few heads.
        heads: dict[tuple[bool, Scope, Wild | None], frozenset[int]] = {}
        for denies, permissions in ((False, role.allow), (True, role.deny)):
            for permission in permissions:
                needs = permission.needs if permission.holders else None
                head = (denies, permission.scope, needs)
                grants = heads.get(head)
                if grants is None:
                    grants = self._grants(number, permission.scope, needs, denies=denies)
                    heads[head] = grants
                self._insert(permission.filters, grants, denies=denies)

    def freeze(self) -> None:
        """Finish compiling."""
        for level in self.levels.values():
            level.freeze()
        self._sets.forget()

    def _grants(
        self, role: int, scope: Scope, needs: Wild | None, *, denies: bool
    ) -> frozenset[int]:
        numbers = self._numbers.setdefault(role, {})
        grants = set()
        for action in scope.actions:
            written = _Written(denies, action, scope.types, needs)
            # Roles are alike: one copy is kept.
            written = self._written.setdefault(written, written)
            if written not in numbers:
                self._last += 1
                numbers[written] = self._last
            grants.add(numbers[written])
        return self._sets.keep(frozenset(grants))

    def _insert(self, filters: Filters, grants: frozenset[int], *, denies: bool) -> None:
        if not filters:
            self.open = self._sets.added(self.open, grants)
            return
        shape = attributes_in(filters)
        level = self.levels.get(shape)
        if level is None:
            level = self.levels[shape] = Level(shape, self._sets)
        level.insert(filters, grants, denies=denies)
        if denies and self.fold is not None and shape[0] == "path":
            level.insert(_folded(filters, self.fold), grants, denies=denies)

    def keys(
        self,
        roles: Collection[int],
        bindings: Sequence[tuple[Binding, frozenset[int]]],
        action: str,
        name: str,
    ) -> Keys:
        """Give what some roles hold for an action on a type.

        Parameters
        ----------
        roles
            The numbers of a subject's roles.
        bindings
            Every way to bind placeholders, with the roles for which it counts.
        action
            What is asked.
        name
            Of the type.
        """
        actions = (actions_that_allow(action, name), actions_that_deny(action, name))
        covering = [
            (number, role, written)
            for role in roles
            for written, number in self._numbers.get(role, {}).items()
            if written.action in actions[written.denies] and written.types.cover(name)
        ]
        usable = {number for number, _, written in covering if written.needs is None}
        needy = [
            (number, role, written.needs) for number, role, written in covering if written.needs
        ]
        bound: list[tuple[Binding, Grants | None]] = []
        for binding, anchored in bindings:
            if binding.anchor is None:
                bound.append((binding, None))
                continue
            counts = frozenset(
                number
                for number, role, needs in needy
                if role in anchored and binding.segments(needs)
            )
            # INVARIANT: a permission whose placeholder stands for nothing is no permission.
            # tests/policy/test_engine.py::test_placeholder_without_a_group_is_no_permission
            if counts:
                usable |= counts
                bound.append((binding, counts))
        deny = {number for number, _, written in covering if written.denies} & usable
        return Keys(self, frozenset(usable - deny), frozenset(deny), bound)


class Keys:
    """What one subject holds for one action on one type.

    Parameters
    ----------
    index
        All permissions.
    allow, deny
        The grants of the subject's roles that cover the action and type.
    bindings
        The ways to bind placeholders, with the grants for which each counts; None is all.
    """

    __slots__ = (
        "allow",
        "deny",
        "either",
        "expansions",
        "fold",
        "is_plain",
        "levels",
        "lowered",
        "open_allow",
        "open_deny",
        "paths",
    )

    def __init__(
        self,
        index: Index,
        allow: frozenset[int],
        deny: frozenset[int],
        bindings: Sequence[tuple[Binding, Grants | None]],
    ) -> None:
        self.allow = allow
        self.deny = deny
        self.either = allow | deny
        self.fold = index.fold
        # What placeholders stand for; in lower case, as names are compared.
        self.expansions = _expansions(bindings, (str, index.fold) if index.fold else (str,))
        self.lowered = _expansions(bindings, (str.lower,))
        # Whether a permission without filters is among them.
        self.open_allow = not index.open.isdisjoint(allow)
        self.open_deny = not index.open.isdisjoint(deny)
        self.levels = tuple([v for v in index.levels.values() if not v.isdisjoint(self.either)])
        # The patterns of paths, where they are all that counts.
        alone = not self.open_allow and not self.open_deny and self.fold is None
        is_path = [level.is_plain and level.attribute == "path" for level in self.levels]
        self.paths = self.levels[0] if alone and is_path == [True] else None

    def decide(self, resource: Resource) -> bool | None:
        """Decide about one resource: False where a deny matches, True where only allows do."""
        if self.open_deny:
            return False
        granted = self.open_allow
        if granted and not self.deny:
            return True
        for level in self.levels:
            value = getattr(resource, level.attribute)
            if value.__class__ is str and level.is_plain and self.fold is None:
                answer = level.decide(value, self, granted=granted)
                if answer is False:
                    return False
                granted = granted or answer is True
            else:
                if self._match(level, resource, self.deny, None, MATCH, denies=True):
                    return False
                if not granted:
                    granted = self._match(level, resource, self.allow, None, MATCH, denies=False)
        return granted or None

    def allows(self, resource: Resource, mode: Mode) -> bool:
        """Whether an allow matches, whatever is denied; `mode` is for the pattern of a path."""
        return self.open_allow or any(
            self._match(level, resource, self.allow, None, mode, denies=False)
            for level in self.levels
        )

    def denies(self, resource: Resource, mode: Mode) -> bool:
        """Whether a deny matches; `mode` is for the pattern of a path."""
        return self.open_deny or any(
            self._match(level, resource, self.deny, None, mode, denies=True)
            for level in self.levels
        )

    def _match(  # noqa: PLR0913 - the state of the match
        self,
        payload: Payload,
        resource: Resource,
        grants: Grants,
        binding: int | None,
        mode: Mode,
        *,
        denies: bool,
    ) -> bool:
        """Match from one level on: several values, unknown ones, further filters."""
        if payload.isdisjoint(grants):
            return False
        if not isinstance(payload, Level):
            return True
        level = payload
        values = values_of(getattr(resource, level.attribute))
        if values is None:
            # INVARIANT: what is unknown matches no allow and every deny.
            # tests/policy/test_engine.py::test_unknown_attributes
            return (
                denies
                and level.unknown is not None
                and self._match(level.unknown, resource, grants, binding, mode, denies=True)
            )
        if level.attribute == "name":
            values = tuple(map(str.lower, values))
        elif level.attribute == "path" and denies and self.fold is not None:
            values = (*values, *map(self.fold, values))
        if level.attribute != "path" or (level.rest and mode is REACH and not denies):
            mode = MATCH
        found = [level.find(value, grants, self, binding, mode) for value in values]
        if mode is REACH:
            # What lies below may have any owner and any name.
            return any(found)
        hits = [hit for some in found for hit in some]
        if not denies and len(values) > 1:
            # INVARIANT: of several values an allow must match all, by one and the same pattern.
            # tests/policy/test_engine.py::test_several_values
            hits = [hit for hit in found[0] if all(hit in some for some in found[1:])]
        return any(
            self._match(payload_of(hit), resource, hit[2], hit[3], mode, denies=denies)
            for hit in hits
        )


def _expansions(
    bindings: Sequence[tuple[Binding, Grants | None]], changes: Sequence[Callable[[str], str]]
) -> Expansions:
    """Give what placeholders stand for, by placeholder and first segment."""
    held: dict[Wild, dict[str, list[Expansion]]] = {holder: {} for holder in HOLDERS}
    for number, (binding, counts) in enumerate(bindings):
        for holder in (Wild.USERNAME,) if counts is None else (Wild.GROUP, Wild.SUBGROUP):
            segments = binding.segments(holder) or ()
            for bound in dict.fromkeys([tuple(map(change, segments)) for change in changes]):
                if bound:
                    expansion = (bound, counts, None if counts is None else number)
                    held[holder].setdefault(bound[0], []).append(expansion)
    return held


def _folded(filters: Filters, fold: Callable[[str], str]) -> Filters:
    """Give filters with the literal text of the path's, which comes first, folded."""
    return (("path", changed(filters[0][1], fold)), *filters[1:])
