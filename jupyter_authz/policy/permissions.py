"""The grammar: one permission, a string in a role, and what it covers.

    permission = "*" | actions [":" resources] ["!" filter {"&" filter}]
    actions    = "*" | action {"," action}
    resources  = "*" | type {"," type}
    filter     = ("path" | "url" | "owner" | "name") "=" pattern

Stands at the start of the policy: roles hold permissions, the engine compiles them.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING

from jupyter_authz.errors import PolicyError
from jupyter_authz.model import ACTIONS, ATTRIBUTES
from jupyter_authz.policy.patterns import HOLDERS, Pattern, Wild, changed, parse_pattern
from jupyter_authz.resources.types import (
    EXTENSION_PREFIX,
    INCLUDED,
    MUST_BE_NAMED,
    attributes_of,
    is_extension_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# The filters of a permission in the order of ATTRIBUTES: (attribute, pattern).
Filters = tuple[tuple[str, Pattern], ...]


@dataclass(frozen=True, slots=True)
class Types:
    """Which types of resources a permission covers.

    Parameters
    ----------
    names
        The types named, or those that can carry its filters.
    unnamed
        Whether neither a type nor a filter was written, so that the types which extensions bring
        are covered as well.
    everything
        The bare ``*``: every type there is or will be.
    """

    names: frozenset[str]
    unnamed: bool = False
    everything: bool = False

    def cover(self, name: str) -> bool:
        """Whether a type is covered."""
        if self.everything or name in self.names:
            return True
        # INVARIANT: only the bare `*` reaches a type that must be named without naming it.
        # tests/policy/test_permissions.py::test_types_that_must_be_named
        return self.unnamed and name not in MUST_BE_NAMED and not name.startswith(EXTENSION_PREFIX)


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Which actions on which types a permission covers, before its filters.

    Compared by identity: a grammar gives the same scope for the same text.

    Parameters
    ----------
    actions
        The actions named.
    types
        The types covered.
    """

    actions: frozenset[str]
    types: Types


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission as read.

    Parameters
    ----------
    text
        As written.
    scope
        Which actions on which types.
    filters
        Patterns that must all match.
    holders
        The placeholders in them.
    """

    text: str
    scope: Scope
    filters: Filters
    holders: frozenset[Wild]

    @property
    def needs(self) -> Wild | None:
        """The placeholder without whose group it is no permission, if there is one."""
        if Wild.SUBGROUP in self.holders:
            return Wild.SUBGROUP
        return Wild.GROUP if Wild.GROUP in self.holders else None


def attributes_in(filters: Filters) -> tuple[str, ...]:
    """Give the attributes that are filtered on."""
    # One filter is by far the most frequent.
    return (filters[0][0],) if len(filters) == 1 else tuple([a for a, _ in filters])


_NO_HOLDERS: frozenset[Wild] = frozenset()


class Grammar:
    """Reads permissions over a set of known types.

    Parameters
    ----------
    types
        The known types and the attributes of each.
    """

    def __init__(self, types: Mapping[str, tuple[str, ...]]) -> None:
        self.types = types
        # A policy has many permissions and few heads: `read,write:contents` is read once.
        self._scope = lru_cache(maxsize=1024)(self._read_scope)

    def parse(self, text: str) -> Permission:
        """Read a permission.

        Parameters
        ----------
        text
            Such as ``read,write:contents!path={group}/**``.

        Raises
        ------
        PolicyError
            The text is no permission; the message says what was expected.
        """
        if not text:
            raise PolicyError(
                "expected a permission such as 'read:contents' or "
                "'execute:kernels!owner={username}'"
            )
        head, mark, tail = text.partition("!")
        if not mark:
            return Permission(text, self._scope(head, ()), (), _NO_HOLDERS)
        filters = self._filters(tail)
        # Braces are rare, and a policy may have very many permissions.
        holders = _holders(filters) if "{" in tail else _NO_HOLDERS
        return Permission(text, self._scope(head, attributes_in(filters)), filters, holders)

    def _filters(self, text: str) -> Filters:
        if "&" not in text:
            return (self._filter(text),)
        found: dict[str, Pattern] = {}
        for part in text.split("&"):
            attribute, pattern = self._filter(part)
            if attribute in found:
                raise PolicyError(f"the filter {attribute!r} is given twice")
            found[attribute] = pattern
        return tuple((a, found[a]) for a in ATTRIBUTES if a in found)

    def _filter(self, text: str) -> tuple[str, Pattern]:
        attribute, equals, pattern = text.partition("=")
        if attribute not in ATTRIBUTES or not equals:
            raise PolicyError(
                f"unknown filter {text!r}: expected 'path=', 'url=', 'owner=' or 'name=' "
                "and a pattern" + _suggestion(attribute, ATTRIBUTES)
            )
        if attribute == "name":
            # Names of kernelspecs are resolved in lower case.
            return attribute, changed(parse_pattern(pattern), str.lower)
        return attribute, parse_pattern(pattern)

    def _read_scope(self, head: str, attributes: tuple[str, ...]) -> Scope:
        if head == "*" and not attributes:
            return Scope(frozenset(ACTIONS), Types(frozenset(), everything=True))
        before, colon, after = head.partition(":")
        actions = frozenset(ACTIONS) if before == "*" else self._actions(before)
        if colon and after != "*":
            return Scope(actions, Types(frozenset(self._named(after, attributes))))
        types = frozenset(
            name
            for name, carried in self.types.items()
            if name not in MUST_BE_NAMED and set(attributes) <= set(carried)
        )
        if not types:
            listed = " and ".join(attributes)
            raise PolicyError(f"no resource type can carry the filters {listed} at once")
        return Scope(actions, Types(types, unnamed=not attributes))

    def _actions(self, text: str) -> frozenset[str]:
        names = text.split(",")
        for name in names:
            if name not in ACTIONS:
                raise PolicyError(
                    f"unknown action {name!r}: expected 'read', 'write', 'execute' or '*'"
                    + _suggestion(name, ACTIONS)
                )
        return frozenset(names)

    def _named(self, text: str, attributes: tuple[str, ...]) -> list[str]:
        types: list[str] = []
        for name in text.split(","):
            if name in INCLUDED:
                members = INCLUDED[name]
            elif name in self.types or is_extension_type(name):
                members = (name,)
            else:
                known = sorted({*self.types, *INCLUDED})
                raise PolicyError(
                    f"unknown resource type {name!r}: expected '*', 'ext.<package>' or one of "
                    + ", ".join(known)
                    + _suggestion(name, known)
                )
            for member in members:
                carried = attributes_of(member, self.types)
                for attribute in attributes:
                    if attribute not in carried:
                        can = ", ".join(repr(a) for a in carried) or "no filter"
                        raise PolicyError(
                            f"resources of type {name!r} have no {attribute!r}: expected {can}"
                        )
            types.extend(members)
        return types


def _suggestion(name: str, known: tuple[str, ...] | list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _holders(filters: Filters) -> frozenset[Wild]:
    return frozenset(
        segment
        for _, pattern in filters
        for segment in pattern
        if isinstance(segment, Wild) and segment in HOLDERS
    )
