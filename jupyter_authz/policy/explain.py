"""Explanations: which rules match a question, found by the plain definition, for people.

Beside the engine. It goes through every permission of a subject's roles, where the engine looks
into its index; tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_authz.model import ACTIONS, Question, values_of
from jupyter_authz.policy.access import actions_that_allow, actions_that_deny
from jupyter_authz.policy.patterns import COVER, MATCH, REACH, Mode, Pattern, changed, matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_authz.policy.permissions import Permission
    from jupyter_authz.policy.subjects import Binding


@dataclass(frozen=True, slots=True)
class Rule:
    """A permission of a role that matched a question.

    Parameters
    ----------
    role
        Name of the role.
    effect
        ``allow`` or ``deny``.
    permission
        As written.
    """

    role: str
    effect: str
    permission: str

    def __str__(self) -> str:
        return f"role {self.role!r}: {self.effect} {self.permission!r}"


def modes_of(question: Question) -> tuple[Mode, Mode]:
    """Give what the pattern of an allow, and that of a deny, must do to the path asked for.

    Parameters
    ----------
    question
        Of any scope but ``any``.
    """
    if question.resource.whole:
        return COVER, REACH
    # INVARIANT: without one known path there is no way to follow; it is asked as it stands.
    # tests/policy/test_engine.py::test_way_without_a_path
    if question.scope == "way" and isinstance(question.resource.path, str):
        return REACH, COVER
    return MATCH, MATCH


@dataclass(frozen=True, slots=True)
class Matcher:
    """Matches permissions of one side with a question.

    Parameters
    ----------
    question
        What is asked.
    denies
        Whether the permissions are denies.
    fold
        How paths are compared besides as they are, where case does not count.
    """

    question: Question
    denies: bool
    fold: Callable[[str], str] | None

    def matches(self, permission: Permission, bindings: list[Binding]) -> bool:
        """Whether a permission matches, for one of the ways to bind placeholders."""
        question = self.question
        if question.action not in ACTIONS:
            return False
        actions = actions_that_deny if self.denies else actions_that_allow
        name, scope = question.resource.type, permission.scope
        counting = actions(question.action, name)
        if scope.actions.isdisjoint(counting) or not scope.types.cover(name):
            return False
        usable = [
            binding
            for binding in bindings
            if (binding.anchor is not None) == (permission.needs is not None)
            and all(binding.segments(holder) for holder in permission.holders)
        ]
        if question.scope == "any":
            return bool(usable) and not (self.denies and permission.filters)
        return any(self._filters_match(permission, binding) for binding in usable)

    def _filters_match(self, permission: Permission, binding: Binding) -> bool:
        filters = permission.filters
        mode = modes_of(self.question)[self.denies]
        if mode is REACH and len(filters) > 1 and filters[0][0] == "path":
            # What lies below may have any owner and any name.
            if not self.denies:
                mode = MATCH
            elif values_of(self.question.resource.path) is not None:
                filters = filters[:1]
        return all(
            self._filter_matches(
                attribute, pattern, binding, mode if attribute == "path" else MATCH
            )
            for attribute, pattern in filters
        )

    def _filter_matches(
        self, attribute: str, pattern: Pattern, binding: Binding, mode: Mode
    ) -> bool:
        values = values_of(getattr(self.question.resource, attribute))
        if values is None:
            return self.denies
        if attribute == "name":
            found = [
                matches(pattern, value.lower(), binding.changed(str.lower)) for value in values
            ]
        else:
            found = [matches(pattern, value, binding, mode) for value in values]
            fold = self.fold
            if fold is not None and self.denies and attribute == "path":
                found += [
                    matches(either, path, bound, mode)
                    for value in values
                    for path in (value, fold(value))
                    for either in (pattern, changed(pattern, fold))
                    for bound in (binding, binding.changed(fold))
                ]
        return any(found) if self.denies else all(found)
