"""The trie of segments in which the index keeps its patterns.

Part of the engine. A node is a place that some segments lead to; what stands there is what the
patterns that end there grant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from jupyter_authz.policy.globs import GlobIndex
from jupyter_authz.policy.patterns import Glob, Wild

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_authz.policy.index import Level

# Numbers of grants. A grant is an action on types of resources, allowed or denied by a role.
# Sets that grow while compiling are frozen at its end.
Grants: TypeAlias = "frozenset[int] | set[int]"
# What stands at the end of a pattern: grants, or the patterns of the next attribute.
Payload: TypeAlias = "Grants | Level"

_NOTHING: frozenset[int] = frozenset()


class Special:
    """What a node has besides literal children."""

    __slots__ = ("anywhere", "deep", "globs", "holders", "is_nested", "one", "reach")

    def __init__(self) -> None:
        # The literal children of `**`, where nothing else is to be looked at.
        self.anywhere: dict[str, Node] | None = None
        # Whether it is behind a `**`, so that a path can lead here in more than one way.
        self.is_nested = False
        self.one: Node | None = None
        self.deep: Node | None = None
        self.globs: GlobIndex[Node] | None = None
        self.holders: dict[Wild, Node] = {}
        # Every grant written behind these.
        self.reach: Grants = _NOTHING

    def freeze(self, sets: Sets) -> None:
        """Finish compiling, once all behind is finished."""
        targets = list(self.targets())
        self.reach = sets.union([target.reach for target in targets])
        deep = self.deep
        if deep is not None and targets == [deep] and deep.special is None and not self.is_nested:
            self.anywhere = deep.children

    def targets(self) -> Iterator[Node]:
        """Give the nodes behind."""
        yield from (node for node in (self.one, self.deep) if node is not None)
        yield from self.holders.values()
        if self.globs is not None:
            yield from self.globs.targets()


class Node:
    """A place in the trie, reached by some segments."""

    __slots__ = ("children", "end", "here", "reach", "special", "tail")

    def __init__(self) -> None:
        self.children: dict[str, Node] = _NO_CHILDREN
        self.special: Special | None = None
        # What patterns that end here grant; and those that end in `**`, here and below.
        self.end: Payload | None = None
        self.tail: Payload | None = None
        # What a path that goes on below may find at this place: `tail` and what is special.
        self.here: Grants | None = None
        # Every grant written here or below.
        self.reach: Grants = _NOTHING

    def literal(self, segment: str) -> Node:
        """Give the node behind a literal segment, made where it is not there yet."""
        children = self.children
        node = children.get(segment)
        if node is None:
            node = Node()
            if children is _NO_CHILDREN:
                self.children = {segment: node}
            else:
                children[segment] = node
        return node

    def behind(self, segment: Wild | Glob) -> Node:
        """Give the node behind a segment that is not literal, made where it is not there yet."""
        special = self.special
        if special is None:
            special = self.special = Special()
        if isinstance(segment, Glob):
            if special.globs is None:
                special.globs = GlobIndex()
            found = special.globs.get(segment)
            if found is None:
                found = Node()
                special.globs.add(segment, found)
            return found
        if segment is Wild.ONE:
            special.one = special.one or Node()
            return special.one
        if segment is Wild.DEEP:
            special.deep = special.deep or Node()
            return special.deep
        return special.holders.setdefault(segment, Node())


# Most nodes are leaves; they share one empty dict.
_NO_CHILDREN: dict[str, Node] = {}


def finish(root: Node, sets: Sets) -> None:
    """Finish a trie once all patterns are in: note at every node what can be reached below."""
    order = [root]
    behind_deep: set[Node] = set()
    for node in order:
        below = [child for child in node.children.values() if not _is_plain_leaf(child)]
        special = node.special
        if special is not None:
            below.extend(special.targets())
            special.is_nested = node in behind_deep
            if special.deep is not None:
                behind_deep.add(special.deep)
        if behind_deep and node in behind_deep:
            behind_deep.update(below)
        order.extend(below)
    # Children come after their parents in this order, so that they are finished first.
    for node in reversed(order):
        here = []
        if node.tail is not None:
            node.tail = sets.frozen(node.tail)
            here.append(_grants(node.tail))
        if node.special is not None:
            node.special.freeze(sets)
            here.append(node.special.reach)
        node.here = sets.union(here) if here else None
        parts = [*here, *(child.reach for child in node.children.values())]
        if node.end is not None:
            node.end = sets.frozen(node.end)
            parts.append(_grants(node.end))
        node.reach = sets.union(parts)


def _grants(payload: Payload) -> Grants:
    return payload if isinstance(payload, (frozenset, set)) else payload.grants


def _is_plain_leaf(node: Node) -> bool:
    """Whether a node is the end of one `P/**` and nothing else, as most are; it is finished."""
    tail = node.tail
    if (
        isinstance(tail, frozenset)
        and node.end is None
        and node.children is _NO_CHILDREN
        and node.special is None
    ):
        node.here = node.reach = tail
        return True
    return False


class Sets:
    """Sets of grants, each kept once.

    While compiling, a set of one is frozen and shared from the start, and larger ones grow.
    """

    def __init__(self) -> None:
        self._kept: dict[Grants, frozenset[int]] = {}

    def added(self, grants: Grants | None, more: frozenset[int]) -> Grants:
        """Give a set with some grants more."""
        if grants is None or grants is more:
            return more
        if not isinstance(grants, set):
            grants = set(grants)
        grants |= more
        return grants

    def frozen(self, payload: Payload) -> Payload:
        """Give what stands at the end of a pattern, finished."""
        if isinstance(payload, set):
            return self.keep(frozenset(payload))
        if not isinstance(payload, frozenset):
            payload.freeze()
        return payload

    def union(self, parts: Sequence[Grants]) -> Grants:
        """Give what is in any of some finished sets."""
        if not parts:
            return _NOTHING
        different = {id(part): part for part in parts}
        if len(different) == 1:
            return parts[0]
        return self.keep(_NOTHING.union(*different.values()))

    def forget(self) -> None:
        """Forget which sets there are, once compiling is over."""
        self._kept.clear()

    def keep(self, grants: frozenset[int]) -> frozenset[int]:
        """Give the one copy of a set."""
        return self._kept.setdefault(grants, grants)
